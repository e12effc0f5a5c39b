/* SPDX-License-Identifier: Apache-2.0 */
#include "json-scan.h"

#include "json-util.h"

void json_scan_blanks(JsonScan *s)
{
    while (s->position < s->end && (*s->position == ' ' || *s->position == '\t' ||
                                    *s->position == '\n' || *s->position == '\r'))
        s->position++;
}

bool json_scan_take(JsonScan *s, char c)
{
    json_scan_blanks(s);
    if (s->position == s->end || *s->position != (uint8_t)c)
        return false;
    s->position++;
    return true;
}

static bool take_escape(JsonScan *s)
{
    if (s->position == s->end)
        return false;
    if (*s->position++ != 'u')
        return memchr("\"\\/bfnrt", s->position[-1], 8) != NULL;
    for (int i = 0; i < 4; i++, s->position++)
        if (s->position == s->end ||
            !((*s->position >= '0' && *s->position <= '9') ||
              ((*s->position | 0x20) >= 'a' && (*s->position | 0x20) <= 'f')))
            return false;
    return true;
}

bool json_scan_string(JsonScan *s, const uint8_t **ret, size_t *ret_size)
{
    if (!json_scan_take(s, '"'))
        return false;
    *ret = s->position;
    while (s->position < s->end) {
        uint8_t c = *s->position++;

        if (c == '"') {
            *ret_size = (size_t)(s->position - 1 - *ret);
            return utf8_is_valid(*ret, *ret_size);
        }
        if (c < 0x20 || (c == '\\' && !take_escape(s)))
            return false;
    }
    return false;
}

static size_t take_digits(JsonScan *s)
{
    const uint8_t *begin = s->position;

    while (s->position < s->end && *s->position >= '0' && *s->position <= '9')
        s->position++;
    return (size_t)(s->position - begin);
}

static bool take_number(JsonScan *s)
{
    bool zero;

    if (s->position < s->end && *s->position == '-')
        s->position++;
    zero = s->position < s->end && *s->position == '0';
    switch (take_digits(s)) {
    case 0:
        return false;
    case 1:
        break;
    default:
        if (zero)
            return false;
    }
    if (s->position < s->end && *s->position == '.') {
        s->position++;
        if (take_digits(s) == 0)
            return false;
    }
    if (s->position < s->end && (*s->position | 0x20) == 'e') {
        s->position++;
        if (s->position < s->end && (*s->position == '+' || *s->position == '-'))
            s->position++;
        if (take_digits(s) == 0)
            return false;
    }
    return true;
}

static bool take_word(JsonScan *s, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(s->end - s->position) < n || memcmp(s->position, word, n) != 0)
        return false;
    s->position += n;
    return true;
}

static bool take_scalar(JsonScan *s)
{
    const uint8_t *text;
    size_t size;

    json_scan_blanks(s);
    if (s->position == s->end)
        return false;
    switch (*s->position) {
    case '"':
        return json_scan_string(s, &text, &size);
    case 't':
        return take_word(s, "true");
    case 'f':
        return take_word(s, "false");
    case 'n':
        return take_word(s, "null");
    default:
        return take_number(s);
    }
}

static bool take_name(JsonScan *s)
{
    const uint8_t *name;
    size_t size;

    return json_scan_string(s, &name, &size) && json_scan_take(s, ':');
}

/* After a value: closes what ends here. Returns false on an error; *depth is 0 when the whole value
 * is over. */
static bool take_ends(JsonScan *s, char *closers, unsigned *depth)
{
    while (*depth > 0) {
        if (json_scan_take(s, ','))
            return closers[*depth - 1] == ']' || take_name(s);
        if (!json_scan_take(s, closers[*depth - 1]))
            return false;
        (*depth)--;
    }
    return true;
}

/* Objects and arrays without recursion, so that depth costs no stack. */
bool json_scan_value(JsonScan *s)
{
    char closers[JSON_DEPTH_MAX];
    unsigned depth = 0;

    do {
        char closer = json_scan_take(s, '{') ? '}' : json_scan_take(s, '[') ? ']' : 0;

        if (!closer) {
            if (!take_scalar(s))
                return false;
        } else if (depth == JSON_DEPTH_MAX)
            return false;
        else if (!json_scan_take(s, closer)) {
            closers[depth++] = closer;
            if (closer == '}' && !take_name(s))
                return false;
            continue;
        }
        if (!take_ends(s, closers, &depth))
            return false;
    } while (depth > 0);
    return true;
}

bool json_scan_object(JsonScan *s, JsonScanMember member, void *userdata)
{
    const uint8_t *name;
    size_t size;

    if (!json_scan_take(s, '{'))
        return false;
    if (json_scan_take(s, '}'))
        return true;
    do
        if (!json_scan_string(s, &name, &size) || !json_scan_take(s, ':') ||
            !member(s, name, size, userdata))
            return false;
    while (json_scan_take(s, ','));
    return json_scan_take(s, '}');
}

bool json_scan_array(JsonScan *s, JsonScanElement element, void *userdata)
{
    if (!json_scan_take(s, '['))
        return false;
    if (json_scan_take(s, ']'))
        return true;
    do
        if (!element(s, userdata))
            return false;
    while (json_scan_take(s, ','));
    return json_scan_take(s, ']');
}

bool json_scan_equals(const uint8_t *data, size_t size, const char *text)
{
    return strlen(text) == size && memcmp(data, text, size) == 0;
}
