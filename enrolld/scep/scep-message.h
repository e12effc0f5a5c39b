/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of SCEP (RFC 8894) as bytes: requests are made, replies are read strictly and checked
 * against the request. No network, no state; signing may block in the key. */
#pragma once

#include <stdbool.h>

#include "der.h"
#include "openssl-util.h"
#include "received.h"
#include "scep-password.h"

#define SCEP_NONCE_SIZE 16U
#define SCEP_TRANSACTION_SIZE 65U
#define SCEP_REPLY_MAX (256U << 10)
#define SCEP_CRL_REPLY_MAX (8U << 20)

/* --- What the server can ---------------------------------------------------------------------- */

typedef struct ScepCapabilities {
    bool aes, sha256, post, renewal, triple_des, next_authority;
} ScepCapabilities;

/* Nobody has signed the list: it can only make the choice between what is good enough anyway. */
void scep_capabilities_parse(const void *text, size_t size, ScepCapabilities *ret);

/* BER passes here, and where it says so; elsewhere ber_to_der() comes before. */

/* The certificates in a reply to GetCACert, also in BER: one alone, or those of a SignedData
 * without signers. */
int scep_certificates_parse(const void *data, size_t size, ReceivedList *ret,
                            const char **ret_reason);

/* The same in a reply to GetNextCACert (RFC 8894 section 4.7), which the CA signs with the key that
 * it has now. -EKEYREJECTED as well. */
int scep_next_certificates_parse(const void *data, size_t size, X509 *authority, bool legacy,
                                 OSSL_LIB_CTX *context, ReceivedList *ret, const char **ret_reason);

/* --- Peers ------------------------------------------------------------------------------------ */

/* Who is who at the other end. */
typedef struct ScepPeers {
    X509 *authority;
    X509 *recipient; /* the RA's for encryption where there is one, else the CA's */
    X509 *signers[RECEIVED_MAX + 1];
    size_t n_signers;
} ScepPeers;

/* others: what came with the CA's certificate; who has expired since is nobody any more. Borrows
 * all. */
void scep_peers_choose(X509 *authority, X509 *const *others, size_t n_others, int64_t now,
                       ScepPeers *ret);

/* --- Requests --------------------------------------------------------------------------------- */

typedef enum ScepType {
    SCEP_RENEWAL = 17,
    SCEP_ENROLL = 19,
    SCEP_POLL = 20,
    SCEP_GET_CERTIFICATE = 21,
    SCEP_GET_CRL = 22,
} ScepType;

typedef struct ScepRequest {
    OSSL_LIB_CTX *context;
    ScepType type;
    const char *transaction;
    const uint8_t *nonce; /* SCEP_NONCE_SIZE */
    const void *content;  /* CertificationRequest, IssuerAndSubject or IssuerAndSerialNumber */
    size_t content_size;
    X509 *recipient; /* who can read it */
    X509 *signer;
    EVP_PKEY *key;
    const char *digest;
    bool triple_des; /* AES otherwise */
} ScepRequest;

/* -EOPNOTSUPP: the recipient has neither an RSA key nor one of an elliptic curve. -EIO: signing
 * failed. */
int scep_request_build(const ScepRequest *request, void **ret_der, size_t *ret_size);

/* The same with the content encrypted already: of an Ed25519 key. */
int scep_sign_plain(const ScepRequest *request, BIO *content, BIO *out);

/* The hexadecimal SHA-256 of the public key, and of the certificate that is to be renewed (NULL:
 * none): the same key asks for the same certificate in the same transaction. */
int scep_transaction(EVP_PKEY *key, const X509 *renewed, char ret[SCEP_TRANSACTION_SIZE]);
/* The certificate that a key without one shows: its own, no CA. -EIO. */
int scep_signer_certificate(OSSL_LIB_CTX *context, EVP_PKEY *key, const X509_NAME *subject,
                            const char *transaction, int64_t now, X509 **ret);
/* What CertPoll is about. */
int scep_issuer_and_subject(const X509 *authority, X509_REQ *request, void **ret_der,
                            size_t *ret_size);

/* What GetCert and GetCRL are about. */
int scep_issuer_and_serial(const X509_NAME *issuer, const ASN1_INTEGER *serial, void **ret_der,
                           size_t *ret_size);

/* --- Replies ---------------------------------------------------------------------------------- */

typedef enum ScepStatus {
    SCEP_SUCCESS = 0,
    SCEP_FAILURE = 2,
    SCEP_PENDING = 3,
} ScepStatus;

typedef struct ScepExpectation {
    OSSL_LIB_CTX *context;
    const char *transaction;
    const uint8_t *nonce; /* the one that was sent */
    X509 *const *signers; /* who may answer */
    size_t n_signers;
    bool legacy;     /* SHA-1, Triple DES and DES pass */
    size_t size_max; /* 0: SCEP_REPLY_MAX */
} ScepExpectation;

#define SCEP_TEXT_SIZE 128U

typedef struct ScepReply {
    ScepStatus status;
    const char *fail_info;          /* of SCEP_FAILURE: "badRequest" */
    char fail_text[SCEP_TEXT_SIZE]; /* what the server adds, printable; "" for nothing */
    DerSpan content;                /* of SCEP_SUCCESS: the EnvelopedData, inside the input */
} ScepReply;

/* Is it the answer to what was asked? -EBADMSG (no such message) or -EKEYREJECTED (not the answer,
 * or not good enough) with *ret_reason (static). */
int scep_reply_parse(const void *data, size_t size, const ScepExpectation *expected, ScepReply *ret,
                     const char **ret_reason);

/* The one CRL that a reply to GetCRL has; the caller frees. -EBADMSG with *ret_reason. */
int scep_crl_parse(const void *data, size_t size, void **ret, size_t *ret_size,
                   const char **ret_reason);

/* Does IssuerAndSerialNumber name this certificate? */
bool scep_names_certificate(DerSpan issuer_and_serial, const X509 *x);

/* Can nothing be encrypted for it? Then answers are, under the challenge password. */
static inline bool scep_needs_password(const EVP_PKEY *key)
{
    return !EVP_PKEY_is_a(key, "RSA") && !EVP_PKEY_is_a(key, "EC");
}

typedef struct ScepEnvelope {
    DerSpan encrypted_key; /* or, by key agreement, all of the KeyAgreeRecipientInfo */
    bool by_password;
    ScepPassword password; /* then; else the key opens it */
    DerSpan iv;
    DerSpan ciphertext; /* or, in pieces, the OCTET STRINGs */
    bool in_pieces;
    const char *cipher; /* OpenSSL's name */
    size_t key_size;    /* of the key that is encrypted */
} ScepEnvelope;

/* For exactly one recipient, the one with this certificate; or, if that cannot be, under a password
 * only. As above. */
int scep_envelope_parse(DerSpan content, const X509 *recipient, bool legacy, ScepEnvelope *ret,
                        const char **ret_reason);
/* With the key or the password, whichever it is for. -EKEYREJECTED, for one reason only: it cannot
 * be opened. */
int scep_envelope_open(const ScepEnvelope *envelope, OSSL_LIB_CTX *context, EVP_PKEY *key,
                       const char *password, void **ret_data, size_t *ret_size);
