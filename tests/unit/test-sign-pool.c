/* SPDX-License-Identifier: Apache-2.0 */
/* The pool with real keys and a bus that is a socket pair nobody listens to. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "secure-memory.h"
#include "sign-pool.h"

static unsigned answered, cancelled, refused;

static void on_done(sd_bus_message *m, const TypedSign *t, const SignOutcome *outcome)
{
    assert_non_null(m);
    assert_non_null(t->key);
    answered++;
    cancelled += outcome->result == -ECANCELED;
    refused += outcome->result == -EBADMSG;
}

static sd_bus *bus_new(void)
{
    sd_bus *bus = NULL;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_true(sd_bus_new(&bus) >= 0);
    assert_true(sd_bus_set_fd(bus, fds[0], fds[0]) >= 0);
    assert_true(sd_bus_start(bus) >= 0);
    (void)close(fds[1]);
    return bus;
}

static Key *key_for_test(void)
{
    const KeyAlgorithm *algorithm = key_algorithm_find("ed25519");
    EVP_PKEY *pkey = NULL;
    Key *key = NULL;

    assert_int_equal(key_generate(algorithm, 0, NULL, NULL, &pkey), 0);
    assert_int_equal(key_new(algorithm, "one", KEY_USAGE_GENERAL, 0, pkey, &key), 0);
    return key;
}

static TypedSign work_for_test(Key *key)
{
    TypedSign t = {.key = key_ref(key),
                   .digest = DIGEST_NONE,
                   .purpose = PURPOSE_CERTIFICATE_REQUEST,
                   .input_size = 4096};

    t.input = t.mapping =
        mmap(NULL, t.input_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    t.mapping_size = t.input_size;
    assert_ptr_not_equal(t.input, MAP_FAILED);
    return t;
}

typedef struct Fixture {
    sd_event *event;
    sd_bus *bus;
    sd_bus_message *message;
    Key *key;
    SignPool *pool;
} Fixture;

static int setup(void **state)
{
    static Fixture f;

    answered = cancelled = refused = 0;
    assert_true(sd_event_new(&f.event) >= 0);
    f.bus = bus_new();
    assert_true(sd_bus_message_new_signal(f.bus, &f.message, "/", "a.b", "C") >= 0);
    f.key = key_for_test();
    assert_int_equal(sign_pool_new(f.event, on_done, &f.pool), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    f->pool = sign_pool_free(f->pool);
    /* Nothing of the work is left. */
    assert_int_equal(atomic_load(&f->key->references), 1);
    f->key = key_unref(f->key);
    f->message = sd_bus_message_unref(f->message);
    f->bus = sd_bus_unref(f->bus);
    f->event = sd_event_unref(f->event);
    return 0;
}

static void test_limit_of_a_user(void **state)
{
    Fixture *f = *state;
    TypedSign t;

    for (unsigned i = 0; i < SIGN_PER_USER_MAX; i++) {
        t = work_for_test(f->key);
        assert_int_equal(sign_pool_submit(f->pool, f->message, 1, &t), 0);
        assert_null(t.key);
    }
    t = work_for_test(f->key);
    assert_int_equal(sign_pool_submit(f->pool, f->message, 1, &t), -EDQUOT);
    assert_non_null(t.key);
    /* Another user is not in the way of the first. */
    assert_int_equal(sign_pool_submit(f->pool, f->message, 2, &t), 0);
}

static void test_all_are_answered(void **state)
{
    Fixture *f = *state;

    for (unsigned i = 0; i < SIGN_PER_USER_MAX; i++) {
        TypedSign t = work_for_test(f->key);

        assert_int_equal(sign_pool_submit(f->pool, f->message, i % 2, &t), 0);
    }
    assert_int_equal(sign_pool_start(f->pool), 0);
    while (answered < SIGN_PER_USER_MAX)
        assert_true(sd_event_run(f->event, 10 * 1000000) > 0);
    assert_int_equal(refused, SIGN_PER_USER_MAX); /* zero bytes are no request */
}

static void test_end_answers_what_waits(void **state)
{
    Fixture *f = *state;
    TypedSign t = work_for_test(f->key);

    assert_int_equal(sign_pool_submit(f->pool, f->message, 1, &t), 0);
    f->pool = sign_pool_free(f->pool);
    assert_int_equal(answered, 1);
    assert_int_equal(cancelled, 1);
}

/* Where the threads are idle, the one of these that is quick is answered at once. */
static void test_what_is_quick(void **state)
{
    Fixture *f = *state;
    TypedSign large = work_for_test(f->key), small = work_for_test(f->key), rsa;
    _cleanup_(key_unrefp) Key *key = NULL;
    EVP_PKEY *pkey = NULL;

    assert_int_equal(munmap((void *)(uintptr_t)large.input, large.input_size), 0);
    large.input_size = large.mapping_size = SIGN_QUICK_SIZE_MAX + 1;
    large.input = large.mapping =
        mmap(NULL, large.input_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(large.input, MAP_FAILED);
    assert_int_equal(key_generate(key_algorithm_find("rsa"), 512, NULL, NULL, &pkey), 0);
    assert_int_equal(key_new(key_algorithm_find("rsa"), "two", KEY_USAGE_GENERAL, 0, pkey, &key),
                     0);
    rsa = work_for_test(key);
    rsa.digest = DIGEST_SHA256;

    assert_int_equal(sign_pool_start(f->pool), 0);
    assert_int_equal(sign_pool_submit(f->pool, f->message, 1, &small), 0);
    assert_null(small.key);
    assert_int_equal(answered, 1);
    assert_int_equal(sign_pool_submit(f->pool, f->message, 1, &large), 0);
    assert_int_equal(answered, 1);
    while (answered < 2)
        assert_true(sd_event_run(f->event, 10 * 1000000) > 0);
    assert_int_equal(sign_pool_submit(f->pool, f->message, 1, &rsa), 0);
    assert_int_equal(answered, 2);
    while (answered < 3)
        assert_true(sd_event_run(f->event, 10 * 1000000) > 0);
    assert_int_equal(refused, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_limit_of_a_user, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_are_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_quick, setup, teardown),
        cmocka_unit_test_setup_teardown(test_end_answers_what_waits, setup, teardown),
    };

    if (secure_memory_init() < 0)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
