/* SPDX-License-Identifier: Apache-2.0 */
#include "ocsp.h"

#include "crl.h"
#include "signature-digest.h"
#include "x509-render.h"

#define DEPTH_MAX 32U
#define NONCE_SIZE 32
/* An answer that does not say until when it is good is so for as long. */
#define DEFAULT_VALIDITY INT64_C(3600)
#define STRENGTH_LEVEL 1 /* 80 bits, as for certificates */

DEFINE_TRIVIAL_CLEANUP_FUNC(OCSP_RESPONSE *, OCSP_RESPONSE_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(OCSP_BASICRESP *, OCSP_BASICRESP_free);

static int fail(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EBADMSG;
}

/* --- Questions -------------------------------------------------------------------------------- */

void ocsp_query_done(OcspQuery *query)
{
    OCSP_REQUEST_free(query->request);
    OCSP_CERTID_free(query->id);
    OPENSSL_free(query->der);
    *query = (OcspQuery){0};
}

static int fill(OcspQuery *query, const X509 *certificate)
{
    OCSP_CERTID *copy;
    int n;

    query->request = OCSP_REQUEST_new();
    /* SHA-1 names the issuer here, nothing more, and is what all responders know (RFC 5019). */
    query->id = OCSP_cert_to_id(EVP_sha1(), certificate, query->issuer);
    copy = query->id ? OCSP_CERTID_dup(query->id) : NULL;
    if (!query->request || !copy)
        return -ENOMEM;
    if (!OCSP_request_add0_id(query->request, copy)) {
        OCSP_CERTID_free(copy);
        return -ENOMEM;
    }
    if (OCSP_request_add1_nonce(query->request, NULL, NONCE_SIZE) != 1)
        return -ENOMEM;
    n = i2d_OCSP_REQUEST(query->request, &query->der);
    if (n <= 0)
        return -ENOMEM;
    query->size = (size_t)n;
    return 0;
}

int ocsp_query_new(X509 *certificate, X509 *issuer, OcspQuery *ret)
{
    OcspQuery query = {.issuer = issuer};
    int r = fill(&query, certificate);

    ERR_clear_error();
    if (r < 0) {
        ocsp_query_done(&query);
        return r;
    }
    *ret = query;
    return 0;
}

/* --- Answers ---------------------------------------------------------------------------------- */

static int read_basic(DerSpan body, OCSP_BASICRESP **ret, const char **ret_reason)
{
    _cleanup_(OCSP_RESPONSE_freep) OCSP_RESPONSE *response = NULL;
    const unsigned char *p = body.data;

    if (body.size > OCSP_SIZE_MAX)
        return fail(ret_reason, "the answer is larger than 64 KiB");
    if (der_check(body, DEPTH_MAX) >= 0)
        response = d2i_OCSP_RESPONSE(NULL, &p, (long)body.size);
    if (!response || p != body.data + body.size)
        return fail(ret_reason, "the answer is none of an OCSP responder");
    switch (OCSP_response_status(response)) {
    case OCSP_RESPONSE_STATUS_SUCCESSFUL:
        break;
    case OCSP_RESPONSE_STATUS_TRYLATER:
        return fail(ret_reason, "the responder says to try later");
    case OCSP_RESPONSE_STATUS_UNAUTHORIZED:
        return fail(ret_reason, "the responder is not responsible for it");
    default:
        return fail(ret_reason, "the responder has refused the question");
    }
    *ret = OCSP_response_get1_basic(response);
    return *ret ? 0 : fail(ret_reason, "the answer is of a kind that is not known");
}

static bool is_appointed(X509 *signer, X509 *issuer)
{
    if (X509_cmp(signer, issuer) == 0)
        return true;
    return X509_get_ext_by_NID(signer, NID_id_pkix_OCSP_noCheck, -1) >= 0;
}

/* Trusts the issuer and nobody else; whether the signer may speak for it, OpenSSL looks at. */
static int check_signature(const OcspQuery *query, OCSP_BASICRESP *basic, int64_t now,
                           const char **ret_reason)
{
    _cleanup_(X509_STORE_freep) X509_STORE *store = X509_STORE_new();
    _cleanup_(x509_stack_freep) STACK_OF(X509) *issuers = sk_X509_new_null();
    X509_VERIFY_PARAM *param;
    X509 *signer;

    if (!store || !issuers || X509_STORE_add_cert(store, query->issuer) != 1 ||
        !X509_up_ref(query->issuer))
        return -ENOMEM;
    if (sk_X509_push(issuers, query->issuer) <= 0) {
        X509_free(query->issuer);
        return -ENOMEM;
    }
    param = X509_STORE_get0_param(store);
    X509_VERIFY_PARAM_set_time(param, (time_t)now);
    X509_VERIFY_PARAM_set_auth_level(param, STRENGTH_LEVEL);
    if (!signature_digest_is_strong(OCSP_resp_get0_tbs_sigalg(basic)))
        return fail(ret_reason, "the answer is signed with a digest that is no longer safe");
    if (OCSP_basic_verify(basic, issuers, store, OCSP_PARTIAL_CHAIN) != 1)
        return fail(ret_reason, "the answer is signed by nobody who may speak for the CA");
    if (OCSP_resp_get0_signer(basic, &signer, issuers) != 1 || !is_appointed(signer, query->issuer))
        return fail(ret_reason, "the answer's signer would have to be checked for revocation too");
    return 0;
}

static int check_nonce(const OcspQuery *query, OCSP_BASICRESP *basic, const char **ret_reason)
{
    int r = OCSP_check_nonce(query->request, basic);

    /* -1: made in advance, for everybody. */
    return r == 1 || r == -1 ? 0 : fail(ret_reason, "the answer is one to another question");
}

static int read_responder(OCSP_BASICRESP *basic, OcspAnswer *answer, const char **ret_reason)
{
    _cleanup_free_ char *text = NULL;
    const ASN1_OCTET_STRING *key;
    const X509_NAME *name;
    int r;

    if (OCSP_resp_get0_id(basic, &key, &name) != 1)
        return fail(ret_reason, "the answer does not say whose it is");
    if (!name)
        return OPENSSL_buf2hexstr_ex(answer->responder, sizeof answer->responder, NULL,
                                     ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key),
                                     0) == 1
                   ? 0
                   : fail(ret_reason, "the key of its responder cannot be read");
    r = x509_name_render(name, &text);
    if (r < 0)
        return r == -ENOMEM ? r : fail(ret_reason, "the name of its responder cannot be read");
    (void)snprintf(answer->responder, sizeof answer->responder, "%s", text);
    return 0;
}

static int read_times(const ASN1_GENERALIZEDTIME *this_update,
                      const ASN1_GENERALIZEDTIME *next_update, int64_t now, OcspAnswer *answer,
                      const char **ret_reason)
{
    if (!this_update || x509_time_read(this_update, &answer->this_update) < 0 ||
        (next_update && x509_time_read(next_update, &answer->next_update) < 0))
        return fail(ret_reason, "the times of the answer cannot be read");
    if (!next_update)
        answer->next_update = answer->this_update + DEFAULT_VALIDITY;
    if (answer->this_update > now + CRL_CLOCK_SKEW)
        return fail(ret_reason, "the answer is not yet valid");
    if (answer->next_update <= now)
        return fail(ret_reason, "the answer has expired");
    return 0;
}

static int read_status(const OcspQuery *query, OCSP_BASICRESP *basic, int64_t now,
                       OcspAnswer *answer, const char **ret_reason)
{
    ASN1_GENERALIZEDTIME *revoked, *this_update, *next_update;
    int status, reason;

    if (OCSP_resp_find_status(basic, query->id, &status, &reason, &revoked, &this_update,
                              &next_update) != 1)
        return fail(ret_reason, "the answer is about another certificate");
    if (status != V_OCSP_CERTSTATUS_GOOD && status != V_OCSP_CERTSTATUS_REVOKED)
        return fail(ret_reason, "the responder does not know the certificate");
    answer->revoked = status == V_OCSP_CERTSTATUS_REVOKED;
    return read_times(this_update, next_update, now, answer, ret_reason);
}

int ocsp_answer_read(const OcspQuery *query, DerSpan body, int64_t now, OcspAnswer *ret,
                     const char **ret_reason)
{
    _cleanup_(OCSP_BASICRESP_freep) OCSP_BASICRESP *basic = NULL;
    OcspAnswer answer = {0};
    int r = read_basic(body, &basic, ret_reason);

    if (r >= 0)
        r = check_signature(query, basic, now, ret_reason);
    if (r >= 0)
        r = check_nonce(query, basic, ret_reason);
    if (r >= 0)
        r = read_status(query, basic, now, &answer, ret_reason);
    if (r >= 0)
        r = read_responder(basic, &answer, ret_reason);
    ERR_clear_error();
    if (r < 0)
        return r;
    *ret = answer;
    return 0;
}

/* --- Cache ------------------------------------------------------------------------------------ */

struct OcspCache {
    pthread_mutex_t lock;
    OcspEntry entries[OCSP_CACHE_MAX];
    size_t n;
};

OcspCache *ocsp_cache_new(void)
{
    OcspCache *cache = calloc(1, sizeof *cache);

    if (cache)
        (void)pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

OcspCache *ocsp_cache_free(OcspCache *cache)
{
    if (cache) {
        (void)pthread_mutex_destroy(&cache->lock);
        free(cache);
    }
    return NULL;
}

int ocsp_cache_key(const X509 *certificate, const X509 *issuer, uint8_t ret[OCSP_KEY_SIZE])
{
    return X509_digest(certificate, EVP_sha256(), ret, NULL) == 1 &&
                   X509_digest(issuer, EVP_sha256(), ret + SHA256_DIGEST_LENGTH, NULL) == 1
               ? 0
               : -ENOMEM;
}

static OcspEntry *find(OcspCache *cache, const uint8_t key[OCSP_KEY_SIZE])
{
    for (size_t i = 0; i < cache->n; i++)
        if (memcmp(cache->entries[i].key, key, OCSP_KEY_SIZE) == 0)
            return &cache->entries[i];
    return NULL;
}

bool ocsp_cache_get(OcspCache *cache, const uint8_t key[OCSP_KEY_SIZE], int64_t now,
                    OcspAnswer *ret)
{
    const OcspEntry *entry;
    bool good;

    (void)pthread_mutex_lock(&cache->lock);
    entry = find(cache, key);
    good = entry && entry->answer.next_update > now;
    if (good)
        *ret = entry->answer;
    (void)pthread_mutex_unlock(&cache->lock);
    return good;
}

static OcspEntry *make_room(OcspCache *cache)
{
    OcspEntry *first = &cache->entries[0];

    if (cache->n < OCSP_CACHE_MAX)
        return &cache->entries[cache->n++];
    for (size_t i = 1; i < cache->n; i++)
        if (cache->entries[i].answer.next_update < first->answer.next_update)
            first = &cache->entries[i];
    return first;
}

void ocsp_cache_put(OcspCache *cache, const uint8_t key[OCSP_KEY_SIZE], const OcspAnswer *answer)
{
    OcspEntry *entry;

    (void)pthread_mutex_lock(&cache->lock);
    entry = find(cache, key) ?: make_room(cache);
    memcpy(entry->key, key, OCSP_KEY_SIZE);
    entry->answer = *answer;
    (void)pthread_mutex_unlock(&cache->lock);
}

bool ocsp_cache_clear(OcspCache *cache)
{
    bool any;

    (void)pthread_mutex_lock(&cache->lock);
    any = cache->n > 0;
    cache->n = 0;
    (void)pthread_mutex_unlock(&cache->lock);
    return any;
}

int ocsp_cache_list(OcspCache *cache, int64_t now, OcspEntry **ret, size_t *ret_n)
{
    OcspEntry *entries;
    size_t n = 0;

    (void)pthread_mutex_lock(&cache->lock);
    entries = calloc(cache->n + 1, sizeof *entries);
    for (size_t i = 0; entries && i < cache->n; i++)
        if (cache->entries[i].answer.next_update > now)
            entries[n++] = cache->entries[i];
    (void)pthread_mutex_unlock(&cache->lock);
    if (!entries)
        return -ENOMEM;
    *ret = entries;
    *ret_n = n;
    return 0;
}
