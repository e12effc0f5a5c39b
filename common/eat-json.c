/* SPDX-License-Identifier: Apache-2.0 */
#include "eat.h"

#include <openssl/bn.h>

#include "json-util.h"
#include "openssl-util.h"

#define BODY_MARK "\"measurements\":[["
#define SUEID_NAME "machine-id"

/* --- Nonces ----------------------------------------------------------------------------------- */

static int pad(uint8_t *bytes, size_t size, size_t *ret_size)
{
    size_t missing = size < EAT_NONCE_MIN ? EAT_NONCE_MIN - size : 0;

    memmove(bytes + missing, bytes, size);
    memset(bytes, 0, missing);
    *ret_size = size + missing;
    return 0;
}

static int nonce_from_hex(const char *digits, uint8_t ret[EAT_NONCE_MAX], size_t *ret_size)
{
    size_t n = strlen(digits), size = (n + 1) / 2;

    if (n == 0 || size > EAT_NONCE_MAX || strspn(digits, "0123456789abcdefABCDEF") != n)
        return -EINVAL;
    memset(ret, 0, size);
    for (size_t i = 0; i < n; i++) {
        size_t place = 2 * size - n + i;
        int value = OPENSSL_hexchar2int((unsigned char)digits[i]);

        ret[place / 2] = (uint8_t)(ret[place / 2] << 4 | value);
    }
    return pad(ret, size, ret_size);
}

int eat_nonce_from_text(const char *text, uint8_t ret[EAT_NONCE_MAX], size_t *ret_size)
{
    _cleanup_(BN_freep) BIGNUM *number = NULL;
    size_t n = strlen(text);
    int size;

    if (strncmp(text, "0x", 2) == 0)
        return nonce_from_hex(text + 2, ret, ret_size);
    if (n == 0 || n > 3 * EAT_NONCE_MAX || strspn(text, "0123456789") != n)
        return -EINVAL;
    if (BN_dec2bn(&number, text) == 0)
        return -ENOMEM;
    size = BN_num_bytes(number);
    if (size > (int)EAT_NONCE_MAX)
        return -EINVAL;
    (void)BN_bn2bin(number, ret);
    return pad(ret, (size_t)size, ret_size);
}

/* --- Writing ---------------------------------------------------------------------------------- */

static int add_bytes(json_object *o, const char *name, const void *data, size_t size)
{
    _cleanup_free_ char *text = base64url_encode(data, size);

    return text ? json_add(o, name, json_object_new_string(text)) : -ENOMEM;
}

/* In an object or an array around it. */
static int add_inside(json_object *o, const char *name, json_object *outer, json_object *value)
{
    int r = json_add(o, name, outer);

    if (r >= 0 && (!value || json_object_array_add(outer, value) < 0)) {
        json_object_put(value);
        r = -ENOMEM;
    }
    return r;
}

static int add_device(const EatClaims *c, json_object *o)
{
    json_object *others;
    int r = 0;

    if (c->has_ueid)
        r = add_bytes(o, "ueid", c->ueid, sizeof c->ueid);
    if (r >= 0 && c->has_sueid) {
        others = json_object_new_object();
        r = json_add(o, "sueids", others);
        if (r >= 0)
            r = add_bytes(others, SUEID_NAME, c->sueid, sizeof c->sueid);
    }
    if (r >= 0)
        r = json_add(o, "uptime", json_object_new_uint64(c->uptime));
    if (r >= 0 && c->software[0])
        r = json_add(o, "swname", json_object_new_string(c->software));
    if (r >= 0 && c->version[0])
        r = add_inside(o, "swversion", json_object_new_array(), json_object_new_string(c->version));
    return r;
}

static int build(const EatClaims *c, json_object *o)
{
    int r =
        json_add(o, "eat_profile",
                 json_object_new_string(c->is_dossier ? EAT_PROFILE_DOSSIER : EAT_PROFILE_OUTPUT));

    if (r >= 0)
        r = json_add(o, "iat", json_object_new_int64(c->issued_at));
    if (r >= 0 && c->nonce_size > 0)
        r = add_bytes(o, "eat_nonce", c->nonce, c->nonce_size);
    if (r >= 0)
        r = add_device(c, o);
    return r < 0 ? r : json_add(o, "intuse", json_object_new_string("generic"));
}

int eat_claims_to_json(const EatClaims *c, char **ret)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    unsigned format = c->is_dossier ? EAT_FORMAT_JSON : EAT_FORMAT_BYTES;
    const char *text;
    size_t size;
    int r = o ? build(c, o) : -ENOMEM, n;

    if (r < 0)
        return r;
    text =
        json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    if (!text)
        return -ENOMEM;
    /* Without its last brace, and with blanks to make it three bytes more. */
    size = strlen(text) - 1;
    n = snprintf(NULL, 0, "%.*s," BODY_MARK "%u,\"", (int)size, text, format);
    if (asprintf(ret, "{%*s%.*s," BODY_MARK "%u,\"", (3 - n % 3) % 3, "", (int)size - 1, text + 1,
                 format) < 0)
        return -ENOMEM;
    return 0;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static int refuse(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EBADMSG;
}

/* 1 when it is there. */
static int get_bytes(json_object *o, const char *name, size_t min, size_t max, uint8_t *ret,
                     size_t *ret_size)
{
    _cleanup_free_ void *data = NULL;
    const char *text;
    size_t size;
    int r = json_get_string(o, name, &text);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    r = base64url_decode(text, strlen(text), &data, &size);
    if (r < 0)
        return r;
    if (size < min || size > max)
        return -EBADMSG;
    memcpy(ret, data, size);
    if (ret_size)
        *ret_size = size;
    return 1;
}

static bool copy_text(const char *text, char ret[EAT_TEXT_MAX])
{
    size_t n = strlen(text);

    if (n == 0 || n >= EAT_TEXT_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    memcpy(ret, text, n + 1);
    return true;
}

static bool read_profile(json_object *o, EatClaims *c)
{
    const char *text;

    if (json_get_string(o, "eat_profile", &text) < 0)
        return false;
    c->is_dossier = streq(text, EAT_PROFILE_DOSSIER);
    return c->is_dossier || streq(text, EAT_PROFILE_OUTPUT);
}

static bool read_identities(json_object *o, EatClaims *c)
{
    static const char *const names[] = {SUEID_NAME, NULL};
    json_object *others;
    int r = get_bytes(o, "ueid", EAT_UEID_SIZE, EAT_UEID_SIZE, c->ueid, NULL);

    if (r < 0)
        return false;
    c->has_ueid = r > 0;
    r = json_get_object(o, "sueids", &others);
    if (r < 0)
        return r == -ENOENT;
    c->has_sueid = true;
    return json_only_members(others, names) >= 0 &&
           get_bytes(others, SUEID_NAME, EAT_UEID_SIZE, EAT_UEID_SIZE, c->sueid, NULL) > 0;
}

static bool read_software(json_object *o, EatClaims *c)
{
    json_object *version;
    const char *text;
    int r = json_get_string(o, "swname", &text);

    if (r != -ENOENT && (r < 0 || !copy_text(text, c->software)))
        return false;
    r = json_get_array(o, "swversion", &version);
    if (r < 0)
        return r == -ENOENT;
    return json_object_array_length(version) == 1 &&
           json_object_is_type(json_object_array_get_idx(version, 0), json_type_string) &&
           copy_text(json_object_get_string(json_object_array_get_idx(version, 0)), c->version);
}

/* The one measurement, with nothing in its place of its body. */
static bool read_measurement(json_object *o, const EatClaims *c)
{
    json_object *list, *one;

    if (json_get_array(o, "measurements", &list) < 0 || json_object_array_length(list) != 1)
        return false;
    one = json_object_array_get_idx(list, 0);
    return json_object_is_type(one, json_type_array) && json_object_array_length(one) == 2 &&
           json_object_is_type(json_object_array_get_idx(one, 0), json_type_int) &&
           json_object_get_int64(json_object_array_get_idx(one, 0)) ==
               (c->is_dossier ? EAT_FORMAT_JSON : EAT_FORMAT_BYTES);
}

static int read_claims(json_object *o, EatClaims *c, const char **ret_reason)
{
    static const char *const known[] = {"eat_profile", "iat",          "eat_nonce", "ueid",
                                        "sueids",      "uptime",       "swname",    "swversion",
                                        "intuse",      "measurements", NULL};
    const char *text;
    uint64_t iat;

    if (!json_object_is_type(o, json_type_object) || json_only_members(o, known) < 0)
        return refuse(ret_reason, "there is a claim that is not known here");
    if (!read_profile(o, c))
        return refuse(ret_reason, "eat_profile is not one of Chancery's");
    if (json_get_uint64(o, "iat", &iat) < 0 || iat > INT64_MAX)
        return refuse(ret_reason, "iat is not a number of seconds");
    c->issued_at = (int64_t)iat;
    if (get_bytes(o, "eat_nonce", EAT_NONCE_MIN, EAT_NONCE_MAX, c->nonce, &c->nonce_size) < 0)
        return refuse(ret_reason, "eat_nonce is not 8 to 64 bytes in base64url");
    if (!read_identities(o, c))
        return refuse(ret_reason, "ueid or sueids is none");
    if (json_get_uint64(o, "uptime", &c->uptime) < 0)
        return refuse(ret_reason, "uptime is not a number of seconds");
    if (!read_software(o, c))
        return refuse(ret_reason, "swname or swversion is none");
    if (json_get_string(o, "intuse", &text) < 0 || !streq(text, "generic"))
        return refuse(ret_reason, "intuse is not generic");
    return read_measurement(o, c) ? 0 : refuse(ret_reason, "measurements is not one measurement");
}

/* A quote inside of a text has a backslash before it: so the mark is where it seems to be. */
int eat_claims_from_json(const char *text, size_t size, EatClaims *ret, size_t *ret_size,
                         const char **ret_reason)
{
    size_t search = size < EAT_CLAIMS_MAX ? size : EAT_CLAIMS_MAX, before, comma;
    const char *mark = memmem(text, search, BODY_MARK, STRLEN(BODY_MARK)), *end = text + search;
    _cleanup_json_ json_object *o = NULL;
    _cleanup_free_ char *whole = NULL;
    EatClaims c = {.issued_at = 0};
    int r;

    if (!mark)
        return refuse(ret_reason, "there is no measurement, or too much before it");
    mark += STRLEN(BODY_MARK);
    for (comma = 0; mark + comma < end && mark[comma] >= '0' && mark[comma] <= '9'; comma++)
        ;
    if ((size_t)(end - mark) < comma + 2 || memcmp(mark + comma, ",\"", 2) != 0)
        return refuse(ret_reason, "measurements is not one measurement");
    before = (size_t)(mark - text) + comma + 2;
    /* What is parsed below would end there, and the body begin elsewhere. */
    if (memchr(text, 0, before))
        return refuse(ret_reason, "the claims are not JSON");
    if (before % 3 != 0)
        return refuse(ret_reason, "the claims before the measurement are not padded");
    if (asprintf(&whole, "%.*s" EAT_JSON_END, (int)before, text) < 0)
        return -ENOMEM;
    r = json_parse(whole, strlen(whole), &o);
    if (r < 0)
        return r == -ENOMEM ? r : refuse(ret_reason, "the claims are not JSON");
    r = read_claims(o, &c, ret_reason);
    if (r < 0)
        return r;
    *ret = c;
    *ret_size = before;
    return 0;
}
