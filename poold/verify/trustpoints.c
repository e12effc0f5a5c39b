/* SPDX-License-Identifier: Apache-2.0 */
#include "trustpoints.h"

#include <systemd/sd-bus.h>

#include "bus-call.h"
#include "crl.h"
#include "errors.h"
#include "json-util.h"
#include "memfd.h"
#include "names.h"
#include "pem.h"
#include "worker-bus.h"

#define DOCUMENT_SIZE_MAX (64U << 20)
#define CALL_TIMEOUT_USEC (60 * 1000000ULL)
#define CRL_TIMEOUT_USEC (150 * 1000000ULL) /* of two questions at the server */

Trustpoints *trustpoints_ref(Trustpoints *trustpoints)
{
    (void)__atomic_add_fetch(&trustpoints->references, 1, __ATOMIC_RELAXED);
    return trustpoints;
}

Trustpoints *trustpoints_free(Trustpoints *trustpoints)
{
    if (!trustpoints || __atomic_sub_fetch(&trustpoints->references, 1, __ATOMIC_ACQ_REL) > 0)
        return NULL;
    for (size_t i = 0; i < trustpoints->n; i++) {
        PeerTrustpoint *t = &trustpoints->items[i];

        free(t->name);
        free(t->query_url);
        free(t->server_url);
        free(t->scep_server);
        sk_X509_pop_free(t->certificates, X509_free);
        X509_free(t->next);
    }
    free(trustpoints->items);
    authority_list_free(trustpoints->authorities);
    certificate_table_free(trustpoints->parsed);
    free(trustpoints);
    return NULL;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* What is being read, and what has been read before. */
typedef struct Reading {
    Trustpoints *trustpoints;
    const Trustpoints *former; /* may be NULL */
} Reading;

/* As parsed earlier, or anew. */
static int find_certificate(const Reading *reading, const void *der, size_t size,
                            const uint8_t *digest, X509 **ret)
{
    _cleanup_(X509_freep) X509 *fresh = NULL;
    X509 *found = certificate_table_find(reading->trustpoints->parsed, digest);
    bool is_new = !found;
    int r = 0;

    if (!found && reading->former)
        found = certificate_table_find(reading->former->parsed, digest);
    if (!found) {
        r = certificate_parse(der, size, &fresh);
        found = fresh;
    }
    if (r < 0)
        return r;
    if (is_new)
        certificate_table_put(reading->trustpoints->parsed, digest, found);
    X509_up_ref(found);
    *ret = found;
    return 0;
}

static int read_certificate(const Reading *reading, json_object *o,
                            uint8_t ret_digest[AUTHORITY_DIGEST_SIZE], X509 **ret, void **ret_der,
                            size_t *ret_size)
{
    _cleanup_free_ void *der = NULL;
    const char *text;
    size_t size;
    int r;

    if (!json_object_is_type(o, json_type_string))
        return -EBADMSG;
    text = json_object_get_string(o);
    r = pem_decode((DerSpan){(const uint8_t *)text, strlen(text)}, &der, &size);
    if (r >= 0 && EVP_Digest(der, size, ret_digest, NULL, EVP_sha256(), NULL) != 1)
        r = -ENOMEM;
    if (r >= 0)
        r = find_certificate(reading, der, size, ret_digest, ret);
    if (r < 0)
        return r;
    *ret_der = TAKE_PTR(der);
    *ret_size = size;
    return 0;
}

static int read_next(const Reading *reading, json_object *o, X509 **ret)
{
    _cleanup_free_ void *der = NULL;
    uint8_t digest[AUTHORITY_DIGEST_SIZE];
    size_t size;

    return read_certificate(reading, o, digest, ret, &der, &size);
}

static int add_ca(const Reading *reading, PeerTrustpoint *t, const uint8_t *digest, const void *der,
                  size_t size)
{
    const AuthorityRules any = {.allow_v1 = true,
                                .allow_expired = true,
                                .known = reading->former ? reading->former->authorities : NULL};

    memcpy(t->ca, digest, AUTHORITY_DIGEST_SIZE);
    t->has_ca = true;
    return authority_list_add(reading->trustpoints->authorities, der, size, &any);
}

static int read_certificates(const Reading *reading, PeerTrustpoint *t, json_object *array)
{
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        _cleanup_(X509_freep) X509 *certificate = NULL;
        _cleanup_free_ void *der = NULL;
        uint8_t digest[AUTHORITY_DIGEST_SIZE];
        size_t size;
        int r = read_certificate(reading, json_object_array_get_idx(array, i), digest, &certificate,
                                 &der, &size);

        if (r >= 0 && i == 0)
            r = add_ca(reading, t, digest, der, size);
        if (r < 0)
            return r;
        if (sk_X509_push(t->certificates, certificate) <= 0)
            return -ENOMEM;
        (void)TAKE_PTR(certificate);
    }
    return 0;
}

static int read_trustpoint(const Reading *reading, PeerTrustpoint *t, json_object *o)
{
    static const char *const members[] = {
        "name", "crl-optional", "extended-key-usage", "query-url", "server-url",
        "vrf",  "scep-url",     "certificates",       "next-ca",   NULL};
    const char *name, *query = NULL, *usage = NULL, *server = NULL, *scep = NULL, *vrf = "";
    json_object *certificates, *next;

    if (!json_object_is_type(o, json_type_object) || json_only_members(o, members) < 0 ||
        json_get_string(o, "name", &name) < 0 ||
        json_get_bool(o, "crl-optional", &t->crl_optional) < 0 ||
        json_get_string(o, "extended-key-usage", &usage) == -EBADMSG ||
        (usage && peer_usage_from_name(usage, &t->peer_usage) < 0) ||
        json_get_string(o, "query-url", &query) == -EBADMSG ||
        json_get_string(o, "server-url", &server) == -EBADMSG ||
        json_get_string(o, "vrf", &vrf) == -EBADMSG || strlen(vrf) >= sizeof t->vrf ||
        json_get_string(o, "scep-url", &scep) == -EBADMSG ||
        json_get_array(o, "certificates", &certificates) < 0)
        return -EBADMSG;
    t->name = strdup(name);
    t->query_url = query ? strdup(query) : NULL;
    t->server_url = server ? strdup(server) : NULL;
    memcpy(t->vrf, vrf, strlen(vrf));
    t->certificates = sk_X509_new_null();
    if (!t->name || (query && !t->query_url) || (server && !t->server_url) || !t->certificates)
        return -ENOMEM;
    if (scep && asprintf(&t->scep_server, "%s %s", scep, vrf) < 0) {
        t->scep_server = NULL;
        return -ENOMEM;
    }
    if (json_object_object_get_ex(o, "next-ca", &next) && read_next(reading, next, &t->next) < 0)
        return -EBADMSG;
    return read_certificates(reading, t, certificates);
}

/* No more than there are; what is wrong with the document is found when it is read. */
static size_t count_certificates(json_object *array)
{
    json_object *certificates;
    size_t n = 0;

    for (size_t i = 0; i < json_object_array_length(array); i++)
        if (json_get_array(json_object_array_get_idx(array, i), "certificates", &certificates) >= 0)
            n += json_object_array_length(certificates) + 1; /* and the next CA's */
    return n;
}

static int read_trustpoints(const Reading *reading, json_object *array)
{
    Trustpoints *trustpoints = reading->trustpoints;
    int r = 0;

    trustpoints->authorities = authority_list_new();
    trustpoints->parsed = certificate_table_new(count_certificates(array));
    trustpoints->items = calloc(json_object_array_length(array) + 1, sizeof trustpoints->items[0]);
    if (!trustpoints->authorities || !trustpoints->parsed || !trustpoints->items)
        return -ENOMEM;
    for (size_t i = 0; r >= 0 && i < json_object_array_length(array); i++) {
        trustpoints->n++;
        r = read_trustpoint(reading, &trustpoints->items[i], json_object_array_get_idx(array, i));
    }
    return r;
}

int trustpoints_parse(const char *text, size_t size, const Trustpoints *former, Trustpoints **ret)
{
    _cleanup_(trustpoints_freep) Trustpoints *trustpoints = calloc(1, sizeof *trustpoints);
    _cleanup_json_ json_object *array = NULL;
    int r;

    if (!trustpoints)
        return -ENOMEM;
    trustpoints->references = 1;
    r = json_parse(text, size, &array);
    if (r < 0)
        return r;
    if (!json_object_is_type(array, json_type_array) ||
        json_object_array_length(array) > TRUSTPOINTS_MAX)
        return -EBADMSG;
    r = read_trustpoints(&(Reading){trustpoints, former}, array);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(trustpoints);
    return 0;
}

/* --- Asking ----------------------------------------------------------------------------------- */

int trustpoints_ask(const Trustpoints *former, int cancel_fd, Trustpoints **ret)
{
    _cleanup_(worker_bus_givep) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_free_ void *text = NULL;
    size_t size;
    int fd, r;

    r = worker_bus_take(&bus);
    if (r >= 0)
        r = sd_bus_message_new_method_call(bus, &call, ENROLLMENT_NAME, ENROLLMENT_PATH,
                                           ENROLLMENT_NAME, "GetTrustpoints");
    if (r >= 0)
        r = bus_call(bus, call, cancel_fd, bus_call_end(CALL_TIMEOUT_USEC), &error, &reply);
    if (r >= 0)
        r = sd_bus_message_read(reply, "h", &fd);
    if (r >= 0)
        r = memfd_read(fd, DOCUMENT_SIZE_MAX, &text, &size);
    return r < 0 ? r : trustpoints_parse(text, size, former, ret);
}

int trustpoints_get_crl(const char *name, int cancel_fd, FetchReply *reply)
{
    _cleanup_(worker_bus_givep) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *answer = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int fd, r;

    *reply = (FetchReply){.status = 200};
    r = worker_bus_take(&bus);
    if (r >= 0)
        r = sd_bus_message_new_method_call(bus, &call, ENROLLMENT_NAME, ENROLLMENT_PATH,
                                           ENROLLMENT_NAME, "GetCrl");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", name);
    if (r < 0)
        return r;
    r = bus_call(bus, call, cancel_fd, bus_call_end(CRL_TIMEOUT_USEC), &error, &answer);
    if (r == -ECANCELED)
        return r;
    if (sd_bus_error_has_name(&error, ERROR_NO_SUCH_OBJECT))
        return -ENODATA;
    if (r < 0) {
        reply->error = strdup(error.message ? error.message : strerror(-r));
        return reply->error ? -EHOSTUNREACH : -ENOMEM;
    }
    r = sd_bus_message_read(answer, "h", &fd);
    return r < 0 ? r : memfd_read(fd, CRL_SIZE_MAX, &reply->body, &reply->body_size);
}

CrlAsker trustpoint_asker(const PeerTrustpoint *t)
{
    return t->scep_server && t->has_ca
               ? (CrlAsker){.trustpoint = t->name, .server = t->scep_server, .ca = t->ca}
               : (CrlAsker){.trustpoint = NULL};
}

const PeerTrustpoint *trustpoints_find(const Trustpoints *trustpoints, const char *name)
{
    for (size_t i = 0; i < trustpoints->n; i++)
        if (streq(trustpoints->items[i].name, name))
            return &trustpoints->items[i];
    return NULL;
}

const PeerTrustpoint *trustpoints_of(const Trustpoints *trustpoints,
                                     const uint8_t ca[AUTHORITY_DIGEST_SIZE])
{
    for (size_t i = 0; i < trustpoints->n; i++)
        if (trustpoints->items[i].has_ca &&
            memcmp(trustpoints->items[i].ca, ca, AUTHORITY_DIGEST_SIZE) == 0)
            return &trustpoints->items[i];
    return NULL;
}
