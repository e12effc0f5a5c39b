/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolls trustpoints at once, as a program on the bus does: one connection, all jobs started
 * together, and each waited for. Prints a line for each that failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "names.h"

static unsigned n_open;

static int ended(const char *trustpoint, const sd_bus_error *error)
{
    n_open--;
    if (error)
        (void)printf("%s: %s\n", trustpoint, error->message);
    return 0;
}

static int on_ended(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    return ended(userdata, sd_bus_message_get_error(m));
}

static int on_begun(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    sd_bus_message *call = NULL;
    const char *path;
    int r;

    if (sd_bus_message_is_method_error(m, NULL))
        return ended(userdata, sd_bus_message_get_error(m));
    r = sd_bus_message_read(m, "o", &path);
    if (r >= 0)
        r = sd_bus_message_new_method_call(sd_bus_message_get_bus(m), &call, ENROLLMENT_NAME, path,
                                           JOB_INTERFACE, "Wait");
    if (r >= 0)
        r = sd_bus_call_async(sd_bus_message_get_bus(m), NULL, call, on_ended, userdata,
                              UINT64_MAX);
    sd_bus_message_unref(call);
    return r;
}

int main(int argc, char *argv[])
{
    sd_bus *bus = NULL;
    int r = sd_bus_open_system(&bus);

    for (int i = 1; r >= 0 && i < argc; i++, n_open++)
        r = sd_bus_call_method_async(bus, NULL, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_NAME,
                                     "Enroll", on_begun, argv[i], "sa{sv}", argv[i], 0);
    while (r >= 0 && n_open > 0) {
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = sd_bus_wait(bus, UINT64_MAX);
    }
    sd_bus_flush_close_unref(bus);
    if (r < 0)
        (void)fprintf(stderr, "The bus: %s\n", strerror(-r));
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
