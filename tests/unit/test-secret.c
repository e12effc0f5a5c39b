/* SPDX-License-Identifier: Apache-2.0 */
/* Users' secrets: what is a hash, how one is made, and that the clear text stays nowhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <crypt.h>

#include "config-parse.h"
#include "secret.h"

static void assert_public(ConfigMode mode, const char *line, const char *expected)
{
    const ConfigPlace place = {.mode = mode};
    size_t n = config_public_length(&place, line);

    assert_true(n <= strlen(line));
    if (n != strlen(expected) || strncmp(line, expected, n) != 0)
        fail_msg("%.*s", (int)n, line);
}

static void test_secrets_are_not_public(void **state)
{
    assert_public(CONFIG_MODE_USERNAME, "secret cisco", "secret");
    assert_public(CONFIG_MODE_USERNAME, " SEC\t0 cisco", " SEC");
    assert_public(CONFIG_MODE_USERNAME, "s cisco with an error", "s");
    assert_public(CONFIG_MODE_USERNAME, "secret 10 $y$x", "secret");
    assert_public(CONFIG_MODE_USERNAME, "no secret cisco", "no secret");
    assert_public(CONFIG_MODE_USERNAME, "secret", "secret");
    assert_public(CONFIG_MODE_USERNAME, "group secret", "group secret");
    assert_public(CONFIG_MODE_USERNAME, "password cisco", "password");
    assert_public(CONFIG_MODE_USERNAME, "pass 0 cisco", "pass");
    assert_public(CONFIG_MODE_USERNAME, "password 7 094F471A1A0A", "password");
    assert_public(CONFIG_MODE_USERNAME, "password-policy p password cisco", "password-policy");
    assert_public(CONFIG_MODE_USERNAME, "policy p", "policy p");
    assert_public(CONFIG_MODE_TOP, "username bob password cisco", "username bob password");
    assert_public(CONFIG_MODE_TOP, "username bob secret cisco", "username bob secret");
    assert_public(CONFIG_MODE_TRUSTPOINT, "us bob s 0 cisco", "us bob s");
    assert_public(CONFIG_MODE_TOP, "no username bob secret", "no username bob secret");
    assert_public(CONFIG_MODE_TOP, "hostname secret", "hostname secret");
    assert_public(CONFIG_MODE_TRUSTPOINT, "description secret agent", "description secret agent");
    assert_public(CONFIG_MODE_TRUSTPOINT, "challenge-password clear x", "challenge-password");
    assert_public(CONFIG_MODE_TOP, "cry ca trustp core sftp-pass 6 x",
                  "cry ca trustp core sftp-pass");
    assert_public(CONFIG_MODE_TOP, "c ca trustpoint core challenge-password clear x", "c");
    assert_public(CONFIG_MODE_CLIENT_PROFILE, "password clear cisco", "password");
    assert_public(CONFIG_MODE_CLIENT_PROFILE, "p cisco", "p");
    assert_public(CONFIG_MODE_CLIENT_PROFILE, "no password clear cisco", "no password");
    assert_public(CONFIG_MODE_CLIENT_PROFILE, "username router", "username router");
    assert_public(CONFIG_MODE_TOP, "client-authentication profile est password clear cisco",
                  "client-authentication profile est password");
    assert_public(CONFIG_MODE_SSL_PROFILE, "cl profile est password 6 cisco",
                  "cl profile est password");
    assert_public(CONFIG_MODE_TOP, "no client-auth profile est", "no client-auth profile est");
    assert_public(CONFIG_MODE_TOP, "", "");
}

static void test_hashes(void **state)
{
    static const char *const good[] = {
        "$y$j9T$L48uA6BUg9a3re9BWD6hV.$Iz90y/OUq31JQ4kPDgzWxi4Ukb8AQIkzsEpxOoEJdHB",
        "$6$rounds=5000$saltsalt$abc",
        "$2b$05$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"};
    static const char *const bad[] = {"",           "cisco",       "$1$abc$xyz",  "ab1234567890.",
                                      "!",          "*",           "$y$j9T$a\"b", "$y$",
                                      "$8$abc$def", "$5$salt$abc", "$6$a:b$c"};

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        if (!secret_refuse_hash(bad[i]))
            fail_msg("accepted: %s", bad[i]);
    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        if (secret_refuse_hash(good[i]))
            fail_msg("refused: %s", good[i]);
}

static void on_hash(int r, const char *hash, void *userdata)
{
    assert_int_equal(r, 0);
    assert_null(secret_refuse_hash(hash));
    assert_int_equal(strncmp(hash, "$y$", 3), 0);
    (void)snprintf(userdata, CRYPT_OUTPUT_SIZE, "%s", hash);
}

static void test_hashing(void **state)
{
    char hashes[2][CRYPT_OUTPUT_SIZE] = {"", ""}, none[CRYPT_OUTPUT_SIZE] = "";
    char large[1024] = "";
    struct crypt_data data = {0};
    sd_event *event;
    SecretJob *job;

    assert_int_equal(sd_event_new(&event), 0);
    memset(large, 'x', sizeof(large) - 1);
    assert_int_equal(secret_hash(event, large, on_hash, none, &job), -EMSGSIZE);
    assert_int_equal(secret_hash(event, "cisco", on_hash, none, &job), 0);
    secret_forget(job);
    assert_true(sd_event_run(event, UINT64_MAX) > 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(secret_hash(event, "cisco", on_hash, hashes[i], &job), 0);
    while (!*hashes[0] || !*hashes[1])
        assert_true(sd_event_run(event, UINT64_MAX) >= 0);
    assert_string_equal(none, "");
    assert_string_not_equal(hashes[0], hashes[1]); /* a salt of its own */
    assert_string_equal(crypt_r("cisco", hashes[0], &data), hashes[0]);
    assert_string_not_equal(crypt_r("Cisco", hashes[0], &data), hashes[0]);
    sd_event_unref(event);
}

static void test_wiped(void **state)
{
    _cleanup_(config_parser_freep) ConfigParser *parser = config_parser_new();
    ConfigParsed parsed;

    assert_non_null(parser);
    assert_int_equal(config_parse(parser, &(ConfigPlace){.mode = CONFIG_MODE_TOP},
                                  "username bob secret cisco", &parsed),
                     0);
    assert_int_equal(parsed.status, GRAMMAR_OK);
    assert_int_equal(parsed.line.row->kind, CONFIG_SECRET);
    assert_string_equal(config_hash_row(parsed.line.row)->head, "secret 10");
    config_parsed_wipe(&parsed);
    assert_string_equal(json_object_get_string(parsed.line.value), "");
    config_parsed_done(&parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets_are_not_public),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_hashing),
        cmocka_unit_test(test_wiped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
