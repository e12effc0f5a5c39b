/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks a CA for its list over SCEP, and who waits for what another one gets. */
#include "scratch-folder.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "crl-cache.h"
#include "crl-work.h"
#include "make-certificate.h"

#define DAY INT64_C(86400)
#define WAITING 8U

static const uint8_t ca[CRL_CA_SIZE] = {1}, other_ca[CRL_CA_SIZE] = {2};
static const CrlAsker one = {"one", "http://ca/", ca}, two = {"two", "http://ca/", ca},
                      elsewhere = {"three", "http://mirror/", ca},
                      other = {"four", "http://ca/", other_ca};

static time_t ahead; /* of the clock */

/* In place of the library's. */
int clock_gettime(clockid_t clock, struct timespec *ret)
{
    int r = (int)syscall(SYS_clock_gettime, clock, ret);

    ret->tv_sec += clock == CLOCK_BOOTTIME ? __atomic_load_n(&ahead, __ATOMIC_RELAXED) : 0;
    return r;
}

/* --- A CA ------------------------------------------------------------------------------------- */

static X509 *make_ca(void)
{
    return make_certificate(
        &(CertificateRecipe){.name = "CA", .key_usage = "critical,keyCertSign,cRLSign"});
}

static void *make_list(int64_t until, size_t *ret_size)
{
    _cleanup_(X509_CRL_freep) X509_CRL *crl = X509_CRL_new();
    _cleanup_(X509_freep) X509 *issuer = make_ca();
    ASN1_TIME *when = ASN1_TIME_new();
    unsigned char *der = NULL;
    int n;

    assert_true(X509_CRL_set_version(crl, 1));
    assert_true(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)));
    assert_true(X509_CRL_set1_lastUpdate(crl, ASN1_TIME_set(when, time(NULL) - 2 * DAY)));
    assert_true(X509_CRL_set1_nextUpdate(crl, ASN1_TIME_set(when, time(NULL) + until)));
    assert_true(X509_CRL_sign(crl, make_key(), EVP_sha256()) > 0);
    n = i2d_X509_CRL(crl, &der);
    assert_true(n > 0);
    *ret_size = (size_t)n;
    ASN1_TIME_free(when);
    return der;
}

static CrlList make_lists_of(int64_t until, const char *url)
{
    _cleanup_(X509_freep) X509 *issuer = make_ca();
    const char *reason;
    CrlList lists = {0};
    Crl *crl = NULL;
    size_t size;
    void *der = make_list(until, &size);

    assert_int_equal(crl_new((DerSpan){der, size}, issuer, url, &crl, &reason), 0);
    assert_int_equal(crl_list_append(&lists, crl), 0);
    free(der);
    return lists;
}

static CrlList make_lists(int64_t until)
{
    return make_lists_of(until, CRL_SCEP_PREFIX "one");
}

/* --- Askers ----------------------------------------------------------------------------------- */

static int begin(CrlQuestions *q, const CrlAsker *asker)
{
    _cleanup_(crl_list_done) CrlList got = {0};
    int r = crl_question_begin(q, asker, -1, UINT64_MAX, &got);

    assert_int_equal(got.n, r == 0 ? 1 : 0);
    return r;
}

static void end(CrlQuestions *q, const CrlAsker *asker, CrlOutcome outcome)
{
    CrlList lists = make_lists(DAY);

    crl_question_end(q, asker, outcome, &lists);
    crl_list_done(&lists);
}

/* Neither waits for the other, whose list is of no use to it. */
static void test_two_authorities(void **state)
{
    _cleanup_(crl_questions_freep) CrlQuestions *q = crl_questions_new();

    assert_int_equal(begin(q, &one), 1);
    assert_int_equal(begin(q, &other), 1);
    end(q, &one, CRL_CAME);
    end(q, &other, CRL_FAILED);
    assert_int_equal(begin(q, &other), 1);
    end(q, &other, CRL_CAME);
    assert_int_equal(begin(q, &other), 0);
}

static void *wait_for_it(void *data)
{
    CrlQuestions *q = data;

    return (void *)(intptr_t)begin(q, &elsewhere);
}

static void test_one_asks_for_all(void **state)
{
    _cleanup_(crl_questions_freep) CrlQuestions *q = crl_questions_new();
    pthread_t threads[WAITING];
    void *result;

    assert_int_equal(begin(q, &one), 1);
    for (size_t i = 0; i < WAITING; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_it, q), 0);
    end(q, &one, CRL_CAME);
    for (size_t i = 0; i < WAITING; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    assert_int_equal(begin(q, &two), 0);
    /* The operator has cleared the cache, or there was time to see what is in it. */
    crl_questions_forget(q);
    assert_int_equal(begin(q, &two), 1);
    end(q, &two, CRL_CAME);
    assert_int_equal(begin(q, &one), 0);
    ahead += 60;
    assert_int_equal(begin(q, &one), 1);
    end(q, &one, CRL_NOT_ASKED);
}

/* What failed by one URL may be had by another one. */
static void test_failures(void **state)
{
    _cleanup_(crl_questions_freep) CrlQuestions *q = crl_questions_new();

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(begin(q, &one), 1);
        end(q, &one, CRL_FAILED);
        assert_int_equal(begin(q, &two), 1);
        end(q, &two, CRL_FAILED);
        assert_int_equal(begin(q, &one), -EHOSTDOWN);
        assert_int_equal(begin(q, &two), -EHOSTDOWN);
        if (i == 0)
            ahead += CRL_SERVER_PAUSE_SECONDS;
    }
    assert_int_equal(begin(q, &elsewhere), 1);
    end(q, &elsewhere, CRL_CAME);
    assert_int_equal(begin(q, &one), 0);
    crl_questions_forget(q);
    assert_int_equal(begin(q, &one), 1);
    /* That nobody was asked is no failure. */
    for (unsigned i = 0; i <= CRL_SERVER_TRIES; i++) {
        end(q, &one, CRL_NOT_ASKED);
        assert_int_equal(begin(q, &one), 1);
    }
}

/* It is not asked for again while it is asked for, whatever the operator does. */
static void test_forgotten_meanwhile(void **state)
{
    _cleanup_(crl_questions_freep) CrlQuestions *q = crl_questions_new();
    CrlList got = {0};

    assert_int_equal(begin(q, &one), 1);
    crl_questions_forget(q);
    assert_int_equal(crl_question_begin(q, &two, -1, 0, &got), -ETIMEDOUT);
    end(q, &one, CRL_CAME);
    assert_int_equal(begin(q, &two), 0);
}

static void test_nobody_waits_for_ever(void **state)
{
    _cleanup_(crl_questions_freep) CrlQuestions *q = crl_questions_new();
    _cleanup_close_ int cancel_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    CrlList got = {0};

    assert_int_equal(begin(q, &one), 1);
    assert_int_equal(crl_question_begin(q, &two, cancel_fd, UINT64_MAX, &got), -ECANCELED);
    assert_int_equal(crl_question_begin(q, &two, -1, clock_usec(CLOCK_BOOTTIME), &got), -ETIMEDOUT);
}

/* A list that has ended by now is of no use to anybody. */
static void test_ended(void **state)
{
    _cleanup_(crl_questions_freep) CrlQuestions *q = crl_questions_new();
    CrlList lists = make_lists(-DAY);

    assert_int_equal(begin(q, &one), 1);
    crl_question_end(q, &one, CRL_CAME, &lists);
    assert_int_equal(begin(q, &two), 1);
    crl_list_done(&lists);
}

static void test_no_room(void **state)
{
    _cleanup_(crl_questions_freep) CrlQuestions *q = crl_questions_new();
    uint8_t cas[CRL_QUESTIONS_MAX + 2][CRL_CA_SIZE] = {{0}};

    for (size_t i = 0; i < ELEMENTSOF(cas); i++) {
        const CrlAsker asker = {"many", "http://ca/", cas[i]};

        cas[i][0] = (uint8_t)i;
        assert_int_equal(begin(q, &asker), 1);
        end(q, &asker, CRL_CAME);
        assert_int_equal(begin(q, &asker), i < CRL_QUESTIONS_MAX ? 0 : 1);
    }
}

/* --- Workers ---------------------------------------------------------------------------------- */

static unsigned asked;

static int no_url(const FetchRequest *request, int cancel_fd, FetchReply *reply)
{
    return -EIO;
}

static int serve(const char *trustpoint, int cancel_fd, FetchReply *reply)
{
    asked++;
    if (streq(trustpoint, "two"))
        return -ENODATA;
    if (streq(trustpoint, "one"))
        return -EIO;
    reply->status = 200;
    reply->body = make_list(DAY, &reply->body_size);
    return 0;
}

/* Returns what it has come to, and how many lists there are then. */
static int work_for(CrlQuestions *q, const CrlAsker *asker, size_t *ret_fetched, size_t *ret_lists)
{
    _cleanup_(x509_stack_freep) STACK_OF(X509) *signers = sk_X509_new_null();
    CrlWork work = {.scep = serve, .questions = q};
    Crl **lists;
    int r;

    (void)sk_X509_push(signers, make_ca());
    crl_work_begin(&work, -1);
    work.fetch = no_url;
    work.signers = signers;
    r = crl_work_fetch_scep(&work, asker);
    *ret_fetched = work.fetched.n;
    assert_int_equal(crl_work_lists(&work, &lists, ret_lists), 0);
    /* The same once more is nothing new. */
    if (r >= 0)
        assert_int_equal(crl_work_fetch_scep(&work, asker), 0);
    free(lists);
    crl_work_done(&work);
    return r;
}

static void test_workers(void **state)
{
    _cleanup_(crl_questions_freep) CrlQuestions *q = crl_questions_new();
    const CrlAsker again = {"five", "http://ca/", ca};
    size_t fetched, lists;

    asked = 0;
    assert_int_equal(work_for(q, &two, &fetched, &lists), -ENODATA);
    assert_int_equal(work_for(q, &one, &fetched, &lists), 0);
    assert_int_equal(fetched + lists, 0);
    assert_int_equal(work_for(q, &again, &fetched, &lists), 1);
    assert_int_equal(asked, 3);
    assert_true(fetched == 1 && lists == 1);
    /* Whoever has asked keeps it. */
    assert_int_equal(work_for(q, &one, &fetched, &lists), 1);
    assert_int_equal(asked, 3);
    assert_true(fetched == 0 && lists == 1);
    /* Who insists asks. */
    assert_int_equal(work_for(NULL, &again, &fetched, &lists), 1);
    assert_int_equal(asked, 4);
    assert_true(fetched == 1 && lists == 1);
}

/* What came from nowhere cannot be fetched again, what a trustpoint has asked for can. */
static void test_refreshed(void **state)
{
    static const char *const urls[] = {"somewhere", CRL_SCEP_PREFIX "one"};
    const Folder *folder = *state;

    for (size_t i = 0; i < ELEMENTSOF(urls); i++) {
        _cleanup_(crl_cache_freep) CrlCache *cache = NULL;
        CrlList lists = make_lists_of(DAY, urls[i]);

        assert_int_equal(crl_cache_new(folder->fd, NULL, &cache), 0);
        assert_int_equal(crl_cache_put(cache, lists.items[0], time(NULL)), 1);
        crl_cache_use(cache, lists.items[0]);
        assert_int_equal(crl_cache_next(cache, time(NULL)) > 0, i);
        crl_list_done(&lists);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_authorities),
        cmocka_unit_test(test_one_asks_for_all),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_forgotten_meanwhile),
        cmocka_unit_test(test_nobody_waits_for_ever),
        cmocka_unit_test(test_ended),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_workers),
        cmocka_unit_test_setup_teardown(test_refreshed, folder_setup, folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
