/* SPDX-License-Identifier: Apache-2.0 */
/* A CA that changes its key: what is believed to be its next certificate, when it takes over, and
 * what is on disk at each step. */
#include "test-certificates.h"

#include "expiry-notices.h"
#include "forecast.h"
#include "json-util.h"
#include "rollover.h"

#define DAY INT64_C(86400)
#define NAME "core"
#define CONFIGURATION                                                                              \
    "{\"trustpoint\":{\"" NAME "\":{\"enrollment\":{\"url\":\"http://ca/\"},"                      \
    "\"keypair\":{\"algorithm\":\"rsa\",\"label\":\"key\"},\"subject-name\":\"CN=a\""

static const KeyName router_key = {(char *)(uintptr_t) "rsa", (char *)(uintptr_t) "key"};

/* The same name, and one key after the other; then the first key once more, for longer. */
static TestCertificate present, next, kept, router, renewed;
static int64_t now;

static void make_kept(void)
{
    pki_make(&kept, NULL,
             &(TestCertificateSpec){"ca", "ecdsanistp256", "critical,keyCertSign", true, now - DAY,
                                    now + 900 * DAY});
    assert_int_equal(X509_set_pubkey(kept.certificate, present.key), 1);
    assert_true(X509_sign(kept.certificate, present.key, EVP_sha256()) > 0);
    OPENSSL_free(kept.der);
    kept.der = NULL;
    kept.der_size = i2d_X509(kept.certificate, &kept.der);
}

static int setup(void **state)
{
    const char *const usage = "critical,keyCertSign", *const curve = "ecdsanistp256";

    now = time(NULL);
    pki_make(&present, NULL,
             &(TestCertificateSpec){"ca", curve, usage, true, now - 200 * DAY, now + 100 * DAY});
    pki_make(&next, NULL,
             &(TestCertificateSpec){"ca", curve, usage, true, now + 90 * DAY, now + 500 * DAY});
    make_kept();
    pki_make(&router, &present,
             &(TestCertificateSpec){"router", curve, NULL, false, now - 30 * DAY, now + 60 * DAY});
    pki_make(&renewed, &next,
             &(TestCertificateSpec){"router", curve, NULL, false, now, now + 90 * DAY});
    return 0;
}

static int teardown(void **state)
{
    TestCertificate *const all[] = {&present, &next, &kept, &router, &renewed};

    for (size_t i = 0; i < ELEMENTSOF(all); i++)
        pki_free(all[i]);
    return 0;
}

/* --- A trustpoint ----------------------------------------------------------------------------- */

static void on_corrupt(const char *file, int error)
{
    fail_msg("%s is corrupt", file);
}

static int report(void *userdata, const char *line, const char *reason)
{
    return 0;
}

static void on_change(void *userdata, Trustpoint *t, TrustpointChange change)
{
}

static Trustpoint *load(Trustpoints *t, const char *path, const char *more)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_json_ json_object *section = NULL;
    _cleanup_free_ char *text = NULL;
    TrustpointConfig *list;

    assert_true(fd >= 0);
    assert_int_equal(trustpoints_init(t, fd, 0, on_corrupt), 0);
    assert_true(asprintf(&text, "%s%s}}}", CONFIGURATION, more) > 0);
    assert_int_equal(json_parse(text, strlen(text), &section), 0);
    assert_int_equal(trustpoint_config_parse(section, report, NULL, &list), 0);
    assert_int_equal(trustpoints_configure(t, list, on_change, NULL), 0);
    return trustpoint_find(t, NAME);
}

#define RENEWED ",\"auto-enroll\":10"

/* As after a kill. */
static Trustpoint *reload(Trustpoints *t, const char *path)
{
    trustpoints_done(t);
    return load(t, path, RENEWED);
}

static void add(ReceivedList *list, const TestCertificate *c)
{
    const char *reason;

    assert_int_equal(received_add(list, c->der, (size_t)c->der_size, &reason), 0);
}

static void authenticate(Trustpoints *t, Trustpoint *tp)
{
    ReceivedList list = {.n = 0};

    add(&list, &present);
    assert_int_equal(trustpoint_install_authority(t, tp, &list), 0);
    received_done(&list);
}

static void enroll(Trustpoints *t, Trustpoint *tp, const TestCertificate *c)
{
    StoredCertificate *stored;

    assert_int_equal(stored_certificate_new(c->der, (size_t)c->der_size, &router_key, &stored), 0);
    assert_int_equal(trustpoint_install_router(t, tp, stored, NULL), 0);
}

static void stage(Trustpoints *t, Trustpoint *tp, const TestCertificate *c)
{
    ReceivedList list = {.n = 0};

    add(&list, c);
    add(&list, &router); /* as a certificate of a registration authority */
    assert_int_equal(rollover_stage(t, tp, &list), 0);
    received_done(&list);
}

static bool is(const Trustpoint *tp, CertificateRole role, const TestCertificate *c)
{
    const StoredCertificate *stored = trustpoint_certificate(tp, role);

    return stored && stored->shared->size == (size_t)c->der_size &&
           memcmp(stored->shared->der, c->der, stored->shared->size) == 0;
}

static RolloverStep step(const Trustpoint *tp, int64_t when, int64_t *ret_wait)
{
    *ret_wait = -1;
    return rollover_next_step(tp, when, ret_wait);
}

/* --- What is believed ------------------------------------------------------------------------- */

static void check(const TestCertificate *a, const TestCertificate *b, const char *words)
{
    const ReceivedRules rules = {.now = now};
    ReceivedList list = {.n = 0};
    const char *reason = "";
    int r;

    add(&list, a);
    if (b)
        add(&list, b);
    r = rollover_check(&list, present.certificate, &rules, true, &reason);
    if (words) {
        assert_int_equal(r, -EKEYREJECTED);
        if (!strstr(reason, words))
            fail_msg("%s, and not %s", reason, words);
    } else {
        assert_int_equal(r, 0);
        assert_int_equal(X509_cmp(list.items[0].x509, next.certificate), 0);
        assert_int_equal(list.n, 1);
    }
    received_done(&list);
}

static void test_check(void **state)
{
    TestCertificate other, shorter;
    const char *const usage = "critical,keyCertSign", *const curve = "ecdsanistp256";

    pki_make(&shorter, NULL,
             &(TestCertificateSpec){"ca", curve, usage, true, now, now + 100 * DAY});
    pki_make(&other, NULL,
             &(TestCertificateSpec){"other", curve, usage, true, now, now + 600 * DAY});
    check(&present, NULL, "the one that the CA has now");
    check(&shorter, NULL, "ends no later");
    check(&router, NULL, "none of it");
    check(&next, &other, "several CAs");
    check(&next, NULL, NULL);
    check(&present, &next, NULL);
    check(&next, &router, NULL); /* not by the next one: nobody's agent */
    pki_free(&other);
    pki_free(&shorter);
}

/* --- When ------------------------------------------------------------------------------------- */

static void test_steps(void **state)
{
    char path[32];
    int folder = scratch_open(path);
    Trustpoints t;
    Trustpoint *tp = load(&t, path, "");
    _cleanup_free_ char *text = NULL;
    int64_t wait;

    assert_int_equal(step(tp, now, &wait), ROLLOVER_NONE);
    authenticate(&t, tp);
    assert_int_equal(step(tp, now, &wait), ROLLOVER_NONE); /* not configured */
    tp = reload(&t, path);
    assert_int_equal(step(tp, now, &wait), ROLLOVER_ASK);
    assert_int_equal(wait, 0);
    assert_int_equal(step(tp, now - 190 * DAY, &wait), ROLLOVER_ASK);
    assert_in_range(wait, 20 * DAY, 20 * DAY + DAY / 4);
    assert_int_equal(rollover_failed(&t, tp, "no answer"), 0);
    assert_int_equal(step(tp, trustpoints_now(&t), &wait), ROLLOVER_ASK);
    assert_in_range(wait, 50, 60);
    /* Why is said, over restarts too, until the CA has answered. */
    tp = reload(&t, path);
    text = trustpoint_detail(tp, now);
    assert_non_null(strstr(text, "The next CA certificate cannot be had, and is asked for again: "
                                 "no answer."));
    assert_int_equal(rollover_failed(&t, tp, NULL), 0);
    tp = reload(&t, path);
    assert_null(tp->record.rollover_reason);
    assert_int_equal(rollover_failed(&t, tp, "no answer"), 0);
    stage(&t, tp, &next);
    assert_null(tp->record.rollover_reason);
    tp = reload(&t, path);
    assert_null(tp->record.rollover_reason);
    free(TAKE_PTR(text));
    assert_true(is(tp, ROLE_CA, &present) && is(tp, ROLE_NEXT_CA, &next));
    assert_int_equal(tp->record.n_next_chain, 1);
    /* What begins later says nothing about the time. */
    assert_true(trustpoints_now(&t) < now + DAY);
    /* Nobody has been issued a certificate: it is when the present one ends. */
    assert_int_equal(step(tp, now, &wait), ROLLOVER_TAKE_OVER);
    assert_in_range(wait, 100 * DAY, 100 * DAY + 1);
    assert_false(rollover_is_for_enrollment(tp, now + 99 * DAY));
    assert_true(rollover_is_for_enrollment(tp, now + 101 * DAY));
    /* With a certificate of the present one, it is when one comes of the next. */
    enroll(&t, tp, &router);
    assert_int_equal(step(tp, now + 99 * DAY, &wait), ROLLOVER_NONE);
    assert_false(rollover_is_for_renewal(tp, now + 89 * DAY));
    assert_true(rollover_is_for_renewal(tp, now + 91 * DAY));
    assert_int_equal(trustpoint_renewal_failed(&t, tp, "no"), 0);
    assert_false(rollover_is_for_renewal(tp, now + 91 * DAY));
    assert_int_equal(trustpoint_renewal_failed(&t, tp, "it is closed"), 0);
    assert_true(rollover_is_for_renewal(tp, now + 91 * DAY));
    /* Why is said, over restarts, until there is a certificate. */
    tp = reload(&t, path);
    text = trustpoint_detail(tp, now);
    assert_string_equal(text, "Renewal has failed 2 times, and is tried again: it is closed.");
    enroll(&t, tp, &router);
    assert_null(tp->record.renewal_reason);
    tp = reload(&t, path);
    assert_null(tp->record.renewal_reason);
    trustpoints_done(&t);
    scratch_remove(folder, path);
}

static int on_forecast(void *userdata, const Trustpoint *t, int64_t when, ForecastKind kind,
                       const char *text)
{
    assert_int_not_equal(kind, FORECAST_BREAK);
    return 0;
}

/* Nothing ends with the present one. */
static void check_forecast(const Trustpoint *tp)
{
    assert_int_equal(forecast(tp, now, now + 120 * DAY, on_forecast, NULL), 0);
}

/* What ends with its CA is renewed when the next one is there, and no sooner. */
static void test_pause(void **state)
{
    char path[32];
    int folder = scratch_open(path);
    TestCertificate last;
    Trustpoints t;
    Trustpoint *tp = load(&t, path, RENEWED);

    pki_make(&last, &present,
             &(TestCertificateSpec){"router", "ecdsanistp256", NULL, false, now - 30 * DAY,
                                    now + 100 * DAY});
    authenticate(&t, tp);
    enroll(&t, tp, &last);
    assert_int_equal(trustpoint_renewal_wait(tp, now), 0);
    assert_true(expiry_is_watched(tp, ROLE_CA));
    stage(&t, tp, &next);
    assert_false(expiry_is_watched(tp, ROLE_CA) || expiry_is_watched(tp, ROLE_NEXT_CA));
    check_forecast(tp);
    assert_in_range(trustpoint_renewal_wait(tp, now), 90 * DAY - 1, 90 * DAY);
    assert_int_equal(trustpoint_renewal_wait(tp, now + 91 * DAY), 0);
    pki_free(&last);
    trustpoints_done(&t);
    scratch_remove(folder, path);
}

/* --- Taking over ------------------------------------------------------------------------------ */

static Trustpoint *on_trial(Trustpoints *t, const char *path)
{
    Trustpoint *tp = load(t, path, RENEWED);

    authenticate(t, tp);
    enroll(t, tp, &router);
    stage(t, tp, &next);
    assert_int_equal(trustpoint_stage(t, tp, renewed.der, (size_t)renewed.der_size, &router_key),
                     0);
    tp = reload(t, path);
    assert_true(is(tp, ROLE_CA, &present) && is(tp, ROLE_NEXT_CA, &next));
    assert_int_equal(trustpoint_replaced(t, tp), 0);
    tp = reload(t, path);
    assert_true(is(tp, ROLE_CA, &next) && is(tp, ROLE_NEXT_CA, &present));
    assert_int_equal(tp->record.n_chain, 1);
    assert_false(rollover_has_begun(tp, now + 91 * DAY)); /* it is over */
    return tp;
}

static void test_proved(void **state)
{
    char path[32];
    int folder = scratch_open(path);
    Trustpoints t;
    Trustpoint *tp = on_trial(&t, path);

    assert_int_equal(trustpoint_finalized(&t, tp), 0);
    assert_null(trustpoint_certificate(tp, ROLE_NEXT_CA));
    tp = reload(&t, path);
    assert_true(is(tp, ROLE_CA, &next) && is(tp, ROLE_ROUTER, &renewed));
    assert_null(trustpoint_certificate(tp, ROLE_NEXT_CA));
    trustpoints_done(&t);
    scratch_remove(folder, path);
}

static void test_undone(void **state)
{
    char path[32];
    int folder = scratch_open(path);
    Trustpoints t;
    Trustpoint *tp = on_trial(&t, path);

    assert_int_equal(trustpoint_undo(&t, tp, "no"), 0);
    tp = reload(&t, path);
    assert_true(is(tp, ROLE_CA, &present) && is(tp, ROLE_NEXT_CA, &next));
    assert_true(is(tp, ROLE_ROUTER, &router));
    assert_int_equal(trustpoint_restored(&t, tp, false), 0);
    tp = reload(&t, path);
    assert_true(is(tp, ROLE_CA, &present) && is(tp, ROLE_NEXT_CA, &next));
    trustpoints_done(&t);
    scratch_remove(folder, path);
}

/* Its key is the same, and so is the router's certificate: from the beginning of the new one on. */
static void test_kept_key(void **state)
{
    char path[32];
    int folder = scratch_open(path);
    Trustpoints t;
    Trustpoint *tp = load(&t, path, RENEWED);
    int64_t wait;

    authenticate(&t, tp);
    enroll(&t, tp, &router);
    assert_int_equal(rollover_take_over(&t, tp), -ENOENT);
    stage(&t, tp, &kept);
    assert_int_equal(step(tp, now, &wait), ROLLOVER_TAKE_OVER);
    assert_int_equal(wait, 0);
    assert_int_equal(rollover_take_over(&t, tp), 0);
    tp = reload(&t, path);
    assert_true(is(tp, ROLE_CA, &kept) && is(tp, ROLE_ROUTER, &router));
    assert_null(trustpoint_certificate(tp, ROLE_NEXT_CA));
    trustpoints_done(&t);
    scratch_remove(folder, path);
}

static void test_taken_over_alone(void **state)
{
    char path[32];
    int folder = scratch_open(path);
    Trustpoints t;
    Trustpoint *tp = load(&t, path, RENEWED);

    authenticate(&t, tp);
    stage(&t, tp, &next);
    assert_int_equal(rollover_take_over(&t, tp), 0);
    tp = reload(&t, path);
    assert_true(is(tp, ROLE_CA, &next));
    assert_null(trustpoint_certificate(tp, ROLE_NEXT_CA));
    assert_string_equal(trustpoint_state(tp), "authenticated");
    trustpoints_done(&t);
    scratch_remove(folder, path);
}

/* --- Whose times do not help ------------------------------------------------------------------ */

static void renew(Trustpoints *t, Trustpoint *tp, int64_t begins)
{
    TestCertificate c = {0};

    pki_make(
        &c, &present,
        &(TestCertificateSpec){"router", "ecdsanistp256", NULL, false, begins, now + 80 * DAY});
    assert_int_equal(trustpoint_stage(t, tp, c.der, (size_t)c.der_size, &router_key), 0);
    assert_int_equal(trustpoint_replaced(t, tp), 0);
    assert_int_equal(trustpoint_finalized(t, tp), 0);
    pki_free(&c);
}

/* A CA that gives certificates of which so much is over already that they are due for renewal at
 * once: it is asked for another less and less often, until there is a better one. */
static void test_due_at_once(void **state)
{
    int64_t pause = 60;
    char path[32];
    int folder = scratch_open(path);
    Trustpoints t;
    Trustpoint *tp = load(&t, path, RENEWED);

    authenticate(&t, tp);
    enroll(&t, tp, &router);
    assert_int_equal(trustpoint_renewal_wait(tp, now), 0);
    for (uint32_t i = 1; i < 10; i++, pause *= 2) {
        _cleanup_free_ char *detail = NULL;

        renew(&t, tp, now - 30 * DAY);
        assert_in_range(trustpoint_renewal_wait(tp, now), pause, pause + 60);
        assert_int_equal(tp->record.renewal.failures, i);
        detail = trustpoint_detail(tp, now);
        assert_non_null(strstr(detail, "due for renewal again at once"));
    }
    renew(&t, tp, now);
    assert_true(trustpoint_renewal_wait(tp, now) >= 8 * DAY);
    tp = reload(&t, path);
    assert_int_equal(tp->record.renewal.failures, 0);
    assert_null(tp->record.renewal_reason);
    trustpoints_done(&t);
    scratch_remove(folder, path);
}

/* --- How much a CA may show ------------------------------------------------------------------- */

/* The first certificate, and as much beside it as one answer may have. */
static void fill(ReceivedList *list, const TestCertificate *first)
{
    size_t size = (size_t)first->der_size;
    char *text = malloc(16001);
    X509_EXTENSION *comment;

    memset(text, 'x', 16000);
    text[16000] = '\0';
    comment = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, text);
    assert_non_null(comment);
    add(list, first);
    while (list->n < RECEIVED_MAX && size + 17000 < RECEIVED_SIZE_MAX) {
        TestCertificate c = {0};

        pki_make(&c, first,
                 &(TestCertificateSpec){"agent", "ecdsanistp256", NULL, false, now, now + DAY});
        assert_int_equal(X509_add_ext(c.certificate, comment, -1), 1);
        assert_true(X509_sign(c.certificate, first->key, EVP_sha256()) > 0);
        OPENSSL_free(c.der);
        c.der = NULL;
        c.der_size = i2d_X509(c.certificate, &c.der);
        add(list, &c);
        size += (size_t)c.der_size;
        pki_free(&c);
    }
    X509_EXTENSION_free(comment);
    free(text);
}

/* What was taken is there after a restart. */
static void test_large(void **state)
{
    ReceivedList list = {.n = 0}, later = {.n = 0};
    char path[32];
    int folder = scratch_open(path);
    Trustpoints t;
    Trustpoint *tp = load(&t, path, RENEWED);

    fill(&list, &present);
    fill(&later, &next);
    assert_int_equal(trustpoint_install_authority(&t, tp, &list), 0);
    enroll(&t, tp, &router);
    assert_int_equal(rollover_stage(&t, tp, &later), 0);
    tp = reload(&t, path);
    assert_true(is(tp, ROLE_ROUTER, &router) && is(tp, ROLE_NEXT_CA, &next));
    assert_int_equal(tp->record.n_chain, list.n - 1);
    assert_int_equal(tp->record.n_next_chain, later.n - 1);
    received_done(&list);
    received_done(&later);
    trustpoints_done(&t);
    scratch_remove(folder, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_proved),
        cmocka_unit_test(test_undone),
        cmocka_unit_test(test_kept_key),
        cmocka_unit_test(test_taken_over_alone),
        cmocka_unit_test(test_due_at_once),
        cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
