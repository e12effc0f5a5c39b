/* SPDX-License-Identifier: Apache-2.0 */
/* Strict reading of JSON: json-c builds the value, a scan of our own beforehand refuses what json-c
 * lets pass. */
#include "json-util.h"

/* The code point at *p, which is moved behind it; -EBADMSG when it is not valid UTF-8. */
static int32_t utf8_next(const uint8_t **p, const uint8_t *end)
{
    uint32_t c = *(*p)++, minimum;
    unsigned more;

    if (c < 0x80)
        return (int32_t)c;
    if (c >= 0xc2 && c <= 0xdf)
        more = 1, minimum = 0x80, c &= 0x1f;
    else if ((c & 0xf0) == 0xe0)
        more = 2, minimum = 0x800, c &= 0x0f;
    else if (c >= 0xf0 && c <= 0xf4)
        more = 3, minimum = 0x10000, c &= 0x07;
    else
        return -EBADMSG;
    if ((size_t)(end - *p) < more)
        return -EBADMSG;
    for (; more > 0; more--, (*p)++) {
        if ((**p & 0xc0) != 0x80)
            return -EBADMSG;
        c = c << 6 | (**p & 0x3f);
    }
    if (c < minimum || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return -EBADMSG;
    return (int32_t)c;
}

bool utf8_is_valid(const void *data, size_t size)
{
    const uint8_t *p = data, *end = p + size;

    while (p < end)
        if (utf8_next(&p, end) < 0)
            return false;
    return true;
}

/* json-c keeps the last of two members with one name. What one reader drops another may believe, so
 * they are refused: the number of names in the text has to be the number of members in the value.
 */
static size_t count_members(json_object *o)
{
    size_t n = 0;

    if (json_object_is_type(o, json_type_object)) {
        json_object_object_foreach(o, name, member)
        {
            (void)name;
            n += 1 + count_members(member);
        }
    } else if (json_object_is_type(o, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(o); i++)
            n += count_members(json_object_array_get_idx(o, i));
    }
    return n;
}

/* Outside of strings a colon stands only after a member's name. Refuses what json-c takes although
 * RFC 8259 has not got it (single quotes, comments, NaN), and escaped zero bytes, at which C
 * strings would end. */
static int scan_text(const char *text, size_t size, size_t *ret_names, size_t *ret_at)
{
    bool in_string = false;
    size_t names = 0;

    for (size_t i = 0; i < size; i++) {
        *ret_at = i;
        if (in_string && text[i] == '\\') {
            if (size - i > 5 && memcmp(text + i, "\\u0000", 6) == 0)
                return -EBADMSG;
            i++;
            if (i < size && (uint8_t)text[i] >= 0x80)
                return -EBADMSG;
        } else if (text[i] == '"')
            in_string = !in_string;
        else if (!in_string && !strchr("{}[]:, \t\r\n+-.0123456789eEtrufalsn", text[i]))
            return -EBADMSG;
        else if (!in_string && text[i] == ':')
            names++;
    }
    *ret_names = names;
    return 0;
}

#define ESCAPE_SIZE 6U /* \u00e9 */

/* Valid UTF-8 with all that is not ASCII escaped (RFC 8259 section 7). NULL without memory. */
static char *to_ascii(const char *text, size_t size, size_t *ret_size)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + size;
    /* Two bytes become six, four become twelve. */
    char *ascii = malloc(size * (ESCAPE_SIZE / 2) + 1), *out = ascii;

    while (ascii && p < end) {
        uint32_t c = (uint32_t)utf8_next(&p, end);

        if (c < 0x80)
            *out++ = (char)c;
        else if (c < 0x10000)
            out += snprintf(out, ESCAPE_SIZE + 1, "\\u%04x", c);
        else
            out += snprintf(out, 2 * ESCAPE_SIZE + 1, "\\u%04x\\u%04x",
                            0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
    }
    *ret_size = ascii ? (size_t)(out - ascii) : 0;
    return ascii;
}

static bool is_ascii(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)text[i] >= 0x80)
            return false;
    return true;
}

static void tokener_freep(json_tokener **t)
{
    if (*t)
        json_tokener_free(*t);
}

int json_parse(const char *text, size_t size, json_object **ret)
{
    _cleanup_(tokener_freep) json_tokener *tokener = NULL;
    _cleanup_json_ json_object *o = NULL;
    _cleanup_free_ char *ascii = NULL;
    size_t names, at;

    if (size > INT32_MAX / (ESCAPE_SIZE / 2) || memchr(text, 0, size) ||
        !utf8_is_valid(text, size) || scan_text(text, size, &names, &at) < 0)
        return -EBADMSG;
    /* Trailing white space is the only thing that may follow the value. */
    while (size > 0 && strchr(" \t\r\n", text[size - 1]))
        size--;
    /* The strict parser of json-c 0.18 takes other bytes for control characters. */
    if (!is_ascii(text, size)) {
        ascii = to_ascii(text, size, &size);
        if (!ascii)
            return -ENOMEM;
        text = ascii;
    }
    tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
    if (!tokener)
        return -ENOMEM;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    o = json_tokener_parse_ex(tokener, text, (int)size);
    /* A number at the very end is complete only when something follows. */
    if (!o && json_tokener_get_error(tokener) == json_tokener_continue)
        o = json_tokener_parse_ex(tokener, "\n", 1);
    else if (json_tokener_get_parse_end(tokener) != size)
        return -EBADMSG;
    if (json_tokener_get_error(tokener) != json_tokener_success || !o)
        return -EBADMSG;
    if (count_members(o) != names)
        return -EBADMSG;
    *ret = TAKE_PTR(o);
    return 0;
}

/* The byte of text that stands at offset of what to_ascii() makes of it. */
static size_t from_ascii_offset(const char *text, size_t size, size_t offset)
{
    const uint8_t *begin = (const uint8_t *)text, *p = begin, *end = begin + size;
    size_t at = 0;

    while (p < end) {
        const uint8_t *next = p;
        uint32_t c = (uint32_t)utf8_next(&next, end);

        at += c < 0x80 ? 1 : c < 0x10000 ? ESCAPE_SIZE : 2 * ESCAPE_SIZE;
        if (at > offset)
            break;
        p = next;
    }
    return (size_t)(p - begin);
}

/* Of valid UTF-8. */
static size_t tokener_offset(const char *text, size_t size)
{
    _cleanup_(tokener_freep) json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
    _cleanup_json_ json_object *o = NULL;
    _cleanup_free_ char *ascii = NULL;
    size_t length, end;

    ascii = to_ascii(text, size, &length);
    if (!tokener || !ascii)
        return 0;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    o = json_tokener_parse_ex(tokener, ascii, (int)length);
    end = json_tokener_get_parse_end(tokener);
    if (json_tokener_get_error(tokener) == json_tokener_error_depth || (o && end == length))
        return SIZE_MAX;
    return from_ascii_offset(text, size, end);
}

size_t json_error_offset(const char *text, size_t size)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + size;
    size_t names, found, scanned;

    for (const uint8_t *next = p; p < end && *p && utf8_next(&next, end) >= 0;)
        p = next;
    size = (size_t)(p - (const uint8_t *)text); /* what stands before that is text */
    if (size > INT32_MAX / (ESCAPE_SIZE / 2))
        return 0;
    found = tokener_offset(text, size);
    if (scan_text(text, size, &names, &scanned) < 0 && scanned < found)
        found = scanned;
    /* json-c stops before the blanks. */
    while (found < size && strchr(" \t\r\n", text[found]))
        found++;
    return found == SIZE_MAX && p < end ? size : found;
}

static int get_typed(json_object *o, const char *name, json_type type, json_object **ret)
{
    json_object *member;

    if (!json_object_is_type(o, json_type_object))
        return -EBADMSG;
    if (!json_object_object_get_ex(o, name, &member))
        return -ENOENT;
    if (!json_object_is_type(member, type))
        return -EBADMSG;
    *ret = member;
    return 0;
}

int json_get_string(json_object *o, const char *name, const char **ret)
{
    json_object *member;
    int r = get_typed(o, name, json_type_string, &member);

    if (r < 0)
        return r;
    *ret = json_object_get_string(member);
    return 0;
}

int json_get_uint64(json_object *o, const char *name, uint64_t *ret)
{
    json_object *member;
    int r = get_typed(o, name, json_type_int, &member);

    if (r < 0)
        return r;
    /* json-c clamps what does not fit; INT64_MIN cannot be told from that, nor need it be. */
    if (json_object_get_int64(member) < 0)
        return -EBADMSG;
    *ret = json_object_get_uint64(member);
    return 0;
}

int json_get_bool(json_object *o, const char *name, bool *ret)
{
    json_object *member;
    int r = get_typed(o, name, json_type_boolean, &member);

    if (r < 0)
        return r;
    *ret = json_object_get_boolean(member);
    return 0;
}

int json_get_object(json_object *o, const char *name, json_object **ret)
{
    return get_typed(o, name, json_type_object, ret);
}

int json_get_array(json_object *o, const char *name, json_object **ret)
{
    return get_typed(o, name, json_type_array, ret);
}

int json_add(json_object *o, const char *name, json_object *value)
{
    if (value && json_object_object_add(o, name, value) >= 0)
        return 0;
    json_object_put(value);
    return -ENOMEM;
}

int json_only_members(json_object *o, const char *const *names)
{
    if (!json_object_is_type(o, json_type_object))
        return -EBADMSG;
    json_object_object_foreach(o, name, member)
    {
        const char *const *known = names;

        (void)member;
        while (*known && !streq(*known, name))
            known++;
        if (!*known)
            return -EBADMSG;
    }
    return 0;
}
