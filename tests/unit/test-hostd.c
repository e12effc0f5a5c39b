/* SPDX-License-Identifier: Apache-2.0 */
/* What hostd makes of a section, and of what sshd says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "json-util.h"
#include "render.h"
#include "services.h"
#include "sshd-effective.h"

#define HEAD                                                                                       \
    "# Made by chancery-hostd from the configuration. Do not edit: see chancery-hostd(8).\n"

static json_object *parse(const char *text)
{
    json_object *o;

    assert_int_equal(json_parse(text, strlen(text), &o), 0);
    return o;
}

static void test_refused_sections(void **state)
{
    static const char *const texts[] = {
        "{\"other\":{}}",
        "{\"ssh\":[]}",
        "{\"ssh\":{\"v2\":false}}",
        "{\"ssh\":{\"v1\":true}}",
        "{\"ssh\":{\"rate-limit\":0}}",
        "{\"ssh\":{\"rate-limit\":601}}",
        "{\"ssh\":{\"rate-limit\":\"9\"}}",
        "{\"ssh\":{\"vrf\":\"x\"}}",
        "{\"ssh\":{\"vrf\":[1]}}",
        "{\"ssh\":{\"vrf\":[\"x\\nPermitRootLogin yes\"]}}",
        "{\"ssh\":{\"vrf\":[\"x y\"]}}",
        "{\"ssh\":{\"netconf\":{\"port\":830}}}",
        "{\"netconf-yang\":{\"agent\":{\"ssh\":1}}}",
        "{\"snmp\":{\"community\":[\"a b\"]}}",
        "{\"snmp\":{\"community\":[\"a#\"]}}",
        "{\"snmp\":{\"host\":{\"192.0.2.256\":\"a\"}}}",
        "{\"snmp\":{\"host\":{\"192.0.2.1\":\"a\\nextend x /bin/sh\"}}}",
        "{\"snmp\":{\"host\":{\"192.0.2.1\":{}}}}",
        "{\"snmp\":{\"traps\":{\"all\":true}}}",
    };

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        _cleanup_json_ json_object *section = parse(texts[i]);
        Services services;

        if (services_read(section, &services) != -EBADMSG)
            fail_msg("accepted: %s", texts[i]);
    }
}

static void test_more_than_fits(void **state)
{
    _cleanup_json_ json_object *section = parse("{\"ssh\":{}}");
    json_object *list = json_object_new_array(), *ssh;
    Services services;

    assert_int_equal(json_get_object(section, "ssh", &ssh), 0);
    json_object_object_add(ssh, "vrf", list);
    for (unsigned i = 0; i < SERVICES_LIST_MAX; i++)
        json_object_array_add(list, json_object_new_string("x"));
    assert_int_equal(services_read(section, &services), 0);
    json_object_array_add(list, json_object_new_string("x"));
    assert_int_equal(services_read(section, &services), -EBADMSG);
}

static void assert_rendered(char *(*render)(const Services *services), const char *json,
                            const char *expected)
{
    _cleanup_json_ json_object *section = parse(json);
    _cleanup_free_ char *text = NULL;
    Services services;

    assert_int_equal(services_read(section, &services), 0);
    text = render(&services);
    assert_non_null(text);
    assert_int_equal(strncmp(text, HEAD, STRLEN(HEAD)), 0);
    assert_string_equal(text + STRLEN(HEAD), expected);
}

static void test_sshd(void **state)
{
    assert_rendered(render_sshd, "{}", "");
    assert_rendered(render_sshd, "{\"ssh\":{\"v2\":true,\"vrf\":[\"default\"]}}", "");
    assert_rendered(render_sshd, "{\"ssh\":{\"rate-limit\":600}}", "MaxStartups 600:100:600\n");
    assert_rendered(render_sshd, "{\"ssh\":{\"vrf\":[\"mgmt\"]}}",
                    "ListenAddress 0.0.0.0 rdomain mgmt\nListenAddress [::] rdomain mgmt\n");
    assert_rendered(render_sshd, "{\"ssh\":{\"v2\":true,\"vrf\":[\"mgmt\"]}}",
                    "ListenAddress 0.0.0.0\nListenAddress [::]\n"
                    "ListenAddress 0.0.0.0 rdomain mgmt\nListenAddress [::] rdomain mgmt\n");
    assert_rendered(
        render_sshd, "{\"ssh\":{\"netconf\":{\"vrf\":[\"default\",\"mgmt\"]}}}",
        "ListenAddress 0.0.0.0\nListenAddress [::]\n"
        "ListenAddress 0.0.0.0:830\nListenAddress [::]:830\n"
        "ListenAddress 0.0.0.0:830 rdomain mgmt\nListenAddress [::]:830 rdomain mgmt\n");
}

static void test_snmpd(void **state)
{
    assert_rendered(render_snmpd, "{}", "");
    assert_rendered(render_snmpd,
                    "{\"snmp\":{\"community\":[\"lab\"],\"host\":{\"192.0.2.9\":\"alerts\"},"
                    "\"traps\":{\"pki\":true}}}",
                    "master agentx\nagentXPerms 0660 0711 root chancery-snmp\nrocommunity "
                    "lab\nrocommunity6 lab\ntrap2sink 192.0.2.9 alerts\n");
}

static void assert_hosts(const char *json, const char *expected)
{
    _cleanup_json_ json_object *system = parse(json);
    _cleanup_free_ char *text = render_hosts(system);

    assert_non_null(text);
    assert_string_equal(text + STRLEN(HEAD), expected);
}

static void test_hosts(void **state)
{
    assert_hosts("{}", "");
    assert_hosts("{\"hostname\":\"ios\"}", "");
    assert_hosts("{\"hostname\":\"ios\",\"domain\":{\"name\":\"lab\"}}", "127.0.1.1 ios.lab ios\n");
    assert_hosts("{\"domain\":{\"ipv4-host\":{\"ca\":[\"192.0.2.1\",\"192.0.2.2\"],\"x.lab\":["
                 "\"192.0.2.3\"]},"
                 "\"ipv6-host\":{\"ca\":[\"2001:db8::1\"]}}}",
                 "192.0.2.1 ca\n192.0.2.2 ca\n192.0.2.3 x.lab\n2001:db8::1 ca\n");
    assert_hosts("{\"domain\":{\"name\":\"lab\",\"ipv4-host\":{\"ca\":[\"192.0.2.1\"],\"x.lab\":["
                 "\"192.0.2.3\"],"
                 "\"y.lab.example\":[\"192.0.2.4\"]}}}",
                 "192.0.2.1 ca ca.lab\n192.0.2.3 x.lab x\n192.0.2.4 y.lab.example\n");
    /* policyd's grammar lets none of these through; nor is any of them written. */
    assert_hosts("{\"domain\":{\"name\":\"a b\",\"ipv4-host\":{\"x\\n0.0.0.0 "
                 "y\":[\"192.0.2.1\"],\"x\":[\"192.0.2.1 y\",1,\"\"]}}}",
                 "");
}

typedef struct Problems {
    char text[1024];
} Problems;

static int note(const char *line, const char *reason, void *userdata)
{
    Problems *problems = userdata;
    size_t n = strlen(problems->text);

    (void)snprintf(problems->text + n, sizeof(problems->text) - n, "%s: %s\n", line, reason);
    return 0;
}

static void assert_problems(const char *json, const char *output, const char *expected)
{
    _cleanup_json_ json_object *section = parse(json);
    Problems problems = {""};
    Services services;

    assert_int_equal(services_read(section, &services), 0);
    assert_int_equal(sshd_effective_check(output, strlen(output), &services, note, &problems), 0);
    assert_string_equal(problems.text, expected);
}

static void test_effective(void **state)
{
    static const char mgmt[] = "{\"ssh\":{\"vrf\":[\"mgmt\"],\"netconf\":{\"vrf\":[\"default\"]}}}";
    static const char foreign[] = "sshd's own configuration says where it listens: ListenAddress";
    static const char none[] =
        "There is no NETCONF server on this system: sshd has no subsystem 'netconf'";
    char expected[512];

    assert_problems("{\"ssh\":{\"v2\":true}}", "", "");
    assert_problems("{\"ssh\":{\"rate-limit\":6}}", "port 22\nmaxstartups 6:100:6\n", "");
    assert_problems("{\"ssh\":{\"rate-limit\":6}}", "maxstartups 6:30:60\n",
                    "ssh server rate-limit 6: It would have no effect: sshd's own configuration "
                    "says MaxStartups 6:30:60\n");
    assert_problems(mgmt,
                    "listenaddress 0.0.0.0:22 rdomain mgmt\nlistenaddress [::]:22 rdomain mgmt\n"
                    "listenaddress [::]:830\nsubsystem netconf /usr/bin/x -y\n",
                    "");
    for (size_t i = 0; i < 3; i++) {
        static const char *const strangers[] = {"192.0.2.1:22", "0.0.0.0:22 rdomain other",
                                                "[2001:db8::1]:22"};
        char output[128];

        (void)snprintf(output, sizeof(output),
                       "subsystem netconf x\nlistenaddress %s\nlistenaddress 0.0.0.0:22\n",
                       strangers[i]);
        (void)snprintf(expected, sizeof(expected),
                       "ssh server vrf mgmt: %s %s\nssh server netconf vrf default: %s %s\n",
                       foreign, strangers[i], foreign, strangers[i]);
        assert_problems(mgmt, output, expected);
    }
    (void)snprintf(expected, sizeof(expected),
                   "ssh server netconf vrf default: %s\nnetconf-yang agent ssh: %s\n", none, none);
    assert_problems("{\"ssh\":{\"netconf\":{\"vrf\":[\"default\"]}},\"netconf-yang\":{\"agent\":{"
                    "\"ssh\":true}}}",
                    "subsystem netconfx y\nsubsystem sftp z\nnetconf\n", expected);
}

static void test_too_much_output(void **state)
{
    _cleanup_free_ char *output = calloc(1, SSHD_OUTPUT_MAX + 1);
    Services services = {0};

    assert_int_equal(sshd_effective_check(output, SSHD_OUTPUT_MAX + 1, &services, note, NULL),
                     -EFBIG);
    assert_int_equal(sshd_effective_check(output, SSHD_OUTPUT_MAX, &services, note, NULL), 0);
}

static void test_every_line(void **state)
{
    _cleanup_json_ json_object *section =
        parse("{\"ssh\":{\"v2\":true,\"rate-limit\":6,\"vrf\":[\"a\",\"b\"],\"netconf\":{\"vrf\":["
              "\"c\"]}},\"netconf-yang\":{\"agent\":{\"ssh\":true}}}");
    Problems problems = {""};
    Services services;

    assert_int_equal(services_read(section, &services), 0);
    assert_int_equal(sshd_every_line(&services, "why", note, &problems), 0);
    assert_string_equal(problems.text,
                        "ssh server v2: why\nssh server rate-limit 6: why\nssh server vrf a: "
                        "why\nssh server vrf b: why\n"
                        "ssh server netconf vrf c: why\nnetconf-yang agent ssh: why\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_sections),
        cmocka_unit_test(test_more_than_fits),
        cmocka_unit_test(test_sshd),
        cmocka_unit_test(test_snmpd),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_effective),
        cmocka_unit_test(test_too_much_output),
        cmocka_unit_test(test_every_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
