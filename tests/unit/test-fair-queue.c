/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fair-queue.h"

/* Tasks of a, b (one user) and c (another). */
typedef struct Named {
    FairTask task; /* first */
    char name;
} Named;

typedef struct Fixture {
    FairQueue queue;
    FairSource a, b, c;
    Named tasks[64];
    size_t n_tasks;
} Fixture;

static int setup(void **state)
{
    static Fixture f;

    f.n_tasks = 0;
    fair_queue_init(&f.queue);
    assert_int_equal(fair_source_init(&f.queue, 1, &f.a), 0);
    assert_int_equal(fair_source_init(&f.queue, 1, &f.b), 0);
    assert_int_equal(fair_source_init(&f.queue, 2, &f.c), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    assert_null(fair_queue_pop(&f->queue, 64));
    fair_source_done(&f->queue, &f->a);
    fair_source_done(&f->queue, &f->b);
    fair_source_done(&f->queue, &f->c);
    assert_true(LIST_EMPTY(&f->queue.users));
    return 0;
}

static void put(Fixture *f, char name, unsigned count)
{
    FairSource *s = name == 'a' ? &f->a : name == 'b' ? &f->b : &f->c;

    while (count-- > 0) {
        Named *t = &f->tasks[f->n_tasks++];

        *t = (Named){.name = name};
        fair_queue_push(&f->queue, s, &t->task);
    }
}

static void assert_order(Fixture *f, const char *names)
{
    for (; *names; names++) {
        FairTask *t = fair_queue_pop(&f->queue, 64);

        assert_non_null(t);
        assert_int_equal(((Named *)t)->name, *names);
        fair_queue_finish(t);
    }
}

static void test_flood_waits_for_itself(void **state)
{
    Fixture *f = *state;

    put(f, 'a', 6);
    put(f, 'c', 2);
    assert_order(f, "acacaaaa");
}

static void test_channels_are_no_votes(void **state)
{
    Fixture *f = *state;

    put(f, 'a', 2);
    put(f, 'b', 2);
    put(f, 'c', 4);
    assert_order(f, "acbcacbc");
}

static void test_late_comer(void **state)
{
    Fixture *f = *state;

    put(f, 'a', 4);
    assert_order(f, "aa");
    put(f, 'c', 1);
    assert_order(f, "aca");
    put(f, 'b', 1);
    assert_order(f, "b");
}

static void test_no_user_has_all_threads(void **state)
{
    Fixture *f = *state;
    FairTask *first, *second, *other;

    put(f, 'a', 3);
    first = fair_queue_pop(&f->queue, 2);
    second = fair_queue_pop(&f->queue, 2);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(fair_queue_pop(&f->queue, 2));
    put(f, 'c', 1);
    other = fair_queue_pop(&f->queue, 2);
    assert_non_null(other);
    assert_int_equal(((Named *)other)->name, 'c');
    fair_queue_finish(other);
    assert_null(fair_queue_pop(&f->queue, 2));
    fair_queue_finish(first);
    first = fair_queue_pop(&f->queue, 2);
    assert_non_null(first);
    fair_queue_finish(first);
    fair_queue_finish(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_flood_waits_for_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_channels_are_no_votes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_comer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_user_has_all_threads, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
