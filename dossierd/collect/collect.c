/* SPDX-License-Identifier: Apache-2.0 */
/* Outcome and deadline of a collector. */
#include "collect.h"

#include <stdarg.h>

#include "clock.h"

const char *result_code_to_string(ResultCode code)
{
    switch (code) {
    case RESULT_SUCCESS:
        return "Success";
    case RESULT_PARTIAL:
        return "Partial";
    case RESULT_NOT_AVAILABLE:
        return "Not available";
    case RESULT_TIMEOUT:
        return "Timeout";
    case RESULT_FAILED:
    default:
        return "Failed";
    }
}

bool collect_should_stop(Collect *c)
{
    const CollectHost *host = c->host;
    uint64_t stalled = 0;

    if (c->is_fixed && c->result == RESULT_TIMEOUT)
        return true;
    if (host && host->is_cancelled && host->is_cancelled(host->userdata)) {
        collect_result(c, RESULT_FAILED, "The collection was cancelled");
        return true;
    }
    if (host && host->stalled_usec)
        stalled = host->stalled_usec(host->userdata);
    if (clock_usec(CLOCK_MONOTONIC) - stalled < c->deadline_usec)
        return false;
    collect_result(c, RESULT_TIMEOUT, "%s", COLLECT_TOO_LONG);
    return true;
}

void collect_result(Collect *c, ResultCode code, const char *format, ...)
{
    va_list ap;

    if (code == RESULT_SUCCESS || c->is_fixed)
        return;
    c->is_fixed = true;
    c->result = code;
    va_start(ap, format);
    (void)vsnprintf(c->reason, sizeof c->reason, format, ap);
    va_end(ap);
}

ResultCode result_code_from_errno(int error)
{
    switch (error) {
    case -ENOENT:
    case -ENODEV:
    case -ENXIO:
    case -ENODATA:
    case -EOPNOTSUPP:
    case -EACCES:
    case -EPERM:
        return RESULT_NOT_AVAILABLE;
    case -ETIMEDOUT:
        return RESULT_TIMEOUT;
    default:
        return RESULT_FAILED;
    }
}

void collect_result_errno(Collect *c, int error, const char *what)
{
    collect_result(c, result_code_from_errno(error), "%s: %s", what, strerror(-error));
}

ResultCode collect_outcome(Collect *c)
{
    if (c->is_fixed)
        return c->result;
    if (c->n_bad == 0)
        return RESULT_SUCCESS;
    if (c->n_good > 0)
        collect_result(c, RESULT_PARTIAL, "%u of %u facts could not be read; each says why",
                       c->n_bad, c->n_good + c->n_bad);
    else
        collect_result(c, RESULT_NOT_AVAILABLE, "None of %u facts could be read; each says why",
                       c->n_bad);
    return c->result;
}

static void count(Collect *c, bool good)
{
    if (good)
        c->n_good++;
    else
        c->n_bad++;
}

/* Reasons are sentences for people; the errno text says enough for machines to group them. */
static const char *reason_from_errno(int error)
{
    if (error == -ENOENT || error == -ENOTDIR)
        return "This system does not have it";
    return strerror(-error);
}

void object_begin(Object *o, Collect *c, const char *name)
{
    o->collect = c;
    o->n_missing = 0;
    json_begin_object(c->writer, name);
}

void object_missing(Object *o, const char *id, int error)
{
    if (o->n_missing < OBJECT_MISSING_MAX) {
        o->missing[o->n_missing].id = id;
        o->missing[o->n_missing].error = error;
    }
    o->n_missing++;
}

static int write_file(Object *o, const char *id, int dirfd, const char *path)
{
    char value[COLLECT_VALUE_SIZE];
    int n = collect_read(dirfd, path, value, sizeof value);

    if (n < 0)
        return n;
    /* DMI strings and sysfs text are padded with blanks; they carry nothing. */
    while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\n'))
        n--;
    json_write_bytes(o->collect->writer, id, value, (size_t)n);
    count(o->collect, true);
    return 0;
}

void object_file(Object *o, const char *id, int dirfd, const char *path)
{
    int r = write_file(o, id, dirfd, path);

    if (r >= 0)
        return;
    count(o->collect, false);
    object_missing(o, id, r);
}

void object_file_optional(Object *o, const char *id, int dirfd, const char *path)
{
    int r = write_file(o, id, dirfd, path);

    if (r < 0 && r != -ENOENT && r != -ENOTDIR)
        object_missing(o, id, r);
}

void object_file_uint64(Object *o, const char *id, int dirfd, const char *path)
{
    uint64_t value;
    int r = collect_read_uint64(dirfd, path, 10, &value);

    if (r < 0) {
        object_missing(o, id, r);
        return;
    }
    json_write_uint64(o->collect->writer, id, value);
    count(o->collect, true);
}

void object_link_optional(Object *o, const char *id, int dirfd, const char *path)
{
    char name[256];
    int r = collect_read_link_name(dirfd, path, name, sizeof name);

    if (r >= 0)
        json_write_bytes(o->collect->writer, id, name, strlen(name));
    else if (r != -ENOENT && r != -ENOTDIR)
        object_missing(o, id, r);
}

void object_end(Object *o)
{
    JsonWriter *w = o->collect->writer;

    if (o->n_missing > 0) {
        json_begin_array(w, "unavailable");
        for (unsigned i = 0; i < o->n_missing && i < OBJECT_MISSING_MAX; i++) {
            json_begin_object(w, NULL);
            json_write_string(w, "id", o->missing[i].id);
            json_write_string(w, "result-code",
                              result_code_to_string(result_code_from_errno(o->missing[i].error)));
            json_write_string(w, "reason", reason_from_errno(o->missing[i].error));
            json_end_object(w);
        }
        json_end_array(w);
    }
    json_end_object(w);
}

void fact_begin(Collect *c, const char *id)
{
    json_begin_object(c->writer, NULL);
    json_write_string(c->writer, "id", id);
}

void fact_end(Collect *c, ResultCode code, const char *format, ...)
{
    json_write_string(c->writer, "result-code", result_code_to_string(code));
    count(c, code == RESULT_SUCCESS);
    if (code != RESULT_SUCCESS) {
        char reason[COLLECT_REASON_SIZE];
        va_list ap;

        va_start(ap, format);
        (void)vsnprintf(reason, sizeof reason, format, ap);
        va_end(ap);
        json_write_string(c->writer, "reason", reason);
    }
    json_end_object(c->writer);
}

void fact_end_errno(Collect *c, int error, const char *what)
{
    if (what)
        fact_end(c, result_code_from_errno(error), "%s: %s", what, strerror(-error));
    else
        fact_end(c, result_code_from_errno(error), "%s", reason_from_errno(error));
}

void fact_file(Collect *c, const char *id, const char *path)
{
    char value[COLLECT_VALUE_SIZE];
    int n;

    fact_begin(c, id);
    n = collect_read(c->root_fd, path, value, sizeof value);
    if (n < 0) {
        fact_end_errno(c, n, path);
        return;
    }
    json_write_bytes(c->writer, "value", value, (size_t)n);
    fact_end(c, RESULT_SUCCESS, "%s", "");
}
