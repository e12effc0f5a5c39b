/* SPDX-License-Identifier: Apache-2.0 */
/* What a CMP server answers, as bytes. What it may get wrong field by field is in
 * tests/system/test_cmp_fields.py; here are answers that are cut off or bent anywhere. */
#include "test-common.h"

#include "cmp-message.h"

#define TYPE "application/pkixcmp"
#define NONCE "0123456789abcdef"
#define NOW INT64_C(1767225600) /* 2026 */
/* A header without names; whose transactionID and senderNonce are the same. */
#define REQUEST(body)                                                                              \
    "\x30\x37\x30\x33\x02\x01\x02\xa4\x02\x30\x00\xa4\x02\x30\x00"                                 \
    "\xa4\x12\x04\x10" NONCE "\xa5\x12\x04\x10" NONCE body "\x00"
#define SPAN(text) ((DerSpan){(const uint8_t *)(text), sizeof(text) - 1})
/* Under ecdsa-with-SHA256, of the beginning of 2026. */
#define HEADER_WITH(size, version, names, time)                                                    \
    "\x30" size "\x02\x01" version names time                                                      \
    "\xa1\x0c\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"                                     \
    "\xa4\x12\x04\x10" NONCE "\xa5\x12\x04\x10" NONCE "\xa6\x12\x04\x10" NONCE
#define SOMEBODY "\xa4\x02\x30\x00"
#define NOBODY SOMEBODY SOMEBODY
#define TIME(text) "\xa0\x11\x18\x0f" text
#define HEADER HEADER_WITH("\x68", "\x02", NOBODY, TIME("20260101000000Z"))
#define GRANTED "\xa1\x12\x30\x10\x30\x0e\x30\x0c\x02\x01\x00\x30\x03\x02\x01\x00\x30\x02\xa0\x00"
#define CONFIRMED "\xb3\x02\x05\x00"
#define WAIT "\xba\x0a\x30\x08\x30\x06\x02\x01\x00\x02\x01\x3c"
#define FAILED "\xb7\x07\x30\x05\x30\x03\x02\x01\x02"

static const char answer[] = "\x30\x7e" HEADER GRANTED;

static int check(DerSpan request, DerSpan reply, const char **ret_reason)
{
    return cmp_reply_check(TYPE, request, reply, NOW, ret_reason);
}

static void test_answers(void **state)
{
    static const struct {
        DerSpan request, reply;
    } good[] = {
        {SPAN(REQUEST("\xa0")), SPAN("\x30\x7e" HEADER GRANTED)},
        {SPAN(REQUEST("\xb9")), SPAN("\x30\x7e" HEADER GRANTED)},
        {SPAN(REQUEST("\xb8")), SPAN("\x30\x6e" HEADER CONFIRMED)},
        {SPAN(REQUEST("\xb9")), SPAN("\x30\x76" HEADER WAIT)},
        {SPAN(REQUEST("\xb8")), SPAN("\x30\x73" HEADER FAILED)},
        {SPAN(REQUEST("\xa7")), SPAN("\x30\x73" HEADER FAILED)},
    };
    const char *reason;

    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        reason = NULL;
        assert_int_equal(check(good[i].request, good[i].reply, &reason), 0);
        assert_null(reason);
    }
    /* Each is the answer to something else. */
    assert_int_equal(check(SPAN(REQUEST("\xa2")), SPAN(answer), &reason), -EBADMSG);
    assert_string_equal(reason, "it is no answer of a CA to this request");
    assert_int_equal(check(SPAN(REQUEST("\xb8")), SPAN(answer), &reason), -EBADMSG);
    assert_int_equal(check(SPAN(REQUEST("\xa0")), SPAN("\x30\x6e" HEADER CONFIRMED), &reason),
                     -EBADMSG);
}

static void test_headers(void **state)
{
    static const struct {
        DerSpan reply;
        const char *reason;
    } bad[] = {
        {SPAN("\x30\x7e" HEADER_WITH("\x68", "\x04", NOBODY, TIME("20260101000000Z")) GRANTED),
         "it is not of CMP version 2 or 3"},
        {SPAN("\x30\x7e" HEADER_WITH("\x68", "\x02", NOBODY, TIME("20260103000000Z")) GRANTED),
         "its messageTime is more than a day off: is the clock right?"},
        {SPAN("\x30\x7e" HEADER_WITH("\x68", "\x02", NOBODY, TIME("20251230000000Z")) GRANTED),
         "its messageTime is more than a day off: is the clock right?"},
        {SPAN("\x30\x7e" HEADER_WITH("\x68", "\x02", NOBODY, TIME("2026-01-01 000Z")) GRANTED),
         "its messageTime is more than a day off: is the clock right?"},
        {SPAN("\x30\x7e" HEADER_WITH("\x68", "\x02", SOMEBODY "\x82\x02zz", TIME("20260101000000Z"))
                  GRANTED),
         "its recipient is somebody else"},
        {SPAN("\x30\x7e" HEADER_WITH("\x68", "\x02", "\x82\x02zz" SOMEBODY, TIME("20260101000000Z"))
                  GRANTED),
         "its sender is no directory name"},
    };
    const char *reason;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        reason = "";
        assert_int_equal(check(SPAN(REQUEST("\xa0")), bad[i].reply, &reason), -EBADMSG);
        assert_string_equal(reason, bad[i].reason);
    }
    /* A day more or less is how clocks are set. */
    assert_int_equal(
        check(SPAN(REQUEST("\xa0")),
              SPAN("\x30\x7e" HEADER_WITH("\x68", "\x02", NOBODY, TIME("20260102000000Z")) GRANTED),
              &reason),
        0);
}

/* A byte less, a byte more, any bit the other way: refused with a reason, or as good as before. */
static void test_bent(void **state)
{
    const size_t size = sizeof(answer) - 1;
    uint8_t bent[sizeof(answer)];
    size_t n_refused = 0;
    const char *reason;

    for (size_t i = 0; i < size; i++) {
        reason = NULL;
        assert_true(check(SPAN(REQUEST("\xa0")), (DerSpan){(const uint8_t *)answer, i}, &reason) <
                    0);
        assert_non_null(reason);
    }
    reason = NULL;
    assert_true(
        check(SPAN(REQUEST("\xa0")), (DerSpan){(const uint8_t *)answer, size + 1}, &reason) < 0);
    assert_non_null(reason);
    for (size_t i = 0; i < size * 8; i++) {
        memcpy(bent, answer, sizeof(bent));
        bent[i / 8] ^= (uint8_t)(1U << i % 8);
        reason = NULL;
        if (check(SPAN(REQUEST("\xa0")), (DerSpan){bent, size}, &reason) >= 0)
            continue;
        assert_non_null(reason);
        n_refused++;
    }
    /* What may be otherwise: the version, the hour, the server's nonce. */
    assert_in_range(n_refused, size * 8 - 16 * 8 - 64, size * 8 - 16 * 8);
}

static void test_limits(void **state)
{
    const char *reason = NULL;

    assert_int_equal(cmp_reply_check(NULL, SPAN(REQUEST("\xa0")), SPAN(answer), NOW, &reason),
                     -EBADMSG);
    assert_int_equal(
        cmp_reply_check("text/html", SPAN(REQUEST("\xa0")), SPAN(answer), NOW, &reason), -EBADMSG);
    assert_int_equal(check(SPAN(REQUEST("\xa0")),
                           (DerSpan){(const uint8_t *)answer, CMP_REPLY_MAX + 1}, &reason),
                     -EMSGSIZE);
}

#define BARE                                                                                       \
    "\x30\x47\x02\x01\x02" NOBODY "\xa4\x12\x04\x10" NONCE "\xa5\x12\x04\x10" NONCE                \
    "\xa6\x12\x04\x10" NONCE
#define NO(status)                                                                                 \
    "\x30\x17\x02\x01" status "\x30\x0b\x0c\x02no\x0c\x05\x1b[2J!\x03\x05\x05\x20\x00\x00\x20"
#define UNPROTECTED_ERROR "\x30\x66" BARE "\xb7\x1b\x30\x19" NO("\x02")
#define UNPROTECTED_REFUSAL                                                                        \
    "\x30\x6d" BARE "\xa1\x22\x30\x20\x30\x1e\x30\x1c\x02\x01\x00" NO("\x02")

/* What is protected speaks for itself; what says yes has nothing to say. */
static void test_hearsay(void **state)
{
    static const DerSpan none[] = {
        SPAN("\x30\x73" HEADER FAILED),
        SPAN("\x30\x66" BARE "\xb7\x1b\x30\x19" NO("\x00")),
        SPAN("\x30\x66" BARE "\xb3\x1b\x30\x19" NO("\x02")),
        SPAN("\x30\x52" BARE "\xb7\x07\x30\x05\x30\x03\x02\x01\x02"),
        SPAN("<html>"),
    };
    static const DerSpan some[] = {SPAN(UNPROTECTED_ERROR), SPAN(UNPROTECTED_REFUSAL)};
    const char *reason;
    char text[64];

    for (size_t i = 0; i < ELEMENTSOF(none); i++)
        if (cmp_reply_hearsay(none[i], text, sizeof(text)))
            fail_msg("number %zu says %s", i, text);
    for (size_t i = 0; i < ELEMENTSOF(some); i++) {
        reason = "";
        assert_int_equal(check(SPAN(REQUEST("\xa0")), some[i], &reason), -EKEYREJECTED);
        assert_string_equal(reason, "it is not protected");
        assert_true(cmp_reply_hearsay(some[i], text, sizeof(text)));
        assert_string_equal(text, "badRequest, duplicateCertReq: no, \x1b[2J!");
        for (size_t size = 1; size < sizeof(text); size++) {
            memset(text, 'x', sizeof(text));
            assert_true(cmp_reply_hearsay(some[i], text, size));
            assert_in_range(strlen(text), 0, size - 1);
        }
        for (size_t size = 0; size < some[i].size; size++)
            assert_false(cmp_reply_hearsay((DerSpan){some[i].data, size}, text, sizeof(text)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers), cmocka_unit_test(test_headers), cmocka_unit_test(test_bent),
        cmocka_unit_test(test_limits),  cmocka_unit_test(test_hearsay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
