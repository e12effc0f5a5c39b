/* SPDX-License-Identifier: Apache-2.0 */
/* The signing input of an envelope. What passes has to be base64url from end to end. */
#include <stdlib.h>
#include <string.h>

#include "envelope-input.h"
#include "json-util.h"

/* Time and certificate of the corpus. */
#define CORPUS_TIME 1700000000
#define CORPUS_CERTIFICATE "\x30\x03\x02\x01\x05"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const EnvelopeExpectation expected = {
        "ES256", CORPUS_TIME, {(const uint8_t *)CORPUS_CERTIFICATE, STRLEN(CORPUS_CERTIFICATE)}};
    const char *reason = NULL;
    _cleanup_free_ void *decoded = NULL;
    DerSpan payload;
    size_t n;

    if (envelope_input_parse((DerSpan){data, size}, &expected, &payload, &reason) < 0) {
        if (!reason)
            abort();
        return 0;
    }
    if (payload.data + payload.size != data + size || payload.data[-1] != '.')
        abort();
    if ((envelope_payload_piece_is_valid(payload) && envelope_payload_end_is_valid(payload)) !=
        (base64url_decode((const char *)payload.data, payload.size, &decoded, &n) >= 0))
        abort();
    return 0;
}
