/* SPDX-License-Identifier: Apache-2.0 */
#include "received.h"

#include <ctype.h>

#include "pem.h"
#include "scep-message.h"
#include "signature-digest.h"

#define CLOCK_SKEW INT64_C(300)
#define CA_RSA_BITS_MIN 1024
#define PATH_MAX_LENGTH 8U

static int refuse(int error, const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return error;
}

/* --- Reading ---------------------------------------------------------------------------------- */

void received_done(ReceivedList *list)
{
    for (size_t i = 0; i < list->n; i++) {
        X509_free(list->items[i].x509);
        free(list->items[i].der);
    }
    *list = (ReceivedList){.n = 0};
}

int received_add(ReceivedList *list, const void *der, size_t size, const char **ret_reason)
{
    Received *item = &list->items[list->n];
    int r;

    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].size == size && memcmp(list->items[i].der, der, size) == 0)
            return 0;
    if (list->n == RECEIVED_MAX)
        return refuse(-EMSGSIZE, ret_reason, "there are more than 16 certificates");
    r = certificate_parse(der, size, &item->x509);
    if (r == -EMSGSIZE)
        return refuse(r, ret_reason, "a certificate is larger than 64 KiB");
    if (r < 0)
        return refuse(r, ret_reason, "a certificate is malformed");
    item->der = malloc(size);
    if (!item->der) {
        X509_free(item->x509);
        return -ENOMEM;
    }
    memcpy(item->der, der, size);
    item->size = size;
    list->n++;
    return 0;
}

/* One certificate, or those in a PKCS#7 bag. */
static int add_encoded(ReceivedList *list, const void *data, size_t size, const char **ret_reason)
{
    _cleanup_(received_done) ReceivedList found = {.n = 0};
    int r = scep_certificates_parse(data, size, &found, ret_reason);

    for (size_t i = 0; r >= 0 && i < found.n; i++)
        r = received_add(list, found.items[i].der, found.items[i].size, ret_reason);
    return r;
}

static int add_base64(ReceivedList *list, DerSpan text, const char **ret_reason)
{
    _cleanup_free_ void *der = NULL;
    size_t size;
    int r = pem_decode(text, &der, &size);

    if (r == -EBADMSG)
        return refuse(r, ret_reason, "it is neither PEM nor base64 nor DER");
    return r < 0 ? r : add_encoded(list, der, size, ret_reason);
}

static int add_blocks(ReceivedList *list, DerSpan text, const char **ret_reason)
{
    PemBlock block;
    int r;

    while ((r = pem_next(&text, &block)) > 0) {
        if (!pem_has_label(&block, "CERTIFICATE") && !pem_has_label(&block, "PKCS7") &&
            !pem_has_label(&block, "CMS"))
            return refuse(-EBADMSG, ret_reason, "a PEM block is something else than a certificate");
        r = add_base64(list, block.text, ret_reason);
        if (r < 0)
            return r;
    }
    return r < 0 ? refuse(r, ret_reason, "a PEM block has no beginning or no end") : 0;
}

static int parse(const void *data, size_t size, ReceivedList *list, const char **ret_reason)
{
    DerSpan input = {data, size};
    int r;

    if (size > RECEIVED_SIZE_MAX)
        return refuse(-EMSGSIZE, ret_reason, "it is larger than 256 KiB");
    if (size > 0 && input.data[0] == DER_SEQUENCE)
        return add_encoded(list, data, size, ret_reason);
    if (memmem(data, size, "-----", 5))
        r = add_blocks(list, input, ret_reason);
    else
        r = add_base64(list, input, ret_reason);
    if (r >= 0 && list->n == 0)
        return refuse(-EBADMSG, ret_reason, "there is no certificate in it");
    return r;
}

int received_parse(const void *data, size_t size, ReceivedList *ret, const char **ret_reason)
{
    int r;

    *ret = (ReceivedList){.n = 0};
    r = parse(data, size, ret, ret_reason);
    if (r < 0)
        received_done(ret);
    return r;
}

/* --- What holds for every certificate --------------------------------------------------------- */

static int check_times(const X509 *x, const ReceivedRules *rules, const char **ret_reason)
{
    time_t at = (time_t)rules->now, later = (time_t)(rules->now + CLOCK_SKEW);

    if (X509_cmp_time(X509_get0_notAfter(x), &at) <= 0)
        return refuse(-EKEYEXPIRED, ret_reason, "it has expired");
    if (!rules->early && X509_cmp_time(X509_get0_notBefore(x), &later) > 0)
        return refuse(-EKEYREJECTED, ret_reason, "it is not valid yet: is the clock right?");
    return 0;
}

/* Of the signature on a certificate. */
static int check_digest(X509 *x, bool legacy, const char **ret_reason)
{
    int digest = NID_undef;

    if (X509_get_signature_info(x, &digest, NULL, NULL, NULL) != 1)
        return refuse(-EKEYREJECTED, ret_reason, "its signature algorithm is not known here");
    if (digest == NID_md5 || digest == NID_md4 || digest == NID_md2)
        return refuse(-EKEYREJECTED, ret_reason, "it is signed with MD5, which anyone can forge");
    if (digest == NID_sha1)
        return legacy ? 0 : refuse(-EKEYREJECTED, ret_reason, "it is signed with SHA-1");
    return signature_digest_is_strong(X509_get0_tbs_sigalg(x))
               ? 0
               : refuse(-EKEYREJECTED, ret_reason,
                        "it is signed with a digest that is not known here");
}

static int check_signature(X509 *x, X509 *authority, bool legacy, const char **ret_reason)
{
    int r;

    if (X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(authority)) != 0)
        return refuse(-EKEYREJECTED, ret_reason, "it was issued by another CA");
    r = check_digest(x, legacy, ret_reason);
    if (r < 0)
        return r;
    if (X509_verify(x, X509_get0_pubkey(authority)) != 1) {
        ERR_clear_error();
        return refuse(-EKEYREJECTED, ret_reason, "the CA's signature on it is wrong");
    }
    return 0;
}

/* --- CAs -------------------------------------------------------------------------------------- */

static bool is_authority(X509 *x)
{
    return X509_get_extension_flags(x) & EXFLAG_CA &&
           !(X509_get_extension_flags(x) & EXFLAG_INVALID) &&
           X509_get_key_usage(x) & KU_KEY_CERT_SIGN;
}

static bool is_self_issued(const X509 *x)
{
    return X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(x)) == 0;
}

static int check_authority(X509 *x, const ReceivedRules *rules, const char **ret_reason)
{
    const EVP_PKEY *key = X509_get0_pubkey(x);

    if (!key)
        return refuse(-EKEYREJECTED, ret_reason, "the CA's key is of a kind not known here");
    if (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) < CA_RSA_BITS_MIN)
        return refuse(-EKEYREJECTED, ret_reason, "the CA's RSA key has less than 1024 bits");
    return check_times(x, rules, ret_reason);
}

/* Has it certified another CA of the list? */
static bool is_above(const ReceivedList *list, const X509 *x)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].x509 != x && is_authority(list->items[i].x509) &&
            !is_self_issued(list->items[i].x509) &&
            X509_NAME_cmp(X509_get_issuer_name(list->items[i].x509), X509_get_subject_name(x)) == 0)
            return true;
    return false;
}

static void move(ReceivedList *list, size_t from, size_t to)
{
    Received item = list->items[from];

    memmove(&list->items[to + 1], &list->items[to], (from - to) * sizeof(item));
    list->items[to] = item;
}

/* Whose is the signature on items[n - 1]? Comes to items[n]. */
static int order_next(ReceivedList *list, const ReceivedRules *rules, size_t n,
                      const char **ret_reason)
{
    X509 *below = list->items[n - 1].x509;

    for (size_t i = n; i < list->n; i++) {
        X509 *x = list->items[i].x509;
        int r;

        if (!is_authority(x) ||
            X509_NAME_cmp(X509_get_issuer_name(below), X509_get_subject_name(x)) != 0)
            continue;
        r = check_signature(below, x, rules->legacy, ret_reason);
        if (r >= 0)
            r = check_authority(x, rules, ret_reason);
        if (r < 0)
            return r;
        move(list, i, n);
        return 1;
    }
    return 0;
}

static int find_issuing(const ReceivedList *list, size_t *ret, const char **ret_reason)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++)
        if (is_authority(list->items[i].x509) && !is_above(list, list->items[i].x509)) {
            *ret = i;
            n++;
        }
    if (n == 0)
        return refuse(-EKEYREJECTED, ret_reason, "none of it is the certificate of a CA");
    if (n > 1)
        return refuse(
            -EKEYREJECTED, ret_reason,
            "there are certificates of several CAs that have nothing to do with each other");
    return 0;
}

/* --- A CA that is changing its key ------------------------------------------------------------ */

static bool has_key_of(const X509 *x, const X509 *other)
{
    return EVP_PKEY_eq(X509_get0_pubkey(x), X509_get0_pubkey(other)) == 1;
}

/* Is there a certificate with which the one signs for the other's key? */
static bool vouches(const ReceivedList *list, const X509 *by, X509 *other)
{
    for (size_t i = 0; i < list->n; i++) {
        X509 *x = list->items[i].x509;

        if (has_key_of(x, other) && !has_key_of(x, by) &&
            X509_NAME_cmp(X509_get_subject_name(x), X509_get_subject_name(other)) == 0 &&
            X509_verify(x, X509_get0_pubkey(by)) == 1)
            return true;
    }
    return false;
}

static bool is_root(X509 *x)
{
    return is_authority(x) && is_self_issued(x) && X509_verify(x, X509_get0_pubkey(x)) == 1;
}

static bool is_later(const X509 *x, const X509 *other)
{
    int order = ASN1_TIME_compare(X509_get0_notBefore(x), X509_get0_notBefore(other));

    if (order == 0)
        order = ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(other));
    return order > 0;
}

/* Is every CA in it one of the two? */
static bool are_alone(const ReceivedList *list, const X509 *one, const X509 *other)
{
    for (size_t i = 0; i < list->n; i++) {
        const X509 *x = list->items[i].x509;

        if (is_authority((X509 *)(uintptr_t)x) && !has_key_of(x, one) && !has_key_of(x, other))
            return false;
    }
    return true;
}

/* Leaves of the CAs the one certificate. */
static void drop_other_authorities(ReceivedList *list, const X509 *kept)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        X509 *x = list->items[i].x509;

        if (x == kept || !is_authority(x))
            list->items[n++] = list->items[i];
        else {
            X509_free(x);
            free(list->items[i].der);
        }
    }
    list->n = n;
}

/* It shows the present certificate, the next one, and those with which each of the two signs for
 * the other's key (RFC 7030 section 4.1.3, RFC 4210 section 4.4): what is asked about is the
 * present one. The next is asked for when it is time. */
static void drop_successor(ReceivedList *list)
{
    for (size_t i = 0; i < list->n; i++)
        for (size_t j = 0; j < list->n; j++) {
            X509 *present = list->items[i].x509, *next = list->items[j].x509;

            if (i == j || !is_root(present) || !is_root(next) || has_key_of(present, next) ||
                !is_later(next, present) || !are_alone(list, present, next) ||
                !vouches(list, present, next) || !vouches(list, next, present))
                continue;
            drop_other_authorities(list, present);
            return;
        }
}

int received_order_authority(ReceivedList *list, const ReceivedRules *rules, size_t *ret_n_path,
                             const char **ret_reason)
{
    size_t issuing = 0, n = 1;
    int r;

    drop_successor(list);
    ERR_clear_error();
    r = find_issuing(list, &issuing, ret_reason);
    if (r < 0)
        return r;
    r = check_authority(list->items[issuing].x509, rules, ret_reason);
    if (r < 0)
        return r;
    move(list, issuing, 0);
    while (n < PATH_MAX_LENGTH && !is_self_issued(list->items[n - 1].x509)) {
        r = order_next(list, rules, n, ret_reason);
        if (r < 0)
            return r;
        if (r == 0)
            break;
        n++;
    }
    *ret_n_path = n;
    return 0;
}

void received_drop_strangers(ReceivedList *list, const ReceivedRules *rules, size_t n_path,
                             bool agents)
{
    size_t n = n_path;

    for (size_t i = n_path; i < list->n; i++) {
        X509 *x = list->items[i].x509;
        const char *reason;

        if (agents && !(X509_get_extension_flags(x) & EXFLAG_CA) &&
            check_signature(x, list->items[0].x509, rules->legacy, &reason) >= 0 &&
            check_times(x, rules, &reason) >= 0)
            list->items[n++] = list->items[i];
        else {
            X509_free(x);
            free(list->items[i].der);
        }
    }
    list->n = n;
}

/* --- Answers ---------------------------------------------------------------------------------- */

static GENERAL_NAMES *requested_names(X509_REQ *request)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);

    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return names;
}

static bool names_contain(const GENERAL_NAMES *names, GENERAL_NAME *name)
{
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++)
        if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), name) == 0)
            return true;
    return false;
}

/* Some CAs repeat the subject's own name there. */
static bool is_in_subject(const X509_NAME *subject, const GENERAL_NAME *name)
{
    static const int nids[] = {NID_commonName, NID_pkcs9_unstructuredName};
    const ASN1_STRING *value;
    int type;

    value = GENERAL_NAME_get0_value(name, &type);
    if (type != GEN_DNS)
        return false;
    for (size_t i = 0; i < ELEMENTSOF(nids); i++) {
        int at = X509_NAME_get_index_by_NID(subject, nids[i], -1);

        if (at >= 0) {
            const ASN1_STRING *own = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));

            if (ASN1_STRING_length(own) == ASN1_STRING_length(value) &&
                memcmp(ASN1_STRING_get0_data(own), ASN1_STRING_get0_data(value),
                       (size_t)ASN1_STRING_length(own)) == 0)
                return true;
        }
    }
    return false;
}

/* F8: names that nobody asked for are somebody else's, and names that were asked for and are not
 * there make a certificate that does not serve. */
static int check_names(X509 *certificate, X509_REQ *request, const char **ret_reason)
{
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *asked = requested_names(request);
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *given = NULL;
    int critical;

    given = X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);
    if (!given && critical != -1)
        return refuse(-EKEYREJECTED, ret_reason, "its alternative names are malformed");
    for (int i = 0; given && i < sk_GENERAL_NAME_num(given); i++) {
        GENERAL_NAME *name = sk_GENERAL_NAME_value(given, i);

        if (!names_contain(asked, name) && !is_in_subject(X509_REQ_get_subject_name(request), name))
            return refuse(-EKEYREJECTED, ret_reason,
                          "it has an alternative name that was not asked for");
    }
    for (int i = 0; asked && i < sk_GENERAL_NAME_num(asked); i++)
        if (!names_contain(given, sk_GENERAL_NAME_value(asked, i)))
            return refuse(-EKEYREJECTED, ret_reason,
                          "it lacks an alternative name that was asked for");
    return 0;
}

/* A CA may add to the subject and drop from it, but it is the router's own: the common name that
 * was asked for is there, once and unchanged. */
static int check_subject(const X509 *certificate, X509_REQ *request, const char **ret_reason)
{
    const X509_NAME *asked = X509_REQ_get_subject_name(request);
    const X509_NAME *given = X509_get_subject_name(certificate);
    int a = X509_NAME_get_index_by_NID(asked, NID_commonName, -1);
    int g = X509_NAME_get_index_by_NID(given, NID_commonName, -1);

    if (X509_NAME_entry_count(given) == 0)
        return refuse(-EKEYREJECTED, ret_reason, "its subject is empty");
    if (a < 0)
        return 0;
    if (g < 0 || X509_NAME_get_index_by_NID(given, NID_commonName, g) >= 0 ||
        ASN1_STRING_length(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(asked, a))) !=
            ASN1_STRING_length(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(given, g))) ||
        memcmp(ASN1_STRING_get0_data(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(asked, a))),
               ASN1_STRING_get0_data(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(given, g))),
               (size_t)ASN1_STRING_length(
                   X509_NAME_ENTRY_get_data(X509_NAME_get_entry(asked, a)))) != 0)
        return refuse(-EKEYREJECTED, ret_reason,
                      "its subject has not the common name that was asked for");
    return 0;
}

static int check_powers(X509 *certificate, unsigned usage, const char **ret_reason)
{
    uint32_t flags = X509_get_extension_flags(certificate);

    if (usage == 0)
        usage = KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT;
    if (flags & EXFLAG_INVALID)
        return refuse(-EKEYREJECTED, ret_reason, "its extensions are malformed");
    if (flags & EXFLAG_CRITICAL)
        return refuse(-EKEYREJECTED, ret_reason,
                      "it has a critical extension that is not known here");
    if (flags & EXFLAG_CA || (flags & EXFLAG_KUSAGE &&
                              X509_get_key_usage(certificate) & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)))
        return refuse(-EKEYREJECTED, ret_reason, "it would make the router a CA");
    if (flags & EXFLAG_KUSAGE && !(X509_get_key_usage(certificate) & usage))
        return refuse(-EKEYREJECTED, ret_reason, "its key usage leaves nothing to use it for");
    return 0;
}

const Received *received_find(const ReceivedList *list, X509_REQ *request)
{
    const Received *found = NULL;

    for (size_t i = 0; !found && i < list->n; i++) {
        const EVP_PKEY *key = X509_get0_pubkey(list->items[i].x509);

        if (key && EVP_PKEY_eq(key, X509_REQ_get0_pubkey(request)) == 1)
            found = &list->items[i];
    }
    ERR_clear_error();
    return found;
}

int received_check_answer(X509 *certificate, X509 *authority, X509_REQ *request,
                          const ReceivedRules *rules, const char **ret_reason)
{
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    int r;

    if (!key || EVP_PKEY_eq(key, X509_REQ_get0_pubkey(request)) != 1) {
        ERR_clear_error();
        return refuse(-EKEYREJECTED, ret_reason, "it is for another key than the request's");
    }
    r = check_signature(certificate, authority, rules->legacy, ret_reason);
    if (r >= 0)
        r = check_times(certificate, rules, ret_reason);
    if (r >= 0)
        r = check_powers(certificate, rules->usage, ret_reason);
    if (r >= 0)
        r = check_subject(certificate, request, ret_reason);
    if (r >= 0)
        r = check_names(certificate, request, ret_reason);
    ERR_clear_error();
    return r;
}

/* --- Fingerprints ----------------------------------------------------------------------------- */

int fingerprint_matches(const char *text, const CertificateSummary *summary)
{
    char hex[65];
    size_t n = 0;

    for (; *text; text++) {
        if (*text == ':' || *text == ' ')
            continue;
        if (!isxdigit((unsigned char)*text) || n == sizeof(hex) - 1)
            return -EINVAL;
        hex[n++] = (char)toupper((unsigned char)*text);
    }
    hex[n] = '\0';
    if (n == 40)
        return streq(hex, summary->sha1_fingerprint);
    return n == 64 ? streq(hex, summary->sha256_fingerprint) : -EINVAL;
}
