/* SPDX-License-Identifier: Apache-2.0 */
/* 72 hours of the CRLs of 200 issuers, whose servers are away, hand out what is there already, or
 * what is older; every few hours the process starts anew. The clock is simulated; the cache, its
 * files, its schedule and the worker are real. Nothing is lost, nothing is leaked, and no server is
 * asked before it is due. */
#include "scratch-folder.h"

#include <malloc.h>

#include "crl-cache.h"
#include "crl-work.h"
#include "make-certificate.h"

#define ISSUERS 200U
#define HOUR INT64_C(3600)
/* Later than any real clock of a test. */
#define START INT64_C(4000000000)

typedef struct Issuer {
    char url[32];
    X509 *ca;
    void *list; /* that its server has */
    size_t size;
    long number;
    int64_t begins, ends; /* of that list */
    int64_t held_until;   /* of the one that is here */
    int64_t allowed;      /* nobody may ask before */
    unsigned failures;
} Issuer;

static struct {
    Issuer issuers[ISSUERS];
    const Folder *folder;
    CrlCache *cache;
    int64_t now;
    uint32_t random;
    unsigned asked, taken, same, older, unanswered;
} fleet;

static uint32_t roll(uint32_t n)
{
    fleet.random = fleet.random * 1664525U + 1013904223U;
    return (fleet.random >> 8) % n;
}

/* --- The servers ------------------------------------------------------------------------------ */

static void *make_list(const Issuer *issuer, bool delta, long number, size_t *ret_size)
{
    _cleanup_(X509_CRL_freep) X509_CRL *crl = X509_CRL_new();
    ASN1_INTEGER *n = ASN1_INTEGER_new();
    ASN1_TIME *when = ASN1_TIME_new();
    unsigned char *der = NULL;
    int size;

    assert_true(X509_CRL_set_version(crl, 1));
    assert_true(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->ca)));
    assert_true(X509_CRL_set1_lastUpdate(crl, ASN1_TIME_set(when, issuer->begins)));
    assert_true(X509_CRL_set1_nextUpdate(crl, ASN1_TIME_set(when, issuer->ends)));
    assert_true(ASN1_INTEGER_set(n, number));
    assert_true(X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, 0));
    if (delta)
        assert_true(X509_CRL_add1_ext_i2d(crl, NID_delta_crl, n, 1, 0));
    assert_true(X509_CRL_sign(crl, make_key(), EVP_sha256()) > 0);
    size = i2d_X509_CRL(crl, &der);
    assert_true(size > 0);
    *ret_size = (size_t)size;
    ASN1_INTEGER_free(n);
    ASN1_TIME_free(when);
    return der;
}

static Issuer *find_issuer(const char *url)
{
    for (size_t i = 0; i < ISSUERS; i++)
        if (streq(fleet.issuers[i].url, url))
            return &fleet.issuers[i];
    fail_msg("%s is nobody's", url);
    return NULL;
}

/* What the schedule says in words, once more. */
static void expect_after_failure(Issuer *issuer)
{
    int64_t pause = 60 << (issuer->failures < 6 ? issuer->failures : 6);

    issuer->failures++;
    issuer->allowed = fleet.now + (pause < HOUR ? pause : HOUR);
}

static void expect_after_success(Issuer *issuer)
{
    int64_t left = issuer->ends - fleet.now, wait = left - left / 10;

    issuer->failures = 0;
    issuer->held_until = issuer->ends;
    issuer->allowed = fleet.now + (wait < 60 ? 60 : wait);
}

static void issue(Issuer *issuer)
{
    issuer->number++;
    issuer->begins = fleet.now;
    issuer->ends = fleet.now + HOUR + roll(23 * HOUR);
    free(issuer->list);
    issuer->list = make_list(issuer, false, issuer->number, &issuer->size);
}

static int give(const Issuer *issuer, FetchReply *reply)
{
    reply->status = 200;
    reply->body_size = issuer->size;
    reply->body = malloc(issuer->size);
    assert_non_null(reply->body);
    memcpy(reply->body, issuer->list, issuer->size);
    return 0;
}

static int serve(const FetchRequest *request, int cancel_fd, FetchReply *reply)
{
    Issuer *issuer = find_issuer(request->url);
    uint32_t what = roll(8);

    fleet.asked++;
    if (fleet.now < issuer->allowed)
        fail_msg("%s is asked %lld s too early", issuer->url,
                 (long long)(issuer->allowed - fleet.now));
    if (what < 2) {
        fleet.unanswered++;
        expect_after_failure(issuer);
        reply->error = strdup("The server is away");
        return -EHOSTUNREACH;
    }
    if (what == 2 && issuer->number > 1 && issuer->held_until > fleet.now) {
        fleet.older++;
        expect_after_failure(issuer);
        reply->status = 200;
        reply->body = make_list(issuer, false, issuer->number - 1, &reply->body_size);
        return 0;
    }
    if (what == 3 && issuer->number > 0 && issuer->held_until > fleet.now) {
        fleet.same++;
        expect_after_failure(issuer);
        return give(issuer, reply);
    }
    issue(issuer);
    fleet.taken++;
    expect_after_success(issuer);
    return give(issuer, reply);
}

/* --- What poold does, with the real parts of it ----------------------------------------------- */

static void keep(CrlWork *work)
{
    for (size_t i = 0; i < work->n_attempts; i++)
        if (!work->attempts[i].good)
            crl_cache_failed(fleet.cache, work->attempts[i].url, fleet.now);
    for (size_t i = 0; i < work->fetched.n; i++) {
        assert_true(crl_cache_put(fleet.cache, work->fetched.items[i], fleet.now) >= 0);
        crl_cache_use(fleet.cache, work->fetched.items[i]);
    }
    for (size_t i = 0; i < work->n_attempts; i++)
        if (work->attempts[i].good)
            crl_cache_answered(fleet.cache, work->attempts[i].url, fleet.now);
    assert_int_equal(crl_cache_write(fleet.cache, NULL), 0);
}

/* One worker; returns how many URLs it has tried. */
static size_t work_on(Issuer *const *issuers, size_t n_issuers)
{
    _cleanup_(x509_stack_freep) STACK_OF(X509) *signers = sk_X509_new_null();
    CrlWork work = {.fetch_seconds = 0};
    size_t n;

    crl_work_begin(&work, -1);
    work.fetch = serve;
    work.now = fleet.now;
    work.deadline = UINT64_MAX;
    work.signers = signers;
    assert_int_equal(crl_cache_list(fleet.cache, &work.known), 0);
    assert_int_equal(crl_cache_paused(fleet.cache, fleet.now, &work.paused), 0);
    for (size_t i = 0; i < n_issuers; i++)
        assert_true(X509_up_ref(issuers[i]->ca) && sk_X509_push(signers, issuers[i]->ca) > 0);
    for (size_t i = 0; i < n_issuers; i++)
        assert_true(crl_work_fetch(&work, issuers[i]->url) >= 0);
    keep(&work);
    n = work.n_attempts;
    work.signers = NULL;
    crl_work_done(&work);
    return n;
}

static void count_corrupt(const char *file, int error)
{
    fail_msg("%s is corrupt: %d", file, error);
}

/* What is there is what was there; what has failed is tried anew. */
static void restart(void)
{
    size_t n = fleet.cache ? fleet.cache->n : 0;

    crl_cache_free(fleet.cache);
    assert_int_equal(crl_cache_new(fleet.folder->fd, count_corrupt, &fleet.cache), 0);
    assert_int_equal(fleet.cache->n, n);
    for (size_t i = 0; i < fleet.cache->n; i++) {
        const CrlEntry *entry = &fleet.cache->entries[i];
        Issuer *issuer = find_issuer(entry->crl->url);

        assert_int_equal(entry->times.next_update, issuer->held_until);
        assert_true(entry->wanted);
        if (issuer->failures > 0)
            issuer->allowed = fleet.now;
        issuer->failures = 0;
    }
}

/* All that is due at this moment is asked for, by as many workers as that takes. */
static void refresh(void)
{
    for (unsigned rounds = 0; crl_cache_next(fleet.cache, fleet.now) <= fleet.now; rounds++) {
        _cleanup_(crl_list_done) CrlList due = {0};
        Issuer *issuers[ISSUERS];

        assert_true(rounds <= ISSUERS / CRL_URLS_MAX);
        assert_int_equal(crl_cache_due(fleet.cache, fleet.now, &due), 0);
        assert_in_range(due.n, 1, ISSUERS);
        for (size_t i = 0; i < due.n; i++)
            issuers[i] = find_issuer(due.items[i]->url);
        assert_true(work_on(issuers, due.n) > 0);
    }
    for (size_t i = 0; i < ISSUERS; i++)
        if (fleet.issuers[i].allowed <= fleet.now)
            fail_msg("%s was due, and not asked", fleet.issuers[i].url);
}

/* Somebody verifies a certificate of each, until all lists are there. */
static void meet_issuers(void)
{
    int64_t latest = START;

    for (size_t i = 0; i < ISSUERS; i++) {
        Issuer *issuer = &fleet.issuers[i];

        while (issuer->number == 0) {
            (void)work_on(&issuer, 1);
            fleet.now = issuer->number == 0 ? issuer->allowed : fleet.now;
        }
        latest = fleet.now > latest ? fleet.now : latest;
        fleet.now = START;
    }
    fleet.now = latest;
}

static void live(int64_t hours)
{
    int64_t restarted = 0, end = START + hours * HOUR;

    meet_issuers();
    while (fleet.now <= end) {
        int64_t next;

        if (fleet.now >= restarted + 5 * HOUR) {
            restarted = fleet.now;
            restart();
        }
        refresh();
        next = crl_cache_next(fleet.cache, fleet.now);
        assert_true(next > fleet.now);
        fleet.now = next;
    }
}

static void fleet_new(const Folder *folder)
{
    memset(&fleet, 0, sizeof fleet);
    fleet.folder = folder;
    fleet.now = START;
    fleet.random = 11;
    for (size_t i = 0; i < ISSUERS; i++) {
        Issuer *issuer = &fleet.issuers[i];
        char name[16];

        (void)snprintf(name, sizeof name, "CA %zu", i);
        (void)snprintf(issuer->url, sizeof issuer->url, "http://ca.example/%zu", i);
        issuer->ca = make_certificate(
            &(CertificateRecipe){.name = name, .key_usage = "critical,keyCertSign,cRLSign"});
    }
    restart();
}

static void fleet_done(void)
{
    fleet.cache = crl_cache_free(fleet.cache);
    for (size_t i = 0; i < ISSUERS; i++) {
        X509_free(fleet.issuers[i].ca);
        free(fleet.issuers[i].list);
    }
}

/* --- The days --------------------------------------------------------------------------------- */

static int count_descriptors(void)
{
    _cleanup_close_ int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return folder_count(fd);
}

static void test_three_days(void **state)
{
    fleet_new(*state);
    live(72);
    assert_int_equal(fleet.cache->n, ISSUERS);
    assert_int_equal(folder_count(fleet.folder->fd), ISSUERS);
    assert_int_equal(fleet.asked, fleet.taken + fleet.same + fleet.older + fleet.unanswered);
    /* Lists are good for half a day, in the middle. */
    assert_true(fleet.taken > 5 * ISSUERS);
    assert_true(fleet.same > 0 && fleet.older > 0 && fleet.unanswered > 0);
    restart();
    fleet_done();
}

/* The second time needs no more memory than the first, and no more descriptors. Newer releases of
 * OpenSSL keep some bytes for each key; a CRL left behind for each issuer would be far more. */
static void test_no_leak(void **state)
{
    int descriptors[3];
    size_t used[3];

    for (size_t i = 0; i < ELEMENTSOF(used); i++) {
        fleet_new(*state);
        live(8);
        assert_int_equal(crl_cache_clear(fleet.cache), ISSUERS);
        assert_int_equal(crl_cache_write(fleet.cache, NULL), 0);
        assert_int_equal(folder_count(fleet.folder->fd), 0);
        fleet_done();
        used[i] = mallinfo2().uordblks;
        descriptors[i] = count_descriptors();
    }
    assert_true(used[2] <= used[1] + (size_t)ISSUERS * 100);
    assert_int_equal(descriptors[2], descriptors[0]);
}

/* What is at the URL is another list by now: the one that was there is not asked for at once, and
 * at once again. */
static void test_other_list(void **state)
{
    const char *reason;
    Issuer *issuer;
    Crl *lists[2];

    fleet_new(*state);
    issuer = &fleet.issuers[0];
    issue(issuer);
    for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
        size_t size;
        _cleanup_free_ void *der = make_list(issuer, i == 1, 1, &size);

        assert_int_equal(crl_new((DerSpan){der, size}, issuer->ca, issuer->url, &lists[i], &reason),
                         0);
    }
    assert_int_equal(crl_cache_put(fleet.cache, lists[0], fleet.now), 1);
    crl_cache_use(fleet.cache, lists[0]);
    fleet.now = issuer->ends;
    for (int64_t pause = 60; pause < HOUR; pause *= 2) {
        assert_true(crl_cache_next(fleet.cache, fleet.now) <= fleet.now);
        assert_true(crl_cache_put(fleet.cache, lists[1], fleet.now) >= 0);
        crl_cache_answered(fleet.cache, issuer->url, fleet.now);
        assert_int_equal(crl_cache_next(fleet.cache, fleet.now), fleet.now + pause);
        fleet.now += pause;
    }
    crl_free(lists[0]);
    crl_free(lists[1]);
    fleet_done();
}

static bool is_paused(const char *url, int64_t now)
{
    bool paused = false;
    char **urls;

    assert_int_equal(crl_cache_paused(fleet.cache, now, &urls), 0);
    for (char **p = urls; *p; p++) {
        paused |= streq(*p, url);
        free(*p);
    }
    free(urls);
    return paused;
}

/* What failed while the clock stood years ahead holds nothing up for years when it is right again,
 * however often that is looked at. */
static void test_clock_set_back(void **state)
{
    const int64_t ahead = START + 100000 * HOUR;
    _cleanup_free_ void *der = NULL;
    const char *reason;
    Issuer *issuer;
    size_t size;
    Crl *list;

    fleet_new(*state);
    issuer = &fleet.issuers[0];
    issue(issuer);
    der = make_list(issuer, false, 1, &size);
    assert_int_equal(crl_new((DerSpan){der, size}, issuer->ca, issuer->url, &list, &reason), 0);
    assert_int_equal(crl_cache_put(fleet.cache, list, START), 1);
    crl_cache_use(fleet.cache, list);
    crl_cache_failed(fleet.cache, issuer->url, ahead);
    assert_true(is_paused(issuer->url, ahead));
    assert_int_equal(crl_cache_next(fleet.cache, ahead), ahead + 60);
    for (int64_t now = START; now < START + 60; now += 20) {
        assert_true(is_paused(issuer->url, now));
        assert_int_equal(crl_cache_next(fleet.cache, now), START + 60);
    }
    assert_false(is_paused(issuer->url, START + 60));
    crl_free(list);
    fleet_done();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_three_days, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_no_leak, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_other_list, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_clock_set_back, folder_setup, folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
