/* SPDX-License-Identifier: Apache-2.0 */
/* The names of hosts in the configuration, as the C library asks for them: whatever the buffer,
 * whatever the file. */
#include <arpa/inet.h>
#include <netdb.h>
#include <nss.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "cleanup.h"
#include "hosts-file.h"

enum nss_status _nss_chancery_gethostbyname4_r(const char *name, struct gaih_addrtuple **pat,
                                               char *buffer, size_t size, int *errnop,
                                               int *h_errnop, int32_t *ttlp);
enum nss_status _nss_chancery_gethostbyname2_r(const char *name, int family, struct hostent *result,
                                               char *buffer, size_t size, int *errnop,
                                               int *h_errnop);
enum nss_status _nss_chancery_gethostbyaddr_r(const void *address, socklen_t length, int family,
                                              struct hostent *result, char *buffer, size_t size,
                                              int *errnop, int *h_errnop);

#define GUARD 0x5a
#define BUFFER_SIZE 1024U

static const char sample[] = "# a comment\n"
                             "127.0.1.1 ios.lab ios\n"
                             "192.0.2.1 ca ca.lab\n192.0.2.2\tca  ca.lab # more\n"
                             "2001:db8::1 ca ca.lab\n"
                             "192.0.2.300 bad\nnonsense\n192.0.2.9\n\n   \n"
                             "192.0.2.7 last";

static void write_file(const char *text, size_t size)
{
    _cleanup_fclose_ FILE *f = fopen(HOSTS_FILE, "we");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, size, f), size);
}

static int set_up(void **state)
{
    write_file(sample, strlen(sample));
    return 0;
}

static int tear_down(void **state)
{
    return unlink(HOSTS_FILE);
}

static void test_nothing_there(void **state)
{
    char buffer[BUFFER_SIZE];
    struct gaih_addrtuple *found = NULL;
    int error, host_error;

    static const char *const names[] = {"",         ".",   "c",        "ca.",       "ca..",
                                        "ca.lab.x", "bad", "nonsense", "192.0.2.1", "comment"};

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        enum nss_status status = _nss_chancery_gethostbyname4_r(
            names[i], &found, buffer, sizeof(buffer), &error, &host_error, NULL);

        if (streq(names[i], "ca."))
            assert_int_equal(status, NSS_STATUS_SUCCESS);
        else if (status != NSS_STATUS_NOTFOUND || host_error != HOST_NOT_FOUND)
            fail_msg("%s: %d", names[i], (int)status);
    }
    assert_int_equal(unlink(HOSTS_FILE), 0);
    assert_int_equal(_nss_chancery_gethostbyname4_r("ca", &found, buffer, sizeof(buffer), &error,
                                                    &host_error, NULL),
                     NSS_STATUS_NOTFOUND);
}

static void assert_address(const struct gaih_addrtuple *tuple, const char *text)
{
    char have[INET6_ADDRSTRLEN];

    assert_non_null(tuple);
    assert_non_null(inet_ntop(tuple->family, tuple->addr, have, sizeof(have)));
    assert_string_equal(have, text);
}

static void test_all_addresses(void **state)
{
    static const char *const names[] = {"ca", "CA.Lab", "ca.lab."};
    char buffer[BUFFER_SIZE];
    int error, host_error;
    int32_t ttl = 7;

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        struct gaih_addrtuple *found = NULL, callers = {0}, *given = &callers;

        assert_int_equal(_nss_chancery_gethostbyname4_r(names[i], &found, buffer, sizeof(buffer),
                                                        &error, &host_error, &ttl),
                         NSS_STATUS_SUCCESS);
        assert_string_equal(found->name, "ca");
        assert_address(found, "192.0.2.1");
        assert_address(found->next, "192.0.2.2");
        assert_address(found->next->next, "2001:db8::1");
        assert_null(found->next->next->next);
        assert_int_equal(ttl, 0);
        assert_int_equal(_nss_chancery_gethostbyname4_r(names[i], &given, buffer, sizeof(buffer),
                                                        &error, &host_error, NULL),
                         NSS_STATUS_SUCCESS);
        assert_ptr_equal(given, &callers);
        assert_address(&callers, "192.0.2.1");
        assert_address(callers.next, "192.0.2.2");
    }
}

static void test_one_family(void **state)
{
    char buffer[BUFFER_SIZE];
    struct hostent host;
    int error, host_error;

    assert_int_equal(_nss_chancery_gethostbyname2_r("ca", AF_INET, &host, buffer, sizeof(buffer),
                                                    &error, &host_error),
                     NSS_STATUS_SUCCESS);
    assert_int_equal(host.h_addrtype, AF_INET);
    assert_memory_equal(host.h_addr_list[1], "\xc0\x00\x02\x02", 4);
    assert_null(host.h_addr_list[2]);
    assert_null(host.h_aliases[0]);
    assert_int_equal(_nss_chancery_gethostbyname2_r("last", AF_INET6, &host, buffer, sizeof(buffer),
                                                    &error, &host_error),
                     NSS_STATUS_NOTFOUND);
    assert_int_equal(_nss_chancery_gethostbyname2_r("last", AF_INET, &host, buffer, sizeof(buffer),
                                                    &error, &host_error),
                     NSS_STATUS_SUCCESS);
    assert_int_equal(_nss_chancery_gethostbyname2_r("last", AF_UNIX, &host, buffer, sizeof(buffer),
                                                    &error, &host_error),
                     NSS_STATUS_UNAVAIL);
}

static void test_names_of_addresses(void **state)
{
    char buffer[BUFFER_SIZE];
    struct in6_addr address;
    struct hostent host;
    int error, host_error;

    assert_int_equal(inet_pton(AF_INET, "192.0.2.3", &address), 1);
    assert_int_equal(_nss_chancery_gethostbyaddr_r(&address, 4, AF_INET, &host, buffer,
                                                   sizeof(buffer), &error, &host_error),
                     NSS_STATUS_NOTFOUND);
    assert_int_equal(inet_pton(AF_INET, "192.0.2.2", &address), 1);
    assert_int_equal(_nss_chancery_gethostbyaddr_r(&address, 16, AF_INET, &host, buffer,
                                                   sizeof(buffer), &error, &host_error),
                     NSS_STATUS_UNAVAIL);
    assert_int_equal(_nss_chancery_gethostbyaddr_r(&address, 4, AF_INET, &host, buffer,
                                                   sizeof(buffer), &error, &host_error),
                     NSS_STATUS_SUCCESS);
    assert_string_equal(host.h_name, "ca");
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &address), 1);
    assert_int_equal(_nss_chancery_gethostbyaddr_r(&address, 16, AF_INET6, &host, buffer,
                                                   sizeof(buffer), &error, &host_error),
                     NSS_STATUS_SUCCESS);
    assert_int_equal(host.h_length, 16);
}

/* A buffer that is too small is said to be, and nothing is written beside it. */
static void test_every_size_of_buffer(void **state)
{
    char buffer[BUFFER_SIZE];
    unsigned too_small = 0;

    for (size_t size = 0; size < BUFFER_SIZE / 2; size++) {
        struct gaih_addrtuple *found = NULL;
        struct hostent host;
        int error = 0, host_error = 0;
        enum nss_status a, b;

        memset(buffer, GUARD, sizeof(buffer));
        a = _nss_chancery_gethostbyname4_r("ca", &found, buffer + 1, size, &error, &host_error,
                                           NULL);
        b = _nss_chancery_gethostbyname2_r("ca", AF_INET, &host, buffer + 1, size, &error,
                                           &host_error);
        for (size_t i = size + 1; i < sizeof(buffer); i++)
            assert_int_equal(buffer[i], GUARD);
        assert_int_equal(buffer[0], GUARD);
        if (a != NSS_STATUS_SUCCESS || b != NSS_STATUS_SUCCESS) {
            assert_true(a == NSS_STATUS_TRYAGAIN || b == NSS_STATUS_TRYAGAIN);
            assert_int_equal(error, ERANGE);
            too_small++;
        }
    }
    assert_in_range(too_small, 50, 400);
}

static void test_lines_beyond_all_measure(void **state)
{
    _cleanup_free_ char *text = malloc(5000);
    char buffer[BUFFER_SIZE];
    struct gaih_addrtuple *found = NULL;
    int error, host_error, n = 0;

    /* What stands behind the limit of a line is no line of its own. */
    memset(text, ' ', 5000);
    memcpy(text, "192.0.2.1 x", 11);
    memcpy(text + 1023, "192.0.2.2 evil\n192.0.2.3 good\n", 30);
    write_file(text, 1053);
    assert_int_equal(_nss_chancery_gethostbyname4_r("evil", &found, buffer, sizeof(buffer), &error,
                                                    &host_error, NULL),
                     NSS_STATUS_NOTFOUND);
    assert_int_equal(_nss_chancery_gethostbyname4_r("x", &found, buffer, sizeof(buffer), &error,
                                                    &host_error, NULL),
                     NSS_STATUS_NOTFOUND);
    assert_int_equal(_nss_chancery_gethostbyname4_r("good", &found, buffer, sizeof(buffer), &error,
                                                    &host_error, NULL),
                     NSS_STATUS_SUCCESS);
    for (size_t i = 0; i < 100; i++)
        memcpy(text + 20 * i, "192.0.2.1      many\n", 20);
    write_file(text, 2000);
    found = NULL;
    assert_int_equal(_nss_chancery_gethostbyname4_r("many", &found, buffer, sizeof(buffer), &error,
                                                    &host_error, NULL),
                     NSS_STATUS_SUCCESS);
    for (; found; found = found->next)
        n++;
    assert_int_equal(n, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nothing_there, set_up),
        cmocka_unit_test_setup_teardown(test_all_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_family, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_of_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_size_of_buffer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lines_beyond_all_measure, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
