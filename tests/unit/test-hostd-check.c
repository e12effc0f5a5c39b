/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that come while another one waits for systemd: each has its turn and its answer. systemd
 * and policyd are played here. */
#include "test-common.h"

#include "hostd.h"
#include "json-util.h"

#define ASKED_MAX 16U

/* --- What is around it ------------------------------------------------------------------------ */

static struct {
    unit_state_t done;
    void *userdata;
} asked[ASKED_MAX];
static size_t n_asked;

struct ConfigProblems {
    bool later, answered;
    unsigned n, n_warnings;
    int error;
};

int unit_state(UnitJobs *jobs, const char *unit, unit_state_t done, void *userdata)
{
    assert_string_equal(unit, SNMP_UNIT);
    assert_true(n_asked < ASKED_MAX);
    asked[n_asked].done = done;
    asked[n_asked++].userdata = userdata;
    return 0;
}

int unit_job(UnitJobs *jobs, const char *method, const char *unit, unit_done_t done, void *userdata)
{
    fail_msg("%s %s", method, unit);
    return -ENOSYS;
}

int config_problem(ConfigProblems *problems, const char *line, const char *format, ...)
{
    problems->n++;
    return 0;
}

int config_warning(ConfigProblems *problems, const char *line, const char *format, ...)
{
    problems->n_warnings++;
    return 0;
}

void config_problems_later(ConfigProblems *problems)
{
    problems->later = true;
}

void config_problems_answer(ConfigProblems *problems, int r)
{
    assert_true(problems->later && !problems->answered);
    problems->answered = true;
    problems->error = r;
}

/* --- Tests ------------------------------------------------------------------------------------ */

static Hostd hostd;

static int set_up(void **state)
{
    hostd = (Hostd){.state_fd = -EBADF, .runtime_fd = -EBADF};
    n_asked = 0;
    return 0;
}

static int check(const char *section, ConfigProblems *problems)
{
    _cleanup_json_ json_object *o = NULL;

    assert_int_equal(json_parse(section, strlen(section), &o), 0);
    return check_services(&hostd, o, problems);
}

static void say(size_t i, const char *state)
{
    assert_true(i < n_asked);
    asked[i].done(state, state ? NULL : "it took too long", asked[i].userdata);
}

static void test_one_after_the_other(void **state)
{
    ConfigProblems first = {}, second = {}, third = {}, fourth = {};

    assert_int_equal(check("{\"snmp\":{\"community\":[\"lab\"]}}", &first), 0);
    assert_int_equal(check("{\"snmp\":{\"community\":[\"public\"]}}", &second), 0);
    assert_int_equal(check("{}", &third), 0);
    assert_int_equal(check("{\"snmp\":{\"community\":[\"lab\",\"rack\"]}}", &fourth), 0);
    assert_true(second.later && third.later && fourth.later);
    assert_int_equal(n_asked, 1);

    say(0, NULL);
    assert_true(first.answered && first.n == 1 && !second.answered);
    assert_int_equal(n_asked, 2);
    say(1, "active");
    assert_true(second.answered && second.n == 0 && second.n_warnings == 1);
    assert_true(third.answered && third.n == 0 && third.error == 0 && !fourth.answered);
    say(2, "inactive");
    assert_true(fourth.answered && fourth.n == 2);
    assert_null(hostd.checks);
    assert_int_equal(n_asked, 3);
}

static void test_too_many(void **state)
{
    ConfigProblems all[9] = {};
    size_t n = 0;

    while (n < ELEMENTSOF(all) - 1)
        assert_int_equal(check("{\"snmp\":{\"traps\":{\"pki\":true}}}", &all[n++]), 0);
    assert_int_equal(check("{\"snmp\":{\"traps\":{\"pki\":true}}}", &all[n]), -EBUSY);
    say(0, "active");
    assert_int_equal(check("{\"snmp\":{\"traps\":{\"pki\":true}}}", &all[n]), 0);
    check_drop(&hostd);
    assert_null(hostd.checks);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_one_after_the_other, set_up),
        cmocka_unit_test_setup(test_too_many, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
