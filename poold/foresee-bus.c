/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.TrustPool1.Foresee. */
#include <time.h>

#include "errors.h"
#include "foresee.h"
#include "org.chancery.TrustPool1.h"
#include "poold.h"

/* As long as any certificate of a CA lives. */
#define YEARS_MAX 50
#define YEAR_SECONDS (INT64_C(366) * 86400)
/* An answer has room for them; who has more looks less far. */
#define EVENTS_MAX 8192U

typedef struct Answer {
    sd_bus_message *reply;
    unsigned n;
} Answer;

static int append(void *userdata, int64_t when, PoolEvent event, const char *text)
{
    Answer *a = userdata;

    if (++a->n > EVENTS_MAX)
        return -E2BIG;
    return sd_bus_message_append(a->reply, "(xss)", when, pool_event_name(event), text);
}

int trust_pool1_method_foresee(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int64_t at, now = time(NULL);
    const Poold *poold = userdata;
    Answer answer = {.n = 0};
    int r;

    r = sd_bus_message_read(m, "x", &at);
    if (r < 0)
        return r;
    if (at < now || at > now + YEARS_MAX * YEAR_SECONDS)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The time to look at is not before now, and within %d years",
                                 YEARS_MAX);
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(xss)");
    answer.reply = reply;
    if (r >= 0)
        r = pool_foresee(pool_get_active(poold->pool), poold->policy->url, now, at, append,
                         &answer);
    if (r == -E2BIG)
        return sd_bus_error_setf(reterr_error, ERROR_TOO_LARGE,
                                 "More than %u things happen to the trustpool until then: look "
                                 "less far",
                                 EVENTS_MAX);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}
