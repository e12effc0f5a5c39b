/* SPDX-License-Identifier: Apache-2.0 */
#include "crl.h"

#include "signature-digest.h"
#include "x509-render.h"

#define DEPTH_MAX 32U
#define VERSION_2 1L

static int fail(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EBADMSG;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* The algorithm is said twice, and only one of them is signed. */
static bool algorithms_agree(DerSpan der)
{
    DerSpan list, tbs, element, skipped, inner, outer;
    uint8_t tag;

    if (der_read_only(der, DER_SEQUENCE, &list) < 0 || der_read(&list, DER_SEQUENCE, &tbs) < 0 ||
        der_read_optional(&tbs, DER_INTEGER, &skipped) < 0 ||
        der_read_any(&tbs, &tag, &inner, &element) < 0 ||
        der_read_any(&list, &tag, &outer, &element) < 0)
        return false;
    return der_equal(inner, outer.data, outer.size);
}

static bool list_extension_is_known(int nid)
{
    return nid == NID_issuing_distribution_point || nid == NID_delta_crl || nid == NID_crl_number ||
           nid == NID_authority_key_identifier;
}

static bool entry_extension_is_known(int nid)
{
    return nid == NID_crl_reason || nid == NID_certificate_issuer || nid == NID_invalidity_date;
}

static bool extensions_are_known(const STACK_OF(X509_EXTENSION) * extensions, bool (*known)(int))
{
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++) {
        X509_EXTENSION *extension = sk_X509_EXTENSION_value(extensions, i);

        if (X509_EXTENSION_get_critical(extension) &&
            !known(OBJ_obj2nid(X509_EXTENSION_get_object(extension))))
            return false;
    }
    return true;
}

static bool entries_are_known(X509_CRL *crl)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);

    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++)
        if (!extensions_are_known(X509_REVOKED_get0_extensions(sk_X509_REVOKED_value(entries, i)),
                                  entry_extension_is_known))
            return false;
    return true;
}

/* There at most once, and readable when it is there. */
static bool extension_is_readable(X509_CRL *crl, int nid, const ASN1_ITEM *item)
{
    int critical;
    void *value = X509_CRL_get_ext_d2i(crl, nid, &critical, NULL);

    if (value)
        ASN1_item_free(value, item);
    return value || critical == -1;
}

static int check(X509_CRL *crl, DerSpan der, const char **ret_reason)
{
    const X509_ALGOR *algorithm;

    if (X509_CRL_get_version(crl) != VERSION_2)
        return fail(ret_reason, "it is not of version 2");
    if (!algorithms_agree(der))
        return fail(ret_reason, "its signature algorithm is not the one that was signed");
    X509_CRL_get0_signature(crl, NULL, &algorithm);
    if (!signature_digest_is_strong(algorithm))
        return fail(ret_reason, "it is signed with a digest that is no longer safe");
    if (!X509_CRL_get0_nextUpdate(crl))
        return fail(ret_reason, "it does not say when the next one comes");
    if (!extension_is_readable(crl, NID_issuing_distribution_point,
                               ASN1_ITEM_rptr(ISSUING_DIST_POINT)) ||
        !extension_is_readable(crl, NID_delta_crl, ASN1_ITEM_rptr(ASN1_INTEGER)) ||
        !extension_is_readable(crl, NID_crl_number, ASN1_ITEM_rptr(ASN1_INTEGER)) ||
        !extension_is_readable(crl, NID_freshest_crl, ASN1_ITEM_rptr(CRL_DIST_POINTS)))
        return fail(ret_reason, "one of its extensions cannot be read");
    if (!extensions_are_known(X509_CRL_get0_extensions(crl), list_extension_is_known) ||
        !entries_are_known(crl))
        return fail(ret_reason, "it has a critical extension that is not known here");
    return 0;
}

int crl_parse(DerSpan der, X509_CRL **ret, const char **ret_reason)
{
    const unsigned char *p = der.data;
    _cleanup_(X509_CRL_freep) X509_CRL *crl = NULL;
    int r;

    if (der.size > CRL_SIZE_MAX)
        return fail(ret_reason, "it is larger than 8 MiB");
    if (der_check(der, DEPTH_MAX) >= 0)
        crl = d2i_X509_CRL(NULL, &p, (long)der.size);
    if (!crl || p != der.data + der.size) {
        ERR_clear_error();
        return fail(ret_reason, "it does not parse");
    }
    r = check(crl, der, ret_reason);
    ERR_clear_error();
    if (r < 0)
        return r;
    *ret = TAKE_PTR(crl);
    return 0;
}

X509 *crl_find_signer(X509_CRL *crl, const STACK_OF(X509) * candidates)
{
    X509 *found = NULL;

    for (int i = 0; !found && i < sk_X509_num(candidates); i++) {
        X509 *candidate = sk_X509_value(candidates, i);
        EVP_PKEY *key = X509_get0_pubkey(candidate);

        if (key && X509_NAME_cmp(X509_get_subject_name(candidate), X509_CRL_get_issuer(crl)) == 0 &&
            (X509_get_key_usage(candidate) & KU_CRL_SIGN) && X509_CRL_verify(crl, key) == 1)
            found = candidate;
    }
    ERR_clear_error();
    return found;
}

/* --- One of them ------------------------------------------------------------------------------ */

static int read_times(X509_CRL *list, Crl *crl, const char **ret_reason)
{
    if (x509_time_read(X509_CRL_get0_lastUpdate(list), &crl->this_update) < 0 ||
        x509_time_read(X509_CRL_get0_nextUpdate(list), &crl->next_update) < 0)
        return fail(ret_reason, "its times cannot be read");
    return crl->this_update < crl->next_update
               ? 0
               : fail(ret_reason, "the next one comes before it was issued");
}

static int read_number(X509_CRL *list, Crl *crl)
{
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(list, NID_crl_number, NULL, NULL);
    int r = number ? x509_serial_render(number, &crl->number) : 0;

    ASN1_INTEGER_free(number);
    return r;
}

static int copy(const void *data, size_t size, void **ret, size_t *ret_size)
{
    void *bytes = malloc(size + 1);

    if (!bytes)
        return -ENOMEM;
    memcpy(bytes, data, size);
    *ret = bytes;
    *ret_size = size;
    return 0;
}

static bool digest_part(EVP_MD_CTX *context, const void *data, size_t size)
{
    uint64_t length = size;

    return EVP_DigestUpdate(context, &length, sizeof length) &&
           EVP_DigestUpdate(context, data, size);
}

static bool digest_scope(EVP_MD_CTX *context, X509_CRL *list)
{
    int i = X509_CRL_get_ext_by_NID(list, NID_issuing_distribution_point, -1);
    const ASN1_OCTET_STRING *scope =
        i >= 0 ? X509_EXTENSION_get_data(X509_CRL_get_ext(list, i)) : NULL;

    return !scope ||
           digest_part(context, ASN1_STRING_get0_data(scope), (size_t)ASN1_STRING_length(scope));
}

static int make_slot(X509_CRL *list, X509 *signer, Crl *crl)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    _cleanup_openssl_free_ unsigned char *key = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(signer), &key);
    const unsigned char *name;
    size_t size;

    if (!context || n <= 0 || !X509_NAME_get0_der(X509_CRL_get_issuer(list), &name, &size))
        return -ENOMEM;
    return EVP_DigestInit_ex2(context, EVP_sha256(), NULL) && digest_part(context, name, size) &&
                   digest_part(context, key, (size_t)n) &&
                   digest_part(context, crl->delta ? "d" : "b", 1) && digest_scope(context, list) &&
                   EVP_DigestFinal_ex(context, crl->slot, NULL)
               ? 0
               : -ENOMEM;
}

static int fill(X509_CRL *list, X509 *signer, Crl *crl, const char **ret_reason)
{
    ISSUING_DIST_POINT *scope =
        X509_CRL_get_ext_d2i(list, NID_issuing_distribution_point, NULL, NULL);
    int r, ok;

    crl->indirect = scope && scope->indirectCRL > 0;
    ISSUING_DIST_POINT_free(scope);
    crl->delta = X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) >= 0;
    crl->entries = (size_t)(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list)) > 0
                                ? sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list))
                                : 0);
    crl->issuer_hash = X509_NAME_hash_ex(X509_CRL_get_issuer(list), NULL, NULL, &ok);
    r = ok ? read_times(list, crl, ret_reason) : -ENOMEM;
    if (r >= 0)
        r = read_number(list, crl);
    if (r >= 0)
        r = x509_name_render(X509_CRL_get_issuer(list), &crl->issuer);
    if (r >= 0)
        r = certificate_encode(signer, &crl->signer, &crl->signer_size);
    if (r >= 0)
        r = make_slot(list, signer, crl);
    if (r >= 0 && EVP_Digest(crl->der, crl->der_size, crl->digest, NULL, EVP_sha256(), NULL) != 1)
        r = -ENOMEM;
    return r;
}

int crl_new(DerSpan der, X509 *signer, const char *url, Crl **ret, const char **ret_reason)
{
    _cleanup_(X509_CRL_freep) X509_CRL *list = NULL;
    _cleanup_(crl_freep) Crl *crl = calloc(1, sizeof *crl);
    int r;

    if (!crl)
        return -ENOMEM;
    crl->references = 1;
    crl->url = strdup(url);
    r = crl->url ? crl_parse(der, &list, ret_reason) : -ENOMEM;
    if (r >= 0)
        r = copy(der.data, der.size, &crl->der, &crl->der_size);
    if (r >= 0)
        r = fill(list, signer, crl, ret_reason);
    ERR_clear_error();
    if (r < 0)
        return r;
    *ret = TAKE_PTR(crl);
    return 0;
}

bool crl_is_of_scep(const Crl *crl)
{
    return strncmp(crl->url, CRL_SCEP_PREFIX, STRLEN(CRL_SCEP_PREFIX)) == 0;
}

Crl *crl_ref(Crl *crl)
{
    (void)__atomic_add_fetch(&crl->references, 1, __ATOMIC_RELAXED);
    return crl;
}

Crl *crl_free(Crl *crl)
{
    if (!crl || __atomic_sub_fetch(&crl->references, 1, __ATOMIC_ACQ_REL) > 0)
        return NULL;
    free(crl->der);
    free(crl->signer);
    free(crl->url);
    free(crl->issuer);
    free(crl->number);
    free(crl);
    return NULL;
}

int crl_check_time(const Crl *crl, int64_t now, const char **ret_reason)
{
    if (crl->next_update <= now) {
        *ret_reason = "it has expired: the next one should have come";
        return -EKEYEXPIRED;
    }
    if (crl->this_update > now + CRL_CLOCK_SKEW) {
        *ret_reason = "it is not yet valid";
        return -EAGAIN;
    }
    return 0;
}

static int compare_numbers(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);

    return n != m ? (n > m ? 1 : -1) : strcmp(a, b);
}

int crl_compare(const Crl *a, const Crl *b)
{
    int order = 0;

    if (memcmp(a->digest, b->digest, sizeof a->digest) == 0)
        return 0;
    if (a->number && b->number)
        order = compare_numbers(a->number, b->number);
    if (order == 0 && a->this_update != b->this_update)
        order = a->this_update > b->this_update ? 1 : -1;
    /* Another list with the same number and time is no older one: the latter counts. */
    return order != 0 ? order : 1;
}

/* --- Several of them -------------------------------------------------------------------------- */

int crl_list_append(CrlList *list, Crl *crl)
{
    if (list->n == list->n_allocated) {
        size_t n = list->n_allocated * 2 + 8;
        Crl **items = reallocarray(list->items, n, sizeof(Crl *));

        if (!items)
            return -ENOMEM;
        list->items = items;
        list->n_allocated = n;
    }
    list->items[list->n++] = crl;
    return 0;
}

void crl_list_done(CrlList *list)
{
    for (size_t i = 0; i < list->n; i++)
        crl_free(list->items[i]);
    free(list->items);
    *list = (CrlList){0};
}
