/* SPDX-License-Identifier: Apache-2.0 */
/* A KeyAgreeRecipientInfo: what is taken lies within what came, and an ephemeral key is a point of
 * the curve. */
#include <stdlib.h>

#include <openssl/ec.h>

#include "key-agreement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_span(DerSpan span, const uint8_t *data, size_t size)
{
    if (span.data && (span.data < data || span.data + span.size > data + size))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static EVP_PKEY *recipient;
    const char *reason = NULL;
    EVP_PKEY *peer = NULL;
    KeyAgreement a;

    if (!recipient && !(recipient = EVP_EC_gen("P-256")))
        abort();
    if (key_agreement_parse((DerSpan){data, size}, &a, &reason) < 0) {
        if (!reason)
            abort();
        return 0;
    }
    check_span(a.curve, data, size);
    check_span(a.point, data, size);
    check_span(a.user_keying_material, data, size);
    check_span(a.wrap, data, size);
    check_span(a.issuer_and_serial, data, size);
    check_span(a.key_id, data, size);
    check_span(a.wrapped_key, data, size);
    if (!a.digest || !a.wrap_cipher || a.wrapped_key.size == 0 ||
        !a.key_id.data == !a.issuer_and_serial.data)
        abort();
    if (key_agreement_peer(&a, recipient, &peer, &reason) < 0 && !reason)
        abort();
    EVP_PKEY_free(peer);
    return 0;
}
