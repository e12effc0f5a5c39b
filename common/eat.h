/* SPDX-License-Identifier: Apache-2.0 */
/* Entity attestation tokens (RFC 9711): what the maker (dossierd), the signer (keyd) and the reader
 * (chancery-verify) have to agree on. A token has the claims below and no other; the last of them
 * is the only measurement, whose body is what was signed, byte for byte.
 *
 * As a JWT (RFC 7519) the body is base64url in the claims' JSON; as a CWT (RFC 8392, COSE_Sign1 of
 * RFC 9052) it is a byte string. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "der.h"

#define EAT_JWT_TYPE "eat+jwt"             /* typ of RFC 9711 section 9.3 */
#define EAT_CWT_TYPE "application/eat+cwt" /* typ of COSE, RFC 9596 */
/* What was signed: a dossier that the device itself has collected, or what a user had it sign. */
#define EAT_PROFILE_DOSSIER "urn:chancery:eat:dossier"
#define EAT_PROFILE_OUTPUT "urn:chancery:eat:output"
/* Content formats of CoAP (RFC 7252): application/json, application/octet-stream. */
#define EAT_FORMAT_JSON 50U
#define EAT_FORMAT_BYTES 42U

#define EAT_NONCE_MIN 8U
#define EAT_NONCE_MAX 64U
#define EAT_UEID_SIZE 17U /* a type, and 128 random bits */
#define EAT_UEID_RANDOM 0x01
#define EAT_TEXT_MAX 128U
/* Everything but the measurement's body. */
#define EAT_CLAIMS_MAX 4096U
#define EAT_HEADER_MAX (128U << 10)
#define EAT_CHAIN_MAX 16U

typedef struct EatClaims {
    int64_t issued_at; /* seconds since the epoch */
    uint8_t nonce[EAT_NONCE_MAX];
    size_t nonce_size; /* 0: none */
    bool is_dossier;   /* which of the profiles */
    bool has_ueid, has_sueid;
    uint8_t ueid[EAT_UEID_SIZE];  /* of the device */
    uint8_t sueid[EAT_UEID_SIZE]; /* of what is installed on it */
    uint64_t uptime;              /* seconds */
    char software[EAT_TEXT_MAX];  /* its name, "" when it is not known; printable UTF-8 */
    char version[EAT_TEXT_MAX];
} EatClaims;

/* The number that the text is, as bytes: those of hexadecimal digits after 0x, or as few as a
 * decimal number needs; with zeros before them where there are less than eight. -EINVAL. */
int eat_nonce_from_text(const char *text, uint8_t ret[EAT_NONCE_MAX], size_t *ret_size);

/* --- JWT -------------------------------------------------------------------------------------- */

/* The claims up to where the body begins: a multiple of three bytes, so that their base64url and
 * that of the body stand side by side. The caller frees. */
int eat_claims_to_json(const EatClaims *c, char **ret);
/* What follows the body. */
#define EAT_JSON_END "\"]]}"

/* text begins with claims as written above, at least the first EAT_CLAIMS_MAX bytes of them when
 * there are more. *ret_size: of what is before the body. -EBADMSG with a static reason. */
int eat_claims_from_json(const char *text, size_t size, EatClaims *ret, size_t *ret_size,
                         const char **ret_reason);

/* --- CWT -------------------------------------------------------------------------------------- */

/* The claims up to where a body of that size begins; returns their size. -ENOBUFS. */
int eat_claims_to_cbor(const EatClaims *c, size_t body_size, uint8_t buffer[EAT_CLAIMS_MAX]);
/* All of them. */
int eat_claims_from_cbor(DerSpan text, EatClaims *ret, DerSpan *ret_body, const char **ret_reason);

/* The number of a JWS algorithm in COSE (RFC 8812, RFC 9053), or -EOPNOTSUPP. */
int cose_algorithm(const char *jws, int64_t *ret);

typedef struct CoseHeader {
    int64_t algorithm;
    uint8_t thumbprint[32];       /* SHA-256 of the signer's certificate (x5t, RFC 9360) */
    DerSpan chain[EAT_CHAIN_MAX]; /* DER; leaf first */
    size_t n_chain;
} CoseHeader;

/* The protected header. Returns its size; -ENOBUFS. */
int cose_header_write(const CoseHeader *h, uint8_t *buffer, size_t room);
int cose_header_read(DerSpan text, CoseHeader *ret, const char **ret_reason);

/* The Sig_structure of RFC 9052 section 4.4 around a payload of that size, up to where it begins.
 */
int cose_signed_head(DerSpan header, size_t payload_size, uint8_t *buffer, size_t room);
int cose_signed_read(DerSpan text, DerSpan *ret_header, DerSpan *ret_payload,
                     const char **ret_reason);
/* The token itself: tag 61 of a CWT, tag 18 of COSE_Sign1, up to where the payload begins. */
int cose_token_head(DerSpan header, size_t payload_size, uint8_t *buffer, size_t room);
int cose_token_read(DerSpan text, DerSpan *ret_header, DerSpan *ret_payload, DerSpan *ret_signature,
                    const char **ret_reason);
