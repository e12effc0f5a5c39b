/* SPDX-License-Identifier: Apache-2.0 */
#include "envelope-input.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "base64-digit.h"
#include "json-util.h"

#define HEADER_ENCODED_MAX ((ENVELOPE_HEADER_MAX + 2) / 3 * 4)
#define NONCE_HEX_MAX 128U     /* 64 bytes */
#define NONCE_DECIMAL_MAX 155U /* digits of 2^512 */
#define CHAIN_MAX 16U
#define SHA256_SIZE 32

static int refuse(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EBADMSG;
}

/* --- The payload ------------------------------------------------------------------------------ */

#define BLOCK_SIZE 64U

/* Sums of comparisons, which a compiler makes 16 or 32 of at a time: a gigabyte comes through here.
 */
static unsigned count_valid(const uint8_t block[static BLOCK_SIZE])
{
    uint8_t n = 0;

    for (unsigned i = 0; i < BLOCK_SIZE; i++) {
        uint8_t c = block[i];

        n += (uint8_t)((uint8_t)((c | 0x20) - 'a') < 26) + (uint8_t)((uint8_t)(c - '0') < 10) +
             (uint8_t)(c == '-') + (uint8_t)(c == '_');
    }
    return n;
}

bool envelope_payload_piece_is_valid(DerSpan piece)
{
    unsigned bad = 0;
    size_t i = 0;

    for (; i + BLOCK_SIZE <= piece.size; i += BLOCK_SIZE)
        bad |= count_valid(piece.data + i) ^ BLOCK_SIZE;
    for (; i < piece.size; i++)
        bad |= base64url_values[piece.data[i]] == 0;
    return bad == 0;
}

bool envelope_quads_are_valid(DerSpan quads)
{
    unsigned bad = 0;

    for (size_t i = 0; i + 4 <= quads.size; i += 4) {
        const uint8_t *q = quads.data + i;
        unsigned bits = 0;

        for (unsigned k = 0; k < 4; k++) {
            bad |= base64url_values[q[k]] == 0;
            bits = bits << 6 | (unsigned)(base64url_values[q[k]] - 1);
        }
        for (unsigned k = 0; k < 3; k++)
            bad |= base64url_values[bits >> (16 - 8 * k) & 0xff] == 0;
    }
    return bad == 0;
}

bool envelope_payload_end_is_valid(DerSpan payload)
{
    return payload.size == 0 ||
           envelope_last_is_valid(payload.data[payload.size - 1], payload.size);
}

bool envelope_last_is_valid(uint8_t character, size_t size)
{
    unsigned last = base64url_values[character];

    if (last == 0)
        return false;
    last--;
    switch (size % 4) {
    case 1:
        return false;
    case 2:
        return (last & 0x0f) == 0;
    case 3:
        return (last & 0x03) == 0;
    default:
        return true;
    }
}

/* --- The header's members --------------------------------------------------------------------- */

static int check_algorithm_and_type(json_object *header, const EnvelopeExpectation *expected,
                                    const char *type, const char **ret_reason)
{
    const char *text;

    if (json_get_string(header, "alg", &text) < 0 || !expected->algorithm ||
        !streq(text, expected->algorithm))
        return refuse(ret_reason, "alg is not that of the key and digest");
    if (json_get_string(header, "typ", &text) < 0 || !streq(text, type))
        return refuse(ret_reason, streq(type, ENVELOPE_TYPE) ? "typ is not " ENVELOPE_TYPE
                                                             : "typ is not that of the token");
    return 0;
}

/* The only content that dossierd vouches for. */
static int check_content_type(json_object *header, const char **ret_reason)
{
    const char *text;
    int r = json_get_string(header, "cty", &text);

    if (r == -ENOENT)
        return 0;
    if (r < 0 || !streq(text, ENVELOPE_CONTENT_DOSSIER))
        return refuse(ret_reason, "cty is not " ENVELOPE_CONTENT_DOSSIER);
    return 0;
}

static int check_time(json_object *header, const EnvelopeExpectation *expected,
                      const char **ret_reason)
{
    uint64_t iat;

    if (json_get_uint64(header, "iat", &iat) < 0 || iat > INT64_MAX)
        return refuse(ret_reason, "iat is not a number of seconds");
    if ((int64_t)iat < expected->now - ENVELOPE_CLOCK_SKEW ||
        (int64_t)iat > expected->now + ENVELOPE_CLOCK_SKEW)
        return refuse(ret_reason, "iat is not the present time");
    return 0;
}

static bool nonce_is_valid(const char *text)
{
    size_t n;

    if (strncmp(text, "0x", 2) == 0) {
        n = strspn(text + 2, "0123456789abcdefABCDEF");
        return n > 0 && n <= NONCE_HEX_MAX && text[2 + n] == 0;
    }
    n = strspn(text, "0123456789");
    return n > 0 && n <= NONCE_DECIMAL_MAX && text[n] == 0;
}

static int check_nonce(json_object *header, const char **ret_reason)
{
    const char *text;
    int r = json_get_string(header, "nonce", &text);

    if (r == -ENOENT)
        return 0;
    if (r < 0 || !nonce_is_valid(text))
        return refuse(ret_reason, "nonce is not a number, decimal or with 0x");
    return 0;
}

static int check_thumbprint(json_object *header, const EnvelopeExpectation *expected,
                            const char **ret_reason)
{
    _cleanup_free_ char *encoded = NULL;
    uint8_t digest[SHA256_SIZE];
    const char *text;

    if (EVP_Digest(expected->certificate.data, expected->certificate.size, digest, NULL,
                   EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    encoded = base64url_encode(digest, sizeof digest);
    if (!encoded)
        return -ENOMEM;
    if (json_get_string(header, "x5t#S256", &text) < 0 || !streq(text, encoded))
        return refuse(ret_reason, "x5t#S256 is not the thumbprint of the certificate");
    return 0;
}

/* Base64 of RFC 4648 section 4 with its padding; one DER SEQUENCE inside. */
static bool is_encoded_certificate(const char *text)
{
    _cleanup_free_ char *copy = strdup(text);
    _cleanup_free_ void *data = NULL;
    size_t n = strlen(text), size;

    if (!copy || n % 4 != 0 || strpbrk(text, "-_"))
        return false;
    for (char *p = copy; *p; p++)
        *p = (char)(*p == '+' ? '-' : *p == '/' ? '_' : *p);
    for (unsigned i = 0; i < 2 && n > 0 && copy[n - 1] == '='; i++)
        n--;
    return base64url_decode(copy, n, &data, &size) >= 0 &&
           der_read_only((DerSpan){data, size}, DER_SEQUENCE, NULL) >= 0;
}

static int check_chain(json_object *header, const EnvelopeExpectation *expected,
                       const char **ret_reason)
{
    _cleanup_free_ char *own = NULL;
    json_object *chain;
    int r = json_get_array(header, "x5c", &chain);

    if (r == -ENOENT)
        return 0;
    if (r < 0 || json_object_array_length(chain) == 0 ||
        json_object_array_length(chain) > CHAIN_MAX)
        return refuse(ret_reason, "x5c is not a list of certificates");
    own = base64_encode(expected->certificate.data, expected->certificate.size);
    if (!own)
        return -ENOMEM;
    for (size_t i = 0; i < json_object_array_length(chain); i++) {
        json_object *element = json_object_array_get_idx(chain, i);
        const char *text = json_object_get_string(element);

        if (!json_object_is_type(element, json_type_string) || !is_encoded_certificate(text))
            return refuse(ret_reason, "x5c has something that is not a certificate");
        if (i == 0 && !streq(text, own))
            return refuse(ret_reason, "x5c does not begin with the certificate");
    }
    return 0;
}

static int check_header(json_object *header, const EnvelopeExpectation *expected,
                        const char **ret_reason)
{
    static const char *const members[] = {"alg", "typ",      "cty", "nonce",
                                          "iat", "x5t#S256", "x5c", NULL};
    int r;

    if (!json_object_is_type(header, json_type_object))
        return refuse(ret_reason, "the header is not a JSON object");
    if (json_only_members(header, members) < 0)
        return refuse(ret_reason, "the header has a member that is not known here");
    r = check_algorithm_and_type(header, expected, ENVELOPE_TYPE, ret_reason);
    if (r >= 0)
        r = check_content_type(header, ret_reason);
    if (r >= 0)
        r = check_time(header, expected, ret_reason);
    if (r >= 0)
        r = check_nonce(header, ret_reason);
    if (r >= 0)
        r = check_thumbprint(header, expected, ret_reason);
    if (r >= 0)
        r = check_chain(header, expected, ret_reason);
    return r;
}

/* What an attestation token's header says besides is in its claims. */
static int check_token_header(json_object *header, const EnvelopeExpectation *expected,
                              const char *type, const char **ret_reason)
{
    static const char *const members[] = {"alg", "typ", "x5t#S256", "x5c", NULL};
    int r;

    if (!json_object_is_type(header, json_type_object))
        return refuse(ret_reason, "the header is not a JSON object");
    if (json_only_members(header, members) < 0)
        return refuse(ret_reason, "the header has a member that is not known here");
    r = check_algorithm_and_type(header, expected, type, ret_reason);
    if (r >= 0)
        r = check_thumbprint(header, expected, ret_reason);
    return r < 0 ? r : check_chain(header, expected, ret_reason);
}

int envelope_input_parse(DerSpan input, const EnvelopeExpectation *expected, DerSpan *ret_payload,
                         const char **ret_reason)
{
    return envelope_token_parse(input, expected, NULL, ret_payload, ret_reason);
}

int envelope_token_parse(DerSpan input, const EnvelopeExpectation *expected, const char *type,
                         DerSpan *ret_payload, const char **ret_reason)
{
    size_t search = input.size < HEADER_ENCODED_MAX + 1 ? input.size : HEADER_ENCODED_MAX + 1, size,
           encoded;
    const uint8_t *dot = search > 0 ? memchr(input.data, '.', search) : NULL;
    _cleanup_json_ json_object *header = NULL;
    _cleanup_free_ void *text = NULL;
    int r;

    if (!dot)
        return refuse(ret_reason, "there is no header, or it is too large");
    encoded = (size_t)(dot - input.data);
    r = base64url_decode((const char *)input.data, encoded, &text, &size);
    if (r < 0)
        return r == -ENOMEM ? r : refuse(ret_reason, "the header is not base64url");
    if (size > ENVELOPE_HEADER_MAX)
        return refuse(ret_reason, "the header is too large");
    r = json_parse(text, size, &header);
    if (r < 0)
        return r == -ENOMEM ? r : refuse(ret_reason, "the header is not JSON");
    r = type ? check_token_header(header, expected, type, ret_reason)
             : check_header(header, expected, ret_reason);
    if (r < 0)
        return r;
    *ret_payload = (DerSpan){dot + 1, input.size - encoded - 1};
    return 0;
}
