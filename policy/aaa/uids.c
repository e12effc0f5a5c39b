/* SPDX-License-Identifier: Apache-2.0 */
#include "uids.h"

#include <fcntl.h>

#include "aaa.h"
#include "atomic-file.h"
#include "json-util.h"

#define FILE_NAME "uids.json"
#define FILE_SIZE_MAX (1U << 20)
#define UID_COUNT (UID_LAST - UID_FIRST + 1)

struct Uids {
    int fd;
    char *names[UID_COUNT]; /* of UID_FIRST + i; NULL when it was never given */
    bool unsaved;           /* they are not yet all in the file */
};

Uids *uids_free(Uids *uids)
{
    if (!uids)
        return NULL;
    for (size_t i = 0; i < UID_COUNT; i++)
        free(uids->names[i]);
    closep(&uids->fd);
    free(uids);
    return NULL;
}

static int decode(Uids *uids, const char *text, size_t size)
{
    _cleanup_json_ json_object *o = NULL;
    int r = json_parse(text, size, &o);

    if (r < 0)
        return r;
    if (!json_object_is_type(o, json_type_object))
        return -EBADMSG;
    json_object_object_foreach(o, name, value)
    {
        uint64_t uid;

        if (aaa_refuse_user_name(name) || !json_object_is_type(value, json_type_int))
            return -EBADMSG;
        uid = (uint64_t)json_object_get_int64(value);
        if (uid < UID_FIRST || uid > UID_LAST || uids->names[uid - UID_FIRST])
            return -EBADMSG;
        uids->names[uid - UID_FIRST] = strdup(name);
        if (!uids->names[uid - UID_FIRST])
            return -ENOMEM;
    }
    return 0;
}

static void forget_all(Uids *uids)
{
    for (size_t i = 0; i < UID_COUNT; i++) {
        free(uids->names[i]);
        uids->names[i] = NULL;
    }
}

int uids_open(int state_fd, bool *ret_corrupt, Uids **ret)
{
    _cleanup_(uids_freep) Uids *uids = calloc(1, sizeof(*uids));
    _cleanup_free_ void *data = NULL;
    bool corrupt = false;
    size_t size;
    int r;

    if (!uids)
        return -ENOMEM;
    uids->fd = fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
    if (uids->fd < 0)
        return -errno;
    r = read_state_at(uids->fd, FILE_NAME, FILE_SIZE_MAX, &data, &size);
    if (r >= 0)
        r = decode(uids, data, size);
    if (r == -EBADMSG) {
        forget_all(uids);
        corrupt = true;
        r = quarantine_at(uids->fd, FILE_NAME);
    }
    if (r < 0 && r != -ENOENT)
        return r;
    *ret_corrupt = corrupt;
    *ret = TAKE_PTR(uids);
    return 0;
}

uid_t uids_get(const Uids *uids, const char *name)
{
    for (size_t i = 0; i < UID_COUNT; i++)
        if (uids->names[i] && streq(uids->names[i], name))
            return UID_FIRST + (uid_t)i;
    return 0;
}

static int save(const Uids *uids)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    const char *text;

    for (size_t i = 0; o && i < UID_COUNT; i++) {
        json_object *value;

        if (!uids->names[i])
            continue;
        value = json_object_new_int64((int64_t)(UID_FIRST + i));
        if (!value || json_object_object_add(o, uids->names[i], value) < 0) {
            json_object_put(value);
            return -ENOMEM;
        }
    }
    text = o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN) : NULL;
    return text ? atomic_write_at(uids->fd, FILE_NAME, text, strlen(text), 0600) : -ENOMEM;
}

static bool is_listed(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (streq(*names, name))
            return true;
    return false;
}

/* A place that was never given; else one whose user is not among the names. */
static int find_free(const Uids *uids, const char *const *names,
                     bool (*taken)(uid_t uid, void *userdata), void *userdata)
{
    int forgotten = -ENOSPC;

    for (size_t i = 0; i < UID_COUNT; i++) {
        if (taken && taken(UID_FIRST + (uid_t)i, userdata))
            continue;
        if (!uids->names[i])
            return (int)i;
        if (forgotten < 0 && !is_listed(names, uids->names[i]))
            forgotten = (int)i;
    }
    return forgotten;
}

int uids_assign(Uids *uids, const char *const *names, bool (*taken)(uid_t uid, void *userdata),
                void *userdata)
{
    int r;

    for (size_t n = 0; names[n]; n++) {
        char *copy;
        int i;

        if (uids_get(uids, names[n]) > 0)
            continue;
        i = find_free(uids, names, taken, userdata);
        if (i < 0)
            return i;
        copy = strdup(names[n]);
        if (!copy)
            return -ENOMEM;
        free(uids->names[i]);
        uids->names[i] = copy;
        uids->unsaved = true;
    }
    /* Those of a commit that came to nothing too: who has been given one keeps it. */
    r = uids->unsaved ? save(uids) : 0;
    if (r >= 0)
        uids->unsaved = false;
    return r;
}
