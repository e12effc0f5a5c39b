/* SPDX-License-Identifier: Apache-2.0 */
#include "cbor-text.h"
#include "cleanup.h"
#include "eat.h"
#include "json-util.h"

/* Claims of the IANA registry (RFC 8392, RFC 9711). */
enum {
    CLAIM_ISSUED_AT = 6,
    CLAIM_NONCE = 10,
    CLAIM_UEID = 256,
    CLAIM_SUEIDS = 257,
    CLAIM_UPTIME = 261,
    CLAIM_PROFILE = 265,
    CLAIM_SOFTWARE = 270,
    CLAIM_VERSION = 271,
    CLAIM_MEASUREMENTS = 273,
    CLAIM_USE = 275,
};

#define USE_GENERIC 1

/* Header parameters (RFC 9052, RFC 9360, RFC 9596). */
enum {
    HEADER_ALGORITHM = 1,
    HEADER_TYPE = 16,
    HEADER_CHAIN = 33,
    HEADER_THUMBPRINT = 34,
};

#define HASH_SHA256 (-16)
#define TAG_CWT 61
#define TAG_SIGN1 18
#define SIGNED_CONTEXT "Signature1"
#define SUEID_NAME "machine-id"
#define CLAIMS_MAX 16U

static int refuse(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EBADMSG;
}

static bool is_text(const CborItem *item, const char *text)
{
    return item->kind == CBOR_KIND_TEXT && der_is(item->bytes, text);
}

/* --- Claims ----------------------------------------------------------------------------------- */

int eat_claims_to_cbor(const EatClaims *c, size_t body_size, uint8_t buffer[EAT_CLAIMS_MAX])
{
    CborText t = {.data = buffer, .room = EAT_CLAIMS_MAX};

    cbor_put_map(&t, (size_t)5 + (c->nonce_size > 0) + c->has_ueid + c->has_sueid +
                         (c->software[0] != 0) + (c->version[0] != 0));
    cbor_put_int(&t, CLAIM_ISSUED_AT);
    cbor_put_int(&t, c->issued_at);
    if (c->nonce_size > 0) {
        cbor_put_int(&t, CLAIM_NONCE);
        cbor_put_bytes(&t, c->nonce, c->nonce_size);
    }
    if (c->has_ueid) {
        cbor_put_int(&t, CLAIM_UEID);
        cbor_put_bytes(&t, c->ueid, sizeof c->ueid);
    }
    if (c->has_sueid) {
        cbor_put_int(&t, CLAIM_SUEIDS);
        cbor_put_map(&t, 1);
        cbor_put_text(&t, SUEID_NAME);
        cbor_put_bytes(&t, c->sueid, sizeof c->sueid);
    }
    cbor_put_int(&t, CLAIM_UPTIME);
    cbor_put_int(&t, (int64_t)c->uptime);
    cbor_put_int(&t, CLAIM_PROFILE);
    cbor_put_text(&t, c->is_dossier ? EAT_PROFILE_DOSSIER : EAT_PROFILE_OUTPUT);
    if (c->software[0]) {
        cbor_put_int(&t, CLAIM_SOFTWARE);
        cbor_put_text(&t, c->software);
    }
    if (c->version[0]) {
        cbor_put_int(&t, CLAIM_VERSION);
        cbor_put_array(&t, 1);
        cbor_put_text(&t, c->version);
    }
    cbor_put_int(&t, CLAIM_USE);
    cbor_put_int(&t, USE_GENERIC);
    cbor_put_int(&t, CLAIM_MEASUREMENTS);
    cbor_put_array(&t, 1);
    cbor_put_array(&t, 2);
    cbor_put_int(&t, c->is_dossier ? EAT_FORMAT_JSON : EAT_FORMAT_BYTES);
    cbor_put_bytes_head(&t, body_size);
    return t.is_full ? -ENOBUFS : (int)t.size;
}

static bool take_bytes(DerSpan *rest, size_t min, size_t max, uint8_t *ret, size_t *ret_size)
{
    CborItem item;

    if (cbor_take_kind(rest, CBOR_KIND_BYTES, &item) < 0 || item.bytes.size < min ||
        item.bytes.size > max)
        return false;
    memcpy(ret, item.bytes.data, item.bytes.size);
    if (ret_size)
        *ret_size = item.bytes.size;
    return true;
}

static bool take_text(DerSpan *rest, char ret[EAT_TEXT_MAX])
{
    CborItem item;

    if (cbor_take_kind(rest, CBOR_KIND_TEXT, &item) < 0 || item.bytes.size == 0 ||
        item.bytes.size >= EAT_TEXT_MAX)
        return false;
    for (size_t i = 0; i < item.bytes.size; i++)
        if (item.bytes.data[i] < ' ' || item.bytes.data[i] == 0x7f)
            return false;
    if (!utf8_is_valid(item.bytes.data, item.bytes.size))
        return false;
    memcpy(ret, item.bytes.data, item.bytes.size);
    ret[item.bytes.size] = 0;
    return true;
}

static bool take_seconds(DerSpan *rest, int64_t *ret)
{
    return cbor_take_int(rest, ret) >= 0 && *ret >= 0;
}

static bool take_uptime(DerSpan *rest, EatClaims *c)
{
    int64_t seconds;

    if (!take_seconds(rest, &seconds))
        return false;
    c->uptime = (uint64_t)seconds;
    return true;
}

static bool take_sueids(DerSpan *rest, EatClaims *c)
{
    CborItem item;

    c->has_sueid = true;
    return cbor_take_kind(rest, CBOR_KIND_MAP, &item) >= 0 && item.number == 1 &&
           cbor_take(rest, &item) >= 0 && is_text(&item, SUEID_NAME) &&
           take_bytes(rest, EAT_UEID_SIZE, EAT_UEID_SIZE, c->sueid, NULL);
}

static bool take_profile(DerSpan *rest, EatClaims *c)
{
    CborItem item;

    if (cbor_take(rest, &item) < 0)
        return false;
    c->is_dossier = is_text(&item, EAT_PROFILE_DOSSIER);
    return c->is_dossier || is_text(&item, EAT_PROFILE_OUTPUT);
}

static bool take_version(DerSpan *rest, EatClaims *c)
{
    CborItem item;

    return cbor_take_kind(rest, CBOR_KIND_ARRAY, &item) >= 0 && item.number == 1 &&
           take_text(rest, c->version);
}

static bool take_use(DerSpan *rest)
{
    int64_t use;

    return cbor_take_int(rest, &use) >= 0 && use == USE_GENERIC;
}

/* The profile comes before it. */
static bool take_measurement(DerSpan *rest, const EatClaims *c, DerSpan *ret)
{
    CborItem item;
    int64_t format;

    if (cbor_take_kind(rest, CBOR_KIND_ARRAY, &item) < 0 || item.number != 1 ||
        cbor_take_kind(rest, CBOR_KIND_ARRAY, &item) < 0 || item.number != 2 ||
        cbor_take_int(rest, &format) < 0 ||
        format != (c->is_dossier ? EAT_FORMAT_JSON : EAT_FORMAT_BYTES) ||
        cbor_take_kind(rest, CBOR_KIND_BYTES, &item) < 0)
        return false;
    *ret = item.bytes;
    return true;
}

static bool take_claim(DerSpan *rest, int64_t label, EatClaims *c, DerSpan *ret_body)
{
    switch (label) {
    case CLAIM_ISSUED_AT:
        return take_seconds(rest, &c->issued_at);
    case CLAIM_NONCE:
        return take_bytes(rest, EAT_NONCE_MIN, EAT_NONCE_MAX, c->nonce, &c->nonce_size);
    case CLAIM_UEID:
        c->has_ueid = true;
        return take_bytes(rest, EAT_UEID_SIZE, EAT_UEID_SIZE, c->ueid, NULL);
    case CLAIM_SUEIDS:
        return take_sueids(rest, c);
    case CLAIM_UPTIME:
        return take_uptime(rest, c);
    case CLAIM_PROFILE:
        return take_profile(rest, c);
    case CLAIM_SOFTWARE:
        return take_text(rest, c->software);
    case CLAIM_VERSION:
        return take_version(rest, c);
    case CLAIM_USE:
        return take_use(rest);
    case CLAIM_MEASUREMENTS:
        return take_measurement(rest, c, ret_body);
    default:
        return false;
    }
}

int eat_claims_from_cbor(DerSpan text, EatClaims *ret, DerSpan *ret_body, const char **ret_reason)
{
    static const int64_t needed[] = {CLAIM_ISSUED_AT, CLAIM_UPTIME, CLAIM_PROFILE, CLAIM_USE};
    int64_t seen[CLAIMS_MAX], label = 0;
    EatClaims c = {.issued_at = 0};
    DerSpan body = {NULL, 0};
    CborItem map;

    if (cbor_take_kind(&text, CBOR_KIND_MAP, &map) < 0 || map.number == 0 ||
        map.number > CLAIMS_MAX)
        return refuse(ret_reason, "the claims are not a CBOR map");
    for (size_t i = 0; i < map.number; i++) {
        if (cbor_take_int(&text, &label) < 0)
            return refuse(ret_reason, "a claim has no number");
        for (size_t k = 0; k < i; k++)
            if (seen[k] == label)
                return refuse(ret_reason, "a claim is there twice");
        seen[i] = label;
        if (!take_claim(&text, label, &c, &body))
            return refuse(ret_reason, "there is a claim that is not known here, or is none");
    }
    if (label != CLAIM_MEASUREMENTS || text.size > 0)
        return refuse(ret_reason, "the claims do not end with one measurement");
    for (size_t i = 0; i < ELEMENTSOF(needed); i++) {
        bool is_there = false;

        for (size_t k = 0; k < map.number; k++)
            is_there |= seen[k] == needed[i];
        if (!is_there)
            return refuse(ret_reason, "a claim is missing");
    }
    *ret = c;
    *ret_body = body;
    return 0;
}

/* --- COSE ------------------------------------------------------------------------------------- */

int cose_algorithm(const char *jws, int64_t *ret)
{
    static const struct {
        const char *jws;
        int64_t number;
    } algorithms[] = {{"RS256", -257}, {"RS384", -258}, {"RS512", -259}, {"PS256", -37},
                      {"PS384", -38},  {"PS512", -39},  {"ES256", -7},   {"ES384", -35},
                      {"ES512", -36},  {"EdDSA", -8}};

    for (size_t i = 0; i < ELEMENTSOF(algorithms); i++)
        if (streq(algorithms[i].jws, jws)) {
            *ret = algorithms[i].number;
            return 0;
        }
    return -EOPNOTSUPP;
}

int cose_header_write(const CoseHeader *h, uint8_t *buffer, size_t room)
{
    CborText t = {.data = buffer, .room = room};

    cbor_put_map(&t, h->n_chain > 0 ? 4 : 3);
    cbor_put_int(&t, HEADER_ALGORITHM);
    cbor_put_int(&t, h->algorithm);
    cbor_put_int(&t, HEADER_TYPE);
    cbor_put_text(&t, EAT_CWT_TYPE);
    if (h->n_chain > 0) {
        cbor_put_int(&t, HEADER_CHAIN);
        /* One by itself is no array: RFC 9360 section 2. */
        if (h->n_chain > 1)
            cbor_put_array(&t, h->n_chain);
        for (size_t i = 0; i < h->n_chain; i++)
            cbor_put_bytes(&t, h->chain[i].data, h->chain[i].size);
    }
    cbor_put_int(&t, HEADER_THUMBPRINT);
    cbor_put_array(&t, 2);
    cbor_put_int(&t, HASH_SHA256);
    cbor_put_bytes(&t, h->thumbprint, sizeof h->thumbprint);
    return t.is_full ? -ENOBUFS : (int)t.size;
}

static bool take_chain(DerSpan *rest, CoseHeader *h)
{
    CborItem item;
    size_t n = 1;

    if (cbor_take_kind(rest, CBOR_KIND_ARRAY, &item) >= 0) {
        if (item.number < 2 || item.number > EAT_CHAIN_MAX)
            return false;
        n = (size_t)item.number;
    }
    for (size_t i = 0; i < n; i++) {
        if (cbor_take_kind(rest, CBOR_KIND_BYTES, &item) < 0)
            return false;
        h->chain[h->n_chain++] = item.bytes;
    }
    return true;
}

static bool take_thumbprint(DerSpan *rest, CoseHeader *h)
{
    CborItem item;
    int64_t hash;

    return cbor_take_kind(rest, CBOR_KIND_ARRAY, &item) >= 0 && item.number == 2 &&
           cbor_take_int(rest, &hash) >= 0 && hash == HASH_SHA256 &&
           take_bytes(rest, sizeof h->thumbprint, sizeof h->thumbprint, h->thumbprint, NULL);
}

/* In the order in which it is written: RFC 8949 section 4.2.1. */
int cose_header_read(DerSpan text, CoseHeader *ret, const char **ret_reason)
{
    CoseHeader h = {.algorithm = 0};
    CborItem map, type;
    int64_t label;

    if (text.size > EAT_HEADER_MAX || cbor_take_kind(&text, CBOR_KIND_MAP, &map) < 0 ||
        map.number < 3 || map.number > 4)
        return refuse(ret_reason, "the header is not a CBOR map of what is known here");
    if (cbor_take_int(&text, &label) < 0 || label != HEADER_ALGORITHM ||
        cbor_take_int(&text, &h.algorithm) < 0)
        return refuse(ret_reason, "the header does not begin with an algorithm");
    if (cbor_take_int(&text, &label) < 0 || label != HEADER_TYPE || cbor_take(&text, &type) < 0 ||
        !is_text(&type, EAT_CWT_TYPE))
        return refuse(ret_reason, "the header's type is not " EAT_CWT_TYPE);
    if (map.number == 4 &&
        (cbor_take_int(&text, &label) < 0 || label != HEADER_CHAIN || !take_chain(&text, &h)))
        return refuse(ret_reason, "x5chain is not one certificate or a list of them");
    if (cbor_take_int(&text, &label) < 0 || label != HEADER_THUMBPRINT ||
        !take_thumbprint(&text, &h) || text.size > 0)
        return refuse(ret_reason, "the header does not end with x5t by SHA-256");
    *ret = h;
    return 0;
}

int cose_signed_head(DerSpan header, size_t payload_size, uint8_t *buffer, size_t room)
{
    CborText t = {.data = buffer, .room = room};

    cbor_put_array(&t, 4);
    cbor_put_text(&t, SIGNED_CONTEXT);
    cbor_put_bytes(&t, header.data, header.size);
    cbor_put_bytes(&t, NULL, 0);
    cbor_put_bytes_head(&t, payload_size);
    return t.is_full ? -ENOBUFS : (int)t.size;
}

int cose_signed_read(DerSpan text, DerSpan *ret_header, DerSpan *ret_payload,
                     const char **ret_reason)
{
    CborItem item, header, payload;

    if (cbor_take_kind(&text, CBOR_KIND_ARRAY, &item) < 0 || item.number != 4 ||
        cbor_take(&text, &item) < 0 || !is_text(&item, SIGNED_CONTEXT))
        return refuse(ret_reason, "it is not a Sig_structure of COSE_Sign1");
    if (cbor_take_kind(&text, CBOR_KIND_BYTES, &header) < 0 ||
        cbor_take_kind(&text, CBOR_KIND_BYTES, &item) < 0 || item.bytes.size > 0)
        return refuse(ret_reason, "it has no header, or external data");
    if (cbor_take_kind(&text, CBOR_KIND_BYTES, &payload) < 0 || text.size > 0)
        return refuse(ret_reason, "it does not end with its payload");
    *ret_header = header.bytes;
    *ret_payload = payload.bytes;
    return 0;
}

int cose_token_head(DerSpan header, size_t payload_size, uint8_t *buffer, size_t room)
{
    CborText t = {.data = buffer, .room = room};

    cbor_put_tag(&t, TAG_CWT);
    cbor_put_tag(&t, TAG_SIGN1);
    cbor_put_array(&t, 4);
    cbor_put_bytes(&t, header.data, header.size);
    cbor_put_map(&t, 0);
    cbor_put_bytes_head(&t, payload_size);
    return t.is_full ? -ENOBUFS : (int)t.size;
}

int cose_token_read(DerSpan text, DerSpan *ret_header, DerSpan *ret_payload, DerSpan *ret_signature,
                    const char **ret_reason)
{
    CborItem item, header, payload, signature;

    if (cbor_take_kind(&text, CBOR_KIND_TAG, &item) < 0)
        return refuse(ret_reason, "it has not the tag of COSE_Sign1");
    if (item.number == TAG_CWT && cbor_take_kind(&text, CBOR_KIND_TAG, &item) < 0)
        return refuse(ret_reason, "it has not the tag of COSE_Sign1");
    if (item.number != TAG_SIGN1)
        return refuse(ret_reason, "it has not the tag of COSE_Sign1");
    if (cbor_take_kind(&text, CBOR_KIND_ARRAY, &item) < 0 || item.number != 4 ||
        cbor_take_kind(&text, CBOR_KIND_BYTES, &header) < 0 ||
        cbor_take_kind(&text, CBOR_KIND_MAP, &item) < 0 || item.number != 0)
        return refuse(ret_reason, "it is not COSE_Sign1, or has an unprotected header");
    if (cbor_take_kind(&text, CBOR_KIND_BYTES, &payload) < 0 ||
        cbor_take_kind(&text, CBOR_KIND_BYTES, &signature) < 0 || text.size > 0)
        return refuse(ret_reason, "it is cut short, or something follows");
    *ret_header = header.bytes;
    *ret_payload = payload.bytes;
    *ret_signature = signature.bytes;
    return 0;
}
