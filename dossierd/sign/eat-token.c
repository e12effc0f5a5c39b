/* SPDX-License-Identifier: Apache-2.0 */
#include "eat-token.h"

#include "cbor-text.h"
#include "json-util.h"
#include "openssl-util.h"

#define SIGNATURE_HEAD_MAX 16U

EnvelopeEncoding eat_encoding(EatForm form)
{
    return form == EAT_CWT ? ENVELOPE_RAW : ENVELOPE_BASE64URL_TWICE;
}

void eat_token_done(EatToken *t)
{
    if (t->head != t->signed_head)
        free(t->head);
    free(t->signed_head);
    *t = (EatToken){.form = EAT_JWT};
}

/* DSA256 is a name of our own: no registry has one for DSA. */
static int find_algorithm(const EnvelopeSigner *signer, const char **ret_jws, int64_t *ret_cose)
{
    *ret_jws = envelope_algorithm(signer->algorithm, signer->digest);
    return *ret_jws && signer->n_chain > 0 ? cose_algorithm(*ret_jws, ret_cose) : -EOPNOTSUPP;
}

/* --- JWT -------------------------------------------------------------------------------------- */

static int add_text(json_object *o, const char *name, const char *text)
{
    return json_add(o, name, json_object_new_string(text));
}

static int begin_jwt(const EnvelopeSigner *signer, const char *jws, const EatClaims *claims,
                     bool include_certificate, EatToken *t)
{
    _cleanup_json_ json_object *header = json_object_new_object();
    _cleanup_free_ char *header64 = NULL, *claims_text = NULL, *claims64 = NULL, *head = NULL;
    const char *text;
    int r = header ? add_text(header, "alg", jws) : -ENOMEM;

    if (r >= 0)
        r = add_text(header, "typ", EAT_JWT_TYPE);
    if (r >= 0)
        r = envelope_add_certificates(header, signer, include_certificate);
    if (r >= 0)
        r = eat_claims_to_json(claims, &claims_text);
    if (r < 0)
        return r;
    text = json_object_to_json_string_ext(header,
                                          JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    header64 = text ? base64url_encode(text, strlen(text)) : NULL;
    claims64 = base64url_encode(claims_text, strlen(claims_text));
    if (!header64 || !claims64 || asprintf(&head, "%s.%s", header64, claims64) < 0)
        return -ENOMEM;
    t->signed_head_size = t->head_size = strlen(head);
    t->signed_head = t->head = (uint8_t *)TAKE_PTR(head);
    return 0;
}

/* --- CWT -------------------------------------------------------------------------------------- */

static int make_header(const EnvelopeSigner *signer, int64_t algorithm, bool include_certificate,
                       uint8_t **ret, size_t *ret_size)
{
    CoseHeader h = {.algorithm = algorithm};
    size_t room = 256;
    uint8_t *buffer;
    int size;

    if (EVP_Digest(signer->chain[0].der, signer->chain[0].size, h.thumbprint, NULL, EVP_sha256(),
                   NULL) != 1)
        return -ENOMEM;
    for (; include_certificate && h.n_chain < signer->n_chain; h.n_chain++) {
        h.chain[h.n_chain] = (DerSpan){signer->chain[h.n_chain].der, signer->chain[h.n_chain].size};
        room += 16 + signer->chain[h.n_chain].size;
    }
    buffer = malloc(room);
    if (!buffer)
        return -ENOMEM;
    size = cose_header_write(&h, buffer, room);
    if (size < 0) {
        free(buffer);
        return size;
    }
    *ret = buffer;
    *ret_size = (size_t)size;
    return 0;
}

/* A head by that function, and the claims behind it. */
static int
make_head(int (*write)(DerSpan header, size_t payload_size, uint8_t *buffer, size_t room),
          DerSpan header, DerSpan claims, size_t payload_size, uint8_t **ret, size_t *ret_size)
{
    size_t room = header.size + 64;
    uint8_t *buffer = malloc(room + claims.size);
    int n = buffer ? write(header, claims.size + payload_size, buffer, room) : -ENOMEM;

    if (n < 0) {
        free(buffer);
        return n;
    }
    memcpy(buffer + n, claims.data, claims.size);
    *ret = buffer;
    *ret_size = (size_t)n + claims.size;
    return 0;
}

static int begin_cwt(const EnvelopeSigner *signer, int64_t algorithm, const EatClaims *claims,
                     bool include_certificate, size_t payload_size, EatToken *t)
{
    _cleanup_free_ uint8_t *header = NULL;
    uint8_t buffer[EAT_CLAIMS_MAX];
    size_t size;
    int r = make_header(signer, algorithm, include_certificate, &header, &size), n;

    if (r < 0)
        return r;
    n = eat_claims_to_cbor(claims, payload_size, buffer);
    if (n < 0)
        return n;
    r = make_head(cose_signed_head, (DerSpan){header, size}, (DerSpan){buffer, (size_t)n},
                  payload_size, &t->signed_head, &t->signed_head_size);
    if (r >= 0)
        r = make_head(cose_token_head, (DerSpan){header, size}, (DerSpan){buffer, (size_t)n},
                      payload_size, &t->head, &t->head_size);
    return r;
}

/* --- Both ------------------------------------------------------------------------------------- */

int eat_token_begin(EatForm form, const EnvelopeSigner *signer, const EatClaims *claims,
                    bool include_certificate, uint64_t payload_size, EatToken *ret)
{
    EatToken t = {.form = form};
    int64_t cose = 0;
    const char *jws;
    int r = find_algorithm(signer, &jws, &cose);

    if (r < 0)
        return r;
    r = form == EAT_JWT
            ? begin_jwt(signer, jws, claims, include_certificate, &t)
            : begin_cwt(signer, cose, claims, include_certificate, (size_t)payload_size, &t);
    if (r < 0) {
        eat_token_done(&t);
        return r;
    }
    *ret = t;
    return 0;
}

int eat_token_sign(const EatToken *t, OSSL_LIB_CTX *context, EVP_PKEY *key,
                   const EnvelopeSigner *signer, EnvelopePayload *payload, void **ret,
                   size_t *ret_size)
{
    return envelope_sign_bytes(context, key, signer, t->signed_head, t->signed_head_size, payload,
                               ret, ret_size);
}

int eat_token_write(const EatToken *t, int (*write)(void *userdata, const void *data, size_t size),
                    void *userdata, const char *payload, size_t payload_size, const void *signature,
                    size_t signature_size)
{
    _cleanup_free_ char *text = NULL, *encoded = NULL;
    uint8_t head[SIGNATURE_HEAD_MAX];
    CborText end = {.data = head, .room = sizeof head};
    int r = write(userdata, t->head, t->head_size);

    if (r >= 0 && payload_size > 0)
        r = write(userdata, payload, payload_size);
    if (r < 0)
        return r;
    if (t->form == EAT_CWT) {
        cbor_put_bytes_head(&end, signature_size);
        r = write(userdata, head, end.size);
        return r < 0 ? r : write(userdata, signature, signature_size);
    }
    encoded = base64url_encode(signature, signature_size);
    if (!encoded || asprintf(&text, ".%s\n", encoded) < 0)
        return -ENOMEM;
    return write(userdata, text, strlen(text));
}
