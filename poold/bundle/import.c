/* SPDX-License-Identifier: Apache-2.0 */
/* The import of a bundle: download, parse and build the new pool aside, in the worker thread; write
 * the state file there too, which is the moment from which on the import has happened; then, in the
 * main loop, show the new pool. One import at a time. */
#include "bundle.h"
#include "checker.h"
#include "diff.h"
#include "errors.h"
#include "export.h"
#include "fetch-client.h"
#include "fetch-url.h"
#include "impact.h"
#include "log.h"
#include "poold.h"
#include "report.h"

#include <time.h>

#define DOWNLOAD_SECONDS 120U

/* The worker uses what never changes after start, the state file, and what is in here. */
typedef struct Import {
    Poold *poold;
    StoreOrigin origin;
    void *data;
    size_t size;
    char *signer;
    char *host_key, *user, *password; /* of sftp and scp */
    FetchRoute route;
    Checker checker;             /* of the https server */
    AuthorityList *known;        /* parsed already */
    const AuthorityList *active; /* before the import */
    size_t n_before;
    unsigned shrink_limit;
    bool downloads, force, refuse_weak;
    bool newer_only, unchanged, try_only;
    char *peer; /* for try_only: where updates come from */
    FetchAccess access;
    uint32_t changes, lost;
    bool needs_force;
    uint64_t number; /* of what was exported */

    Pool *pool;
    uint32_t imported, rejected;
    char *rejections, *report;
} Import;

static void import_free(void *userdata)
{
    Import *import = userdata;

    if (!import->try_only)
        import->poold->importing = false;
    checker_done(&import->checker);
    authority_list_unref(import->active);
    store_origin_done(&import->origin);
    authority_list_free(import->known);
    pool_free(import->pool);
    free(import->data);
    free(import->signer);
    free(import->peer);
    free(import->host_key);
    free(import->user);
    if (import->password)
        explicit_bzero(import->password, strlen(import->password));
    free(import->password);
    free(import->rejections);
    free(import->report);
    free(import);
}

/* --- In the worker ---------------------------------------------------------------------------- */

static int download(Job *job, Import *import, FetchReply *reply)
{
    _cleanup_free_ char *anchors = NULL;
    FetchRequest request = {
        .url = import->origin.url,
        .size_max = BUNDLE_SIZE_MAX,
        .timeout_seconds = DOWNLOAD_SECONDS,
        .etag = import->newer_only ? import->origin.etag : NULL,
        .host_key = import->host_key,
        .user = import->user,
        .password = import->password,
        .route = &import->route,
        .judge = fetch_url_is_https(import->origin.url) ? checker_judge : NULL,
        .judge_data = &import->checker,
    };
    size_t size;
    int r;

    job_progress(job, 0, "Downloading the bundle");
    r = fetch_url_is_https(request.url) ? export_bundle(import->active, &anchors, &size) : 0;
    if (r < 0)
        return r;
    request.trust_anchors = anchors;
    r = fetch(&request, job_cancel_fd(job), reply);
    if (r == -EMSGSIZE)
        return job_fail(job, ERROR_TOO_LARGE, "The bundle at %s is larger than 48 MiB",
                        request.url);
    if (r == -EHOSTUNREACH)
        return job_fail(job, ERROR_UNREACHABLE, "%s cannot be downloaded: %s", request.url,
                        reply->error);
    if (r < 0)
        return r;
    import->unchanged = reply->status == 304 && request.etag;
    if (import->unchanged)
        return 0;
    if (reply->status != 200)
        return job_fail(job, ERROR_UNREACHABLE,
                        "%s cannot be downloaded: the server answered with HTTP status %u",
                        request.url, reply->status);
    return 0;
}

static int refuse_bundle(Job *job, const Import *import, const FetchReply *reply, int r,
                         const char *reason)
{
    const char *type = reply->content_type;

    if (r == -EKEYREJECTED)
        return job_fail(job, ERROR_VERIFICATION_FAILED, "The bundle at %s is not taken: %s",
                        import->origin.url, reason);
    return job_fail(job, r == -EMSGSIZE ? ERROR_TOO_LARGE : ERROR_MALFORMED,
                    "What %s holds is no bundle of CA certificates: %s%s%s%s", import->origin.url,
                    reason, type ? " (content type " : "", type ?: "", type ? ")" : "");
}

static int read_bundle(Job *job, const Import *import, const FetchReply *reply, AuthorityList **ret)
{
    const AuthorityRules rules = {
        .now = time(NULL), .refuse_weak = import->refuse_weak, .known = import->known};
    const char *reason = NULL;
    int r = 0;

    job_progress(job, 50, "Reading the certificates");
    if (import->signer)
        r = bundle_check_signature(reply->body, reply->body_size, import->signer, import->known,
                                   &reason);
    if (r >= 0)
        r = bundle_parse(reply->body, reply->body_size, &rules, ret, &reason);
    if (r == -EBADMSG || r == -EMSGSIZE || r == -EKEYREJECTED)
        return refuse_bundle(job, import, reply, r, reason);
    return r;
}

/* PEERS F30: what is not plausible changes nothing. */
static int check_plausible(Job *job, Import *import, const AuthorityList *list)
{
    size_t lost = list->n < import->n_before ? import->n_before - list->n : 0;

    if (list->n == 0)
        return job_fail(job, ERROR_MALFORMED,
                        "Nothing in the bundle at %s is usable, the trustpool stays as it is: %s",
                        import->origin.url,
                        import->rejected > 0 ? import->rejections : "no certificates");
    import->needs_force = lost * 100 > import->n_before * import->shrink_limit;
    if (!import->force && import->needs_force)
        return job_fail(job, ERROR_CONFLICT,
                        "The bundle at %s would replace %zu CA certificates by %zu, a loss of more "
                        "than %u%%: the trustpool stays as it is; use force when "
                        "that is meant",
                        import->origin.url, import->n_before, list->n, import->shrink_limit);
    return 0;
}

static int take_bundle(Job *job, Import *import, const FetchReply *reply)
{
    _cleanup_(authority_list_freep) AuthorityList *list = NULL;
    int r;

    r = read_bundle(job, import, reply, &list);
    if (r < 0)
        return r;
    import->rejections = authority_list_describe_rejected(list);
    import->report = report_rejected(list);
    if (!import->rejections || !import->report)
        return -ENOMEM;
    import->imported = (uint32_t)list->n;
    import->rejected = (uint32_t)authority_list_rejected(list);
    r = check_plausible(job, import, list);
    if (r < 0)
        return r;
    return pool_new(import->poold->built_in, TAKE_PTR(list), import->refuse_weak, &import->pool);
}

static int tell_changes(Job *job, Import *import)
{
    _cleanup_json_ json_object *array = json_object_new_array();
    const AuthorityList *after = pool_get_active(import->pool);
    const char *text;
    size_t n, lost;
    int r;

    r = array ? pool_diff(import->active, after, array, &n) : -ENOMEM;
    if (r >= 0) {
        job_progress(job, 80, "Verifying trustpoints and peers");
        r = impact_tell(import->active, after,
                        &(ImpactPeers){.checker = &import->checker,
                                       .access = &import->access,
                                       .url = import->peer,
                                       .route = &import->route},
                        job_cancel_fd(job), array, &lost);
    }
    if (r < 0)
        return r;
    text = json_object_to_json_string_ext(array,
                                          JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    free(import->report);
    import->report = text ? strdup(text) : NULL;
    import->changes = (uint32_t)n;
    import->lost = (uint32_t)lost;
    return import->report ? 0 : -ENOMEM;
}

static int import_run(Job *job, void *userdata)
{
    _cleanup_(fetch_reply_done) FetchReply reply = {0};
    Import *import = userdata;
    int r = 0;

    if (import->downloads) {
        r = download(job, import, &reply);
    } else {
        reply.body = TAKE_PTR(import->data);
        reply.body_size = import->size;
    }
    if (r >= 0 && import->unchanged)
        return 0;
    if (r >= 0)
        r = take_bundle(job, import, &reply);
    if (r < 0)
        return r;
    if (job_is_cancelled(job))
        return -ECANCELED;
    if (import->try_only)
        return tell_changes(job, import);
    job_progress(job, 90, "Storing the certificates");
    import->origin.imported = time(NULL);
    free(import->origin.etag);
    import->origin.etag = TAKE_PTR(reply.etag);
    r = store_save(import->poold->state_fd, &import->origin, pool_get_downloaded(import->pool));
    if (r < 0)
        return job_fail(job, ERROR_FAILED,
                        "The certificates cannot be stored, the trustpool stays as it is: %s",
                        strerror(-r));
    job_progress(job, 95, "Exporting the certificates");
    publisher_write(&import->poold->publisher, pool_get_active(import->pool), import->number);
    return 0;
}

/* --- In the main loop ------------------------------------------------------------------------- */

/* The policy may have changed meanwhile. */
static int remake_pool(Import *import)
{
    _cleanup_(pool_freep) Pool *old = TAKE_PTR(import->pool);

    return poold_make_pool(import->poold, pool_get_downloaded(old), &import->pool);
}

static int take_pool(Job *job, Import *import)
{
    static const LogEvent event = {LOG_POOL_UPDATED};
    Poold *poold = import->poold;
    bool remade = import->refuse_weak != poold->policy->refuse_weak;
    int r = 0;

    if (remade)
        r = remake_pool(import);
    if (r < 0)
        return r;
    log_event(&event, LOG_FIELDS("USER", job_user(job), "URL", import->origin.url),
              "Trustpool replaced by %s: %u CA certificates imported from %s, %u rejected%s%s",
              job_user(job), import->imported, import->origin.url, import->rejected,
              import->rejected > 0 ? ": " : "", import->rejections);
    poold_replace(poold, TAKE_PTR(import->pool), &import->origin);
    if (remade || import->number != poold->publisher.drawn)
        poold_publish(poold, NULL, NULL);
    else
        poold_announce(poold);
    r = job_result(job, "imported", 'u', &import->imported);
    if (r >= 0)
        r = job_result(job, "rejected", 'u', &import->rejected);
    return r < 0 ? r : job_result(job, "report", 's', import->report);
}

static int diff_done(Job *job, void *userdata, int r)
{
    const Import *import = userdata;

    checker_keep(&import->checker, import->poold, job_user(job));
    if (r < 0)
        return 0;
    r = job_result(job, "imported", 'u', &import->imported);
    if (r >= 0)
        r = job_result(job, "rejected", 'u', &import->rejected);
    if (r >= 0)
        r = job_result(job, "changes", 'u', &import->changes);
    if (r >= 0)
        r = job_result(job, "lost", 'u', &import->lost);
    if (r >= 0)
        r = job_result(job, "needs-force", 'b', &import->needs_force);
    return r < 0 ? r : job_result(job, "report", 's', import->report);
}

static int import_done(Job *job, void *userdata, int r)
{
    Import *import = userdata;
    Update *update = import->poold->update;

    import->poold->importing = false;
    checker_keep(&import->checker, import->poold, job_user(job));
    if (r >= 0 && !import->unchanged)
        r = take_pool(job, import);
    else if (r >= 0)
        log_info("The bundle at %s is still the one that was imported", import->origin.url);
    if (r >= 0)
        update_note_success(update);
    else if (import->newer_only)
        update_note_failure(update, job_error(job) ?: strerror(-r));
    else
        update_arm(update);
    return r;
}

/* What the worker needs of what is the main loop's. */
static int import_fill(Import *import, const Poold *poold, const ImportOrder *order)
{
    const Policy *policy = poold->policy;
    int r = checker_prepare(poold, &import->checker);

    if (r < 0)
        return r;
    import->origin.url = strdup(order->url);
    import->active = authority_list_ref(pool_get_active(poold->pool));
    import->signer = policy->signer ? strdup(policy->signer) : NULL;
    import->data = order->data ? malloc(order->size + 1) : NULL;
    import->known = authority_list_new();
    import->host_key = order->host_key ? strdup(order->host_key) : NULL;
    import->access = poold->access;
    import->route = fetch_access_route(&poold->access, policy->route.device);
    import->peer = order->try_only && policy->url ? strdup(policy->url) : NULL;
    if (order->try_only && policy->url && !import->peer)
        return -ENOMEM;
    import->password = order->password ? strdup(order->password) : NULL;
    import->user = order->password ? fetch_url_user(order->url) : NULL;
    if ((order->host_key && !import->host_key) ||
        (order->password && (!import->password || !import->user)))
        return -ENOMEM;
    if (!import->origin.url || (policy->signer && !import->signer) ||
        (order->data && !import->data) || !import->known)
        return -ENOMEM;
    if (order->data)
        memcpy(import->data, order->data, order->size);
    import->downloads = !order->data;
    import->size = order->size;
    import->force = order->force;
    import->shrink_limit = policy->shrink_limit;
    import->refuse_weak = policy->refuse_weak;
    import->n_before = pool_downloaded(poold->pool);
    import->newer_only = order->newer_only;
    /* What was not looked at under this signer is looked at again. */
    if (poold->origin.etag && streq_ptr(poold->origin.url, order->url) &&
        streq_ptr(poold->origin.signer, policy->signer)) {
        import->origin.etag = strdup(poold->origin.etag);
        if (!import->origin.etag)
            return -ENOMEM;
    }
    import->origin.signer = policy->signer ? strdup(policy->signer) : NULL;
    if (policy->signer && !import->origin.signer)
        return -ENOMEM;
    r = authority_list_join(import->known, poold->built_in);
    return r < 0 ? r : authority_list_join(import->known, pool_get_downloaded(poold->pool));
}

static int import_new(Poold *poold, const ImportOrder *order, Import **ret)
{
    Import *import = calloc(1, sizeof *import);
    int r;

    if (!import)
        return -ENOMEM;
    import->poold = poold;
    import->try_only = order->try_only;
    if (!order->try_only)
        poold->importing = true;
    r = import_fill(import, poold, order);
    if (r < 0) {
        import_free(import);
        return r;
    }
    if (!order->try_only) {
        import->number = ++poold->publisher.drawn;
        update_note_attempt(poold->update);
    }
    *ret = import;
    return 0;
}

int poold_import(Poold *poold, sd_bus_message *m, const ImportOrder *order,
                 sd_bus_error *reterr_error)
{
    JobWork work = {
        .kind = "import", .run = import_run, .done = import_done, .free_data = import_free};
    Import *import;
    int r;

    if (order->try_only) {
        work.kind = "diff";
        work.done = diff_done;
    } else if (poold->importing)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY,
                                 "Another import is running; try again when it has ended");
    r = import_new(poold, order, &import);
    if (r < 0)
        return r;
    work.data = import;
    return job_start(m, &work, reterr_error);
}

int poold_update(Poold *poold)
{
    const ImportOrder order = {.url = poold->policy->url, .newer_only = true};
    JobWork work = {
        .kind = "update", .run = import_run, .done = import_done, .free_data = import_free};
    Import *import;
    int r;

    r = import_new(poold, &order, &import);
    if (r < 0)
        return r;
    work.data = import;
    return job_start_internal(poold->server, &work);
}
