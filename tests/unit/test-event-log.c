/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include "event-log.h"

typedef struct Builder {
    uint8_t data[4096];
    size_t size;
} Builder;

static void put(Builder *b, const void *data, size_t size)
{
    assert_true(size <= sizeof b->data - b->size);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void put_number(Builder *b, uint32_t value, size_t size)
{
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                        (uint8_t)(value >> 24)};

    put(b, bytes, size);
}

static void put_fill(Builder *b, uint8_t fill, size_t size)
{
    uint8_t bytes[64];

    memset(bytes, fill, size);
    put(b, bytes, size);
}

/* The event that announces SHA-1 and SHA-256. */
static void put_header(Builder *b, uint32_t n_algorithms)
{
    put_number(b, 0, 4);
    put_number(b, 3, 4);
    put_fill(b, 0, 20);
    put_number(b, 28 + 4 * n_algorithms + 1, 4);
    put(b, "Spec ID Event03", 16);
    put_number(b, 0, 4);
    put(b, "\0\2\0\2", 4);
    put_number(b, n_algorithms, 4);
    for (uint32_t i = 0; i < n_algorithms; i++) {
        put_number(b, i == 0 ? 4 : 11 + i - 1, 2);
        put_number(b, i == 0 ? 20 : 32, 2);
    }
    put_number(b, 0, 1);
}

static void put_event(Builder *b, uint32_t pcr, uint32_t type, const char *data)
{
    put_number(b, pcr, 4);
    put_number(b, type, 4);
    put_number(b, 2, 4);
    put_number(b, 4, 2);
    put_fill(b, 0xaa, 20);
    put_number(b, 11, 2);
    put_fill(b, 0xbb, 32);
    put_number(b, (uint32_t)strlen(data), 4);
    put(b, data, strlen(data));
}

static int read_all(const void *data, size_t size, EventLogEvent *last, unsigned *ret_n)
{
    EventLog log;
    int r;

    *ret_n = 0;
    event_log_init(&log, data, size);
    while ((r = event_log_next(&log, last)) > 0)
        (*ret_n)++;
    return r;
}

/* A log cut anywhere but between events does not parse, and is never read beyond its end. */
static void test_truncated(void **state)
{
    Builder b = {.size = 0};
    EventLogEvent e;
    size_t first;
    unsigned n;

    put_header(&b, 2);
    first = b.size;
    put_event(&b, 4, 0x80000003, "boot");
    for (size_t size = 1; size < b.size; size++) {
        _cleanup_free_ uint8_t *exact = malloc(size);

        memcpy(exact, b.data, size);
        assert_int_equal(read_all(exact, size, &e, &n), size == first ? 0 : -EBADMSG);
    }
}

static void test_wrong(void **state)
{
    Builder none = {.size = 0}, many = {.size = 0}, unknown = {.size = 0};
    EventLogEvent e;
    unsigned n;

    put_header(&none, 0);
    assert_int_equal(read_all(none.data, none.size, &e, &n), -EBADMSG);
    put_header(&many, EVENT_LOG_ALGORITHMS_MAX + 1);
    assert_int_equal(read_all(many.data, many.size, &e, &n), -EBADMSG);
    /* A digest that the header did not announce has no known size. */
    put_header(&unknown, 1);
    put_event(&unknown, 0, 1, "x");
    assert_int_equal(read_all(unknown.data, unknown.size, &e, &n), -EBADMSG);
    assert_int_equal(n, 1);
}

static void test_agile(void **state)
{
    Builder b = {.size = 0};
    EventLogEvent e;
    unsigned n;

    put_header(&b, 2);
    put_event(&b, 7, 0x80000001, "SecureBoot");
    assert_int_equal(read_all(b.data, b.size, &e, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(e.number, 2);
    assert_int_equal(e.pcr_index, 7);
    assert_string_equal(event_log_type_name(e.type), "EV_EFI_VARIABLE_DRIVER_CONFIG");
    assert_int_equal(e.n_digests, 2);
    assert_int_equal(e.digests[1].size, 32);
    assert_int_equal(e.digests[1].data[31], 0xbb);
    assert_string_equal(event_log_algorithm_name(e.digests[1].algorithm), "SHA256");
    assert_memory_equal(e.data, "SecureBoot", e.size);
}

static void test_plain(void **state)
{
    Builder b = {.size = 0};
    EventLogEvent e;
    unsigned n;

    for (uint32_t i = 0; i < 2; i++) {
        put_number(&b, i, 4);
        put_number(&b, 8, 4);
        put_fill(&b, 0x11, 20);
        put_number(&b, 3, 4);
        put(&b, "abc", 3);
    }
    assert_int_equal(read_all(b.data, b.size, &e, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(e.pcr_index, 1);
    assert_int_equal(e.digests[0].size, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_agile),
        cmocka_unit_test(test_plain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
