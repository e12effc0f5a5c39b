/* SPDX-License-Identifier: Apache-2.0 */
/* What is signed of an entity attestation token (common/eat.h): of a JWT its signing input (RFC
 * 7515 section 5.1), of a CWT its Sig_structure (RFC 9052 section 4.4). Header and claims are read
 * and compared with what they have to say; the body of the measurement may be anything, and cannot
 * be taken for claims. */
#pragma once

#include "envelope-input.h"

/* *ret_quads: what has yet to be looked at with envelope_quads_are_valid(), in pieces of whole
 * fours. -EBADMSG with a static reason. */
int eat_jwt_input_parse(DerSpan input, const EnvelopeExpectation *expected, DerSpan *ret_quads,
                        const char **ret_reason);
int eat_cwt_input_parse(DerSpan input, const EnvelopeExpectation *expected,
                        const char **ret_reason);
