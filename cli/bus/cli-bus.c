/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that can be interrupted. Every wait of the shell is a turn of one event loop, in which
 * Ctrl-C is an event like any other. */
#include "cli-bus.h"

#include <signal.h>
#include <stdarg.h>

#include "cli-output.h"
#include "cli-pump.h"
#include "cli-remote.h"
#include "cli-terminal.h"
#include "cli-timeout.h"
#include "errors.h"
#include "names.h"

/* Long enough for whoever has to type a password for polkit. */
#define CALL_TIMEOUT_USEC (120 * UINT64_C(1000000))
/* Long enough for a daemon that is there to end what it does. */
#define END_TIMEOUT_USEC (2 * UINT64_C(1000000))

int cli_error(Cli *cli, int error, const char *format, ...)
{
    char text[1024], escaped[sizeof(text) * 4 + 1];
    size_t partial, n;
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    n = escape_text(escaped, text, strlen(text), true, &partial);
    escaped[n] = '\0';

    cli->said = true;
    if (cli->out)
        (void)fflush(cli->out);
    cli_progress_clear(cli);
    cli_end_line(cli);
    if (cli->complaints)
        fprintf(cli->complaints, "%% %s\n", escaped);
    else
        (void)dprintf(STDERR_FILENO, "%% %s\n", escaped);
    return error > 0 ? -error : error < 0 ? error : -EIO;
}

/* The message is the bus's, about a process that does not run and could not be started, or has
 * ended over the call. */
static bool is_absent(const sd_bus_error *error)
{
    static const char starting[] = "org.freedesktop.DBus.Error.Spawn.",
                      unit[] = "org.freedesktop.systemd1.";

    return sd_bus_error_has_names(error, SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NO_REPLY,
                                  SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
           (sd_bus_error_is_set(error) && (strncmp(error->name, starting, STRLEN(starting)) == 0 ||
                                           strncmp(error->name, unit, STRLEN(unit)) == 0));
}

int cli_left_alone(Cli *cli)
{
    return cli_error(cli, EINTR, "Interrupted. What was begun may still be under way.");
}

int cli_bus_error(Cli *cli, const sd_bus_error *error, int r)
{
    const char *text =
        error && error->message && *error->message ? error->message : strerror(r < 0 ? -r : EIO);

    if (r == 0)
        r = -EIO;
    if (sd_bus_error_has_names(error, ERROR_NOT_AUTHORIZED, SD_BUS_ERROR_ACCESS_DENIED,
                               SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED)) {
        (void)cli_error(cli, EACCES, "This command is not authorized");
        return cli_error(cli, EACCES, "%s", text);
    }
    if (r == -EINTR)
        return cli->only_shows ? cli_error(cli, EINTR, "Interrupted.") : cli_left_alone(cli);
    if (is_absent(error)) {
        (void)cli_error(cli, r, "%s", text);
        return cli_error(cli, r,
                         "A process of Chancery's does not run: 'show tech-support' begins with "
                         "how each of them is");
    }
    return cli_error(cli, r, "%s", text);
}

/* --- Connection and event loop ---------------------------------------------------------------- */

static int on_interrupt(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
    Cli *cli = userdata;

    cli->interrupted = true;
    if (cli->terminal_taken)
        cli_say(cli, "^C\n"); /* which the terminal has not shown */
    else if (cli->answers_typed)
        cli_say(cli, "\n");
    return 0;
}

/* Whoever stopped it with Ctrl-Z has had the terminal meanwhile. */
static int on_continue(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    cli_terminal_take_again(userdata);
    return 0;
}

static int event_open(Cli *cli)
{
    sigset_t set;
    int r;

    if (cli->event)
        return 0;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCONT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    r = sd_event_new(&cli->event);
    if (r >= 0)
        r = sd_event_add_signal(cli->event, NULL, SIGINT, on_interrupt, cli);
    if (r >= 0)
        r = sd_event_add_signal(cli->event, NULL, SIGCONT, on_continue, cli);
    if (r < 0)
        cli->event = sd_event_unref(cli->event);
    return r;
}

int cli_bus_open(Cli *cli, sd_bus_error *error)
{
    int r = event_open(cli);

    if (r < 0)
        return sd_bus_error_set_errnof(error, r, "The event loop cannot be set up: %s",
                                       strerror(-r));
    if (cli->bus && sd_bus_is_open(cli->bus) > 0)
        return 0;
    cli_bus_close(cli);
    if (cli_is_remote(cli))
        return cli_remote_open(cli, error);
    r = sd_bus_open_system(&cli->bus);
    if (r >= 0)
        r = sd_bus_attach_event(cli->bus, cli->event, SD_EVENT_PRIORITY_NORMAL);
    /* Whoever sits at the terminal may be asked by polkit's agent. */
    if (r >= 0)
        r = sd_bus_set_allow_interactive_authorization(cli->bus, cli->interactive);
    if (r < 0) {
        cli_bus_close(cli);
        return sd_bus_error_set_errnof(error, r, "The system bus cannot be reached: %s",
                                       strerror(-r));
    }
    return 0;
}

void cli_bus_close(Cli *cli)
{
    if (cli->bus)
        (void)sd_bus_detach_event(cli->bus);
    cli->bus = sd_bus_flush_close_unref(cli->bus);
    cli_remote_close(cli);
}

int cli_wait(Cli *cli)
{
    bool before = cli->interrupted;
    int r;

    cli->interrupted = false;
    r = sd_event_run(cli->event, cli_timeout_left(cli));
    if (r >= 0)
        r = cli_pumps_run(cli);
    if (cli_timeout_check(cli) < 0)
        cli->interrupted = true;
    if (cli->interrupted)
        return -EINTR;
    cli->interrupted = before;
    return r;
}

/* As if it had been pressed once more. */
static int on_end_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
    Cli *cli = userdata;

    cli->interrupted = true;
    return 0;
}

int cli_end_soon(Cli *cli, sd_event_source **ret)
{
    return sd_event_add_time_relative(cli->event, ret, CLOCK_MONOTONIC, END_TIMEOUT_USEC, 0,
                                      on_end_timeout, cli);
}

/* --- Calls ------------------------------------------------------------------------------------ */

typedef struct Reply {
    bool done;
    sd_bus_message *message;
} Reply;

/* It has begun after all, when nobody waited for it any more. */
static int cancel_late(sd_bus_message *m)
{
    const char *path;

    if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "o", &path) > 0)
        (void)sd_bus_call_method_async(sd_bus_message_get_bus(m), NULL,
                                       sd_bus_message_get_sender(m), path, JOB_INTERFACE, "Cancel",
                                       NULL, NULL, NULL);
    return 0;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    Reply *reply = userdata;

    if (!reply)
        return cancel_late(m);
    reply->done = true;
    reply->message = sd_bus_message_ref(m);
    return 0;
}

int cli_new_call(Cli *cli, const char *name, const char *path, const char *interface,
                 const char *member, sd_bus_message **ret)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = cli_bus_open(cli, &error);

    if (r >= 0)
        r = sd_bus_message_new_method_call(cli->bus, ret, name, path, interface, member);
    return r < 0 ? cli_bus_error(cli, &error, r) : 0;
}

int cli_call_message(Cli *cli, sd_bus_message *m, sd_bus_error *error, sd_bus_message **ret_reply)
{
    return cli_call_job(cli, m, NULL, error, ret_reply);
}

int cli_call_job(Cli *cli, sd_bus_message *m, bool *interrupted, sd_bus_error *error,
                 sd_bus_message **ret_reply)
{
    __attribute__((cleanup(sd_bus_slot_unrefp))) sd_bus_slot *slot = NULL;
    _cleanup_event_ sd_event_source *end = NULL;
    Reply reply = {0};
    int r = sd_bus_call_async(cli->bus, &slot, m, on_reply, &reply, CALL_TIMEOUT_USEC);

    while (r >= 0 && !reply.done) {
        r = cli_wait(cli);
        if (r == -EINTR && interrupted && !*interrupted) {
            *interrupted = true;
            r = cli_end_soon(cli, &end);
        }
    }
    if (r < 0 && !reply.done) {
        if (interrupted && slot) {
            (void)sd_bus_slot_set_userdata(slot, NULL);
            (void)sd_bus_slot_set_floating(slot, 1);
        }
        return sd_bus_error_set_errno(error, r);
    }
    if (sd_bus_message_is_method_error(reply.message, NULL)) {
        (void)sd_bus_error_copy(error, sd_bus_message_get_error(reply.message));
        r = sd_bus_message_get_errno(reply.message);
        sd_bus_message_unref(reply.message);
        return r > 0 ? -r : -EIO;
    }
    if (ret_reply)
        *ret_reply = reply.message;
    else
        sd_bus_message_unref(reply.message);
    return 0;
}

int cli_call(Cli *cli, const char *name, const char *path, const char *interface,
             const char *member, sd_bus_error *error, sd_bus_message **ret_reply, const char *types,
             ...)
{
    _cleanup_message_ sd_bus_message *m = NULL;
    va_list ap;
    int r = cli_bus_open(cli, error);

    if (r >= 0)
        r = sd_bus_message_new_method_call(cli->bus, &m, name, path, interface, member);
    if (r >= 0 && types) {
        va_start(ap, types);
        r = sd_bus_message_appendv(m, types, ap);
        va_end(ap);
    }
    if (r < 0)
        return sd_bus_error_is_set(error) ? r : sd_bus_error_set_errno(error, r);
    return cli_call_message(cli, m, error, ret_reply);
}

/* --- Reading a{sv} ---------------------------------------------------------------------------- */

static const CliEntry *find_entry(const CliEntry *entries, const char *name)
{
    for (; entries->name; entries++)
        if (streq(entries->name, name))
            return entries;
    return NULL;
}

static int read_strings(sd_bus_message *m, const char **strings)
{
    const char *text;
    size_t n = 0;
    int r = sd_bus_message_enter_container(m, 'a', "s");

    while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &text)) > 0)
        if (n < CLI_STRINGS_MAX)
            strings[n++] = text;
    strings[n] = NULL;
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_entry(sd_bus_message *m, const CliEntry *entry)
{
    const char contents[] = {entry->type, '\0'};
    const char *signature = entry->type == 'A' ? "ay" : entry->type == 'L' ? "as" : contents;
    int r = sd_bus_message_verify_type(m, 'v', signature);

    if (r <= 0)
        return r < 0 ? r : sd_bus_message_skip(m, "v");
    r = sd_bus_message_enter_container(m, 'v', signature);
    if (r >= 0 && entry->type == 'A') {
        CliBytes *bytes = entry->target;

        r = sd_bus_message_read_array(m, 'y', &bytes->data, &bytes->size);
    } else if (r >= 0 && entry->type == 'L') {
        r = read_strings(m, entry->target);
    } else if (r >= 0) {
        r = sd_bus_message_read_basic(m, entry->type, entry->target);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

int cli_read_entries(sd_bus_message *m, const CliEntry *entries)
{
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        const CliEntry *entry;
        const char *name;

        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0) {
            entry = find_entry(entries, name);
            r = entry ? read_entry(m, entry) : sd_bus_message_skip(m, "v");
        }
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_object(sd_bus_message *m, const char *interface, cli_object_t callback,
                       void *userdata)
{
    const char *name;
    int r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0)
            r = streq(name, interface) ? callback(m, userdata) : sd_bus_message_skip(m, "a{sv}");
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_objects(sd_bus_message *m, const char *interface, cli_object_t callback,
                        void *userdata)
{
    int r = sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
        r = sd_bus_message_skip(m, "o");
        if (r >= 0)
            r = read_object(m, interface, callback, userdata);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

int cli_list_objects(Cli *cli, const char *name, const char *path, const char *interface,
                     cli_object_t callback, void *userdata, sd_bus_error *error,
                     sd_bus_message **ret)
{
    _cleanup_message_ sd_bus_message *m = NULL;
    int r = cli_call(cli, name, path, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects",
                     error, &m, NULL);

    if (r < 0)
        return r;
    r = read_objects(m, interface, callback, userdata);
    if (r < 0)
        return sd_bus_error_set_errnof(error, r, "The answer cannot be read: %s", strerror(-r));
    *ret = TAKE_PTR(m);
    return 0;
}

int cli_get_objects(Cli *cli, const char *name, const char *path, const char *interface,
                    cli_object_t callback, void *userdata, sd_bus_message **ret)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = cli_list_objects(cli, name, path, interface, callback, userdata, &error, ret);

    return r < 0 ? cli_bus_error(cli, &error, r) : 0;
}

int cli_get_properties(Cli *cli, const char *name, const char *path, const char *interface,
                       const CliEntry *entries, sd_bus_error *error, sd_bus_message **ret)
{
    _cleanup_message_ sd_bus_message *m = NULL;
    int r = cli_call(cli, name, path, "org.freedesktop.DBus.Properties", "GetAll", error, &m, "s",
                     interface);

    if (r >= 0)
        r = cli_read_entries(m, entries);
    if (r < 0)
        return sd_bus_error_is_set(error) ? r : sd_bus_error_set_errno(error, r);
    *ret = TAKE_PTR(m);
    return 0;
}
