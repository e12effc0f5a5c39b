/* SPDX-License-Identifier: Apache-2.0 */
/* The signature of a signed bundle. What reaches OpenSSL's CMS code is a container that our own
 * reader has taken apart before: a handful of signers, with the digests and signature algorithms of
 * the list below, over content that is there. */
#include "bundle.h"
#include "pem.h"

#define SIGNERS_MAX 4U
#define OUTER_CERTIFICATES_MAX 64U
#define FINGERPRINT_LENGTH 64U
#define OID(...)                                                                                   \
    {                                                                                              \
        sizeof((const uint8_t[]){__VA_ARGS__}),                                                    \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

typedef struct Oid {
    size_t size;
    uint8_t bytes[9];
} Oid;

static const Oid digests_allowed[] = {
    OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01), /* SHA-256 */
    OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02), /* SHA-384 */
    OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03), /* SHA-512 */
};

static const Oid signatures_allowed[] = {
    OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
        0x01), /* RSA, with the digest of the signer */
    OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a), /* RSASSA-PSS */
    OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b), /* RSA with SHA-256 */
    OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c), /* RSA with SHA-384 */
    OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d), /* RSA with SHA-512 */
    OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02),       /* ECDSA with SHA-256 */
    OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03),       /* ECDSA with SHA-384 */
    OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04),       /* ECDSA with SHA-512 */
};

static int fail(const char **ret_reason, int error, const char *reason)
{
    *ret_reason = reason;
    return -error;
}

/* Takes an AlgorithmIdentifier whose OID has to be in the list. */
static int read_algorithm(DerSpan *fields, const Oid *allowed, size_t n)
{
    DerSpan algorithm, oid;

    if (der_read(fields, DER_SEQUENCE, &algorithm) < 0 || der_read(&algorithm, DER_OID, &oid) < 0)
        return -EBADMSG;
    for (size_t i = 0; i < n; i++)
        if (der_equal(oid, allowed[i].bytes, allowed[i].size))
            return 0;
    return -EBADMSG;
}

static int check_signer(DerSpan signer)
{
    DerSpan skipped;
    uint64_t version;
    int r;

    /* The issuer with serial number, or the key identifier. */
    if (der_read_uint64(&signer, &version) < 0 || der_read_any(&signer, NULL, NULL, &skipped) < 0)
        return -EBADMSG;
    r = read_algorithm(&signer, digests_allowed, ELEMENTSOF(digests_allowed));
    if (r >= 0)
        r = der_read_optional(&signer, DER_CONTEXT_CONSTRUCTED(0), &skipped);
    if (r >= 0)
        r = read_algorithm(&signer, signatures_allowed, ELEMENTSOF(signatures_allowed));
    return r < 0 ? r : der_read(&signer, DER_OCTET_STRING, &skipped);
}

static size_t count_elements(DerSpan set)
{
    size_t n = 0;

    while (set.size > 0 && der_read_any(&set, NULL, NULL, NULL) >= 0)
        n++;
    return n;
}

static int check_container(const BundleContainer *c, const char **ret_reason)
{
    DerSpan digests = c->digests, signers = c->signers, signer;

    if (!c->has_content || signers.size == 0)
        return fail(ret_reason, EBADMSG, "it is not signed, and a signer is configured");
    if (count_elements(signers) > SIGNERS_MAX ||
        count_elements(c->certificates) > OUTER_CERTIFICATES_MAX)
        return fail(ret_reason, EKEYREJECTED,
                    "its outer container has too many signers or certificates");
    while (digests.size > 0)
        if (read_algorithm(&digests, digests_allowed, ELEMENTSOF(digests_allowed)) < 0)
            return fail(ret_reason, EKEYREJECTED,
                        "it is signed with a digest other than SHA-256, SHA-384 and SHA-512");
    while (signers.size > 0)
        if (der_read(&signers, DER_SEQUENCE, &signer) < 0 || check_signer(signer) < 0)
            return fail(ret_reason, EKEYREJECTED,
                        "it is signed in a way that is not taken (RSA or ECDSA with SHA-256, "
                        "SHA-384 or SHA-512 is)");
    return 0;
}

static bool has_fingerprint(X509 *certificate, const char *fingerprint)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char text[FINGERPRINT_LENGTH + 1] = "";
    unsigned n = 0;

    if (X509_digest(certificate, EVP_sha256(), digest, &n) != 1 || 2 * n != FINGERPRINT_LENGTH)
        return false;
    for (unsigned i = 0; i < n; i++)
        (void)snprintf(text + 2 * (size_t)i, 3, "%02X", (unsigned)digest[i]);
    return streq(text, fingerprint);
}

/* Returns the certificate as one more reference, or NULL. */
static X509 *find_signer(const STACK_OF(X509) * outer, const AuthorityList *authorities,
                         const char *fingerprint)
{
    X509 *found = NULL;

    for (int i = 0; i < sk_X509_num(outer); i++)
        if (has_fingerprint(sk_X509_value(outer, i), fingerprint) &&
            X509_up_ref(sk_X509_value(outer, i)))
            return sk_X509_value(outer, i);
    for (size_t i = 0; authorities && i < authorities->n; i++)
        if (streq(authorities->items[i]->summary.sha256_fingerprint, fingerprint))
            (void)certificate_parse(authorities->items[i]->der, authorities->items[i]->der_size,
                                    &found);
    return found;
}

static int verify(CMS_ContentInfo *cms, X509 *anchor)
{
    _cleanup_(X509_STORE_freep) X509_STORE *store = X509_STORE_new();

    if (!store || X509_STORE_add_cert(store, anchor) != 1 ||
        X509_STORE_set_purpose(store, X509_PURPOSE_ANY) != 1 ||
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME) != 1)
        return -ENOMEM;
    return CMS_verify(cms, NULL, store, NULL, NULL, CMS_BINARY) == 1 ? 0 : -EKEYREJECTED;
}

static int check_der(DerSpan der, const char *fingerprint, const AuthorityList *authorities,
                     const char **ret_reason)
{
    _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms = NULL;
    _cleanup_(x509_stack_freep) STACK_OF(X509) *outer = NULL;
    _cleanup_(X509_freep) X509 *anchor = NULL;
    const unsigned char *p = der.data;
    BundleContainer c;
    int r;

    r = bundle_open_container(der, &c, ret_reason);
    if (r >= 0)
        r = check_container(&c, ret_reason);
    if (r < 0)
        return r;
    cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.size);
    if (!cms)
        return fail(ret_reason, EKEYREJECTED, "its signed container does not parse");
    outer = CMS_get1_certs(cms);
    anchor = find_signer(outer, authorities, fingerprint);
    if (!anchor)
        return fail(ret_reason, EKEYREJECTED,
                    "it is not signed by the configured signer, whose certificate is neither in it "
                    "nor in the trustpool");
    r = verify(cms, anchor);
    return r == -EKEYREJECTED
               ? fail(ret_reason, EKEYREJECTED, "its signature is not one of the configured signer")
               : r;
}

/* The one container that the PEM text consists of: what stands beside it is covered by no
 * signature. */
static int decode_container(DerSpan text, void **ret, size_t *ret_size, const char **ret_reason)
{
    PemBlock block, more;

    text = bundle_skip_mark(text);
    if (pem_next(&text, &block) <= 0 || pem_next(&text, &more) != 0 ||
        !(pem_has_label(&block, "PKCS7") || pem_has_label(&block, "CMS")))
        return fail(ret_reason, EBADMSG,
                    "it is not one signed PKCS#7 container, and a signer is configured");
    return pem_decode(block.text, ret, ret_size);
}

int bundle_check_signature(const void *data, size_t size, const char *fingerprint,
                           const AuthorityList *authorities, const char **ret_reason)
{
    DerSpan der = {data, size};
    _cleanup_free_ void *decoded = NULL;
    int r;

    *ret_reason = "its base64 is wrong";
    if (size == 0 || size > BUNDLE_SIZE_MAX)
        return fail(ret_reason, EBADMSG, "it is empty or too large");
    if (der.data[0] != DER_SEQUENCE) {
        r = decode_container(der, &decoded, &size, ret_reason);
        if (r < 0)
            return r;
        der = (DerSpan){decoded, size};
    }
    r = check_der(der, fingerprint, authorities, ret_reason);
    ERR_clear_error();
    return r;
}
