/* SPDX-License-Identifier: Apache-2.0 */
/* The start of chancery-poold, and the change from one pool to the next. */
#include "poold.h"

#include <fcntl.h>

#include "atomic-file.h"
#include "log.h"
#include "system-trust.h"

/* The system's list without those that are in it for our sake: they are downloaded ones, and go
 * with them. */
static int read_system_list(AuthorityList *list)
{
    _cleanup_(authority_list_freep) AuthorityList *all = authority_list_new(),
                                                  *own = authority_list_new();
    _cleanup_free_ char *name = NULL;
    int r = all && own ? store_read_built_in(BUILT_IN_FILE, all) : -ENOMEM;

    if (r < 0)
        return r;
    r = store_read_built_in_folder(SYSTEM_TRUST_FOLDER, own, &name);
    if (r < 0)
        log_warning_errno(r, "%s/%s cannot be read, ignoring: %m", SYSTEM_TRUST_FOLDER, name ?: "");
    r = 0;
    for (size_t i = 0; r >= 0 && i < all->n; i++)
        if (!authority_list_find(own, all->items[i]->digest))
            r = authority_list_append(list, all->items[i]);
    return r;
}

static void read_built_in(AuthorityList *list)
{
    _cleanup_free_ char *name = NULL;
    int r;

    r = read_system_list(list);
    if (r < 0)
        log_warning_errno(r, "The system's CA certificates in %s cannot be read, ignoring: %m",
                          BUILT_IN_FILE);
    r = store_read_built_in_folder(BUILT_IN_FOLDER, list, &name);
    if (r < 0)
        log_warning_errno(r, "The vendor's CA certificates in %s/%s cannot be read, ignoring: %m",
                          BUILT_IN_FOLDER, name ?: "");
    if (list->n == 0)
        log_warning("There are no built-in CA certificates");
}

/* Fewer CAs are believed than could be, never more, and the rest goes on: whoever verifies against
 * trustpoints needs none of these. The file stays for the next start; an import, which brings all
 * of them, takes its place. */
static int go_on_without(int error, AuthorityList **ret)
{
    static const LogEvent event = {LOG_STATE_UNREADABLE};

    log_event(&event, LOG_FIELDS("FILE", STORE_FILE),
              "The downloaded CA certificates in %s cannot be read: %s; going on with the built-in "
              "ones until the next start, or the next import",
              STORE_FILE, strerror(-error));
    *ret = authority_list_new();
    return *ret ? 0 : -ENOMEM;
}

static int read_downloaded(int dirfd, const AuthorityList *built_in, AuthorityList **ret,
                           StoreOrigin *ret_origin)
{
    static const LogEvent event = {LOG_STATE_CORRUPT};
    int r;

    r = remove_leftovers_at(dirfd);
    if (r < 0)
        log_warning_errno(r, "Leftovers in the state directory cannot be removed, ignoring: %m");
    r = store_load(dirfd, built_in, ret, ret_origin);
    if (r >= 0 || r == -ENOMEM)
        return r;
    if (r != -EBADMSG)
        return go_on_without(r, ret);
    log_event(&event, LOG_FIELDS("FILE", STORE_FILE),
              "The downloaded CA certificates in %s do not parse; moved to %s.corrupt, going on "
              "with the built-in ones",
              STORE_FILE, STORE_FILE);
    r = quarantine_at(dirfd, STORE_FILE);
    if (r < 0)
        return r;
    return store_load(dirfd, built_in, ret, ret_origin);
}

static int open_runtime_directory(void)
{
    const char *path = getenv("RUNTIME_DIRECTORY");
    int fd;

    if (!path || path[0] != '/')
        return -ENXIO;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

void poold_changed(void *userdata)
{
    Poold *poold = userdata;

    poold->changes++;
    verdict_cache_clear(poold->verdicts);
}

void poold_replace(Poold *poold, Pool *pool, StoreOrigin *origin)
{
    _cleanup_(pool_freep) Pool *before = poold->pool;

    store_origin_done(&poold->origin);
    poold->origin = *origin;
    *origin = (StoreOrigin){0};
    poold->pool = pool;
    poold_changed(poold);
    update_note_pool(poold->update, pool_get_active(before));
}

int poold_make_pool(const Poold *poold, const AuthorityList *downloaded, Pool **ret)
{
    _cleanup_(authority_list_freep) AuthorityList *list = authority_list_new();
    int r;

    r = list ? authority_list_join(list, downloaded) : -ENOMEM;
    return r < 0 ? r : pool_new(poold->built_in, TAKE_PTR(list), poold->policy->refuse_weak, ret);
}

static void on_applied(void *userdata)
{
    if (userdata)
        config_applied_answer(userdata);
}

int poold_apply(Poold *poold, Policy *policy)
{
    bool changes = policy->refuse_weak != poold->policy->refuse_weak ||
                   policy->export_system != poold->in_system;
    Pool *pool;
    int r;

    policy_free(poold->policy);
    poold->policy = policy;
    poold_changed(poold);
    __atomic_store_n(&poold->publisher.system, policy->export_system, __ATOMIC_RELEASE);
    if (!changes) {
        update_arm(poold->update);
        return 0;
    }
    r = poold_make_pool(poold, pool_get_downloaded(poold->pool), &pool);
    if (r < 0)
        return r;
    pool_free(poold->pool);
    poold->pool = pool;
    poold_changed(poold);
    update_arm(poold->update);
    poold_publish(poold, on_applied, config_applied_later(poold->server));
    return 0;
}

/* One that is fetched anew takes the place of what cannot be read now: that is no loss. */
static void report_crl(const char *file, int error)
{
    static const LogEvent corrupt = {LOG_STATE_CORRUPT}, unreadable = {LOG_STATE_UNREADABLE};

    if (error == -EBADMSG)
        log_event(&corrupt, LOG_FIELDS("FILE", file),
                  "The CRL in %s is damaged; moved to %s.corrupt, it is fetched again when it is "
                  "needed",
                  file, file);
    else
        log_event(&unreadable, LOG_FIELDS("FILE", file),
                  "The CRL in %s cannot be read: %s; it is fetched again when it is needed", file,
                  strerror(-error));
}

static int load_crls(Poold *poold)
{
    int r;

    poold->answers = ocsp_cache_new();
    poold->questions = crl_questions_new();
    poold->verdicts = verdict_cache_new();
    if (!poold->answers || !poold->questions || !poold->verdicts)
        return -ENOMEM;
    r = crl_cache_new(poold->state_fd, report_crl, &poold->crls);

    if (r < 0)
        return log_error_errno(r, "Failed to read the CRLs: %m");
    return crl_refresh_new(poold, &poold->crl_refresh);
}

static int poold_load(Poold *poold)
{
    AuthorityList *downloaded, *built_in = authority_list_new();
    int r;

    poold->built_in = built_in;
    poold->policy = policy_new();
    if (!built_in || !poold->policy)
        return -ENOMEM;
    poold->state_fd = state_directory_open();
    if (poold->state_fd < 0)
        return log_error_errno(poold->state_fd, "Failed to open the state directory: %m");
    poold->publisher.dirfd = open_runtime_directory();
    if (poold->publisher.dirfd < 0)
        return log_error_errno(poold->publisher.dirfd, "Failed to open the runtime directory: %m");
    (void)remove_leftovers_at(poold->publisher.dirfd);
    read_built_in(built_in);
    poold->publisher.built_in = built_in;
    /* What the system's list is to hold is known when policyd has said it; until then, as it is. */
    poold->in_system = poold->publisher.system = access(SYSTEM_TRUST_FOLDER, F_OK) == 0;
    r = read_downloaded(poold->state_fd, built_in, &downloaded, &poold->origin);
    if (r < 0)
        return log_error_errno(r, "Failed to read the downloaded CA certificates: %m");
    r = pool_new(built_in, downloaded, poold->policy->refuse_weak, &poold->pool);
    if (r >= 0)
        r = update_new(poold, &poold->update);
    if (r >= 0)
        r = load_crls(poold);
    if (r < 0)
        return r;
    publisher_write(&poold->publisher, pool_get_active(poold->pool), ++poold->publisher.drawn);
    log_info("%zu built-in and %zu downloaded CA certificates, %zu of them active",
             pool_built_in(poold->pool), pool_downloaded(poold->pool), pool_active(poold->pool));
    return 0;
}

int poold_start(Server *server, void **ret)
{
    Poold *poold = calloc(1, sizeof *poold);
    int r;

    if (!poold)
        return -ENOMEM;
    *poold = (Poold){.server = server, .state_fd = -EBADF, .publisher = {.dirfd = -EBADF}};
    (void)pthread_mutex_init(&poold->publisher.lock, NULL);
    r = poold_load(poold);
    if (r >= 0)
        r = poold_bus_init(poold);
    if (r < 0) {
        poold_stop(poold);
        return r;
    }
    *ret = poold;
    return 0;
}

void poold_stop(void *userdata)
{
    Poold *poold = userdata;
    AuthorityList *built_in;

    trustpoint_cache_free(poold->trustpoints);
    verdict_cache_free(poold->verdicts);
    crl_refresh_free(poold->crl_refresh);
    if (poold->crls)
        (void)crl_jobs_write(poold);
    crl_cache_free(poold->crls);
    crl_questions_free(poold->questions);
    ocsp_cache_free(poold->answers);
    update_free(poold->update);
    pool_free(poold->pool);
    memcpy(&built_in, &poold->built_in, sizeof built_in); /* const for everybody else */
    authority_list_free(built_in);
    store_origin_done(&poold->origin);
    policy_free(poold->policy);
    closep(&poold->state_fd);
    closep(&poold->publisher.dirfd);
    (void)pthread_mutex_destroy(&poold->publisher.lock);
    free(poold);
}
