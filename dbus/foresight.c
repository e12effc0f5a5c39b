/* SPDX-License-Identifier: Apache-2.0 */
#include "foresight.h"

#include <errno.h>
#include <stdarg.h>

#include "errors.h"

/* As long as any certificate lives. */
#define YEARS_MAX 50
#define YEAR_SECONDS (INT64_C(366) * 86400)
/* An answer has room for them; who has more looks less far. */
#define EVENTS_MAX 8192U

int foresight_begin(Foresight *f, sd_bus_message *m, int64_t now, const char *structure,
                    int64_t *ret_at, sd_bus_error *error)
{
    int r;

    *f = (Foresight){NULL};
    r = sd_bus_message_read(m, "x", ret_at);
    if (r < 0)
        return r;
    if (*ret_at < now || *ret_at > now + YEARS_MAX * YEAR_SECONDS)
        return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                 "The time to look at has to lie ahead, by at most %d years",
                                 YEARS_MAX);
    r = sd_bus_message_new_method_return(m, &f->reply);
    return r < 0 ? r : sd_bus_message_open_container(f->reply, 'a', structure);
}

int foresight_append(Foresight *f, const char *structure, ...)
{
    va_list ap;
    int r;

    if (++f->n > EVENTS_MAX)
        return -E2BIG;
    va_start(ap, structure);
    r = sd_bus_message_appendv(f->reply, structure, ap);
    va_end(ap);
    return r;
}

int foresight_end(Foresight *f, int r, sd_bus_error *error)
{
    if (r == -E2BIG)
        return sd_bus_error_setf(error, ERROR_TOO_LARGE,
                                 "More than %u things happen until then: look less far",
                                 EVENTS_MAX);
    if (r >= 0)
        r = sd_bus_message_close_container(f->reply);
    if (r >= 0)
        r = sd_bus_send(NULL, f->reply, NULL);
    return r < 0 ? r : 1;
}

void foresight_done(Foresight *f)
{
    sd_bus_message_unref(f->reply);
}
