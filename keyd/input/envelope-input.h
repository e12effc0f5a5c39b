/* SPDX-License-Identifier: Apache-2.0 */
/* The JWS signing input (RFC 7515 section 5.1) of an envelope: BASE64URL(protected header) "."
 * BASE64URL(payload). The header is read and compared with what it has to say; the payload, up to 1
 * GiB, is looked at piece by piece while it is hashed. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "der.h"
#include "envelope-format.h"

#define ENVELOPE_SIZE_MAX (1U << 30)
#define ENVELOPE_HEADER_MAX (128U << 10)
/* Seconds that the header's time may be away from ours. */
#define ENVELOPE_CLOCK_SKEW 300

typedef struct EnvelopeExpectation {
    const char *algorithm; /* as JOSE calls it */
    int64_t now;           /* seconds since the epoch */
    DerSpan certificate;   /* DER */
} EnvelopeExpectation;

/* Reads the header. *ret_payload is what has to be checked with envelope_payload_check(). -EBADMSG
 * with a static reason. */
int envelope_input_parse(DerSpan input, const EnvelopeExpectation *expected, DerSpan *ret_payload,
                         const char **ret_reason);

/* The same of a token whose header is of that type and says nothing of time and nonce. NULL: of an
 * envelope. */
int envelope_token_parse(DerSpan input, const EnvelopeExpectation *expected, const char *type,
                         DerSpan *ret_payload, const char **ret_reason);

/* base64url characters only, an end that is an end. A pass over the first bytes of a payload is
 * never wrong about them: pieces may be checked one by one. */
bool envelope_payload_piece_is_valid(DerSpan piece);
bool envelope_payload_end_is_valid(DerSpan payload);
/* Of size characters, that is the last one. */
bool envelope_last_is_valid(uint8_t character, size_t size);
/* base64url of base64url characters only: of whole fours. */
bool envelope_quads_are_valid(DerSpan quads);
