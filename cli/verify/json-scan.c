/* SPDX-License-Identifier: Apache-2.0 */
#include "json-scan.h"

#include <stdlib.h>
#include <string.h>

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

/* --- Names ------------------------------------------------------------------------------------ */

/* Up to here each is compared with each: most objects have fewer. */
#define NAMES_FEW 24U

size_t json_names_begin(const JsonNames *names)
{
    return names->n;
}

void json_names_add(JsonNames *names, size_t begin, const uint8_t *name, size_t size)
{
    if (memchr(name, '\\', size) || names->n - begin == JSON_NAMES_MAX)
        names->ambiguous = true;
    if (names->ambiguous || names->failed)
        return;
    if (names->n == names->allocated) {
        size_t n = names->allocated ? 2 * names->allocated : 64;
        struct JsonName *larger = reallocarray(names->names, n, sizeof *larger);

        if (!larger) {
            names->failed = true;
            return;
        }
        names->names = larger;
        names->allocated = n;
    }
    names->names[names->n++] = (struct JsonName){name, size};
}

static int compare_names(const void *a, const void *b)
{
    const struct JsonName *x = a, *y = b;

    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return x->size > 0 ? memcmp(x->data, y->data, x->size) : 0;
}

static bool has_twice(struct JsonName *names, size_t n)
{
    bool few = n <= NAMES_FEW;

    if (!few)
        qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 1; i < n; i++)
        for (size_t k = few ? 0 : i - 1; k < i; k++)
            if (compare_names(&names[k], &names[i]) == 0)
                return true;
    return false;
}

void json_names_end(JsonNames *names, size_t begin)
{
    if (begin > names->n)
        return;
    if (!names->ambiguous && has_twice(names->names + begin, names->n - begin))
        names->ambiguous = true;
    names->n = begin;
}

void json_names_done(JsonNames *names)
{
    free(names->names);
    *names = (JsonNames){.names = NULL};
}

/* --- Values ----------------------------------------------------------------------------------- */

/* Where names are wanted, those of each object that is open begin somewhere. */
typedef struct Open {
    JsonNames *names;
    unsigned depth;
    char closers[JSON_DEPTH_MAX];
    size_t begins[JSON_DEPTH_MAX];
} Open;

static bool take_name(JsonScan *s, const Open *o)
{
    const uint8_t *name;
    size_t size;

    if (!json_scan_string(s, &name, &size) || !json_scan_take(s, ':'))
        return false;
    if (o->names)
        json_names_add(o->names, o->begins[o->depth - 1], name, size);
    return true;
}

/* After a value: closes what ends here. Returns false on an error; the depth is 0 when the whole
 * value is over. */
static bool take_ends(JsonScan *s, Open *o)
{
    while (o->depth > 0) {
        char closer = o->closers[o->depth - 1];

        if (json_scan_take(s, ','))
            return closer == ']' || take_name(s, o);
        if (!json_scan_take(s, closer))
            return false;
        o->depth--;
        if (closer == '}' && o->names)
            json_names_end(o->names, o->begins[o->depth]);
    }
    return true;
}

/* Objects and arrays without recursion, so that depth costs no stack. */
bool json_scan_value_named(JsonScan *s, JsonNames *names)
{
    Open o = {.names = names};

    do {
        char closer = json_scan_take(s, '{') ? '}' : json_scan_take(s, '[') ? ']' : 0;

        if (!closer) {
            if (!take_scalar(s))
                return false;
        } else if (o.depth == JSON_DEPTH_MAX)
            return false;
        else if (!json_scan_take(s, closer)) {
            o.begins[o.depth] = names ? json_names_begin(names) : 0;
            o.closers[o.depth++] = closer;
            if (closer == '}' && !take_name(s, &o))
                return false;
            continue;
        }
        if (!take_ends(s, &o))
            return false;
    } while (o.depth > 0);
    return true;
}

bool json_scan_value(JsonScan *s)
{
    return json_scan_value_named(s, NULL);
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
