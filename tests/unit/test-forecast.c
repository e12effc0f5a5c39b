/* SPDX-License-Identifier: Apache-2.0 */
/* What will be: the same as what is, when the time has come. */
#include "test-common.h"

#include "expiry-schedule.h"
#include "forecast.h"
#include "issue.h"
#include "json-util.h"

#define DAY INT64_C(86400)
#define NOW (INT64_C(1700000000))
#define EVENTS_MAX 64U

typedef struct Event {
    int64_t when;
    ForecastKind kind;
    char text[128];
} Event;

typedef struct Events {
    Event items[EVENTS_MAX];
    size_t n;
} Events;

static int collect(void *userdata, const Trustpoint *t, int64_t when, ForecastKind kind,
                   const char *text)
{
    Events *events = userdata;

    assert_true(events->n < EVENTS_MAX);
    events->items[events->n] = (Event){.when = when, .kind = kind};
    (void)snprintf(events->items[events->n++].text, sizeof(events->items[0].text), "%s", text);
    return 0;
}

static size_t count(const Events *events, ForecastKind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < events->n; i++)
        n += events->items[i].kind == kind;
    return n;
}

static const Event *find(const Events *events, ForecastKind kind, const char *words)
{
    for (size_t i = 0; i < events->n; i++)
        if (events->items[i].kind == kind && strstr(events->items[i].text, words))
            return &events->items[i];
    return NULL;
}

typedef struct Fixture {
    Trustpoint t;
    CertificateBrief ca_brief, router_brief;
    StoredCertificate ca, router;
    TrustpointConfig config;
    Request request;
} Fixture;

/* A trustpoint as the functions see it: times and names, no keys. */
static Fixture *fixture(Fixture *f, EnrollmentMethod method, int64_t ca_days, int64_t days)
{
    static char name[] = "core", serial[] = "41", algorithm[] = "rsa", label[] = "k";
    const KeyName key = {algorithm, label, PAIR_GENERAL};

    *f = (Fixture){
        .config = {.method = method, .keypair = key, .lifetime = (unsigned)days, .retry = {3, 600}},
        .ca_brief = {.not_before = NOW - DAY,
                     .not_after = NOW + ca_days * DAY,
                     .sha256_fingerprint = "00"},
        .router_brief = {.not_before = NOW,
                         .not_after = NOW + days * DAY,
                         .sha256_fingerprint = "00"},
        .ca = {.brief = &f->ca_brief},
        .router = {.brief = &f->router_brief, .key = key},
    };
    f->t = (Trustpoint){.name = name, .config = &f->config};
    f->t.record = (Record){.name = name, .serial = method == METHOD_SELF ? serial : NULL};
    f->t.record.certificates[ROLE_CA] = &f->ca;
    f->t.record.certificates[ROLE_ROUTER] = &f->router;
    return f;
}

static void look(const Fixture *f, int64_t days, Events *ret)
{
    ret->n = 0;
    assert_int_equal(forecast(&f->t, NOW, NOW + days * DAY, collect, ret), 0);
}

static void test_nothing_happens(void **state)
{
    Fixture f;
    Events events;

    look(fixture(&f, METHOD_SCEP, 3000, 300), 200, &events);
    assert_int_equal(events.n, 0);
    look(&f, 0, &events);
    assert_int_equal(events.n, 0);
    f.t.config = NULL;
    look(&f, 3000, &events);
    assert_int_equal(events.n, 0);
}

/* Without renewal it is said first, then it ends, to the second, and both in the words of then. */
static void test_the_end(void **state)
{
    Fixture f;
    Events events;

    look(fixture(&f, METHOD_SCEP, 3000, 300), 400, &events);
    assert_int_equal(events.n, 3);
    assert_int_equal(events.items[0].kind, FORECAST_ALERT);
    assert_int_equal(events.items[0].when, f.router_brief.not_after + 1 - 60 * DAY);
    assert_int_equal(events.items[1].when, f.router_brief.not_after + 1 - 7 * DAY);
    assert_int_equal(events.items[2].kind, FORECAST_BREAK);
    assert_int_equal(events.items[2].when, f.router_brief.not_after + 1);
    assert_string_equal(events.items[2].text,
                        "The router certificate has expired: crypto ca enroll core.");
    /* A second before, it has not. */
    assert_int_equal(forecast(&f.t, NOW, f.router_brief.not_after, collect, &events), 0);
    assert_int_equal(count(&events, FORECAST_BREAK), 1);
}

static void test_ended_already(void **state)
{
    Fixture f;
    Events events;

    fixture(&f, METHOD_SCEP, 3000, 300)->router_brief.not_after = NOW - DAY;
    look(&f, 1, &events);
    assert_int_equal(events.n, 1);
    assert_int_equal(events.items[0].when, NOW);
    assert_int_equal(events.items[0].kind, FORECAST_BREAK);
}

/* Renewed again and again, and nobody is told of an end that does not come. */
static void test_renewals(void **state)
{
    Fixture f;
    Events events;

    fixture(&f, METHOD_SCEP, 3000, 300)->config.auto_enroll = 50;
    look(&f, 1000, &events);
    assert_int_equal(events.n, 6);
    assert_int_equal(count(&events, FORECAST_RENEWAL), 6);
    for (size_t i = 0; i < events.n; i++)
        assert_in_range(events.items[i].when, NOW + (int64_t)(i + 1) * 150 * DAY,
                        NOW + (int64_t)(i + 1) * 150 * DAY + (int64_t)(i + 1) * DAY / 4);
    assert_int_equal(events.items[0].when, NOW + trustpoint_renewal_wait(&f.t, NOW));
}

/* A root that ends ends everything, and no renewal helps. */
static void test_root_ends(void **state)
{
    Fixture f;
    Events events;

    fixture(&f, METHOD_SELF, 400, 300)->config.auto_enroll = 50;
    look(&f, 1000, &events);
    assert_non_null(find(&events, FORECAST_BREAK, "CA certificate has expired"));
    assert_int_equal(find(&events, FORECAST_BREAK, "CA certificate has expired")->when,
                     f.ca_brief.not_after + 1);
    /* One that is as long as the root lasts. */
    assert_int_equal(count(&events, FORECAST_RENEWAL), 1);
    assert_int_equal(count(&events, FORECAST_BREAK), 2);
}

static void test_failures(void **state)
{
    Fixture f;
    Events events;

    fixture(&f, METHOD_SCEP, 3000, 300)->config.auto_enroll = 50;
    f.t.record.renewal = (Renewal){2, NOW + 100};
    look(&f, 1, &events);
    assert_int_equal(count(&events, FORECAST_RENEWAL), 1);
    assert_int_equal(events.items[0].when, NOW + 100);
}

static void test_request(void **state)
{
    Fixture f;
    Events events;

    fixture(&f, METHOD_SCEP, 3000, 300)->t.record.certificates[ROLE_ROUTER] = NULL;
    f.request.lifecycle = (Lifecycle){REQUEST_PENDING, 1, NOW + 300};
    f.t.record.request = &f.request;
    look(&f, 3, &events); /* by another way than the one that is configured */
    assert_int_equal(events.n, 0);
    f.request.method = METHOD_SCEP;
    look(&f, 1, &events);
    assert_int_equal(events.n, 1);
    assert_int_equal(events.items[0].kind, FORECAST_REQUEST);
    assert_int_equal(events.items[0].when, NOW + 300 + 2 * 600);
    assert_int_equal(f.request.lifecycle.polls, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_happens), cmocka_unit_test(test_the_end),
        cmocka_unit_test(test_ended_already),   cmocka_unit_test(test_renewals),
        cmocka_unit_test(test_root_ends),       cmocka_unit_test(test_failures),
        cmocka_unit_test(test_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
