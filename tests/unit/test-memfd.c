/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include <sys/mman.h>

#include "memfd.h"

static void test_round_trip(void **state)
{
    _cleanup_close_ int fd = memfd_new_sealed("test", "hello", 5);
    _cleanup_free_ void *copy = NULL;
    const void *map;
    size_t size;

    assert_true(fd >= 0);
    assert_int_equal(memfd_read(fd, 5, &copy, &size), 0);
    assert_int_equal(size, 5);
    assert_string_equal(copy, "hello");
    assert_int_equal(memfd_map(fd, 5, &map, &size), 0);
    assert_memory_equal(map, "hello", 5);
    assert_int_equal(munmap((void *)(uintptr_t)map, size), 0);
    assert_int_equal(memfd_read(fd, 4, &copy, &size), -EMSGSIZE);
}

static void test_sealed_means_sealed(void **state)
{
    _cleanup_close_ int fd = memfd_new_sealed("test", "hello", 5);

    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
}

static void test_refuses_what_can_change(void **state)
{
    _cleanup_close_ int open_memory = memfd_new("test");
    _cleanup_close_ int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    _cleanup_close_ int half = memfd_new("test");
    void *data = NULL;
    size_t size;

    assert_int_equal(memfd_read(open_memory, 10, &data, &size), -EBADFD);
    assert_int_equal(memfd_read(file, 1 << 30, &data, &size), -EBADFD);
    assert_int_equal(fcntl(half, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_int_equal(memfd_read(half, 10, &data, &size), -EBADFD);
    assert_null(data);
}

static void test_empty(void **state)
{
    _cleanup_close_ int fd = memfd_new_sealed("test", "", 0);
    const void *map = "x";
    size_t size = 1;

    assert_int_equal(memfd_map(fd, 10, &map, &size), 0);
    assert_null(map);
    assert_int_equal(size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_sealed_means_sealed),
        cmocka_unit_test(test_refuses_what_can_change), cmocka_unit_test(test_empty)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
