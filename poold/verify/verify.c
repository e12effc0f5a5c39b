/* SPDX-License-Identifier: Apache-2.0 */
#include "verify.h"

#include <arpa/inet.h>

#include "der.h"
#include "pem.h"

#define DER_DEPTH_MAX 32U
/* 80 bits: MD5, SHA-1 and RSA below 1024 bits do not count as signatures. */
#define AUTH_LEVEL 1

typedef struct Input {
    X509 *target;
    STACK_OF(X509) * others;
    STACK_OF(X509_CRL) * crls;
} Input;

/* A certificate, by its digest, that needs no CRL. */
typedef uint8_t Exemption[AUTHORITY_DIGEST_SIZE];

struct Verifier {
    VerifyRequest request;
    Input input;
    STACK_OF(X509) * path;
    Exemption exempt[VERIFY_DEPTH_MAX + 2];
    size_t n_exempt;
    bool optional; /* no certificate needs one, in this run */
};

static void input_done(Input *input)
{
    X509_free(input->target);
    sk_X509_pop_free(input->others, X509_free);
    sk_X509_CRL_pop_free(input->crls, X509_CRL_free);
}

static int fail(const char **ret_reason, int error, const char *reason)
{
    *ret_reason = reason;
    return -error;
}

/* --- Input ------------------------------------------------------------------------------------ */

static int add_certificate(Input *input, DerSpan der, const char **ret_reason)
{
    X509 *certificate;
    int r;

    if (sk_X509_num(input->others) >= (int)VERIFY_CERTIFICATES_MAX - 1)
        return fail(ret_reason, EBADMSG, "there are more than 64 certificates");
    r = certificate_parse(der.data, der.size, &certificate);
    if (r < 0)
        return r == -ENOMEM ? r
                            : fail(ret_reason, EBADMSG, "one of the certificates does not parse");
    if (!input->target) {
        input->target = certificate;
        return 0;
    }
    if (sk_X509_push(input->others, certificate) <= 0) {
        X509_free(certificate);
        return -ENOMEM;
    }
    return 0;
}

static int add_crl(Input *input, DerSpan der, const char **ret_reason)
{
    const unsigned char *p = der.data;
    _cleanup_(X509_CRL_freep) X509_CRL *crl = NULL;

    if (sk_X509_CRL_num(input->crls) >= (int)VERIFY_CRLS_MAX)
        return fail(ret_reason, EBADMSG, "there are more than 64 CRLs");
    if (der_check(der, DER_DEPTH_MAX) >= 0)
        crl = d2i_X509_CRL(NULL, &p, (long)der.size);
    if (!crl || p != der.data + der.size)
        return fail(ret_reason, EBADMSG, "one of the CRLs does not parse");
    if (sk_X509_CRL_push(input->crls, crl) <= 0)
        return -ENOMEM;
    (void)TAKE_PTR(crl);
    return 0;
}

static int add_block(Input *input, const PemBlock *block, const char **ret_reason)
{
    bool crl = pem_has_label(block, "X509 CRL");
    _cleanup_free_ void *der = NULL;
    size_t size;
    int r;

    if (!crl && !pem_has_label(block, "CERTIFICATE"))
        return fail(ret_reason, EBADMSG,
                    "there are PEM blocks other than CERTIFICATE and X509 CRL");
    r = pem_decode(block->text, &der, &size);
    if (r < 0)
        return r == -ENOMEM ? r : fail(ret_reason, EBADMSG, "the base64 of a PEM block is wrong");
    return crl ? add_crl(input, (DerSpan){der, size}, ret_reason)
               : add_certificate(input, (DerSpan){der, size}, ret_reason);
}

static int read_input(const VerifyRequest *request, Input *input, const char **ret_reason)
{
    DerSpan text = {request->data, request->size};
    PemBlock block;
    int r;

    input->others = sk_X509_new_null();
    input->crls = sk_X509_CRL_new_null();
    if (!input->others || !input->crls)
        return -ENOMEM;
    if (request->size > VERIFY_SIZE_MAX)
        return fail(ret_reason, EBADMSG, "it is larger than 4 MiB");
    while ((r = pem_next(&text, &block)) > 0) {
        r = add_block(input, &block, ret_reason);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return fail(ret_reason, EBADMSG, "a PEM block does not begin or end");
    return input->target ? 0 : fail(ret_reason, EBADMSG, "there is no certificate in PEM");
}

/* --- Parameters ------------------------------------------------------------------------------- */

static int set_purpose(X509_VERIFY_PARAM *param, const char *purpose, const char **ret_reason)
{
    static const struct {
        const char *word;
        int purpose;
    } table[] = {{"tls-server", X509_PURPOSE_SSL_SERVER},
                 {"tls-client", X509_PURPOSE_SSL_CLIENT},
                 {"any", X509_PURPOSE_ANY}};

    for (size_t i = 0; i < ELEMENTSOF(table); i++)
        if (streq(purpose, table[i].word))
            return X509_VERIFY_PARAM_set_purpose(param, table[i].purpose) == 1 ? 0 : -ENOMEM;
    return fail(ret_reason, EINVAL, "the purpose is neither tls-server nor tls-client nor any");
}

static bool is_address(const char *name)
{
    uint8_t address[16];

    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static int check_name(const char *name, const char **ret_reason)
{
    if (name && !is_address(name) && (!*name || strlen(name) > 253 || name[0] == '.'))
        return fail(ret_reason, EINVAL, "the name is neither a host name nor an address");
    return 0;
}

/* Here and not in OpenSSL's parameters, which would have the signers of CRLs be named so too. */
static bool is_named_so(X509 *certificate, const char *name)
{
    return is_address(name) ? X509_check_ip_asc(certificate, name, 0) == 1
                            : X509_check_host(certificate, name, 0,
                                              X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

static int set_parameters(X509_VERIFY_PARAM *param, const VerifyRequest *request,
                          VerifyRevocation revocation)
{
    unsigned long flags = X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN |
                          X509_V_FLAG_X509_STRICT | X509_V_FLAG_POLICY_CHECK |
                          X509_V_FLAG_EXTENDED_CRL_SUPPORT | X509_V_FLAG_USE_DELTAS;
    ASN1_OBJECT *any_policy;
    const char *reason;

    if (revocation != VERIFY_REVOCATION_NONE)
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    if (X509_VERIFY_PARAM_set_flags(param, flags) != 1)
        return -ENOMEM;
    /* Any policy will do, as long as there is one where one is required (RFC 5280 section 6.1.1
     * (c)). */
    any_policy = OBJ_nid2obj(NID_any_policy);
    if (!any_policy || X509_VERIFY_PARAM_add0_policy(param, any_policy) != 1)
        return -ENOMEM;
    X509_VERIFY_PARAM_set_depth(param, VERIFY_DEPTH_MAX);
    X509_VERIFY_PARAM_set_auth_level(param, request->legacy ? 0 : AUTH_LEVEL);
    X509_VERIFY_PARAM_set_time(param, (time_t)request->time);
    return set_purpose(param, request->purpose, &reason);
}

/* --- Anchors ---------------------------------------------------------------------------------- */

static int add_named(X509_STORE *store, const AuthorityList *authorities, const X509_NAME *name)
{
    const Authority *authority;
    unsigned long hash;
    size_t at = 0;
    int r = authority_hash_name(name, &hash);

    if (r < 0)
        return r;
    while ((authority = authority_list_next_named(authorities, name, hash, &at))) {
        _cleanup_(X509_freep) X509 *certificate = NULL;

        r = authority_parse(authority, &certificate);
        if (r < 0)
            return r;
        if (X509_STORE_add_cert(store, certificate) != 1)
            return -ENOMEM;
    }
    return 0;
}

static int add_for(X509_STORE *store, const AuthorityList *authorities, X509 *certificate)
{
    int r = add_named(store, authorities, X509_get_issuer_name(certificate));

    return r < 0 ? r : add_named(store, authorities, X509_get_subject_name(certificate));
}

/* A path ends at the first of the authorities, so that only those count that one of the given
 * certificates names, as its issuer or as itself. The others need not be parsed. */
static int add_anchors(X509_STORE *store, const AuthorityList *authorities, const Input *input)
{
    int r = add_for(store, authorities, input->target);

    for (int i = 0; r >= 0 && i < sk_X509_num(input->others); i++)
        r = add_for(store, authorities, sk_X509_value(input->others, i));
    return r;
}

/* --- Verdict ---------------------------------------------------------------------------------- */

static bool lacks_crl(int error)
{
    return error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_CRL_HAS_EXPIRED ||
           error == X509_V_ERR_DIFFERENT_CRL_SCOPE;
}

bool verify_lacks_crl(const VerifyVerdict *verdict)
{
    return !verdict->valid && lacks_crl(verdict->error);
}

const char *verify_word(const VerifyVerdict *verdict)
{
    if (verdict->valid)
        return "good";
    switch (verdict->error) {
    case X509_V_ERR_CERT_REVOKED:
        return "revoked";
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
        return "unknown";
    default:
        return "bad";
    }
}

static bool is_exempt(const Verifier *v, const X509 *certificate)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n;

    if (v->optional)
        return true;
    if (!certificate || X509_digest(certificate, EVP_sha256(), digest, &n) != 1)
        return false;
    for (size_t i = 0; i < v->n_exempt; i++)
        if (memcmp(v->exempt[i], digest, sizeof v->exempt[i]) == 0)
            return true;
    return false;
}

/* The last of the path is trusted because somebody says so, and not because of a CRL (RFC 5280
 * section 6.1): that none is there for it, or none of today, is no reason. That it is on one is. */
static bool is_last(X509_STORE_CTX *context)
{
    return X509_STORE_CTX_get_error_depth(context) ==
           sk_X509_num(X509_STORE_CTX_get0_chain(context)) - 1;
}

/* There is no CRL of today, or one of somebody whom these authorities do not lead to. */
static bool has_no_crl(int error)
{
    return lacks_crl(error) || error == X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER ||
           error == X509_V_ERR_CRL_PATH_VALIDATION_ERROR;
}

/* No CRL, or none of today, is no reason for some; that a certificate is on an old one is. */
static bool is_missing_crl_forgiven(const Verifier *v, X509_STORE_CTX *context, int error)
{
    if (X509_STORE_CTX_get0_parent_ctx(context))
        return false;
    return (lacks_crl(error) && is_exempt(v, X509_STORE_CTX_get_current_cert(context))) ||
           (has_no_crl(error) && is_last(context));
}

/* What says nothing about whether a path is good: key identifiers help to find it (RFC 5280
 * sections 4.2.1.1 and 4.2.1.2), and it has been found. Of the one that is trusted anyway the name
 * and the key count (section 6.1), and not how its extensions are written. */
static bool is_formality(X509_STORE_CTX *context, int error)
{
    switch (error) {
    case X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER:
    case X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER:
        return true;
    case X509_V_ERR_CA_BCONS_NOT_CRITICAL:
    case X509_V_ERR_CA_CERT_MISSING_KEY_USAGE:
        return is_last(context);
    default:
        return false;
    }
}

static int forgive(int ok, X509_STORE_CTX *context)
{
    /* The path of a CRL's signer is one within the other. */
    X509_STORE_CTX *outer = X509_STORE_CTX_get0_parent_ctx(context) ?: context;
    const Verifier *v = X509_STORE_CTX_get_app_data(outer);
    int error = X509_STORE_CTX_get_error(context);

    if (ok || (!is_missing_crl_forgiven(v, context, error) &&
               (!v->request.lenient || !is_formality(context, error))))
        return ok;
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

static void take_path(X509_STORE_CTX *context, Verifier *v, VerifyVerdict *verdict)
{
    sk_X509_pop_free(v->path, X509_free);
    v->path = X509_STORE_CTX_get1_chain(context);
    for (int i = 0; i < sk_X509_num(v->path) && verdict->n < ELEMENTSOF(verdict->path); i++) {
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned n = 0;

        if (X509_digest(sk_X509_value(v->path, i), EVP_sha256(), digest, &n) != 1)
            return;
        for (unsigned k = 0; k < n && 2 * k + 2 < sizeof verdict->path[0]; k++)
            (void)snprintf(verdict->path[verdict->n] + 2 * (size_t)k, 3, "%02X",
                           (unsigned)digest[k]);
        verdict->n++;
    }
}

/* Is the path's CA one that is no longer believed about certificates of that age? NSS and those who
 * follow it look at the root, and at certificates for servers only. */
static bool is_distrusted(const Verifier *v, const AuthorityList *authorities,
                          X509_STORE_CTX *context)
{
    const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);
    X509 *last = sk_X509_value(chain, sk_X509_num(chain) - 1);
    uint8_t digest[EVP_MAX_MD_SIZE];
    const Authority *authority;
    int64_t issued;
    unsigned n;

    if (!streq(v->request.purpose, "tls-server"))
        return false;
    if (!last || X509_digest(last, EVP_sha256(), digest, &n) != 1 ||
        x509_time_read(X509_get0_notBefore(v->input.target), &issued) < 0)
        return true;
    authority = authority_list_find(authorities, digest);
    return authority && authority->distrust_after != 0 && issued > authority->distrust_after;
}

/* Only a whole success is one: OpenSSL's result and its error have to agree. */
static void judge(X509_STORE_CTX *context, Verifier *v, const AuthorityList *authorities,
                  VerifyVerdict *verdict)
{
    int ok = X509_verify_cert(context), error = X509_STORE_CTX_get_error(context),
        depth = X509_STORE_CTX_get_error_depth(context);

    if (ok != 1 && error == X509_V_OK)
        error = X509_V_ERR_UNSPECIFIED;
    verdict->valid = ok == 1 && error == X509_V_OK;
    verdict->depth = !verdict->valid && depth > 0 ? (unsigned)depth : 0;
    if (verdict->valid && v->request.name && !is_named_so(v->input.target, v->request.name)) {
        verdict->valid = false;
        error = is_address(v->request.name) ? X509_V_ERR_IP_ADDRESS_MISMATCH
                                            : X509_V_ERR_HOSTNAME_MISMATCH;
    }
    verdict->error = error;
    verdict->reason = X509_verify_cert_error_string(error);
    if (verdict->valid && is_distrusted(v, authorities, context)) {
        verdict->valid = false;
        verdict->error = X509_V_ERR_CERT_REJECTED;
        verdict->reason = "issued after the date from which on its CA is distrusted";
    }
    take_path(context, v, verdict);
}

static int add_crls(STACK_OF(X509_CRL) * to, const STACK_OF(X509_CRL) * from)
{
    for (int i = 0; i < sk_X509_CRL_num(from); i++)
        if (sk_X509_CRL_push(to, sk_X509_CRL_value(from, i)) <= 0)
            return -ENOMEM;
    return 0;
}

static int add_others(STACK_OF(X509) * to, const STACK_OF(X509) * from)
{
    for (int i = 0; i < sk_X509_num(from); i++)
        if (sk_X509_push(to, sk_X509_value(from, i)) <= 0)
            return -ENOMEM;
    return 0;
}

/* Stacks of what is others'. */
static void crls_releasep(STACK_OF(X509_CRL) * *stack)
{
    sk_X509_CRL_free(*stack);
}

static void others_releasep(STACK_OF(X509) * *stack)
{
    sk_X509_free(*stack);
}

int verifier_run(Verifier *v, const AuthorityList *authorities, VerifyRevocation revocation,
                 const VerifyMore *more, VerifyVerdict *ret)
{
    _cleanup_(others_releasep) STACK_OF(X509) *others = sk_X509_new_null();
    _cleanup_(crls_releasep) STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
    _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *context = X509_STORE_CTX_new();
    _cleanup_(X509_STORE_freep) X509_STORE *store = X509_STORE_new();
    VerifyVerdict verdict = {0};
    int r = context && store && others && crls ? 0 : -ENOMEM;

    if (r >= 0)
        r = add_anchors(store, authorities, &v->input);
    if (r >= 0)
        r = add_others(others, v->input.others);
    if (r >= 0)
        r = add_crls(crls, v->input.crls);
    if (r >= 0 && more)
        r = add_others(others, more->others);
    if (r >= 0 && more)
        r = add_crls(crls, more->crls);
    if (r >= 0 && X509_STORE_CTX_init(context, store, v->input.target, others) != 1)
        r = -ENOMEM;
    if (r >= 0)
        r = set_parameters(X509_STORE_CTX_get0_param(context), &v->request, revocation);
    if (r >= 0 && X509_STORE_CTX_set_app_data(context, v) != 1)
        r = -ENOMEM;
    if (r >= 0) {
        v->optional = revocation == VERIFY_REVOCATION_OPTIONAL;
        X509_STORE_CTX_set0_crls(context, crls);
        X509_STORE_CTX_set_verify_cb(context, forgive);
        judge(context, v, authorities, &verdict);
    }
    ERR_clear_error();
    if (r < 0)
        return r;
    *ret = verdict;
    return 0;
}

STACK_OF(X509) * verifier_path(const Verifier *v)
{
    return v->path;
}

bool verifier_has_crls(const Verifier *v)
{
    return sk_X509_CRL_num(v->input.crls) > 0;
}

const STACK_OF(X509) * verifier_others(const Verifier *v)
{
    return v->input.others;
}

int verifier_exempt(Verifier *v, const X509 *certificate)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n;

    if (v->n_exempt == ELEMENTSOF(v->exempt))
        return -E2BIG;
    if (X509_digest(certificate, EVP_sha256(), digest, &n) != 1)
        return -ENOMEM;
    memcpy(v->exempt[v->n_exempt++], digest, sizeof v->exempt[0]);
    return 0;
}

Verifier *verifier_free(Verifier *v)
{
    if (v) {
        input_done(&v->input);
        sk_X509_pop_free(v->path, X509_free);
        free(v);
    }
    return NULL;
}

static int check_purpose(const char *purpose, const char **ret_reason)
{
    X509_VERIFY_PARAM *scratch = X509_VERIFY_PARAM_new();
    int r = scratch ? set_purpose(scratch, purpose, ret_reason) : -ENOMEM;

    X509_VERIFY_PARAM_free(scratch);
    return r;
}

int verifier_new(const VerifyRequest *request, Verifier **ret, const char **ret_reason)
{
    _cleanup_(verifier_freep) Verifier *v = calloc(1, sizeof *v);
    int r;

    if (!v)
        return -ENOMEM;
    v->request = *request;
    r = read_input(request, &v->input, ret_reason);
    if (r >= 0)
        r = check_purpose(request->purpose, ret_reason);
    if (r >= 0)
        r = check_name(request->name, ret_reason);
    ERR_clear_error();
    if (r < 0)
        return r;
    *ret = TAKE_PTR(v);
    return 0;
}

int verify_chain(const VerifyRequest *request, const AuthorityList *authorities, VerifyVerdict *ret,
                 const char **ret_reason)
{
    _cleanup_(verifier_freep) Verifier *v = NULL;
    int r = verifier_new(request, &v, ret_reason);

    return r < 0 ? r : verifier_run(v, authorities, request->revocation, NULL, ret);
}
