/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates by their digests, so that one that was parsed before is not parsed again: that costs
 * a hundred times as much as the digest. Holds a reference to each. */
#pragma once

#include "authority.h"

typedef struct CertificateTable CertificateTable;

/* For up to n certificates. NULL without memory. */
CertificateTable *certificate_table_new(size_t n);
CertificateTable *certificate_table_free(CertificateTable *table);
DEFINE_TRIVIAL_CLEANUP_FUNC(CertificateTable *, certificate_table_free);

/* Borrowed; NULL when it is not there, or there is no table. */
X509 *certificate_table_find(const CertificateTable *table,
                             const uint8_t digest[AUTHORITY_DIGEST_SIZE]);
/* One that is not there yet. */
void certificate_table_put(CertificateTable *table, const uint8_t digest[AUTHORITY_DIGEST_SIZE],
                           X509 *certificate);
