/* SPDX-License-Identifier: Apache-2.0 */
/* Where a request for a certificate stands: named states that are written down, the events that
 * lead from one to the next, and when something has to be done. A pure function of what is handed
 * in: no clock is read here, nothing is written. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum RequestState {
    REQUEST_NONE,
    REQUEST_READY,     /* made and shown; the operator brings the certificate */
    REQUEST_SENT,      /* written down before it goes out: the CA may have it or not */
    REQUEST_PENDING,   /* the CA has it and will decide; it is asked again and again */
    REQUEST_REJECTED,  /* the CA said no */
    REQUEST_TIMED_OUT, /* the CA was asked as often as configured */
    _REQUEST_STATE_MAX,
} RequestState;

/* "none", "ready", "sent", "pending", "rejected", "timed-out" */
const char *request_state_name(RequestState state);
/* -EINVAL for what is none. */
int request_state_from_name(const char *name, RequestState *ret);

typedef enum RequestEvent {
    REQUEST_EVENT_MADE,      /* to be brought to the CA by hand */
    REQUEST_EVENT_SENDING,   /* about to go out */
    REQUEST_EVENT_WAIT,      /* the CA says: pending */
    REQUEST_EVENT_NO_ANSWER, /* the CA could not be asked, or gave no usable answer */
    REQUEST_EVENT_REFUSED,   /* the CA says no */
    REQUEST_EVENT_OVER,      /* granted, or cancelled by the operator */
    _REQUEST_EVENT_MAX,
} RequestEvent;

/* How often the CA is asked, and how many seconds lie between. */
typedef struct RequestRetry {
    uint32_t count, period;
} RequestRetry;

typedef struct Lifecycle {
    RequestState state;
    uint32_t polls; /* how often the CA was asked without a decision */
    int64_t next;   /* when it is asked again, in seconds since the epoch; 0 when it isn't */
    uint32_t pause; /* that the CA has wished for, in seconds; 0: the configured one */
} Lifecycle;

/* -EINVAL, with nothing changed, when the event cannot happen in this state. */
int lifecycle_apply(Lifecycle *l, RequestEvent event, const RequestRetry *retry, int64_t now);

/* The CA, which has not decided, wishes to be left alone for so long, within reason. */
#define LIFECYCLE_PAUSE_MAX 86400U
void lifecycle_postpone(Lifecycle *l, uint32_t seconds, int64_t now);

/* Is the CA asked again, by and by? */
bool lifecycle_is_polling(const Lifecycle *l);
/* Does somebody still wait for a certificate? */
bool lifecycle_is_open(const Lifecycle *l);

/* Seconds until a job is tried again that could not even be started, so many times by now: later
 * and later, up to a minute. */
#define START_PAUSE_MAX 60U
unsigned lifecycle_start_pause(unsigned failures);

/* Seconds until the CA is to be asked again: never less than none, never more than a period
 * or pause,
 * however far the clock has jumped either way since. Only while polling. */
int64_t lifecycle_wait(const Lifecycle *l, const RequestRetry *retry, int64_t now);
