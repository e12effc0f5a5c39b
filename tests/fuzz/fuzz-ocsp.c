/* SPDX-License-Identifier: Apache-2.0 */
/* What an OCSP responder answers. The CA is one that has signed none of it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "ocsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static X509 *make_ca(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *ca = X509_new();

    if (!key || !ca || !X509_set_version(ca, 2) || !X509_set_pubkey(ca, key) ||
        !X509_NAME_add_entry_by_txt(X509_get_subject_name(ca), "CN", MBSTRING_UTF8,
                                    (const uint8_t *)"CA", -1, -1, 0) ||
        !X509_set_issuer_name(ca, X509_get_subject_name(ca)) ||
        !X509_gmtime_adj(X509_getm_notBefore(ca), -86400) ||
        !X509_gmtime_adj(X509_getm_notAfter(ca), 86400) || !X509_sign(ca, key, EVP_sha256()))
        abort();
    EVP_PKEY_free(key);
    return ca;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static X509 *ca;
    _cleanup_(ocsp_query_done) OcspQuery query = {0};
    OcspAnswer answer;
    const char *reason = NULL;
    int r;

    if (!ca)
        ca = make_ca();
    if (ocsp_query_new(ca, ca, &query) < 0)
        return 0;
    r = ocsp_answer_read(&query, (DerSpan){data, size}, 1700000000, &answer, &reason);
    if (r >= 0 || (r == -EBADMSG && !reason))
        abort();
    return 0;
}
