/* SPDX-License-Identifier: Apache-2.0 */
#include "shared-certificate.h"

#include <pthread.h>

#define BUCKETS 256U

typedef struct Entry {
    SharedCertificate certificate;
    unsigned users;
    struct Entry *next;
} Entry;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Entry *buckets[BUCKETS]; /* under the lock, as are the numbers of users */

/* A signature is at the end, and is as good as random. */
static Entry **bucket_of(const void *der, size_t size)
{
    const uint8_t *last = (const uint8_t *)der + (size > 8 ? size - 8 : 0);

    return &buckets[size > 0 ? last[0] : 0];
}

static Entry *entry_free(Entry *entry)
{
    X509_free(entry->certificate.x509);
    free(entry->certificate.der);
    certificate_summary_done(&entry->certificate.summary);
    free(entry);
    return NULL;
}

static void entry_freep(Entry **entry)
{
    if (*entry)
        *entry = entry_free(*entry);
}

static int entry_new(const void *der, size_t size, Entry **ret)
{
    _cleanup_(entry_freep) Entry *entry = calloc(1, sizeof(*entry));
    int r;

    if (!entry)
        return -ENOMEM;
    r = certificate_parse(der, size, &entry->certificate.x509);
    if (r >= 0)
        r = certificate_summarize(entry->certificate.x509, &entry->certificate.summary);
    if (r < 0)
        return r;
    entry->certificate.der = malloc(size);
    if (!entry->certificate.der)
        return -ENOMEM;
    memcpy(entry->certificate.der, der, size);
    entry->certificate.size = size;
    *ret = TAKE_PTR(entry);
    return 0;
}

static int find_or_add(const void *der, size_t size, Entry **ret)
{
    Entry **bucket = bucket_of(der, size), *entry = *bucket;
    int r = 0;

    while (entry && !(entry->certificate.size == size &&
                      memcmp(entry->certificate.der, der, size) == 0))
        entry = entry->next;
    if (!entry) {
        r = entry_new(der, size, &entry);
        if (r < 0)
            return r;
        entry->next = *bucket;
        *bucket = entry;
    }
    entry->users++;
    *ret = entry;
    return 0;
}

int shared_certificate_get(const void *der, size_t size, const SharedCertificate **ret)
{
    Entry *entry;
    int r;

    (void)pthread_mutex_lock(&lock);
    r = find_or_add(der, size, &entry);
    (void)pthread_mutex_unlock(&lock);
    if (r >= 0)
        *ret = &entry->certificate;
    return r;
}

void shared_certificate_put(const SharedCertificate *certificate)
{
    Entry **p, *entry;

    if (!certificate)
        return;
    (void)pthread_mutex_lock(&lock);
    p = bucket_of(certificate->der, certificate->size);
    while (&(*p)->certificate != certificate)
        p = &(*p)->next;
    entry = *p;
    if (--entry->users == 0) {
        *p = entry->next;
        (void)entry_free(entry);
    }
    (void)pthread_mutex_unlock(&lock);
}
