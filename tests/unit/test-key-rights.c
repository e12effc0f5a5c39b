/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json-util.h"
#include "key-rights.h"

static KeyRights *rights_from(const char *text)
{
    _cleanup_json_ json_object *section = NULL;
    KeyRights *rights = NULL;

    assert_int_equal(json_parse(text, strlen(text), &section), 0);
    if (key_rights_new(section, &rights) < 0)
        return NULL;
    return rights;
}

static void test_nothing_is_named(void **state)
{
    static const char *const empty[] = {
        "{}",
        "{\"trustpoint\": {}}",
        "{\"trustpoint\": {\"a\": {}}}",
        "{\"trustpoint\": {\"a\": {\"ca-keypair\": {\"algorithm\": \"dsa\", \"label\": \"x\"}}}}",
        "{\"trustpoint\": {\"a\": {\"keypair\": {\"algorithm\": \"rsa\", \"label\": \"../x\"}}}}",
        "{\"trustpoint\": {\"a\": {\"keypair\": {\"algorithm\": \"rsa\"}}}}",
        "{\"trustpoint\": {\"a\": {\"keypair\": \"rsa\", \"rsakeypair\": \"x\"}}}",
        "{\"trustpoint\": {\"a\": {\"rsakeypair\": 1}}}",
    };

    assert_false(key_rights_is_ca(NULL, "rsa", "x"));
    assert_false(key_rights_is_sealer(NULL, "rsa", "x"));
    for (size_t i = 0; i < ELEMENTSOF(empty); i++) {
        _cleanup_(key_rights_freep) KeyRights *rights = rights_from(empty[i]);

        assert_non_null(rights);
        assert_int_equal(key_rights_count(rights), 0);
        assert_false(key_rights_is_keypair(rights, "rsa", "x"));
    }
    assert_null(rights_from("{\"trustpoint\": []}"));
    assert_null(rights_from("{\"trustpoint\": {\"a\": 1}}"));
}

static void test_roles(void **state)
{
    _cleanup_(key_rights_freep) KeyRights *rights =
        rights_from("{\"trustpoint\": {"
                    "\"system-trustpoint\": {\"keypair\": {\"algorithm\": \"rsa\", \"label\": "
                    "\"system-enroll-key\"},"
                    " \"ca-keypair\": {\"algorithm\": \"rsa\", \"label\": \"system-root-key\"}},"
                    "\"core\": {\"rsakeypair\": \"core-key\", \"subject-name\": \"CN=x\"}}}");

    assert_non_null(rights);
    assert_int_equal(key_rights_count(rights), 3);
    assert_true(key_rights_is_ca(rights, "rsa", "system-root-key"));
    assert_false(key_rights_is_ca(rights, "ecdsanistp256", "system-root-key"));
    assert_false(key_rights_is_keypair(rights, "rsa", "system-root-key"));
    assert_false(key_rights_is_sealer(rights, "rsa", "system-root-key"));
    assert_true(key_rights_is_keypair(rights, "rsa", "system-enroll-key"));
    assert_true(key_rights_is_sealer(rights, "rsa", "system-enroll-key"));
    assert_false(key_rights_is_ca(rights, "rsa", "system-enroll-key"));
    assert_true(key_rights_is_keypair(rights, "rsa", "core-key"));
    assert_false(key_rights_is_sealer(rights, "rsa", "core-key"));
    assert_false(key_rights_is_keypair(rights, "rsa", "other-key"));
}

/* A key that another trustpoint uses as its CA never seals. */
static void test_ca_key_never_seals(void **state)
{
    _cleanup_(key_rights_freep) KeyRights *rights =
        rights_from("{\"trustpoint\": {\"system-trustpoint\": {\"keypair\": {\"algorithm\": "
                    "\"rsa\", \"label\": \"x\"}},"
                    "\"other\": {\"ca-keypair\": {\"algorithm\": \"rsa\", \"label\": \"x\"}}}}");

    assert_true(key_rights_is_keypair(rights, "rsa", "x"));
    assert_false(key_rights_is_sealer(rights, "rsa", "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_named),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_ca_key_never_seals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
