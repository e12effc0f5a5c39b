/* SPDX-License-Identifier: Apache-2.0 */
#include "token-read.h"

#include "eat.h"
#include "json-util.h"
#include "x509-render.h"

#define TIME_MAX INT64_C(253402300799)
#define END_SIZE STRLEN(EAT_JSON_END)

/* --- JWT -------------------------------------------------------------------------------------- */

static bool take_part(const char **position, const char *end, char last, Text *ret)
{
    const char *dot = last ? memchr(*position, last, (size_t)(end - *position)) : end;

    if (!dot || dot == *position)
        return false;
    *ret = (Text){*position, (size_t)(dot - *position)};
    *position = dot + (dot < end);
    return true;
}

const char *token_split(const char *input, size_t size, Envelope *e)
{
    const char *position = input, *end = input + size;

    while (end > input && (end[-1] == '\n' || end[-1] == '\r' || end[-1] == ' '))
        end--;
    if (!take_part(&position, end, '.', &e->header64) ||
        !take_part(&position, end, '.', &e->payload64) ||
        !take_part(&position, end, 0, &e->signature64))
        return "it is not a JWT of header, claims and signature";
    return NULL;
}

/* --- CWT -------------------------------------------------------------------------------------- */

static const char *name_algorithm(int64_t number, Envelope *e)
{
    static const char *const names[] = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                        "PS512", "ES256", "ES384", "ES512", "EdDSA"};
    int64_t own;

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (cose_algorithm(names[i], &own) >= 0 && own == number) {
            (void)snprintf(e->algorithm, sizeof e->algorithm, "%s", names[i]);
            return NULL;
        }
    return "the header's algorithm is not known";
}

static const char *read_chain(const CoseHeader *h, Envelope *e)
{
    if (h->n_chain > ENVELOPE_CHAIN_MAX)
        return "the header's x5chain has too many certificates";
    for (size_t i = 0; i < h->n_chain; i++) {
        X509 *certificate = NULL;
        int r = certificate_parse(h->chain[i].data, h->chain[i].size, &certificate);

        if (r < 0)
            return r == -ENOMEM ? envelope_no_memory
                                : "a certificate of the header's x5chain does not parse";
        if (sk_X509_push(e->chain, certificate) <= 0) {
            X509_free(certificate);
            return envelope_no_memory;
        }
    }
    return NULL;
}

/* The Sig_structure around the payload, which stays where it is. */
static const char *build_signed(DerSpan header, DerSpan payload, Envelope *e)
{
    size_t room = header.size + 64;
    int size;

    e->signed_head = malloc(room);
    size = e->signed_head ? cose_signed_head(header, payload.size, e->signed_head, room) : -ENOMEM;
    if (size < 0)
        return envelope_no_memory;
    e->signed_parts[0] = (Text){e->signed_head, (size_t)size};
    e->signed_parts[1] = (Text){(const char *)payload.data, payload.size};
    e->signed_parts[2] = (Text){"", 0};
    e->body = e->signed_parts[1];
    return NULL;
}

const char *token_read_cwt(const char *input, size_t size, Envelope *e)
{
    DerSpan header, payload, signature;
    const char *reason = NULL;
    CoseHeader h;

    if (cose_token_read((DerSpan){(const uint8_t *)input, size}, &header, &payload, &signature,
                        &reason) < 0 ||
        cose_header_read(header, &h, &reason) < 0)
        return reason;
    if (signature.size == 0 || signature.size > ENVELOPE_SIGNATURE_MAX)
        return "there is no signature";
    reason = name_algorithm(h.algorithm, e);
    if (!reason)
        reason = read_chain(&h, e);
    if (!reason)
        reason = build_signed(header, payload, e);
    if (reason)
        return reason;
    memcpy(e->thumbprint, h.thumbprint, sizeof e->thumbprint);
    e->signature = malloc(signature.size);
    if (!e->signature)
        return envelope_no_memory;
    memcpy(e->signature, signature.data, signature.size);
    e->signature_size = signature.size;
    return NULL;
}

/* --- Claims ----------------------------------------------------------------------------------- */

static int take_claims(const EatClaims *c, Envelope *e, const char **ret_reason)
{
    size_t n = 0;

    if (c->issued_at > TIME_MAX) {
        *ret_reason = "iat is not a time of this age";
        return -EBADMSG;
    }
    e->issued_at = c->issued_at;
    e->is_collected_dossier = c->is_dossier;
    e->nonce[0] = 0;
    if (c->nonce_size > 0)
        n = (size_t)snprintf(e->nonce, sizeof e->nonce, "0x");
    for (size_t i = 0; i < c->nonce_size; i++)
        n += (size_t)snprintf(e->nonce + n, sizeof e->nonce - n, "%02x", c->nonce[i]);
    return 0;
}

static int payload_of_jwt(Envelope *e, void **ret_data, size_t *ret_size, const char **ret_reason)
{
    _cleanup_free_ void *claims = NULL;
    const char *text;
    size_t size, head;
    EatClaims c;
    int r = base64url_decode(e->payload64.data, e->payload64.size, &claims, &size);

    *ret_reason = "the claims are not base64url";
    if (r >= 0)
        r = eat_claims_from_json(claims, size, &c, &head, ret_reason);
    if (r < 0)
        return r;
    text = claims;
    if (size < head + END_SIZE || memcmp(text + size - END_SIZE, EAT_JSON_END, END_SIZE) != 0) {
        *ret_reason = "the claims do not end with one measurement";
        return -EBADMSG;
    }
    *ret_reason = "the measurement is not base64url";
    r = base64url_decode(text + head, size - head - END_SIZE, ret_data, ret_size);
    return r < 0 ? r : take_claims(&c, e, ret_reason);
}

static int payload_of_cwt(Envelope *e, void **ret_data, size_t *ret_size, const char **ret_reason)
{
    DerSpan body;
    EatClaims c;
    int r = eat_claims_from_cbor((DerSpan){(const uint8_t *)e->body.data, e->body.size}, &c, &body,
                                 ret_reason);

    if (r >= 0)
        r = take_claims(&c, e, ret_reason);
    if (r < 0)
        return r;
    /* A zero byte more, as everything else that is read has it. */
    *ret_data = malloc(body.size + 1);
    if (!*ret_data)
        return -ENOMEM;
    memcpy(*ret_data, body.data, body.size);
    ((uint8_t *)*ret_data)[body.size] = 0;
    *ret_size = body.size;
    return 0;
}

int token_payload(Envelope *e, void **ret_data, size_t *ret_size, const char **ret_reason)
{
    void *data = NULL;
    size_t size;
    int r = e->format == FORMAT_EAT_CWT ? payload_of_cwt(e, &data, &size, ret_reason)
                                        : payload_of_jwt(e, &data, &size, ret_reason);

    if (r < 0) {
        free(data);
        return r;
    }
    *ret_data = data;
    *ret_size = size;
    return 0;
}

bool envelope_nonce_is(const Envelope *e, const char *nonce)
{
    uint8_t own[EAT_NONCE_MAX], other[EAT_NONCE_MAX];
    size_t size, other_size;

    if (e->format == FORMAT_ENVELOPE)
        return streq(nonce, e->nonce);
    return e->nonce[0] && eat_nonce_from_text(nonce, own, &size) >= 0 &&
           eat_nonce_from_text(e->nonce, other, &other_size) >= 0 && size == other_size &&
           memcmp(own, other, size) == 0;
}
