/* SPDX-License-Identifier: Apache-2.0 */
#include "trustpoint.h"

#include "clock.h"
#include "rollover.h"

/* --- The set ---------------------------------------------------------------------------------- */

int64_t trustpoints_now(const Trustpoints *t)
{
    return clock_floor_apply(&t->clock, clock_sec(CLOCK_REALTIME));
}

/* It is later than what had begun when it was taken; the CA's next one may begin years from now. */
static void raise_floor(Trustpoints *t, const Record *record)
{
    for (CertificateRole role = 0; role < ROLE_MAX; role++) {
        const StoredCertificate *c = record->certificates[role];

        if (c && role != ROLE_NEXT_CA && c->brief->not_before > t->clock.certificate)
            t->clock.certificate = c->brief->not_before;
    }
}

static void floor_by_certificates(Trustpoints *t)
{
    t->clock.certificate = 0;
    for (const Trustpoint *i = t->first; i; i = i->next)
        raise_floor(t, &i->record);
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

static void forget(Trustpoint *trustpoint)
{
    free(trustpoint->identity);
    if (trustpoint->secret)
        explicit_bzero(trustpoint->secret, strlen(trustpoint->secret));
    free(trustpoint->secret);
    trustpoint->identity = trustpoint->secret = NULL;
}

int trustpoint_remember(Trustpoint *trustpoint, const char *identity, const char *secret)
{
    forget(trustpoint);
    if ((identity && !(trustpoint->identity = strdup(identity))) ||
        (secret && !(trustpoint->secret = strdup(secret)))) {
        forget(trustpoint);
        return -ENOMEM;
    }
    return 0;
}

static void forget_replacement(Trustpoint *trustpoint)
{
    free(trustpoint->replacement_problem);
    trustpoint->replacement_problem = NULL;
    trustpoint->replacement_proved = false;
}

static void trustpoint_free(Trustpoint *trustpoint)
{
    trustpoint_config_free(trustpoint->config);
    record_done(&trustpoint->record);
    authority_offer_free(trustpoint->offer);
    forget(trustpoint);
    forget_replacement(trustpoint);
    free(trustpoint->revocation_problem);
    free(trustpoint->name);
    free(trustpoint);
}

int trustpoint_take_record(Trustpoints *t, Record *record, Trustpoint **ret)
{
    Trustpoint *trustpoint = trustpoint_find(t, record->name);

    if (!trustpoint)
        trustpoint = trustpoint_add(t, record->name);
    if (!trustpoint)
        return -ENOMEM;
    record_done(&trustpoint->record);
    trustpoint->record = *record;
    *record = (Record){};
    raise_floor(t, &trustpoint->record);
    *ret = trustpoint;
    return 0;
}

int trustpoints_init(Trustpoints *t, int state_fd, int64_t built, state_report_t report)
{
    _cleanup_(record_list_done) RecordList list = {};
    Trustpoint *trustpoint;
    int r;

    *t = (Trustpoints){.state_fd = -EBADF};
    clock_floor_init(&t->clock, built, clock_sec(CLOCK_REALTIME), clock_sec(CLOCK_BOOTTIME));
    r = clock_floor_load_at(&t->clock, state_fd);
    if (r < 0 && report)
        report("clock", r);
    r = records_read_at(state_fd, report, &list);
    for (size_t i = 0; r >= 0 && i < list.n; i++)
        r = trustpoint_take_record(t, &list.items[i], &trustpoint);
    if (r < 0) {
        trustpoints_done(t);
        return r;
    }
    t->state_fd = state_fd;
    t->unread = TAKE_PTR(list.unread);
    t->n_unread = list.n_unread;
    return 0;
}

void trustpoints_done(Trustpoints *t)
{
    while (t->first) {
        Trustpoint *next = t->first->next;

        trustpoint_free(t->first);
        t->first = next;
    }
    free(t->unread);
    t->unread = NULL;
    t->n_unread = 0;
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
    if (trustpoint->config || trustpoint->record.name || trustpoint_unread(trustpoint) ||
        trustpoint->busy)
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
        bool differs = config || i->config;

        next = i->next;
        /* The one that is there stays where it is: most of them, at most commits. */
        if (config && i->config && streq(config->fingerprint, i->config->fingerprint)) {
            trustpoint_config_free(config);
            continue;
        }
        trustpoint_config_free(i->config);
        i->config = config;
        /* What was offered was for what was configured. */
        if (differs)
            trustpoint_offer(i, NULL);
        if (!config && !i->record.name && !trustpoint_unread(i) && !i->busy) {
            changed(userdata, i, TRUSTPOINT_REMOVED);
            (void)trustpoint_collect(t, i);
        } else if (differs)
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
    for (CertificateRole role = ROLE_ROUTER; role < ROLE_MAX; role++)
        trustpoint->key_states[role] = KEY_UNKNOWN;
    trustpoint->key_states[ROLE_CA] = KEY_SAME;
    floor_by_certificates(t);
    return 0;
}

int trustpoint_install_router(Trustpoints *t, Trustpoint *trustpoint, StoredCertificate *router,
                              StoredCertificate *encryption)
{
    StoredCertificate *const new[] = {[ROLE_ROUTER] = router, [ROLE_ENCRYPTION] = encryption};
    Record record = trustpoint->record;
    int r;

    for (CertificateRole role = ROLE_ROUTER; role <= ROLE_ENCRYPTION; role++)
        record.certificates[role] = new[role];
    record.renewal = (Renewal){0};
    record.refusal = record.renewal_reason = NULL;
    r = record_write_at(t->state_fd, &record);
    if (r < 0)
        return r;
    free(trustpoint->record.refusal);
    free(trustpoint->record.renewal_reason);
    for (CertificateRole role = ROLE_ROUTER; role <= ROLE_ENCRYPTION; role++) {
        stored_certificate_free(trustpoint->record.certificates[role]);
        trustpoint->key_states[role] = new[role] ? KEY_SAME : KEY_UNKNOWN;
    }
    trustpoint->record = record;
    floor_by_certificates(t);
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
                            : trustpoint_install_router(t, trustpoint, certificate, NULL);
    if (r < 0)
        return r;
    TAKE_PTR(certificate);
    return 0;
}

int trustpoint_clear(Trustpoints *t, Trustpoint *trustpoint)
{
    int r;

    trustpoint_offer(trustpoint, NULL);
    if (!trustpoint->record.name)
        return 0;
    r = record_remove_at(t->state_fd, trustpoint->name);
    if (r < 0 && r != -ENOENT)
        return r;
    record_done(&trustpoint->record);
    forget(trustpoint);
    trustpoint->rollover_at = 0;
    forget_replacement(trustpoint);
    for (size_t i = 0; i < ROLE_MAX; i++)
        trustpoint->key_states[i] = KEY_UNKNOWN;
    floor_by_certificates(t);
    return 0;
}

/* --- A CA elsewhere --------------------------------------------------------------------------- */

AuthorityOffer *authority_offer_free(AuthorityOffer *offer)
{
    if (!offer)
        return NULL;
    received_done(&offer->list);
    free(offer);
    return NULL;
}

void trustpoint_offer(Trustpoint *trustpoint, AuthorityOffer *offer)
{
    authority_offer_free(trustpoint->offer);
    trustpoint->offer = offer;
}

int trustpoint_install_authority(Trustpoints *t, Trustpoint *trustpoint, const ReceivedList *list)
{
    Record record = {.name = strdup(trustpoint->name)};
    int r;

    record.chain = calloc(list->n, sizeof(StoredCertificate *));
    r = record.name && record.chain && list->n > 0 ? 0 : -ENOMEM;
    for (size_t i = 0; r >= 0 && i < list->n && i < RECEIVED_MAX; i++) {
        StoredCertificate **to = i == 0 ? &record.certificates[ROLE_CA] : &record.chain[i - 1];

        r = stored_certificate_new(list->items[i].der, list->items[i].size, NULL, to);
        if (r >= 0 && i > 0)
            record.n_chain++;
    }
    if (r >= 0)
        r = record_write_at(t->state_fd, &record);
    if (r < 0) {
        record_done(&record);
        return r;
    }
    record_done(&trustpoint->record);
    trustpoint->record = record;
    trustpoint->rollover_at = 0;
    trustpoint_offer(trustpoint, NULL); /* the list may be its */
    for (size_t i = 0; i < ROLE_MAX; i++)
        trustpoint->key_states[i] = KEY_UNKNOWN;
    floor_by_certificates(t);
    return 0;
}

int trustpoint_set_request(Trustpoints *t, Trustpoint *trustpoint, Request *request)
{
    Record record = trustpoint->record;
    int r;

    record.request = request;
    r = record_write_at(t->state_fd, &record);
    if (r < 0)
        return r;
    if (request != trustpoint->record.request) {
        request_free(trustpoint->record.request);
        forget(trustpoint);
    }
    trustpoint->record.request = request;
    return 0;
}

int trustpoint_request_event(Trustpoints *t, Trustpoint *trustpoint, Request *request,
                             RequestEvent event, const char *reason, uint32_t pause)
{
    Lifecycle before = request->lifecycle;
    int r;

    if (!trustpoint->config)
        return -EINVAL;
    r = lifecycle_apply(&request->lifecycle, event, &trustpoint->config->retry, trustpoints_now(t));
    if (r >= 0 && event == REQUEST_EVENT_WAIT)
        lifecycle_postpone(&request->lifecycle, pause, trustpoints_now(t));
    if (r >= 0)
        r = request_set_reason(request, reason);
    if (r >= 0)
        r = record_write_at(t->state_fd, &trustpoint->record);
    if (r < 0)
        request->lifecycle = before;
    else if (!trustpoint_is_asking(trustpoint))
        forget(trustpoint);
    return r;
}

static RenewalTimes renewal_times(const Trustpoint *t)
{
    const CertificateBrief *s = t->record.certificates[ROLE_ROUTER]->brief;

    return (RenewalTimes){s->not_before, s->not_after, s->sha256_fingerprint,
                          t->config ? t->config->auto_enroll : 0};
}

/* A root that ends with the router's certificate makes no better one. */
static bool renews_itself(const Trustpoint *t)
{
    if (t->config->method == METHOD_SELF)
        return t->record.serial && t->record.certificates[ROLE_CA]->brief->not_after >
                                       t->record.certificates[ROLE_ROUTER]->brief->not_after;
    return enrollment_method_has_server(t->config->method) && !t->record.serial;
}

int64_t trustpoint_renewal_wait(const Trustpoint *t, int64_t now)
{
    int64_t wait, pause;
    RenewalTimes times;

    if (!t->config || t->config->auto_enroll == 0 || !t->record.certificates[ROLE_ROUTER] ||
        !renews_itself(t) || trustpoint_replacement(t) != REPLACEMENT_NONE ||
        trustpoint_is_asking(t))
        return -ENODATA;
    times = renewal_times(t);
    wait = renewal_wait(&times, &t->record.renewal, now);
    pause = rollover_pause(t, now);
    return wait > pause ? wait : pause;
}

int trustpoint_renewal_failed(Trustpoints *t, Trustpoint *trustpoint, const char *reason)
{
    RenewalTimes times;
    char *copy;

    if (!trustpoint->record.certificates[ROLE_ROUTER])
        return -ENODATA;
    copy = strdup(reason);
    if (!copy)
        return -ENOMEM;
    free(trustpoint->record.renewal_reason);
    trustpoint->record.renewal_reason = copy;
    times = renewal_times(trustpoint);
    renewal_failed(&times, &trustpoint->record.renewal, trustpoints_now(t));
    return record_write_at(t->state_fd, &trustpoint->record);
}

/* What becomes of the failures before with a renewed router certificate in the record. A CA whose
 * certificates are due for renewal as soon as they come is not asked for more all the time: the
 * next one is waited for as after a failure. */
static int note_renewed(const Trustpoints *t, const Trustpoint *trustpoint, Record *record)
{
    const RenewalTimes times =
        renewal_times(&(Trustpoint){.record = *record, .config = trustpoint->config});
    const Renewal before = record->renewal;

    record->renewal = (Renewal){0};
    record->renewal_reason = NULL;
    if (times.percent == 0 || renewal_wait(&times, &record->renewal, trustpoints_now(t)) > 0)
        return 0;
    record->renewal = before;
    renewal_failed(&times, &record->renewal, trustpoints_now(t));
    record->renewal_reason = strdup("what the CA gives is due for renewal again at once");
    return record->renewal_reason ? 0 : -ENOMEM;
}

int trustpoint_set_revoked(Trustpoints *t, Trustpoint *trustpoint, CertificateRole role,
                           const char *reason)
{
    StoredCertificate *c = trustpoint->record.certificates[role];
    char *before = c->revoked, *copy = NULL;
    int r;

    if (reason ? before && streq(before, reason) : !before)
        return 0;
    if (trustpoint->busy)
        return -EBUSY;
    if (reason && !(copy = strdup(reason)))
        return -ENOMEM;
    c->revoked = copy;
    r = record_write_at(t->state_fd, &trustpoint->record);
    if (r < 0) {
        c->revoked = before;
        free(copy);
        return r;
    }
    free(before);
    return 1;
}

/* Takes one out of those that go together. */
static Request *unlink_request(Record *record, const Request *request)
{
    Request **p = &record->request, *found;

    while (*p != request)
        p = &(*p)->next;
    found = *p;
    *p = found->next;
    found->next = NULL;
    return found;
}

static void link_request(Record *record, Request *request, Request *next)
{
    Request **p = &record->request;

    while (*p != next)
        p = &(*p)->next;
    *p = request;
    request->next = next;
}

int trustpoint_set_refusal(Trustpoints *t, Trustpoint *trustpoint, const char *reason)
{
    char *before = trustpoint->record.refusal, *copy;
    int r;

    if (before && streq(before, reason))
        return 0;
    copy = strdup(reason);
    if (!copy)
        return -ENOMEM;
    trustpoint->record.refusal = copy;
    r = trustpoint->record.name ? record_write_at(t->state_fd, &trustpoint->record) : 0;
    free(before);
    return r < 0 ? r : 1;
}

void trustpoint_drop_request(Trustpoint *trustpoint, Request *request)
{
    request_free(unlink_request(&trustpoint->record, request));
}

int trustpoint_install_answer(Trustpoints *t, Trustpoint *trustpoint, const Request *request,
                              const Received *answer)
{
    CertificateRole role = certificate_role_of_pair(request->key.pair);
    Request *next = request->next, *over;
    Record record = trustpoint->record;
    StoredCertificate *certificate;
    int r;

    r = stored_certificate_new_received(answer, &request->key, &certificate);
    if (r < 0)
        return r;
    over = unlink_request(&record, request);
    record.certificates[role] = certificate;
    if (request->key.pair == PAIR_GENERAL)
        record.certificates[ROLE_ENCRYPTION] = NULL;
    record.refusal = NULL;
    if (!request->renewal) {
        record.renewal = (Renewal){0};
        record.renewal_reason = NULL;
    } else if (role == ROLE_ROUTER)
        r = note_renewed(t, trustpoint, &record);
    rollover_settle(&record);
    if (r >= 0)
        r = record_write_at(t->state_fd, &record);
    if (r < 0) {
        if (record.renewal_reason != trustpoint->record.renewal_reason)
            free(record.renewal_reason);
        stored_certificate_free(certificate);
        link_request(&record, over, next);
        return r;
    }
    for (CertificateRole i = ROLE_ROUTER; i <= ROLE_ENCRYPTION; i++)
        if (record.certificates[i] != trustpoint->record.certificates[i])
            stored_certificate_free(trustpoint->record.certificates[i]);
    rollover_release(&trustpoint->record, &record);
    request_free(over);
    free(trustpoint->record.refusal);
    if (record.renewal_reason != trustpoint->record.renewal_reason)
        free(trustpoint->record.renewal_reason);
    trustpoint->record = record;
    if (!trustpoint_is_asking(trustpoint))
        forget(trustpoint);
    trustpoint->key_states[role] = KEY_SAME;
    floor_by_certificates(t);
    return 0;
}

/* --- A renewal takes its place ---------------------------------------------------------------- */

Replacement trustpoint_replacement(const Trustpoint *t)
{
    if (t->record.staged)
        return REPLACEMENT_STAGED;
    if (t->record.previous)
        return t->record.undo ? REPLACEMENT_UNDO : REPLACEMENT_TRIAL;
    return REPLACEMENT_NONE;
}

bool trustpoint_replaces_key(const Trustpoint *t)
{
    const StoredCertificate *now = t->record.certificates[ROLE_ROUTER],
                            *other = t->record.staged ? t->record.staged : t->record.previous;
    _cleanup_(X509_freep) X509 *mine = now ? stored_certificate_x509(now) : NULL;
    _cleanup_(X509_freep) X509 *others = other ? stored_certificate_x509(other) : NULL;

    return mine && others && EVP_PKEY_eq(X509_get0_pubkey(mine), X509_get0_pubkey(others)) != 1;
}

/* Takes over the record on success. */
static int change(Trustpoints *t, Trustpoint *trustpoint, Record *record)
{
    int r;

    rollover_settle(record);
    r = record_write_at(t->state_fd, record);
    if (r < 0)
        return r;
    rollover_release(&trustpoint->record, record);
    trustpoint->record = *record;
    floor_by_certificates(t);
    return 0;
}

int trustpoint_stage(Trustpoints *t, Trustpoint *trustpoint, const void *der, size_t size,
                     const KeyName *key)
{
    const KeyName general = {key->algorithm, key->label, PAIR_GENERAL};
    Request *request = trustpoint->record.request;
    Record record = trustpoint->record;
    StoredCertificate *old = record.staged;
    char *refusal = TAKE_PTR(record.refusal);
    int r;

    r = stored_certificate_new(der, size, &general, &record.staged);
    if (r < 0)
        return r;
    record.request = NULL;
    r = change(t, trustpoint, &record);
    if (r < 0) {
        stored_certificate_free(record.staged);
        return r;
    }
    stored_certificate_free(old);
    request_free(request);
    free(refusal);
    return 0;
}

int trustpoint_replaced(Trustpoints *t, Trustpoint *trustpoint)
{
    StoredCertificate *old = trustpoint->record.previous;
    Record record = trustpoint->record;
    int r;

    record.previous = record.certificates[ROLE_ROUTER];
    record.certificates[ROLE_ROUTER] = TAKE_PTR(record.staged);
    r = change(t, trustpoint, &record);
    if (r < 0)
        return r;
    stored_certificate_free(old);
    trustpoint->key_states[ROLE_ROUTER] = KEY_SAME;
    return 0;
}

int trustpoint_finalized(Trustpoints *t, Trustpoint *trustpoint)
{
    StoredCertificate *old = trustpoint->record.previous;
    char *reason = trustpoint->record.renewal_reason;
    Record record = trustpoint->record;
    int r;

    record.previous = NULL;
    record.undo = false;
    r = note_renewed(t, trustpoint, &record);
    if (r >= 0)
        r = change(t, trustpoint, &record);
    if (r < 0) {
        free(record.renewal_reason);
        return r;
    }
    stored_certificate_free(old);
    free(reason);
    return 0;
}

static void swap_previous(Record *record)
{
    StoredCertificate *c = record->previous;

    record->previous = record->certificates[ROLE_ROUTER];
    record->certificates[ROLE_ROUTER] = c;
}

int trustpoint_undo(Trustpoints *t, Trustpoint *trustpoint, const char *reason)
{
    char *before = trustpoint->record.renewal_reason, *copy = strdup(reason);
    Record record = trustpoint->record;
    RenewalTimes times;
    int r;

    if (!copy)
        return -ENOMEM;
    record.renewal_reason = copy;
    swap_previous(&record);
    record.undo = true;
    times = renewal_times(&(Trustpoint){.record = record, .config = trustpoint->config});
    renewal_failed(&times, &record.renewal, trustpoints_now(t));
    r = change(t, trustpoint, &record);
    free(r < 0 ? copy : before);
    return r;
}

int trustpoint_restored(Trustpoints *t, Trustpoint *trustpoint, bool keep_new)
{
    Record record = trustpoint->record;
    StoredCertificate *dropped;
    int r;

    if (keep_new)
        swap_previous(&record);
    dropped = TAKE_PTR(record.previous);
    record.undo = false;
    r = change(t, trustpoint, &record);
    if (r < 0)
        return r;
    stored_certificate_free(dropped);
    trustpoint->key_states[ROLE_ROUTER] = KEY_SAME;
    return 0;
}

int trustpoint_unstage(Trustpoints *t, Trustpoint *trustpoint)
{
    StoredCertificate *old = trustpoint->record.staged;
    Record record = trustpoint->record;
    int r;

    record.staged = NULL;
    r = change(t, trustpoint, &record);
    if (r >= 0)
        stored_certificate_free(old);
    return r;
}
