/* SPDX-License-Identifier: Apache-2.0 */
#include "shared-certificate.h"

#include <openssl/provider.h>
#include <openssl/x509v3.h>
#include <pthread.h>

#define BUCKETS 256U
/* Of a trustpoint that is being worked for: its own, and those of its CA. */
#define PARSED_MAX 8U

typedef struct Entry {
    SharedCertificate certificate;
    unsigned users;
    X509 *x509; /* NULL unless it is among those that were last parsed */
    struct Entry *next;
    unsigned char der[];
} Entry;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* All of it under the lock. */
static Entry *buckets[BUCKETS];
static Entry *parsed[PARSED_MAX]; /* the one that was asked for last comes first */
static size_t n_parsed;

/* A signature is at the end, and is as good as random. */
static Entry **bucket_of(const void *der, size_t size)
{
    const uint8_t *last = (const uint8_t *)der + (size > 8 ? size - 8 : 0);

    return &buckets[size > 0 ? last[0] : 0];
}

static Entry *entry_of(const SharedCertificate *certificate)
{
    /* It is the first of its entry. */
    return (Entry *)(uintptr_t)certificate;
}

/* --- Those that are parsed -------------------------------------------------------------------- */

static void forget_parsed(Entry *entry)
{
    size_t i = 0;

    if (!entry->x509)
        return;
    while (parsed[i] != entry)
        i++;
    memmove(&parsed[i], &parsed[i + 1], (--n_parsed - i) * sizeof(parsed[0]));
    X509_free(entry->x509);
    entry->x509 = NULL;
}

/* Takes it over. */
static void keep_parsed(Entry *entry, X509 *x509)
{
    if (n_parsed == PARSED_MAX)
        forget_parsed(parsed[PARSED_MAX - 1]);
    memmove(&parsed[1], &parsed[0], n_parsed++ * sizeof(parsed[0]));
    parsed[0] = entry;
    entry->x509 = x509;
}

static void keep_longer(const Entry *entry)
{
    size_t i = 0;

    while (parsed[i] != entry)
        i++;
    memmove(&parsed[1], &parsed[0], i * sizeof(parsed[0]));
    parsed[0] = entry_of(&entry->certificate);
}

X509 *shared_certificate_x509(const SharedCertificate *certificate)
{
    Entry *entry = entry_of(certificate);
    X509 *x509;

    (void)pthread_mutex_lock(&lock);
    if (entry->x509)
        keep_longer(entry);
    else {
        const unsigned char *p = entry->der;

        /* Whether it is one was seen when it came. */
        x509 = d2i_X509(NULL, &p, (long)certificate->size);
        if (x509)
            keep_parsed(entry, x509);
    }
    x509 = entry->x509;
    if (x509)
        (void)X509_up_ref(x509);
    (void)pthread_mutex_unlock(&lock);
    return x509;
}

/* Who has no provider reads no key. */
static OSSL_LIB_CTX *keyless;

static void keyless_init(void)
{
    keyless = OSSL_LIB_CTX_new();
    if (keyless && !OSSL_PROVIDER_load(keyless, "null")) {
        OSSL_LIB_CTX_free(keyless);
        keyless = NULL;
    }
}

static X509 *parse_words(const SharedCertificate *certificate)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const unsigned char *p = certificate->der;
    X509 *x509;

    x509 = pthread_once(&once, keyless_init) == 0 && keyless ? X509_new_ex(keyless, NULL) : NULL;
    /* When it fails it is freed. */
    if (x509)
        (void)d2i_X509(&x509, &p, (long)certificate->size);
    ERR_clear_error();
    return x509;
}

X509 *shared_certificate_words(const SharedCertificate *certificate)
{
    const Entry *entry = entry_of(certificate);
    X509 *x509;

    (void)pthread_mutex_lock(&lock);
    x509 = entry->x509;
    if (x509)
        (void)X509_up_ref(x509);
    (void)pthread_mutex_unlock(&lock);
    return x509 ? x509 : parse_words(certificate);
}

int shared_certificate_summarize(const SharedCertificate *certificate, CertificateSummary *ret)
{
    _cleanup_(X509_freep) X509 *x509 = shared_certificate_words(certificate);

    return x509 ? certificate_summarize(x509, ret) : -ENOMEM;
}

void shared_certificates_rest(void)
{
    (void)pthread_mutex_lock(&lock);
    while (n_parsed > 0)
        forget_parsed(parsed[n_parsed - 1]);
    (void)pthread_mutex_unlock(&lock);
}

/* --- All of them ------------------------------------------------------------------------------ */

static int entry_new(const void *der, size_t size, X509 *parsed_before, Entry **ret)
{
    _cleanup_(certificate_summary_done) CertificateSummary summary = {0};
    _cleanup_(X509_freep) X509 *x509 = NULL;
    Entry *entry;
    int r = 0;

    if (parsed_before && X509_up_ref(parsed_before) == 1)
        x509 = parsed_before;
    else
        r = certificate_parse(der, size, &x509);
    if (r >= 0)
        r = certificate_summarize(x509, &summary);
    if (r < 0)
        return r;
    entry = calloc(1, sizeof(*entry) + size);
    if (!entry)
        return -ENOMEM;
    memcpy(entry->der, der, size);
    entry->certificate =
        (SharedCertificate){entry->der,
                            size,
                            {.not_before = summary.not_before,
                             .not_after = summary.not_after,
                             .is_root = X509_check_issued(x509, x509) == X509_V_OK}};
    memcpy(entry->certificate.brief.sha256_fingerprint, summary.sha256_fingerprint,
           sizeof(summary.sha256_fingerprint));
    keep_parsed(entry, TAKE_PTR(x509));
    *ret = entry;
    return 0;
}

static int find_or_add(const void *der, size_t size, X509 *x509, Entry **ret)
{
    Entry **bucket = bucket_of(der, size), *entry = *bucket;
    int r = 0;

    while (entry && !(entry->certificate.size == size && memcmp(entry->der, der, size) == 0))
        entry = entry->next;
    if (!entry) {
        r = entry_new(der, size, x509, &entry);
        if (r < 0)
            return r;
        entry->next = *bucket;
        *bucket = entry;
    }
    entry->users++;
    *ret = entry;
    return 0;
}

int shared_certificate_get(const void *der, size_t size, X509 *x509, const SharedCertificate **ret)
{
    Entry *entry;
    int r;

    (void)pthread_mutex_lock(&lock);
    r = find_or_add(der, size, x509, &entry);
    (void)pthread_mutex_unlock(&lock);
    if (r >= 0)
        *ret = &entry->certificate;
    return r;
}

const SharedCertificate *shared_certificate_ref(const SharedCertificate *certificate)
{
    if (!certificate)
        return NULL;
    (void)pthread_mutex_lock(&lock);
    entry_of(certificate)->users++;
    (void)pthread_mutex_unlock(&lock);
    return certificate;
}

void shared_certificate_put(const SharedCertificate *certificate)
{
    Entry **p, *entry;

    if (!certificate)
        return;
    (void)pthread_mutex_lock(&lock);
    entry = entry_of(certificate);
    if (--entry->users == 0) {
        p = bucket_of(certificate->der, certificate->size);
        while (*p != entry)
            p = &(*p)->next;
        *p = entry->next;
        forget_parsed(entry);
        free(entry);
    }
    (void)pthread_mutex_unlock(&lock);
}
