/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers.h"

#include <openssl/pem.h>
#include <poll.h>
#include <systemd/sd-bus.h>

#include "atomic-file.h"
#include "bus-call.h"
#include "fetch-client.h"
#include "received.h"

#define MANAGER_NAME "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"
/* As long as systemd itself gives a unit. */
#define RELOAD_TIMEOUT_USEC (UINT64_C(100) * 1000000)
#define PROBE_TIMEOUT_SECONDS 10U
/* With pauses of 1, 2, 4 and 8 seconds. */
#define PROBE_TRIES 5U
#define PROBE_PAUSE_MS 1000
#define PROBE_REPLY_MAX 65536U

DEFINE_TRIVIAL_CLEANUP_FUNC(BIO *, BIO_free);

static int explain(char reason[CONSUMER_REASON_SIZE], int r, const char *format, ...)
    _printf_(3, 4);

static int explain(char reason[CONSUMER_REASON_SIZE], int r, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(reason, CONSUMER_REASON_SIZE, format, ap);
    va_end(ap);
    return r;
}

/* --- Files ------------------------------------------------------------------------------------ */

static const StoredCertificate *issuer_of(const Trustpoint *t, const StoredCertificate *c)
{
    const StoredCertificate *ca = t->record.certificates[ROLE_CA];

    if (X509_check_issued(c->x509, c->x509) == X509_V_OK)
        return NULL;
    if (ca != c && X509_check_issued(ca->x509, c->x509) == X509_V_OK)
        return ca;
    for (size_t i = 0; i < t->record.n_chain; i++)
        if (t->record.chain[i] != c &&
            X509_check_issued(t->record.chain[i]->x509, c->x509) == X509_V_OK)
            return t->record.chain[i];
    return NULL;
}

/* Certificates from c upwards; with_root: to the end. */
static int write_path(int dirfd, const char *name, const Trustpoint *t, const StoredCertificate *c,
                      bool with_root)
{
    _cleanup_(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());
    unsigned n = 0;
    char *text;
    long size;
    int r;

    if (!c) {
        r = atomic_unlink_at(dirfd, name);
        return r == -ENOENT ? 0 : r;
    }
    for (; bio && c && n <= RECORD_CHAIN_MAX; c = issuer_of(t, c), n++) {
        bool root = X509_check_issued(c->x509, c->x509) == X509_V_OK;

        if (root && !with_root && n > 0)
            break;
        if (PEM_write_bio_X509(bio, c->x509) != 1)
            return -ENOMEM;
    }
    size = bio ? BIO_get_mem_data(bio, &text) : 0;
    return size <= 0 ? -ENOMEM : atomic_write_at(dirfd, name, text, (size_t)size, 0644);
}

int consumers_export(int dirfd, const Trustpoint *t)
{
    const char *const suffixes[] = {"pem", "ca"};
    const CertificateRole roles[] = {ROLE_ROUTER, ROLE_CA};
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(roles); i++) {
        _cleanup_free_ char *name = NULL;

        if (asprintf(&name, "%s.%s", t->name, suffixes[i]) < 0) {
            name = NULL;
            return -ENOMEM;
        }
        r = write_path(dirfd, name, t, t->record.certificates[roles[i]], roles[i] == ROLE_CA);
    }
    ERR_clear_error();
    return r;
}

/* --- Units ------------------------------------------------------------------------------------ */

typedef struct Reload {
    char *job;
    char result[32];
} Reload;

static int on_removed(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const char *path, *unit, *result;
    Reload *reload = userdata;
    uint32_t id;

    if (reload->job && sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) >= 0 &&
        streq(path, reload->job))
        (void)snprintf(reload->result, sizeof(reload->result), "%s", result);
    return 0;
}

/* The signal may come before the answer, which says what to look for: both are read here. */
static int start_reload(sd_bus *bus, const char *unit, Reload *reload,
                        char reason[CONSUMER_REASON_SIZE])
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *path;
    int r;

    r = sd_bus_match_signal(bus, NULL, MANAGER_NAME, MANAGER_PATH, MANAGER_INTERFACE, "JobRemoved",
                            on_removed, reload);
    if (r >= 0)
        r = sd_bus_call_method(bus, MANAGER_NAME, MANAGER_PATH, MANAGER_INTERFACE, "Subscribe",
                               NULL, NULL, NULL);
    if (r >= 0)
        r = sd_bus_call_method(bus, MANAGER_NAME, MANAGER_PATH, MANAGER_INTERFACE,
                               "ReloadOrTryRestartUnit", &error, &reply, "ss", unit, "replace");
    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &path);
    if (r < 0)
        return explain(reason, r, "%s cannot be reloaded: %s", unit,
                       error.message ? error.message : strerror(-r));
    reload->job = strdup(path);
    return reload->job ? 0 : -ENOMEM;
}

static int wait_for_end(sd_bus *bus, const Reload *reload, int cancel_fd)
{
    uint64_t end = bus_call_end(RELOAD_TIMEOUT_USEC);
    int r = 0;

    while (r >= 0 && !reload->result[0]) {
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = bus_call_wait(bus, cancel_fd, end);
    }
    return r < 0 ? r : 0;
}

int consumer_reload(const char *unit, int cancel_fd, char reason[CONSUMER_REASON_SIZE])
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    Reload reload = {.job = NULL};
    int r;

    r = sd_bus_open_system_with_description(&bus, "consumers");
    if (r < 0)
        return explain(reason, r, "%s cannot be reloaded: %s", unit, strerror(-r));
    r = start_reload(bus, unit, &reload, reason);
    if (r >= 0) {
        r = wait_for_end(bus, &reload, cancel_fd);
        if (r == -ECANCELED)
            (void)explain(reason, r, "%s was not waited for", unit);
        else if (r < 0)
            (void)explain(reason, r, "%s was not reloaded in time", unit);
        else if (!streq(reload.result, "done") && !streq(reload.result, "skipped"))
            r = explain(reason, -EIO, "the reload of %s failed: %s", unit, reload.result);
    }
    free(reload.job);
    return r;
}

/* --- Addresses -------------------------------------------------------------------------------- */

/* 1 when it is the one. */
static int dial(const char *url, const char *address, const void *der, size_t size, int cancel_fd,
                char reason[CONSUMER_REASON_SIZE])
{
    _cleanup_(fetch_reply_done) FetchReply reply = {.status = 0};
    _cleanup_(received_done) ReceivedList list = {.n = 0};
    const char *why = "";
    int r;

    r = fetch(&(FetchRequest){.url = url,
                              .probe = true,
                              .size_max = PROBE_REPLY_MAX,
                              .timeout_seconds = PROBE_TIMEOUT_SECONDS},
              cancel_fd, &reply);
    if (r == -ECANCELED)
        return r;
    if (r < 0)
        return explain(reason, 0, "%s does not answer: %s", address,
                       reply.error ? reply.error : strerror(-r));
    r = received_parse(reply.body, reply.body_size, &list, &why);
    if (r < 0 || list.n == 0)
        return explain(reason, 0, "%s shows no certificate that can be read: %s", address, why);
    if (list.items[0].size == size && memcmp(list.items[0].der, der, size) == 0)
        return 1;
    return explain(reason, 0, "%s still shows another certificate", address);
}

int consumer_probe(const char *address, const void *der, size_t size, int cancel_fd,
                   char reason[CONSUMER_REASON_SIZE])
{
    _cleanup_free_ char *url = NULL;

    if (asprintf(&url, "https://%s/", address) < 0) {
        url = NULL;
        return -ENOMEM;
    }
    for (unsigned i = 0; i < PROBE_TRIES; i++) {
        struct pollfd p = {.fd = cancel_fd, .events = POLLIN};
        int r = dial(url, address, der, size, cancel_fd, reason);

        if (r != 0)
            return r < 0 ? r : 0;
        if (i + 1 < PROBE_TRIES && poll(&p, 1, PROBE_PAUSE_MS << i) > 0)
            return -ECANCELED;
    }
    return -EHOSTUNREACH;
}
