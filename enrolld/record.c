/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/rand.h>

#include "atomic-file.h"
#include "json-util.h"

#define RECORD_VERSION 1U
/* Two answers of RECEIVED_SIZE_MAX in base64, and the router's own certificates and requests. */
#define RECORD_SIZE_MAX (2U * 1024 * 1024)
#define RECORDS_MAX 1024U
#define RECORD_KIND "trustpoint"
#define RECORD_SUFFIX ".json"

#define SERIAL_OCTETS_FIRST 9U
#define SERIAL_OCTETS_MAX 20U

const char *certificate_role_name(CertificateRole role)
{
    static const char *const names[ROLE_MAX] = {[ROLE_CA] = "ca",
                                                [ROLE_ROUTER] = "router",
                                                [ROLE_ENCRYPTION] = "encryption",
                                                [ROLE_NEXT_CA] = "rollover"};

    return names[role];
}

CertificateRole certificate_role_of_pair(KeyPair pair)
{
    return pair == PAIR_ENCRYPTION ? ROLE_ENCRYPTION : ROLE_ROUTER;
}

/* --- Certificates ----------------------------------------------------------------------------- */

int stored_certificate_new(const void *der, size_t size, const KeyName *key,
                           StoredCertificate **ret)
{
    return stored_certificate_new_received(&(Received){.der = (void *)(uintptr_t)der, .size = size},
                                           key, ret);
}

int stored_certificate_new_received(const Received *received, const KeyName *key,
                                    StoredCertificate **ret)
{
    _cleanup_(stored_certificate_freep) StoredCertificate *c = calloc(1, sizeof(*c));
    int r;

    if (!c)
        return -ENOMEM;
    r = shared_certificate_get(received->der, received->size, received->x509, &c->shared);
    if (r >= 0 && key)
        r = key_name_copy(key, &c->key);
    if (r < 0)
        return r;
    c->brief = &c->shared->brief;
    *ret = TAKE_PTR(c);
    return 0;
}

StoredCertificate *stored_certificate_free(StoredCertificate *c)
{
    if (!c)
        return NULL;
    shared_certificate_put(c->shared);
    shared_certificate_put(c->signer);
    shared_certificate_put(c->stranger);
    key_name_done(&c->key);
    free(c->revoked);
    free(c);
    return NULL;
}

static bool is_signed_by(const SharedCertificate *certificate, const SharedCertificate *ca)
{
    _cleanup_(X509_freep) X509 *signer = shared_certificate_x509(ca);
    _cleanup_(X509_freep) X509 *x = shared_certificate_x509(certificate);
    bool good = x && signer &&
                X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(signer)) == 0 &&
                X509_verify(x, X509_get0_pubkey(signer)) == 1;

    ERR_clear_error();
    return good;
}

bool stored_certificate_is_by(StoredCertificate *c, const StoredCertificate *ca)
{
    const SharedCertificate **answer;
    bool good;

    if (ca->shared == c->signer || ca->shared == c->stranger)
        return ca->shared == c->signer;
    good = is_signed_by(c->shared, ca->shared);
    answer = good ? &c->signer : &c->stranger;
    shared_certificate_put(*answer);
    *answer = shared_certificate_ref(ca->shared);
    return good;
}

StoredCertificate **stored_chain_free(StoredCertificate **chain, size_t n)
{
    for (size_t i = 0; i < n; i++)
        stored_certificate_free(chain[i]);
    free(chain);
    return NULL;
}

void record_done(Record *record)
{
    free(record->name);
    free(record->serial);
    for (size_t i = 0; i < ROLE_MAX; i++)
        stored_certificate_free(record->certificates[i]);
    stored_chain_free(record->chain, record->n_chain);
    stored_chain_free(record->next_chain, record->n_next_chain);
    stored_certificate_free(record->staged);
    stored_certificate_free(record->previous);
    request_free(record->request);
    free(record->refusal);
    free(record->renewal_reason);
    free(record->rollover_reason);
    *record = (Record){};
}

/* --- Serial numbers --------------------------------------------------------------------------- */

static bool serial_is_valid(const char *serial)
{
    size_t n = strlen(serial);

    return n >= 2 && n % 2 == 0 && n <= (size_t)2 * SERIAL_OCTETS_MAX &&
           strspn(serial, "0123456789ABCDEF") == n && serial[0] < '8' && strspn(serial, "0") < n;
}

static int serial_render(const BIGNUM *number, char **ret)
{
    _cleanup_openssl_free_ char *hex = BN_bn2hex(number);
    char *serial;

    if (!hex)
        return -ENOMEM;
    /* A number with its sign bit set gets one more octet. */
    if (asprintf(&serial, "%s%s", hex[0] >= '8' ? "00" : "", hex) < 0)
        return -ENOMEM;
    if (!serial_is_valid(serial)) {
        free(serial);
        return -ERANGE;
    }
    *ret = serial;
    return 0;
}

int serial_next(const char *serial, char **ret)
{
    _cleanup_(BN_freep) BIGNUM *number = NULL;

    if (!serial_is_valid(serial))
        return -EINVAL;
    if (BN_hex2bn(&number, serial) == 0 || BN_add_word(number, 1) != 1)
        return -ENOMEM;
    return serial_render(number, ret);
}

int serial_first(char **ret)
{
    _cleanup_(BN_freep) BIGNUM *number = NULL;
    unsigned char octets[SERIAL_OCTETS_FIRST];

    if (RAND_bytes(octets, sizeof(octets)) != 1)
        return -EIO;
    octets[0] = (octets[0] & 0x3f) | 0x40;
    number = BN_bin2bn(octets, sizeof(octets), NULL);
    return number ? serial_render(number, ret) : -ENOMEM;
}

/* --- Writing ---------------------------------------------------------------------------------- */

int record_file_name(const char *name, char ret[RECORD_FILE_NAME_SIZE])
{
    char hash[LABEL_FILE_NAME_SIZE];
    int r = label_file_name(RECORD_KIND, name, hash);

    if (r >= 0)
        (void)snprintf(ret, RECORD_FILE_NAME_SIZE, "%s" RECORD_SUFFIX, hash);
    return r;
}

static int add_string(json_object *o, const char *name, const char *value)
{
    return json_add(o, name, json_object_new_string(value));
}

static int certificate_to_json(const StoredCertificate *c, json_object *record, const char *name)
{
    _cleanup_free_ char *text = base64url_encode(c->shared->der, c->shared->size);
    json_object *o = json_object_new_object();

    if (!text || !o || json_object_object_add(record, name, o) != 0)
        return -ENOMEM;
    if (c->key.algorithm && (add_string(o, "algorithm", c->key.algorithm) < 0 ||
                             add_string(o, "label", c->key.label) < 0))
        return -ENOMEM;
    if (c->key.pair != PAIR_GENERAL && add_string(o, "pair", key_pair_name(c->key.pair)) < 0)
        return -ENOMEM;
    if (c->revoked && add_string(o, "revoked", c->revoked) < 0)
        return -ENOMEM;
    return add_string(o, "certificate", text);
}

static int chain_to_json(StoredCertificate *const *certificates, size_t n, json_object *o,
                         const char *name)
{
    json_object *chain;

    if (n == 0)
        return 0;
    chain = json_object_new_array();
    if (!chain || json_object_object_add(o, name, chain) != 0)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const SharedCertificate *c = certificates[i]->shared;
        _cleanup_free_ char *text = base64url_encode(c->der, c->size);

        if (!text || json_object_array_add(chain, json_object_new_string(text)) != 0)
            return -ENOMEM;
    }
    return 0;
}

/* The members of the requests that go together, in this order. */
static const char *const request_members[REQUESTS_MAX] = {"request", "second-request"};

static int open_requests_to_json(const Record *record, json_object *o)
{
    const Request *request = record->request;

    for (size_t i = 0; i < REQUESTS_MAX && request; i++, request = request->next) {
        json_object *value;
        int r = request_to_json(request, &value);

        if (r < 0)
            return r;
        if (json_object_object_add(o, request_members[i], value) != 0)
            return -ENOMEM;
    }
    return 0;
}

static int failures_to_json(const Renewal *failed, json_object *o, const char *name)
{
    json_object *renewal;
    int r;

    if (failed->failures == 0)
        return 0;
    r = renewal_to_json(failed, &renewal);
    return r < 0 || json_object_object_add(o, name, renewal) == 0 ? r : -ENOMEM;
}

static int replacement_to_json(const Record *record, json_object *o)
{
    int r = record->staged ? certificate_to_json(record->staged, o, "staged") : 0;

    if (r >= 0 && record->previous)
        r = certificate_to_json(record->previous, o, "previous");
    if (r >= 0 && record->undo &&
        json_object_object_add(o, "undo", json_object_new_boolean(true)) != 0)
        r = -ENOMEM;
    return r;
}

int record_write_at(int dirfd, const Record *record)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    char file[RECORD_FILE_NAME_SIZE];
    const char *text;
    int r;

    if (!o || json_object_object_add(o, "version", json_object_new_int(RECORD_VERSION)) != 0)
        return -ENOMEM;
    r = add_string(o, "trustpoint", record->name);
    if (r >= 0 && record->serial)
        r = add_string(o, "serial", record->serial);
    for (size_t i = 0; r >= 0 && i < ROLE_MAX; i++)
        if (record->certificates[i])
            r = certificate_to_json(record->certificates[i], o, certificate_role_name(i));
    if (r >= 0)
        r = replacement_to_json(record, o);
    if (r >= 0)
        r = chain_to_json(record->chain, record->n_chain, o, "chain");
    if (r >= 0)
        r = chain_to_json(record->next_chain, record->n_next_chain, o, "rollover-chain");
    if (r >= 0)
        r = open_requests_to_json(record, o);
    if (r >= 0 && record->refusal)
        r = add_string(o, "refusal", record->refusal);
    if (r >= 0)
        r = failures_to_json(&record->renewal, o, "renewal");
    if (r >= 0 && record->renewal_reason)
        r = add_string(o, "renewal-reason", record->renewal_reason);
    if (r >= 0)
        r = failures_to_json(&record->rollover, o, "rollover-failures");
    if (r >= 0 && record->rollover_reason)
        r = add_string(o, "rollover-reason", record->rollover_reason);
    if (r >= 0)
        r = record_file_name(record->name, file);
    if (r < 0)
        return r;
    text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
    return text ? atomic_write_at(dirfd, file, text, strlen(text), 0600) : -ENOMEM;
}

int record_remove_at(int dirfd, const char *name)
{
    char file[RECORD_FILE_NAME_SIZE];
    int r = record_file_name(name, file);

    return r < 0 ? r : atomic_unlink_at(dirfd, file);
}

/* --- Reading ---------------------------------------------------------------------------------- */

static int parse_certificate(json_object *o, StoredCertificate **ret)
{
    const char *algorithm = NULL, *label, *text, *pair_name = "general";
    _cleanup_free_ void *der = NULL;
    KeyPair pair;
    size_t size;
    int r;

    if (json_get_string(o, "certificate", &text) < 0)
        return -EBADMSG;
    r = json_get_string(o, "algorithm", &algorithm);
    if (r != -ENOENT && (r < 0 || json_get_string(o, "label", &label) < 0 ||
                         key_algorithm_code(algorithm) == 0 || !label_is_valid(label)))
        return -EBADMSG;
    r = json_get_string(o, "pair", &pair_name);
    if ((r < 0 && r != -ENOENT) || key_pair_from_name(pair_name, &pair) < 0)
        return -EBADMSG;
    r = base64url_decode(text, strlen(text), &der, &size);
    if (r < 0)
        return r;
    if (!algorithm)
        return stored_certificate_new(der, size, NULL, ret);
    /* The strings are copied. */
    return stored_certificate_new(
        der, size, &(KeyName){(char *)(uintptr_t)algorithm, (char *)(uintptr_t)label, pair}, ret);
}

static int certificate_from_json(json_object *record, const char *name, StoredCertificate **ret)
{
    static const char *const members[] = {"algorithm",   "label",   "pair",
                                          "certificate", "revoked", NULL};
    _cleanup_(stored_certificate_freep) StoredCertificate *c = NULL;
    const char *revoked = NULL;
    json_object *o;
    int r;

    r = json_get_object(record, name, &o);
    if (r < 0)
        return r;
    if (json_only_members(o, members) < 0)
        return -EBADMSG;
    r = json_get_string(o, "revoked", &revoked);
    if (r < 0 && r != -ENOENT)
        return -EBADMSG;
    r = parse_certificate(o, &c);
    if (r < 0)
        return r;
    if (revoked && !(c->revoked = strdup(revoked)))
        return -ENOMEM;
    *ret = TAKE_PTR(c);
    return 0;
}

static int chain_from_json(json_object *o, const char *name, StoredCertificate ***ret, size_t *n)
{
    StoredCertificate **certificates;
    json_object *chain;
    int r = json_get_array(o, name, &chain);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (json_object_array_length(chain) > RECORD_CHAIN_MAX)
        return -EBADMSG;
    /* The caller frees it with what is in it by then. */
    certificates = *ret = calloc(json_object_array_length(chain) + 1, sizeof(*certificates));
    if (!certificates)
        return -ENOMEM;
    for (size_t i = 0; i < json_object_array_length(chain); i++) {
        json_object *item = json_object_array_get_idx(chain, i);
        _cleanup_free_ void *der = NULL;
        size_t size;

        if (!json_object_is_type(item, json_type_string))
            return -EBADMSG;
        r = base64url_decode(json_object_get_string(item), (size_t)json_object_get_string_len(item),
                             &der, &size);
        if (r >= 0)
            r = stored_certificate_new(der, size, NULL, &certificates[*n]);
        if (r < 0)
            return r;
        (*n)++;
    }
    return 0;
}

static int failures_from_json(json_object *o, const char *name, Renewal *ret)
{
    json_object *renewal;
    int r = json_get_object(o, name, &renewal);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    return renewal_from_json(renewal, ret);
}

static int open_requests_from_json(json_object *o, Record *record)
{
    Request **tail = &record->request;

    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        json_object *request;
        int r = json_get_object(o, request_members[i], &request);

        if (r < 0)
            return r == -ENOENT ? 0 : r;
        r = request_from_json(request, tail);
        if (r < 0)
            return r;
        tail = &(*tail)->next;
    }
    return 0;
}

/* One of the router's: for a key that is known, of the pair that belongs there, and by the CA. */
static int replacement_from_json(json_object *o, Record *record)
{
    int r = certificate_from_json(o, "staged", &record->staged);

    if (r >= 0 || r == -ENOENT)
        r = certificate_from_json(o, "previous", &record->previous);
    if (r < 0 && r != -ENOENT)
        return r;
    r = json_get_bool(o, "undo", &record->undo);
    return r == -ENOENT ? 0 : r;
}

static bool is_own(StoredCertificate *c, CertificateRole role, const Record *record)
{
    const StoredCertificate *next = record->certificates[ROLE_NEXT_CA];

    return c->key.algorithm && certificate_role_of_pair(c->key.pair) == role &&
           (stored_certificate_is_by(c, record->certificates[ROLE_CA]) ||
            (next && stored_certificate_is_by(c, next)));
}

/* A record whose parts don't belong together is as corrupt as half a file. */
static int record_check(const Record *record, const char *file)
{
    StoredCertificate *ca = record->certificates[ROLE_CA];
    char expected[RECORD_FILE_NAME_SIZE];
    int r;

    r = record_file_name(record->name, expected);
    if (r < 0)
        return r;
    if (!streq(expected, file))
        return -EBADMSG;
    /* Only what enrolled with itself has a root of its own making. */
    if (record->serial && (!ca->key.algorithm || !stored_certificate_is_by(ca, ca)))
        r = -EBADMSG;
    for (CertificateRole role = ROLE_ROUTER; role <= ROLE_ENCRYPTION; role++)
        if (record->certificates[role] && !is_own(record->certificates[role], role, record))
            r = -EBADMSG;
    if ((record->staged && !is_own(record->staged, ROLE_ROUTER, record)) ||
        (record->previous &&
         (!is_own(record->previous, ROLE_ROUTER, record) || !record->certificates[ROLE_ROUTER])) ||
        (record->undo && !record->previous))
        r = -EBADMSG;
    ERR_clear_error();
    return r;
}

static int record_parse(const char *file, const char *text, size_t size, Record *record)
{
    static const char *const members[] = {"version",
                                          "trustpoint",
                                          "serial",
                                          "ca",
                                          "router",
                                          "encryption",
                                          "chain",
                                          "request",
                                          "second-request",
                                          "renewal",
                                          "staged",
                                          "previous",
                                          "undo",
                                          "rollover",
                                          "rollover-chain",
                                          "rollover-failures",
                                          "rollover-reason",
                                          "refusal",
                                          "renewal-reason",
                                          NULL};
    _cleanup_json_ json_object *o = NULL;
    const char *name, *serial = NULL, *refusal = NULL, *reason = NULL, *rollover = NULL;
    uint64_t version;
    int r;

    r = json_parse(text, size, &o);
    if (r < 0)
        return r;
    if (!json_object_is_type(o, json_type_object) || json_only_members(o, members) < 0 ||
        json_get_uint64(o, "version", &version) < 0 || version != RECORD_VERSION ||
        json_get_string(o, "trustpoint", &name) < 0 || !label_is_valid(name))
        return -EBADMSG;
    r = json_get_string(o, "serial", &serial);
    if (r != -ENOENT && (r < 0 || !serial_is_valid(serial)))
        return -EBADMSG;
    if (json_get_string(o, "refusal", &refusal) == -EBADMSG ||
        json_get_string(o, "renewal-reason", &reason) == -EBADMSG ||
        json_get_string(o, "rollover-reason", &rollover) == -EBADMSG)
        return -EBADMSG;
    record->name = strdup(name);
    if (!record->name || (serial && !(record->serial = strdup(serial))) ||
        (refusal && !(record->refusal = strdup(refusal))) ||
        (reason && !(record->renewal_reason = strdup(reason))) ||
        (rollover && !(record->rollover_reason = strdup(rollover))))
        return -ENOMEM;
    r = certificate_from_json(o, certificate_role_name(ROLE_CA), &record->certificates[ROLE_CA]);
    if (r < 0)
        return r == -ENOENT ? -EBADMSG : r;
    for (CertificateRole role = ROLE_ROUTER; role < ROLE_MAX; role++) {
        r = certificate_from_json(o, certificate_role_name(role), &record->certificates[role]);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    r = replacement_from_json(o, record);
    if (r >= 0)
        r = chain_from_json(o, "chain", &record->chain, &record->n_chain);
    if (r >= 0)
        r = chain_from_json(o, "rollover-chain", &record->next_chain, &record->n_next_chain);
    if (r >= 0)
        r = open_requests_from_json(o, record);
    if (r >= 0)
        r = failures_from_json(o, "renewal", &record->renewal);
    if (r >= 0)
        r = failures_from_json(o, "rollover-failures", &record->rollover);
    return r < 0 ? r : record_check(record, file);
}

int record_read_at(int dirfd, const char *file, Record *ret)
{
    _cleanup_free_ void *text = NULL;
    Record record = {};
    size_t size;
    int r;

    r = read_state_at(dirfd, file, RECORD_SIZE_MAX, &text, &size);
    if (r >= 0) {
        r = record_parse(file, text, size, &record);
        r = r < 0 ? state_parse_error(r) : 0;
    }
    if (r < 0) {
        record_done(&record);
        if (r == -EBADMSG)
            (void)quarantine_at(dirfd, file);
        return r;
    }
    *ret = record;
    return 0;
}

static bool is_record_file(const char *name)
{
    size_t n = strlen(name);

    return n == RECORD_FILE_NAME_SIZE - 1 && name[0] != '.' &&
           streq(name + n - STRLEN(RECORD_SUFFIX), RECORD_SUFFIX) &&
           strspn(name, "0123456789abcdef") == n - STRLEN(RECORD_SUFFIX);
}

void record_list_done(RecordList *list)
{
    for (size_t i = 0; i < list->n; i++)
        record_done(&list->items[i]);
    free(list->items);
    free(list->unread);
    *list = (RecordList){};
}

static int add_unread(RecordList *list, const char *file, int error)
{
    UnreadRecord *grown = reallocarray(list->unread, list->n_unread + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    list->unread = grown;
    grown += list->n_unread++;
    *grown = (UnreadRecord){.error = error};
    memcpy(grown->file, file, sizeof(grown->file)); /* is_record_file() knows its length */
    return 0;
}

static int add_record(RecordList *list, int dirfd, const char *file, state_report_t report)
{
    Record *grown = reallocarray(list->items, list->n + 1, sizeof(*grown));
    int r;

    if (!grown)
        return -ENOMEM;
    list->items = grown;
    r = record_read_at(dirfd, file, &grown[list->n]);
    if (r >= 0) {
        list->n++;
        return 0;
    }
    if (r == -ENOMEM)
        return r;
    if (report)
        report(file, r);
    return r == -EBADMSG ? 0 : add_unread(list, file, r);
}

int records_read_at(int dirfd, state_report_t report, RecordList *ret)
{
    _cleanup_(record_list_done) RecordList list = {};
    _cleanup_closedir_ DIR *dir = NULL;
    int r;

    /* What cannot be removed is no reason not to read the rest. */
    (void)remove_leftovers_at(dirfd);
    r = open_folder_at(dirfd, ".", &dir);
    for (const struct dirent *entry;
         r >= 0 && list.n + list.n_unread < RECORDS_MAX && (entry = readdir(dir));)
        if (is_record_file(entry->d_name))
            r = add_record(&list, dirfd, entry->d_name, report);
    if (r < 0)
        return r;
    *ret = list;
    list = (RecordList){};
    return 0;
}
