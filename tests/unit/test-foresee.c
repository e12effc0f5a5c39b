/* SPDX-License-Identifier: Apache-2.0 */
/* What is going to be of the trustpool: as its own schedule has it, and nothing of the past. */
#include "test-common.h"

#include "foresee.h"
#include "schedule.h"

#define NOW INT64_C(1800000000)
#define DAY SCHEDULE_DAY

typedef struct Seen {
    size_t n;
    struct {
        int64_t when;
        PoolEvent event;
        char text[160];
    } events[16];
    int error;
} Seen;

static int take(void *userdata, int64_t when, PoolEvent event, const char *text)
{
    Seen *seen = userdata;

    if (seen->error < 0)
        return seen->error;
    assert_true(seen->n < ELEMENTSOF(seen->events));
    seen->events[seen->n].when = when;
    seen->events[seen->n].event = event;
    (void)snprintf(seen->events[seen->n++].text, sizeof(seen->events[0].text), "%s", text);
    return 0;
}

static int64_t ends_of_three[] = {NOW - DAY, NOW + 10 * DAY, NOW + 400 * DAY};

static Seen look(bool updates, int64_t at, int error)
{
    static Authority authorities[3];
    static char names[3][8];
    Authority *items[3];
    AuthorityList list = {.items = items, .n = ELEMENTSOF(items)};
    Seen seen = {.error = error};

    for (size_t i = 0; i < ELEMENTSOF(items); i++) {
        (void)snprintf(names[i], sizeof(names[i]), "CN=%zu", i);
        authorities[i].summary.subject = names[i];
        authorities[i].summary.not_after = ends_of_three[i];
        items[i] = &authorities[i];
    }
    assert_int_equal(pool_foresee(&list, updates, NOW, at, take, &seen), error);
    return seen;
}

static void test_what_comes(void **state)
{
    Seen seen = look(false, NOW + 500 * DAY, 0);

    assert_int_equal(seen.n, 4);
    /* The notices have begun; it is over a second after notAfter. */
    assert_true(seen.events[0].when == NOW && seen.events[0].event == POOL_EVENT_ALERT);
    assert_string_equal(seen.events[0].text,
                        "It is said that the CA certificate of the trustpool expires: CN=1.");
    assert_true(seen.events[1].when == NOW + 10 * DAY + 1 &&
                seen.events[1].event == POOL_EVENT_END);
    assert_non_null(strstr(seen.events[1].text, "what it has issued is refused: CN=1."));
    assert_int_equal(seen.events[2].when, schedule_alert_first(ends_of_three[2]));
    assert_true(seen.events[3].when == NOW + 400 * DAY + 1 &&
                seen.events[3].event == POOL_EVENT_BREAK);
    assert_non_null(strstr(seen.events[3].text, "the last one: import a bundle"));
}

/* Somebody does something: the pool itself. */
static void test_updated(void **state)
{
    Seen seen = look(true, NOW + 500 * DAY, 0);

    assert_int_equal(seen.n, 4);
    assert_int_equal(seen.events[3].event, POOL_EVENT_END);
    assert_non_null(strstr(seen.events[3].text, "updated before, if the bundle can be had: CN=2."));
}

static void test_until_then(void **state)
{
    int64_t first = schedule_alert_first(ends_of_three[2]);

    assert_int_equal(look(false, NOW, 0).n, 1);
    assert_int_equal(look(false, NOW + 10 * DAY, 0).n, 1);
    assert_int_equal(look(false, NOW + 10 * DAY + 1, 0).n, 2);
    assert_int_equal(look(false, first - 1, 0).n, 2);
    assert_int_equal(look(false, first, 0).n, 3);
    assert_int_equal(look(false, first, -E2BIG).n, 0);
}

static void test_none(void **state)
{
    const AuthorityList none = {.n = 0};
    Seen seen = {.n = 0};

    assert_int_equal(pool_foresee(&none, false, NOW, NOW + DAY, take, &seen), 0);
    assert_int_equal(seen.n, 0);
    assert_string_equal(pool_event_name(POOL_EVENT_ALERT), "alert");
    assert_string_equal(pool_event_name(POOL_EVENT_END), "pool");
    assert_string_equal(pool_event_name(POOL_EVENT_BREAK), "break");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_comes),
        cmocka_unit_test(test_updated),
        cmocka_unit_test(test_until_then),
        cmocka_unit_test(test_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
