/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a signed envelope strictly: flattened JSON of three members (RFC 7515 section 7.2.2),
 * base64url without padding, a protected header with known members only. What another JOSE library
 * might read differently is refused. The same of entity attestation tokens (common/eat.h): of JWTs
 * in compact serialisation, and of CWTs. */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* dossierd signs 512 MiB at most. In a JWT they are encoded twice. */
#define ENVELOPE_SIZE_MAX (UINT64_C(912) * 1024 * 1024)
#define ENVELOPE_HEADER_MAX (1024U * 1024)
#define ENVELOPE_SIGNATURE_MAX 8192U
#define ENVELOPE_CHAIN_MAX 8U
#define ENVELOPE_NONCE_MAX 160U

typedef struct Text {
    const char *data;
    size_t size;
} Text;

typedef enum EnvelopeFormat {
    FORMAT_ENVELOPE,
    FORMAT_EAT_JWT,
    FORMAT_EAT_CWT,
} EnvelopeFormat;

/* "envelope", "eat-jwt", "eat-cwt" */
const char *envelope_format_to_string(EnvelopeFormat format);

typedef struct Envelope {
    EnvelopeFormat format;
    Text payload64, header64, signature64; /* as they stand in the input; not of a CWT */
    Text signed_parts[3];                  /* what the signature is over, one after the other */
    void *signed_head;                     /* the first of them, where it is not in the input */
    Text body;                             /* of a CWT: what was signed, in the input */
    uint8_t *signature;
    size_t signature_size;
    char algorithm[16];
    char nonce[ENVELOPE_NONCE_MAX]; /* "" when there is none; of a token in hexadecimal digits */
    int64_t issued_at;
    bool is_collected_dossier; /* the device says that it collected the payload itself */
    uint8_t thumbprint[32];
    STACK_OF(X509) * chain; /* leaf first; empty without x5c */
} Envelope;

/* The reason that is the reader's own, and none of what it reads: readers inside return it, and
 * envelope_read() -ENOMEM in its place. */
extern const char envelope_no_memory[];

/* The input must stay as long as the envelope. -EBADMSG with *ret_reason (static) for what is no
 * envelope. */
int envelope_read(const char *input, size_t size, Envelope *ret, const char **ret_reason);
void envelope_done(Envelope *e);

/* What was signed; the caller frees. Of a token it also reads the claims: nonce, time and whether
 * it is a collected dossier are known only then. -EBADMSG with *ret_reason (static). */
int envelope_payload(Envelope *e, void **ret_data, size_t *ret_size, const char **ret_reason);

/* Is it that nonce? Of an envelope character for character; a token has the number that it is. */
bool envelope_nonce_is(const Envelope *e, const char *nonce);
