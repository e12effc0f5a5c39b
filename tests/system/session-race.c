/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: changes a candidate while polkit is being asked about it. Enters a line, prints
 * "ready" and waits for a line on standard input; then sends Commit and, without waiting for its
 * answer, Clear. Prints "cleared", and how Commit ended: the error's name, or "committed ID". */
#include <stdbool.h>
#include <stdio.h>
#include <systemd/sd-bus.h>

#include "cleanup.h"

#define NAME "org.chancery.Policy1"
#define SESSION "org.chancery.Policy1.Session"

typedef struct Outcome {
    bool commit_ended, clear_ended;
} Outcome;

static int on_commit(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    Outcome *outcome = userdata;
    uint64_t id = 0;

    outcome->commit_ended = true;
    if (sd_bus_message_is_method_error(reply, NULL))
        puts(sd_bus_message_get_error(reply)->name);
    else if (sd_bus_message_read(reply, "t", &id) >= 0)
        printf("committed %llu\n", (unsigned long long)id);
    return 0;
}

static int on_clear(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    ((Outcome *)userdata)->clear_ended = true;
    puts(sd_bus_message_is_method_error(reply, NULL) ? sd_bus_message_get_error(reply)->name
                                                     : "cleared");
    (void)fflush(stdout);
    return 0;
}

static int race(sd_bus *bus, const char *line)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    Outcome outcome = {false, false};
    const char *session;
    int r;

    r = sd_bus_call_method(bus, NAME, "/org/chancery/Policy1", NAME, "OpenSession", NULL, &reply,
                           "a{sv}", 0);
    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &session);
    if (r >= 0)
        r = sd_bus_call_method(bus, NAME, session, SESSION, "Line", NULL, NULL, "s", line);
    if (r >= 0) {
        puts("ready");
        (void)fflush(stdout);
        (void)getchar();
        r = sd_bus_call_method_async(bus, NULL, NAME, session, SESSION, "Commit", on_commit,
                                     &outcome, "a{sv}", 0);
    }
    if (r >= 0)
        r = sd_bus_call_method_async(bus, NULL, NAME, session, SESSION, "Clear", on_clear, &outcome,
                                     NULL);
    while (r >= 0 && !(outcome.commit_ended && outcome.clear_ended)) {
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = sd_bus_wait(bus, 30 * 1000000ULL);
    }
    return r;
}

int main(int argc, char *argv[])
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    int r = sd_bus_open_system(&bus);

    if (r >= 0)
        r = race(bus, argc > 1 ? argv[1] : "hostname raced");
    if (r < 0)
        fprintf(stderr, "session-race: %s\n", strerror(-r));
    return r < 0;
}
