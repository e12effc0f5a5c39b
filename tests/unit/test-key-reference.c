/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cleanup.h"
#include "key-reference.h"
#include "pem.h"

static const uint8_t key[] = {0x30, 0x03, 0x02, 0x01, 0x07};

static void test_there_and_back(void **state)
{
    _cleanup_free_ char *pem = NULL;
    _cleanup_free_ void *der = NULL;
    KeyReference reference;
    PemBlock block;
    DerSpan input;
    size_t size;

    assert_int_equal(key_reference_format("ecdsanistp256", "web", (DerSpan){key, sizeof key}, &pem),
                     0);
    input = (DerSpan){(const uint8_t *)pem, strlen(pem)};
    assert_int_equal(pem_next(&input, &block), 1);
    assert_true(pem_has_label(&block, "CHANCERY KEY REFERENCE"));
    assert_int_equal(pem_decode(block.text, &der, &size), 0);
    for (size_t n = 0; n < size; n++)
        assert_int_equal(key_reference_parse((DerSpan){der, n}, &reference), -EBADMSG);
    assert_int_equal(key_reference_parse((DerSpan){der, size}, &reference), 0);
    assert_string_equal(reference.algorithm, "ecdsanistp256");
    assert_string_equal(reference.label, "web");
    assert_true(der_equal(reference.public_key, key, sizeof key));
    ((uint8_t *)der)[4] = 2; /* another version */
    assert_int_equal(key_reference_parse((DerSpan){der, size}, &reference), -EBADMSG);
}

static void test_what_has_no_place(void **state)
{
    static uint8_t large[KEY_REFERENCE_SIZE_MAX + 1];
    char label[300];
    char *pem = NULL;

    memset(label, 'a', sizeof label);
    label[sizeof label - 1] = '\0';
    assert_int_equal(key_reference_format("rsa", label, (DerSpan){key, sizeof key}, &pem), -EINVAL);
    assert_int_equal(key_reference_format("rsa", "", (DerSpan){key, sizeof key}, &pem), -EINVAL);
    assert_int_equal(key_reference_format(label, "web", (DerSpan){key, sizeof key}, &pem), -EINVAL);
    assert_int_equal(key_reference_format("rsa", "web", (DerSpan){key, 4}, &pem), -EINVAL);
    assert_int_equal(key_reference_format("rsa", "web", (DerSpan){large, sizeof large}, &pem),
                     -EINVAL);
    assert_null(pem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_what_has_no_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
