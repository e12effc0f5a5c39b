/* SPDX-License-Identifier: Apache-2.0 */
#include "certificate-table.h"

#include <assert.h>

typedef struct Entry {
    uint8_t digest[AUTHORITY_DIGEST_SIZE];
    X509 *certificate; /* NULL: empty */
} Entry;

struct CertificateTable {
    size_t n, size; /* a power of two, at least twice as many as there may be */
    Entry entries[];
};

CertificateTable *certificate_table_new(size_t n)
{
    CertificateTable *table;
    size_t size = 2;

    while (size < 2 * n)
        size *= 2;
    table = calloc(1, sizeof *table + size * sizeof table->entries[0]);
    if (table)
        table->size = size;
    return table;
}

CertificateTable *certificate_table_free(CertificateTable *table)
{
    for (size_t i = 0; table && i < table->size; i++)
        X509_free(table->entries[i].certificate);
    free(table);
    return NULL;
}

/* Where it is, or would be. A digest is as good as any hash of it. */
static size_t find_place(const CertificateTable *table, const uint8_t digest[AUTHORITY_DIGEST_SIZE])
{
    size_t i;

    memcpy(&i, digest, sizeof i);
    for (i &= table->size - 1; table->entries[i].certificate; i = (i + 1) & (table->size - 1))
        if (memcmp(table->entries[i].digest, digest, AUTHORITY_DIGEST_SIZE) == 0)
            break;
    return i;
}

X509 *certificate_table_find(const CertificateTable *table,
                             const uint8_t digest[AUTHORITY_DIGEST_SIZE])
{
    return table ? table->entries[find_place(table, digest)].certificate : NULL;
}

void certificate_table_put(CertificateTable *table, const uint8_t digest[AUTHORITY_DIGEST_SIZE],
                           X509 *certificate)
{
    Entry *entry = &table->entries[find_place(table, digest)];

    assert(!entry->certificate && table->n < table->size / 2);
    X509_up_ref(certificate);
    memcpy(entry->digest, digest, AUTHORITY_DIGEST_SIZE);
    entry->certificate = certificate;
    table->n++;
}
