/* SPDX-License-Identifier: Apache-2.0 */
#include "probe-client.h"

#include <sys/socket.h>

#include "helper-client.h"

#define LINE_MAX_SIZE (512U << 10)
#define TEXT_MAX 32768U

int probe_connect(ProbeKind kind)
{
    static const char *const paths[] = {
        [PROBE_PROCESSES] = "/run/chancery/probe-processes",
        [PROBE_PROGRAMS] = "/run/chancery/probe-programs",
        [PROBE_FILES] = "/run/chancery/probe-files",
        [PROBE_INTERFACES] = "/run/chancery/probe-interfaces",
        [PROBE_DIGESTS] = "/run/chancery/probe-digests",
    };

    return helper_connect(paths[kind], SOCK_NONBLOCK);
}

/* --- The check -------------------------------------------------------------------------------- */

typedef enum MemberKind {
    TEXT,
    BYTES, /* text, or the member NAME-base64 */
    NUMBER,
    TIME,
    TRUTH,
    OBJECT,
    OBJECTS,
    TEXTS,
} MemberKind;

typedef struct Member {
    const char *name;
    MemberKind kind;
    bool is_optional;
    const struct Member *inner;
} Member;

static const Member file_members[] = {
    {"name", BYTES, false, NULL},
    {"use", TEXT, false, NULL},
    {"change-kind", TEXT, false, NULL},
    {NULL, TEXT, false, NULL},
};

static const Member process_members[] = {
    {"pid", NUMBER, false, NULL},
    {"uid", NUMBER, false, NULL},
    {"process-name", BYTES, false, NULL},
    {"start-time", TIME, false, NULL},
    {"files", OBJECTS, false, file_members},
    {"files-left-out", NUMBER, true, NULL},
    {NULL, TEXT, false, NULL},
};

static const Member program_members[] = {
    {"program-id", NUMBER, false, NULL},
    {"type", TEXT, false, NULL},
    {"program-name", BYTES, false, NULL},
    {"tag", TEXT, false, NULL},
    {"uid", NUMBER, false, NULL},
    {"load-time", TIME, false, NULL},
    {"gpl-compatible", TRUTH, false, NULL},
    {"size", NUMBER, false, NULL},
    {"maps", NUMBER, false, NULL},
    {"interface-index", NUMBER, true, NULL},
    {NULL, TEXT, false, NULL},
};

static const Member link_members[] = {
    {"link-id", NUMBER, false, NULL},
    {"program-id", NUMBER, false, NULL},
    {"type", TEXT, false, NULL},
    {"cgroup-id", NUMBER, true, NULL},
    {"attach-type", NUMBER, true, NULL},
    {"network-namespace", NUMBER, true, NULL},
    {"interface-index", NUMBER, true, NULL},
    {NULL, TEXT, false, NULL},
};

static const Member capability_members[] = {
    {"effective", TRUTH, false, NULL},   {"permitted", TEXTS, false, NULL},
    {"inheritable", TEXTS, false, NULL}, {"root-uid", NUMBER, true, NULL},
    {NULL, TEXT, false, NULL},
};

static const Member privileged_members[] = {
    {"name", BYTES, false, NULL},
    {"mode", NUMBER, false, NULL},
    {"uid", NUMBER, false, NULL},
    {"gid", NUMBER, false, NULL},
    {"capabilities", OBJECT, true, capability_members},
    {"not-entered", TEXT, true, NULL},
    {NULL, TEXT, false, NULL},
};

static const Member transceiver_members[] = {
    {"type", TEXT, false, NULL},           {"identifier", NUMBER, false, NULL},
    {"vendor", BYTES, false, NULL},        {"vendor-oui", TEXT, false, NULL},
    {"part-number", BYTES, false, NULL},   {"revision", BYTES, false, NULL},
    {"serial", BYTES, false, NULL},        {"date-code", BYTES, false, NULL},
    {"checksum-good", TRUTH, false, NULL}, {NULL, TEXT, false, NULL},
};

static const Member interface_members[] = {
    {"name", BYTES, false, NULL},
    {"driver-version", BYTES, true, NULL},
    {"firmware-version", BYTES, true, NULL},
    {"expansion-rom-version", BYTES, true, NULL},
    {"bus", BYTES, true, NULL},
    {"permanent-mac-address", TEXT, true, NULL},
    {"transceiver", OBJECT, true, transceiver_members},
    {"transceiver-error", NUMBER, true, NULL},
    {NULL, TEXT, false, NULL},
};

static const Member end_members[] = {
    {"end", TRUTH, false, NULL},   {"unreadable", NUMBER, false, NULL},
    {"error", NUMBER, true, NULL}, {"reason", TEXT, true, NULL},
    {NULL, TEXT, false, NULL},
};

static bool is_text(json_object *o)
{
    return json_object_is_type(o, json_type_string) && json_object_get_string_len(o) >= 0 &&
           (size_t)json_object_get_string_len(o) <= TEXT_MAX;
}

static bool is_number(json_object *o)
{
    uint64_t value = json_object_get_uint64(o);

    return json_object_is_type(o, json_type_int) && (value > 0 || json_object_get_int64(o) == 0);
}

static bool is_time(json_object *o)
{
    double value = json_object_get_double(o);

    return (json_object_is_type(o, json_type_double) || json_object_is_type(o, json_type_int)) &&
           value >= 0 && value < 1e12;
}

static bool has_only(json_object *o, const Member *members, unsigned depth);

static bool is_list(json_object *o, const Member *inner, unsigned depth)
{
    if (!json_object_is_type(o, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(o); i++) {
        json_object *one = json_object_array_get_idx(o, i);

        if (inner ? !has_only(one, inner, depth) : !is_text(one))
            return false;
    }
    return true;
}

static bool is_of_kind(json_object *o, const Member *m, unsigned depth)
{
    switch (m->kind) {
    case TEXT:
    case BYTES:
        return is_text(o);
    case NUMBER:
        return is_number(o);
    case TIME:
        return is_time(o);
    case TRUTH:
        return json_object_is_type(o, json_type_boolean);
    case OBJECT:
        return has_only(o, m->inner, depth);
    case OBJECTS:
    case TEXTS:
        return is_list(o, m->inner, depth);
    default:
        return false;
    }
}

static json_object *get(json_object *o, const Member *m, size_t *found)
{
    char other[64];
    json_object *value;

    if (json_object_object_get_ex(o, m->name, &value)) {
        (*found)++;
        return value;
    }
    (void)snprintf(other, sizeof other, "%s-base64", m->name);
    if (m->kind != BYTES || !json_object_object_get_ex(o, other, &value))
        return NULL;
    (*found)++;
    return value;
}

static bool has_only(json_object *o, const Member *members, unsigned depth)
{
    size_t found = 0;

    if (depth == 0 || !json_object_is_type(o, json_type_object))
        return false;
    for (const Member *m = members; m->name; m++) {
        json_object *value = get(o, m, &found);

        if (value ? !is_of_kind(value, m, depth - 1) : !m->is_optional)
            return false;
    }
    return (size_t)json_object_object_length(o) == found;
}

bool probe_is_end(json_object *line)
{
    return json_object_object_get_ex(line, "end", NULL);
}

static const Member *members_of(ProbeKind kind, json_object *o)
{
    if (json_object_is_type(o, json_type_object) && probe_is_end(o))
        return end_members;
    switch (kind) {
    case PROBE_PROCESSES:
        return process_members;
    case PROBE_PROGRAMS:
        return json_object_is_type(o, json_type_object) &&
                       json_object_object_get_ex(o, "link-id", NULL)
                   ? link_members
                   : program_members;
    case PROBE_INTERFACES:
        return interface_members;
    case PROBE_FILES:
    case PROBE_DIGESTS:
    default:
        return privileged_members;
    }
}

int probe_parse(ProbeKind kind, const char *text, size_t size, json_object **ret)
{
    _cleanup_json_ json_object *o = NULL;
    int r = json_parse(text, size, &o);

    if (r < 0)
        return r;
    if (!has_only(o, members_of(kind, o), 4))
        return -EBADMSG;
    *ret = TAKE_PTR(o);
    return 0;
}

/* --- The exchange ----------------------------------------------------------------------------- */

/* Takes what is between begin and end apart into lines; *ret_rest is where the unfinished one
 * begins. Returns 1 when the last line was there. */
static int take_lines(const ProbeReader *reader, char *begin, char *end, char **ret_rest,
                      json_object **ret_end)
{
    char *newline;

    while ((newline = memchr(begin, '\n', (size_t)(end - begin)))) {
        _cleanup_json_ json_object *o = NULL;
        int r = probe_parse(reader->kind, begin, (size_t)(newline - begin), &o);

        if (r < 0)
            return r;
        if (probe_is_end(o)) {
            *ret_end = TAKE_PTR(o);
            return 1;
        }
        reader->entry(reader->userdata, o);
        begin = newline + 1;
    }
    *ret_rest = begin;
    return 0;
}

int probe_ask(int fd, const ProbeReader *reader, json_object **ret_end)
{
    _cleanup_free_ char *buffer = malloc(LINE_MAX_SIZE);
    size_t used = 0;

    if (!buffer)
        return -ENOMEM;
    if (shutdown(fd, SHUT_WR) < 0)
        return -errno;
    for (;;) {
        ssize_t n = helper_receive(fd, buffer + used, LINE_MAX_SIZE - used, reader->should_stop,
                                   reader->userdata);
        char *rest;
        int r;

        if (n <= 0)
            return n < 0 ? (int)n : -EBADMSG;
        r = take_lines(reader, buffer, buffer + used + n, &rest, ret_end);
        if (r != 0)
            return r < 0 ? r : 0;
        used = (size_t)(buffer + used + n - rest);
        if (used == LINE_MAX_SIZE)
            return -EBADMSG;
        memmove(buffer, rest, used);
    }
}
