/* SPDX-License-Identifier: Apache-2.0 */
#include "log-read.h"

#include <ctype.h>
#include <systemd/sd-journal.h>

#include "atomic-file.h"
#include "json-util.h"

#define UNIT(name) "chancery-" name ".service"
#define PREFIX "chancery-"

/* What the journal itself knows of who wrote, and not what the writer says. */
static const char *const units[] = {
    UNIT("policyd"),  UNIT("keyd"),  UNIT("enrolld"), UNIT("poold"),
    UNIT("dossierd"), UNIT("hostd"), UNIT("snmp"),    UNIT("check-sshd"),
};
static const char *const slices[] = {
    "system-chancery\\x2dfetch.slice",
    "system-chancery\\x2dquote.slice",
};

static int add_matches(sd_journal *j, const char *field, const char *const *values, size_t n)
{
    int r = 0;

    for (size_t i = 0; i < n && r >= 0; i++) {
        char text[96];

        (void)snprintf(text, sizeof text, "%s=%s", field, values[i]);
        r = sd_journal_add_match(j, text, 0);
    }
    return r;
}

/* From the units' processes, or about them from the service manager. */
static int match_subsystem(sd_journal *j)
{
    int r = add_matches(j, "_SYSTEMD_UNIT", units, ELEMENTSOF(units));

    if (r >= 0)
        r = sd_journal_add_disjunction(j);
    if (r >= 0)
        r = add_matches(j, "_SYSTEMD_SLICE", slices, ELEMENTSOF(slices));
    if (r >= 0)
        r = sd_journal_add_disjunction(j);
    if (r >= 0)
        r = sd_journal_add_match(j, "_PID=1", 0);
    if (r >= 0)
        r = add_matches(j, "UNIT", units, ELEMENTSOF(units));
    return r;
}

typedef struct Field {
    const char *data; /* not terminated; valid until the next one is read */
    size_t size;
} Field;

static int get_field(sd_journal *j, const char *name, Field *ret)
{
    size_t skip = strlen(name) + 1;
    const void *data;
    size_t size;
    int r = sd_journal_get_data(j, name, &data, &size);

    if (r < 0 || size < skip) {
        *ret = (Field){"", 0};
        return r < 0 && r != -ENOENT ? r : 0;
    }
    *ret = (Field){(const char *)data + skip, size - skip};
    return 0;
}

static bool field_is(const Field *f, const char *text)
{
    return f->size == strlen(text) && memcmp(f->data, text, f->size) == 0;
}

static unsigned get_priority(sd_journal *j)
{
    Field f;

    if (get_field(j, "PRIORITY", &f) < 0 || f.size != 1 || f.data[0] < '0' || f.data[0] > '7')
        return 6;
    return (unsigned)(f.data[0] - '0');
}

static void strip_prefix(Field *f)
{
    if (f->size > STRLEN(PREFIX) && memcmp(f->data, PREFIX, STRLEN(PREFIX)) == 0)
        *f = (Field){f->data + STRLEN(PREFIX), f->size - STRLEN(PREFIX)};
}

static bool is_wanted(sd_journal *j, const LogQuery *query)
{
    Field f;

    if (get_priority(j) > query->priority)
        return false;
    if (query->process) {
        if (get_field(j, "SYSLOG_IDENTIFIER", &f) < 0)
            return false;
        strip_prefix(&f);
        if (!field_is(&f, query->process))
            return false;
    }
    if (!query->text)
        return true;
    return get_field(j, "MESSAGE", &f) >= 0 &&
           memmem(f.data, f.size, query->text, strlen(query->text));
}

size_t log_mnemonic(const char *message, size_t size, size_t *ret_text)
{
    static const char separator[] = " : ";
    size_t n = 1;

    if (size == 0 || message[0] != '%')
        return 0;
    while (n < size && (isupper((unsigned char)message[n]) || isdigit((unsigned char)message[n]) ||
                        message[n] == '-' || message[n] == '_'))
        n++;
    if (n == 1 || size - n < STRLEN(separator) ||
        memcmp(message + n, separator, STRLEN(separator)) != 0)
        return 0;
    *ret_text = n + STRLEN(separator);
    return n - 1;
}

static void write_details(sd_journal *j, JsonWriter *w)
{
    static const char prefix[] = "CHANCERY_";
    const void *data;
    size_t size;

    json_begin_object(w, "details");
    SD_JOURNAL_FOREACH_DATA(j, data, size)
    {
        const char *field = data, *equals = memchr(field, '=', size);
        char name[64];
        size_t length = equals ? (size_t)(equals - field) : 0;

        if (length <= STRLEN(prefix) || length - STRLEN(prefix) >= sizeof name ||
            memcmp(field, prefix, STRLEN(prefix)) != 0)
            continue;
        memcpy(name, field + STRLEN(prefix), length - STRLEN(prefix));
        name[length - STRLEN(prefix)] = '\0';
        json_write_bytes(w, name, equals + 1, size - length - 1);
    }
    json_end_object(w);
}

static int write_message(sd_journal *j, uint64_t time, int fd)
{
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(fd);
    size_t text = 0, mnemonic;
    Field f;
    int r;

    if (!w)
        return -ENOMEM;
    json_begin_object(w, NULL);
    json_write_time(w, "time", time);
    r = get_field(j, "SYSLOG_IDENTIFIER", &f);
    strip_prefix(&f);
    json_write_bytes(w, "process", f.data, f.size);
    if (r >= 0)
        r = get_field(j, "_PID", &f);
    json_write_bytes(w, "pid", f.data, f.size);
    json_write_uint64(w, "severity", get_priority(j));
    if (r >= 0)
        r = get_field(j, "MESSAGE", &f);
    if (r < 0)
        return r;
    mnemonic = log_mnemonic(f.data, f.size, &text);
    if (mnemonic > 0)
        json_write_bytes(w, "mnemonic", f.data + 1, mnemonic);
    json_write_bytes(w, "text", f.data + text, f.size - text);
    write_details(j, w);
    json_end_object(w);
    r = json_writer_finish(w);
    return r < 0 ? r : write_full(fd, "\n", 1);
}

static bool is_cancelled(const LogQuery *query)
{
    return query->is_cancelled && query->is_cancelled(query->userdata);
}

/* 1: it is in the time that was asked for; 0: it comes after it. */
static int get_time(sd_journal *j, const LogQuery *query, uint64_t *ret)
{
    int r = sd_journal_get_realtime_usec(j, ret);

    return r < 0 ? r : query->until == 0 || *ret <= query->until;
}

/* The next one is the first of the last ones. */
static int seek_last(sd_journal *j, const LogQuery *query)
{
    _cleanup_free_ char *cursor = NULL;
    uint32_t found = 0;
    uint64_t time;
    int r = query->until > 0 ? sd_journal_seek_realtime_usec(j, query->until + 1)
                             : sd_journal_seek_tail(j);

    while (r >= 0 && found < query->last && (r = sd_journal_previous(j)) > 0) {
        if (is_cancelled(query))
            return -ECANCELED;
        r = sd_journal_get_realtime_usec(j, &time);
        if (r >= 0 && time < query->since)
            break;
        found += r >= 0 && is_wanted(j, query);
    }
    if (r < 0)
        return r;
    if (found < query->last)
        return query->since > 0 ? sd_journal_seek_realtime_usec(j, query->since)
                                : sd_journal_seek_head(j);
    r = sd_journal_get_cursor(j, &cursor);
    return r < 0 ? r : sd_journal_seek_cursor(j, cursor);
}

static int seek_first(sd_journal *j, const LogQuery *query)
{
    if (query->last > 0)
        return seek_last(j, query);
    return query->since > 0 ? sd_journal_seek_realtime_usec(j, query->since)
                            : sd_journal_seek_head(j);
}

int log_read(int root_fd, const LogQuery *query, int fd, uint64_t *ret_messages)
{
    __attribute__((cleanup(sd_journal_closep))) sd_journal *j = NULL;
    uint64_t messages = 0, time = 0;
    int r = sd_journal_open_directory_fd(&j, root_fd, SD_JOURNAL_OS_ROOT);

    if (r >= 0)
        r = match_subsystem(j);
    if (r >= 0)
        r = seek_first(j, query);
    while (r >= 0 && (r = sd_journal_next(j)) > 0) {
        if (is_cancelled(query))
            return -ECANCELED;
        r = get_time(j, query, &time);
        if (r == 0)
            break;
        if (r < 0 || time < query->since || !is_wanted(j, query))
            continue;
        r = write_message(j, time, fd);
        messages++;
    }
    if (r < 0)
        return r;
    *ret_messages = messages;
    return 0;
}
