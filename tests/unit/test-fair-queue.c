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

/* A turn of one task. */
static FairTask *pop(Fixture *f, unsigned running_max)
{
    FairTurn turn;

    if (!fair_queue_pop(&f->queue, running_max, 1, &turn))
        return NULL;
    assert_int_equal(turn.n, 1);
    return turn.tasks[0];
}

static void finish(FairTask *t)
{
    fair_queue_finish(&(FairTurn){{t}, 1});
}

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

    assert_null(pop(f, 64));
    assert_false(fair_queue_is_ready(&f->queue, 64));
    assert_int_equal(f->queue.n_tasks, 0);
    fair_source_done(&f->queue, &f->a);
    fair_source_done(&f->queue, &f->b);
    fair_source_done(&f->queue, &f->c);
    assert_true(LIST_EMPTY(&f->queue.users));
    return 0;
}

static void put_weight(Fixture *f, char name, unsigned weight, unsigned count)
{
    FairSource *s = name == 'a' ? &f->a : name == 'b' ? &f->b : &f->c;

    while (count-- > 0) {
        Named *t = &f->tasks[f->n_tasks++];

        *t = (Named){.task = {.weight = weight}, .name = name};
        fair_queue_push(&f->queue, s, &t->task);
    }
}

static void put(Fixture *f, char name, unsigned count)
{
    put_weight(f, name, FAIR_TURN_MAX, count);
}

static void assert_order(Fixture *f, const char *names)
{
    for (; *names; names++) {
        FairTask *t = pop(f, 64);

        assert_non_null(t);
        assert_int_equal(((Named *)t)->name, *names);
        finish(t);
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
    first = pop(f, 2);
    second = pop(f, 2);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(pop(f, 2));
    put(f, 'c', 1);
    other = pop(f, 2);
    assert_non_null(other);
    assert_int_equal(((Named *)other)->name, 'c');
    finish(other);
    assert_null(pop(f, 2));
    finish(first);
    first = pop(f, 2);
    assert_non_null(first);
    finish(first);
    finish(second);
}

static void assert_turn(Fixture *f, size_t tasks_max, char name, size_t n)
{
    FairTurn turn;

    assert_true(fair_queue_pop(&f->queue, 1, tasks_max, &turn));
    assert_int_equal(turn.n, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(((Named *)turn.tasks[i])->name, name);
    fair_queue_finish(&turn);
}

static void test_short_tasks_share_a_turn(void **state)
{
    Fixture *f = *state;

    put_weight(f, 'a', 1, FAIR_TURN_MAX + 3);
    put_weight(f, 'b', 1, 1);
    put_weight(f, 'c', 1, 1);
    assert_turn(f, SIZE_MAX, 'a', FAIR_TURN_MAX);
    assert_turn(f, SIZE_MAX, 'c', 1);
    assert_turn(f, SIZE_MAX, 'b', 1); /* never of two sources */
    assert_turn(f, 2, 'a', 2);
    assert_turn(f, 2, 'a', 1);
}

static void test_turns_have_a_weight(void **state)
{
    Fixture *f = *state;

    put_weight(f, 'a', FAIR_TURN_MAX / 2, 3);
    put_weight(f, 'a', FAIR_TURN_MAX, 2);
    put_weight(f, 'a', 1, 1);
    assert_turn(f, SIZE_MAX, 'a', 2);
    assert_turn(f, SIZE_MAX, 'a', 1);
    assert_turn(f, SIZE_MAX, 'a', 1);
    assert_turn(f, SIZE_MAX, 'a', 1);
    assert_turn(f, SIZE_MAX, 'a', 1);
}

static void test_user_with_a_turn_is_not_ready(void **state)
{
    Fixture *f = *state;
    FairTask *first;

    put(f, 'a', 2);
    first = pop(f, 1);
    assert_false(fair_queue_is_ready(&f->queue, 1));
    assert_true(fair_queue_is_ready(&f->queue, 2));
    finish(first);
    assert_true(fair_queue_is_ready(&f->queue, 1));
    finish(pop(f, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_flood_waits_for_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_channels_are_no_votes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_comer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_user_has_all_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_short_tasks_share_a_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_turns_have_a_weight, setup, teardown),
        cmocka_unit_test_setup_teardown(test_user_with_a_turn_is_not_ready, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
