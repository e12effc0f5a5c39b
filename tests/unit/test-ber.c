/* SPDX-License-Identifier: Apache-2.0 */
/* BER that comes out as DER, DER that comes out as it is, and what comes out as nothing. */
#include "test-common.h"

#include "ber.h"

static void convert(const char *in, size_t n_in, const char *out, size_t n_out)
{
    _cleanup_free_ void *der = NULL;
    size_t size;

    assert_int_equal(ber_to_der(in, n_in, &der, &size), 0);
    assert_int_equal(size, n_out);
    assert_memory_equal(der, out, n_out);
}

static void refuse(const char *in, size_t size)
{
    size_t n = 0;
    void *der = NULL;

    if (ber_to_der(in, size, &der, &n) != -EBADMSG)
        fail_msg("%02x passes", (unsigned char)in[0]);
    assert_null(der);
}

#define CONVERT(in, out) convert(in, sizeof(in) - 1, out, sizeof(out) - 1)
#define REFUSE(in) refuse(in, sizeof(in) - 1)

static void test_same(void **state)
{
    CONVERT("\x05\x00", "\x05\x00");
    CONVERT("\x30\x07\x02\x01\x05\xa0\x02\x05\x00", "\x30\x07\x02\x01\x05\xa0\x02\x05\x00");
    /* What is in an OCTET STRING is nobody's business. */
    CONVERT("\x04\x04\x30\x80\x00\x00", "\x04\x04\x30\x80\x00\x00");
}

static void test_lengths(void **state)
{
    CONVERT("\x30\x80\x00\x00", "\x30\x00");
    CONVERT("\x30\x81\x03\x02\x01\x05", "\x30\x03\x02\x01\x05");
    CONVERT("\x30\x84\x00\x00\x00\x03\x02\x01\x05", "\x30\x03\x02\x01\x05");
    CONVERT("\x30\x80\xa0\x80\x02\x82\x00\x01\x05\x00\x00\x02\x01\x06\x00\x00",
            "\x30\x08\xa0\x03\x02\x01\x05\x02\x01\x06");
}

static void test_octets(void **state)
{
    CONVERT("\x24\x80\x00\x00", "\x04\x00");
    CONVERT("\x24\x80\x04\x01\x61\x24\x80\x04\x02\x62\x63\x00\x00\x04\x00\x00\x00",
            "\x04\x03\x61\x62\x63");
    CONVERT("\x30\x80\x24\x06\x04\x01\x61\x04\x01\x62\x05\x00\x00\x00",
            "\x30\x06\x04\x02\x61\x62\x05\x00");
}

/* Lengths of one, two and three octets, from an indefinite one around as many pieces. */
static void test_large(void **state)
{
    static const size_t sizes[] = {127, 128, 255, 256, 65535, 65536, 200000};

    for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
        const size_t n = 4 + 3 * sizes[i];
        _cleanup_free_ char *in = malloc(n);
        _cleanup_free_ uint8_t *out = NULL;
        DerSpan content, rest;
        size_t size;

        memcpy(in, "\x24\x80", 2);
        for (size_t k = 0; k < sizes[i]; k++)
            memcpy(in + 2 + 3 * k, "\x04\x01x", 3);
        memcpy(in + n - 2, "\0\0", 2);
        if (sizes[i] > 65535) {
            refuse(in, n); /* too many pieces */
            continue;
        }
        assert_int_equal(ber_to_der(in, n, (void **)&out, &size), 0);
        rest = (DerSpan){out, size};
        assert_int_equal(der_read_only(rest, DER_OCTET_STRING, &content), 0);
        assert_int_equal(content.size, sizes[i]);
    }
}

static void test_refused(void **state)
{
    char deep[2 * 40 + 2 * 40];

    REFUSE("");
    REFUSE("\x30");
    REFUSE("\x30\x80");
    REFUSE("\x30\x80\x00");
    REFUSE("\x30\x80\x00\x01");
    REFUSE("\x30\x80\x00\x00\x00");
    REFUSE("\x30\x02\x02\x01"); /* an element that ends after what it is in */
    REFUSE("\x30\x02\x00\x00"); /* an end where none is due */
    REFUSE("\x04\x80\x00\x00"); /* indefinite, and primitive */
    REFUSE("\x30\x89\x00\x00\x00\x00\x00\x00\x00\x00\x00");
    REFUSE("\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff");
    REFUSE("\x24\x03\x02\x01\x05");             /* a piece that is none */
    REFUSE("\x23\x80\x03\x02\x00\x61\x00\x00"); /* a BIT STRING in pieces */
    REFUSE("\x10\x00");
    REFUSE("\x3f\x81\x00\x00");
    for (size_t i = 0; i < 40; i++) {
        memcpy(deep + 2 * i, "\x30\x80", 2);
        memcpy(deep + 80 + 2 * i, "\0\0", 2);
    }
    refuse(deep, sizeof(deep));
    refuse(deep + 2 * 7, sizeof(deep) - 4 * 7);
    convert(deep + 2 * 38, 8, "\x30\x02\x30\x00", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),  cmocka_unit_test(test_lengths), cmocka_unit_test(test_octets),
        cmocka_unit_test(test_large), cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
