/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that stay in keyd, for the daemons that use them. All calls block: for worker threads
 * only, never for the main loop. */
#pragma once

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

/* Loads the built-in OpenSSL provider into a library context of its own; the default provider is
 * there too. One call at start-up of the process, before the sandbox. NULL on failure. */
OSSL_LIB_CTX *keyd_provider_context(void);
/* At the end, when all that was made in the context is gone. NULL is fine. */
void keyd_provider_context_free(OSSL_LIB_CTX *context);

/* A key of keyd: its public half, and signing that is a call of org.chancery.Keys1.Signing with the
 * given purpose. certificate (may be NULL): for "envelope", the DER certificate that the protected
 * header names. EVP_DigestSign*() with it, and X509_sign_ctx(), X509_REQ_sign_ctx(), CMS_sign()
 * work as with any key; exporting the private half is refused. Returns 0, -ENOENT (no such key), or
 * another negative errno. */
int keyd_key_new(OSSL_LIB_CTX *context, const char *algorithm, const char *label,
                 const char *purpose, const void *certificate, size_t certificate_size,
                 EVP_PKEY **ret);

/* The same for one pair of usage keys, "signature" or "encryption"; another key has one pair, which
 * is both. */
int keyd_pair_new(OSSL_LIB_CTX *context, const char *algorithm, const char *label, const char *pair,
                  const char *purpose, EVP_PKEY **ret);

/* An RSA key that unwraps content keys of key_size bytes (8, 16, 24 or 32), for a purpose such as
 * "scep-decrypt". CMS_decrypt() works with it when the content's cipher has keys of that size,
 * which is to be looked up first. What keyd could not unwrap comes out as a key that opens nothing.
 */
int keyd_unwrapper_new(OSSL_LIB_CTX *context, const char *label, const char *purpose,
                       size_t key_size, EVP_PKEY **ret);

/* The same of another algorithm, "ecdsanistp256" say, and with one pair: "next" or "encryption".
 * What a key of an elliptic curve is given, by EVP_PKEY_decrypt(), is a KeyAgreeRecipientInfo with
 * tag and length; what could not be unwrapped is refused. */
int keyd_pair_unwrapper_new(OSSL_LIB_CTX *context, const char *algorithm, const char *label,
                            const char *pair, const char *purpose, size_t key_size, EVP_PKEY **ret);

/* From here to the end of this, public keys are asked for once: for jobs that need the same key
 * several times. In this thread only; not to be nested. */
void keyd_remember_keys(void);
void keyd_forget_keys(void);

/* The interface Rotation: makes the next key of a name; puts it in place, or the previous one back
 * (public_key: DER, the one that is to be current); forgets "next" or "previous". -ENOENT when
 * there is no such key (any more). */
int keyd_rotation_stage(const char *algorithm, const char *label);
int keyd_rotation_commit(const char *algorithm, const char *label, const void *public_key,
                         size_t size);
int keyd_rotation_undo(const char *algorithm, const char *label, const void *public_key,
                       size_t size);
int keyd_rotation_forget(const char *algorithm, const char *label, const char *which);

/* A password of the configuration, opened; wiped and freed by the caller. -EKEYREJECTED: not sealed
 * by this router. */
int keyd_secret_open(const char *purpose, const char *sealed, char **ret);

/* An envelope that keyd hashes while it is made: what is signed is written to the descriptor, which
 * does not block, and behind it a newline. Not for ed25519. Belongs to this thread. */
typedef struct KeydStream KeydStream;
int keyd_stream_begin(const char *algorithm, const char *label, const char *digest,
                      const void *certificate, size_t certificate_size, KeydStream **ret);
int keyd_stream_fd(const KeydStream *s);
/* Everything is written: waits for the signature, once. */
int keyd_stream_finish(KeydStream *s, void **ret_signature, size_t *ret_size);
/* Unfinished, nothing is signed. */
KeydStream *keyd_stream_free(KeydStream *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(KeydStream *, keyd_stream_free);

/* Opens a channel (keyd/PROTOCOL.md) that signs with one key for one purpose, to hand it to a
 * process that cannot ask for it. */
int keyd_channel_open(const char *algorithm, const char *label, const char *purpose, int *ret_fd);

/* What keyd said when the last operation of this thread failed; "" when nothing. */
const char *keyd_last_error(void);
/* The negative errno of it; 0 when nothing. */
int keyd_last_errno(void);
