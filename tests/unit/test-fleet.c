/* SPDX-License-Identifier: Apache-2.0 */
/* 72 hours of 200 trustpoints, which are polled and renewed at a CA that takes its time, says no,
 * is away, and sends what is there already; every few hours the process starts anew. The clock is
 * simulated, the files and what decides are real. Nothing is lost, nothing is leaked. */
#include "test-common.h"

#include <malloc.h>

#include "csr.h"
#include "expiry-notices.h"
#include "issue.h"
#include "json-util.h"
#include "trustpoint.h"

#define TRUSTPOINTS 200U
#define HOUR INT64_C(3600)
#define STEP (HOUR / 6)
/* Later than any real clock of a test. */
#define START INT64_C(4000000000)

typedef struct Fleet {
    char path[32];
    int fd;
    OSSL_LIB_CTX *context;
    EVP_PKEY *ca_key;
    X509 *ca;
    void *ca_der;
    size_t ca_size;
    json_object *section;
    Trustpoints trustpoints;
    ExpiryNotices notices;
    int64_t now;
    uint32_t random;
    uint64_t serial;
    unsigned granted, refused, echoed, unanswered, renewals, notices_given;
} Fleet;

static uint32_t roll(Fleet *f, uint32_t n)
{
    f->random = f->random * 1664525U + 1013904223U;
    return (f->random >> 8) % n;
}

static int report(void *userdata, const char *line, const char *reason)
{
    fail_msg("%s %s", line, reason);
    return 0;
}

static void on_change(void *userdata, Trustpoint *t, TrustpointChange change)
{
}

static void on_corrupt(const char *file, int error)
{
    fail_msg("%s is corrupt: %d", file, error);
}

static void set_clock(Fleet *f, int64_t now)
{
    f->now = f->trustpoints.clock.built = now;
}

/* The process starts anew with what is on disk. */
static void start(Fleet *f)
{
    TrustpointConfig *list;
    int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(trustpoints_init(&f->trustpoints, fd, f->now, on_corrupt), 0);
    assert_int_equal(trustpoint_config_parse(f->section, report, NULL, &list), 0);
    assert_int_equal(trustpoints_configure(&f->trustpoints, list, on_change, NULL), 0);
    assert_int_equal(expiry_notices_load_at(&f->notices, f->fd), 0);
    set_clock(f, f->now);
}

static void end(Fleet *f)
{
    expiry_notices_done(&f->notices);
    f->notices = (ExpiryNotices){0};
    trustpoints_done(&f->trustpoints);
}

/* --- The CA ----------------------------------------------------------------------------------- */

static void certify(Fleet *f, EVP_PKEY *key, X509 *issuer, int64_t hours, void **ret, size_t *size)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = NULL;
    const char *reason;
    char serial[24];

    (void)snprintf(serial, sizeof(serial), "40%014llX", (unsigned long long)++f->serial);
    assert_int_equal(
        issue_subject_build(&(IssueSubject){issuer ? "CN=r" : "CN=ca", 0, 0, 0}, &name, &reason),
        0);
    assert_int_equal(
        issue_certificate(&(Issue){.context = f->context,
                                   .subject = name,
                                   .subject_key = key,
                                   .issuer = issuer,
                                   .issuer_key = f->ca_key,
                                   .digest = "sha256",
                                   .serial = serial,
                                   .not_before = f->now - 60,
                                   .not_after = f->now + hours * HOUR,
                                   .key_usage = issuer ? KU_DIGITAL_SIGNATURE : KU_KEY_CERT_SIGN},
                          ret, size),
        0);
}

/* --- What enrolld does, with the real parts of it --------------------------------------------- */

static void ask(Fleet *f, Trustpoint *t, bool renewal)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = EVP_PKEY_Q_keygen(f->context, NULL, "EC", "P-256");
    _cleanup_(X509_NAME_freep) X509_NAME *name = X509_NAME_new();
    KeyName pair = t->config->keypair;
    _cleanup_free_ void *der = NULL;
    Request *request;
    size_t size;

    pair.pair = renewal ? PAIR_NEXT : PAIR_GENERAL;
    assert_int_equal(
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"r", -1, -1, 0), 1);
    assert_int_equal(
        csr_build(
            &(CsrSpec){.context = f->context, .subject = name, .key = key, .digest = "sha256"},
            NULL, &der, &size),
        0);
    assert_int_equal(request_new(METHOD_SCEP, der, size, &pair, &request), 0);
    request->renewal = renewal;
    request->transaction = strdup("00");
    request->signer = malloc(1);
    request->signer_size = 1;
    *(char *)request->signer = 0;
    assert_int_equal(
        lifecycle_apply(&request->lifecycle, REQUEST_EVENT_SENDING, &t->config->retry, f->now), 0);
    assert_int_equal(trustpoint_set_request(&f->trustpoints, t, request), 0);
}

static void install(Fleet *f, Trustpoint *t, Request *request)
{
    bool renewal = request->renewal && trustpoint_certificate(t, ROLE_ROUTER);
    _cleanup_free_ void *der = NULL;
    size_t size;

    certify(f, X509_REQ_get0_pubkey(request->x509), f->ca, 20 + roll(f, 10), &der, &size);
    f->granted++;
    if (!renewal) {
        _cleanup_(X509_freep) X509 *x509 = NULL;

        assert_int_equal(certificate_parse(der, size, &x509), 0);
        assert_int_equal(
            trustpoint_install_answer(&f->trustpoints, t, request, &(Received){x509, der, size}),
            0);
        return;
    }
    assert_int_equal(trustpoint_stage(&f->trustpoints, t, der, size, &request->key), 0);
    /* It is put in place by this process or by the next. */
    if (roll(f, 4) > 0)
        assert_int_equal(trustpoint_replaced(&f->trustpoints, t), 0);
    f->renewals++;
}

static void event(Fleet *f, Trustpoint *t, Request *request, RequestEvent what, const char *reason)
{
    assert_int_equal(trustpoint_request_event(&f->trustpoints, t, request, what, reason, 0), 0);
    if (!lifecycle_is_open(&request->lifecycle) && trustpoint_certificate(t, ROLE_ROUTER))
        assert_int_equal(trustpoint_renewal_failed(&f->trustpoints, t, reason ? reason : "no"), 0);
}

static void poll(Fleet *f, Trustpoint *t, Request *request)
{
    switch (roll(f, 8)) {
    case 0:
        f->unanswered++;
        event(f, t, request, REQUEST_EVENT_NO_ANSWER, "nobody answers");
        break;
    case 1:
        f->refused++;
        event(f, t, request, REQUEST_EVENT_REFUSED, "no");
        break;
    case 2:
    case 3:
        event(f, t, request, REQUEST_EVENT_WAIT, NULL);
        break;
    case 4:
        /* The same certificate once more is no answer. */
        f->echoed++;
        event(f, t, request, REQUEST_EVENT_NO_ANSWER, "it is the one that is there already");
        break;
    default:
        install(f, t, request);
    }
}

static void go_on(Fleet *f, Trustpoint *t)
{
    Request *request = t->record.request;

    if (trustpoint_replacement(t) == REPLACEMENT_STAGED)
        assert_int_equal(trustpoint_replaced(&f->trustpoints, t), 0);
    if (trustpoint_replacement(t) == REPLACEMENT_TRIAL)
        assert_int_equal(trustpoint_finalized(&f->trustpoints, t), 0);
    if (request && lifecycle_is_polling(&request->lifecycle)) {
        if (lifecycle_wait(&request->lifecycle, &t->config->retry, f->now) == 0)
            poll(f, t, request);
    } else if (!trustpoint_certificate(t, ROLE_ROUTER))
        ask(f, t, false);
    else if (trustpoint_renewal_wait(t, f->now) == 0)
        ask(f, t, true);
}

/* --- The days --------------------------------------------------------------------------------- */

static void notice(void *userdata, const Trustpoint *t, CertificateRole role, unsigned step)
{
    Fleet *f = userdata;

    f->notices_given += step > 0;
}

static void tick(Fleet *f)
{
    for (Trustpoint *t = f->trustpoints.first; t; t = t->next)
        go_on(f, t);
    if (expiry_notices_run(&f->notices, &f->trustpoints, f->now, notice, f) > 0)
        assert_int_equal(expiry_notices_save_at(&f->notices, f->fd), 0);
}

static char *describe(const Fleet *f)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    for (const Trustpoint *t = f->trustpoints.first; t; t = t->next) {
        const StoredCertificate *c = trustpoint_certificate(t, ROLE_ROUTER);
        const Request *r = t->record.request;

        fprintf(file, "%s %s %s %u %lld %u %u\n", t->name, trustpoint_state(t),
                c ? c->brief->sha256_fingerprint : "-", r ? r->lifecycle.polls : 0,
                (long long)(r ? r->lifecycle.next : 0), t->record.renewal.failures,
                trustpoint_replacement(t));
    }
    assert_int_equal(fclose(file), 0);
    return TAKE_PTR(text);
}

static unsigned count_descriptors(void)
{
    _cleanup_closedir_ DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    while (readdir(dir))
        n++;
    return n;
}

static void authenticate(Fleet *f)
{
    for (Trustpoint *t = f->trustpoints.first; t; t = t->next) {
        ReceivedList list = {.n = 1};

        list.items[0].x509 = f->ca;
        list.items[0].der = f->ca_der;
        list.items[0].size = f->ca_size;
        assert_int_equal(trustpoint_install_authority(&f->trustpoints, t, &list), 0);
    }
}

static void restart(Fleet *f)
{
    _cleanup_free_ char *before = describe(f), *after = NULL;

    end(f);
    start(f);
    after = describe(f);
    assert_string_equal(before, after);
}

static void live(Fleet *f, int64_t hours)
{
    start(f);
    authenticate(f);
    for (int64_t now = START; now <= START + hours * HOUR; now += STEP) {
        set_clock(f, now);
        tick(f);
        if ((now - START) % (5 * HOUR) == 0)
            restart(f);
    }
}

static void fleet_new(Fleet *f)
{
    *f = (Fleet){.now = START, .random = 7};
    f->fd = scratch_open(f->path);
    f->context = OSSL_LIB_CTX_new();
    f->ca_key = EVP_PKEY_Q_keygen(f->context, NULL, "EC", "P-256");
    certify(f, f->ca_key, NULL, 10000, &f->ca_der, &f->ca_size);
    assert_int_equal(certificate_parse(f->ca_der, f->ca_size, &f->ca), 0);
    f->section = json_object_new_object();
    json_object_object_add(f->section, "trustpoint", json_object_new_object());
    for (unsigned i = 0; i < TRUSTPOINTS; i++) {
        static const char text[] = "{\"enrollment\":{\"url\":\"http://ca/\",\"retry-period\":20},"
                                   "\"auto-enroll\":\"50\",\"subject-name\":\"CN=r\"}";
        json_object *one, *all;
        char name[16];

        (void)snprintf(name, sizeof(name), "t%03u", i);
        assert_int_equal(json_get_object(f->section, "trustpoint", &all), 0);
        assert_int_equal(json_parse(text, strlen(text), &one), 0);
        json_object_object_add(all, name, one);
    }
}

static void fleet_done(Fleet *f)
{
    json_object_put(f->section);
    X509_free(f->ca);
    free(f->ca_der);
    EVP_PKEY_free(f->ca_key);
    OSSL_LIB_CTX_free(f->context);
    scratch_remove(f->fd, f->path);
}

static void test_three_days(void **state)
{
    unsigned descriptors, enrolled = 0;
    Fleet f;

    fleet_new(&f);
    descriptors = count_descriptors();
    live(&f, 72);
    assert_int_equal(count_descriptors(), descriptors + 1); /* the state folder's */
    for (const Trustpoint *t = f.trustpoints.first; t; t = t->next) {
        const StoredCertificate *c = trustpoint_certificate(t, ROLE_ROUTER);

        assert_non_null(trustpoint_certificate(t, ROLE_CA));
        enrolled += c && c->brief->not_after > f.now;
    }
    assert_int_equal(enrolled, TRUSTPOINTS);
    assert_true(f.granted > 4 * TRUSTPOINTS && f.refused > 0 && f.echoed > 0 && f.unanswered > 0);
    assert_true(f.renewals > 3 * TRUSTPOINTS);
    /* Each was a day from its end when it was made, and is watched since. */
    assert_true(f.notices_given >= f.granted);
    end(&f);
    assert_int_equal(count_descriptors(), descriptors);
    fleet_done(&f);
}

/* The second time needs no more memory than the first. */
static void test_no_leak(void **state)
{
    size_t used[3];

    for (size_t i = 0; i < ELEMENTSOF(used); i++) {
        Fleet f;

        fleet_new(&f);
        live(&f, 12);
        end(&f);
        fleet_done(&f);
        used[i] = mallinfo2().uordblks;
    }
    assert_true(used[2] <= used[1] + 4096);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_days),
        cmocka_unit_test(test_no_leak),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
