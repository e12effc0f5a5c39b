/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.TrustPool1.Verify: the verification of a chain, in a worker thread, against the pool
 * as it was when it was asked. */
#include "errors.h"
#include "poold.h"
#include "verify.h"

#include <time.h>

typedef struct Check {
    VerifyRequest request;
    void *data;
    char *purpose, *name;
    const AuthorityList *authorities;
    VerifyVerdict verdict;
} Check;

static void check_free(void *userdata)
{
    Check *check = userdata;

    authority_list_unref(check->authorities);
    free(check->data);
    free(check->purpose);
    free(check->name);
    free(check);
}

static int check_run(Job *job, void *userdata)
{
    Check *check = userdata;
    const char *reason = NULL;
    int r = verify_chain(&check->request, check->authorities, &check->verdict, &reason);

    if (r == -EBADMSG)
        return job_fail(job, ERROR_MALFORMED, "The certificates cannot be read: %s", reason);
    if (r == -EINVAL)
        return job_fail(job, ERROR_INVALID_ARGUMENT, "The certificates cannot be verified: %s",
                        reason);
    return r;
}

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

static int check_done(Job *job, void *userdata, int r)
{
    const Check *check = userdata;
    const VerifyVerdict *verdict = &check->verdict;
    _cleanup_free_ char *path = NULL;
    uint32_t depth = verdict->depth;

    if (r < 0)
        return 0;
    path = join_path(verdict);
    if (!path)
        return -ENOMEM;
    r = job_result(job, "valid", 'b', &verdict->valid);
    if (r >= 0)
        r = job_result(job, "reason", 's', verdict->reason);
    if (r >= 0)
        r = job_result(job, "depth", 'u', &depth);
    return r < 0 ? r : job_result(job, "path", 's', path);
}

int poold_verify(Poold *poold, sd_bus_message *m, const VerifyRequest *request,
                 sd_bus_error *reterr_error)
{
    JobWork work = {
        .kind = "verify", .run = check_run, .done = check_done, .free_data = check_free};
    Check *check = calloc(1, sizeof *check);

    if (!check)
        return -ENOMEM;
    check->request = *request;
    check->data = malloc(request->size + 1);
    check->purpose = strdup(request->purpose);
    check->name = request->name ? strdup(request->name) : NULL;
    check->authorities = authority_list_ref(pool_get_active(poold->pool));
    if (!check->data || !check->purpose || (request->name && !check->name)) {
        check_free(check);
        return -ENOMEM;
    }
    memcpy(check->data, request->data, request->size);
    check->request.data = check->data;
    check->request.purpose = check->purpose;
    check->request.name = check->name;
    work.data = check;
    return job_start(m, &work, reterr_error);
}
