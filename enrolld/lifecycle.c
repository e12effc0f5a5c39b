/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle.h"

#include "cleanup.h"

static const char *const state_names[_REQUEST_STATE_MAX] = {
    [REQUEST_NONE] = "none",         [REQUEST_READY] = "ready",
    [REQUEST_SENT] = "sent",         [REQUEST_PENDING] = "pending",
    [REQUEST_REJECTED] = "rejected", [REQUEST_TIMED_OUT] = "timed-out",
};

const char *request_state_name(RequestState state)
{
    return state_names[state];
}

int request_state_from_name(const char *name, RequestState *ret)
{
    for (size_t i = 0; i < _REQUEST_STATE_MAX; i++)
        if (streq(state_names[i], name)) {
            *ret = (RequestState)i;
            return 0;
        }
    return -EINVAL;
}

bool lifecycle_is_polling(const Lifecycle *l)
{
    return l->state == REQUEST_SENT || l->state == REQUEST_PENDING;
}

bool lifecycle_is_open(const Lifecycle *l)
{
    return lifecycle_is_polling(l) || l->state == REQUEST_READY;
}

/* The CA was asked and has not decided. */
static void asked(Lifecycle *l, RequestState state, const RequestRetry *retry, int64_t now)
{
    l->polls++;
    l->pause = 0;
    l->state = l->polls > retry->count ? REQUEST_TIMED_OUT : state;
    l->next = l->state == REQUEST_TIMED_OUT ? 0 : now + retry->period;
}

int lifecycle_apply(Lifecycle *l, RequestEvent event, const RequestRetry *retry, int64_t now)
{
    switch (event) {
    case REQUEST_EVENT_MADE:
        *l = (Lifecycle){.state = REQUEST_READY};
        return 0;
    case REQUEST_EVENT_SENDING:
        *l = (Lifecycle){.state = REQUEST_SENT, .next = now + retry->period};
        return 0;
    case REQUEST_EVENT_WAIT:
        if (!lifecycle_is_polling(l))
            return -EINVAL;
        asked(l, REQUEST_PENDING, retry, now);
        return 0;
    case REQUEST_EVENT_NO_ANSWER:
        if (!lifecycle_is_polling(l))
            return -EINVAL;
        /* It is not known whether the CA has it: what was true stays true. */
        asked(l, l->state, retry, now);
        return 0;
    case REQUEST_EVENT_REFUSED:
        if (!lifecycle_is_polling(l))
            return -EINVAL;
        l->state = REQUEST_REJECTED;
        l->next = 0;
        return 0;
    case REQUEST_EVENT_OVER:
        *l = (Lifecycle){.state = REQUEST_NONE};
        return 0;
    case _REQUEST_EVENT_MAX:
    default:
        return -EINVAL;
    }
}

void lifecycle_postpone(Lifecycle *l, uint32_t seconds, int64_t now)
{
    if (l->state != REQUEST_PENDING || seconds == 0)
        return;
    l->pause = seconds < LIFECYCLE_PAUSE_MAX ? seconds : LIFECYCLE_PAUSE_MAX;
    l->next = now + l->pause;
}

int64_t lifecycle_wait(const Lifecycle *l, const RequestRetry *retry, int64_t now)
{
    int64_t longest = l->pause > 0 ? l->pause : retry->period;

    if (l->next <= now)
        return 0;
    return l->next - now > longest ? longest : l->next - now;
}

unsigned lifecycle_start_pause(unsigned failures)
{
    unsigned pause = failures > 0 ? 1 : 0;

    for (unsigned i = 1; i < failures && pause < START_PAUSE_MAX; i++)
        pause *= 2;
    return pause < START_PAUSE_MAX ? pause : START_PAUSE_MAX;
}
