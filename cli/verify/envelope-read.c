/* SPDX-License-Identifier: Apache-2.0 */
#include "envelope-read.h"

#include "envelope-format.h"
#include "json-util.h"
#include "openssl-util.h"
#include "x509-render.h"

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

/* --- The protected header --------------------------------------------------------------------- */

static const char *read_texts(json_object *header, Envelope *e)
{
    const char *text;
    int r;

    if (json_get_string(header, "typ", &text) < 0 || !streq(text, ENVELOPE_TYPE))
        return "the header's typ is not " ENVELOPE_TYPE;
    if (json_get_string(header, "alg", &text) < 0 || strlen(text) >= sizeof e->algorithm)
        return "the header has no alg";
    (void)snprintf(e->algorithm, sizeof e->algorithm, "%s", text);
    r = json_get_string(header, "nonce", &text);
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

static const char *read_time_and_thumbprint(json_object *header, Envelope *e)
{
    _cleanup_free_ void *thumbprint = NULL;
    const char *text;
    uint64_t seconds;
    size_t size;

    /* Beyond the year 9999 no certificate is valid either. */
    if (json_get_uint64(header, "iat", &seconds) < 0 || seconds > UINT64_C(253402300799))
        return "the header has no time of signing (iat)";
    e->issued_at = (int64_t)seconds;
    if (json_get_string(header, "x5t#S256", &text) < 0 ||
        base64url_decode(text, strlen(text), &thumbprint, &size) < 0 ||
        size != sizeof e->thumbprint)
        return "the header has no thumbprint of the certificate (x5t#S256)";
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

        if (!json_object_is_type(item, json_type_string) ||
            decode_certificate(json_object_get_string(item), &certificate) < 0)
            return "a certificate of the header's x5c does not parse";
        if (sk_X509_push(e->chain, certificate) <= 0) {
            X509_free(certificate);
            return "out of memory";
        }
    }
    return NULL;
}

static const char *read_header(Envelope *e)
{
    static const char *const known[] = {"alg", "typ",      "cty", "nonce",
                                        "iat", "x5t#S256", "x5c", NULL};
    _cleanup_json_ json_object *header = NULL;
    _cleanup_free_ void *text = NULL;
    const char *reason;
    size_t size;

    if (e->header64.size > ENVELOPE_HEADER_MAX)
        return "the header is too large";
    if (base64url_decode(e->header64.data, e->header64.size, &text, &size) < 0)
        return "the header is not base64url";
    if (json_parse(text, size, &header) < 0 || !json_object_is_type(header, json_type_object))
        return "the header is not a JSON object";
    if (json_only_members(header, known) < 0)
        return "the header has a member that is not known";
    reason = read_texts(header, e);
    if (!reason)
        reason = read_content_type(header, e);
    if (!reason)
        reason = read_time_and_thumbprint(header, e);
    return reason ? reason : read_chain(header, e);
}

int envelope_read(const char *input, size_t size, Envelope *ret, const char **ret_reason)
{
    Envelope e = {.issued_at = 0};
    const char *reason;
    void *signature;

    e.chain = sk_X509_new_null();
    if (!e.chain)
        return -ENOMEM;
    reason = size > ENVELOPE_SIZE_MAX ? "it is too large" : scan(input, size, &e);
    if (!reason)
        reason = read_header(&e);
    if (!reason && (e.signature64.size == 0 || e.signature64.size > ENVELOPE_SIGNATURE_MAX ||
                    base64url_decode(e.signature64.data, e.signature64.size, &signature,
                                     &e.signature_size) < 0))
        reason = "the signature is not base64url";
    if (reason) {
        envelope_done(&e);
        *ret_reason = reason;
        return -EBADMSG;
    }
    e.signature = signature;
    *ret = e;
    return 0;
}

void envelope_done(Envelope *e)
{
    free(e->signature);
    e->signature = NULL;
    sk_X509_pop_free(e->chain, X509_free);
    e->chain = NULL;
}

int envelope_payload(const Envelope *e, void **ret_data, size_t *ret_size)
{
    return base64url_decode(e->payload64.data, e->payload64.size, ret_data, ret_size);
}
