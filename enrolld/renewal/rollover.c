/* SPDX-License-Identifier: Apache-2.0 */
#include "rollover.h"

#define SKEW INT64_C(300)

/* The one that is to come ends later; that is checked when it comes. */
static bool is_to_come(const Record *record)
{
    const StoredCertificate *next = record->certificates[ROLE_NEXT_CA];

    return next && next->brief->not_after > record->certificates[ROLE_CA]->brief->not_after;
}

static bool has_router(const Record *record)
{
    return record->certificates[ROLE_ROUTER] || record->certificates[ROLE_ENCRYPTION];
}

/* Is one of the router's by this CA, and not by the other? */
static bool is_needed(const Record *record, CertificateRole ca, CertificateRole other)
{
    StoredCertificate *const own[] = {record->certificates[ROLE_ROUTER],
                                            record->certificates[ROLE_ENCRYPTION], record->staged,
                                            record->previous};

    for (size_t i = 0; i < ELEMENTSOF(own); i++)
        if (own[i] && !stored_certificate_is_by(own[i], record->certificates[other]) &&
            stored_certificate_is_by(own[i], record->certificates[ca]))
            return true;
    return false;
}

/* --- When ------------------------------------------------------------------------------------- */

static int64_t ask_wait(const Trustpoint *t, int64_t now)
{
    const StoredCertificate *router = t->record.certificates[ROLE_ROUTER];
    const CertificateBrief *ca = t->record.certificates[ROLE_CA]->brief;
    /* Each router's own fingerprint, so that they do not all ask at once. */
    const RenewalTimes times = {ca->not_before, ca->not_after,
                                router ? router->brief->sha256_fingerprint
                                       : ca->sha256_fingerprint,
                                t->config->auto_enroll};

    return renewal_wait(&times, &t->record.rollover, now);
}

static int64_t until(int64_t when, int64_t now)
{
    return when > now ? when - now : 0;
}

/* Without a certificate there is nothing that would show who issues, so it is when the present one
 * ends; with one, this is for a CA that has kept its key. */
static int64_t take_over_wait(const Trustpoint *t, int64_t now)
{
    int64_t begins = t->record.certificates[ROLE_NEXT_CA]->brief->not_before,
            ends = t->record.certificates[ROLE_CA]->brief->not_after;

    if (has_router(&t->record))
        return is_needed(&t->record, ROLE_CA, ROLE_NEXT_CA) ? -ENODATA : until(begins, now);
    return until(begins > ends ? begins : ends + 1, now);
}

RolloverStep rollover_next_step(const Trustpoint *t, int64_t now, int64_t *ret_wait)
{
    if (!t->config || t->config->auto_enroll == 0 || !t->record.name || t->record.serial ||
        !enrollment_method_has_server(t->config->method) || t->config->method == METHOD_CMP ||
        trustpoint_replacement(t) != REPLACEMENT_NONE)
        return ROLLOVER_NONE;
    if (is_to_come(&t->record)) {
        *ret_wait = take_over_wait(t, now);
        return *ret_wait < 0 ? ROLLOVER_NONE : ROLLOVER_TAKE_OVER;
    }
    *ret_wait = ask_wait(t, now);
    return ROLLOVER_ASK;
}

bool rollover_has_successor(const Trustpoint *t)
{
    const StoredCertificate *ca = t->record.certificates[ROLE_CA];

    return ca && t->config && t->config->auto_enroll > 0 && is_to_come(&t->record) &&
           t->record.certificates[ROLE_NEXT_CA]->brief->not_before <= ca->brief->not_after;
}

bool rollover_has_begun(const Trustpoint *t, int64_t now)
{
    return is_to_come(&t->record) &&
           t->record.certificates[ROLE_NEXT_CA]->brief->not_before <= now;
}

bool rollover_is_for_renewal(const Trustpoint *t, int64_t now)
{
    return rollover_has_begun(t, now) && t->record.renewal.failures % 2 == 0;
}

bool rollover_is_for_enrollment(const Trustpoint *t, int64_t now)
{
    return rollover_has_begun(t, now) && t->record.certificates[ROLE_CA]->brief->not_after < now;
}

int64_t rollover_pause(const Trustpoint *t, int64_t now)
{
    if (!is_to_come(&t->record) || t->record.certificates[ROLE_ROUTER]->brief->not_after + SKEW <
                                       t->record.certificates[ROLE_CA]->brief->not_after)
        return 0;
    return until(t->record.certificates[ROLE_NEXT_CA]->brief->not_before, now);
}

/* --- What came -------------------------------------------------------------------------------- */

/* Some CAs show the present one as well. */
static void drop_present(ReceivedList *list, const X509 *authority)
{
    for (size_t i = 0; i < list->n && list->n > 1; i++)
        if (X509_cmp(list->items[i].x509, authority) == 0) {
            X509_free(list->items[i].x509);
            free(list->items[i].der);
            memmove(&list->items[i], &list->items[i + 1], (--list->n - i) * sizeof(list->items[0]));
            return;
        }
}

static int refuse(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EKEYREJECTED;
}

int rollover_check(ReceivedList *list, X509 *authority, const ReceivedRules *rules, bool agents,
                   const char **ret_reason)
{
    const ReceivedRules early = {.now = rules->now, .legacy = rules->legacy, .early = true};
    X509 *next;
    size_t n_path;
    int r;

    drop_present(list, authority);
    r = received_order_authority(list, &early, &n_path, ret_reason);
    if (r < 0)
        return r;
    next = list->items[0].x509;
    if (X509_cmp(next, authority) == 0)
        return refuse(ret_reason, "it is the one that the CA has now");
    if (ASN1_TIME_compare(X509_get0_notAfter(next), X509_get0_notAfter(authority)) <= 0)
        return refuse(ret_reason, "it ends no later than the one that the CA has now");
    if (X509_NAME_cmp(X509_get_issuer_name(next), X509_get_subject_name(next)) == 0 &&
        X509_verify(next, X509_get0_pubkey(next)) != 1 &&
        X509_verify(next, X509_get0_pubkey(authority)) != 1) {
        ERR_clear_error();
        return refuse(ret_reason, "its signature on itself is wrong");
    }
    received_drop_strangers(list, &early, n_path, agents);
    return 0;
}

/* --- Changes ---------------------------------------------------------------------------------- */

static void swap(Record *record)
{
    StoredCertificate *ca = record->certificates[ROLE_CA], **chain = record->chain;
    size_t n = record->n_chain;

    record->certificates[ROLE_CA] = record->certificates[ROLE_NEXT_CA];
    record->certificates[ROLE_NEXT_CA] = ca;
    record->chain = record->next_chain;
    record->next_chain = chain;
    record->n_chain = record->n_next_chain;
    record->n_next_chain = n;
}

static void drop_next(Record *record)
{
    record->certificates[ROLE_NEXT_CA] = NULL;
    record->next_chain = NULL;
    record->n_next_chain = 0;
    record->rollover = (Renewal){0};
    record->rollover_reason = NULL; /* rollover_release() has what was */
}

void rollover_settle(Record *record)
{
    StoredCertificate *router = record->certificates[ROLE_ROUTER];

    if (!record->certificates[ROLE_NEXT_CA])
        return;
    if (router && !stored_certificate_is_by(router, record->certificates[ROLE_CA]) &&
        stored_certificate_is_by(router, record->certificates[ROLE_NEXT_CA]))
        swap(record);
    if (!is_to_come(record) && !is_needed(record, ROLE_NEXT_CA, ROLE_CA))
        drop_next(record);
}

static bool has_authority(const Record *record, const StoredCertificate *c)
{
    return record->certificates[ROLE_CA] == c || record->certificates[ROLE_NEXT_CA] == c;
}

void rollover_release(Record *before, const Record *after)
{
    if (!has_authority(after, before->certificates[ROLE_CA])) {
        stored_certificate_free(before->certificates[ROLE_CA]);
        stored_chain_free(before->chain, before->n_chain);
    }
    if (before->certificates[ROLE_NEXT_CA] &&
        !has_authority(after, before->certificates[ROLE_NEXT_CA])) {
        stored_certificate_free(before->certificates[ROLE_NEXT_CA]);
        stored_chain_free(before->next_chain, before->n_next_chain);
    }
    if (before->rollover_reason != after->rollover_reason)
        free(before->rollover_reason);
}

/* Takes over the record on success. */
static int change(Trustpoints *t, Trustpoint *trustpoint, const Record *record)
{
    int r = record_write_at(t->state_fd, record);

    if (r < 0)
        return r;
    rollover_release(&trustpoint->record, record);
    trustpoint->record = *record;
    trustpoint->announced_expired[ROLE_CA] = trustpoint->announced_expired[ROLE_NEXT_CA] = false;
    return 0;
}

int rollover_stage(Trustpoints *t, Trustpoint *trustpoint, const ReceivedList *list)
{
    Record record = trustpoint->record;
    int r;

    drop_next(&record);
    record.next_chain = calloc(list->n, sizeof(StoredCertificate *));
    r = record.next_chain ? 0 : -ENOMEM;
    for (size_t i = 0; r >= 0 && i < list->n && i < RECEIVED_MAX; i++) {
        StoredCertificate **to =
            i == 0 ? &record.certificates[ROLE_NEXT_CA] : &record.next_chain[i - 1];

        r = stored_certificate_new(list->items[i].der, list->items[i].size, NULL, to);
        if (r >= 0 && i > 0)
            record.n_next_chain++;
    }
    if (r >= 0)
        r = change(t, trustpoint, &record);
    if (r < 0) {
        stored_certificate_free(record.certificates[ROLE_NEXT_CA]);
        stored_chain_free(record.next_chain, record.n_next_chain);
    }
    return r;
}

int rollover_failed(Trustpoints *t, Trustpoint *trustpoint, const char *reason)
{
    const CertificateBrief *ca = trustpoint->record.certificates[ROLE_CA]->brief;
    const RenewalTimes times = {ca->not_before, ca->not_after, ca->sha256_fingerprint, 0};
    char *copy = reason ? strdup(reason) : NULL;

    if (reason && !copy)
        return -ENOMEM;
    free(trustpoint->record.rollover_reason);
    trustpoint->record.rollover_reason = copy;
    renewal_failed(&times, &trustpoint->record.rollover, trustpoints_now(t));
    return record_write_at(t->state_fd, &trustpoint->record);
}

int rollover_take_over(Trustpoints *t, Trustpoint *trustpoint)
{
    Record record = trustpoint->record;

    if (!is_to_come(&record))
        return -ENOENT;
    swap(&record);
    record.rollover_reason = NULL;
    rollover_settle(&record);
    return change(t, trustpoint, &record);
}
