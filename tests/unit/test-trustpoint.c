/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of trustpoints, and what is said about them: over restarts, over interrupted writes,
 * over damage. */
#include "test-common.h"

#include <sys/wait.h>

#include "atomic-file.h"
#include "csr.h"
#include "identity.h"
#include "issue.h"
#include "json-util.h"
#include "label.h"
#include "trustpoint.h"

#define DAY INT64_C(86400)
#define NAME "system-trustpoint"

static const KeyName root_key = {(char *)(uintptr_t) "rsa", (char *)(uintptr_t) "system-root-key"};
static const KeyName router_key = {(char *)(uintptr_t) "rsa",
                                   (char *)(uintptr_t) "system-enroll-key"};

static OSSL_LIB_CTX *context;
static EVP_PKEY *keys[2];
static unsigned corrupt_files;

static int setup(void **state)
{
    context = OSSL_LIB_CTX_new();
    for (size_t i = 0; i < 2; i++)
        keys[i] = EVP_PKEY_Q_keygen(context, NULL, "EC", "P-256");
    return 0;
}

static int teardown(void **state)
{
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
    OSSL_LIB_CTX_free(context);
    return 0;
}

static void on_corrupt(const char *file, int error)
{
    corrupt_files++;
}

static void load(Trustpoints *t, const char *path, int64_t built)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    corrupt_files = 0;
    assert_true(fd >= 0);
    assert_int_equal(trustpoints_init(t, fd, built, on_corrupt), 0);
}

static int report(void *userdata, const char *line, const char *reason)
{
    return 0;
}

static void on_change(void *userdata, Trustpoint *t, TrustpointChange change)
{
    unsigned *changes = userdata;

    changes[change]++;
}

#define CONFIGURATION                                                                              \
    "{\"trustpoint\":{\"" NAME "\":{\"enrollment\":{\"url\":\"self\"},"                            \
    "\"keypair\":{\"algorithm\":\"rsa\",\"label\":\"system-enroll-key\"},"                         \
    "\"ca-keypair\":{\"algorithm\":\"rsa\",\"label\":\"system-root-key\"},\"subject-name\":\"CN="  \
    "a\"%s}%s}}"

static void configure(Trustpoints *t, const char *text, unsigned changes[3])
{
    _cleanup_json_ json_object *section = NULL;
    unsigned ignored[3];
    TrustpointConfig *list;

    assert_int_equal(json_parse(text, strlen(text), &section), 0);
    assert_int_equal(trustpoint_config_parse(section, report, NULL, &list), 0);
    assert_int_equal(trustpoints_configure(t, list, on_change, changes ? changes : ignored), 0);
}

static void configure_self(Trustpoints *t)
{
    char text[512];

    (void)snprintf(text, sizeof(text), CONFIGURATION, "", "");
    configure(t, text, NULL);
}

static char *serial_of(const StoredCertificate *c)
{
    CertificateSummary summary;
    char *serial;

    assert_int_equal(shared_certificate_summarize(c->shared, &summary), 0);
    serial = TAKE_PTR(summary.serial_number);
    certificate_summary_done(&summary);
    return serial;
}

static int make(const Trustpoint *tp, CertificateRole role, const char *serial, int64_t from,
                int64_t days, void **ret, size_t *ret_size)
{
    const IssueSubject subject = {role == ROLE_CA ? NULL : "CN=a", "ios.cisco.com", NULL, NULL};
    _cleanup_(X509_NAME_freep) X509_NAME *name = NULL;
    _cleanup_(X509_freep) X509 *ca =
        role == ROLE_CA ? NULL : stored_certificate_x509(trustpoint_certificate(tp, ROLE_CA));
    const char *reason;
    const Issue issue = {
        .context = context,
        .subject_key = keys[role],
        .issuer = ca,
        .issuer_key = keys[ROLE_CA],
        .digest = "sha256",
        .serial = serial,
        .not_before = from,
        .not_after = from + days * DAY,
        .key_usage = role == ROLE_CA ? KU_KEY_CERT_SIGN : KU_DIGITAL_SIGNATURE,
    };
    Issue filled = issue;

    assert_int_equal(issue_subject_build(&subject, &name, &reason), 0);
    filled.subject = name;
    return issue_certificate(&filled, ret, ret_size);
}

static void authenticate_at(Trustpoints *t, Trustpoint *tp, int64_t from)
{
    _cleanup_free_ char *serial = NULL;
    _cleanup_free_ void *der = NULL;
    size_t size;

    assert_int_equal(serial_first(&serial), 0);
    assert_int_equal(make(tp, ROLE_CA, serial, from, 365, &der, &size), 0);
    assert_int_equal(trustpoint_install(t, tp, ROLE_CA, serial, der, size, &root_key), 0);
}

static void enroll_at(Trustpoints *t, Trustpoint *tp, int64_t from)
{
    _cleanup_free_ char *serial = NULL;
    _cleanup_free_ void *der = NULL;
    size_t size;

    assert_int_equal(trustpoint_take_serial(t, tp, &serial), 0);
    assert_int_equal(make(tp, ROLE_ROUTER, serial, from, 200, &der, &size), 0);
    assert_int_equal(trustpoint_install(t, tp, ROLE_ROUTER, NULL, der, size, &router_key), 0);
}

static Trustpoint *enrolled(Trustpoints *t, const char *path, int64_t from)
{
    Trustpoint *tp;

    load(t, path, 0);
    configure_self(t);
    tp = trustpoint_find(t, NAME);
    authenticate_at(t, tp, from);
    enroll_at(t, tp, from);
    return tp;
}

static void test_serials(void **state)
{
    static const char *const steps[][2] = {{"0B62", "0B63"},
                                           {"7F", "0080"},
                                           {"00FF", "0100"},
                                           {"0080", "0081"},
                                           {"4BCDEF0123456789FF", "4BCDEF012345678A00"}};
    static const char *const refused[] = {
        "",     "0",  "0B6",
        "0b62", "80", "00",
        "-1",   "xx", "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"};
    char *serial, *other;

    for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
        assert_int_equal(serial_next(steps[i][0], &serial), 0);
        assert_string_equal(serial, steps[i][1]);
        free(serial);
    }
    for (size_t i = 0; i < ELEMENTSOF(refused); i++)
        assert_int_equal(serial_next(refused[i], &serial), -EINVAL);
    assert_int_equal(serial_next("7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", &serial), -ERANGE);
    /* F9: positive and minimal. */
    assert_int_equal(serial_first(&serial), 0);
    assert_int_equal(serial_first(&other), 0);
    assert_int_equal(strlen(serial), 18);
    assert_true(serial[0] >= '4' && serial[0] <= '7');
    assert_string_not_equal(serial, other);
    free(serial);
    free(other);
}

static void test_lifecycle(void **state)
{
    _cleanup_free_ char *first = NULL, *second = NULL, *again = NULL;
    char path[32];
    int fd = scratch_open(path);
    int64_t now = time(NULL);
    Trustpoints t;
    Trustpoint *tp;

    load(&t, path, 0);
    configure_self(&t);
    tp = trustpoint_find(&t, NAME);
    assert_string_equal(trustpoint_state(tp), "none");
    authenticate_at(&t, tp, now);
    assert_string_equal(trustpoint_state(tp), "authenticated");
    enroll_at(&t, tp, now);
    assert_string_equal(trustpoint_state(tp), "enrolled");
    first = serial_of(trustpoint_certificate(tp, ROLE_ROUTER));
    trustpoints_done(&t);

    /* After a restart, with or without the configuration. */
    load(&t, path, 0);
    tp = trustpoint_find(&t, NAME);
    assert_string_equal(trustpoint_state(tp), "enrolled");
    again = serial_of(trustpoint_certificate(tp, ROLE_ROUTER));
    assert_string_equal(again, first);
    configure_self(&t);
    enroll_at(&t, tp, now);
    second = serial_of(trustpoint_certificate(tp, ROLE_ROUTER));
    assert_string_not_equal(first, second);
    assert_string_equal(trustpoint_state(tp), "enrolled");

    /* A new root replaces all. */
    authenticate_at(&t, tp, now);
    assert_string_equal(trustpoint_state(tp), "authenticated");
    assert_int_equal(trustpoint_clear(&t, tp), 0);
    assert_string_equal(trustpoint_state(tp), "none");
    assert_int_equal(trustpoint_clear(&t, tp), 0);
    trustpoints_done(&t);
    load(&t, path, 0);
    assert_null(trustpoint_find(&t, NAME));
    assert_int_equal(corrupt_files, 0);
    trustpoints_done(&t);
    scratch_remove(fd, path);
}

/* "no crypto ca trustpoint" leaves the certificates; Clear takes them. */
static void test_unconfigured(void **state)
{
    unsigned changes[3] = {0};
    char path[32];
    int fd = scratch_open(path);
    Trustpoints t;
    Trustpoint *tp = enrolled(&t, path, time(NULL));
    const char *reason;

    configure(&t, "{}", changes);
    assert_int_equal(changes[TRUSTPOINT_CHANGED], 1);
    assert_int_equal(changes[TRUSTPOINT_REMOVED], 0);
    assert_ptr_equal(trustpoint_find(&t, NAME), tp);
    assert_int_equal(trustpoint_signer_check(tp, trustpoints_now(&t), &reason), -ENODATA);
    assert_false(trustpoint_collect(&t, tp));
    assert_int_equal(trustpoint_clear(&t, tp), 0);
    assert_true(trustpoint_collect(&t, tp));
    assert_null(trustpoint_find(&t, NAME));
    trustpoints_done(&t);
    scratch_remove(fd, path);
}

static void test_changes(void **state)
{
    unsigned changes[3] = {0};
    char path[32], text[512];
    int fd = scratch_open(path);
    Trustpoints t;

    load(&t, path, 0);
    (void)snprintf(text, sizeof(text), CONFIGURATION, "", "");
    configure(&t, text, changes);
    assert_int_equal(changes[TRUSTPOINT_ADDED], 1);
    configure(&t, text, changes); /* the same again */
    assert_int_equal(changes[TRUSTPOINT_CHANGED], 0);
    (void)snprintf(text, sizeof(text), CONFIGURATION, ",\"description\":\"b\"",
                   ",\"edge\":{},\"core\":{}");
    configure(&t, text, changes);
    assert_int_equal(changes[TRUSTPOINT_ADDED], 3);
    assert_int_equal(changes[TRUSTPOINT_CHANGED], 1);
    configure(&t, "{\"trustpoint\":{\"edge\":{}}}", changes);
    assert_int_equal(changes[TRUSTPOINT_REMOVED], 2);
    assert_null(trustpoint_find(&t, NAME));
    assert_null(trustpoint_find(&t, "core"));
    assert_non_null(trustpoint_find(&t, "edge"));
    trustpoints_done(&t);
    scratch_remove(fd, path);
}

static void assert_detail(const Trustpoint *tp, int64_t now, const char *part)
{
    _cleanup_free_ char *detail = trustpoint_detail(tp, now);

    if (!detail || !strstr(detail, part))
        fail_msg("'%s' does not say '%s'", detail, part);
}

static void test_what_is_said(void **state)
{
    char path[32];
    int fd = scratch_open(path);
    int64_t now = time(NULL);
    Trustpoints t;
    Trustpoint *tp;
    const char *reason;

    load(&t, path, 0);
    assert_int_equal(trustpoint_signer_check(NULL, now, &reason), -ENODATA);
    configure_self(&t);
    tp = trustpoint_find(&t, NAME);
    assert_detail(tp, now, "authenticate");
    assert_int_equal(trustpoint_signer_check(tp, now, &reason), -ENODATA);
    authenticate_at(&t, tp, now);
    assert_detail(tp, now, "enroll");
    enroll_at(&t, tp, now);
    assert_detail(tp, now, "Ready");
    assert_int_equal(trustpoint_signer_check(tp, now, &reason), 0);
    assert_string_equal(certificate_status(tp, ROLE_ROUTER, now), "Available");

    /* F27: an expired certificate is shown as such, and nothing else happens. */
    assert_detail(tp, now + 201 * DAY, "router certificate has expired");
    assert_string_equal(certificate_status(tp, ROLE_ROUTER, now + 201 * DAY), "Expired");
    assert_string_equal(certificate_status(tp, ROLE_CA, now + 201 * DAY), "Available");
    assert_int_equal(trustpoint_signer_check(tp, now + 201 * DAY, &reason), -EKEYEXPIRED);
    assert_detail(tp, now + 366 * DAY, "CA certificate has expired");

    tp->key_states[ROLE_ROUTER] = KEY_REPLACED;
    assert_detail(tp, now, "system-enroll-key' of the router certificate was replaced");
    assert_string_equal(certificate_status(tp, ROLE_ROUTER, now), "Key replaced");
    assert_int_equal(trustpoint_signer_check(tp, now, &reason), -ENODATA);
    tp->key_states[ROLE_ROUTER] = KEY_MISSING;
    assert_detail(tp, now, "is gone");
    enroll_at(&t, tp, now);
    assert_detail(tp, now, "Ready");

    /* Another key pair in the configuration. */
    free(tp->config->keypair.label);
    tp->config->keypair.label = strdup("other");
    assert_detail(tp, now, "no longer the configured one");
    assert_int_equal(trustpoint_signer_check(tp, now, &reason), -ENODATA);
    trustpoints_done(&t);
    scratch_remove(fd, path);
}

/* It is revoked until somebody says that it is not, over restarts; said is what is news. */
static void test_revoked(void **state)
{
    char path[32];
    int fd = scratch_open(path);
    int64_t now = time(NULL);
    Trustpoints t;
    Trustpoint *tp = enrolled(&t, path, now);

    assert_int_equal(trustpoint_set_revoked(&t, tp, ROLE_ROUTER, NULL), 0);
    assert_string_equal(certificate_status(tp, ROLE_ROUTER, now), "Available");
    assert_int_equal(trustpoint_set_revoked(&t, tp, ROLE_ROUTER, "its CA says so"), 1);
    assert_int_equal(trustpoint_set_revoked(&t, tp, ROLE_ROUTER, "its CA says so"), 0);
    trustpoints_done(&t);
    load(&t, path, 0);
    configure_self(&t);
    tp = trustpoint_find(&t, NAME);
    assert_int_equal(trustpoint_set_revoked(&t, tp, ROLE_ROUTER, "its CA says so"), 0);
    assert_detail(tp, now,
                  "The router certificate is revoked, its CA says so: crypto ca enroll " NAME ".");
    assert_string_equal(certificate_status(tp, ROLE_ROUTER, now), "Revoked");
    assert_string_equal(certificate_status(tp, ROLE_CA, now), "Available");
    assert_string_equal(certificate_status(tp, ROLE_ROUTER, now + 201 * DAY), "Expired");
    assert_int_equal(trustpoint_set_revoked(&t, tp, ROLE_ROUTER, NULL), 1);
    assert_detail(tp, now, "Ready");
    /* Another one is another one. */
    assert_int_equal(trustpoint_set_revoked(&t, tp, ROLE_ROUTER, "its CA says so"), 1);
    enroll_at(&t, tp, now);
    assert_detail(tp, now, "Ready");
    trustpoints_done(&t);
    scratch_remove(fd, path);
}

/* A worker may be writing the record down: what it has borrowed stays as it is. */
static void test_revoked_while_busy(void **state)
{
    char path[32];
    int fd = scratch_open(path);
    int64_t now = time(NULL);
    Trustpoints t;
    Trustpoint *tp = enrolled(&t, path, now);

    tp->busy = true;
    assert_int_equal(trustpoint_set_revoked(&t, tp, ROLE_ROUTER, "its CA says so"), -EBUSY);
    assert_string_equal(certificate_status(tp, ROLE_ROUTER, now), "Available");
    assert_int_equal(trustpoint_set_revoked(&t, tp, ROLE_ROUTER, NULL), 0); /* no news */
    tp->busy = false;
    assert_int_equal(trustpoint_set_revoked(&t, tp, ROLE_ROUTER, "its CA says so"), 1);
    trustpoints_done(&t);
    scratch_remove(fd, path);
}

/* What is still on offer must not replace what somebody has believed since. */
static void test_offer(void **state)
{
    char path[32];
    int fd = scratch_open(path);
    Trustpoints t;
    Trustpoint *tp = enrolled(&t, path, time(NULL));
    const StoredCertificate *ca = trustpoint_certificate(tp, ROLE_CA);
    ReceivedList list = {.n = 0};
    const char *reason;

    assert_int_equal(received_add(&list, ca->shared->der, ca->shared->size, &reason), 0);
    trustpoint_offer(tp, calloc(1, sizeof(AuthorityOffer)));
    assert_int_equal(trustpoint_install_authority(&t, tp, &list), 0);
    assert_null(tp->offer);
    assert_int_equal(trustpoint_clear(&t, tp), 0);
    trustpoint_offer(tp, calloc(1, sizeof(AuthorityOffer)));
    assert_int_equal(trustpoint_clear(&t, tp), 0);
    assert_null(tp->offer);
    received_done(&list);
    trustpoints_done(&t);
    scratch_remove(fd, path);
}

/* --- Requests --------------------------------------------------------------------------------- */

static Request *make_request(EnrollmentMethod method)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = X509_NAME_new();
    _cleanup_free_ void *der = NULL;
    Request *request;
    size_t size;

    assert_int_equal(csr_build(&(CsrSpec){.context = context,
                                          .subject = name,
                                          .key = keys[ROLE_ROUTER],
                                          .digest = "sha256"},
                               NULL, &der, &size),
                     0);
    assert_int_equal(request_new(method, der, size, &router_key, &request), 0);
    return request;
}

/* Of a request that has gone out by another way than the one that is configured nobody asks what
 * has become; it keeps nothing from going on, and is said to be what it is. */
static void test_orphan(void **state)
{
    static const RequestRetry retry = {10, 60};
    Request *request = make_request(METHOD_EST);
    char path[32], text[512];
    int fd = scratch_open(path);
    int64_t now = time(NULL);
    Trustpoints t;
    Trustpoint *tp = enrolled(&t, path, now);

    (void)snprintf(text, sizeof(text), CONFIGURATION, ",\"auto-enroll\":50", "");
    configure(&t, text, NULL);
    assert_true(trustpoint_renewal_wait(tp, now) > 0);
    assert_int_equal(lifecycle_apply(&request->lifecycle, REQUEST_EVENT_SENDING, &retry, now), 0);
    assert_int_equal(trustpoint_set_request(&t, tp, request), 0);
    assert_null(trustpoint_polled_request(tp, now));
    assert_true(trustpoint_renewal_wait(tp, now) > 0);
    assert_string_equal(trustpoint_state(tp), "enrolled");
    assert_detail(tp, now,
                  "went out over est, which is no longer configured: crypto ca "
                  "cancel-enroll " NAME);
    assert_int_equal(trustpoint_set_request(&t, tp, NULL), 0);
    assert_detail(tp, now, "Ready.");
    trustpoints_done(&t);
    scratch_remove(fd, path);
}

/* What is true or false is neither a number nor a word. */
static void test_flags(void **state)
{
    static const char *const flags[] = {"renewal", "next-authority"};
    Request *request = make_request(METHOD_TERMINAL), *back = NULL;
    const RequestRetry retry = {10, 60};

    assert_int_equal(lifecycle_apply(&request->lifecycle, REQUEST_EVENT_MADE, &retry, 0), 0);
    for (size_t i = 0; i < ELEMENTSOF(flags); i++) {
        _cleanup_json_ json_object *o = NULL;

        assert_int_equal(request_to_json(request, &o), 0);
        assert_int_equal(json_add(o, flags[i], json_object_new_int(1)), 0);
        assert_int_equal(request_from_json(o, &back), -EBADMSG);
        assert_int_equal(json_add(o, flags[i], json_object_new_boolean(true)), 0);
        assert_int_equal(request_from_json(o, &back), 0);
        assert_true(i == 0 ? back->renewal : back->next_authority);
        back = request_free(back);
    }
    (void)request_free(request);
}

/* What came and was not taken is said, over restarts, until something is taken. */
static void test_refused(void **state)
{
    char path[32];
    int fd = scratch_open(path);
    int64_t now = time(NULL);
    Trustpoints t;
    Trustpoint *tp = enrolled(&t, path, now);

    assert_int_equal(trustpoint_set_refusal(&t, tp, "no"), 1);
    assert_int_equal(trustpoint_set_refusal(&t, tp, "its CA has revoked it"), 1);
    assert_int_equal(trustpoint_set_refusal(&t, tp, "its CA has revoked it"), 0);
    trustpoints_done(&t);
    load(&t, path, 0);
    configure_self(&t);
    tp = trustpoint_find(&t, NAME);
    assert_detail(tp, now,
                  "Ready. The last certificate that came was refused: its CA has revoked it.");
    assert_int_equal(trustpoint_set_refusal(&t, tp, "its CA has revoked it"), 0);
    enroll_at(&t, tp, now);
    assert_string_equal(trustpoint_state(tp), "enrolled");
    assert_null(tp->record.refusal);
    trustpoints_done(&t);
    load(&t, path, 0);
    assert_null(trustpoint_find(&t, NAME)->record.refusal);
    trustpoints_done(&t);
    scratch_remove(fd, path);
}

/* --- Usage keys ------------------------------------------------------------------------------- */

static StoredCertificate *leaf_for(Trustpoints *t, Trustpoint *tp, KeyPair pair)
{
    KeyName key = router_key;
    _cleanup_free_ char *serial = NULL;
    _cleanup_free_ void *der = NULL;
    StoredCertificate *c;
    size_t size;

    key.pair = pair;
    assert_int_equal(trustpoint_take_serial(t, tp, &serial), 0);
    assert_int_equal(make(tp, ROLE_ROUTER, serial, time(NULL), 200, &der, &size), 0);
    assert_int_equal(stored_certificate_new(der, size, &key, &c), 0);
    return c;
}

/* The same bytes are one certificate in memory, as long as anybody has it. */
static void test_shared(void **state)
{
    char path[32];
    int fd = scratch_open(path);
    Trustpoints t;
    Trustpoint *tp = enrolled(&t, path, time(NULL));
    StoredCertificate *one = leaf_for(&t, tp, PAIR_SIGNATURE), *two, *three, *other;
    const SharedCertificate *shared = one->shared;
    X509 *x509 = stored_certificate_x509(one), *again;

    assert_int_equal(stored_certificate_new(shared->der, shared->size, &router_key, &two), 0);
    assert_int_equal(stored_certificate_new(shared->der, shared->size, NULL, &three), 0);
    other = leaf_for(&t, tp, PAIR_SIGNATURE);
    assert_ptr_equal(two->shared, shared);
    assert_ptr_equal(three->shared, shared);
    assert_ptr_not_equal(other->shared, shared);
    again = stored_certificate_x509(two);
    assert_ptr_equal(again, x509);
    X509_free(again);
    assert_string_not_equal(other->brief->sha256_fingerprint, one->brief->sha256_fingerprint);
    (void)stored_certificate_free(one);
    (void)stored_certificate_free(three);
    assert_int_equal(X509_check_private_key(x509, keys[ROLE_ROUTER]), 1);
    X509_free(x509);
    (void)stored_certificate_free(other);
    (void)stored_certificate_free(two);
    trustpoints_done(&t);
    scratch_remove(fd, path);
}

static void test_usage_keys(void **state)
{
    char path[32];
    int fd = scratch_open(path);
    int64_t now = time(NULL);
    Trustpoints t;
    Trustpoint *tp = enrolled(&t, path, now);

    assert_int_equal(trustpoint_install_router(&t, tp, leaf_for(&t, tp, PAIR_SIGNATURE), NULL), 0);
    assert_string_equal(trustpoint_state(tp), "authenticated");
    assert_detail(tp, now, "The encryption key has no certificate");
    assert_int_equal(trustpoint_install_router(&t, tp, leaf_for(&t, tp, PAIR_SIGNATURE),
                                               leaf_for(&t, tp, PAIR_ENCRYPTION)),
                     0);
    assert_string_equal(trustpoint_state(tp), "enrolled");
    trustpoints_done(&t);

    load(&t, path, 0);
    configure_self(&t);
    tp = trustpoint_find(&t, NAME);
    assert_string_equal(trustpoint_state(tp), "enrolled");
    assert_int_equal(trustpoint_certificate(tp, ROLE_ROUTER)->key.pair, PAIR_SIGNATURE);
    assert_int_equal(trustpoint_certificate(tp, ROLE_ENCRYPTION)->key.pair, PAIR_ENCRYPTION);
    tp->key_states[ROLE_ENCRYPTION] = KEY_REPLACED;
    assert_detail(tp, now, "of the encryption certificate was replaced");

    /* One for everything. */
    enroll_at(&t, tp, now);
    assert_null(trustpoint_certificate(tp, ROLE_ENCRYPTION));
    assert_string_equal(trustpoint_state(tp), "enrolled");
    assert_detail(tp, now, "Ready");

    /* What stands in the wrong place is no record. */
    assert_int_equal(trustpoint_install_router(&t, tp, leaf_for(&t, tp, PAIR_ENCRYPTION), NULL), 0);
    trustpoints_done(&t);
    load(&t, path, 0);
    assert_int_equal(corrupt_files, 1);
    trustpoints_done(&t);
    scratch_remove(fd, path);
}

static void record_name(char ret[64])
{
    char hash[LABEL_FILE_NAME_SIZE];

    assert_int_equal(label_file_name("trustpoint", NAME, hash), 0);
    (void)snprintf(ret, 64, "%s.json", hash);
}

/* Every damage is noticed, moved aside and reported; the daemon goes on. */
static void test_corruption(void **state)
{
    _cleanup_free_ void *good = NULL;
    char path[32], name[64], aside[80];
    int fd = scratch_open(path);
    size_t size;
    Trustpoints t;

    enrolled(&t, path, time(NULL));
    trustpoints_done(&t);
    record_name(name);
    (void)snprintf(aside, sizeof(aside), "%s.corrupt", name);
    assert_int_equal(read_file_at(fd, name, 1 << 20, &good, &size), 0);
    for (size_t i = 0; i < size; i += size / 40) { /* truncated, and one byte changed */
        _cleanup_free_ char *bad = malloc(size);

        assert_int_equal(atomic_write_at(fd, name, good, i, 0600), 0);
        load(&t, path, 0);
        assert_null(t.first);
        assert_int_equal(corrupt_files, 1);
        trustpoints_done(&t);
        assert_int_equal(unlinkat(fd, aside, 0), 0);

        memcpy(bad, good, size);
        bad[i] ^= 1;
        assert_int_equal(atomic_write_at(fd, name, bad, size, 0600), 0);
        load(&t, path, 0);
        /* What still counts is exactly what was there. */
        assert_int_equal(corrupt_files, t.first == NULL);
        trustpoints_done(&t);
        (void)unlinkat(fd, aside, 0);
    }
    /* Under another trustpoint's name. */
    assert_int_equal(atomic_write_at(fd, "00112233445566778899aabbccddeeff.json", good, size, 0600),
                     0);
    assert_int_equal(atomic_write_at(fd, name, good, size, 0600), 0);
    load(&t, path, 0);
    assert_int_equal(corrupt_files, 1);
    assert_string_equal(trustpoint_state(t.first), "enrolled");
    trustpoints_done(&t);
    scratch_remove(fd, path);
}

/* F35: killed at any moment while enrolling again and again, the state is one that was
 * acknowledged, and no serial number comes twice. */
static void test_killed(void **state)
{
    char path[32];
    int fd = scratch_open(path), status;
    int64_t now = time(NULL);
    Trustpoints t;

    enrolled(&t, path, now);
    trustpoints_done(&t);
    for (unsigned round = 0; round < 8; round++) {
        int acknowledged[2];
        pid_t pid;
        char last[64] = "", serial[64];

        assert_int_equal(pipe2(acknowledged, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            Trustpoint *tp;

            load(&t, path, 0);
            tp = trustpoint_find(&t, NAME);
            for (;;) {
                enroll_at(&t, tp, now);
                (void)snprintf(serial, sizeof(serial), "%s", tp->record.serial);
                if (write(acknowledged[1], serial, sizeof(serial)) < 0)
                    _exit(1);
            }
        }
        (void)close(acknowledged[1]);
        for (unsigned i = 0; i <= round; i++)
            assert_int_equal(read_full(acknowledged[0], last, sizeof(last)), sizeof(last));
        (void)usleep(round * 700);
        assert_int_equal(kill(pid, SIGKILL), 0);
        while (read_full(acknowledged[0], serial, sizeof(serial)) == sizeof(serial))
            memcpy(last, serial, sizeof(last));
        (void)close(acknowledged[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);

        load(&t, path, 0);
        assert_int_equal(corrupt_files, 0);
        assert_string_equal(trustpoint_state(t.first), "enrolled");
        assert_true(strcmp(t.first->record.serial, last) >= 0);
        trustpoints_done(&t);
    }
    scratch_remove(fd, path);
}

static void test_identity(void **state)
{
    static const char *const sane[] = {"c44a11fc", "FOC2233N4BC", "VMware-56/4d", "1-2-3-4"};
    static const char *const placeholders[] = {"",
                                               "0",
                                               "None",
                                               "N/A",
                                               "Unknown",
                                               "00000000",
                                               "xxxx",
                                               "0123456789",
                                               "Default string",
                                               "To Be Filled By O.E.M.",
                                               "a_1b2",
                                               "\xc3\xbc-123"};
    _cleanup_free_ char *fqdn = NULL, *system = NULL;

    for (size_t i = 0; i < ELEMENTSOF(sane); i++)
        assert_true(serial_number_is_sane(sane[i]));
    for (size_t i = 0; i < ELEMENTSOF(placeholders); i++)
        assert_false(serial_number_is_sane(placeholders[i]));
    assert_int_equal(router_fqdn("ios", NULL, &fqdn), -ENODATA);
    assert_int_equal(router_fqdn("ios", "bad domain", &fqdn), -EINVAL);
    assert_int_equal(router_fqdn("ios", "cisco.com", &fqdn), 0);
    assert_string_equal(fqdn, "ios.cisco.com");
    assert_int_equal(router_fqdn(NULL, "example.org", &system), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serials),      cmocka_unit_test(test_lifecycle),
        cmocka_unit_test(test_unconfigured), cmocka_unit_test(test_changes),
        cmocka_unit_test(test_what_is_said), cmocka_unit_test(test_corruption),
        cmocka_unit_test(test_killed),       cmocka_unit_test(test_identity),
        cmocka_unit_test(test_usage_keys),   cmocka_unit_test(test_shared),
        cmocka_unit_test(test_revoked),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_offer),        cmocka_unit_test(test_orphan),
        cmocka_unit_test(test_flags),        cmocka_unit_test(test_revoked_while_busy),
    };

    return cmocka_run_group_tests_name("trustpoint", tests, setup, teardown);
}
