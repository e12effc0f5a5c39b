/* SPDX-License-Identifier: Apache-2.0 */
/* What the SNMP agent takes from enrolld's objects: all of it, and nothing when something is
 * missing, of another type, or too much. */
#include "test-common.h"

#include <sys/socket.h>

#include "names.h"
#include "pki-view.h"

#define CERTIFICATE ENROLLMENT_NAME ".Certificate"
#define TRUSTPOINT ENROLLMENT_NAME ".Trustpoint"

static sd_bus *bus;

/* A bus connection of which nothing is needed but that messages can be made for it. */
static int setup(void **state)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_true(sd_bus_new(&bus) >= 0);
    assert_true(sd_bus_set_fd(bus, pair[0], pair[0]) >= 0);
    assert_true(sd_bus_start(bus) >= 0);
    (void)close(pair[1]);
    return 0;
}

static int teardown(void **state)
{
    bus = sd_bus_close_unref(bus);
    return 0;
}

static sd_bus_message *message_begin(void)
{
    sd_bus_message *m;

    assert_true(sd_bus_message_new_signal(bus, &m, "/a", "a.b", "C") >= 0);
    assert_true(sd_bus_message_open_container(m, 'a', "{oa{sa{sv}}}") >= 0);
    return m;
}

static void text(sd_bus_message *m, const char *name, const char *value)
{
    assert_true(sd_bus_message_append(m, "{sv}", name, "s", value) >= 0);
}

static void number(sd_bus_message *m, const char *name, int64_t value)
{
    assert_true(sd_bus_message_append(m, "{sv}", name, "x", value) >= 0);
}

static void object_begin(sd_bus_message *m, const char *path, const char *interface)
{
    assert_true(sd_bus_message_open_container(m, 'e', "oa{sa{sv}}") >= 0);
    assert_true(sd_bus_message_append(m, "o", path) >= 0);
    assert_true(sd_bus_message_open_container(m, 'a', "{sa{sv}}") >= 0);
    assert_true(sd_bus_message_append(m, "{sa{sv}}", "org.freedesktop.DBus.Peer", 0) >= 0);
    assert_true(sd_bus_message_open_container(m, 'e', "sa{sv}") >= 0);
    assert_true(sd_bus_message_append(m, "s", interface) >= 0);
    assert_true(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
}

static void object_end(sd_bus_message *m)
{
    for (int i = 0; i < 4; i++)
        assert_true(sd_bus_message_close_container(m) >= 0);
}

static int message_read(sd_bus_message *m, PkiView *view)
{
    int r;

    assert_true(sd_bus_message_close_container(m) >= 0);
    assert_true(sd_bus_message_seal(m, 1, 0) >= 0);
    assert_true(sd_bus_message_rewind(m, true) >= 0);
    r = pki_view_read(m, view);
    sd_bus_message_unref(m);
    return r;
}

static const char *const texts[] = {"Trustpoint", "Role",   "SerialNumber",
                                    "Subject",    "Issuer", "SHA256Fingerprint"};
static const char *const numbers[] = {"NotBefore", "NotAfter"};

/* without: a property that is left out, NULL for none; odd: one that is of another type. */
static void certificate(sd_bus_message *m, const char *path, const char *without, const char *odd)
{
    object_begin(m, path, CERTIFICATE);
    text(m, "Status", "Available"); /* of which the MIB does not tell */
    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        if (odd && streq(texts[i], odd))
            number(m, texts[i], 1);
        else if (!without || !streq(texts[i], without))
            text(m, texts[i], path);
    for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
        if (odd && streq(numbers[i], odd))
            text(m, numbers[i], "1");
        else if (!without || !streq(numbers[i], without))
            number(m, numbers[i], 1000 + (int64_t)i);
    if (odd && streq("Notice", odd))
        text(m, "Notice", "1");
    else if (!without || !streq("Notice", without))
        assert_true(sd_bus_message_append(m, "{sv}", "Notice", "u", 5) >= 0);
    object_end(m);
}

static const char *const configured[] = {"EnrollmentUrl", "SubjectName",   "AlternativeNames",
                                         "Vrf",           "MessageDigest", "KeyLabel"};

static void trustpoint(sd_bus_message *m, const char *path, bool whole)
{
    object_begin(m, path, TRUSTPOINT);
    text(m, "Name", path);
    if (whole)
        text(m, "State", "enrolled");
    for (size_t i = 0; i < ELEMENTSOF(configured); i++)
        text(m, configured[i], configured[i]);
    assert_true(sd_bus_message_append(m, "{sv}", "AutoEnroll", "u", 80) >= 0);
    assert_true(sd_bus_message_append(m, "{sv}", "CrlOptional", "b", whole) >= 0);
    object_end(m);
}

static void test_all_of_it(void **state)
{
    sd_bus_message *m = message_begin();
    const PkiCertificate *c;
    PkiView view;

    trustpoint(m, "/t", true);
    object_begin(m, "/other", "org.chancery.Something");
    text(m, "Name", "x");
    object_end(m);
    certificate(m, "/c/1", NULL, NULL);
    certificate(m, "/c/2", NULL, NULL);
    assert_int_equal(message_read(m, &view), 0);
    assert_int_equal(view.n_trustpoints, 1);
    assert_string_equal(view.trustpoints[0].name, "/t");
    assert_string_equal(view.trustpoints[0].state, "enrolled");
    assert_string_equal(view.trustpoints[0].url, "EnrollmentUrl");
    assert_string_equal(view.trustpoints[0].subject_name, "SubjectName");
    assert_string_equal(view.trustpoints[0].alternative_names, "AlternativeNames");
    assert_string_equal(view.trustpoints[0].vrf, "Vrf");
    assert_string_equal(view.trustpoints[0].digest, "MessageDigest");
    assert_string_equal(view.trustpoints[0].key_label, "KeyLabel");
    assert_int_equal(view.trustpoints[0].auto_enroll, 80);
    assert_int_equal(view.trustpoints[0].crl_optional, 1);
    assert_int_equal(view.n_certificates, 2);
    c = &view.certificates[1];
    assert_string_equal(c->trustpoint, "/c/2");
    assert_string_equal(c->role, "/c/2");
    assert_string_equal(c->serial_number, "/c/2");
    assert_string_equal(c->subject, "/c/2");
    assert_string_equal(c->issuer, "/c/2");
    assert_int_equal(c->not_before, 1000);
    assert_int_equal(c->not_after, 1001);
    assert_int_equal(c->notice, 5);
    assert_true(pki_view_has(&view, "/c/1", "/c/1"));
    assert_false(pki_view_has(&view, "/c/3", "/c/1"));
    assert_false(pki_view_has(&view, "/c/1", "/c/3"));
    assert_false(pki_view_has(&view, "/c/1", "/c/2")); /* another's */
    pki_view_done(&view);
    assert_int_equal(view.n_certificates, 0);
}

static void test_nothing(void **state)
{
    PkiView view;

    assert_int_equal(message_read(message_begin(), &view), 0);
    assert_int_equal(view.n_certificates + view.n_trustpoints, 0);
    pki_view_done(&view);
}

static void refuse(const char *without, const char *odd, int error)
{
    sd_bus_message *m = message_begin();
    PkiView view;
    int r;

    certificate(m, "/c/1", NULL, NULL);
    certificate(m, "/c/2", without, odd);
    r = message_read(m, &view);
    if (r != error)
        fail_msg("without %s, %s odd: %d", without ? without : "nothing", odd ? odd : "none", r);
}

static void test_missing_and_odd(void **state)
{
    sd_bus_message *m = message_begin();
    PkiView view;

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        refuse(texts[i], NULL, -EBADMSG);
        refuse(NULL, texts[i], -ENXIO);
    }
    for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
        refuse(numbers[i], NULL, -EBADMSG);
        refuse(NULL, numbers[i], -ENXIO);
    }
    refuse("Notice", NULL, -EBADMSG);
    refuse(NULL, "Notice", -ENXIO);
    trustpoint(m, "/t", false);
    assert_int_equal(message_read(m, &view), -EBADMSG);
}

static void test_too_many(void **state)
{
    sd_bus_message *m = message_begin();
    PkiView view;

    for (unsigned i = 0; i < PKI_ITEMS_MAX; i++)
        trustpoint(m, "/t", true);
    assert_int_equal(message_read(m, &view), 0);
    assert_int_equal(view.n_trustpoints, PKI_ITEMS_MAX);
    pki_view_done(&view);
    m = message_begin();
    for (unsigned i = 0; i <= PKI_ITEMS_MAX; i++)
        trustpoint(m, "/t", true);
    assert_int_equal(message_read(m, &view), -E2BIG);
}

/* While it is renewed, a trustpoint has what it had; a request that came to nothing leaves the CA's
 * certificate. */
static void test_states(void **state)
{
    static const char *const names[][2] = {
        {"none", "None"},         {"authenticated", "Authenticated"},
        {"pending", "Pending"},   {"rejected", "Authenticated"},
        {"enrolled", "Enrolled"}, {"timed-out", "Authenticated"},
        {"renewing", "Enrolled"}, {"something else", "None"},
    };

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        assert_string_equal(pki_state_name(names[i][0]), names[i][1]);
}

/* Each certificate of a trustpoint has a row of its own. */
static void test_labels(void **state)
{
    static const char *const cases[][2] = {{"router", "core-ID"},
                                           {"encryption", "core-ENC-ID"},
                                           {"ca", "core-CA"},
                                           {"rollover", "core-NEXT-CA"}};
    PkiCertificate c = {.trustpoint = (char *)(uintptr_t) "core",
                        .fingerprint = (char *)(uintptr_t) "0123456789ABCDEF"};
    char label[CHAIN_LABEL_SIZE], longest[200];

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        c.role = (char *)(uintptr_t)cases[i][0];
        assert_string_equal(pki_chain_label(&c, label), cases[i][1]);
    }
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    c.trustpoint = longest;
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        c.role = (char *)(uintptr_t)cases[i][0];
        assert_true(strlen(pki_chain_label(&c, label)) < CHAIN_LABEL_SIZE);
        assert_non_null(strstr(label, "a~01234567-"));
        assert_string_equal(strrchr(label, '~') + STRLEN("~01234567"),
                            cases[i][1] + STRLEN("core"));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_it),       cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_missing_and_odd), cmocka_unit_test(test_states),
        cmocka_unit_test(test_labels),          cmocka_unit_test(test_too_many),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
