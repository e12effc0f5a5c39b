/* SPDX-License-Identifier: Apache-2.0 */
#include "eat-input.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "eat.h"
#include "json-util.h"

#define END_SIZE STRLEN(EAT_JSON_END)
#define CLAIMS_ENCODED_MAX ((size_t)(EAT_CLAIMS_MAX + 2) / 3 * 4)

static int refuse(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EBADMSG;
}

static int check_time(const EatClaims *claims, const EnvelopeExpectation *expected,
                      const char **ret_reason)
{
    if (claims->issued_at < expected->now - ENVELOPE_CLOCK_SKEW ||
        claims->issued_at > expected->now + ENVELOPE_CLOCK_SKEW)
        return refuse(ret_reason, "iat is not the present time");
    return 0;
}

/* --- JWT -------------------------------------------------------------------------------------- */

/* How many claims there are before the body, in characters of the payload. */
static int check_claims(DerSpan payload, const EnvelopeExpectation *expected, size_t *ret_size,
                        const char **ret_reason)
{
    size_t encoded = payload.size < CLAIMS_ENCODED_MAX ? payload.size : CLAIMS_ENCODED_MAX, size;
    _cleanup_free_ void *text = NULL;
    EatClaims claims;
    int r = base64url_decode((const char *)payload.data, encoded, &text, &size);

    if (r < 0)
        return r == -ENOMEM ? r : refuse(ret_reason, "the payload is not base64url");
    r = eat_claims_from_json(text, size, &claims, &size, ret_reason);
    if (r < 0)
        return r;
    *ret_size = size / 3 * 4;
    return check_time(&claims, expected, ret_reason);
}

/* The body and what ends the claims: all but whole fours, of which the last is looked at too,
 * because it may have the last character of the body. */
static int check_end(DerSpan rest, size_t body_size, const char **ret_reason)
{
    size_t quads = body_size / 3, from = (quads > 0 ? quads - 1 : 0) * 4, size;
    _cleanup_free_ void *decoded = NULL;
    const uint8_t *text;
    int r = base64url_decode((const char *)rest.data + from, rest.size - from, &decoded, &size);

    if (r < 0)
        return r == -ENOMEM ? r : refuse(ret_reason, "the payload is not base64url");
    text = decoded;
    if (size < END_SIZE || memcmp(text + size - END_SIZE, EAT_JSON_END, END_SIZE) != 0)
        return refuse(ret_reason, "the claims do not end with one measurement");
    size -= END_SIZE;
    if (!envelope_payload_piece_is_valid((DerSpan){text, size}) ||
        (body_size > 0 && (size == 0 || !envelope_last_is_valid(text[size - 1], body_size))))
        return refuse(ret_reason, "the measurement is not base64url");
    return 0;
}

int eat_jwt_input_parse(DerSpan input, const EnvelopeExpectation *expected, DerSpan *ret_quads,
                        const char **ret_reason)
{
    DerSpan payload, rest;
    size_t claims, decoded;
    int r = envelope_token_parse(input, expected, EAT_JWT_TYPE, &payload, ret_reason);

    if (r >= 0)
        r = check_claims(payload, expected, &claims, ret_reason);
    if (r < 0)
        return r;
    rest = (DerSpan){payload.data + claims, payload.size - claims};
    decoded = rest.size / 4 * 3 + (rest.size % 4 > 0 ? rest.size % 4 - 1 : 0);
    if (decoded < END_SIZE)
        return refuse(ret_reason, "the claims do not end with one measurement");
    r = check_end(rest, decoded - END_SIZE, ret_reason);
    if (r < 0)
        return r;
    *ret_quads = (DerSpan){rest.data, (decoded - END_SIZE) / 3 * 4};
    return 0;
}

/* --- CWT -------------------------------------------------------------------------------------- */

static int check_chain(const CoseHeader *h, const EnvelopeExpectation *expected,
                       const char **ret_reason)
{
    for (size_t i = 0; i < h->n_chain; i++)
        if (der_read_only(h->chain[i], DER_SEQUENCE, NULL) < 0)
            return refuse(ret_reason, "x5chain has something that is not a certificate");
    if (h->n_chain > 0 &&
        !der_equal(h->chain[0], expected->certificate.data, expected->certificate.size))
        return refuse(ret_reason, "x5chain does not begin with the certificate");
    return 0;
}

static int check_header(DerSpan header, const EnvelopeExpectation *expected,
                        const char **ret_reason)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    int64_t algorithm;
    CoseHeader h;
    int r = cose_header_read(header, &h, ret_reason);

    if (r < 0)
        return r;
    if (!expected->algorithm || cose_algorithm(expected->algorithm, &algorithm) < 0 ||
        h.algorithm != algorithm)
        return refuse(ret_reason, "alg is not that of the key and digest");
    if (EVP_Digest(expected->certificate.data, expected->certificate.size, digest, NULL,
                   EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    if (memcmp(digest, h.thumbprint, sizeof h.thumbprint) != 0)
        return refuse(ret_reason, "x5t is not the thumbprint of the certificate");
    return check_chain(&h, expected, ret_reason);
}

int eat_cwt_input_parse(DerSpan input, const EnvelopeExpectation *expected, const char **ret_reason)
{
    DerSpan header, payload, body;
    EatClaims claims;
    int r = cose_signed_read(input, &header, &payload, ret_reason);

    if (r >= 0)
        r = check_header(header, expected, ret_reason);
    if (r >= 0)
        r = eat_claims_from_cbor(payload, &claims, &body, ret_reason);
    return r < 0 ? r : check_time(&claims, expected, ret_reason);
}
