/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include "config-tree.h"
#include "errors.h"
#include "json-util.h"

static int read_before(const CommitStore *store, size_t i, json_object **ret,
                       sd_bus_error *reterr_error)
{
    int r = commit_store_read(store, i, ret);

    if (r == -ENOENT)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "The configuration before the oldest commit that is kept is not "
                                 "known any more");
    if (r == -EBADMSG)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "The record of a commit that is needed is damaged");
    return r;
}

static int find(const CommitStore *store, const char *which, size_t *ret,
                sd_bus_error *reterr_error)
{
    if (commit_store_find(store, which, ret) < 0)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "There is no commit '%.64s'; see 'show configuration commit list'",
                                 which);
    return 0;
}

/* A number of commits, all of which have to be there. */
static int count(const CommitStore *store, const char *which, size_t *ret,
                 sd_bus_error *reterr_error)
{
    size_t length = strspn(which, "0123456789");
    unsigned long n = length > 0 && length < 8 && !which[length] ? strtoul(which, NULL, 10) : 0;

    if (n == 0)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "'%.64s' is not a number of commits", which);
    if (!commit_store_get(store, n - 1))
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "There are not %lu commits; see 'show configuration commit list'",
                                 n);
    *ret = n;
    return 0;
}

static int refuse_kind(const char *kind, sd_bus_error *reterr_error)
{
    return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                             "There is no such selection of commits: '%.64s'", kind);
}

/* Before all commits that are kept; where even that is not known, as of the oldest. */
static int read_oldest(const CommitStore *store, json_object **ret)
{
    size_t n = 0;
    int r;

    while (commit_store_get(store, n))
        n++;
    r = commit_store_read(store, n, ret);
    return r == -ENOENT && n > 0 ? commit_store_read(store, n - 1, ret) : r;
}

static int read_old(const CommitStore *store, const char *kind, const char *which,
                    json_object **ret, sd_bus_error *reterr_error)
{
    size_t i;
    int r;

    if (streq(kind, "all"))
        return read_oldest(store, ret);
    if (streq(kind, "last"))
        r = count(store, which, &i, reterr_error);
    else if (streq(kind, "since") || streq(kind, "commit"))
        r = find(store, which, &i, reterr_error);
    else
        r = refuse_kind(kind, reterr_error);
    if (r < 0)
        return r;
    return read_before(store, streq(kind, "last") ? i : i + 1, ret, reterr_error);
}

int history_changes(const CommitStore *store, const char *kind, const char *which,
                    json_object **ret_old, json_object **ret_new, sd_bus_error *reterr_error)
{
    _cleanup_json_ json_object *old = NULL, *new = NULL;
    size_t i;
    int r = read_old(store, kind, which, &old, reterr_error);

    if (r < 0)
        return r;
    if (streq(kind, "commit")) {
        r = find(store, which, &i, reterr_error);
        if (r >= 0)
            r = read_before(store, i, &new, reterr_error);
    } else {
        new = config_canonical(commit_store_running(store));
        r = new ? 0 : -ENOMEM;
    }
    if (r < 0)
        return r;
    *ret_old = TAKE_PTR(old);
    *ret_new = TAKE_PTR(new);
    return 0;
}

static int undo_one(const CommitStore *store, const char *which, json_object **ret,
                    sd_bus_error *reterr_error)
{
    _cleanup_json_ json_object *before = NULL, *after = NULL;
    int r = history_changes(store, "commit", which, &before, &after, reterr_error);

    return r < 0 ? r : config_replay(after, before, commit_store_running(store), ret);
}

int history_rollback(const CommitStore *store, const char *kind, const char *which,
                     json_object **ret, sd_bus_error *reterr_error)
{
    size_t i;
    int r;

    if (streq(kind, "commit"))
        return undo_one(store, which, ret, reterr_error);
    if (streq(kind, "last")) {
        r = count(store, which, &i, reterr_error);
    } else if (streq(kind, "to") || streq(kind, "to-exclude")) {
        r = find(store, which, &i, reterr_error);
        i = r >= 0 && streq(kind, "to") ? i + 1 : i;
    } else {
        r = refuse_kind(kind, reterr_error);
    }
    return r < 0 ? r : read_before(store, i, ret, reterr_error);
}
