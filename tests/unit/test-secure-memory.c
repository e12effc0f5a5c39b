/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "secure-memory.h"

#define SIZE (1U << 20)

static SecureArena *arena_new(void)
{
    SecureArena *a = NULL;

    assert_int_equal(secure_arena_new(SECURE_MEMORY_UNDUMPABLE, SIZE, &a), 0);
    return a;
}

static bool all_bytes_are(const void *p, size_t size, uint8_t value)
{
    const uint8_t *bytes = p;

    for (size_t i = 0; i < size; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

static void test_bounds(void **state)
{
    _cleanup_(secure_arena_freep) SecureArena *a = arena_new();
    void *p;

    assert_null(secure_arena_take(a, 0));
    assert_null(secure_arena_take(a, SIZE));
    assert_null(secure_arena_take(a, SIZE_MAX));
    p = secure_arena_take(a, SIZE - 32);
    assert_non_null(p);
    assert_null(secure_arena_take(a, 1));
    assert_null(secure_arena_resize(a, p, SIZE));
    assert_null(secure_arena_resize(a, p, SIZE_MAX));
    secure_arena_give(a, p);
    secure_arena_give(a, NULL);
    assert_int_equal(secure_arena_used(a), 0);
    assert_true(secure_arena_is_sound(a));
}

static void test_freed_memory_is_wiped(void **state)
{
    _cleanup_(secure_arena_freep) SecureArena *a = arena_new();
    uint8_t *p = secure_arena_take(a, 1000), *q = secure_arena_take(a, 1000);

    memset(p, 0xaa, 1000);
    memset(q, 0xbb, 1000);
    secure_arena_give(a, p);
    assert_true(secure_arena_is_sound(a)); /* which looks at all of the free memory */
    secure_arena_give(a, q);
    assert_true(secure_arena_is_sound(a));
    p = secure_arena_take(a, 5000);
    assert_true(all_bytes_are(p, 5000, 0));
    secure_arena_give(a, p);
}

static void test_resize(void **state)
{
    _cleanup_(secure_arena_freep) SecureArena *a = arena_new();
    uint8_t *p = secure_arena_resize(a, NULL, 100), *neighbour, *q;

    memset(p, 1, 100);
    assert_ptr_equal(secure_arena_resize(a, p, 50), p);
    assert_ptr_equal(secure_arena_resize(a, p, 5000), p); /* free memory follows */
    assert_true(all_bytes_are(p, 50, 1));
    assert_true(all_bytes_are(p + 64, 5000 - 64, 0));
    neighbour = secure_arena_take(a, 16);
    memset(p, 2, 5000);
    q = secure_arena_resize(a, p, 9000);
    assert_ptr_not_equal(q, p);
    assert_true(all_bytes_are(q, 5000, 2));
    assert_true(secure_arena_is_sound(a)); /* the old place is free, and clean */
    assert_null(secure_arena_resize(a, q, 0));
    secure_arena_give(a, neighbour);
    assert_int_equal(secure_arena_used(a), 0);
    assert_true(secure_arena_is_sound(a));
}

#define SLOTS 64

typedef struct Worker {
    SecureArena *arena;
    unsigned seed;
    bool failed;
} Worker;

static uint32_t next_random(unsigned *seed)
{
    *seed = *seed * 1103515245U + 12345U;
    return *seed >> 8;
}

/* Takes, resizes and gives at random, with a pattern in each allocation. */
static void *churn(void *data)
{
    Worker *w = data;
    uint8_t *slots[SLOTS] = {0};
    size_t sizes[SLOTS] = {0};

    for (unsigned i = 0; i < 20000; i++) {
        uint32_t n = next_random(&w->seed) % SLOTS;
        size_t size = next_random(&w->seed) % (i % 16 == 0 ? 8000 : 300);
        uint8_t *p;

        if (slots[n] && !all_bytes_are(slots[n], sizes[n], (uint8_t)n))
            w->failed = true;
        if (size > 0 && i % 3 == 0) {
            p = secure_arena_resize(w->arena, slots[n], size);
            if (!p)
                continue;
            if (!all_bytes_are(p, sizes[n] < size ? sizes[n] : size, (uint8_t)n))
                w->failed = true;
        } else {
            secure_arena_give(w->arena, slots[n]);
            p = secure_arena_take(w->arena, size);
            if (p && !all_bytes_are(p, size, 0))
                w->failed = true;
        }
        slots[n] = p;
        sizes[n] = p ? size : 0;
        if (p)
            memset(p, (int)n, size);
    }
    for (unsigned n = 0; n < SLOTS; n++)
        secure_arena_give(w->arena, slots[n]);
    return NULL;
}

static void test_churn_in_threads(void **state)
{
    _cleanup_(secure_arena_freep) SecureArena *a = arena_new();
    Worker workers[3];
    pthread_t threads[ELEMENTSOF(workers)];

    for (unsigned i = 0; i < ELEMENTSOF(workers); i++) {
        workers[i] = (Worker){.arena = a, .seed = i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &workers[i]), 0);
    }
    for (unsigned i = 0; i < ELEMENTSOF(workers); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(workers[i].failed);
    }
    assert_int_equal(secure_arena_used(a), 0);
    assert_true(secure_arena_is_sound(a));
}

static int run_in_child(void (*f)(SecureArena *a))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        SecureArena *a = NULL;
        struct rlimit none = {0, 0};

        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGABRT, SIG_DFL);
        if (secure_arena_new(SECURE_MEMORY_UNDUMPABLE, SIZE, &a) >= 0)
            f(a);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void give_twice(SecureArena *a)
{
    void *p = secure_arena_take(a, 100);

    secure_arena_give(a, p);
    secure_arena_give(a, p);
}

static void give_foreign(SecureArena *a)
{
    static _Alignas(16) uint8_t foreign[64];

    secure_arena_give(a, foreign + 32);
}

static void give_inner(SecureArena *a)
{
    uint8_t *p = secure_arena_take(a, 100);

    secure_arena_give(a, p + 16);
}

static void give_after_overrun(SecureArena *a)
{
    uint8_t *p = secure_arena_take(a, 48);

    (void)secure_arena_take(a, 48);
    explicit_bzero(p, 48 + 16);
    secure_arena_give(a, p);
}

static void test_wrong_pointers_abort(void **state)
{
    assert_int_equal(run_in_child(give_twice), SIGABRT);
    assert_int_equal(run_in_child(give_foreign), SIGABRT);
    assert_int_equal(run_in_child(give_inner), SIGABRT);
    assert_int_equal(run_in_child(give_after_overrun), SIGABRT);
}

/* F31: not even through /proc/PID/mem. */
static void test_secret_memory_is_out_of_reach(void **state)
{
    _cleanup_(secure_arena_freep) SecureArena *a = NULL;
    _cleanup_close_ int fd = -1;
    char buffer[16], *p;
    int r;

    r = secure_arena_new(SECURE_MEMORY_SECRET, SIZE, &a);
    if (r == -ENOSYS || r == -EPERM || r == -EAGAIN)
        skip();
    assert_int_equal(r, 0);
    p = secure_arena_take(a, sizeof buffer);
    memcpy(p, "0123456789abcdef", sizeof buffer);
    fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(pread(fd, buffer, sizeof buffer, (off_t)(uintptr_t)p) < 0);
    assert_true(secure_arena_is_sound(a));
}

static void test_locked_memory(void **state)
{
    _cleanup_(secure_arena_freep) SecureArena *a = NULL;
    int r = secure_arena_new(SECURE_MEMORY_LOCKED, SIZE, &a);

    if (r == -EPERM || r == -ENOMEM) /* RLIMIT_MEMLOCK, or a container that forbids it */
        skip();
    assert_int_equal(r, 0);
    assert_non_null(secure_arena_take(a, 100));
    assert_true(secure_arena_is_sound(a));
}

static void test_openssl_lives_here(void **state)
{
    EVP_PKEY *key;
    unsigned failures;

    /* Not earlier: it takes all that RLIMIT_MEMLOCK allows. */
    assert_int_equal(secure_memory_init(), 0);
    failures = secure_memory_failures();
    key = EVP_RSA_gen(1024);
    assert_non_null(key);
    assert_int_equal(secure_memory_failures(), failures);
    EVP_PKEY_free(key);
    assert_null(OPENSSL_malloc(SECURE_MEMORY_SIZE));
    assert_true(secure_memory_failures() > failures);
    assert_int_equal(secure_memory_init(), -EBUSY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_freed_memory_is_wiped),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_churn_in_threads),
        cmocka_unit_test(test_wrong_pointers_abort),
        cmocka_unit_test(test_secret_memory_is_out_of_reach),
        cmocka_unit_test(test_locked_memory),
        cmocka_unit_test(test_openssl_lives_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
