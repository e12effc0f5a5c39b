/* SPDX-License-Identifier: Apache-2.0 */
/* CRLs: what is read, what is kept, when it is fetched again, and what servers can do about it. */
#include "scratch-folder.h"

#include <pthread.h>
#include <time.h>

#include "atomic-file.h"
#include "crl-cache.h"
#include "crl-reply.h"
#include "crl-work.h"
#include "interruptions.h"
#include "make-certificate.h"

#define DAY INT64_C(86400)
#define URL "http://ca.example/crl"

/* --- CRLs made on the spot -------------------------------------------------------------------- */

typedef struct CrlRecipe {
    const char *issuer;
    long number;        /* 0: none */
    int64_t begin, end; /* from now, in seconds; 0, 0: from a day ago until in ten days */
    bool delta, sha1;
} CrlRecipe;

static void *make_crl(const CrlRecipe *recipe, size_t *ret_size)
{
    _cleanup_(X509_CRL_freep) X509_CRL *crl = X509_CRL_new();
    int64_t begin = recipe->end ? recipe->begin : -DAY, end = recipe->end ? recipe->end : 10 * DAY;
    X509_NAME *name = X509_NAME_new();
    ASN1_TIME *when = ASN1_TIME_new();
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    unsigned char *der = NULL;
    int n;

    assert_true(X509_CRL_set_version(crl, 1));
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)recipe->issuer, -1,
                                     -1, 0);
    assert_true(X509_CRL_set_issuer_name(crl, name));
    assert_true(X509_CRL_set1_lastUpdate(crl, ASN1_TIME_set(when, time(NULL) + begin)));
    assert_true(X509_CRL_set1_nextUpdate(crl, ASN1_TIME_set(when, time(NULL) + end)));
    assert_true(ASN1_INTEGER_set(number, recipe->number));
    if (recipe->number)
        assert_true(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0));
    if (recipe->delta)
        assert_true(X509_CRL_add1_ext_i2d(crl, NID_delta_crl, number, 1, 0));
    assert_true(X509_CRL_sign(crl, make_key(), recipe->sha1 ? EVP_sha1() : EVP_sha256()) > 0);
    n = i2d_X509_CRL(crl, &der);
    assert_true(n > 0);
    *ret_size = (size_t)n;
    X509_NAME_free(name);
    ASN1_TIME_free(when);
    ASN1_INTEGER_free(number);
    return der;
}

static X509 *make_ca(const char *name)
{
    return make_certificate(
        &(CertificateRecipe){.name = name, .key_usage = "critical,keyCertSign,cRLSign"});
}

static Crl *new_crl(const CrlRecipe *recipe, const char *url)
{
    _cleanup_(X509_freep) X509 *ca = make_ca(recipe->issuer);
    const char *reason = NULL;
    size_t size;
    void *der = make_crl(recipe, &size);
    Crl *crl = NULL;

    assert_int_equal(crl_new((DerSpan){der, size}, ca, url, &crl, &reason), 0);
    free(der);
    return crl;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static void assert_unreadable(const void *der, size_t size, const char *words)
{
    const char *reason = "";
    X509_CRL *crl;

    assert_int_equal(crl_parse((DerSpan){der, size}, &crl, &reason), -EBADMSG);
    if (!strstr(reason, words))
        fail_msg("%s instead of %s", reason, words);
}

static void test_unreadable(void **state)
{
    size_t size;
    uint8_t *der = make_crl(&(CrlRecipe){.issuer = "CA", .number = 1}, &size);
    uint8_t *large = calloc(1, CRL_SIZE_MAX + 1);

    assert_unreadable(der, size - 1, "does not parse");
    assert_unreadable(der, 0, "does not parse");
    assert_unreadable(large, CRL_SIZE_MAX + 1, "8 MiB");
    free(large);
    free(der);
    der = make_crl(&(CrlRecipe){.issuer = "CA", .sha1 = true}, &size);
    assert_unreadable(der, size, "no longer safe");
    free(der);
}

/* PEERS F22: the algorithm outside is not signed. */
static void test_outer_algorithm(void **state)
{
    size_t size;
    uint8_t *der = make_crl(&(CrlRecipe){.issuer = "CA", .number = 1}, &size);
    static const uint8_t ecdsa_sha256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
    uint8_t *last = NULL;

    for (size_t i = 0; i + sizeof ecdsa_sha256 < size; i++)
        if (memcmp(der + i, ecdsa_sha256, sizeof ecdsa_sha256) == 0)
            last = der + i;
    assert_non_null(last);
    last[sizeof ecdsa_sha256 - 1] = 3; /* SHA-384 */
    assert_unreadable(der, size, "not the one that was signed");
    free(der);
}

static void test_signer(void **state)
{
    _cleanup_(x509_stack_freep) STACK_OF(X509) *list = sk_X509_new_null();
    _cleanup_(X509_CRL_freep) X509_CRL *crl = NULL;
    const char *reason;
    size_t size;
    void *der = make_crl(&(CrlRecipe){.issuer = "CA"}, &size);

    assert_int_equal(crl_parse((DerSpan){der, size}, &crl, &reason), 0);
    free(der);
    assert_null(crl_find_signer(crl, list));
    (void)sk_X509_push(list, make_ca("Another"));
    (void)sk_X509_push(list, make_certificate(&(CertificateRecipe){
                                 .name = "CA", .key_usage = "critical,keyCertSign"}));
    (void)sk_X509_push(list, make_certificate(&(CertificateRecipe){
                                 .name = "CA", .rsa_bits = 1024, .key_usage = "cRLSign"}));
    assert_null(crl_find_signer(crl, list));
    (void)sk_X509_push(list, make_ca("CA"));
    assert_ptr_equal(crl_find_signer(crl, list), sk_X509_value(list, 3));
}

static void test_order(void **state)
{
    Crl *a = new_crl(&(CrlRecipe){.issuer = "CA", .number = 9}, URL);
    Crl *b = new_crl(&(CrlRecipe){.issuer = "CA", .number = 256}, URL);
    Crl *delta = new_crl(&(CrlRecipe){.issuer = "CA", .number = 9, .delta = true}, URL);
    Crl *old = new_crl(&(CrlRecipe){.issuer = "CA", .begin = -9 * DAY, .end = DAY}, URL);

    assert_true(crl_compare(a, b) < 0 && crl_compare(b, a) > 0);
    assert_int_equal(crl_compare(a, a), 0);
    assert_true(crl_compare(old, a) < 0 && crl_compare(b, old) > 0);
    assert_memory_equal(a->slot, b->slot, sizeof a->slot);
    assert_memory_not_equal(a->slot, delta->slot, sizeof a->slot);
    crl_free(a);
    crl_free(b);
    crl_free(delta);
    crl_free(old);
}

static void test_replies(void **state)
{
    static const struct {
        const char *text;
        size_t n;
    } replies[] = {
        {"DN: cn=CA\n\tcertificateRevocationList;binary:: MAA=\n\n", 1},
        {"DN: cn=CA\n\tcn: CA\n\tCertificateRevocationList:: MAA=\n"
         "\tdeltaRevocationList;binary:: MAA=\n",
         2},
        {"-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n", 1},
        {"DN: cn=CA\n\tcertificateRevocationList;binary: text\n", 0},
        {"DN: cn=CA\n\tcertificateRevocationLists:: MAA=\n", 0},
        {"DN: cn=CA\n\tcertificateRevocationList;binary:: &\n", 0},
        {"-----BEGIN X509 CRL-----\nMAA=\n", 0},
        {"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", 0},
        {"<html>", 0},
        {"certificateRevocationList:", 0},
        {"", 0},
    };

    for (size_t i = 0; i < ELEMENTSOF(replies); i++) {
        _cleanup_(crl_reply_done) CrlReply reply = {0};
        DerSpan body = {(const uint8_t *)replies[i].text, strlen(replies[i].text)};
        const char *reason = NULL;
        int r = crl_reply_read(body, &reply, &reason);

        assert_int_equal(r, replies[i].n > 0 ? 0 : -EBADMSG);
        assert_int_equal(reply.n, replies[i].n);
        for (size_t k = 0; k < reply.n; k++)
            assert_true(reply.size[k] == 2 && memcmp(reply.data[k], "0", 2) == 0);
        assert_true(r == 0 || reason);
    }
}

/* --- When ------------------------------------------------------------------------------------- */

static void test_schedule(void **state)
{
    CrlTimes t = {.next_update = 1000 * DAY, .fetched = 990 * DAY};
    int64_t now = 990 * DAY, pause = 60;

    assert_int_equal(crl_schedule_next(&t), 999 * DAY);
    for (t.failures = 1; t.failures<20; t.failures++, pause = pause * 2> 3600 ? 3600 : pause * 2) {
        t.attempt = now = 999 * DAY + t.failures;
        crl_schedule_settle(&t, now);
        assert_int_equal(crl_schedule_next(&t), now + pause);
    }
    /* The clock was set back: neither never nor at once. */
    t.failures = 0;
    for (now = 100 * DAY; now < 110 * DAY; now += DAY) {
        crl_schedule_settle(&t, now);
        assert_int_equal(crl_schedule_next(&t), 100 * DAY + 900 * DAY - 90 * DAY);
    }
    t = (CrlTimes){1000 * DAY, 990 * DAY, 999 * DAY, 1};
    for (now = 100 * DAY; now < 100 * DAY + 60; now++) {
        crl_schedule_settle(&t, now);
        assert_int_equal(crl_schedule_next(&t), 100 * DAY + 60);
    }
    /* Lists that end at once, or have ended, do not make servers be asked all the time. */
    t = (CrlTimes){.next_update = 5, .fetched = 990 * DAY};
    assert_int_equal(crl_schedule_next(&t), 990 * DAY + 60);
}

/* Three years of a CA that issues each day for two days, with a server that is away now and then:
 * there is always one of today, and the server is not asked too often. */
static void test_years(void **state)
{
    CrlTimes t = {.next_update = 2 * DAY, .fetched = 0};
    unsigned asked = 0;

    for (int64_t now = 0; now < 3 * 365 * DAY; now += 30) {
        bool away = now / DAY % 7 == 3 && now % DAY < DAY / 8;

        assert_true(t.next_update > now);
        if (crl_schedule_next(&t) > now)
            continue;
        asked++;
        if (away) {
            t.attempt = now;
            t.failures++;
        } else {
            t = (CrlTimes){.next_update = now - now % DAY + 2 * DAY, .fetched = now};
        }
    }
    assert_in_range(asked, 3 * 365 / 2, 3 * 365 * 3);
}

/* --- The cache -------------------------------------------------------------------------------- */

static int put(CrlCache *cache, const CrlRecipe *recipe)
{
    Crl *crl = new_crl(recipe, URL);
    int r = crl_cache_put(cache, crl, time(NULL)), e;

    /* Nothing is left to be written by what changes nothing. */
    assert_int_equal(crl_cache_has_changes(cache), r > 0);
    e = crl_cache_write(cache, NULL);
    assert_int_equal(e, 0);
    assert_false(crl_cache_has_changes(cache));
    crl_free(crl);
    return r;
}

static unsigned n_corrupt;

static void count_corrupt(const char *file, int error)
{
    n_corrupt++;
}

static void test_cache(void **state)
{
    const Folder *folder = *state;
    _cleanup_(crl_cache_freep) CrlCache *cache = NULL, *again = NULL;
    int64_t now = time(NULL);
    _cleanup_(crl_list_done) CrlList due = {0};

    assert_int_equal(crl_cache_new(folder->fd, NULL, &cache), 0);
    assert_int_equal(crl_cache_next(cache, now), 0);
    assert_int_equal(put(cache, &(CrlRecipe){.issuer = "CA", .number = 5}), 1);
    assert_int_equal(put(cache, &(CrlRecipe){.issuer = "CA", .number = 4}), -ESTALE);
    assert_int_equal(put(cache, &(CrlRecipe){.issuer = "CA", .number = 6}), 1);
    assert_int_equal(put(cache, &(CrlRecipe){.issuer = "Another", .number = 1}), 1);
    assert_int_equal(put(cache, &(CrlRecipe){.issuer = "CA", .number = 6, .delta = true}), 1);
    assert_int_equal(cache->n, 3);
    /* Nobody has relied on one of them. */
    assert_int_equal(crl_cache_next(cache, now), 0);
    crl_cache_use(cache, cache->entries[0].crl);
    assert_in_range(crl_cache_next(cache, now), now + 8 * DAY, now + 9 * DAY + 60);
    assert_int_equal(crl_cache_due(cache, now, &due), 0);
    assert_int_equal(due.n, 0);
    assert_int_equal(crl_cache_due(cache, now + 9 * DAY + 60, &due), 0);
    assert_int_equal(due.n, 1);

    assert_int_equal(crl_cache_new(folder->fd, count_corrupt, &again), 0);
    assert_int_equal(again->n, 3);
    assert_int_equal(n_corrupt, 0);
    assert_int_equal(put(again, &(CrlRecipe){.issuer = "CA", .number = 5}), -ESTALE);
    assert_int_equal(crl_cache_clear(again), 3);
    assert_int_equal(crl_cache_write(again, NULL), 0);
    assert_int_equal(put(again, &(CrlRecipe){.issuer = "CA", .number = 5}), 1);
}

static void *write_changes(void *userdata)
{
    return (void *)(intptr_t)crl_cache_write(userdata, NULL);
}

static void put_unwritten(CrlCache *cache, const CrlRecipe *recipe)
{
    Crl *crl = new_crl(recipe, URL);

    assert_int_equal(crl_cache_put(cache, crl, time(NULL)), 1);
    crl_free(crl);
}

/* Whoever writes, and however many: the files are as the last change has it. */
static void test_written_in_order(void **state)
{
    const Folder *folder = *state;
    _cleanup_(crl_cache_freep) CrlCache *cache = NULL, *before = NULL, *after = NULL;
    pthread_t threads[4];

    assert_int_equal(crl_cache_new(folder->fd, NULL, &cache), 0);
    put_unwritten(cache, &(CrlRecipe){.issuer = "CA", .number = 7});
    put_unwritten(cache, &(CrlRecipe){.issuer = "Another", .number = 1});
    assert_int_equal(crl_cache_clear(cache), 2);
    for (unsigned i = 1; i <= 6; i++)
        put_unwritten(cache, &(CrlRecipe){.issuer = "CA", .number = i});
    assert_int_equal(crl_cache_new(folder->fd, NULL, &before), 0);
    assert_int_equal(before->n, 0);
    for (size_t i = 0; i < ELEMENTSOF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_changes, cache), 0);
    for (size_t i = 0; i < ELEMENTSOF(threads); i++) {
        void *result;

        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    assert_false(crl_cache_has_changes(cache));
    assert_int_equal(crl_cache_new(folder->fd, count_corrupt, &after), 0);
    assert_int_equal(after->n, 1);
    assert_string_equal(after->entries[0].crl->number, "06");
}

static unsigned n_failed;

static void count_failed(const Crl *crl, int error)
{
    assert_int_equal(error, -EBADF);
    n_failed++;
}

/* A disk that takes nothing: each file is told of, and the lists are there until the next start. */
static void test_not_written(void **state)
{
    const Folder *folder = *state;
    _cleanup_(crl_cache_freep) CrlCache *cache = NULL;

    assert_int_equal(crl_cache_new(folder->fd, NULL, &cache), 0);
    cache->state_fd = -EBADF;
    put_unwritten(cache, &(CrlRecipe){.issuer = "CA", .number = 1});
    put_unwritten(cache, &(CrlRecipe){.issuer = "Another", .number = 1});
    assert_int_equal(crl_cache_write(cache, count_failed), -EBADF);
    assert_int_equal(n_failed, 2);
    assert_int_equal(cache->n, 2);
    assert_int_equal(crl_cache_write(cache, count_failed), 0);
}

/* The same list again is no news: its server is asked less and less often. */
static void test_same_again(void **state)
{
    const Folder *folder = *state;
    _cleanup_(crl_cache_freep) CrlCache *cache = NULL;
    Crl *crl = new_crl(&(CrlRecipe){.issuer = "CA", .number = 1}, URL);
    int64_t now = time(NULL) + 9 * DAY + 60;

    assert_int_equal(crl_cache_new(folder->fd, NULL, &cache), 0);
    assert_int_equal(crl_cache_put(cache, crl, time(NULL)), 1);
    crl_cache_use(cache, crl);
    for (int64_t pause = 60; pause < 3600; pause *= 2) {
        assert_int_equal(crl_cache_put(cache, crl, now), 0);
        assert_int_equal(crl_cache_next(cache, now), now + pause);
    }
    crl_free(crl);
}

static void test_paused(void **state)
{
    const Folder *folder = *state;
    _cleanup_(crl_cache_freep) CrlCache *cache = NULL;
    char url[64], **paused;
    size_t n = 0;

    assert_int_equal(crl_cache_new(folder->fd, NULL, &cache), 0);
    for (unsigned i = 0; i < 3 * CRL_FAILURES_MAX; i++) {
        (void)snprintf(url, sizeof url, "http://ca.example/%u", i);
        crl_cache_failed(cache, url, 1000 + i);
    }
    assert_int_equal(crl_cache_paused(cache, 1000 + 3 * CRL_FAILURES_MAX, &paused), 0);
    for (char **p = paused; *p; p++, n++)
        free(*p);
    free(paused);
    assert_in_range(n, 1, CRL_FAILURES_MAX);
    assert_int_equal(crl_cache_paused(cache, 10000, &paused), 0);
    assert_null(paused[0]);
    free(paused);
}

static void damage(const Folder *folder)
{
    DIR *dir = opendir(folder->path);
    struct dirent *entry;

    while ((entry = readdir(dir))) {
        int fd = openat(folder->fd, entry->d_name, O_WRONLY | O_CLOEXEC);

        if (fd >= 0 && entry->d_name[0] != '.')
            assert_int_equal(pwrite(fd, "!", 1, 300), 1);
        if (fd >= 0)
            (void)close(fd);
    }
    (void)closedir(dir);
}

static void test_damaged(void **state)
{
    const Folder *folder = *state;
    CrlCache *cache = NULL;

    assert_int_equal(crl_cache_new(folder->fd, NULL, &cache), 0);
    assert_int_equal(put(cache, &(CrlRecipe){.issuer = "CA", .number = 5}), 1);
    crl_cache_free(cache);
    damage(folder);
    n_corrupt = 0;
    assert_int_equal(crl_cache_new(folder->fd, count_corrupt, &cache), 0);
    assert_int_equal(cache->n, 0);
    assert_int_equal(n_corrupt, 1);
    crl_cache_free(cache);
    assert_int_equal(crl_cache_new(folder->fd, count_corrupt, &cache), 0);
    assert_int_equal(n_corrupt, 1);
    crl_cache_free(cache);
}

/* Room is made, and what was used last stays. */
static void test_full(void **state)
{
    const Folder *folder = *state;
    _cleanup_(crl_cache_freep) CrlCache *cache = NULL;
    bool there = false;

    assert_int_equal(crl_cache_new(folder->fd, NULL, &cache), 0);
    for (unsigned i = 0; i < CRL_CACHE_ENTRIES_MAX + 3; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "CA %u", i);
        assert_int_equal(put(cache, &(CrlRecipe){.issuer = name, .number = 1}), 1);
        crl_cache_use(cache, cache->entries[0].crl);
    }
    assert_int_equal(cache->n, CRL_CACHE_ENTRIES_MAX);
    for (size_t i = 0; i < cache->n; i++)
        there = there || streq(cache->entries[i].crl->issuer, "CN=CA 0");
    assert_true(there);
}

/* --- kill -9 ---------------------------------------------------------------------------------- */

static Crl *old_crl, *new_one;

static int open_cache(void *userdata, CrlCache **ret)
{
    const Folder *folder = userdata;

    (void)remove_leftovers_at(folder->fd);
    return crl_cache_new(folder->fd, NULL, ret);
}

static int put_old(void *userdata)
{
    CrlCache *cache;
    int r = open_cache(userdata, &cache);

    if (r >= 0)
        r = crl_cache_clear(cache);
    if (r >= 0)
        r = crl_cache_put(cache, old_crl, 1000);
    return r < 0 ? r : crl_cache_write(cache, NULL);
}

static int put_new(void *userdata)
{
    CrlCache *cache;
    int r = open_cache(userdata, &cache);

    if (r >= 0)
        r = crl_cache_put(cache, new_one, 2000);
    return r < 0 ? r : crl_cache_write(cache, NULL);
}

static int look(void *userdata)
{
    CrlCache *cache;
    int r = open_cache(userdata, &cache);

    if (r < 0)
        return r;
    if (cache->n != 1)
        return -EBADMSG;
    return streq(cache->entries[0].crl->number, "02") ? STATE_NEW : STATE_OLD;
}

static void test_interrupted(void **state)
{
    const Operation o = {
        .prepare = put_old, .operate = put_new, .inspect = look, .userdata = *state};
    Interruption at = {0};
    int r;

    old_crl = new_crl(&(CrlRecipe){.issuer = "CA", .number = 1}, URL);
    new_one = new_crl(&(CrlRecipe){.issuer = "CA", .number = 2}, URL);
    r = operation_kill_everywhere(&o, &at);
    if (r < 4)
        fail_msg("%d at call %u, %s: state %d", r, at.number, at.call, at.state);
    r = operation_fail_everywhere(&o, ENOSPC, &at);
    if (r < 4)
        fail_msg("%d at call %u, %s: state %d", r, at.number, at.call, at.state);
    crl_free(old_crl);
    crl_free(new_one);
}

/* --- Fetching --------------------------------------------------------------------------------- */

static struct {
    int result;
    unsigned status, asked, seconds;
    CrlRecipe recipe;
    size_t cut; /* bytes that are missing */
} server;

static int serve(const FetchRequest *request, int cancel_fd, FetchReply *reply)
{
    server.asked++;
    server.seconds = request->timeout_seconds;
    if (server.result == -EHOSTUNREACH)
        reply->error = strdup("The server is away");
    if (server.result < 0)
        return server.result;
    reply->status = server.status;
    reply->body = make_crl(&server.recipe, &reply->body_size);
    reply->body_size -= server.cut;
    return 0;
}

static CrlWork begin(const STACK_OF(X509) * signers)
{
    CrlWork work = {0};

    crl_work_begin(&work, -1);
    work.fetch = serve;
    work.signers = signers;
    server.asked = 0;
    return work;
}

static void assert_missed(CrlWork *work, const char *words)
{
    assert_int_equal(crl_work_fetch(work, URL), 0);
    assert_int_equal(work->fetched.n, 0);
    if (!work->problem || !strstr(work->problem, words))
        fail_msg("%s instead of %s", work->problem ?: "nothing", words);
    crl_work_done(work);
}

static void test_fetch(void **state)
{
    _cleanup_(x509_stack_freep) STACK_OF(X509) *signers = sk_X509_new_null();
    const CrlRecipe good = {.issuer = "CA", .number = 5};
    static const struct {
        int result;
        unsigned status;
        CrlRecipe recipe;
        size_t cut;
        const char *words;
    } bad[] = {
        {-EMSGSIZE, 0, {"CA"}, 0, "too large"},
        {-EHOSTUNREACH, 0, {"CA"}, 0, "The server is away"},
        {-EIO, 0, {"CA"}, 0, "error"},
        {0, 404, {"CA"}, 0, "status 404"},
        {0, 302, {"CA"}, 0, "status 302"},
        {0, 200, {"CA"}, 1, "does not parse"},
        {0, 200, {"Another"}, 0, "nobody has signed it"},
        {0, 200, {"CA", 9, -5 * DAY, -DAY}, 0, "it has expired"},
        {0, 200, {"CA", 9, DAY, 5 * DAY}, 0, "not yet valid"},
        {0, 200, {"CA", 4}, 0, "older than the CRL that is there"},
        {0, 200, {.issuer = "CA", .sha1 = true}, 0, "no longer safe"},
    };
    CrlWork work;

    (void)sk_X509_push(signers, make_ca("CA"));
    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        work = begin(signers);
        assert_int_equal(crl_list_append(&work.known, new_crl(&good, URL)), 0);
        server.result = bad[i].result;
        server.status = bad[i].status;
        server.recipe = bad[i].recipe;
        server.cut = bad[i].cut;
        assert_missed(&work, bad[i].words);
    }
    server.result = 0;
    server.status = 200;
    server.recipe = good;
    server.cut = 0;
    work = begin(signers);
    assert_int_equal(crl_work_fetch(&work, URL), 1);
    /* Once is enough, whatever came of it. */
    assert_int_equal(crl_work_fetch(&work, URL), 0);
    assert_int_equal(server.asked, 1);
    assert_int_equal(work.fetched.n, 1);
    crl_work_done(&work);
}

static int serve_scep(const char *trustpoint, int cancel_fd, FetchReply *reply)
{
    const FetchRequest request = {.url = URL};

    assert_string_equal(trustpoint, "core");
    return serve(&request, cancel_fd, reply);
}

/* A trustpoint without a certificate has not been asked, and is as if it were not there; a list
 * that has come that way before is missed. */
static void test_fetch_scep(void **state)
{
    _cleanup_(x509_stack_freep) STACK_OF(X509) *signers = sk_X509_new_null();
    const CrlAsker core = {.trustpoint = "core"};
    CrlWork work = begin(signers);

    (void)sk_X509_push(signers, make_ca("CA"));
    work.scep = serve_scep;
    server.result = -ENODATA;
    assert_int_equal(crl_work_fetch_scep(&work, &core), -ENODATA);
    assert_int_equal(crl_work_fetch_scep(&work, &core), -ENODATA);
    assert_int_equal(server.asked, 2);
    assert_int_equal(work.n_attempts, 0);
    assert_null(work.problem);
    assert_int_equal(crl_work_fetch(&work, CRL_SCEP_PREFIX "core"), 0);
    assert_int_equal(work.n_attempts, 1);
    assert_string_equal(work.problem ? strrchr(work.problem, ' ') : "", " more");
    crl_work_done(&work);
    work = begin(signers);
    work.scep = serve_scep;
    server.result = 0;
    server.status = 200;
    server.recipe = (CrlRecipe){.issuer = "CA", .number = 5};
    assert_int_equal(crl_work_fetch_scep(&work, &core), 1);
    assert_int_equal(work.n_attempts, 1);
    crl_work_done(&work);
}

/* "crypto ca crl curl-timeout" is for each URL; all of them have a minute, or longer than that. */
static void test_fetch_seconds(void **state)
{
    static const unsigned configured[] = {0, 5, 60, 300}, expected[] = {20, 5, 60, 300};
    _cleanup_(x509_stack_freep) STACK_OF(X509) *signers = sk_X509_new_null();

    server.result = -EHOSTUNREACH;
    for (size_t i = 0; i < ELEMENTSOF(configured); i++) {
        CrlWork work = {.fetch_seconds = configured[i]};

        crl_work_begin(&work, -1);
        work.fetch = serve;
        work.signers = signers;
        assert_missed(&work, "The server is away");
        assert_int_equal(server.seconds, expected[i]);
    }
}

static void test_fetch_limits(void **state)
{
    _cleanup_(x509_stack_freep) STACK_OF(X509) *signers = sk_X509_new_null();
    CrlWork work = begin(signers);
    char url[64];

    work.paused = calloc(2, sizeof(char *));
    work.paused[0] = strdup(URL);
    assert_missed(&work, "a short while ago");
    assert_int_equal(server.asked, 0);
    work = begin(signers);
    work.deadline = 0;
    assert_missed(&work, "no time left");
    assert_int_equal(server.asked, 0);
    work = begin(signers);
    work.fetch = NULL;
    assert_int_equal(crl_work_fetch(&work, URL), 0);
    crl_work_done(&work);
    work = begin(signers);
    server.result = -EHOSTUNREACH;
    for (unsigned i = 0; i < 2 * CRL_URLS_MAX; i++) {
        (void)snprintf(url, sizeof url, "http://ca.example/%u", i);
        assert_int_equal(crl_work_fetch(&work, url), 0);
    }
    assert_int_equal(server.asked, CRL_URLS_MAX);
    crl_work_done(&work);
    work = begin(signers);
    server.result = -ECANCELED;
    assert_int_equal(crl_work_fetch(&work, URL), -ECANCELED);
    crl_work_done(&work);
}

/* --- Where ------------------------------------------------------------------------------------ */

static X509 *with_points(const char *value)
{
    X509 *certificate = make_ca("CA");
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_crl_distribution_points, value);

    assert_non_null(extension);
    assert_true(X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
    return certificate;
}

static void test_points(void **state)
{
    static const struct {
        const char *value, *query, *url; /* url NULL: none */
    } cases[] = {
        {"URI:http://ca.example/a.crl", NULL, "http://ca.example/a.crl"},
        {"URI:ldap://ca.example/cn=CA?x", NULL, "ldap://ca.example/cn=CA?x"},
        {"URI:ldap:///cn=CA?x", NULL, NULL},
        {"URI:ldap:///cn=CA?x", "ldap://192.0.2.1:3890/dc=x", "ldap://192.0.2.1:3890/cn=CA?x"},
        {"URI:ldap:///cn=CA?x", "ldap:///dc=x", NULL},
        {"URI:https://ca.example/a.crl", NULL, NULL},
        {"URI:file:///etc/passwd", NULL, NULL},
        {"URI:ftp://ca.example/a.crl", NULL, NULL},
        {"URI:http://user:secret@ca.example/a.crl", NULL, NULL},
    };
    _cleanup_free_ char *url = NULL;
    X509_NAME *name = X509_NAME_new();

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_(X509_freep) X509 *certificate = with_points(cases[i].value);
        CrlPoints points;

        assert_int_equal(crl_points_read(certificate, NULL, NID_crl_distribution_points,
                                         cases[i].query, &points),
                         0);
        assert_int_equal(points.n, cases[i].url != NULL);
        if (cases[i].url)
            assert_string_equal(points.points[0].urls[0], cases[i].url);
        crl_points_done(&points);
    }
    (void)X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const uint8_t *)"A, B/?#", -1, -1,
                                     0);
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)"C", -1, -1, 0);
    assert_int_equal(crl_points_directory(name, NULL, &url), -ENOENT);
    assert_int_equal(crl_points_directory(name, "ldap://192.0.2.1", &url), 0);
    assert_string_equal(url, "ldap://192.0.2.1/CN=C,O=A%5C,%20B%2F%3F%23?"
                             "certificateRevocationList;binary?base?(objectClass=*)");
    X509_NAME_free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_outer_algorithm),
        cmocka_unit_test(test_signer),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_schedule),
        cmocka_unit_test(test_years),
        cmocka_unit_test_setup_teardown(test_cache, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_written_in_order, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_not_written, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_same_again, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_paused, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_damaged, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_full, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_interrupted, folder_setup, folder_teardown),
        cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_fetch_scep),
        cmocka_unit_test(test_fetch_seconds),
        cmocka_unit_test(test_fetch_limits),
        cmocka_unit_test(test_points),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    EVP_PKEY_free(make_key());
    return failed;
}
