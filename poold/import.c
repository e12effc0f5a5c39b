/* SPDX-License-Identifier: Apache-2.0 */
/* The import of a bundle: download, parse and build the new pool aside, in the worker thread; write the state file there too, which is the moment from which
 * on the import has happened; then, in the main loop, show the new pool. One import at a time. */
#include "bundle.h"
#include "errors.h"
#include "fetch-client.h"
#include "log.h"
#include "poold.h"
#include "store.h"

#include <time.h>

#define DOWNLOAD_SECONDS 120U

typedef struct Import {
    Poold *poold; /* the worker uses what never changes, and the state file */
    char *url;
    char *trust_anchors;
    Pool *pool;
    uint32_t imported, rejected;
    char *rejections;
} Import;

static void import_free(void *userdata)
{
    Import *import = userdata;

    import->poold->importing = false;
    pool_free(import->pool);
    free(import->url);
    free(import->trust_anchors);
    free(import->rejections);
    free(import);
}

/* --- In the worker -------------------------------------------------------------------------------------------------- */

static int download(Job *job, const Import *import, FetchReply *reply)
{
    const FetchRequest request = {
        .url = import->url,
        .trust_anchors = import->trust_anchors,
        .size_max = BUNDLE_SIZE_MAX,
        .timeout_seconds = DOWNLOAD_SECONDS,
    };
    int r;

    r = fetch(&request, job_cancel_fd(job), reply);
    if (r == -EMSGSIZE)
        return job_fail(job, ERROR_TOO_LARGE, "The bundle at %s is larger than 4 MiB", import->url);
    if (r == -EHOSTUNREACH)
        return job_fail(job, ERROR_UNREACHABLE, "%s cannot be downloaded: %s", import->url, reply->error);
    if (r < 0)
        return r;
    if (reply->status != 200)
        return job_fail(job, ERROR_UNREACHABLE, "%s cannot be downloaded: the server answered with HTTP status %u", import->url,
                        reply->status);
    return 0;
}

static int refuse_bundle(Job *job, const Import *import, const FetchReply *reply, int r, const char *reason)
{
    const char *type = reply->content_type;

    return job_fail(job, r == -EMSGSIZE ? ERROR_TOO_LARGE : ERROR_MALFORMED,
                    "What %s holds is no bundle of CA certificates: %s%s%s%s", import->url, reason, type ? " (content type " : "",
                    type ?: "", type ? ")" : "");
}

static int read_bundle(Job *job, Import *import, const FetchReply *reply, AuthorityList **ret)
{
    _cleanup_(authority_list_freep) AuthorityList *list = NULL;
    const AuthorityRules rules = {.now = time(NULL)};
    const char *reason;
    int r;

    r = bundle_parse(reply->body, reply->body_size, &rules, &list, &reason);
    if (r == -EBADMSG || r == -EMSGSIZE)
        return refuse_bundle(job, import, reply, r, reason);
    if (r < 0)
        return r;
    import->rejections = authority_list_describe_rejected(list);
    if (!import->rejections)
        return -ENOMEM;
    import->imported = (uint32_t)list->n;
    import->rejected = (uint32_t)authority_list_rejected(list);
    if (list->n == 0)
        return job_fail(job, ERROR_MALFORMED, "Nothing in the bundle at %s is usable, the trustpool stays as it is: %s", import->url,
                        import->rejected > 0 ? import->rejections : "no certificates");
    *ret = TAKE_PTR(list);
    return 0;
}

static int import_run(Job *job, void *userdata)
{
    _cleanup_(fetch_reply_done) FetchReply reply = {0};
    AuthorityList *downloaded;
    Import *import = userdata;
    int r;

    job_progress(job, 0, "Downloading the bundle");
    r = download(job, import, &reply);
    if (r < 0)
        return r;
    job_progress(job, 50, "Reading the certificates");
    r = read_bundle(job, import, &reply, &downloaded);
    if (r < 0)
        return r;
    r = pool_new(import->poold->built_in, downloaded, &import->pool);
    if (r < 0)
        return r;
    if (job_is_cancelled(job))
        return -ECANCELED;
    job_progress(job, 90, "Storing the certificates");
    r = store_save(import->poold->state_fd, import->url, time(NULL), pool_get_downloaded(import->pool));
    if (r < 0)
        return job_fail(job, ERROR_FAILED, "The certificates cannot be stored, the trustpool stays as it is: %s", strerror(-r));
    return 0;
}

/* --- In the main loop ----------------------------------------------------------------------------------------------- */

static int import_done(Job *job, void *userdata, int r)
{
    static const LogEvent event = {LOG_POOL_UPDATED};
    Import *import = userdata;

    if (r < 0)
        return 0;
    poold_replace(import->poold, TAKE_PTR(import->pool));
    log_event(&event, LOG_FIELDS("USER", job_user(job), "URL", import->url),
              "Trustpool replaced by %s: %u CA certificates imported from %s, %u rejected%s%s", job_user(job), import->imported, import->url,
              import->rejected, import->rejected > 0 ? ": " : "", import->rejections);
    r = job_result(job, "imported", 'u', &import->imported);
    return r < 0 ? r : job_result(job, "rejected", 'u', &import->rejected);
}

int poold_import(Poold *poold, sd_bus_message *m, const char *url, sd_bus_error *reterr_error)
{
    JobWork work = {.kind = "import", .run = import_run, .done = import_done, .free_data = import_free};
    Import *import;
    size_t size;

    if (poold->importing)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY, "Another import is running; try again when it has ended");
    import = calloc(1, sizeof *import);
    if (!import)
        return -ENOMEM;
    import->poold = poold;
    poold->importing = true;
    import->url = strdup(url);
    import->trust_anchors = strdup(pool_bundle(poold->pool, &size));
    if (!import->url || !import->trust_anchors) {
        import_free(import);
        return -ENOMEM;
    }
    work.data = import;
    return job_start(m, &work, reterr_error);
}
