/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include <openssl/evp.h>

#include "json-util.h"

/* RFC 4648 section 10. */
static void test_vectors(void **state)
{
    static const struct {
        const char *plain, *standard, *url;
    } vectors[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xfe", "+//+", "-__-"},
    };

    for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
        _cleanup_free_ char *standard = base64_encode(vectors[i].plain, strlen(vectors[i].plain));
        _cleanup_free_ char *url = base64url_encode(vectors[i].plain, strlen(vectors[i].plain));
        _cleanup_free_ void *back = NULL;
        size_t size;

        assert_string_equal(standard, vectors[i].standard);
        assert_string_equal(url, vectors[i].url);
        assert_int_equal(base64url_decode(url, strlen(url), &back, &size), 0);
        assert_int_equal(size, strlen(vectors[i].plain));
        assert_memory_equal(back, vectors[i].plain, size);
    }
}

/* Every size about that of the blocks which are made at once, and every digit in each place of one:
 * as somebody else has them. */
static void test_as_openssl(void **state)
{
    uint8_t data[256];

    for (size_t size = 0; size <= sizeof data; size++)
        for (unsigned seed = 0; seed < 64; seed++) {
            uint8_t expected[4 * sizeof data / 3 + 8];
            _cleanup_free_ char *standard = NULL, *url = NULL;
            _cleanup_free_ void *back = NULL;
            size_t n;

            for (size_t i = 0; i < size; i++)
                data[i] = (uint8_t)((i + 1) * 2654435761U * (seed + 1) >> 24);
            assert_return_code(EVP_EncodeBlock(expected, data, (int)size), 0);
            standard = base64_encode(data, size);
            url = base64url_encode(data, size);
            assert_string_equal(standard, (const char *)expected);
            for (char *p = standard; *p; p++)
                *p = *p == '+' ? '-' : (*p == '/' ? '_' : *p);
            standard[strcspn(standard, "=")] = 0;
            assert_string_equal(url, standard);
            assert_int_equal(base64url_decode(url, strlen(url), &back, &n), 0);
            assert_int_equal(n, size);
            assert_memory_equal(back, data, size);
        }
}

static void test_refuses(void **state)
{
    static const char *const bad[] = {"Z",     "Zg==", "Zh",  "Zm9",   "Zm 8",
                                      "Zm8\n", "+/+/", "Zg=", "Zm9vY", "\xc3\xa9\xc3\xa9"};
    void *data = NULL;
    size_t size;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_int_equal(base64url_decode(bad[i], strlen(bad[i]), &data, &size), -EBADMSG);
    assert_int_equal(base64url_decode("Zg\0g", 4, &data, &size), -EBADMSG);
    assert_null(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors),
                                       cmocka_unit_test(test_as_openssl),
                                       cmocka_unit_test(test_refuses)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
