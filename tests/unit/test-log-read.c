/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "log-read.h"

static void test_mnemonic(void **state)
{
    static const struct {
        const char *message;
        size_t length, text;
    } cases[] = {
        {"%SECURITY-CEPKI-6-KEY_INFO : one", 25, 29},
        {"%A : ", 1, 5},
        {"", 0, 0},
        {"%", 0, 0},
        {"%SECURITY-CEPKI-6-KEY_INFO", 0, 0},
        {"%SECURITY-CEPKI-6-KEY_INFO :", 0, 0},
        {"% : text", 0, 0},
        {"%lower-6-CASE : text", 0, 0},
        {"SECURITY-CEPKI-6-KEY_INFO : text", 0, 0},
        {"%SECURITY\\n-6-X : text", 0, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t text = 0;

        assert_int_equal(log_mnemonic(cases[i].message, strlen(cases[i].message), &text),
                         cases[i].length);
        assert_int_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mnemonic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
