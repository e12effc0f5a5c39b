/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include "dpkg-status.h"

static DpkgPackage package;

/* The problem of the first stanza of a text, "" when it has none. */
static const char *first_problem(const char *text, size_t size)
{
    _cleanup_fclose_ FILE *f = fmemopen((void *)(uintptr_t)text, size, "r");
    _cleanup_(dpkg_status_freep) DpkgStatus *s = dpkg_status_new(f);

    assert_int_equal(dpkg_status_next(s, &package), 1);
    return package.problem ? package.problem : "";
}

#define PROBLEM(text) first_problem(text, STRLEN(text))
#define GOOD "Package: aa\nStatus: install ok installed\nVersion: 1\n"

static void test_wrong_stanzas(void **state)
{
    assert_string_equal(PROBLEM("Status: install ok installed\nVersion: 1\n"), "no field Package");
    assert_string_equal(PROBLEM("Package: aa\nVersion: 1\n"), "no field Status");
    assert_string_equal(PROBLEM("Package: aa\nStatus: install ok installed\n"), "no field Version");
    assert_string_equal(PROBLEM(GOOD "Package: bb\n"), "a field that is there twice");
    assert_string_equal(PROBLEM(GOOD "package: bb\n"), "a field that is there twice");
    assert_string_equal(PROBLEM(GOOD "Architecture:\n"), "a field without a value");
    assert_string_equal(PROBLEM(GOOD "no field here\n"), "a line without a field name");
    assert_string_equal(PROBLEM(GOOD ": value\n"), "a line without a field name");
    assert_string_equal(PROBLEM("Package: ../../etc/x\nStatus: install ok installed\nVersion: 1\n"),
                        "a package name that is none");
    assert_string_equal(PROBLEM("Package: a\0b\nStatus: install ok installed\nVersion: 1\n"),
                        "a package name that is none");
    assert_string_equal(PROBLEM("Package: .a\nStatus: install ok installed\nVersion: 1\n"),
                        "a package name that is none");
}

static void test_too_long(void **state)
{
    char text[4096] = GOOD "Architecture: ";
    size_t n = strlen(text);

    memset(text + n, 'x', DPKG_FIELD_SIZE);
    text[n + DPKG_FIELD_SIZE] = '\n';
    assert_string_equal(first_problem(text, n + DPKG_FIELD_SIZE + 1), "a field that is too long");
    text[n + DPKG_FIELD_SIZE - 1] = '\n';
    assert_string_equal(first_problem(text, n + DPKG_FIELD_SIZE), "");
    assert_int_equal(package.architecture.size, DPKG_FIELD_SIZE - 1);
}

static void test_good(void **state)
{
    static const char text[] =
        "\n\nPackage:  libc6 \nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: "
        "same\n"
        "Version: 2.36-9+deb12u10\nDescription: text\n Package: not-a-field\n .\nDepends: x\n\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 2\n\n"
        "Package: never\nStatus: unknown ok not-installed\n";
    _cleanup_fclose_ FILE *f = fmemopen((void *)(uintptr_t)text, STRLEN(text), "r");
    _cleanup_(dpkg_status_freep) DpkgStatus *s = dpkg_status_new(f);

    assert_int_equal(dpkg_status_next(s, &package), 1);
    assert_null(package.problem);
    assert_string_equal(package.name.data, "libc6");
    assert_string_equal(package.version.data, "2.36-9+deb12u10");
    assert_string_equal(package.architecture.data, "amd64");
    assert_string_equal(package.status.data, "install ok installed");
    assert_int_equal(package.line, 3);
    assert_int_equal(dpkg_status_next(s, &package), 1);
    assert_null(package.problem);
    assert_string_equal(package.name.data, "gone");
    assert_int_equal(dpkg_status_next(s, &package), 1);
    assert_null(package.problem);
    assert_int_equal(dpkg_status_next(s, &package), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_stanzas),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
