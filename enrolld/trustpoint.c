/* SPDX-License-Identifier: Apache-2.0 */
#include "trustpoint.h"

#include <time.h>

/* --- The set ---------------------------------------------------------------------------------- */

static int64_t clock_seconds(clockid_t id)
{
    struct timespec now;

    return clock_gettime(id, &now) < 0 ? 0 : now.tv_sec;
}

int64_t trustpoints_now(const Trustpoints *t)
{
    return clock_floor_apply(&t->clock, clock_seconds(CLOCK_REALTIME));
}

static void floor_by_certificates(Trustpoints *t)
{
    t->clock.certificate = 0;
    for (const Trustpoint *i = t->first; i; i = i->next)
        for (size_t role = 0; role < ROLE_MAX; role++) {
            const StoredCertificate *c = i->record.certificates[role];

            if (c && c->summary.not_before > t->clock.certificate)
                t->clock.certificate = c->summary.not_before;
        }
}

static Trustpoint *trustpoint_add(Trustpoints *t, const char *name)
{
    Trustpoint *trustpoint = calloc(1, sizeof(*trustpoint));
    Trustpoint **p = &t->first;

    if (!trustpoint)
        return NULL;
    trustpoint->set = t;
    trustpoint->name = strdup(name);
    if (!trustpoint->name) {
        free(trustpoint);
        return NULL;
    }
    while (*p && strcmp((*p)->name, name) < 0)
        p = &(*p)->next;
    trustpoint->next = *p;
    *p = trustpoint;
    return trustpoint;
}

static void trustpoint_free(Trustpoint *trustpoint)
{
    trustpoint_config_free(trustpoint->config);
    record_done(&trustpoint->record);
    free(trustpoint->name);
    free(trustpoint);
}

int trustpoints_init(Trustpoints *t, int state_fd, int64_t built,
                     void (*corrupt)(const char *file, int error))
{
    Record *records;
    size_t n;
    int r;

    *t = (Trustpoints){.state_fd = -EBADF};
    clock_floor_init(&t->clock, built, clock_seconds(CLOCK_REALTIME),
                     clock_seconds(CLOCK_BOOTTIME));
    r = clock_floor_load_at(&t->clock, state_fd);
    if (r < 0 && corrupt)
        corrupt("clock", r);
    r = records_read_at(state_fd, corrupt, &records, &n);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        Trustpoint *trustpoint = r >= 0 ? trustpoint_add(t, records[i].name) : NULL;

        if (trustpoint)
            trustpoint->record = records[i];
        else {
            record_done(&records[i]);
            r = -ENOMEM;
        }
    }
    free(records);
    if (r < 0) {
        trustpoints_done(t);
        return r;
    }
    t->state_fd = state_fd;
    floor_by_certificates(t);
    return 0;
}

void trustpoints_done(Trustpoints *t)
{
    while (t->first) {
        Trustpoint *next = t->first->next;

        trustpoint_free(t->first);
        t->first = next;
    }
    closep(&t->state_fd);
    t->state_fd = -EBADF;
}

Trustpoint *trustpoint_find(const Trustpoints *t, const char *name)
{
    for (Trustpoint *trustpoint = t->first; trustpoint; trustpoint = trustpoint->next)
        if (streq(trustpoint->name, name))
            return trustpoint;
    return NULL;
}

StoredCertificate *trustpoint_certificate(const Trustpoint *t, CertificateRole role)
{
    return t->record.certificates[role];
}

bool trustpoint_collect(Trustpoints *t, Trustpoint *trustpoint)
{
    if (trustpoint->config || trustpoint->record.name || trustpoint->busy)
        return false;
    for (Trustpoint **p = &t->first; *p; p = &(*p)->next)
        if (*p == trustpoint) {
            *p = trustpoint->next;
            break;
        }
    trustpoint_free(trustpoint);
    return true;
}

/* --- Configuration ---------------------------------------------------------------------------- */

static TrustpointConfig *take_config(TrustpointConfig **list, const char *name)
{
    for (TrustpointConfig **p = list; *p; p = &(*p)->next)
        if (streq((*p)->name, name)) {
            TrustpointConfig *found = *p;

            *p = found->next;
            found->next = NULL;
            return found;
        }
    return NULL;
}

static void configure_existing(Trustpoints *t, TrustpointConfig **list,
                               trustpoint_changed_t changed, void *userdata)
{
    for (Trustpoint *i = t->first, *next; i; i = next) {
        TrustpointConfig *config = take_config(list, i->name);
        bool same = streq_ptr(i->config ? i->config->json : NULL, config ? config->json : NULL);

        next = i->next;
        trustpoint_config_free(i->config);
        i->config = config;
        if (!config && !i->record.name && !i->busy) {
            changed(userdata, i, TRUSTPOINT_REMOVED);
            (void)trustpoint_collect(t, i);
        } else if (!same)
            changed(userdata, i, TRUSTPOINT_CHANGED);
    }
}

int trustpoints_configure(Trustpoints *t, TrustpointConfig *list, trustpoint_changed_t changed,
                          void *userdata)
{
    configure_existing(t, &list, changed, userdata);
    while (list) {
        TrustpointConfig *config = take_config(&list, list->name);
        Trustpoint *trustpoint = trustpoint_add(t, config->name);

        if (!trustpoint) {
            trustpoint_config_free(config);
            trustpoint_config_list_free(list);
            return -ENOMEM;
        }
        trustpoint->config = config;
        changed(userdata, trustpoint, TRUSTPOINT_ADDED);
    }
    return 0;
}

/* --- Certificates ----------------------------------------------------------------------------- */

int trustpoint_take_serial(Trustpoints *t, Trustpoint *trustpoint, char **ret)
{
    _cleanup_free_ char *serial = NULL, *copy = NULL;
    Record record = trustpoint->record;
    int r;

    r = serial_next(record.serial, &serial);
    if (r < 0)
        return r;
    copy = strdup(serial);
    if (!copy)
        return -ENOMEM;
    record.serial = serial;
    r = record_write_at(t->state_fd, &record);
    if (r < 0)
        return r;
    free(trustpoint->record.serial);
    trustpoint->record.serial = TAKE_PTR(serial);
    *ret = TAKE_PTR(copy);
    return 0;
}

static int install_ca(Trustpoints *t, Trustpoint *trustpoint, const char *serial,
                      StoredCertificate *certificate)
{
    Record record = {.name = strdup(trustpoint->name), .serial = strdup(serial)};
    int r = record.name && record.serial ? 0 : -ENOMEM;

    record.certificates[ROLE_CA] = certificate;
    if (r >= 0)
        r = record_write_at(t->state_fd, &record);
    if (r < 0) {
        record.certificates[ROLE_CA] = NULL;
        record_done(&record);
        return r;
    }
    record_done(&trustpoint->record);
    trustpoint->record = record;
    trustpoint->key_states[ROLE_ROUTER] = KEY_UNKNOWN;
    return 0;
}

static int install_router(Trustpoints *t, Trustpoint *trustpoint, StoredCertificate *certificate)
{
    Record record = trustpoint->record;
    int r;

    record.certificates[ROLE_ROUTER] = certificate;
    r = record_write_at(t->state_fd, &record);
    if (r < 0)
        return r;
    stored_certificate_free(trustpoint->record.certificates[ROLE_ROUTER]);
    trustpoint->record.certificates[ROLE_ROUTER] = certificate;
    return 0;
}

int trustpoint_install(Trustpoints *t, Trustpoint *trustpoint, CertificateRole role,
                       const char *serial, const void *der, size_t size, const KeyName *key)
{
    _cleanup_(stored_certificate_freep) StoredCertificate *certificate = NULL;
    int r;

    r = stored_certificate_new(der, size, key, &certificate);
    if (r >= 0)
        r = role == ROLE_CA ? install_ca(t, trustpoint, serial, certificate)
                            : install_router(t, trustpoint, certificate);
    if (r < 0)
        return r;
    TAKE_PTR(certificate);
    trustpoint->key_states[role] = KEY_SAME;
    floor_by_certificates(t);
    return 0;
}

int trustpoint_clear(Trustpoints *t, Trustpoint *trustpoint)
{
    int r;

    if (!trustpoint->record.name)
        return 0;
    r = record_remove_at(t->state_fd, trustpoint->name);
    if (r < 0 && r != -ENOENT)
        return r;
    record_done(&trustpoint->record);
    for (size_t i = 0; i < ROLE_MAX; i++)
        trustpoint->key_states[i] = KEY_UNKNOWN;
    floor_by_certificates(t);
    return 0;
}

/* --- What is shown ---------------------------------------------------------------------------- */

const char *trustpoint_state(const Trustpoint *t)
{
    return t->record.certificates[ROLE_ROUTER] ? "enrolled"
           : t->record.certificates[ROLE_CA]   ? "authenticated"
                                               : "none";
}

static bool is_expired(const StoredCertificate *c, int64_t now)
{
    return now > c->summary.not_after;
}

/* Does the configuration still name the key that the certificate was made for? */
static bool is_key_configured(const Trustpoint *t, CertificateRole role)
{
    const KeyName *key = role == ROLE_CA ? &t->config->ca_keypair : &t->config->keypair;

    return key_name_equal(key, &t->record.certificates[role]->key);
}

const char *certificate_status(const Trustpoint *t, CertificateRole role, int64_t now)
{
    if (is_expired(t->record.certificates[role], now))
        return "Expired";
    switch (t->key_states[role]) {
    case KEY_REPLACED:
        return "Key replaced";
    case KEY_MISSING:
        return "Key missing";
    case KEY_UNKNOWN:
    case KEY_SAME:
    default:
        return "Available";
    }
}

static const char *key_problem(const Trustpoint *t, CertificateRole role)
{
    if (t->key_states[role] == KEY_MISSING)
        return "is gone";
    if (t->key_states[role] == KEY_REPLACED)
        return "was replaced";
    return t->config && !is_key_configured(t, role) ? "is no longer the configured one" : NULL;
}

/* The sentence about one certificate that has a problem. */
static int certificate_problem(const Trustpoint *t, CertificateRole role, int64_t now,
                               const char *remedy, char **ret)
{
    const StoredCertificate *c = t->record.certificates[role];
    const char *what = role == ROLE_CA ? "CA" : "router", *problem;

    if (!c)
        return 0;
    problem = key_problem(t, role);
    if (is_expired(c, now))
        return asprintf(ret, "The %s certificate has expired: %s.", what, remedy) < 0 ? -ENOMEM : 1;
    if (problem)
        return asprintf(ret, "The %s key '%s' of the %s certificate %s: %s.", c->key.algorithm,
                        c->key.label, what, problem, remedy) < 0
                   ? -ENOMEM
                   : 1;
    return 0;
}

char *trustpoint_detail(const Trustpoint *t, int64_t now)
{
    char *text = NULL;
    int r;

    if (!t->config)
        return strdup("No longer configured; the certificates stay until they are cleared.");
    if (!t->config->self)
        return strdup("No enrollment is configured: 'enrollment url self'.");
    r = certificate_problem(t, ROLE_CA, now, "clear the certificates, then authenticate and enroll",
                            &text);
    if (r == 0)
        r = certificate_problem(t, ROLE_ROUTER, now, "enroll again", &text);
    if (r != 0)
        return r < 0 ? NULL : text;
    if (!t->record.certificates[ROLE_CA])
        return strdup("Next step: authenticate.");
    if (!t->record.certificates[ROLE_ROUTER])
        return strdup("Next step: enroll.");
    return strdup("Ready.");
}

int trustpoint_signer_check(const Trustpoint *t, int64_t now, const char **ret_reason)
{
    if (!t || !t->record.certificates[ROLE_ROUTER]) {
        *ret_reason = "The system trustpoint has no router certificate: authenticate and enroll it";
        return -ENODATA;
    }
    if (!t->config) {
        *ret_reason = "The system trustpoint is no longer configured";
        return -ENODATA;
    }
    if (is_expired(t->record.certificates[ROLE_CA], now) ||
        is_expired(t->record.certificates[ROLE_ROUTER], now)) {
        *ret_reason = "The certificates of the system trustpoint have expired: clear them, "
                      "authenticate and enroll again";
        return -EKEYEXPIRED;
    }
    if (key_problem(t, ROLE_ROUTER)) {
        *ret_reason = "The key pair of the system trustpoint has changed: enroll again";
        return -ENODATA;
    }
    return 0;
}
