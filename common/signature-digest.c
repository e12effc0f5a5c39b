/* SPDX-License-Identifier: Apache-2.0 */
#include "signature-digest.h"

#include <openssl/objects.h>
#include <openssl/rsa.h>

#include "cleanup.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(RSA_PSS_PARAMS *, RSA_PSS_PARAMS_free);

static int pss_digest(const X509_ALGOR *algorithm)
{
    const ASN1_OBJECT *digest;
    const void *value;
    int type;

    X509_ALGOR_get0(NULL, &type, &value, algorithm);
    if (type != V_ASN1_SEQUENCE)
        return NID_undef;

    const ASN1_STRING *sequence = value;
    const unsigned char *p = ASN1_STRING_get0_data(sequence);
    _cleanup_(RSA_PSS_PARAMS_freep) RSA_PSS_PARAMS *parameters =
        d2i_RSA_PSS_PARAMS(NULL, &p, ASN1_STRING_length(sequence));

    if (!parameters || !parameters->hashAlgorithm)
        return NID_undef;
    X509_ALGOR_get0(&digest, NULL, NULL, parameters->hashAlgorithm);
    return OBJ_obj2nid(digest);
}

bool signature_digest_is_strong(const X509_ALGOR *algorithm)
{
    static const int strong[] = {NID_sha224,     NID_sha256,    NID_sha384,   NID_sha512,
                                 NID_sha3_224,   NID_sha3_256,  NID_sha3_384, NID_sha3_512,
                                 NID_sha512_224, NID_sha512_256};
    const ASN1_OBJECT *object;
    int signature, digest;

    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    signature = OBJ_obj2nid(object);
    if (signature == NID_ED25519 || signature == NID_ED448)
        return true;
    if (signature == NID_rsassaPss)
        digest = pss_digest(algorithm);
    else if (!OBJ_find_sigid_algs(signature, &digest, NULL))
        return false;
    for (size_t i = 0; i < ELEMENTSOF(strong); i++)
        if (digest == strong[i])
            return true;
    return false;
}
