/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in OpenSSL provider whose private keys are in keyd.
 *
 * A key object is the public half (an ordinary key of the default provider, which does everything
 * that needs no secret) and a reference to keyd's key. Signing spools what is to be signed into a
 * memory file, which is sealed and handed to keyd: keyd parses it, so it must see the bytes and not
 * a digest. There is therefore no EVP_PKEY_sign(), and no private half to export. */
#include "keyd-provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/proverr.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/sendfile.h>

#include "atomic-file.h"
#include "keyd-client.h"
#include "memfd.h"
#include "openssl-util.h"

#define DIGEST_NAME_SIZE 32U

/* --- Keys ------------------------------------------------------------------------------------- */

typedef struct KeydKey {
    atomic_uint references;
    OSSL_LIB_CTX *context;
    const char *type;        /* "RSA", "EC", "ED25519" */
    EVP_PKEY *public_key;    /* of the default provider */
    KeydReference reference; /* algorithm is NULL for a key that is a public half only */
} KeydKey;

static KeydKey *key_new(OSSL_LIB_CTX *context, const char *type)
{
    KeydKey *key = calloc(1, sizeof(*key));

    if (!key)
        return NULL;
    atomic_init(&key->references, 1);
    key->context = context;
    key->type = type;
    return key;
}

static KeydKey *key_ref(KeydKey *key)
{
    atomic_fetch_add(&key->references, 1);
    return key;
}

static void key_unref(void *data)
{
    KeydKey *key = data;

    if (!key || atomic_fetch_sub(&key->references, 1) > 1)
        return;
    EVP_PKEY_free(key->public_key);
    free(key->reference.algorithm);
    free(key->reference.label);
    free(key->reference.purpose);
    free(key->reference.certificate);
    free(key->reference.pair);
    free(key);
}

static void *key_new_rsa(void *provctx)
{
    return key_new(provctx, "RSA");
}

static void *key_new_ec(void *provctx)
{
    return key_new(provctx, "EC");
}

static void *key_new_ed25519(void *provctx)
{
    return key_new(provctx, "ED25519");
}

static int key_has(const void *data, int selection)
{
    const KeydKey *key = data;

    if (!key || !key->public_key)
        return 0;
    return !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || key->reference.algorithm != NULL;
}

static int key_match(const void *data1, const void *data2, int selection)
{
    const KeydKey *key1 = data1, *key2 = data2;

    if (!key1->public_key || !key2->public_key)
        return 0;
    if (!(selection & OSSL_KEYMGMT_SELECT_KEYPAIR))
        return EVP_PKEY_parameters_eq(key1->public_key, key2->public_key) == 1;
    return EVP_PKEY_eq(key1->public_key, key2->public_key) == 1;
}

static int text_param(const OSSL_PARAM params[], const char *name, char **ret)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);
    const char *text;

    if (!p || OSSL_PARAM_get_utf8_string_ptr(p, &text) != 1)
        return 0;
    *ret = strdup(text);
    return *ret != NULL;
}

/* A key that stands for one in keyd; see keyd_key_new(). */
static int key_import_reference(KeydKey *key, const OSSL_PARAM params[],
                                const OSSL_PARAM *algorithm)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, KEYD_PARAM_PUBLIC_KEY);
    KeydReference *reference = &key->reference;
    const unsigned char *der;

    if (!p || p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size > LONG_MAX)
        return 0;
    der = p->data;
    key->public_key = d2i_PUBKEY_ex(NULL, &der, (long)p->data_size, key->context, DEFAULT_QUERY);
    if (!key->public_key || der != (const unsigned char *)p->data + p->data_size ||
        !EVP_PKEY_is_a(key->public_key, key->type))
        return 0;
    p = OSSL_PARAM_locate_const(params, KEYD_PARAM_CERTIFICATE);
    if (p && (p->data_type != OSSL_PARAM_OCTET_STRING ||
              OSSL_PARAM_get_octet_string(p, &reference->certificate, SIZE_MAX,
                                          &reference->certificate_size) != 1))
        return 0;
    p = OSSL_PARAM_locate_const(params, KEYD_PARAM_KEY_SIZE);
    if (p && OSSL_PARAM_get_size_t(p, &reference->key_size) != 1)
        return 0;
    if (OSSL_PARAM_locate_const(params, KEYD_PARAM_PAIR) &&
        !text_param(params, KEYD_PARAM_PAIR, &reference->pair))
        return 0;
    return text_param(params, KEYD_PARAM_LABEL, &reference->label) &&
           text_param(params, KEYD_PARAM_PURPOSE, &reference->purpose) &&
           text_param(algorithm, KEYD_PARAM_ALGORITHM, &reference->algorithm);
}

/* What OpenSSL does when it compares one of ours with a foreign key. Only the public half is taken,
 * whatever is offered. */
static int key_import(void *data, int selection, const OSSL_PARAM params[])
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *maker = NULL;
    const OSSL_PARAM *algorithm = OSSL_PARAM_locate_const(params, KEYD_PARAM_ALGORITHM);
    KeydKey *key = data;

    if (key->public_key)
        return 0;
    if (algorithm)
        return key_import_reference(key, params, algorithm);
    if (!(selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY))
        return 0;
    maker = EVP_PKEY_CTX_new_from_name(key->context, key->type, DEFAULT_QUERY);
    return maker && EVP_PKEY_fromdata_init(maker) == 1 &&
           EVP_PKEY_fromdata(maker, &key->public_key, EVP_PKEY_PUBLIC_KEY,
                             (OSSL_PARAM *)(uintptr_t)params) == 1;
}

static int key_export(void *data, int selection, OSSL_CALLBACK *callback, void *userdata)
{
    const KeydKey *key = data;

    if (!key->public_key ||
        ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && key->reference.algorithm)) {
        ERR_raise(ERR_LIB_PROV, PROV_R_NOT_A_PRIVATE_KEY);
        return 0;
    }
    return EVP_PKEY_export(key->public_key, selection & ~OSSL_KEYMGMT_SELECT_PRIVATE_KEY, callback,
                           userdata);
}

static const OSSL_PARAM *key_types(int selection)
{
    static const OSSL_PARAM public_params[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    return selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY ? public_params : NULL;
}

static int key_get_params(void *data, OSSL_PARAM params[])
{
    const KeydKey *key = data;

    return key->public_key && EVP_PKEY_get_params(key->public_key, params) == 1;
}

static const OSSL_PARAM *key_gettable_params(void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_END,
    };

    return gettable;
}

static const char *ec_operation_name(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

#define FUNCTION(f) ((void (*)(void))(f))

#define KEY_FUNCTIONS(new)                                                                         \
    {OSSL_FUNC_KEYMGMT_NEW, FUNCTION(new)}, {OSSL_FUNC_KEYMGMT_FREE, FUNCTION(key_unref)},         \
        {OSSL_FUNC_KEYMGMT_HAS, FUNCTION(key_has)},                                                \
        {OSSL_FUNC_KEYMGMT_MATCH, FUNCTION(key_match)},                                            \
        {OSSL_FUNC_KEYMGMT_IMPORT, FUNCTION(key_import)},                                          \
        {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, FUNCTION(key_types)},                                     \
        {OSSL_FUNC_KEYMGMT_EXPORT, FUNCTION(key_export)},                                          \
        {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, FUNCTION(key_types)},                                     \
        {OSSL_FUNC_KEYMGMT_GET_PARAMS, FUNCTION(key_get_params)},                                  \
    {                                                                                              \
        OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, FUNCTION(key_gettable_params)                           \
    }

static const OSSL_DISPATCH rsa_functions[] = {KEY_FUNCTIONS(key_new_rsa), {0, NULL}};
static const OSSL_DISPATCH ed25519_functions[] = {KEY_FUNCTIONS(key_new_ed25519), {0, NULL}};
static const OSSL_DISPATCH ec_functions[] = {
    KEY_FUNCTIONS(key_new_ec),
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FUNCTION(ec_operation_name)},
    {0, NULL},
};

/* --- Spools ----------------------------------------------------------------------------------- */

/* What is to be signed. OpenSSL 3.0 duplicates a context before it finishes it, so the memory file
 * is shared and copied only when somebody goes on writing. */
typedef struct Spool {
    atomic_uint references;
    int fd;
    bool sealed;
} Spool;

static Spool *spool_unref(Spool *spool)
{
    if (spool && atomic_fetch_sub(&spool->references, 1) == 1) {
        (void)close(spool->fd);
        free(spool);
    }
    return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Spool *, spool_unref);

static Spool *spool_new(void)
{
    Spool *spool = calloc(1, sizeof(*spool));

    if (!spool)
        return NULL;
    atomic_init(&spool->references, 1);
    spool->fd = memfd_new("to-be-signed");
    if (spool->fd < 0) {
        free(spool);
        return NULL;
    }
    return spool;
}

static Spool *spool_copy(const Spool *original)
{
    _cleanup_(spool_unrefp) Spool *copy = spool_new();
    off_t offset = 0;
    ssize_t n;

    if (!copy)
        return NULL;
    do
        n = sendfile(copy->fd, original->fd, &offset, 1 << 20);
    while (n > 0);
    return n < 0 ? NULL : TAKE_PTR(copy);
}

/* Makes *spool one that only this context writes to. */
static int spool_own(Spool **spool)
{
    Spool *copy;

    if (!(*spool)->sealed && atomic_load(&(*spool)->references) == 1)
        return 1;
    copy = spool_copy(*spool);
    if (!copy)
        return 0;
    spool_unref(*spool);
    *spool = copy;
    return 1;
}

/* --- Signing ---------------------------------------------------------------------------------- */

typedef struct SignContext {
    OSSL_LIB_CTX *context;
    KeydKey *key;
    char digest[DIGEST_NAME_SIZE]; /* as keyd says it; "" for ed25519 */
    int digest_nid;
    Spool *spool;
    EVP_MD_CTX *verify;
} SignContext;

static void *sign_new(void *provctx, const char *properties)
{
    SignContext *c = calloc(1, sizeof(*c));

    if (c)
        c->context = provctx;
    return c;
}

static void sign_free(void *data)
{
    SignContext *c = data;

    if (!c)
        return;
    key_unref(c->key);
    spool_unref(c->spool);
    EVP_MD_CTX_free(c->verify);
    free(c);
}

static void *sign_dup(void *data)
{
    const SignContext *c = data;
    SignContext *copy = malloc(sizeof(*copy));

    if (!copy)
        return NULL;
    *copy = *c;
    copy->verify = NULL;
    if (copy->key)
        key_ref(copy->key);
    if (copy->spool)
        atomic_fetch_add(&copy->spool->references, 1);
    if (c->verify) {
        copy->verify = EVP_MD_CTX_new();
        if (!copy->verify || EVP_MD_CTX_copy_ex(copy->verify, c->verify) != 1) {
            sign_free(copy);
            return NULL;
        }
    }
    return copy;
}

static int sign_set_digest(SignContext *c, const char *name)
{
    static const struct {
        const char *openssl, *keyd;
        int nid;
    } digests[] = {
        {"SHA256", "sha256", NID_sha256},
        {"SHA384", "sha384", NID_sha384},
        {"SHA512", "sha512", NID_sha512},
    };
    EVP_MD *md;

    c->digest[0] = '\0';
    c->digest_nid = NID_undef;
    if (streq(c->key->type, "ED25519"))
        return !name || !name[0];
    md = EVP_MD_fetch(c->context, name && name[0] ? name : "SHA256", DEFAULT_QUERY);
    for (size_t i = 0; md && i < ELEMENTSOF(digests); i++)
        if (EVP_MD_is_a(md, digests[i].openssl)) {
            (void)snprintf(c->digest, sizeof(c->digest), "%s", digests[i].keyd);
            c->digest_nid = digests[i].nid;
        }
    EVP_MD_free(md);
    if (c->digest_nid == NID_undef)
        ERR_raise_data(ERR_LIB_PROV, PROV_R_DIGEST_NOT_ALLOWED,
                       "keyd signs with sha256, sha384 and sha512");
    return c->digest_nid != NID_undef;
}

static int sign_set_params(void *data, const OSSL_PARAM params[]);

/* A NULL key repeats the last operation with the same key. */
static int sign_begin(SignContext *c, const char *digest, void *key, const OSSL_PARAM params[])
{
    if (key) {
        key_unref(c->key);
        c->key = key_ref(key);
    }
    return c->key && sign_set_digest(c, digest) && sign_set_params(c, params);
}

static int sign_init(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
    SignContext *c = data;

    if (!sign_begin(c, digest, key, params))
        return 0;
    if (!key_has(c->key, OSSL_KEYMGMT_SELECT_PRIVATE_KEY)) {
        ERR_raise(ERR_LIB_PROV, PROV_R_NOT_A_PRIVATE_KEY);
        return 0;
    }
    spool_unref(c->spool);
    c->spool = spool_new();
    return c->spool != NULL;
}

static int sign_update(void *data, const unsigned char *bytes, size_t size)
{
    SignContext *c = data;

    return c->spool && spool_own(&c->spool) && write_full(c->spool->fd, bytes, size) >= 0;
}

static int sign_final(void *data, unsigned char *signature, size_t *size, size_t room)
{
    SignContext *c = data;
    _cleanup_free_ void *answer = NULL;
    size_t answer_size;
    int r = 0;

    if (!c->spool)
        return 0;
    if (!signature) {
        *size = (size_t)EVP_PKEY_get_size(c->key->public_key);
        return 1;
    }
    if (!c->spool->sealed)
        r = memfd_seal(c->spool->fd);
    c->spool->sealed = true;
    if (r >= 0)
        r = keyd_sign(&c->key->reference, c->digest, c->spool->fd, &answer, &answer_size);
    if (r < 0) {
        ERR_raise_data(ERR_LIB_PROV, PROV_R_FAILED_TO_SIGN, "keyd: %s", keyd_last_error());
        return 0;
    }
    if (answer_size > room) {
        ERR_raise(ERR_LIB_PROV, PROV_R_OUTPUT_BUFFER_TOO_SMALL);
        return 0;
    }
    memcpy(signature, answer, answer_size);
    *size = answer_size;
    return 1;
}

static int sign_one_shot(void *data, unsigned char *signature, size_t *size, size_t room,
                         const unsigned char *bytes, size_t bytes_size)
{
    return (!signature || sign_update(data, bytes, bytes_size)) &&
           sign_final(data, signature, size, room);
}

/* --- Verifying: the default provider does it, with the public half ---------------------------- */

static int verify_init(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
    SignContext *c = data;

    if (!sign_begin(c, digest, key, params))
        return 0;
    EVP_MD_CTX_free(c->verify);
    c->verify = EVP_MD_CTX_new();
    return c->verify &&
           EVP_DigestVerifyInit_ex(c->verify, NULL, c->digest[0] ? c->digest : NULL, c->context,
                                   DEFAULT_QUERY, c->key->public_key, NULL) == 1;
}

static int verify_update(void *data, const unsigned char *bytes, size_t size)
{
    SignContext *c = data;

    return c->verify && EVP_DigestVerifyUpdate(c->verify, bytes, size) == 1;
}

static int verify_final(void *data, const unsigned char *signature, size_t size)
{
    SignContext *c = data;

    return c->verify && EVP_DigestVerifyFinal(c->verify, signature, size) == 1;
}

static int verify_one_shot(void *data, const unsigned char *signature, size_t size,
                           const unsigned char *bytes, size_t bytes_size)
{
    SignContext *c = data;

    return c->verify && EVP_DigestVerify(c->verify, signature, size, bytes, bytes_size) == 1;
}

/* --- Parameters of signatures ----------------------------------------------------------------- */

/* The AlgorithmIdentifier that X509_sign_ctx() writes into what it signs. */
static int algorithm_identifier(const SignContext *c, OSSL_PARAM *p)
{
    X509_ALGOR *algorithm = X509_ALGOR_new();
    unsigned char *der = NULL;
    int nid = NID_ED25519, size, ok = 0;

    if (streq(c->key->type, "RSA"))
        (void)OBJ_find_sigid_by_algs(&nid, c->digest_nid, NID_rsaEncryption);
    else if (streq(c->key->type, "EC"))
        (void)OBJ_find_sigid_by_algs(&nid, c->digest_nid, NID_X9_62_id_ecPublicKey);
    if (algorithm &&
        X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid),
                        streq(c->key->type, "RSA") ? V_ASN1_NULL : V_ASN1_UNDEF, NULL) == 1) {
        size = i2d_X509_ALGOR(algorithm, &der);
        ok = size > 0 && OSSL_PARAM_set_octet_string(p, der, (size_t)size) == 1;
    }
    OPENSSL_free(der);
    X509_ALGOR_free(algorithm);
    return ok;
}

static int sign_get_params(void *data, OSSL_PARAM params[])
{
    SignContext *c = data;
    OSSL_PARAM *p;

    if (!c->key)
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
    if (p && !algorithm_identifier(c, p))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST);
    if (p && OSSL_PARAM_set_utf8_string(p, c->digest) != 1)
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    if (!p)
        return 1;
    return p->data_type == OSSL_PARAM_UTF8_STRING
               ? OSSL_PARAM_set_utf8_string(p, OSSL_PKEY_RSA_PAD_MODE_PKCSV15)
               : OSSL_PARAM_set_int(p, RSA_PKCS1_PADDING);
}

static const OSSL_PARAM *sign_gettable_params(void *data, void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_END,
    };

    return gettable;
}

static bool is_pkcs1_padding(const OSSL_PARAM *p)
{
    const char *name;
    int mode;

    if (p->data_type == OSSL_PARAM_UTF8_STRING)
        return OSSL_PARAM_get_utf8_string_ptr(p, &name) == 1 &&
               streq(name, OSSL_PKEY_RSA_PAD_MODE_PKCSV15);
    return OSSL_PARAM_get_int(p, &mode) == 1 && mode == RSA_PKCS1_PADDING;
}

/* keyd knows one padding for RSA, PKCS #1 v1.5: asking for another must fail and not be forgotten.
 */
static int sign_set_params(void *data, const OSSL_PARAM params[])
{
    SignContext *c = data;
    const OSSL_PARAM *p;
    const char *name;

    if (!params)
        return 1;
    p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    if (p && (!streq(c->key->type, "RSA") || !is_pkcs1_padding(p))) {
        ERR_raise(ERR_LIB_PROV, PROV_R_ILLEGAL_OR_UNSUPPORTED_PADDING_MODE);
        return 0;
    }
    p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
    return !p || (OSSL_PARAM_get_utf8_string_ptr(p, &name) == 1 && sign_set_digest(c, name));
}

static const OSSL_PARAM *sign_settable_params(void *data, void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };

    return settable;
}

static const OSSL_DISPATCH sign_functions[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, FUNCTION(sign_new)},
    {OSSL_FUNC_SIGNATURE_FREECTX, FUNCTION(sign_free)},
    {OSSL_FUNC_SIGNATURE_DUPCTX, FUNCTION(sign_dup)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, FUNCTION(sign_init)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, FUNCTION(sign_update)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, FUNCTION(sign_final)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, FUNCTION(sign_one_shot)},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, FUNCTION(verify_init)},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE, FUNCTION(verify_update)},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL, FUNCTION(verify_final)},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY, FUNCTION(verify_one_shot)},
    {OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, FUNCTION(sign_get_params)},
    {OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, FUNCTION(sign_gettable_params)},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, FUNCTION(sign_set_params)},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, FUNCTION(sign_settable_params)},
    {0, NULL},
};

/* --- Unwrapping content keys ------------------------------------------------------------------ */

static void *unwrap_new(void *provctx)
{
    return calloc(1, sizeof(KeydKey *));
}

static void unwrap_free(void *data)
{
    KeydKey **key = data;

    if (key)
        key_unref(*key);
    free(key);
}

static int unwrap_init(void *data, void *new, const OSSL_PARAM params[])
{
    KeydKey **key = data;

    if (new) {
        key_unref(*key);
        *key = key_ref(new);
    }
    if (!*key || (*key)->reference.key_size == 0) {
        ERR_raise(ERR_LIB_PROV, PROV_R_NOT_A_PRIVATE_KEY);
        return 0;
    }
    return 1;
}

static int unwrap(void *data, unsigned char *out, size_t *size, size_t room,
                  const unsigned char *in, size_t in_size)
{
    const KeydReference *reference = &(*(KeydKey **)data)->reference;
    _cleanup_free_ void *key = NULL;

    if (!out) {
        *size = reference->key_size;
        return 1;
    }
    if (room < reference->key_size) {
        ERR_raise(ERR_LIB_PROV, PROV_R_OUTPUT_BUFFER_TOO_SMALL);
        return 0;
    }
    if (keyd_unwrap(reference, in, in_size, &key) < 0) {
        ERR_raise_data(ERR_LIB_PROV, PROV_R_FAILED_TO_DECRYPT, "keyd: %s", keyd_last_error());
        return 0;
    }
    memcpy(out, key, reference->key_size);
    *size = reference->key_size;
    explicit_bzero(key, reference->key_size);
    return 1;
}

static int unwrap_set_params(void *data, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p =
        params ? OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE) : NULL;

    if (p && !is_pkcs1_padding(p)) {
        ERR_raise(ERR_LIB_PROV, PROV_R_ILLEGAL_OR_UNSUPPORTED_PADDING_MODE);
        return 0;
    }
    return 1;
}

static const OSSL_PARAM *unwrap_settable_params(void *data, void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_END,
    };

    return settable;
}

static const OSSL_DISPATCH unwrap_functions[] = {
    {OSSL_FUNC_ASYM_CIPHER_NEWCTX, FUNCTION(unwrap_new)},
    {OSSL_FUNC_ASYM_CIPHER_FREECTX, FUNCTION(unwrap_free)},
    {OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, FUNCTION(unwrap_init)},
    {OSSL_FUNC_ASYM_CIPHER_DECRYPT, FUNCTION(unwrap)},
    {OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS, FUNCTION(unwrap_set_params)},
    {OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, FUNCTION(unwrap_settable_params)},
    {0, NULL},
};

/* --- The provider ----------------------------------------------------------------------------- */

#define PROPERTIES "provider=" KEYD_PROVIDER_NAME

/* The names are those of the default provider: keys of both sides count as the same type. */
static const OSSL_ALGORITHM key_algorithms[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, rsa_functions, "RSA keys in keyd"},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTIES, ec_functions, "EC keys in keyd"},
    {"ED25519:1.3.101.112", PROPERTIES, ed25519_functions, "Ed25519 keys in keyd"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM signature_algorithms[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, sign_functions,
     "RSA signatures by keyd"},
    {"ECDSA", PROPERTIES, sign_functions, "ECDSA signatures by keyd"},
    {"ED25519:1.3.101.112", PROPERTIES, sign_functions, "Ed25519 signatures by keyd"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM cipher_algorithms[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, unwrap_functions,
     "RSA key transport by keyd"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *provider_query(void *provctx, int operation, int *no_cache)
{
    *no_cache = 0;
    return operation == OSSL_OP_KEYMGMT       ? key_algorithms
           : operation == OSSL_OP_SIGNATURE   ? signature_algorithms
           : operation == OSSL_OP_ASYM_CIPHER ? cipher_algorithms
                                              : NULL;
}

static const OSSL_DISPATCH provider_functions[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, FUNCTION(provider_query)},
    {0, NULL},
};

int keyd_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                       const OSSL_DISPATCH **ret_out, void **ret_provctx)
{
    OSSL_FUNC_core_get_libctx_fn *get_context = NULL;

    for (; in->function_id != 0; in++)
        if (in->function_id == OSSL_FUNC_CORE_GET_LIBCTX)
            get_context = OSSL_FUNC_core_get_libctx(in);
    if (!get_context)
        return 0;
    /* For a built-in provider this is the application's own library context. */
    *ret_provctx = (OSSL_LIB_CTX *)get_context(handle);
    *ret_out = provider_functions;
    return 1;
}
