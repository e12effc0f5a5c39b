/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.TrustPool1.Verify: the verification of a chain, in a worker thread, against the
 * trustpoints, and the pool as it was when it was asked. */
#include "checker.h"
#include "errors.h"
#include "log.h"
#include "poold.h"

#include <time.h>

/* How long a verdict is kept that something was missing for. */
#define LACKING_SECONDS 300

typedef struct Check {
    Poold *poold;
    uint8_t key[VERDICT_KEY_SIZE];
    bool kept_if_good; /* there is a key */
    uint64_t changes;  /* when it began */
    VerifyRequest request;
    void *data, *staple;
    char *purpose, *name, *trustpoint;
    Checker checker;
    bool told;
} Check;

static void check_free(void *userdata)
{
    Check *check = userdata;

    checker_done(&check->checker);
    free(check->data);
    free(check->staple);
    free(check->trustpoint);
    free(check->purpose);
    free(check->name);
    free(check);
}

/* --- In the worker ---------------------------------------------------------------------------- */

static int check_run(Job *job, void *userdata)
{
    Check *check = userdata;
    const char *reason = NULL;
    int r = checker_run(&check->checker, &check->request, job_cancel_fd(job), &reason);

    if (r == -EBADMSG && reason)
        return job_fail(job, ERROR_MALFORMED, "The certificates cannot be read: %s", reason);
    if (r == -EINVAL && reason)
        return job_fail(job, ERROR_INVALID_ARGUMENT, "The certificates cannot be verified: %s",
                        reason);
    if (r == -EHOSTDOWN)
        return job_fail(job, ERROR_UNREACHABLE, "The certificates cannot be verified: %s", reason);
    return r;
}

/* --- In the main loop ------------------------------------------------------------------------- */

static char *join_path(const VerifyVerdict *verdict)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    for (size_t i = 0; f && i < verdict->n; i++)
        (void)fprintf(f, "%s%s", i > 0 ? " " : "", verdict->path[i]);
    if (!f || fclose(f) == EOF) {
        free(text);
        return NULL;
    }
    return text;
}

static int tell(Job *job, const VerifyVerdict *verdict, const char *trustpoint, const char *path,
                const char *problem)
{
    uint32_t depth = verdict->depth;
    int r = job_result(job, "valid", 'b', &verdict->valid);

    if (r >= 0)
        r = job_result(job, "reason", 's', verdict->reason);
    if (r >= 0)
        r = job_result(job, "verdict", 's', verify_word(verdict));
    if (r >= 0)
        r = job_result(job, "depth", 'u', &depth);
    if (r >= 0)
        r = job_result(job, "trustpoint", 's', trustpoint ?: "");
    if (r >= 0 && problem)
        r = job_result(job, "problem", 's', problem);
    return r < 0 ? r : job_result(job, "path", 's', path);
}

/* What was found while something changed is told, and not kept. */
static int keep(const Check *check, uint64_t changes, const char *path)
{
    const CrlWork *work = &check->checker.work;
    int64_t until = check->checker.good_until;
    bool lacks = work->lacks;

    if (!check->kept_if_good || !check->checker.verdict.valid || check->changes != changes)
        return 0;
    if (work->good_until < until)
        until = work->good_until;
    for (size_t i = 0; i < work->n_attempts; i++)
        lacks |= !work->attempts[i].good;
    if (lacks && until > work->now + LACKING_SECONDS)
        until = work->now + LACKING_SECONDS;
    if (until <= work->now)
        return 0;
    return verdict_cache_put(check->poold->verdicts, check->key, work->now, until, path,
                             check->checker.trustpoint);
}

/* The CRLs that it has brought are there after a restart, too. */
static int check_write(Job *job, void *userdata)
{
    const Check *check = userdata;

    (void)crl_jobs_write(check->poold);
    return 0;
}

static int check_done(Job *job, void *userdata, int r)
{
    Check *check = userdata;
    const Checker *checker = &check->checker;
    uint64_t changes = check->poold->changes; /* before the CRLs that it has brought itself */
    _cleanup_free_ char *path = NULL;

    if (check->told)
        return 0;
    check->told = true;
    checker_keep(checker, check->poold, job_user(job));
    if (r < 0)
        return 0;
    if (checker->work.fetched.n > 0)
        job_then(job, check_write);
    path = join_path(&checker->verdict);
    r = path ? keep(check, changes, path) : -ENOMEM;
    return r < 0 ? r
                 : tell(job, &checker->verdict, checker->trustpoint, path,
                        verify_lacks_crl(&checker->verdict) ? checker->work.problem : NULL);
}

static int copy_text(const char *text, char **ret)
{
    *ret = text ? strdup(text) : NULL;
    return text && !*ret ? -ENOMEM : 0;
}

static int copy_data(const void *data, size_t size, void **ret)
{
    *ret = malloc(size + 1);
    if (!*ret)
        return -ENOMEM;
    if (size > 0)
        memcpy(*ret, data, size);
    return 0;
}

static int check_fill(Poold *poold, const VerifyOrder *order, Check *check)
{
    const VerifyRequest *request = &order->request;
    Checker *checker = &check->checker;
    int r = checker_prepare(poold, checker);

    check->poold = poold;
    check->changes = poold->changes;
    check->request = *request;
    if (r >= 0)
        r = copy_data(request->data, request->size, &check->data);
    if (r >= 0)
        r = copy_data(request->staple.data, request->staple.size, &check->staple);
    if (r >= 0)
        r = copy_text(request->purpose, &check->purpose);
    if (r >= 0)
        r = copy_text(request->name, &check->name);
    if (r >= 0)
        r = copy_text(order->trustpoint, &check->trustpoint);
    check->request.data = check->data;
    check->request.staple.data = check->staple;
    check->request.purpose = check->purpose;
    check->request.name = check->name;
    checker->revocation_given = order->revocation_given;
    checker->may_fetch = order->may_fetch;
    checker->preferred = check->trustpoint;
    checker->own = order->own;
    if (!order->of_now)
        checker->answers = NULL;
    return r;
}

/* --- What is known already -------------------------------------------------------------------- */

typedef struct Known {
    char *path, *trustpoint;
} Known;

static void known_free(void *userdata)
{
    Known *known = userdata;

    free(known->path);
    free(known->trustpoint);
    free(known);
}

static int known_done(Job *job, void *userdata, int r)
{
    static const VerifyVerdict good = {.valid = true, .reason = "ok"};
    const Known *known = userdata;

    return tell(job, &good, known->trustpoint, known->path, NULL);
}

static int answer_known(sd_bus_message *m, const KeptVerdict *kept, sd_bus_error *reterr_error)
{
    Known *known = calloc(1, sizeof *known);

    if (!known)
        return -ENOMEM;
    known->path = strdup(kept->path);
    known->trustpoint = kept->trustpoint ? strdup(kept->trustpoint) : NULL;
    if (!known->path || (kept->trustpoint && !known->trustpoint)) {
        known_free(known);
        return -ENOMEM;
    }
    return job_start(
        m, &(JobWork){.kind = "verify", .done = known_done, .free_data = known_free, .data = known},
        reterr_error);
}

/* A question about another time, one that nothing is fetched for, or one with less to go by is not
 * one of those whose answers are kept. */
static int make_key(const VerifyOrder *order, uint8_t ret[VERDICT_KEY_SIZE])
{
    static const char *const words[] = {[VERIFY_REVOCATION_REQUIRED] = "required",
                                        [VERIFY_REVOCATION_OPTIONAL] = "optional",
                                        [VERIFY_REVOCATION_NONE] = "none"};
    const char *revocation =
        order->revocation_given ? words[order->request.revocation] : "as configured";

    if (!order->of_now || !order->may_fetch || order->own != CHECKER_PEER ||
        order->request.legacy || order->request.size > VERDICT_REQUEST_MAX)
        return -ENOENT;
    return verdict_cache_key(&order->request, revocation, order->trustpoint, ret);
}

int poold_verify(Poold *poold, sd_bus_message *m, const VerifyOrder *order,
                 sd_bus_error *reterr_error)
{
    JobWork work = {
        .kind = "verify", .run = check_run, .done = check_done, .free_data = check_free};
    uint8_t key[VERDICT_KEY_SIZE];
    const KeptVerdict *kept;
    Check *check;
    int r = make_key(order, key);

    if (r < 0 && r != -ENOENT)
        return r;
    kept = r >= 0 ? verdict_cache_get(poold->verdicts, key, order->request.time) : NULL;
    if (kept) {
        log_debug("The verdict is known already");
        return answer_known(m, kept, reterr_error);
    }
    check = calloc(1, sizeof *check);
    if (!check)
        return -ENOMEM;
    check->kept_if_good = r >= 0;
    if (check->kept_if_good)
        memcpy(check->key, key, sizeof key);
    r = check_fill(poold, order, check);
    if (r < 0) {
        check_free(check);
        return r;
    }
    work.data = check;
    return job_start(m, &work, reterr_error);
}
