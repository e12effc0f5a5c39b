/* SPDX-License-Identifier: Apache-2.0 */
/* Foresee() of the daemons that say what is going to happen: the time is read and checked, and what
 * happens until then is put into the answer. */
#pragma once

#include <stdint.h>
#include <systemd/sd-bus.h>

typedef struct Foresight {
    sd_bus_message *reply;
    unsigned n;
} Foresight;

/* Reads the time, "x", and begins an answer of such structures. InvalidArgument in error: it is not
 * between now (seconds since the epoch) and 50 years from now. */
int foresight_begin(Foresight *f, sd_bus_message *m, int64_t now, const char *structure,
                    int64_t *ret_at, sd_bus_error *error);
/* -E2BIG: there is no room for one more. */
int foresight_append(Foresight *f, const char *structure, ...);
/* r: what came of it. Sends the answer, or TooLarge in error; 1 or a negative errno. */
int foresight_end(Foresight *f, int r, sd_bus_error *error);
void foresight_done(Foresight *f);
