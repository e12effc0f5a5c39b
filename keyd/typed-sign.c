/* SPDX-License-Identifier: Apache-2.0 */
#include "typed-sign.h"

#include <sys/mman.h>
#include <time.h>

#include "cmp-input.h"
#include "eat-input.h"
#include "key-agreement.h"
#include "memfd.h"
#include "scep-input.h"
#include "ssh-input.h"
#include "tls-input.h"
#include "tbs.h"
#include "x509-render.h"

#define COPY_MAX 65536U
#define INPUT_OFFSET_MAX 65536U

static const struct {
    const char *name, *caller;
    size_t size_max;
    bool enrols; /* what a pair has to sign to get a certificate, an encryption pair too */
    bool decrypts, is_tls;
} purposes[] = {
    [PURPOSE_CERTIFICATE_REQUEST] = {"certificate-request", "enrolld", TBS_SIZE_MAX, true, false,
                                     false},
    [PURPOSE_CERTIFICATE] = {"certificate", "enrolld", TBS_SIZE_MAX, false, false, false},
    [PURPOSE_ENVELOPE] = {"envelope", "dossierd", ENVELOPE_SIZE_MAX, false, false, false},
    [PURPOSE_EAT_JWT] = {"eat-jwt", "dossierd", ENVELOPE_SIZE_MAX, false, false, false},
    [PURPOSE_EAT_CWT] = {"eat-cwt", "dossierd", ENVELOPE_SIZE_MAX, false, false, false},
    [PURPOSE_SCEP_CERTIFICATE] = {"scep-certificate", "enrolld", TBS_SIZE_MAX, true, false, false},
    [PURPOSE_SCEP] = {"scep", "enrolld", SCEP_ATTRIBUTES_SIZE_MAX, true, false, false},
    [PURPOSE_SCEP_DECRYPT] = {"scep-decrypt", "enrolld", KEY_AGREEMENT_SIZE_MAX, false, true,
                              false},
    [PURPOSE_CMP] = {"cmp", "enrolld", CMP_INPUT_SIZE_MAX, true, false, false},
    [PURPOSE_TLS_CLIENT] = {"tls-client", "enrolld", TLS_INPUT_SIZE_MAX, false, false, true},
    [PURPOSE_TLS] = {"tls", NULL, TLS_INPUT_SIZE_MAX, false, false, true},
    [PURPOSE_SSH] = {"ssh", NULL, SSH_INPUT_SIZE_MAX, false, false, false},
};

int purpose_from_string(const char *name, Purpose *ret)
{
    for (size_t i = 0; i < ELEMENTSOF(purposes); i++)
        if (streq(purposes[i].name, name)) {
            *ret = (Purpose)i;
            return 0;
        }
    return -EINVAL;
}

const char *purpose_to_string(Purpose purpose)
{
    return purposes[purpose].name;
}

const char *purpose_caller(Purpose purpose)
{
    return purposes[purpose].caller;
}

size_t purpose_size_max(Purpose purpose)
{
    return purposes[purpose].size_max;
}

bool purpose_decrypts(Purpose purpose)
{
    return purposes[purpose].decrypts;
}

bool purpose_is_evidence(Purpose purpose)
{
    return purpose == PURPOSE_ENVELOPE || purpose == PURPOSE_EAT_JWT || purpose == PURPOSE_EAT_CWT;
}

static int refuse(int error, const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return error;
}

static DerSpan input_of(const TypedSign *t)
{
    return (DerSpan){t->input, t->input_size};
}

static bool is_public_key_of(DerSpan public_key, const Key *key)
{
    return der_equal(public_key, key->public_key, key->public_key_size);
}

/* --- Rights ----------------------------------------------------------------------------------- */

/* A CA key certifies itself and the key pairs of the trustpoints that name it: whoever took over
 * enrolld cannot have a key of his own certified. */
static void collect_subjects(TypedSign *t, Store *store, const KeyRights *rights)
{
    for (size_t i = 0; i < key_rights_count(rights); i++) {
        const TrustpointKey *ca = key_rights_get(rights, i);

        if (!ca->is_ca || !key_is(t->key, ca->algorithm, ca->label))
            continue;
        for (size_t j = 0; j < key_rights_count(rights) && t->n_subjects < TYPED_SIGN_SUBJECTS_MAX;
             j++) {
            const TrustpointKey *pair = key_rights_get(rights, j);
            Key *subject;

            if (pair->is_ca || !streq(pair->trustpoint, ca->trustpoint))
                continue;
            subject = store_find(store, pair->algorithm, pair->label);
            if (subject)
                t->subjects[t->n_subjects++] = key_ref(subject);
            if (subject && subject->encryption && t->n_subjects < TYPED_SIGN_SUBJECTS_MAX)
                t->subjects[t->n_subjects++] = key_ref(subject->encryption);
            subject = store_find_slot(store, pair->algorithm, pair->label, KEY_NEXT);
            if (subject && t->n_subjects < TYPED_SIGN_SUBJECTS_MAX)
                t->subjects[t->n_subjects++] = key_ref(subject);
        }
    }
}

/* The key that is to take the place of this one. */
static void add_successor(TypedSign *t, Store *store)
{
    Key *next = store_find_slot(store, t->key->algorithm->name, t->key->label, KEY_NEXT);

    if (next)
        t->subjects[t->n_subjects++] = key_ref(next);
}

static bool is_for_dsa(Purpose purpose)
{
    return purpose == PURPOSE_ENVELOPE || purpose == PURPOSE_CERTIFICATE_REQUEST ||
           purpose == PURPOSE_SCEP_CERTIFICATE || purpose == PURPOSE_SCEP;
}

static int check_usage(const TypedSign *t, const char **ret_reason)
{
    if (purposes[t->purpose].decrypts) {
        if (t->key->algorithm->family != KEY_FAMILY_RSA &&
            t->key->algorithm->family != KEY_FAMILY_ECDSA)
            return refuse(-EPERM, ret_reason, "only rsa and ecdsa keys decrypt");
        if (streq(t->key->usage, KEY_USAGE_SIGNATURE))
            return refuse(-EPERM, ret_reason,
                          "it lacks the usage encryption; its usage is signature");
        return 0;
    }
    if (t->key->algorithm->family == KEY_FAMILY_DSA) {
        if (!is_for_dsa(t->purpose))
            return refuse(-EPERM, ret_reason,
                          "dsa keys sign certificate requests, what SCEP needs, and envelopes");
        if (t->key->bits < DSA_BITS_SIGNING)
            return refuse(-EPERM, ret_reason,
                          "a dsa key below 2048 bits signs nothing: make a larger one");
    }
    if (!key_signs(t->key) && !purposes[t->purpose].enrols)
        return refuse(-EPERM, ret_reason, "it lacks the usage signature; its usage is encryption");
    return 0;
}

int typed_sign_permitted(TypedSign *t, Store *store, const KeyRights *rights,
                         const char **ret_reason)
{
    const char *algorithm = t->key->algorithm->name, *label = t->key->label;
    int r;

    r = check_usage(t, ret_reason);
    if (r < 0)
        return r;
    switch (t->purpose) {
    case PURPOSE_CERTIFICATE_REQUEST:
    case PURPOSE_SCEP_CERTIFICATE:
    case PURPOSE_SCEP:
    case PURPOSE_SCEP_DECRYPT:
    case PURPOSE_CMP:
    case PURPOSE_TLS_CLIENT:
        if (!key_rights_is_keypair(rights, algorithm, label))
            return refuse(-EPERM, ret_reason, "no trustpoint names it as its keypair");
        if (t->purpose == PURPOSE_CMP)
            add_successor(t, store);
        return 0;
    case PURPOSE_CERTIFICATE:
        if (!key_rights_is_ca(rights, algorithm, label))
            return refuse(-EPERM, ret_reason, "no trustpoint names it as its ca-keypair");
        collect_subjects(t, store, rights);
        return 0;
    case PURPOSE_ENVELOPE:
    case PURPOSE_EAT_JWT:
    case PURPOSE_EAT_CWT:
        if (!key_rights_is_sealer(rights, algorithm, label))
            return refuse(
                -EPERM, ret_reason,
                "it is not the keypair of the system trustpoint, or is a ca-keypair as well");
        return 0;
    case PURPOSE_TLS:
    case PURPOSE_SSH:
        if (key_rights_is_ca(rights, algorithm, label))
            return refuse(-EPERM, ret_reason,
                          "it is a trustpoint's ca-keypair, and for nothing else");
        return 0;
    }
    return refuse(-EPERM, ret_reason, "the purpose is not known");
}

/* --- Reading ---------------------------------------------------------------------------------- */

static int check_request(const TypedSign *t, const char **ret_reason)
{
    TbsRequest request;
    int r;

    r = tbs_request_parse(input_of(t), &request, ret_reason);
    if (r < 0)
        return r;
    if (!is_public_key_of(request.public_key, t->key))
        return refuse(-EPERM, ret_reason, "the public key is not that of the key");
    return 0;
}

static bool certifies_own_pair(const TypedSign *t, DerSpan public_key)
{
    for (size_t i = 0; i < t->n_subjects; i++)
        if (is_public_key_of(public_key, t->subjects[i]))
            return true;
    return false;
}

/* What any certificate has to be, whoever it is for. */
static int parse_certificate(const TypedSign *t, TbsCertificate *ret, const char **ret_reason)
{
    DerSpan algorithm = signature_algorithm_identifier(t->key->algorithm, t->digest);
    int r;

    r = tbs_certificate_parse(input_of(t), ret, ret_reason);
    if (r < 0)
        return r;
    if (!der_equal(ret->signature_algorithm, algorithm.data, algorithm.size))
        return refuse(-EBADMSG, ret_reason,
                      "the signature algorithm is not that of the key and digest");
    if (is_public_key_of(ret->public_key, t->key) &&
        !der_equal(ret->issuer, ret->subject.data, ret->subject.size))
        return refuse(-EPERM, ret_reason,
                      "the issuer of a self-signed certificate is not its subject");
    return 0;
}

static int check_certificate(const TypedSign *t, const char **ret_reason)
{
    TbsCertificate c;
    int r;

    r = parse_certificate(t, &c, ret_reason);
    if (r < 0 || is_public_key_of(c.public_key, t->key))
        return r;
    if (!certifies_own_pair(t, c.public_key))
        return refuse(-EPERM, ret_reason,
                      "the public key is neither the key's own nor the keypair of a trustpoint "
                      "that names this CA key");
    if (c.extensions.is_ca || c.extensions.signs_others)
        return refuse(-EPERM, ret_reason, "it would make another key a CA");
    return 0;
}

/* What a SCEP client without a certificate signs its request with: valid for nobody who does not
 * trust this very key already. */
static int check_scep_certificate(const TypedSign *t, const char **ret_reason)
{
    TbsCertificate c;
    int r;

    r = parse_certificate(t, &c, ret_reason);
    if (r < 0)
        return r;
    if (!is_public_key_of(c.public_key, t->key))
        return refuse(-EPERM, ret_reason, "the public key is not that of the key");
    if (c.extensions.is_ca || c.extensions.signs_others)
        return refuse(-EPERM, ret_reason, "it would make the key a CA");
    return 0;
}

static int check_tls(const TypedSign *t, unsigned roles, const char **ret_reason)
{
    int r = tls_input_check(input_of(t), roles, ret_reason);

    if (r < 0)
        return r;
    if (r == 13 && t->key->algorithm->family == KEY_FAMILY_RSA && !digest_is_pss(t->digest))
        return refuse(-EPERM, ret_reason,
                      "TLS 1.3 takes signatures of rsa keys with RSASSA-PSS only");
    return 0;
}

static int check_scep(const TypedSign *t, const char **ret_reason)
{
    const EVP_MD *md = digest_to_md(t->digest);

    /* Ed25519 has SHA-512 with it, RFC 8419 section 3. */
    return scep_attributes_check(input_of(t), (size_t)EVP_MD_get_size(md ? md : EVP_sha512()),
                                 ret_reason);
}

/* 1 when it is. */
static int compare_certificate(const Key *key, const void *der, size_t der_size)
{
    _cleanup_(X509_freep) X509 *certificate = NULL;
    _cleanup_openssl_free_ uint8_t *public_key = NULL;
    int size;

    if (!der || certificate_parse(der, der_size, &certificate) < 0)
        return -EBADMSG;
    size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &public_key);
    if (size <= 0)
        return -ENOMEM;
    return is_public_key_of((DerSpan){public_key, (size_t)size}, key);
}

bool key_has_certificate(const Key *key, const void *der, size_t size)
{
    return compare_certificate(key, der, size) > 0;
}

/* Is it what is in this key's SubjectPublicKeyInfo? In a template that has another tag. */
static bool is_content_of_public_key(DerSpan content, const Key *key)
{
    DerSpan own;

    return der_read_only((DerSpan){key->public_key, key->public_key_size}, DER_SEQUENCE, &own) >=
               0 &&
           der_equal(content, own.data, own.size);
}

/* Whoever asks proves with this key that it is his; and protects with it no request but for itself
 * or for the key that is to take its place. */
static int check_cmp(const TypedSign *t, const char **ret_reason)
{
    DerSpan algorithm = signature_algorithm_identifier(t->key->algorithm, t->digest);
    CmpInput input;
    int r = cmp_input_parse(input_of(t), &input, ret_reason);

    if (r < 0)
        return r;
    if (input.protection.data && !der_equal(input.protection, algorithm.data, algorithm.size))
        return refuse(-EBADMSG, ret_reason,
                      "the protection algorithm is not that of the key and digest");
    if (input.public_key.data && !is_content_of_public_key(input.public_key, t->key) &&
        !(input.protection.data && t->n_subjects > 0 &&
          is_content_of_public_key(input.public_key, t->subjects[0])))
        return refuse(-EPERM, ret_reason, "the public key is not that of the key");
    return 0;
}

/* The certificate that the header speaks of has to carry this very key. */
static int check_context_certificate(const TypedSign *t, const char **ret_reason)
{
    int r = compare_certificate(t->key, t->certificate, t->certificate_size);

    if (r == -EBADMSG)
        return refuse(r, ret_reason, "the context has no DER certificate");
    return r == 0 ? refuse(-EPERM, ret_reason, "the certificate is not one of this key")
                  : (r < 0 ? r : 0);
}

static EnvelopeExpectation expectation(const TypedSign *t, int64_t now)
{
    return (EnvelopeExpectation){
        .algorithm = signature_jose_name(t->key->algorithm, t->digest),
        .now = now,
        .certificate = {t->certificate, t->certificate_size},
    };
}

int typed_sign_check_head(const TypedSign *t, DerSpan head, int64_t now, const char **ret_reason)
{
    const EnvelopeExpectation expected = expectation(t, now);
    DerSpan payload;
    int r = check_context_certificate(t, ret_reason);

    return r < 0 ? r : envelope_input_parse(head, &expected, &payload, ret_reason);
}

/* *ret_payload: what is looked at while it is hashed. */
static int check_evidence(const TypedSign *t, DerSpan *ret_payload, const char **ret_reason)
{
    const EnvelopeExpectation expected = expectation(t, time(NULL));
    int r;

    r = check_context_certificate(t, ret_reason);
    if (r < 0)
        return r;
    if (t->purpose == PURPOSE_EAT_JWT)
        return eat_jwt_input_parse(input_of(t), &expected, ret_payload, ret_reason);
    if (t->purpose == PURPOSE_EAT_CWT)
        return eat_cwt_input_parse(input_of(t), &expected, ret_reason);
    r = envelope_input_parse(input_of(t), &expected, ret_payload, ret_reason);
    if (r < 0)
        return r;
    if (!envelope_payload_end_is_valid(*ret_payload))
        return refuse(-EBADMSG, ret_reason, "the payload is not base64url");
    return 0;
}

/* --- Signing ---------------------------------------------------------------------------------- */

typedef struct Progress {
    const TypedSign *t;
    DerSpan payload; /* what has yet to be looked at */
    const char **ret_reason;
} Progress;

/* Pieces come in their order, the first begins with the header. */
static int on_piece(DerSpan piece, void *userdata)
{
    bool is_token, is_valid;
    Progress *p = userdata;
    DerSpan *rest = &p->payload, part;
    const uint8_t *end = piece.data + piece.size;

    if (p->t->cancelled && atomic_load(p->t->cancelled))
        return -ECANCELED;
    if (rest->size == 0 || end <= rest->data)
        return 0;
    is_token = p->t->purpose == PURPOSE_EAT_JWT;
    part = (DerSpan){rest->data, (size_t)(end - rest->data)};
    if (part.size > rest->size)
        part.size = rest->size;
    if (is_token)
        part.size -= part.size % 4;
    is_valid = is_token ? envelope_quads_are_valid(part) : envelope_payload_piece_is_valid(part);
    if (!is_valid)
        return refuse(-EBADMSG, p->ret_reason,
                      is_token ? "the measurement is not base64url"
                               : "the payload is not base64url");
    *rest = (DerSpan){part.data + part.size, rest->size - part.size};
    return 0;
}

static int decrypt(const TypedSign *t, uint8_t **ret, size_t *ret_size, const char **ret_reason)
{
    bool is_rsa = t->key->algorithm->family == KEY_FAMILY_RSA;
    int r = (is_rsa ? unwrap : unwrap_agreed)(t->key->pkey, input_of(t), t->unwrapped_size,
                                              &t->key->budget, ret);

    if (r == -EBADMSG)
        return refuse(r, ret_reason, "it is not what is encrypted for a key of this size");
    if (r >= 0)
        *ret_size = t->unwrapped_size;
    return r;
}

int typed_sign(const TypedSign *t, uint8_t **ret, size_t *ret_size, const char **ret_reason)
{
    Progress progress = {t, {NULL, 0}, ret_reason};
    int r;

    if (purposes[t->purpose].decrypts)
        return decrypt(t, ret, ret_size, ret_reason);
    r = check_usage(t, ret_reason);
    if (r < 0)
        return r;
    if (!key_algorithm_takes_digest(t->key->algorithm, t->digest))
        return refuse(-EINVAL, ret_reason, "the key does not sign that digest");
    if (digest_is_pss(t->digest) && !purposes[t->purpose].is_tls)
        return refuse(-EINVAL, ret_reason, "RSASSA-PSS is for TLS only");
    switch (t->purpose) {
    case PURPOSE_CERTIFICATE_REQUEST:
        r = check_request(t, ret_reason);
        break;
    case PURPOSE_CERTIFICATE:
        r = check_certificate(t, ret_reason);
        break;
    case PURPOSE_ENVELOPE:
    case PURPOSE_EAT_JWT:
    case PURPOSE_EAT_CWT:
        r = check_evidence(t, &progress.payload, ret_reason);
        break;
    case PURPOSE_SCEP_CERTIFICATE:
        r = check_scep_certificate(t, ret_reason);
        break;
    case PURPOSE_SCEP:
        r = check_scep(t, ret_reason);
        break;
    case PURPOSE_CMP:
        r = check_cmp(t, ret_reason);
        break;
    case PURPOSE_TLS_CLIENT:
        r = check_tls(t, TLS_CLIENT, ret_reason);
        break;
    case PURPOSE_TLS:
        r = check_tls(t, TLS_SERVER | TLS_CLIENT, ret_reason);
        break;
    case PURPOSE_SSH:
        r = ssh_input_check(input_of(t), t->key, t->digest, ret_reason);
        break;
    case PURPOSE_SCEP_DECRYPT:
    default:
        r = refuse(-EPERM, ret_reason, "the purpose is not known");
    }
    if (r < 0)
        return r;
    r = key_sign(t->key, t->digest, input_of(t), on_piece, &progress, ret, ret_size);
    if (r == -EINVAL)
        *ret_reason = "the key is too small for that digest";
    return r;
}

int typed_sign_take_input(TypedSign *t, int fd, uint64_t offset)
{
    const size_t max = purpose_size_max(t->purpose);
    const uint8_t *whole;
    size_t size;
    int r;

    if (offset > INPUT_OFFSET_MAX)
        return -EINVAL;
    r = memfd_read(fd, offset + (max < COPY_MAX ? max : COPY_MAX), &t->copy, &size);
    if (r == -EMSGSIZE && max > COPY_MAX) {
        r = memfd_map(fd, offset + max, &t->mapping, &size);
        t->mapping_size = r < 0 ? 0 : size;
    } else if (r >= 0)
        t->copy_size = size;
    if (r < 0)
        return r;
    if (offset > size)
        return -EINVAL;
    whole = t->copy ? t->copy : t->mapping;
    t->input = whole + offset;
    t->input_size = size - offset;
    return 0;
}

int typed_sign_copy_input(TypedSign *t, const void *data, size_t size)
{
    if (size > purpose_size_max(t->purpose))
        return -EMSGSIZE;
    t->copy = malloc(size > 0 ? size : 1);
    if (!t->copy)
        return -ENOMEM;
    if (size > 0)
        memcpy(t->copy, data, size);
    t->input = t->copy;
    t->input_size = t->copy_size = size;
    return 0;
}

void typed_sign_done(TypedSign *t)
{
    /* A certificate request may have a challenge password. */
    if (t->copy)
        explicit_bzero(t->copy, t->copy_size);
    free(t->copy);
    if (t->mapping_size > 0)
        (void)munmap((void *)(uintptr_t)t->mapping, t->mapping_size);
    for (size_t i = 0; i < t->n_subjects; i++)
        key_unref(t->subjects[i]);
    key_unref(t->key);
    free(t->certificate);
    *t = (TypedSign){0};
}
