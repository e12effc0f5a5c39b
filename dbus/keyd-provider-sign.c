/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures: what is to be signed is spooled into a memory file, which keyd reads. */
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/proverr.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sys/sendfile.h>

#include "atomic-file.h"
#include "keyd-client.h"
#include "keyd-provider-internal.h"
#include "memfd.h"
#include "openssl-util.h"

#define DIGEST_NAME_SIZE 32U

/* --- Spools ----------------------------------------------------------------------------------- */

/* What is to be signed. OpenSSL 3.0 duplicates a context before it finishes it, so the memory file
 * is shared and copied only when somebody goes on writing. */
typedef struct Spool {
    atomic_uint references;
    int fd;
    size_t offset; /* of what is to be signed */
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
    off_t offset = (off_t)original->offset;
    ssize_t n;

    if (!copy)
        return NULL;
    do
        n = sendfile(copy->fd, original->fd, &offset, 1 << 20);
    while (n > 0);
    return n < 0 ? NULL : TAKE_PTR(copy);
}

/* A sealed memory file of the caller's in the place of one of our own. */
static Spool *spool_new_from(int fd, size_t offset)
{
    Spool *spool = calloc(1, sizeof(*spool));

    if (!spool)
        return NULL;
    atomic_init(&spool->references, 1);
    spool->offset = offset;
    spool->sealed = true;
    spool->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (spool->fd < 0) {
        free(spool);
        return NULL;
    }
    return spool;
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
    bool pss;
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
    keyd_key_unref(c->key);
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
        keyd_key_ref(copy->key);
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
    c->pss = false;
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
        keyd_key_unref(c->key);
        c->key = keyd_key_ref(key);
    }
    return c->key && sign_set_digest(c, digest) && sign_set_params(c, params);
}

static int sign_init(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
    SignContext *c = data;

    if (!sign_begin(c, digest, key, params))
        return 0;
    if (!keyd_key_has(c->key, OSSL_KEYMGMT_SELECT_PRIVATE_KEY)) {
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

    if (c->spool && size == 0)
        return 1;
    return c->spool && spool_own(&c->spool) && write_full(c->spool->fd, bytes, size) >= 0;
}

static const char *digest_for_keyd(const SignContext *c, char buffer[static DIGEST_NAME_SIZE])
{
    (void)snprintf(buffer, DIGEST_NAME_SIZE, "%.16s%s", c->digest, c->pss ? "-pss" : "");
    return buffer;
}

static int sign_final(void *data, unsigned char *signature, size_t *size, size_t room)
{
    SignContext *c = data;
    _cleanup_free_ void *answer = NULL;
    char digest[DIGEST_NAME_SIZE];
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
        r = keyd_sign(&c->key->reference, digest_for_keyd(c, digest),
                      (KeydInput){c->spool->fd, c->spool->offset}, &answer, &answer_size);
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

    if (c->pss) /* which is for TLS, where there is none */
        nid = NID_undef;
    else if (streq(c->key->type, "RSA"))
        (void)OBJ_find_sigid_by_algs(&nid, c->digest_nid, NID_rsaEncryption);
    else if (streq(c->key->type, "DSA"))
        (void)OBJ_find_sigid_by_algs(&nid, c->digest_nid, NID_dsa);
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
               ? OSSL_PARAM_set_utf8_string(p, c->pss ? OSSL_PKEY_RSA_PAD_MODE_PSS
                                                      : OSSL_PKEY_RSA_PAD_MODE_PKCSV15)
               : OSSL_PARAM_set_int(p, c->pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING);
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

static bool is_text_or_number(const OSSL_PARAM *p, const char *text, int number)
{
    const char *name;
    int n;

    if (p->data_type == OSSL_PARAM_UTF8_STRING)
        return OSSL_PARAM_get_utf8_string_ptr(p, &name) == 1 && streq(name, text);
    return OSSL_PARAM_get_int(p, &n) == 1 && n == number;
}

bool keyd_is_pkcs1_padding(const OSSL_PARAM *p)
{
    return is_text_or_number(p, OSSL_PKEY_RSA_PAD_MODE_PKCSV15, RSA_PKCS1_PADDING);
}

static bool is_pss_padding(const OSSL_PARAM *p)
{
    return is_text_or_number(p, OSSL_PKEY_RSA_PAD_MODE_PSS, RSA_PKCS1_PSS_PADDING);
}

/* RSASSA-PSS as TLS has it, and no other form. */
static bool set_pss_params(const SignContext *c, const OSSL_PARAM params[])
{
    const OSSL_PARAM *salt = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
    const OSSL_PARAM *mask = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
    const char *name;

    if (!salt && !mask)
        return true;
    if (!c->pss)
        return false;
    if (salt && !is_text_or_number(salt, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST, RSA_PSS_SALTLEN_DIGEST))
        return false;
    return !mask ||
           (OSSL_PARAM_get_utf8_string_ptr(mask, &name) == 1 && OBJ_txt2nid(name) == c->digest_nid);
}

/* Whoever verifies has to know of the padding as well: the default provider does that. */
static bool set_padding(SignContext *c, const OSSL_PARAM params[], const OSSL_PARAM *mode)
{
    if (!streq(c->key->type, "RSA") || !(keyd_is_pkcs1_padding(mode) || is_pss_padding(mode)))
        return false;
    c->pss = is_pss_padding(mode);
    return !c->verify || EVP_PKEY_CTX_set_params(EVP_MD_CTX_get_pkey_ctx(c->verify), params) == 1;
}

static bool set_input(SignContext *c, const OSSL_PARAM params[], const OSSL_PARAM *file)
{
    const OSSL_PARAM *where = OSSL_PARAM_locate_const(params, KEYD_PARAM_INPUT_OFFSET);
    size_t offset = 0;
    Spool *spool;
    int fd;

    if (!c->spool || OSSL_PARAM_get_int(file, &fd) != 1 ||
        (where && OSSL_PARAM_get_size_t(where, &offset) != 1))
        return false;
    spool = spool_new_from(fd, offset);
    if (!spool)
        return false;
    spool_unref(c->spool);
    c->spool = spool;
    return true;
}

/* What keyd cannot do must fail and not be forgotten. */
static int sign_set_params(void *data, const OSSL_PARAM params[])
{
    SignContext *c = data;
    const OSSL_PARAM *p;
    const char *name;

    if (!params)
        return 1;
    p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    if ((p && !set_padding(c, params, p)) || !set_pss_params(c, params)) {
        ERR_raise(ERR_LIB_PROV, PROV_R_ILLEGAL_OR_UNSUPPORTED_PADDING_MODE);
        return 0;
    }
    p = OSSL_PARAM_locate_const(params, KEYD_PARAM_INPUT_FILE);
    if (p && !set_input(c, params, p))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
    return !p || (OSSL_PARAM_get_utf8_string_ptr(p, &name) == 1 && sign_set_digest(c, name));
}

static const OSSL_PARAM *sign_settable_params(void *data, void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_int(KEYD_PARAM_INPUT_FILE, NULL),
        OSSL_PARAM_size_t(KEYD_PARAM_INPUT_OFFSET, NULL),
        OSSL_PARAM_END,
    };

    return settable;
}

const OSSL_DISPATCH keyd_signature_functions[] = {
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
