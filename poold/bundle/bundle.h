/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles of CA certificates: concatenated PEM, or PKCS#7 (RFC 5652 SignedData) in DER or PEM. A
 * container is certificates-only, or it is signed and its content is another bundle, as vendors
 * publish theirs: then the certificates of the inner one are those that count, the outer ones are
 * the signers'.
 *
 * The container is read by our own strict DER reader, never by OpenSSL; OpenSSL sees single
 * certificates, one by one, after their DER has been checked. */
#pragma once

#include "authority.h"
#include "der.h"

#define BUNDLE_SIZE_MAX (48U << 20)
#define BUNDLE_CERTIFICATES_MAX 32768U
/* A signed container around a signed one around the certificates, each of them in PEM. */
#define BUNDLE_NESTING_MAX 3U

/* Returns 0 with what is in the bundle (possibly nothing), -EMSGSIZE, -ENOMEM, or -EBADMSG;
 * *ret_reason (static, half a sentence) says what is wrong. */
int bundle_parse(const void *data, size_t size, const AuthorityRules *rules, AuthorityList **ret,
                 const char **ret_reason);

/* Is all that bundle_parse() takes from the bundle covered by a signature of the certificate with
 * this SHA-256 fingerprint (upper-case hex), or of one that it has issued? The certificate is
 * looked for in the container and among the authorities. Whoever configures a fingerprint means
 * that certificate, so that its dates do not count. Returns 0, -ENOMEM, -EBADMSG when the bundle is
 * not signed at all, or -EKEYREJECTED; *ret_reason as above. */
int bundle_check_signature(const void *data, size_t size, const char *fingerprint,
                           const AuthorityList *authorities, const char **ret_reason);

/* --- Between bundle.c and bundle-signature.c -------------------------------------------------- */

typedef struct BundleContainer {
    DerSpan digests, content, certificates,
        signers; /* what is inside each; an absent one is empty */
    bool has_content;
} BundleContainer;

/* Takes a SignedData apart. Returns 0, or -EBADMSG with *ret_reason. */
int bundle_open_container(DerSpan der, BundleContainer *ret, const char **ret_reason);
/* The text without the byte order mark that some editors put in front. */
DerSpan bundle_skip_mark(DerSpan text);
