/* SPDX-License-Identifier: Apache-2.0 */
/* What a CMP client signs (RFC 4210, RFC 9483): the proof of possession over a CertRequest
 * (RFC 4211), and the protection over header and body of a message. Syntax only; spans point into
 * the input. */
#pragma once

#include "der.h"

#define CMP_INPUT_SIZE_MAX 65536U

typedef struct CmpInput {
    /* Of the certificate that is asked for: the content of its SubjectPublicKeyInfo; none when the
     * message asks for none. */
    DerSpan public_key;
    DerSpan protection; /* the AlgorithmIdentifier in the header; none in a CertRequest */
} CmpInput;

/* Is it one of them? Of messages only those of a client that enrols: never an answer, a revocation
 * or somebody else's message inside. -EBADMSG with a static reason. */
int cmp_input_parse(DerSpan input, CmpInput *ret, const char **ret_reason);
