/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json-util.h"
#include "memfd.h"
#include "request.h"

#define HOST_KEY "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define LIMITS "\"size-max\":1024,\"timeout-seconds\":5"

static int parse(const char *text, const int *fds, size_t n_fds, Request **ret)
{
    _cleanup_json_ json_object *o = NULL;
    const char *reason = NULL;
    int r;

    assert_int_equal(json_parse(text, strlen(text), &o), 0);
    r = request_parse(o, fds, n_fds, ret, &reason);
    assert_true(r == 0 || (r == -EINVAL && reason));
    return r;
}

static void test_refused(void **state)
{
    static const char *const texts[] = {
        "[]",
        "{}",
        "{" LIMITS "}",
        "{\"url\":7," LIMITS "}",
        "{\"url\":\"\"," LIMITS "}",
        "{\"url\":\"file:///etc/passwd\"," LIMITS "}",
        "{\"url\":\"scp://host/\"," LIMITS "}",
        "{\"url\":\"scp://user@host/\"," LIMITS "}",
        "{\"url\":\"scp://user@host/\"," LIMITS ",\"host-key\":\"" HOST_KEY "\"}",
        "{\"url\":\"scp://user@host/\"," LIMITS ",\"host-key\":\"SHA256:\"}",
        "{\"url\":\"scp://user@host/\"," LIMITS ",\"host-key\":7}",
        "{\"url\":\"scp://user@host/\"," LIMITS ",\"credentials\":true}",
        "{\"url\":\"http://host/\"," LIMITS ",\"host-key\":\"" HOST_KEY "\"}",
        "{\"url\":\"ftp://user@host/\"," LIMITS "}",
        "{\"url\":\"ftp://host/\"," LIMITS ",\"etag\":\"x\"}",
        "{\"url\":\"http://host/\"," LIMITS ",\"etag\":\"\"}",
        "{\"url\":\"http://host/\"," LIMITS ",\"etag\":\"x\\r\\nX: y\"}",
        "{\"url\":\"http://host/\"," LIMITS ",\"etag\":7}",
        "{\"url\":\"host/path\"," LIMITS "}",
        "{\"url\":\"http:///path\"," LIMITS "}",
        "{\"url\":\"http://:80/\"," LIMITS "}",
        "{\"url\":\"http://user:secret@host/\"," LIMITS "}",
        "{\"url\":\"http://host/a b\"," LIMITS "}",
        "{\"url\":\"http://host/\\r\\nX: y\"," LIMITS "}",
        "{\"url\":\"http://h\xc3\xb6st/\"," LIMITS "}",
        "{\"url\":\"http://host/\",\"timeout-seconds\":5}",
        "{\"url\":\"http://host/\",\"size-max\":1}",
        "{\"url\":\"http://host/\",\"size-max\":67108865,\"timeout-seconds\":5}",
        "{\"url\":\"http://host/\",\"size-max\":-1,\"timeout-seconds\":5}",
        "{\"url\":\"http://host/\",\"size-max\":1,\"timeout-seconds\":4}",
        "{\"url\":\"http://host/\",\"size-max\":1,\"timeout-seconds\":301}",
        "{\"url\":\"http://host/\",\"size-max\":1,\"timeout-seconds\":\"5\"}",
        "{\"url\":\"http://host/\"," LIMITS ",\"proxy\":\"http://other/\"}",
        "{\"url\":\"http://host/\"," LIMITS ",\"body\":false}",
        "{\"url\":\"http://host/\"," LIMITS ",\"body\":true}",
        "{\"url\":\"http://host/\"," LIMITS ",\"trust-anchors\":1}",
        "{\"url\":\"http://host/\"," LIMITS ",\"content-type\":\"text/plain\"}",
        "{\"url\":\"https://host/\"," LIMITS "}",
        "{\"url\":\"https://host/\"," LIMITS ",\"probe\":false}",
        "{\"url\":\"https://host/\"," LIMITS ",\"probe\":1}",
        "{\"url\":\"http://host/\"," LIMITS ",\"probe\":true}",
        "{\"url\":\"https://host/\"," LIMITS ",\"probe\":true,\"body\":true}",
    };
    Request *request;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (parse(texts[i], NULL, 0, &request) == 0)
            fail_msg("%s is taken", texts[i]);
}

static void test_descriptors_refused(void **state)
{
    static const char body[] = "{\"url\":\"http://host/\"," LIMITS ",\"body\":true}";
    static const char https[] = "{\"url\":\"https://host/\"," LIMITS ",\"trust-anchors\":true}";
    _cleanup_close_ int sealed = memfd_new_sealed("test", "x", 1), unsealed = memfd_new("test");
    _cleanup_close_ int file = open("/dev/null", O_RDONLY | O_CLOEXEC),
                        empty = memfd_new_sealed("test", "", 0);
    int two[] = {sealed, sealed};
    Request *request;

    assert_int_equal(parse("{\"url\":\"http://host/\"," LIMITS "}", &sealed, 1, &request), -EINVAL);
    assert_int_equal(parse(body, two, 2, &request), -EINVAL);
    assert_int_equal(parse(body, &unsealed, 1, &request), -EINVAL);
    assert_int_equal(parse(body, &file, 1, &request), -EINVAL);
    assert_int_equal(parse(https, &empty, 1, &request), -EINVAL);
    assert_int_equal(parse(https, &unsealed, 1, &request), -EINVAL);
}

/* What would end the header line that it becomes a part of. */
static void test_content_type_refused(void **state)
{
    static const char *const types[] = {"", "a\\r\\nX: y", "a\\nb", "\\u007f", "t\xc3\xa9xt"};
    _cleanup_close_ int sealed = memfd_new_sealed("test", "x", 1);
    Request *request;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char text[256];

        (void)snprintf(text, sizeof text,
                       "{\"url\":\"http://host/\"," LIMITS
                       ",\"body\":true,\"content-type\":\"%s\"}",
                       types[i]);
        if (parse(text, &sealed, 1, &request) == 0)
            fail_msg("%s is taken", types[i]);
    }
}

static void test_taken(void **state)
{
    _cleanup_close_ int body = memfd_new_sealed("test", "body", 4),
                        anchors = memfd_new_sealed("test", "anchors", 7);
    _cleanup_(request_freep) Request *request = NULL;
    int fds[] = {body, anchors};

    assert_int_equal(
        parse("{\"url\":\"https://host:443/\"," LIMITS ",\"probe\":true}", NULL, 0, &request), 0);
    assert_true(request->probe);
    request = request_free(request);
    assert_int_equal(parse("{\"url\":\"HTTPS://Host:8443/p?q#f\"," LIMITS
                           ",\"body\":true,\"content-type\":\"a/b; c=d\",\"trust-anchors\":true}",
                           fds, 2, &request),
                     0);
    assert_string_equal(request->url, "HTTPS://Host:8443/p?q#f");
    assert_string_equal(request->content_type, "a/b; c=d");
    assert_int_equal(request->body_size, 4);
    assert_memory_equal(request->body, "body", 4);
    assert_int_equal(request->trust_anchors_size, 7);
    assert_memory_equal(request->trust_anchors, "anchors", 7);
    assert_int_equal(request->size_max, 1024);
    assert_int_equal(request->timeout_seconds, 5);
    request = request_free(request);

    assert_int_equal(parse("{\"url\":\"http://[::1]:80/\"," LIMITS "}", NULL, 0, &request), 0);
    assert_null(request->body);
    assert_null(request->trust_anchors);
}

/* Who logs in is the user of the URL, on the server with that key. */
static void test_ssh(void **state)
{
#define SFTP "{\"url\":\"sftp://user@host/\"," LIMITS
    _cleanup_close_ int other = memfd_new_sealed("test", "use\0secret", 10),
                        user = memfd_new_sealed("test", "user\0secret", 11);
    static const char whole[] = SFTP ",\"host-key\":\"" HOST_KEY "\",\"credentials\":true}";
    _cleanup_(request_freep) Request *request = NULL;

    assert_int_equal(parse(SFTP ",\"credentials\":true}", &user, 1, &request), -EINVAL);
    assert_int_equal(parse(whole, &other, 1, &request), -EINVAL);
    assert_int_equal(
        parse("{\"url\":\"ftp://host/\"," LIMITS ",\"credentials\":true}", &user, 1, &request),
        -EINVAL);
    assert_int_equal(parse(whole, &user, 1, &request), 0);
    assert_string_equal(request->host_key, HOST_KEY);
    assert_memory_equal(request->credentials, "user\0secret", 11);
}

static void test_device(void **state)
{
    static const char *const refused[] = {"7",      "\"\"",    "\"a/b\"",
                                          "\"..\"", "\"a b\"", "\"0123456789012345\""};
    _cleanup_(request_freep) Request *request = NULL;
    char text[256];

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        (void)snprintf(text, sizeof text, "{\"url\":\"http://host/\"," LIMITS ",\"device\":%s}",
                       refused[i]);
        assert_int_equal(parse(text, NULL, 0, &request), -EINVAL);
    }
    assert_int_equal(
        parse("{\"url\":\"http://host/\"," LIMITS ",\"device\":\"red\"}", NULL, 0, &request), 0);
    assert_string_equal(request->route.device, "red");
}

static void test_way(void **state)
{
    static const char *const refused[] = {
        "\"source\":7",
        "\"source\":\"a/b\"",
        "\"source-ipv6\":true",
        "\"source\":\"red\",\"source-ipv6\":false",
        "\"source\":\"red\",\"source-ipv6\":1",
        "\"proxy\":\"host\"",
        "\"proxy-port\":80",
        "\"proxy\":\"host\",\"proxy-port\":0",
        "\"proxy\":\"host\",\"proxy-port\":65536",
        "\"proxy\":\"host\",\"proxy-port\":\"80\"",
        "\"proxy\":\"\",\"proxy-port\":80",
        "\"proxy\":\"-x\",\"proxy-port\":80",
        "\"proxy\":\"user@host\",\"proxy-port\":80",
        "\"proxy\":\"http://host\",\"proxy-port\":80",
        "\"proxy\":\"host:80\",\"proxy-port\":80",
        "\"proxy\":\"[::1]\",\"proxy-port\":80",
        "\"proxy\":\"a\\r\\nb\",\"proxy-port\":80",
        "\"address-names\":false",
        "\"address-names\":1",
        "\"http-device\":\"red\"",
    };
    const FetchRoute route = {"red", "lo0", true, "2001:db8::1", 8080, "", true};
    _cleanup_json_ json_object *o = json_object_new_object();
    FetchRoute again = {.device = ""};
    const char *reason;
    char text[256];
    Request *request;

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        (void)snprintf(text, sizeof text, "{\"url\":\"http://host/\"," LIMITS ",%s}", refused[i]);
        if (parse(text, NULL, 0, &request) == 0)
            fail_msg("%s is taken", text);
    }
    assert_int_equal(parse("{\"url\":\"tftp://host/x\"," LIMITS
                           ",\"proxy\":\"host\",\"proxy-port\":80}",
                           NULL, 0, &request),
                     -EINVAL);
    assert_int_equal(fetch_route_write(&route, true, o), 0);
    assert_int_equal(fetch_route_read(o, &again, &reason), 0);
    assert_true(fetch_route_equal(&again, &route));
    again.address_names = false;
    assert_false(fetch_route_equal(&again, &route));
}

static void assert_device(const FetchRoute *route, bool is_http, const char *expected)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    FetchRoute read = {.device = ""};
    const char *reason;

    assert_int_equal(fetch_route_write(route, is_http, o), 0);
    assert_int_equal(fetch_route_read(o, &read, &reason), 0);
    assert_string_equal(read.device, expected);
}

/* The VRF of the HTTP client is for what has none of its own, and for http and https only. */
static void test_http_client(void **state)
{
    const FetchRoute own = {.device = "red", .http_device = "blue"}, none = {.http_device = "blue"};

    assert_device(&none, false, "");
    assert_device(&none, true, "blue");
    assert_device(&own, true, "red");
    assert_device(&own, false, "red");
}

static char problems[512];

static int report(void *userdata, const char *line, const char *reason)
{
    (void)snprintf(problems + strlen(problems), sizeof problems - strlen(problems), "%s %s;", line,
                   reason);
    return 0;
}

static FetchAccess read_access(const char *text)
{
    _cleanup_json_ json_object *o = NULL;
    FetchAccess access;

    problems[0] = '\0';
    assert_int_equal(json_parse(text, strlen(text), &o), 0);
    assert_int_equal(fetch_access_read(o, report, NULL, &access), 0);
    return access;
}

static void test_access(void **state)
{
    static const char *const wrong[][2] = {
        {"{\"x\":1}", "crypto ca has a line"},
        {"{\"source-interface\":1}", "crypto ca source interface needs"},
        {"{\"source-interface\":{\"family\":\"ipv5\",\"interface\":\"a\"}}", "needs ipv4 or ipv6"},
        {"{\"source-interface\":{\"family\":\"ipv4\",\"interface\":\"a/b\"}}", "1 to 15"},
        {"{\"http-proxy\":{\"host\":\"a\"}}", "needs a host and a port"},
        {"{\"http-proxy\":{\"host\":\"a:b\",\"port\":\"1\"}}", "and no URL"},
        {"{\"http-proxy\":{\"host\":\"a\",\"port\":\"0\"}}", "from 1 to 65535"},
        {"{\"http-proxy\":{\"host\":\"a\",\"port\":\"65536\"}}", "from 1 to 65535"},
        {"{\"http-proxy\":{\"host\":\"a\",\"port\":\"-1\"}}", "from 1 to 65535"},
        {"{\"http-client\":{\"vrf\":\"a/b\"}}", "http client vrf must have"},
        {"{\"http-client\":{\"vrf\":1}}", "http client vrf must have"},
        {"{\"http-client\":{\"vrf\":\"red\",\"x\":1}}", "http client vrf must have"},
        {"{\"crl-timeout\":4}", "5 to 300"},
        {"{\"crl-timeout\":301}", "5 to 300"},
        {"{\"crl-timeout\":\"5\"}", "5 to 300"},
    };
    FetchAccess access;
    FetchRoute route;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        access = read_access(wrong[i][0]);
        if (!strstr(problems, wrong[i][1]))
            fail_msg("%s: %s", wrong[i][0], problems);
        assert_string_equal(access.route.source, "");
        assert_string_equal(access.route.proxy, "");
        assert_int_equal(access.crl_timeout, CRL_TIMEOUT_DEFAULT);
    }
    access = read_access("{\"source-interface\":{\"family\":\"ipv6\",\"interface\":\"lo0\"},"
                         "\"http-proxy\":{\"host\":\"proxy.example\",\"port\":\"3128\"},"
                         "\"crl-timeout\":300,\"http-client\":{\"vrf\":\"blue\"},"
                         "\"fqdn-check-address\":true}");
    assert_string_equal(problems, "");
    route = fetch_access_route(&access, "red");
    assert_string_equal(route.device, "red");
    assert_string_equal(route.source, "lo0");
    assert_true(route.source_ipv6);
    assert_string_equal(route.proxy, "proxy.example");
    assert_int_equal(route.proxy_port, 3128);
    assert_int_equal(access.crl_timeout, 300);
    assert_string_equal(route.http_device, "blue");
    assert_true(route.address_names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_descriptors_refused),
        cmocka_unit_test(test_content_type_refused),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_ssh),
        cmocka_unit_test(test_device),
        cmocka_unit_test(test_way),
        cmocka_unit_test(test_http_client),
        cmocka_unit_test(test_access),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
