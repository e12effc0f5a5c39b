/* SPDX-License-Identifier: Apache-2.0 */
/* What keyd takes for a request or a certificate, OpenSSL has to understand the same way. */
#include <openssl/x509.h>
#include <stdlib.h>

#include "openssl-util.h"
#include "tbs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The public key that was compared is the one that others will read: OpenSSL, given the same bytes
 * in a frame of a certificate. */
static void compare_public_key(const uint8_t *data, size_t size, DerSpan public_key)
{
    static const uint8_t tail[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x01, 0x00};
    size_t content = size + sizeof tail;
    _cleanup_free_ uint8_t *framed = malloc(content + 5);
    _cleanup_(X509_freep) X509 *certificate = NULL;
    _cleanup_openssl_free_ uint8_t *encoded = NULL;
    const uint8_t *p = framed;
    int n;

    if (!framed)
        return;
    memcpy(framed,
           (const uint8_t[]){0x30, 0x83, (uint8_t)(content >> 16), (uint8_t)(content >> 8),
                             (uint8_t)content},
           5);
    memcpy(framed + 5, data, size);
    memcpy(framed + 5 + size, tail, sizeof tail);
    certificate = d2i_X509(NULL, &p, (long)(content + 5));
    if (!certificate)
        return;
    n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &encoded);
    if (n > 0 && !der_equal(public_key, encoded, (size_t)n))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *reason = NULL;
    TbsCertificate certificate;
    TbsRequest request;

    if (tbs_request_parse((DerSpan){data, size}, &request, &reason) < 0 && !reason)
        abort();
    reason = NULL;
    if (tbs_certificate_parse((DerSpan){data, size}, &certificate, &reason) >= 0)
        compare_public_key(data, size, certificate.public_key);
    else if (!reason)
        abort();
    return 0;
}
