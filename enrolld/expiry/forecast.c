/* SPDX-License-Identifier: Apache-2.0 */
#include "forecast.h"

#include "expiry-notices.h"
#include "expiry-schedule.h"
#include "rollover.h"

#define DAY_SECONDS INT64_C(86400)
/* Of one certificate, which no lifetime of a day reaches in the years that a CA has. */
#define RENEWALS_MAX 1000U

typedef struct Forecast {
    const Trustpoint *t;
    int64_t now, at;
    forecast_t report;
    void *userdata;
} Forecast;

const char *forecast_kind_name(ForecastKind kind)
{
    static const char *const names[] = {[FORECAST_ALERT] = "alert",
                                        [FORECAST_RENEWAL] = "renewal",
                                        [FORECAST_REQUEST] = "request",
                                        [FORECAST_BREAK] = "break"};

    return names[kind];
}

static int say(const Forecast *f, int64_t when, ForecastKind kind, const char *text)
{
    return f->report(f->userdata, f->t, when, kind, text);
}

/* A certificate with other times: those of the one that it will have been renewed by. */
typedef struct Life {
    CertificateRole role;
    StoredCertificate certificate;
    CertificateBrief brief; /* of the certificate */
} Life;

static void live_begin(Life *life, CertificateRole role, const StoredCertificate *c)
{
    *life = (Life){role, *c, *c->brief};
    life->certificate.brief = &life->brief;
}

/* The one that is there at the end. */
static const StoredCertificate *last_authority(const Trustpoint *t)
{
    return trustpoint_certificate(t, rollover_has_successor(t) ? ROLE_NEXT_CA : ROLE_CA);
}

/* What will be said about the trustpoint when this certificate has ended. */
static int say_ended(const Forecast *f, Life *life)
{
    Trustpoint then = *f->t;
    int64_t when = life->brief.not_after + 1;
    _cleanup_free_ char *text = NULL;

    then.record.certificates[life->role] = &life->certificate;
    then.record.request = NULL;
    then.record.staged = then.record.previous = NULL;
    text = trustpoint_detail(&then, when);
    return text ? say(f, when < f->now ? f->now : when, FORECAST_BREAK, text) : -ENOMEM;
}

static int say_alert(const Forecast *f, const Life *life, int64_t when, ExpiryMode mode)
{
    _cleanup_free_ char *text = NULL;

    if (asprintf(&text, "It is said %s that the %s certificate ends.",
                 mode == EXPIRY_WARNING ? "weekly" : "daily",
                 life->role == ROLE_CA ? "CA" : "router") < 0) {
        text = NULL;
        return -ENOMEM;
    }
    return say(f, when, FORECAST_ALERT, text);
}

/* How it goes with a certificate that is there from one moment until before another. */
static int live(const Forecast *f, Life *life, int64_t from, int64_t until)
{
    int64_t end = life->brief.not_after, when = from;
    ExpiryMode mode = expiry_mode(expiry_step(end, from));
    int r = 0;

    if (mode == EXPIRY_OVER)
        return say_ended(f, life);
    if (mode != EXPIRY_QUIET && expiry_is_watched(f->t, life->role))
        r = say_alert(f, life, from, mode);
    while (r >= 0) {
        int64_t wait = expiry_seconds_to_next(end, when);
        ExpiryMode next;

        if (wait == INT64_MAX || wait > until - when)
            return 0;
        when += wait;
        next = expiry_mode(expiry_step(end, when));
        if (next == EXPIRY_OVER)
            return say_ended(f, life);
        if (next != mode && expiry_is_watched(f->t, life->role))
            r = say_alert(f, life, when, next);
        mode = next;
    }
    return r;
}

/* The next one, made at that time: as long as configured, or as the last one, and no longer than
 * its CA. */
static void renew(const Trustpoint *t, CertificateBrief *s, int64_t when)
{
    int64_t last = last_authority(t)->brief->not_after;
    int64_t length = t->config->method == METHOD_SELF ? DAY_SECONDS * t->config->lifetime
                                                      : s->not_after - s->not_before;

    s->not_before = when;
    s->not_after = length > last - when ? last : when + length;
}

/* Seconds until the renewal of a certificate that is there instead of the trustpoint's. */
static int64_t wait_for_renewal(const Forecast *f, Life *life, int64_t when, bool first)
{
    Trustpoint then = *f->t;

    then.record.certificates[life->role] = &life->certificate;
    then.record.staged = then.record.previous = NULL;
    if (!first) {
        then.record.request = NULL;
        then.record.renewal = (Renewal){0};
    }
    return trustpoint_renewal_wait(&then, when);
}

static int forecast_router(const Forecast *f, CertificateRole role)
{
    Life life;
    int64_t when = f->now;
    int r = 0;

    live_begin(&life, role, trustpoint_certificate(f->t, role));
    for (unsigned i = 0; r >= 0 && i < RENEWALS_MAX; i++) {
        int64_t wait = role == ROLE_ROUTER ? wait_for_renewal(f, &life, when, i == 0) : -ENODATA;

        if (wait < 0 || wait > f->at - when)
            break;
        r = live(f, &life, when, when + wait);
        when += wait;
        if (r >= 0)
            r = say(f, when, FORECAST_RENEWAL,
                    "The router certificate is renewed, if it is granted.");
        renew(f->t, &life.brief, when);
        /* The CA has ended before, which is said elsewhere. */
        if (life.brief.not_after <= when)
            return r;
    }
    return r < 0 ? r : live(f, &life, when, f->at);
}

/* Of what came with the CA's: those above it are part of every path; the others are the
 * registration authority's. */
static int forecast_chain(const Forecast *f, const StoredCertificate *c)
{
    _cleanup_(certificate_summary_done) CertificateSummary summary = {0};
    int64_t end = c->brief->not_after + 1;
    _cleanup_free_ char *text = NULL;

    if (end > f->at)
        return 0;
    if (shared_certificate_summarize(c->shared, &summary) < 0 ||
        asprintf(&text, "A certificate that came with the CA's ends: %s. Authenticate again.",
                 summary.subject) < 0) {
        text = NULL;
        return -ENOMEM;
    }
    return say(f, end < f->now ? f->now : end, FORECAST_BREAK, text);
}

/* The CA goes on not deciding. */
static int forecast_request(const Forecast *f, const Request *request)
{
    const RequestRetry *retry = &f->t->config->retry;
    Lifecycle l = request->lifecycle;
    int64_t when = f->now;

    while (lifecycle_is_polling(&l)) {
        when += lifecycle_wait(&l, retry, when);
        if (when > f->at)
            return 0;
        if (lifecycle_apply(&l, REQUEST_EVENT_WAIT, retry, when) < 0)
            return 0;
        if (l.state == REQUEST_TIMED_OUT)
            return say(f, when, FORECAST_REQUEST,
                       "The CA is asked for the last time, unless it decides before.");
    }
    return 0;
}

int forecast(const Trustpoint *t, int64_t now, int64_t at, forecast_t report, void *userdata)
{
    const Forecast f = {t, now, at, report, userdata};
    int r = 0;

    if (trustpoint_unread(t)) {
        _cleanup_free_ char *text = trustpoint_detail(t, now);

        return text ? say(&f, now, FORECAST_BREAK, text) : -ENOMEM;
    }
    if (!t->record.name || !t->config)
        return 0;
    if (trustpoint_certificate(t, ROLE_CA)) {
        Life ca;

        live_begin(&ca, ROLE_CA, last_authority(t));
        r = live(&f, &ca, now, at);
    }
    for (size_t i = 0; r >= 0 && i < t->record.n_chain && !rollover_has_successor(t); i++)
        r = forecast_chain(&f, t->record.chain[i]);
    for (CertificateRole role = ROLE_ROUTER; r >= 0 && role <= ROLE_ENCRYPTION; role++)
        if (trustpoint_certificate(t, role))
            r = forecast_router(&f, role);
    for (const Request *i = t->record.request; r >= 0 && i; i = i->next)
        r = i->method == t->config->method ? forecast_request(&f, i) : 0;
    return r;
}
