/* SPDX-License-Identifier: Apache-2.0 */
#include "chain-check.h"

#include "openssl-util.h"

#define DEPTH_MAX 4
/* 112 bits: RSA of 2048 bits or more, SHA-256 or better. */
#define AUTH_LEVEL 2

static ChainStatus status_from_error(int error)
{
    switch (error) {
    case X509_V_OK:
        return CHAIN_GOOD;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return CHAIN_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return CHAIN_NOT_YET_VALID;
    default:
        return CHAIN_UNTRUSTED;
    }
}

/* What a signer of envelopes has to be, which no purpose of OpenSSL says. */
static const char *unfit_reason(X509 *signer)
{
    if (X509_check_ca(signer) > 0 || (X509_get_extension_flags(signer) & EXFLAG_CA))
        return "the signing certificate is one of a CA";
    if (!(X509_get_extension_flags(signer) & EXFLAG_KUSAGE) ||
        !(X509_get_key_usage(signer) & KU_DIGITAL_SIGNATURE))
        return "the signing certificate is not for digital signatures";
    return NULL;
}

/* No default store, time, depth or purpose: everything is said here. */
static int prepare(X509_STORE_CTX *context, X509_STORE *store, X509 *root, X509 *signer,
                   STACK_OF(X509) * others, int64_t at)
{
    X509_VERIFY_PARAM *parameters;

    if (X509_STORE_add_cert(store, root) != 1 ||
        X509_STORE_CTX_init(context, store, signer, others) != 1)
        return -ENOMEM;
    parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(parameters, (time_t)at);
    X509_VERIFY_PARAM_set_depth(parameters, DEPTH_MAX);
    X509_VERIFY_PARAM_set_auth_level(parameters, AUTH_LEVEL);
    if (X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT |
                                                    X509_V_FLAG_CHECK_SS_SIGNATURE |
                                                    X509_V_FLAG_TRUSTED_FIRST) != 1 ||
        X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_ANY) != 1)
        return -ENOMEM;
    return 0;
}

static ChainStatus describe(X509_STORE_CTX *context, ChainStatus status,
                            char reason[CHAIN_REASON_SIZE])
{
    ERR_clear_error();
    (void)snprintf(reason, CHAIN_REASON_SIZE, "%s (certificate %d of the chain)",
                   X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)),
                   X509_STORE_CTX_get_error_depth(context) + 1);
    return status;
}

/* is_timeless: whatever the time, which at is then of no account. */
static ChainStatus verify(X509 *root, X509 *signer, STACK_OF(X509) * others, int64_t at,
                          bool is_timeless, char reason[CHAIN_REASON_SIZE])
{
    _cleanup_(X509_STORE_freep) X509_STORE *store = X509_STORE_new();
    _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *parameters;
    int error;

    if (!store || !context || prepare(context, store, root, signer, others, at) < 0) {
        (void)snprintf(reason, CHAIN_REASON_SIZE, "out of memory");
        return CHAIN_UNTRUSTED;
    }
    parameters = X509_STORE_CTX_get0_param(context);
    if (is_timeless) {
        (void)X509_VERIFY_PARAM_clear_flags(parameters, X509_V_FLAG_USE_CHECK_TIME);
        (void)X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_NO_CHECK_TIME);
    }
    if (X509_verify_cert(context) == 1)
        return CHAIN_GOOD;
    error = X509_STORE_CTX_get_error(context);
    return describe(context, error == X509_V_OK ? CHAIN_UNTRUSTED : status_from_error(error),
                    reason);
}

ChainStatus chain_check(X509 *root, X509 *signer, STACK_OF(X509) * others, int64_t at,
                        char reason[CHAIN_REASON_SIZE])
{
    const char *unfit = unfit_reason(signer);
    char timeless[CHAIN_REASON_SIZE];
    ChainStatus status;

    if (unfit) {
        (void)snprintf(reason, CHAIN_REASON_SIZE, "%s", unfit);
        return CHAIN_UNFIT;
    }
    status = verify(root, signer, others, at, false, reason);
    if (status != CHAIN_EXPIRED && status != CHAIN_NOT_YET_VALID)
        return status;
    /* OpenSSL looks at the time of a certificate before the signatures of those below it: anybody
     * can make one below a root that has expired. */
    if (verify(root, signer, others, at, true, timeless) == CHAIN_GOOD)
        return status;
    memcpy(reason, timeless, CHAIN_REASON_SIZE);
    return CHAIN_UNTRUSTED;
}

/* A certificate that has expired may have been revoked too; its list no longer has to say so, but
 * as long as it does, it counts. */
static int pass_expired(int ok, X509_STORE_CTX *context)
{
    int error = X509_STORE_CTX_get_error(context);

    return ok || error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID;
}

ChainStatus chain_check_revocation(X509 *root, X509 *signer, STACK_OF(X509) * others,
                                   STACK_OF(X509_CRL) * crls, int64_t at,
                                   char reason[CHAIN_REASON_SIZE])
{
    _cleanup_(X509_STORE_freep) X509_STORE *store = X509_STORE_new();
    _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *context = X509_STORE_CTX_new();

    if (!store || !context || prepare(context, store, root, signer, others, at) < 0 ||
        X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context),
                                    X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) != 1) {
        (void)snprintf(reason, CHAIN_REASON_SIZE, "out of memory");
        return CHAIN_REVOCATION_UNKNOWN;
    }
    X509_STORE_CTX_set0_crls(context, crls);
    X509_STORE_CTX_set_verify_cb(context, pass_expired);
    if (X509_verify_cert(context) == 1)
        return CHAIN_GOOD;
    return describe(context,
                    X509_STORE_CTX_get_error(context) == X509_V_ERR_CERT_REVOKED
                        ? CHAIN_REVOKED
                        : CHAIN_REVOCATION_UNKNOWN,
                    reason);
}
