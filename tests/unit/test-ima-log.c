/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include "ima-log.h"
#include "ima-builder.h"

static int read_all(const void *data, size_t size, unsigned *ret_n)
{
    _cleanup_fclose_ FILE *f = fmemopen((void *)(uintptr_t)data, size, "r");
    _cleanup_(ima_log_done) ImaLog log;
    ImaEvent e;
    int r;

    *ret_n = 0;
    ima_log_init(&log, f);
    while ((r = ima_log_next(&log, &e)) > 0)
        (*ret_n)++;
    return r;
}

static void test_truncated(void **state)
{
    ImaBuilder b = {.size = 0};
    unsigned n;

    ima_put_event(&b, "ima-ng", "sha256", "/bin/sh", false);
    for (size_t size = 1; size < b.size; size++)
        assert_int_equal(read_all(b.data, size, &n), -EBADMSG);
    assert_int_equal(read_all(b.data, b.size, &n), 0);
    assert_int_equal(n, 1);
}

static void test_wrong(void **state)
{
    ImaBuilder b = {.size = 0}, digest = {.size = 0};
    unsigned n;

    /* A name of 2 GiB. */
    ima_put_number(&b, 10);
    ima_put_fill(&b, 1, 20);
    ima_put_number(&b, 0x80000000);
    assert_int_equal(read_all(b.data, b.size, &n), -EBADMSG);
    /* A digest without the name of its algorithm. */
    ima_put_event(&digest, "ima-ng", "", "/bin/sh", false);
    assert_int_equal(read_all(digest.data, digest.size, &n), -EBADMSG);
}

/* F16: a name with a newline and a forged line in it is one name. */
static void test_hostile_name(void **state)
{
    static const char name[] = "/tmp/a\n10 0000 ima-ng sha256:0000 /bin/good \x1b[2J\xff";
    ImaBuilder b = {.size = 0};
    _cleanup_fclose_ FILE *f = NULL;
    _cleanup_(ima_log_done) ImaLog log;
    ImaEvent e;

    ima_put_event(&b, "ima-sig", "sha256", name, true);
    ima_put_event(&b, "other", "sha256", "x", false);
    f = fmemopen(b.data, b.size, "r");
    ima_log_init(&log, f);
    assert_int_equal(ima_log_next(&log, &e), 1);
    assert_true(e.is_violation && e.is_known);
    assert_string_equal(e.hash_algorithm, "sha256");
    assert_int_equal(e.file_hash.size, 32);
    assert_int_equal(e.file_name.size, STRLEN(name));
    assert_memory_equal(e.file_name.data, name, STRLEN(name));
    assert_int_equal(e.signature.size, 4);
    assert_int_equal(ima_log_next(&log, &e), 1);
    assert_false(e.is_known);
    assert_false(e.is_violation);
    assert_int_equal(ima_log_next(&log, &e), 0);
}

static void test_old_template(void **state)
{
    ImaBuilder b = {.size = 0};
    _cleanup_fclose_ FILE *f = NULL;
    _cleanup_(ima_log_done) ImaLog log;
    ImaEvent e;

    ima_put_number(&b, 10);
    ima_put_fill(&b, 2, 20);
    ima_put_number(&b, 3);
    ima_put(&b, "ima", 3);
    ima_put_fill(&b, 3, 20);
    ima_put_number(&b, 7);
    ima_put(&b, "/bin/ls", 7);
    f = fmemopen(b.data, b.size, "r");
    ima_log_init(&log, f);
    assert_int_equal(ima_log_next(&log, &e), 1);
    assert_memory_equal(e.file_name.data, "/bin/ls", 7);
    assert_string_equal(e.hash_algorithm, "sha1");
    assert_int_equal(ima_log_next(&log, &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_hostile_name),
        cmocka_unit_test(test_old_template),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
