/* SPDX-License-Identifier: Apache-2.0 */
#include "admission.h"

#include <time.h>

#include "log.h"

static int add_other(Admission *a, const StoredCertificate *c)
{
    if (!c || a->n_others == RECORD_CHAIN_MAX)
        return 0;
    a->others[a->n_others] = stored_certificate_x509(c);
    if (!a->others[a->n_others])
        return -ENOMEM;
    a->n_others++;
    return 0;
}

int admission_init(Admission *a, const Trustpoint *t, int64_t now)
{
    const StoredCertificate *ca = trustpoint_certificate(t, ROLE_CA);
    int r;

    *a = (Admission){.trustpoint = strdup(t->name), .legacy = t->config->legacy, .now = now};
    if (!a->trustpoint)
        return -ENOMEM;
    a->authority = stored_certificate_x509(ca);
    if (!a->authority)
        return -ENOMEM;
    r = add_other(a, trustpoint_certificate(t, ROLE_NEXT_CA));
    for (size_t i = 0; r >= 0 && i < t->record.n_chain; i++)
        r = add_other(a, t->record.chain[i]);
    return r;
}

void admission_done(Admission *a)
{
    free(a->trustpoint);
    X509_free(a->authority);
    for (size_t i = 0; i < a->n_others; i++)
        X509_free(a->others[i]);
    *a = (Admission){.trustpoint = NULL};
}

static bool is_answer(const Admission *a, const Received *c, X509_REQ *request)
{
    const ReceivedRules rules = {.now = a->now, .legacy = a->legacy};
    const char *why;

    if (received_check_answer(c->x509, a->authority, request, &rules, &why) >= 0)
        return true;
    for (size_t i = 0; i < a->n_others; i++)
        if (received_check_answer(c->x509, a->others[i], request, &rules, &why) >= 0)
            return true;
    return false;
}

/* Time has a floor here, and a CA whose clock is a little ahead is forgiven: poold knows neither.
 * 0: now. */
static int64_t moment_of(const Admission *a, const X509 *c)
{
    int64_t now = (int64_t)time(NULL), begins, at = a->now;

    if (x509_time_read(X509_get0_notBefore(c), &begins) >= 0 && begins > at)
        at = begins;
    return at > now ? at : 0;
}

static int ask(const Admission *a, X509 *c, int cancel_fd, Verdict *ret, char *reason)
{
    _cleanup_free_ char *pem = NULL;
    int r = verdict_pem(c, a->others, a->n_others, &pem);

    return r < 0 ? r
                 : verdict_ask(&(VerdictQuestion){.trustpoint = a->trustpoint,
                                                  .pem = pem,
                                                  .legacy = a->legacy,
                                                  .is_received = true,
                                                  .at = moment_of(a, c)},
                               cancel_fd, ret, reason);
}

int admission_check(const Admission *a, const ReceivedList *list, X509_REQ *request, int cancel_fd,
                    char reason[VERDICT_REASON_SIZE])
{
    const Received *found = received_find(list, request);
    char silence[VERDICT_REASON_SIZE] = "";
    Verdict verdict;
    int r;

    if (!found || !is_answer(a, found, request))
        return 0;
    r = ask(a, found->x509, cancel_fd, &verdict, silence);
    if (r == -ECANCELED || r == -ENOMEM)
        return r;
    if (r < 0) {
        log_notice("A certificate for trustpoint %s is taken without poold, which does not say "
                   "what it thinks of it, and is asked again: %s",
                   a->trustpoint, silence);
        return 0;
    }
    if (verdict.kind == VERDICT_REVOKED)
        (void)snprintf(reason, VERDICT_REASON_SIZE, "%s", verdict.reason);
    else if (verdict.kind == VERDICT_BAD)
        (void)snprintf(reason, VERDICT_REASON_SIZE, "it does not verify, %.400s", verdict.reason);
    else
        return 0;
    return -EKEYREJECTED;
}
