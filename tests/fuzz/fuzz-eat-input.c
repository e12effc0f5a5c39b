/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be signed of an attestation token. What passes has a body of base64url from end to
 * end, so that nothing of it can be taken for a claim. */
#include <stdlib.h>
#include <string.h>

#include "eat-input.h"
#include "eat.h"
#include "json-util.h"

/* Time and certificate of the corpus. */
#define CORPUS_TIME 1700000000
#define CORPUS_CERTIFICATE "\x30\x03\x02\x01\x05"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_whole(const uint8_t *data, size_t size)
{
    const uint8_t *dot = memchr(data, '.', size);
    _cleanup_free_ void *text = NULL, *body = NULL;
    const char *reason, *claims;
    EatClaims c;
    size_t n, head;

    if (base64url_decode((const char *)dot + 1, size - (size_t)(dot + 1 - data), &text, &n) < 0 ||
        eat_claims_from_json(text, n, &c, &head, &reason) < 0 || n < head + STRLEN(EAT_JSON_END))
        abort();
    claims = text;
    if (base64url_decode(claims + head, n - head - STRLEN(EAT_JSON_END), &body, &n) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const EnvelopeExpectation expected = {
        "ES256", CORPUS_TIME, {(const uint8_t *)CORPUS_CERTIFICATE, STRLEN(CORPUS_CERTIFICATE)}};
    const char *reason = NULL;
    DerSpan quads;

    if (eat_jwt_input_parse((DerSpan){data, size}, &expected, &quads, &reason) < 0) {
        if (!reason)
            abort();
    } else if (envelope_quads_are_valid(quads))
        check_whole(data, size);
    reason = NULL;
    if (eat_cwt_input_parse((DerSpan){data, size}, &expected, &reason) < 0 && !reason)
        abort();
    return 0;
}
