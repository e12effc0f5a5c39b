/* SPDX-License-Identifier: Apache-2.0 */
#include "envelope-read.h"

#include "eat.h"
#include "envelope-format.h"
#include "json-util.h"
#include "openssl-util.h"
#include "token-read.h"
#include "x509-render.h"

const char envelope_no_memory[] = "out of memory";

static const char *blame(int error, const char *reason)
{
    return error == -ENOMEM ? envelope_no_memory : reason;
}

/* --- The outer object ------------------------------------------------------------------------- */

typedef struct Scanner {
    const char *position, *end;
} Scanner;

static void skip_blanks(Scanner *s)
{
    while (s->position < s->end && (*s->position == ' ' || *s->position == '\t' ||
                                    *s->position == '\n' || *s->position == '\r'))
        s->position++;
}

static bool take_char(Scanner *s, char c)
{
    skip_blanks(s);
    if (s->position == s->end || *s->position != c)
        return false;
    s->position++;
    return true;
}

/* Strings of an envelope need no escapes: names are ours and values are base64url, which is checked
 * when they are decoded. */
static bool take_string(Scanner *s, Text *ret)
{
    const char *close;

    if (!take_char(s, '"'))
        return false;
    close = memchr(s->position, '"', (size_t)(s->end - s->position));
    if (!close)
        return false;
    *ret = (Text){s->position, (size_t)(close - s->position)};
    s->position = close + 1;
    return true;
}

static bool is_base64url(Text t)
{
    for (size_t i = 0; i < t.size; i++) {
        char c = t.data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return true;
}

static Text *find_member(Envelope *e, Text name)
{
    const struct {
        const char *name;
        Text *value;
    } members[] = {
        {"payload", &e->payload64}, {"protected", &e->header64}, {"signature", &e->signature64}};

    for (size_t i = 0; i < ELEMENTSOF(members); i++)
        if (strlen(members[i].name) == name.size &&
            memcmp(members[i].name, name.data, name.size) == 0)
            return members[i].value;
    return NULL;
}

static const char *scan(const char *input, size_t size, Envelope *e)
{
    Scanner s = {input, input + size};

    if (!take_char(&s, '{'))
        return "it is not a JSON object";
    do {
        Text name, value, *member;

        if (!take_string(&s, &name) || !take_char(&s, ':') || !take_string(&s, &value))
            return "it is not a JSON object of strings";
        member = find_member(e, name);
        if (!member)
            return "it has a member other than payload, protected and signature";
        if (member->data)
            return "it has a member twice";
        if (!is_base64url(value))
            return "a member is not base64url";
        *member = value;
    } while (take_char(&s, ','));
    if (!take_char(&s, '}'))
        return "it is not a whole JSON object";
    skip_blanks(&s);
    if (s.position != s.end)
        return "something follows after the envelope";
    if (!e->payload64.data || !e->header64.data || !e->signature64.data)
        return "payload, protected or signature is missing";
    return NULL;
}

/* Beyond the year 9999 no certificate is valid either. */
#define TIME_MAX INT64_C(253402300799)

/* --- The protected header --------------------------------------------------------------------- */

static const char *read_algorithm(json_object *header, Envelope *e)
{
    const char *text;

    if (json_get_string(header, "alg", &text) < 0 || strlen(text) >= sizeof e->algorithm)
        return "the header has no alg";
    (void)snprintf(e->algorithm, sizeof e->algorithm, "%s", text);
    return NULL;
}

static const char *read_nonce(json_object *header, Envelope *e)
{
    const char *text;
    int r = json_get_string(header, "nonce", &text);

    if (r == -ENOENT)
        return NULL;
    if (r < 0 || !*text || strlen(text) >= sizeof e->nonce ||
        strspn(text, "0123456789abcdefABCDEFx") != strlen(text))
        return "the header's nonce is none";
    (void)snprintf(e->nonce, sizeof e->nonce, "%s", text);
    return NULL;
}

static const char *read_content_type(json_object *header, Envelope *e)
{
    const char *text;
    int r = json_get_string(header, "cty", &text);

    if (r == -ENOENT)
        return NULL;
    if (r < 0 || !streq(text, ENVELOPE_CONTENT_DOSSIER))
        return "the header's cty is not " ENVELOPE_CONTENT_DOSSIER;
    e->is_collected_dossier = true;
    return NULL;
}

static const char *read_time(json_object *header, Envelope *e)
{
    uint64_t seconds;

    if (json_get_uint64(header, "iat", &seconds) < 0 || seconds > TIME_MAX)
        return "the header has no time of signing (iat)";
    e->issued_at = (int64_t)seconds;
    return NULL;
}

static const char *read_thumbprint(json_object *header, Envelope *e)
{
    _cleanup_free_ void *thumbprint = NULL;
    const char *text;
    size_t size = 0;
    int r = json_get_string(header, "x5t#S256", &text);

    if (r >= 0)
        r = base64url_decode(text, strlen(text), &thumbprint, &size);
    if (r < 0 || size != sizeof e->thumbprint)
        return blame(r, "the header has no thumbprint of the certificate (x5t#S256)");
    memcpy(e->thumbprint, thumbprint, sizeof e->thumbprint);
    return NULL;
}

/* Base64 with padding, strictly: no blanks, and only one way to write the same bytes. */
static int decode_certificate(const char *text, X509 **ret)
{
    size_t length = strlen(text), size;
    _cleanup_free_ uint8_t *der = NULL;
    _cleanup_free_ char *again = NULL;
    int n;

    if (length == 0 || length % 4 != 0 || length > CERTIFICATE_SIZE_MAX / 3 * 4)
        return -EBADMSG;
    der = malloc(length / 4 * 3);
    if (!der)
        return -ENOMEM;
    n = EVP_DecodeBlock(der, (const uint8_t *)text, (int)length);
    if (n < 0)
        return -EBADMSG;
    size = (size_t)n;
    for (size_t i = length; i > 0 && text[i - 1] == '=' && size > 0; i--)
        size--;
    again = base64_encode(der, size);
    if (!again)
        return -ENOMEM;
    return streq(again, text) ? certificate_parse(der, size, ret) : -EBADMSG;
}

static const char *read_chain(json_object *header, Envelope *e)
{
    json_object *array;
    int r = json_get_array(header, "x5c", &array);

    if (r == -ENOENT)
        return NULL;
    if (r < 0 || json_object_array_length(array) == 0 ||
        json_object_array_length(array) > ENVELOPE_CHAIN_MAX)
        return "the header's x5c is not a list of certificates";
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        json_object *item = json_object_array_get_idx(array, i);
        X509 *certificate = NULL;

        r = json_object_is_type(item, json_type_string)
                ? decode_certificate(json_object_get_string(item), &certificate)
                : -EBADMSG;
        if (r < 0)
            return blame(r, "a certificate of the header's x5c does not parse");
        if (sk_X509_push(e->chain, certificate) <= 0) {
            X509_free(certificate);
            return envelope_no_memory;
        }
    }
    return NULL;
}

static const char *read_envelope_header(json_object *header, Envelope *e)
{
    static const char *const known[] = {"alg", "typ",      "cty", "nonce",
                                        "iat", "x5t#S256", "x5c", NULL};
    const char *reason;

    if (json_only_members(header, known) < 0)
        return "the header has a member that is not known";
    reason = read_algorithm(header, e);
    if (!reason)
        reason = read_nonce(header, e);
    if (!reason)
        reason = read_content_type(header, e);
    return reason ? reason : read_time(header, e);
}

/* What else there is to say is in the claims. */
static const char *read_token_header(json_object *header, Envelope *e)
{
    static const char *const known[] = {"alg", "typ", "x5t#S256", "x5c", NULL};

    return json_only_members(header, known) < 0 ? "the header has a member that is not known"
                                                : read_algorithm(header, e);
}

static const char *read_header(Envelope *e)
{
    bool is_token = e->format == FORMAT_EAT_JWT;
    _cleanup_json_ json_object *header = NULL;
    _cleanup_free_ void *text = NULL;
    const char *reason, *type;
    size_t size;
    int r;

    if (e->header64.size > ENVELOPE_HEADER_MAX)
        return "the header is too large";
    r = base64url_decode(e->header64.data, e->header64.size, &text, &size);
    if (r < 0)
        return blame(r, "the header is not base64url");
    r = json_parse(text, size, &header);
    if (r < 0 || !json_object_is_type(header, json_type_object))
        return blame(r, "the header is not a JSON object");
    if (json_get_string(header, "typ", &type) < 0 ||
        !streq(type, is_token ? EAT_JWT_TYPE : ENVELOPE_TYPE))
        return is_token ? "the header's typ is not " EAT_JWT_TYPE
                        : "the header's typ is not " ENVELOPE_TYPE;
    reason = is_token ? read_token_header(header, e) : read_envelope_header(header, e);
    if (!reason)
        reason = read_thumbprint(header, e);
    return reason ? reason : read_chain(header, e);
}

/* --- Forms ------------------------------------------------------------------------------------ */

const char *envelope_format_to_string(EnvelopeFormat format)
{
    switch (format) {
    case FORMAT_EAT_JWT:
        return "eat-jwt";
    case FORMAT_EAT_CWT:
        return "eat-cwt";
    case FORMAT_ENVELOPE:
    default:
        return "envelope";
    }
}

static const char *read_signature(Envelope *e)
{
    void *signature;
    int r = e->signature64.size == 0 || e->signature64.size > ENVELOPE_SIGNATURE_MAX
                ? -EBADMSG
                : base64url_decode(e->signature64.data, e->signature64.size, &signature,
                                   &e->signature_size);

    if (r < 0)
        return blame(r, "the signature is not base64url");
    e->signature = signature;
    return NULL;
}

static const char *read_jws(const char *input, size_t size, Envelope *e)
{
    const char *reason;

    if (e->format == FORMAT_EAT_JWT)
        reason = token_split(input, size, e);
    else
        reason = scan(input, size, e);
    if (!reason)
        reason = read_header(e);
    if (!reason)
        reason = read_signature(e);
    e->signed_parts[0] = e->header64;
    e->signed_parts[1] = (Text){".", 1};
    e->signed_parts[2] = e->payload64;
    return reason;
}

/* A CWT begins with a tag of CBOR, a JWT with the base64url of a brace. */
static EnvelopeFormat recognize(const char *input, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)input;

    if (size > 0 && (bytes[0] == 0xd8 || bytes[0] == 0xd2))
        return FORMAT_EAT_CWT;
    return size > 1 && input[0] == 'e' && (input[1] == 'y' || input[1] == 'w') ? FORMAT_EAT_JWT
                                                                               : FORMAT_ENVELOPE;
}

int envelope_read(const char *input, size_t size, Envelope *ret, const char **ret_reason)
{
    Envelope e = {.format = recognize(input, size)};
    const char *reason;

    e.chain = sk_X509_new_null();
    if (!e.chain)
        return -ENOMEM;
    if (size > ENVELOPE_SIZE_MAX)
        reason = "it is too large";
    else if (e.format == FORMAT_EAT_CWT)
        reason = token_read_cwt(input, size, &e);
    else
        reason = read_jws(input, size, &e);
    if (reason) {
        envelope_done(&e);
        if (reason == envelope_no_memory)
            return -ENOMEM;
        *ret_reason = reason;
        return -EBADMSG;
    }
    *ret = e;
    return 0;
}

void envelope_done(Envelope *e)
{
    free(e->signature);
    e->signature = NULL;
    free(e->signed_head);
    e->signed_head = NULL;
    sk_X509_pop_free(e->chain, X509_free);
    e->chain = NULL;
}

int envelope_payload(Envelope *e, void **ret_data, size_t *ret_size, const char **ret_reason)
{
    int r;

    if (e->format != FORMAT_ENVELOPE)
        return token_payload(e, ret_data, ret_size, ret_reason);
    r = base64url_decode(e->payload64.data, e->payload64.size, ret_data, ret_size);
    if (r == -EBADMSG)
        *ret_reason = "the payload is not base64url";
    return r;
}
