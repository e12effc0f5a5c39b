/* SPDX-License-Identifier: Apache-2.0 */
/* To the journal where there is one, with fields; to standard error (with the priority as systemd
 * reads it) otherwise. */
#define SD_JOURNAL_SUPPRESS_LOCATION 1
#include "log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <sys/uio.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#define EVENT_FIELDS_MAX 16U

static const char *log_name = "chancery";
static atomic_int log_max_level = LOG_INFO;
static bool log_to_journal;

void log_open(const char *name)
{
    log_name = name;
    /* Tests and a system without a journal read standard error. */
    log_to_journal =
        access("/run/systemd/journal/socket", W_OK) == 0 && !getenv("CHANCERY_LOG_STDERR");
}

void log_set_max_level(int level)
{
    atomic_store(&log_max_level, level);
}

int log_get_max_level(void)
{
    return atomic_load(&log_max_level);
}

static void emit(int level, const struct iovec *extra, size_t n_extra, const char *text)
{
    _cleanup_free_ char *message = NULL, *identifier = NULL;
    struct iovec fields[EVENT_FIELDS_MAX + 4];
    char priority[] = "PRIORITY=6";
    size_t n = 0;

    if (!log_to_journal) {
        (void)fprintf(stderr, "<%d>%s: %s\n", level, log_name, text);
        return;
    }
    if (asprintf(&message, "MESSAGE=%s", text) < 0 ||
        asprintf(&identifier, "SYSLOG_IDENTIFIER=chancery-%s", log_name) < 0)
        return;
    priority[STRLEN("PRIORITY=")] = (char)('0' + level);
    fields[n++] = (struct iovec){message, strlen(message)};
    fields[n++] = (struct iovec){identifier, strlen(identifier)};
    fields[n++] = (struct iovec){priority, strlen(priority)};
    for (size_t i = 0; i < n_extra && n < ELEMENTSOF(fields); i++)
        fields[n++] = extra[i];
    (void)sd_journal_sendv(fields, (int)n);
}

static void _printf_(3, 0) emit_formatted(int level, int error, const char *format, va_list ap)
{
    _cleanup_free_ char *text = NULL;

    if (level > log_get_max_level())
        return;
    errno = error;
    if (vasprintf(&text, format, ap) < 0)
        return;
    emit(level, NULL, 0, text);
}

void log_full(int level, const char *format, ...)
{
    int saved_errno = errno;
    va_list ap;

    va_start(ap, format);
    emit_formatted(level, saved_errno, format, ap);
    va_end(ap);
    errno = saved_errno;
}

int log_full_errno(int level, int error, const char *format, ...)
{
    va_list ap;

    if (error < 0)
        error = -error;
    va_start(ap, format);
    emit_formatted(level, error, format, ap);
    va_end(ap);
    errno = error;
    return -error;
}

void log_event(const LogEvent *event, const char *const *fields, const char *format, ...)
{
    _cleanup_free_ char *text = NULL, *line = NULL, *message_id = NULL;
    char *owned[EVENT_FIELDS_MAX] = {NULL};
    struct iovec extra[EVENT_FIELDS_MAX + 1];
    size_t n = 0, n_owned = 0;
    va_list ap;
    int r;

    if (event->level > log_get_max_level())
        return;
    va_start(ap, format);
    r = vasprintf(&text, format, ap);
    va_end(ap);
    if (r < 0 || asprintf(&line, "%%%s : %s", event->mnemonic, text) < 0 ||
        asprintf(&message_id, "MESSAGE_ID=%s", event->message_id) < 0)
        return;
    extra[n++] = (struct iovec){message_id, strlen(message_id)};
    for (; fields && fields[0] && fields[1] && n_owned < EVENT_FIELDS_MAX; fields += 2) {
        if (asprintf(&owned[n_owned], "CHANCERY_%s=%s", fields[0], fields[1]) < 0) {
            owned[n_owned] = NULL;
            break;
        }
        extra[n++] = (struct iovec){owned[n_owned], strlen(owned[n_owned])};
        n_owned++;
    }
    emit(event->level, extra, n, line);
    for (size_t i = 0; i < n_owned; i++)
        free(owned[i]);
}
