/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds which task: inheritance, what is wrong with groups, and the rules file that says it to
 * polkit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <fcntl.h>

#include <cmocka.h>

#include "aaa-view.h"
#include "aaa.h"
#include "json-util.h"
#include "polkit-rules.h"

typedef struct Problems {
    char text[2048];
} Problems;

static int note(const char *line, const char *reason, void *userdata)
{
    Problems *problems = userdata;
    size_t n = strlen(problems->text);

    (void)snprintf(problems->text + n, sizeof(problems->text) - n, "%s: %s\n", line, reason);
    return 0;
}

static int compile(const char *json, Problems *problems, Aaa **ret)
{
    _cleanup_json_ json_object *section = NULL;

    assert_int_equal(json_parse(json, strlen(json), &section), 0);
    return aaa_compile(section, note, problems, ret);
}

static const AaaGroup *group_of(const Aaa *aaa, const char *name)
{
    for (size_t i = 0; i < aaa->n_groups; i++)
        if (streq(aaa->groups[i].name, name))
            return &aaa->groups[i];
    fail_msg("no group %s", name);
    return NULL;
}

static unsigned held(const Aaa *aaa, const char *group, const char *task)
{
    int number = task_find(task);

    assert_true(number >= 0);
    return group_of(aaa, group)->grants.classes[number];
}

static void test_tasks(void **state)
{
    assert_int_equal(TASK_COUNT, 85);
    for (size_t i = 0; i < TASK_COUNT; i++)
        assert_int_equal(task_find(tasks[i].name), (int)i);
    assert_int_equal(task_find("all"), -ENOENT);
    assert_int_equal(task_find(""), -ENOENT);
    assert_int_equal(task_find("zzz"), -ENOENT);
}

static void test_predefined(void **state)
{
    _cleanup_(aaa_freep) Aaa *aaa = NULL;
    Problems problems = {""};

    assert_int_equal(compile("{}", &problems, &aaa), 0);
    assert_int_equal(aaa->n_groups, 12);
    assert_int_equal(aaa->n_taskgroups, 7);
    for (size_t i = 0; i < aaa->n_taskgroups; i++)
        if (aaa->taskgroups[i].name[0] == 'r' &&
            strncmp(aaa->taskgroups[i].name, "root-", STRLEN("root-")) != 0)
            fail_msg("%s is no task group", aaa->taskgroups[i].name);
    assert_int_equal(held(aaa, "retrieve", "aaa"), TASK_READ);
    assert_int_equal(held(aaa, "maintenance", "crypto"), TASK_READ);
    assert_int_equal(held(aaa, "maintenance", "system"), TASK_READ | TASK_EXECUTE | TASK_DEBUG);
    assert_int_equal(held(aaa, "maintenance", "aaa"), 0);
    assert_int_equal(held(aaa, "provisioning", "crypto"), TASK_READ | TASK_WRITE);
    assert_int_equal(held(aaa, "provisioning", "bgp"), TASK_READ | TASK_WRITE);
    assert_int_equal(held(aaa, "provisioning", "aaa"), 0);
    assert_int_equal(held(aaa, "owner-sdr", "bgp"), TASK_ALL);
    assert_int_equal(held(aaa, "read-only-tg", "bgp"), TASK_READ);
    assert_int_equal(held(aaa, "root-lr", "bgp"), TASK_ALL);
    assert_int_equal(held(aaa, "operator", "crypto"), 0);
    assert_int_equal(held(aaa, "operator", "basic-services"), TASK_ALL);
    assert_int_equal(held(aaa, "operator", "logging"), TASK_READ);
    assert_int_equal(held(aaa, "sysadmin", "crypto"), TASK_ALL);
    assert_int_equal(held(aaa, "sysadmin", "bgp"), 0);
    assert_int_equal(held(aaa, "netadmin", "bgp"), TASK_ALL);
    assert_int_equal(held(aaa, "netadmin", "crypto"), TASK_READ);
    assert_int_equal(held(aaa, "serviceadmin", "li"), TASK_ALL);
    assert_int_equal(held(aaa, "serviceadmin", "crypto"), 0);
}

/* Task IDs only add up, over both kinds of groups; what may be written may be read, and no more
 * than that. */
static void test_inheritance(void **state)
{
    _cleanup_(aaa_freep) Aaa *aaa = NULL;
    Problems problems = {""};

    assert_int_equal(
        compile("{\"taskgroup\":{\"base\":{\"task\":{\"read\":[\"crypto\"]}},"
                "\"more\":{\"task\":{\"write\":[\"aaa\"],\"debug\":[\"crypto\"]},\"inherit\":["
                "\"base\",\"operator\"]}},"
                "\"usergroup\":{\"plain\":{\"taskgroup\":[\"base\"]},"
                "\"rich\":{\"taskgroup\":[\"more\",\"serviceadmin\"],\"inherit\":[\"plain\"]},"
                "\"empty\":{}},"
                "\"username\":{\"ann\":{\"group\":[\"plain\",\"root-lr\"]},\"bob\":{}}}",
                &problems, &aaa),
        0);
    assert_int_equal(held(aaa, "plain", "crypto"), TASK_READ);
    assert_int_equal(held(aaa, "plain", "aaa"), 0);
    assert_int_equal(held(aaa, "rich", "crypto"), TASK_READ | TASK_DEBUG);
    assert_int_equal(held(aaa, "rich", "aaa"), TASK_READ | TASK_WRITE);
    assert_int_equal(held(aaa, "rich", "basic-services"), TASK_ALL);
    assert_int_equal(held(aaa, "rich", "firewall"), TASK_ALL);
    assert_int_equal(held(aaa, "empty", "crypto"), 0);
    assert_int_equal(aaa->n_users, 2);
    assert_string_equal(aaa->users[0].groups[1], "root-lr");
    assert_null(aaa->users[1].groups[0]);
}

static void assert_refused(const char *json, const char *expected)
{
    _cleanup_(aaa_freep) Aaa *aaa = NULL;
    Problems problems = {""};

    assert_int_equal(compile(json, &problems, &aaa), -EINVAL);
    assert_null(aaa);
    assert_string_equal(problems.text, expected);
}

static void test_problems(void **state)
{
    assert_refused("{\"taskgroup\":{\"t\":{\"task\":{\"read\":[\"all\"]}}}}",
                   "taskgroup t task read all: There is no task ID with this name\n");
    assert_refused("{\"usergroup\":{\"u\":{\"taskgroup\":[\"gone\"]}}}",
                   "usergroup u taskgroup gone: There is no task group with this name\n");
    assert_refused("{\"username\":{\"ann\":{\"group\":[\"gone\"]}}}",
                   "username ann group gone: There is no user group with this name\n");
    assert_refused("{\"taskgroup\":{\"a\":{\"inherit\":[\"a\"]}}}",
                   "taskgroup a inherit taskgroup a: The group would inherit from itself\n");
    assert_refused("{\"taskgroup\":{\"a\":{\"inherit\":[\"b\"]},\"b\":{\"inherit\":[\"c\"]},\"c\":{"
                   "\"inherit\":[\"a\"]}}}",
                   "taskgroup c inherit taskgroup a: The group would inherit from itself\n");
    assert_refused("{\"usergroup\":{\"a\":{\"inherit\":[\"b\"]},\"b\":{\"inherit\":[\"a\"]}}}",
                   "usergroup b inherit usergroup a: The group would inherit from itself\n");
    assert_refused("{\"usergroup\":{\"a\":{\"inherit\":[\"root-lr\"]}}}",
                   "usergroup a inherit usergroup root-lr: A user group cannot inherit from a "
                   "predefined one; use 'taskgroup'\n");
    assert_refused(
        "{\"taskgroup\":{\"a\":{\"inherit\":[\"root-system\"]}}}",
        "taskgroup a inherit taskgroup root-system: A task group cannot inherit root-system "
        "or owner-sdr\n");
    assert_refused("{\"taskgroup\":{\"a\":{\"inherit\":[\"gone\"]}}}",
                   "taskgroup a inherit taskgroup gone: There is no task group with this name\n");
    assert_refused("{\"usergroup\":{\"a\":{\"inherit\":[\"gone\"]}}}",
                   "usergroup a inherit usergroup gone: There is no user group with this name\n");
    assert_refused("{\"usergroup\":{\"a\":{\"taskgroup\":[\"provisioning\"]}}}",
                   "usergroup a taskgroup provisioning: There is a user group with this name, and "
                   "no task group\n");
    assert_refused("{\"taskgroup\":{\"a\":{\"inherit\":[\"retrieve\"]}}}",
                   "taskgroup a inherit taskgroup retrieve: There is a user group with this name, "
                   "and no task group\n");
    assert_refused("{\"usergroup\":{\"a\":{\"inherit\":[\"retrieve\"]}}}",
                   "usergroup a inherit usergroup retrieve: A user group cannot inherit from a "
                   "predefined one\n");
    assert_refused("{\"username\":{\"ann\":{\"shell-type\":\"zsh\"}}}",
                   "username ann shell-type: There is no shell of this type\n");
    assert_refused("{\"username\":{\"ann\":{\"directory\":\"home\"}}}",
                   "username ann directory: The path of a home folder begins with '/'\n");
    assert_refused("{\"usergroup\":{\"root-lr\":{}}}",
                   "usergroup root-lr: This group is predefined and cannot be changed\n");
    assert_refused("{\"username\":{\"12\":{}}}", "username 12: A user name cannot be a number\n");
}

static void test_directories(void **state)
{
    static const char *const good[] = {"/", "/home/ann", "/a.b/..c/d..", "/home/"};
    static const char *const bad[] = {"",      "home",  "/a:b",   "/a\"b",    "/a\\b",   "/a b",
                                      "/a,b",  "/\x01", "/..",    "/a/..",    "/a/../b", "/.",
                                      "/a/./", "//",    "/a\x7f", "/\xc3\xa4"};

    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        if (aaa_refuse_directory(good[i]))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        if (!aaa_refuse_directory(bad[i]))
            fail_msg("accepted: %s", bad[i]);
}

/* The same chain is refused in whichever order it is met. */
static void test_depth(void **state)
{
    for (int descending = 0; descending < 2; descending++)
        for (unsigned n = 32; n <= 33; n++) {
            _cleanup_json_ json_object *section = json_object_new_object();
            _cleanup_(aaa_freep) Aaa *aaa = NULL;
            json_object *groups = json_object_new_object();
            char name[32];

            json_object_object_add(section, "taskgroup", groups);
            for (unsigned i = 0; i < n; i++) {
                json_object *group = json_object_new_object(), *inherit = json_object_new_array();

                if (i + 1 < n) {
                    (void)snprintf(name, sizeof(name), "g%03u", descending ? 100 - i - 1 : i + 1);
                    json_object_array_add(inherit, json_object_new_string(name));
                }
                json_object_object_add(group, "inherit", inherit);
                (void)snprintf(name, sizeof(name), "g%03u", descending ? 100 - i : i);
                json_object_object_add(groups, name, group);
            }
            assert_int_equal(aaa_compile(section, NULL, NULL, &aaa), n <= 32 ? 0 : -EINVAL);
        }
}

/* --- The rules file --------------------------------------------------------------------------- */

static void assert_quoted(const char *text, const char *expected)
{
    _cleanup_free_ char *quoted = NULL;

    assert_int_equal(polkit_rules_quote(text, &quoted), 0);
    assert_string_equal(quoted, expected);
}

static void test_quote(void **state)
{
    char *quoted = NULL;

    assert_quoted("dossier-user", "\"dossier-user\"");
    assert_quoted("a\"b\\c'd", "\"a\\u0022b\\u005cc\\u0027d\"");
    assert_quoted("</script>\n\x7f", "\"\\u003c\\u002fscript\\u003e\\u000a\\u007f\"");
    assert_quoted("\xc3\xa9", "\"\\u00e9\"");
    assert_quoted("\xe2\x80\xa8", "\"\\u2028\"");
    assert_quoted("\xf0\x9f\x98\x80", "\"\\ud83d\\ude00\"");
    assert_int_equal(polkit_rules_quote("\xff", &quoted), -EBADMSG);
}

static void test_render(void **state)
{
    _cleanup_(aaa_freep) Aaa *aaa = NULL;
    _cleanup_json_ json_object *units = NULL;
    _cleanup_free_ char *text = NULL;
    Problems problems = {""};

    assert_int_equal(compile("{\"taskgroup\":{\"t\":{\"task\":{\"execute\":[\"crypto\"]}}},"
                             "\"usergroup\":{\"constructor\":{"
                             "\"taskgroup\":[\"t\"]}},\"username\":{\"ann\":{\"group\":["
                             "\"constructor\",\"operator\"]}}}",
                             &problems, &aaa),
                     0);
    units = json_object_new_array();
    json_object_array_add(units, json_object_new_string("nginx.service"));
    json_object_array_add(units, json_object_new_string("a\"];x=[\"b"));
    text = polkit_rules_render(aaa, units);
    assert_non_null(strstr(text, "var units = [\"nginx.service\", \"a\\u0022];x=[\\u0022b\"];\n"));
    assert_non_null(strstr(text, "[\"constructor\", [\"crypto.execute\"]]\n"));
    assert_non_null(strstr(text, "[\"ann\", [\"constructor\", \"operator\"]]\n"));
    assert_null(strstr(text, "Result.NO "));
    assert_non_null(strstr(text, "groups[i][0] !== subject.user"));
}

static void test_write(void **state)
{
    char path[] = "/tmp/chancery-rules-XXXXXX";
    char buffer[16] = "";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(polkit_rules_write(path, "abcdef"), 1);
    assert_int_equal(polkit_rules_write(path, "abcdef"), 0);
    assert_int_equal(polkit_rules_write(path, "xy"), 1);
    assert_int_equal(pread(fd, buffer, sizeof(buffer), 0), 2);
    assert_string_equal(buffer, "xy");
    assert_int_equal(unlink(path), 0);
    /* It is made by tmpfiles with its owner, never here. */
    assert_int_equal(polkit_rules_write(path, "xy"), -ENOENT);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(polkit_rules_write(path, "xy"), -ELOOP);
    assert_int_equal(unlink(path), 0);
    (void)close(fd);
}

/* --- What is shown ---------------------------------------------------------------------------- */

static const char shown[] =
    "{\"taskgroup\":{\"t\":{\"description\":\"d\",\"task\":{\"read\":[\"bgp\"],\"write\":"
    "[\"crypto\"]},\"inherit\":[\"operator\"]}},"
    "\"usergroup\":{\"g\":{\"taskgroup\":[\"t\"]},\"h\":{\"inherit\":[\"g\"]}},"
    "\"username\":{\"alice\":{\"group\":[\"h\"]},\"bob\":{}}}";

static void assert_view(const char *kind, const char *name, const char *expected)
{
    _cleanup_json_ json_object *section = NULL, *view = NULL;
    _cleanup_(aaa_freep) Aaa *aaa = NULL;

    assert_int_equal(json_parse(shown, strlen(shown), &section), 0);
    assert_int_equal(aaa_compile(section, NULL, NULL, &aaa), 0);
    assert_int_equal(aaa_view(aaa, section, kind, name, &view), 0);
    assert_string_equal(json_object_to_json_string_ext(view, JSON_C_TO_STRING_PLAIN), expected);
}

#define OPERATOR                                                                                   \
    "\"basic-services\":[\"read\",\"write\",\"execute\",\"debug\"],\"bgp\":[\"read\"],\"cdp\":"    \
    "[\"read\"],\"crypto\":[\"read\",\"write\"],\"diag\":[\"read\"],\"ext-access\":[\"read\"],"    \
    "\"logging\":[\"read\"]"

static void test_view(void **state)
{
    assert_view(
        "taskgroup", "t",
        "[{\"name\":\"t\",\"predefined\":false,\"description\":\"d\",\"inherits\":"
        "[\"operator\"],\"direct\":{\"bgp\":[\"read\"],\"crypto\":[\"write\"]},\"tasks\":{" OPERATOR
        "}}]");
    assert_view("usergroup", "h",
                "[{\"name\":\"h\",\"predefined\":false,\"inherits\":[\"g\"],\"tasks\":{" OPERATOR
                "}}]");
    assert_view("user", "",
                "[{\"name\":\"alice\",\"groups\":[\"h\"],\"tasks\":{" OPERATOR
                "}},{\"name\":\"bob\",\"groups\":[],\"tasks\":{}}]");
}

static void test_view_refused(void **state)
{
    _cleanup_json_ json_object *section = json_object_new_object(), *view = NULL;
    _cleanup_(aaa_freep) Aaa *aaa = NULL;

    assert_int_equal(aaa_compile(section, NULL, NULL, &aaa), 0);
    assert_int_equal(aaa_view(aaa, section, "group", "", &view), -EINVAL);
    assert_int_equal(aaa_view(aaa, section, "user", "alice", &view), -ENOENT);
    assert_int_equal(aaa_view(aaa, section, "taskgroup", "t", &view), -ENOENT);
    assert_null(view);
}

/* The system's groups count by their name, but for the one that a user has of his own. */
static void test_view_of_one(void **state)
{
    static const char groups[] =
        "root:x:0:\ng:x:100:dave,alice\noperator:x:101:\nalice:x:102:alice\n"
        "other:x:103:alice\nh:x:104:bob\n";
    _cleanup_json_ json_object *section = NULL, *view = NULL, *none = NULL;
    _cleanup_(aaa_freep) Aaa *aaa = NULL;
    char path[] = "/tmp/test-aaa-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0 && write(fd, groups, STRLEN(groups)) == STRLEN(groups));
    assert_int_equal(close(fd), 0);
    assert_int_equal(json_parse(shown, strlen(shown), &section), 0);
    assert_int_equal(aaa_compile(section, NULL, NULL, &aaa), 0);
    assert_int_equal(aaa_view_user(aaa, "alice", NULL, 101, path, &view), 0);
    assert_string_equal(
        json_object_to_json_string_ext(view, JSON_C_TO_STRING_PLAIN),
        "{\"name\":\"alice\",\"groups\":[\"h\",\"g\",\"operator\"],\"tasks\":{" OPERATOR "}}");
    assert_int_equal(aaa_view_user(aaa, "erin", NULL, 999, path, &none), 0);
    assert_string_equal(json_object_to_json_string_ext(none, JSON_C_TO_STRING_PLAIN),
                        "{\"name\":\"erin\",\"groups\":[],\"tasks\":{}}");
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_tasks),        cmocka_unit_test(test_predefined),
        cmocka_unit_test(test_inheritance),  cmocka_unit_test(test_problems),
        cmocka_unit_test(test_directories),  cmocka_unit_test(test_depth),
        cmocka_unit_test(test_quote),        cmocka_unit_test(test_render),
        cmocka_unit_test(test_write),        cmocka_unit_test(test_view),
        cmocka_unit_test(test_view_refused), cmocka_unit_test(test_view_of_one),
    };

    return cmocka_run_group_tests(list, NULL, NULL);
}
