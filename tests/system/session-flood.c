/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: asks for COUNT configuration sessions on one connection, a hundred at a time. Prints
 * how many were opened, how many were refused for the limit and the words of that, and how many
 * ended otherwise; keeps the sessions until standard input ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "cleanup.h"

#define NAME "org.chancery.Policy1"
#define AT_ONCE 100U

typedef struct Outcome {
    unsigned waiting, opened, limited, failed;
    char words[256];
} Outcome;

static int on_opened(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    const sd_bus_error *error = sd_bus_message_get_error(reply);
    Outcome *outcome = userdata;

    outcome->waiting--;
    if (!sd_bus_message_is_method_error(reply, NULL)) {
        outcome->opened++;
    } else if (strcmp(error->name, "org.chancery.Error.LimitExceeded") == 0) {
        outcome->limited++;
        (void)snprintf(outcome->words, sizeof(outcome->words), "%s", error->message);
    } else {
        outcome->failed++;
        fprintf(stderr, "%s: %s\n", error->name, error->message);
    }
    return 0;
}

static int flood(sd_bus *bus, unsigned count, Outcome *outcome)
{
    int r = 0;

    while (r >= 0 && (count > 0 || outcome->waiting > 0)) {
        for (; r >= 0 && count > 0 && outcome->waiting < AT_ONCE; count--) {
            r = sd_bus_call_method_async(bus, NULL, NAME, "/org/chancery/Policy1", NAME,
                                         "OpenSession", on_opened, outcome, "a{sv}", 0);
            if (r >= 0)
                outcome->waiting++;
        }
        if (r >= 0)
            r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = sd_bus_wait(bus, UINT64_MAX);
    }
    return r;
}

int main(int argc, char *argv[])
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    Outcome outcome = {0};
    int r = sd_bus_open_system(&bus);

    if (r >= 0)
        r = flood(bus, argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1, &outcome);
    if (r < 0) {
        fprintf(stderr, "%s\n", strerror(-r));
        return EXIT_FAILURE;
    }
    printf("%u opened, %u refused, %u failed: %s\n", outcome.opened, outcome.limited,
           outcome.failed, outcome.words);
    (void)fflush(stdout);
    while (getchar() != EOF)
        ;
    return EXIT_SUCCESS;
}
