/* SPDX-License-Identifier: Apache-2.0 */
/* PEERS F23: no link-local address, in whatever dress. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transaction.h"

static bool is_allowed(const char *text)
{
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};

    if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1)
        return address_is_allowed((struct sockaddr *)&ipv4, sizeof ipv4);
    assert_int_equal(inet_pton(AF_INET6, text, &ipv6.sin6_addr), 1);
    return address_is_allowed((struct sockaddr *)&ipv6, sizeof ipv6);
}

static void test_refused(void **state)
{
    static const char *const texts[] = {
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "fe80::1",
        "febf::1",
        "ff02::1",
        "::",
        "::ffff:169.254.169.254",
        "::169.254.1.1",
        "::ffff:255.255.255.255",
        "::ffff:0.0.0.0",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (is_allowed(texts[i]))
            fail_msg("%s is allowed", texts[i]);
}

static void test_other_families_refused(void **state)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_storage other = {.ss_family = AF_UNIX};

    assert_true(address_is_allowed((struct sockaddr *)&ipv4, sizeof ipv4));
    assert_false(address_is_allowed((struct sockaddr *)&ipv4, sizeof ipv4 - 1));
    assert_false(address_is_allowed((struct sockaddr *)&other, sizeof other));
    other.ss_family = AF_INET;
    assert_false(address_is_allowed((struct sockaddr *)&other, 0));
}

static void test_allowed(void **state)
{
    static const char *const texts[] = {"127.0.0.1",   "10.0.0.1",        "169.253.255.255",
                                        "169.255.0.0", "192.0.2.1",       "223.255.255.255",
                                        "::1",         "fec0::1",         "2001:db8::1",
                                        "fd00::1",     "::ffff:127.0.0.1"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (!is_allowed(texts[i]))
            fail_msg("%s is refused", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_other_families_refused),
        cmocka_unit_test(test_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
