/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts of users: uids that stay, records that come and go, and nobody else's touched. */
#include "test-common.h"

#include <stdio.h>
#include <sys/stat.h>

#include "accounts.h"
#include "atomic-file.h"
#include "interruptions.h"
#include "json-util.h"
#include "local-users.h"

typedef struct Scratch {
    char path[32], passwd[64];
    int fd;
} Scratch;

static int set_up(void **state)
{
    static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\nlocal:x:1000:1000::/home/local:/"
                                 "bin/sh\nother:x:60800:60800::/:/bin/sh\n";
    Scratch *scratch = calloc(1, sizeof(*scratch));

    scratch->fd = scratch_open(scratch->path);
    (void)snprintf(scratch->passwd, sizeof(scratch->passwd), "%s/passwd", scratch->path);
    assert_int_equal(atomic_write_at(scratch->fd, "passwd", passwd, strlen(passwd), 0644), 0);
    *state = scratch;
    return 0;
}

static int tear_down(void **state)
{
    Scratch *scratch = *state;

    scratch_remove(scratch->fd, scratch->path);
    free(scratch);
    return 0;
}

static Aaa *aaa_of(const char *const *names)
{
    _cleanup_json_ json_object *section = json_object_new_object();
    json_object *users = json_object_new_object();
    Aaa *aaa = NULL;

    for (; *names; names++)
        json_object_object_add(users, *names, json_object_new_object());
    json_object_object_add(section, "username", users);
    assert_int_equal(aaa_compile(section, NULL, NULL, &aaa), 0);
    return aaa;
}

#define AAA(...) aaa_of((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static Accounts *accounts_of(const Scratch *scratch)
{
    Accounts *accounts;
    bool corrupt;
    Uids *uids;

    assert_int_equal(uids_open(scratch->fd, &corrupt, &uids), 0);
    assert_false(corrupt);
    assert_int_equal(accounts_new(scratch->path, scratch->passwd, uids, &accounts), 0);
    return accounts;
}

static bool there(const Scratch *scratch, const char *name)
{
    return faccessat(scratch->fd, name, F_OK, 0) == 0;
}

static void test_records(void **state)
{
    const Scratch *scratch = *state;
    _cleanup_(accounts_freep) Accounts *accounts = accounts_of(scratch);
    _cleanup_(aaa_freep) Aaa *two = AAA("ann", "bob", "local"), *one = AAA("bob");
    _cleanup_json_ json_object *record = NULL;
    _cleanup_free_ void *data = NULL;
    const char *name;
    uint64_t uid;
    size_t size;

    assert_int_equal(accounts_apply(accounts, two), 0);
    /* 60800 is in the password file, and so is "local". */
    assert_string_equal(accounts_name(accounts, 60801), "ann");
    assert_string_equal(accounts_name(accounts, 60802), "bob");
    assert_null(accounts_name(accounts, 60800));
    assert_null(accounts_name(accounts, 0));
    assert_true(there(scratch, "ann.user") && there(scratch, "60801.user") &&
                there(scratch, "ann.group") && there(scratch, "60801.group"));
    assert_false(there(scratch, "local.user"));
    assert_int_equal(read_file_at(scratch->fd, "60801.user", 4096, &data, &size), 0);
    assert_int_equal(json_parse(data, size, &record), 0);
    assert_int_equal(json_get_string(record, "userName", &name), 0);
    assert_string_equal(name, "ann");
    assert_int_equal(json_get_uint64(record, "gid", &uid), 0);
    assert_int_equal(uid, 60801);

    assert_int_equal(accounts_apply(accounts, one), 0);
    assert_false(there(scratch, "ann.user") || there(scratch, "60801.user") ||
                 there(scratch, "ann.group") || there(scratch, "60801.group"));
    assert_true(there(scratch, "bob.user"));
    assert_null(accounts_name(accounts, 60801));
}

static Aaa *aaa_with_secret(const char *secret)
{
    _cleanup_json_ json_object *section = NULL;
    _cleanup_free_ char *text = NULL;
    Aaa *aaa = NULL;

    assert_true(asprintf(&text, "{\"username\":{\"ann\":{\"secret\":\"%s\"},\"bob\":{}}}", secret) >
                0);
    assert_int_equal(json_parse(text, strlen(text), &section), 0);
    assert_int_equal(aaa_compile(section, NULL, NULL, &aaa), 0);
    return aaa;
}

/* In a file that only root may read, gone with the secret. */
static void test_secrets(void **state)
{
    const Scratch *scratch = *state;
    _cleanup_(accounts_freep) Accounts *accounts = accounts_of(scratch);
    _cleanup_(aaa_freep) Aaa *with = aaa_with_secret("$6$salt$abc"), *without = AAA("ann", "bob");
    _cleanup_free_ void *data = NULL;
    struct stat st;
    size_t size;

    assert_int_equal(accounts_apply(accounts, with), 0);
    assert_int_equal(fstatat(scratch->fd, "ann.user-privileged", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(fstatat(scratch->fd, "60801.user-privileged", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_false(there(scratch, "bob.user-privileged"));
    assert_int_equal(read_file_at(scratch->fd, "ann.user-privileged", 4096, &data, &size), 0);
    assert_non_null(memmem(data, size, "{\"privileged\":{\"hashedPassword\":[\"$6$salt$abc\"]}",
                           STRLEN("{\"privileged\":{\"hashedPassword\":[\"$6$salt$abc\"]}")));
    assert_int_equal(accounts_apply(accounts, without), 0);
    assert_false(there(scratch, "ann.user-privileged") || there(scratch, "60801.user-privileged"));
    assert_true(there(scratch, "ann.user"));
}

/* What the system sees of an account, and what it is when nothing is said. */
static void test_shell_and_directory(void **state)
{
    static const char text[] = "{\"username\":{\"ann\":{\"shell-type\":\"bash\",\"directory\":\"/"
                               "home/ann\"},\"bob\":{\"shell-type\":\"nologin\"},\"eve\":{}}}";
    static const char *const expected[][3] = {{"ann.user", "/bin/bash", "/home/ann"},
                                              {"bob.user", "/usr/sbin/nologin", "/"},
                                              {"eve.user", "/usr/bin/chancery", "/"}};
    const Scratch *scratch = *state;
    _cleanup_(accounts_freep) Accounts *accounts = accounts_of(scratch);
    _cleanup_json_ json_object *section = NULL;
    _cleanup_(aaa_freep) Aaa *aaa = NULL;

    assert_int_equal(json_parse(text, STRLEN(text), &section), 0);
    assert_int_equal(aaa_compile(section, NULL, NULL, &aaa), 0);
    assert_int_equal(accounts_apply(accounts, aaa), 0);
    for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
        _cleanup_json_ json_object *record = NULL;
        _cleanup_free_ void *data = NULL;
        const char *value;
        size_t size;

        assert_int_equal(read_file_at(scratch->fd, expected[i][0], 4096, &data, &size), 0);
        assert_int_equal(json_parse(data, size, &record), 0);
        assert_int_equal(json_get_string(record, "shell", &value), 0);
        assert_string_equal(value, expected[i][1]);
        assert_int_equal(json_get_string(record, "homeDirectory", &value), 0);
        assert_string_equal(value, expected[i][2]);
    }
}

/* Lines that would change nothing, because the account is the system's. */
static int note(const char *line, const char *reason, void *userdata)
{
    strcat(userdata, line);
    strcat(userdata, ";");
    return 0;
}

static void assert_local(const Accounts *accounts, const char *before, const char *after,
                         const char *expected)
{
    _cleanup_json_ json_object *from = NULL, *to = NULL;
    char told[512] = "";

    assert_int_equal(json_parse(before, strlen(before), &from), 0);
    assert_int_equal(json_parse(after, strlen(after), &to), 0);
    assert_int_equal(local_users_check(accounts, from, to, note, told), 0);
    assert_string_equal(told, expected);
}

static void test_accounts_of_the_system(void **state)
{
    const Scratch *scratch = *state;
    _cleanup_(accounts_freep) Accounts *accounts = accounts_of(scratch);

    assert_int_equal(accounts_is_local(accounts, "ann"), 0);
    assert_int_equal(accounts_is_local(accounts, "local"), 1);
    assert_local(accounts, "{}", "{\"username\":{\"ann\":{\"secret\":\"$6$a\"},\"local\":{}}}", "");
    assert_local(
        accounts, "{}",
        "{\"username\":{\"local\":{\"secret\":\"$6$a\",\"shell-type\":\"bash\",\"directory\":"
        "\"/\"}}}",
        "username local secret 10;username local shell-type;username local directory;");
    /* What was there before is no reason against a commit of something else. */
    assert_local(accounts, "{\"username\":{\"local\":{\"secret\":\"$6$a\"}}}",
                 "{\"username\":{\"local\":{\"secret\":\"$6$a\",\"group\":[\"root-lr\"]}}}", "");
    assert_local(accounts, "{\"username\":{\"local\":{\"secret\":\"$6$a\"}}}",
                 "{\"username\":{\"local\":{\"secret\":\"$6$b\"}}}", "username local secret 10;");
}

/* Also after a restart, and after the user was gone for a while. */
static void test_uids_stay(void **state)
{
    const Scratch *scratch = *state;
    _cleanup_(aaa_freep) Aaa *two = AAA("ann", "bob"), *none = AAA(),
                             *three = AAA("aaron", "ann", "bob");
    Accounts *accounts = accounts_of(scratch);

    assert_int_equal(accounts_prepare(accounts, two), 0);
    assert_int_equal(accounts_apply(accounts, none), 0);
    accounts_free(accounts);
    accounts = accounts_of(scratch);
    assert_int_equal(accounts_apply(accounts, three), 0);
    assert_string_equal(accounts_name(accounts, 60801), "ann");
    assert_string_equal(accounts_name(accounts, 60802), "bob");
    assert_string_equal(accounts_name(accounts, 60803), "aaron");
    accounts_free(accounts);
}

static void test_foreign_records_stay(void **state)
{
    static const char foreign[] = "{\"userName\":\"zoe\",\"uid\":60700}",
                      mine[] = "{\"userName\":\"old\",\"service\":\"org.chancery.Policy1\"}";
    const Scratch *scratch = *state;
    _cleanup_(accounts_freep) Accounts *accounts = accounts_of(scratch);
    _cleanup_(aaa_freep) Aaa *none = AAA();

    assert_int_equal(atomic_write_at(scratch->fd, "zoe.user", foreign, strlen(foreign), 0644), 0);
    assert_int_equal(atomic_write_at(scratch->fd, "x.user", "not json", 8, 0644), 0);
    assert_int_equal(atomic_write_at(scratch->fd, "old.user", mine, strlen(mine), 0644), 0);
    assert_int_equal(symlinkat("/etc/passwd", scratch->fd, "y.user"), 0);
    assert_int_equal(accounts_apply(accounts, none), 0);
    assert_true(there(scratch, "zoe.user") && there(scratch, "x.user") && there(scratch, "y.user"));
    assert_false(there(scratch, "old.user"));
}

static void test_too_many(void **state)
{
    const Scratch *scratch = *state;
    bool corrupt;
    Uids *uids;
    const char *names[512];
    char text[512][16];

    assert_int_equal(uids_open(scratch->fd, &corrupt, &uids), 0);
    for (size_t i = 0; i < 512; i++) {
        (void)snprintf(text[i], sizeof(text[i]), "user%zu", i);
        names[i] = text[i];
    }
    names[385] = NULL;
    assert_int_equal(uids_assign(uids, names, NULL, NULL), -ENOSPC);
    names[384] = NULL;
    assert_int_equal(uids_assign(uids, names, NULL, NULL), 0);
    assert_int_equal(uids_get(uids, "user383"), UID_LAST);
    /* All were given once: now the uid of somebody who is gone may be given again. */
    names[0] = "newcomer";
    assert_int_equal(uids_assign(uids, names, NULL, NULL), 0);
    assert_int_equal(uids_get(uids, "newcomer"), UID_FIRST);
    assert_int_equal(uids_get(uids, "user0"), 0);
    uids_free(uids);
}

/* The disk was full: who gets a uid then has it after a restart too. */
static void test_not_saved_at_first(void **state)
{
    static const char *const ann[] = {"ann", NULL}, *const both[] = {"bob", "ann", NULL};
    const Scratch *scratch = *state;
    uid_t given;
    bool corrupt;
    Uids *uids;

    assert_int_equal(uids_open(scratch->fd, &corrupt, &uids), 0);
    assert_int_equal(mkdirat(scratch->fd, "uids.json", 0700), 0);
    assert_true(uids_assign(uids, ann, NULL, NULL) < 0);
    assert_int_equal(unlinkat(scratch->fd, "uids.json", AT_REMOVEDIR), 0);
    assert_int_equal(uids_assign(uids, ann, NULL, NULL), 0);
    given = uids_get(uids, "ann");
    assert_int_not_equal(given, 0);
    uids_free(uids);
    assert_int_equal(uids_open(scratch->fd, &corrupt, &uids), 0);
    assert_int_equal(uids_assign(uids, both, NULL, NULL), 0);
    assert_int_equal(uids_get(uids, "ann"), given);
    uids_free(uids);
}

static void test_corrupt(void **state)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "{\"ann\":1}",
                                        "{\"ann\":\"60801\"}",
                                        "{\"ann\":60801,\"bob\":60801}",
                                        "{\"1\":60801}",
                                        "{\"ann\":61184}"};
    const Scratch *scratch = *state;

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        _cleanup_(uids_freep) Uids *uids = NULL;
        bool corrupt = false;

        assert_int_equal(
            atomic_write_at(scratch->fd, "uids.json", texts[i], strlen(texts[i]), 0600), 0);
        assert_int_equal(uids_open(scratch->fd, &corrupt, &uids), 0);
        assert_true(corrupt);
        assert_int_equal(uids_get(uids, "ann"), 0);
    }
}

/* --- Wherever giving out uids ends -------------------------------------------------------------
 */

static Uids *given; /* of the process that gives them out */

static int prepare(void *userdata)
{
    static const char *const names[] = {"ann", NULL};
    const Scratch *scratch = userdata;
    _cleanup_(uids_freep) Uids *uids = NULL;
    bool corrupt;
    int r;

    (void)unlinkat(scratch->fd, "uids.json", 0);
    r = uids_open(scratch->fd, &corrupt, &uids);
    return r < 0 ? r : uids_assign(uids, names, NULL, NULL);
}

static int begin(void *userdata)
{
    const Scratch *scratch = userdata;
    bool corrupt;

    return uids_open(scratch->fd, &corrupt, &given);
}

static int operate(void *userdata)
{
    static const char *const names[] = {"ann", "bob", NULL};

    return uids_assign(given, names, NULL, NULL);
}

static int inspect(void *userdata)
{
    const Scratch *scratch = userdata;
    _cleanup_(uids_freep) Uids *uids = NULL;
    bool corrupt = false;
    int r = uids_open(scratch->fd, &corrupt, &uids);

    if (r < 0)
        return r;
    if (corrupt || uids_get(uids, "ann") != UID_FIRST)
        return -EBADMSG;
    if (uids_get(uids, "bob") == 0)
        return STATE_OLD;
    return uids_get(uids, "bob") == UID_FIRST + 1 ? STATE_NEW : -EBADMSG;
}

static void test_interrupted_everywhere(void **state)
{
    const Operation operation = {prepare, begin, operate, inspect, *state};
    int calls = operation_kill_everywhere(&operation, NULL);

    assert_true(calls > 0);
    assert_int_equal(operation_fail_everywhere(&operation, ENOSPC, NULL), calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_secrets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shell_and_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_accounts_of_the_system, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_uids_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_saved_at_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_records_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_corrupt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_interrupted_everywhere, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
