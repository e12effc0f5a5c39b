/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, their headers and their claims. Claims that are taken are given back, and taken again. */
#include <stdlib.h>
#include <string.h>

#include "eat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_claims(DerSpan text)
{
    const char *reason = NULL;
    EatClaims c, again;
    DerSpan body, same;
    uint8_t *buffer;
    int n;

    if (eat_claims_from_cbor(text, &c, &body, &reason) < 0) {
        if (!reason)
            abort();
        return;
    }
    buffer = malloc(EAT_CLAIMS_MAX + body.size);
    n = buffer ? eat_claims_to_cbor(&c, body.size, buffer) : -1;
    if (n < 0)
        abort();
    if (body.size > 0)
        memcpy(buffer + n, body.data, body.size);
    if (eat_claims_from_cbor((DerSpan){buffer, (size_t)n + body.size}, &again, &same, &reason) <
            0 ||
        memcmp(&c, &again, sizeof c) != 0 || !der_equal(same, body.data, body.size))
        abort();
    free(buffer);
}

static void try_json(const uint8_t *data, size_t size)
{
    const char *reason = NULL;
    size_t head;
    EatClaims c;
    char *text;

    if (eat_claims_from_json((const char *)data, size, &c, &head, &reason) < 0) {
        if (!reason)
            abort();
        return;
    }
    if (head > size || head % 3 != 0 || eat_claims_to_json(&c, &text) < 0)
        abort();
    free(text);
}

static void try_header(DerSpan text)
{
    const char *reason = NULL;
    CoseHeader h;

    if (cose_header_read(text, &h, &reason) >= 0) {
        uint8_t *buffer = malloc(text.size + 1);

        /* There is one way to write it. */
        if (!buffer || cose_header_write(&h, buffer, text.size) != (int)text.size ||
            memcmp(buffer, text.data, text.size) != 0)
            abort();
        free(buffer);
    } else if (!reason)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DerSpan all = {data, size}, header, payload, signature;
    const char *reason = NULL;

    try_claims(all);
    try_json(data, size);
    try_header(all);
    if (cose_token_read(all, &header, &payload, &signature, &reason) >= 0 ||
        cose_signed_read(all, &header, &payload, &reason) >= 0) {
        try_header(header);
        try_claims(payload);
    } else if (!reason)
        abort();
    return 0;
}
