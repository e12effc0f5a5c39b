/* SPDX-License-Identifier: Apache-2.0 */
/* The signed envelope: JWS (RFC 7515) in flattened JSON serialisation around any bytes. How other
 * evidence is held and signed is here too: see eat-token.h; and envelope-stream.h for envelopes
 * that are not held.
 *
 * An envelope is made in this order: header, payload (read to its end), signature, output. The
 * payload is held as base64url in a memory file, in the form in which it is both signed and
 * written. */
#pragma once

#include <json-c/json_types.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "envelope-format.h"

#define ENVELOPE_PAYLOAD_MAX (UINT64_C(512) * 1024 * 1024)
#define ENVELOPE_CHAIN_MAX 8U

typedef struct EnvelopeCertificate {
    const void *der;
    size_t size;
} EnvelopeCertificate;

/* Whose seal it is. */
typedef struct EnvelopeSigner {
    const char *algorithm; /* as keyd names it: "rsa", "ecdsanistp384", ... */
    const char *digest;    /* "sha256", "sha384", "sha512"; "" for ed25519 */
    EnvelopeCertificate chain[ENVELOPE_CHAIN_MAX]; /* leaf first */
    size_t n_chain;
} EnvelopeSigner;

/* The JWS algorithm (RFC 7518, RFC 8037) of a kind of key and a digest; NULL when there is none,
 * for example ES256 with SHA-384. */
const char *envelope_algorithm(const char *algorithm, const char *digest);

/* Adds x5t#S256, and when wanted x5c, to a header of JOSE. */
int envelope_add_certificates(json_object *header, const EnvelopeSigner *signer,
                              bool include_certificate);

/* The protected header as it is signed: base64url of its JSON. content_type and nonce may be NULL.
 * issued_at: seconds since the epoch. -EOPNOTSUPP without an algorithm. */
int envelope_header(const EnvelopeSigner *signer, const char *content_type, const char *nonce,
                    int64_t issued_at, bool include_certificate, char **ret);

/* The form in which a payload is signed. */
typedef enum EnvelopeEncoding {
    ENVELOPE_BASE64URL,
    ENVELOPE_RAW,
    /* base64url, and what ends the claims of a JWT (common/eat.h), in base64url. */
    ENVELOPE_BASE64URL_TWICE,
} EnvelopeEncoding;

typedef struct EnvelopePayload EnvelopePayload;
EnvelopePayload *envelope_payload_new(void);
EnvelopePayload *envelope_payload_new_encoded(EnvelopeEncoding encoding);
EnvelopePayload *envelope_payload_free(EnvelopePayload *p);
DEFINE_TRIVIAL_CLEANUP_FUNC(EnvelopePayload *, envelope_payload_free);
/* -EMSGSIZE beyond ENVELOPE_PAYLOAD_MAX. */
int envelope_payload_add(EnvelopePayload *p, const void *data, size_t size);
/* No more comes. Everything added, encoded, which stays until the payload is freed. */
int envelope_payload_finish(EnvelopePayload *p, const char **ret_text, size_t *ret_size);
/* For after that, and once: puts what is signed with it before it, so that a sealed memory file has
 * all that is signed, from the offset to its end. -EMSGSIZE: there is no room. */
int envelope_payload_put_head(EnvelopePayload *p, const void *head, size_t size,
                              size_t *ret_offset);
/* The memory file that has the text, from the offset to its end. Borrowed. */
int envelope_payload_file(const EnvelopePayload *p, off_t *ret_offset);
/* How much was added. */
uint64_t envelope_payload_size(const EnvelopePayload *p);
/* How much memory so much takes in that form. */
uint64_t envelope_payload_size_encoded(EnvelopeEncoding encoding, uint64_t size);

/* Signs "header.payload". context is the library context of the key; -EIO when signing failed (with
 * keyd, keyd_last_error() says why). *ret is base64url of the signature in JWS form: ECDSA as the
 * two numbers one after the other. */
int envelope_sign(OSSL_LIB_CTX *context, EVP_PKEY *key, const EnvelopeSigner *signer,
                  const char *header, EnvelopePayload *payload, char **ret);

/* The same of bytes before the payload and the payload; *ret is the signature itself. */
int envelope_sign_bytes(OSSL_LIB_CTX *context, EVP_PKEY *key, const EnvelopeSigner *signer,
                        const void *head, size_t head_size, EnvelopePayload *payload, void **ret,
                        size_t *ret_size);

/* A signature of such a key, as OpenSSL makes it, as an envelope has it. */
int envelope_signature(const EnvelopeSigner *signer, const void *signature, size_t size,
                       char **ret);

/* DER ECDSA-Sig-Value to r||s, each of coordinate_size bytes. -EBADMSG. */
int envelope_ecdsa_to_raw(const void *der, size_t size, size_t coordinate_size, uint8_t *ret);

/* {"payload":...,"protected":...,"signature":...} and a newline. write: returns 0 or a negative
 * errno. */
int envelope_write(int (*write)(void *userdata, const void *data, size_t size), void *userdata,
                   const char *header, const char *payload, size_t payload_size,
                   const char *signature);
