/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: loads FILE into a configuration session and, without waiting for the answer, calls the
 * other methods that are named, and asks for its rights on another connection. Before that it
 * prints "ready" and waits for a line on standard input. Prints the answers as they come: the
 * method, and the error's name or what was answered. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>

#include "atomic-file.h"
#include "cleanup.h"
#include "memfd.h"

#define NAME "org.chancery.Policy1"
#define ROOT "/org/chancery/Policy1"
#define SESSION "org.chancery.Policy1.Session"
#define SIZE_MAX_OF_TEXT (4U << 20)

static unsigned waiting;

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    const char *method = userdata;
    uint32_t lines;

    waiting--;
    if (sd_bus_message_is_method_error(reply, NULL))
        printf("%s %s\n", method, sd_bus_message_get_error(reply)->name);
    else if (sd_bus_message_has_signature(reply, "ua(uus)") &&
             sd_bus_message_read(reply, "u", &lines) > 0)
        printf("%s %u\n", method, lines);
    else
        printf("%s answered\n", method);
    (void)fflush(stdout);
    return 0;
}

static int read_text(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    _cleanup_free_ char *text = malloc(SIZE_MAX_OF_TEXT);
    ssize_t n;

    if (fd < 0 || !text)
        return -errno;
    n = read_full(fd, text, SIZE_MAX_OF_TEXT);
    return n < 0 ? (int)n : memfd_new_sealed("text", text, (size_t)n);
}

static int call(sd_bus *bus, const char *session, char *method)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
    int r = sd_bus_message_new_method_call(bus, &m, NAME, session, SESSION, method);

    if (r >= 0 && streq(method, "Line"))
        r = sd_bus_message_append(m, "s", "hostname between");
    else if (r >= 0 && streq(method, "Commit"))
        r = sd_bus_message_append(m, "a{sv}", 0);
    else if (r >= 0 && streq(method, "Rollback"))
        r = sd_bus_message_append(m, "ss", "last", "1");
    waiting++;
    return r < 0 ? r : sd_bus_call_async(bus, NULL, m, on_answer, method, 0);
}

/* What was sent before is where it is to go when the bus answers this. */
static int pass_on(sd_bus *bus)
{
    return sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                              "org.freedesktop.DBus", "GetId", NULL, NULL, NULL);
}

static int call_all(sd_bus *bus, sd_bus *other, const char *session, int text, char *methods[])
{
    static char load[] = "Load", rights[] = "GetOwnRights";
    int r;

    waiting = 2;
    r = sd_bus_call_method_async(bus, NULL, NAME, session, SESSION, load, on_answer, load, "h",
                                 text);
    for (; r >= 0 && *methods; methods++)
        r = call(bus, session, *methods);
    if (r >= 0)
        r = pass_on(bus);
    if (r >= 0)
        r = sd_bus_call_method_async(other, NULL, NAME, ROOT, NAME, rights, on_answer, rights,
                                     NULL);
    return r < 0 ? r : pass_on(other);
}

static int attach(sd_event *event, sd_bus **ret)
{
    int r = sd_bus_open_system(ret);

    return r < 0 ? r : sd_bus_attach_event(*ret, event, SD_EVENT_PRIORITY_NORMAL);
}

static int run(const char *path, char *methods[])
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL, *other = NULL;
    _cleanup_(sd_event_unrefp) sd_event *event = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_close_ int text = read_text(path);
    const char *session;
    int r = text < 0 ? text : sd_event_new(&event);

    if (r >= 0)
        r = attach(event, &bus);
    if (r >= 0)
        r = attach(event, &other);
    if (r >= 0)
        r = sd_bus_call_method(bus, NAME, ROOT, NAME, "OpenSession", NULL, &reply, "a{sv}", 0);
    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &session);
    if (r < 0)
        return r;
    puts("ready");
    (void)fflush(stdout);
    (void)getchar();
    r = call_all(bus, other, session, text, methods);
    puts("sent");
    (void)fflush(stdout);
    while (r >= 0 && waiting > 0)
        r = sd_event_run(event, UINT64_MAX);
    return r;
}

int main(int argc, char *argv[])
{
    int r = argc < 2 ? -EINVAL : run(argv[1], argv + 2);

    if (r < 0)
        fprintf(stderr, "session-load: %s\n", strerror(-r));
    return r < 0;
}
