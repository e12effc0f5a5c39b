/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot-config.h"

#define MODE "filesystem-inventory "
#define INTERVAL_DEFAULT 4U
#define INTERVAL_MAX 96U
#define RATE_UNIT (UINT64_C(1) << 20)
#define RATE_MAX 10000U
#define PATHS_MAX 64U

void snapshot_config_done(SnapshotConfig *c)
{
    json_object_put(c->skip_folders);
    json_object_put(c->skip_files);
    for (size_t i = 0; i < SNAPSHOT_SETS; i++)
        json_object_put(c->sets[i]);
    *c = (SnapshotConfig){0};
}

/* --- Lists of paths --------------------------------------------------------------------------- */

static const char *path_problem(const char *path)
{
    if (path[0] != '/')
        return "a path has to begin with /";
    if (path[1] != 0 && path[strlen(path) - 1] == '/')
        return "a path does not end with /";
    for (const char *p = path; (p = strchr(p, '/')); p++) {
        size_t n = strcspn(p + 1, "/");

        if ((n == 0 && path[1] != 0) || (n == 1 && p[1] == '.') ||
            (n == 2 && p[1] == '.' && p[2] == '.'))
            return "a path has no empty part, no . and no ..";
    }
    return NULL;
}

/* The next path, without its backslashes, in buffer; false at the end. */
static bool next_path(const char **text, char *buffer)
{
    const char *p = *text + strspn(*text, " \t");
    size_t n = 0;

    for (; *p && *p != ' ' && *p != '\t'; p++) {
        if (*p == '\\' && p[1])
            p++;
        buffer[n++] = *p;
    }
    buffer[n] = 0;
    *text = p;
    return n > 0;
}

int snapshot_paths_parse(const char *text, json_object **ret, const char **ret_reason)
{
    size_t size = strlen(text);
    _cleanup_free_ char *copy = NULL, *path = malloc(size + 1);
    _cleanup_json_ json_object *list = json_object_new_array();
    const char *rest;

    if (size >= 2 && text[0] == '"' && text[size - 1] == '"') {
        text++;
        size -= 2;
    }
    copy = strndup(text, size);
    if (!copy || !path || !list)
        return -ENOMEM;
    for (rest = copy; next_path(&rest, path);) {
        *ret_reason = path_problem(path);
        if (!*ret_reason && json_object_array_length(list) == PATHS_MAX)
            *ret_reason = "these are more paths than 64";
        if (*ret_reason)
            return -EINVAL;
        if (json_object_array_add(list, json_object_new_string(path)) < 0)
            return -ENOMEM;
    }
    if (json_object_array_length(list) == 0) {
        *ret_reason = "no path is named";
        return -EINVAL;
    }
    *ret = TAKE_PTR(list);
    return 0;
}

/* --- The section ------------------------------------------------------------------------------ */

static int problem(ConfigProblems *problems, const char *line, const char *reason)
{
    int r = problems ? config_problem(problems, line, "%s", reason) : -EBADMSG;

    return r < 0 ? r : 0;
}

static int read_paths(json_object *o, const char *name, const char *line, json_object **ret,
                      ConfigProblems *problems)
{
    const char *text, *reason = NULL;
    int r = json_get_string(o, name, &text);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return problem(problems, line, "it is no text");
    r = snapshot_paths_parse(text, ret, &reason);
    return r == -EINVAL ? problem(problems, line, reason) : r;
}

static int read_sets(json_object *o, SnapshotConfig *ret, ConfigProblems *problems)
{
    json_object *demand, *sets;
    int r = 0;

    if (json_get_object(o, "on-demand", &demand) < 0 ||
        json_get_object(demand, "dir-set", &sets) < 0)
        return 0;
    for (unsigned i = 0; r >= 0 && i < SNAPSHOT_SETS; i++) {
        char name[2] = {(char)('1' + i), 0}, line[64];

        (void)snprintf(line, sizeof line, MODE "on-demand dir-set %s", name);
        r = read_paths(sets, name, line, &ret->sets[i], problems);
    }
    return r;
}

static int read_number(json_object *o, const char *name, uint64_t max, uint64_t *value,
                       ConfigProblems *problems)
{
    char line[64];
    int r = json_get_uint64(o, name, value);

    if (r == -ENOENT || (r >= 0 && *value >= 1 && *value <= max))
        return 0;
    (void)snprintf(line, sizeof line, MODE "%s", name);
    return problem(problems, line, "the number is out of range");
}

static int read_word(json_object *o, const char *name, const char *word, bool *ret)
{
    const char *text;

    if (json_get_string(o, name, &text) >= 0)
        *ret = streq(text, word);
    return 0;
}

int snapshot_config_read(json_object *o, SnapshotConfig *ret, ConfigProblems *problems)
{
    static const char *const members[] = {
        "snapshot-interval", "snapshot-type", "on-demand", "skip-list",
        "skip-files",        "scan-rate",     "digest",    NULL};
    SnapshotConfig c = {.is_enabled = o != NULL};
    uint64_t interval = INTERVAL_DEFAULT, rate = 0;
    int r;

    if (!o) {
        *ret = c;
        return 0;
    }
    if (json_only_members(o, members) < 0)
        return problem(problems, MODE, "there is something unknown here");
    r = read_number(o, "snapshot-interval", INTERVAL_MAX, &interval, problems);
    if (r >= 0)
        r = read_number(o, "scan-rate", RATE_MAX, &rate, problems);
    if (r >= 0)
        r = read_word(o, "snapshot-type", "full", &c.is_full);
    if (r >= 0)
        r = read_word(o, "digest", "none", &c.no_digests);
    if (r >= 0)
        r = read_paths(o, "skip-list", MODE "skip-list", &c.skip_folders, problems);
    if (r >= 0)
        r = read_paths(o, "skip-files", MODE "skip-files", &c.skip_files, problems);
    if (r >= 0)
        r = read_sets(o, &c, problems);
    if (r < 0) {
        snapshot_config_done(&c);
        return r;
    }
    c.interval = (unsigned)interval;
    c.rate = rate * RATE_UNIT;
    *ret = c;
    return 0;
}
