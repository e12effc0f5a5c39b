/* SPDX-License-Identifier: Apache-2.0 */
/* What enrolld says of its trustpoints: read strictly, and nothing parsed twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "json-util.h"
#include "make-certificate.h"
#include "trustpoints.h"

typedef struct Fixture {
    char *one, *two, *three; /* base64 */
} Fixture;

static char *make(const char *name)
{
    _cleanup_free_ void *der = NULL;
    size_t size;

    der = make_certificate_der(&(CertificateRecipe){.name = name}, &size);
    return base64_encode(der, size);
}

static int setup(void **state)
{
    static Fixture f;

    f = (Fixture){make("one"), make("two"), make("three")};
    *state = &f;
    return f.one && f.two && f.three ? 0 : -1;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    free(f->one);
    free(f->two);
    free(f->three);
    return 0;
}

static void append(char **text, const char *name, const char *ca, const char *other,
                   const char *next)
{
    char *longer;

    assert_true(asprintf(&longer,
                         "%s%s{\"name\":\"%s\",\"crl-optional\":false,\"scep-url\":\"u\","
                         "\"certificates\":[\"%s\",\"%s\"]%s%s%s}",
                         *text ?: "[", *text ? "," : "", name, ca, other,
                         next ? ",\"next-ca\":\"" : "", next ?: "", next ? "\"" : "") > 0);
    free(*text);
    *text = longer;
}

static Trustpoints *parse(char *text, const Trustpoints *former)
{
    _cleanup_free_ char *whole = NULL;
    Trustpoints *trustpoints = NULL;

    assert_true(asprintf(&whole, "%s]", text) > 0);
    free(text);
    assert_int_equal(trustpoints_parse(whole, strlen(whole), former, &trustpoints), 0);
    return trustpoints;
}

static X509 *certificate(const Trustpoints *trustpoints, size_t i, int k)
{
    return sk_X509_value(trustpoints->items[i].certificates, k);
}

static void test_shared_within(void **state)
{
    const Fixture *f = *state;
    _cleanup_(trustpoints_freep) Trustpoints *t = NULL;
    char *text = NULL;

    append(&text, "a", f->one, f->two, f->three);
    append(&text, "b", f->one, f->three, NULL);
    t = parse(text, NULL);
    assert_int_equal(t->n, 2);
    assert_ptr_equal(certificate(t, 0, 0), certificate(t, 1, 0));
    assert_ptr_equal(t->items[0].next, certificate(t, 1, 1));
    assert_ptr_not_equal(certificate(t, 0, 1), certificate(t, 1, 1));
    assert_memory_equal(t->items[0].ca, t->items[1].ca, AUTHORITY_DIGEST_SIZE);
    assert_int_equal(t->authorities->n, 1);
    assert_ptr_equal(trustpoints_of(t, t->items[1].ca), &t->items[0]);
    assert_ptr_equal(trustpoints_find(t, "b"), &t->items[1]);
    assert_null(trustpoints_find(t, "c"));
    assert_string_equal(trustpoint_asker(&t->items[1]).server, "u ");
}

/* The later one outlives the former. */
static void test_shared_with_former(void **state)
{
    const Fixture *f = *state;
    _cleanup_(trustpoints_freep) Trustpoints *later = NULL;
    Trustpoints *former;
    char *text = NULL;
    X509 *one;

    append(&text, "a", f->one, f->two, NULL);
    former = parse(text, NULL);
    one = certificate(former, 0, 0);
    text = NULL;
    append(&text, "b", f->three, f->one, NULL);
    append(&text, "a", f->one, f->three, NULL);
    later = parse(text, former);
    assert_ptr_equal(certificate(later, 0, 1), one);
    assert_ptr_equal(certificate(later, 1, 0), one);
    assert_ptr_equal(certificate(later, 0, 0), certificate(later, 1, 1));
    trustpoints_free(former);
    assert_int_equal(X509_cmp(one, certificate(later, 1, 0)), 0);
    assert_int_equal(later->authorities->n, 2);
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[1]",
        "[{\"name\":\"a\"}]",
        "[{\"name\":\"a\",\"crl-optional\":1,\"certificates\":[]}]",
        "[{\"name\":\"a\",\"crl-optional\":true,\"scep-url\":1,\"certificates\":[]}]",
        "[{\"name\":\"a\",\"crl-optional\":true,\"certificates\":[1]}]",
        "[{\"name\":\"a\",\"crl-optional\":true,\"certificates\":[\"AAAA\"]}]",
        "[{\"name\":\"a\",\"crl-optional\":true,\"certificates\":[],\"x\":1}]",
        "[{\"name\":\"a\",\"crl-optional\":true,\"certificates\":[],\"next-ca\":2}]",
    };
    Trustpoints *t = NULL;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        if (trustpoints_parse(bad[i], strlen(bad[i]), NULL, &t) >= 0)
            fail_msg("accepted: %s", bad[i]);
    assert_null(t);
}

/* Nobody waits for an answer that nobody wants any more: of a bus that says nothing at all. */
static void test_cancelled(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
        cancel_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    Trustpoints *t = NULL;
    FetchReply reply;
    char text[128];

    assert_true(fd >= 0 && cancel_fd >= 0);
    (void)snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "chancery-test-%d",
                   (int)getpid());
    (void)snprintf(text, sizeof text, "unix:abstract=%s", address.sun_path + 1);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                      strlen(address.sun_path + 1))),
                     0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", text, 1), 0);
    assert_int_equal(trustpoints_ask(NULL, cancel_fd, &t), -ECANCELED);
    assert_null(t);
    assert_int_equal(trustpoints_get_crl("one", cancel_fd, &reply), -ECANCELED);
    (void)close(cancel_fd);
    (void)close(fd);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_within),
        cmocka_unit_test(test_shared_with_former),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cancelled),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
