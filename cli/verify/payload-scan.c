/* SPDX-License-Identifier: Apache-2.0 */
#include "payload-scan.h"

#include <stdint.h>

#include "json-util.h"

#define DOSSIER_MODEL_NAME "urn:chancery:dossier"

typedef struct Scan {
    const uint8_t *position, *end;
} Scan;

static void skip_blanks(Scan *s)
{
    while (s->position < s->end && (*s->position == ' ' || *s->position == '\t' ||
                                    *s->position == '\n' || *s->position == '\r'))
        s->position++;
}

static bool take(Scan *s, char c)
{
    skip_blanks(s);
    if (s->position == s->end || *s->position != (uint8_t)c)
        return false;
    s->position++;
    return true;
}

static bool take_escape(Scan *s)
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

/* What stands between the quotes, with its escapes as they are. The names and values that matter
 * here have none, as our writer writes them. */
static bool take_string(Scan *s, const uint8_t **ret, size_t *ret_size)
{
    if (!take(s, '"'))
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

static size_t take_digits(Scan *s)
{
    const uint8_t *begin = s->position;

    while (s->position < s->end && *s->position >= '0' && *s->position <= '9')
        s->position++;
    return (size_t)(s->position - begin);
}

static bool take_number(Scan *s)
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

static bool take_word(Scan *s, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(s->end - s->position) < n || memcmp(s->position, word, n) != 0)
        return false;
    s->position += n;
    return true;
}

static bool take_scalar(Scan *s)
{
    const uint8_t *text;
    size_t size;

    skip_blanks(s);
    if (s->position == s->end)
        return false;
    switch (*s->position) {
    case '"':
        return take_string(s, &text, &size);
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

static bool take_name(Scan *s)
{
    const uint8_t *name;
    size_t size;

    return take_string(s, &name, &size) && take(s, ':');
}

/* After a value: closes what ends here. Returns false on an error; *depth is 0 when the whole value
 * is over. */
static bool take_ends(Scan *s, char *closers, unsigned *depth)
{
    while (*depth > 0) {
        if (take(s, ','))
            return closers[*depth - 1] == ']' || take_name(s);
        if (!take(s, closers[*depth - 1]))
            return false;
        (*depth)--;
    }
    return true;
}

/* Any value; objects and arrays without recursion, so that depth costs no stack. */
static bool take_value(Scan *s)
{
    char closers[JSON_DEPTH_MAX];
    unsigned depth = 0;

    do {
        char closer = take(s, '{') ? '}' : take(s, '[') ? ']' : 0;

        if (!closer) {
            if (!take_scalar(s))
                return false;
        } else if (depth == JSON_DEPTH_MAX)
            return false;
        else if (!take(s, closer)) {
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

static bool equals(const uint8_t *data, size_t size, const char *text)
{
    return strlen(text) == size && memcmp(data, text, size) == 0;
}

/* One member of the outermost object. */
static bool take_member(Scan *s, PayloadInfo *info, bool seen[2])
{
    const uint8_t *name, *value;
    size_t name_size, value_size;
    Scan ahead;
    int which;

    if (!take_string(s, &name, &name_size) || !take(s, ':'))
        return false;
    which = equals(name, name_size, "model-name") ? 0 : equals(name, name_size, "nonce") ? 1 : -1;
    /* An escape could spell a name, or the model, in a way that only other readers see. */
    if (memmem(name, name_size, "\\u", 2))
        info->is_dossier = info->is_doubtful = true;
    if (which >= 0) {
        if (seen[which])
            info->is_doubtful = true;
        seen[which] = true;
        ahead = *s;
        if (take_string(&ahead, &value, &value_size)) {
            if (which == 0 && memchr(value, '\\', value_size))
                info->is_dossier = info->is_doubtful = true;
            else if (which == 0)
                info->is_dossier |= equals(value, value_size, DOSSIER_MODEL_NAME);
            else if (value_size < sizeof info->nonce && !memchr(value, '\\', value_size)) {
                memcpy(info->nonce, value, value_size);
                info->nonce[value_size] = 0;
            } else
                info->is_doubtful = true;
        } else
            info->is_doubtful = true;
    }
    return take_value(s);
}

void payload_scan(const void *data, size_t size, PayloadInfo *ret)
{
    Scan s = {data, (const uint8_t *)data + size};
    PayloadInfo info = {.is_json = false};
    bool seen[2] = {false, false};

    if (take(&s, '{')) {
        bool good = take(&s, '}');

        if (!good) {
            do
                good = take_member(&s, &info, seen);
            while (good && take(&s, ','));
            good = good && take(&s, '}');
        }
        info.is_json = good;
    } else
        info.is_json = take_value(&s);
    skip_blanks(&s);
    if (s.position != s.end)
        info.is_json = false;
    if (info.is_dossier && !info.is_json)
        info.is_doubtful = true;
    *ret = info;
}
