/* SPDX-License-Identifier: Apache-2.0 */
#include "json-copy.h"

#include <ctype.h>

/* The member itself is a few levels down in its document. */
#define LEVELS_MAX (JSON_DEPTH_MAX - 6)
#define MEMBERS_MAX 256U
#define NAME_MAX_SIZE 64U
#define TOKEN_MAX (1U << 20)
#define NUMBER_MAX 32U

typedef enum Expect {
    EXPECT_OBJECT, /* at the start */
    EXPECT_NAME_OR_END,
    EXPECT_NAME,
    EXPECT_COLON,
    EXPECT_VALUE_OR_END,
    EXPECT_VALUE,
    EXPECT_COMMA_OR_END,
    EXPECT_NOTHING, /* complete */
    IN_NAME,
    IN_STRING,
    IN_WORD, /* number, true, false, null */
} Expect;

typedef struct Level {
    bool is_object;
    unsigned n_names;
    uint64_t names[MEMBERS_MAX]; /* hashes */
} Level;

struct JsonCopy {
    JsonWriter *writer;
    char *top_name;
    int error;
    Expect expect;
    bool has_begun, is_escaped;
    bool has_name;
    char name[NAME_MAX_SIZE + 1];
    size_t size, capacity; /* of the token */
    char *token;
    unsigned n_levels;
    Level levels[LEVELS_MAX];
};

JsonCopy *json_copy_new(JsonWriter *w, const char *name)
{
    JsonCopy *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->writer = w;
    c->top_name = name ? strdup(name) : NULL;
    return !name || c->top_name ? c : json_copy_free(c);
}

JsonCopy *json_copy_free(JsonCopy *c)
{
    if (!c)
        return NULL;
    free(c->top_name);
    free(c->token);
    free(c);
    return NULL;
}

bool json_copy_has_begun(const JsonCopy *c)
{
    return c->has_begun;
}

bool json_copy_is_complete(const JsonCopy *c)
{
    return c->error == 0 && c->expect == EXPECT_NOTHING;
}

/* --- Tokens ----------------------------------------------------------------------------------- */

static int add_to_token(JsonCopy *c, const char *data, size_t size)
{
    if (size == 0)
        return 0;
    if (size > TOKEN_MAX - c->size)
        return -EBADMSG;
    if (c->size + size > c->capacity) {
        size_t capacity = 2 * (c->size + size) + 256;
        char *more = realloc(c->token, capacity);

        if (!more)
            return -ENOMEM;
        c->token = more;
        c->capacity = capacity;
    }
    memcpy(c->token + c->size, data, size);
    c->size += size;
    return 0;
}

static bool is_hex(const char *p, size_t size, unsigned *ret)
{
    unsigned value = 0;

    if (size < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        if (!isxdigit((unsigned char)p[i]))
            return false;
        value = value << 4 | (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
    }
    *ret = value;
    return true;
}

/* Length of the escape after a backslash, 0 for one that no string has. Half a pair of surrogates
 * is no character, and a zero ends strings elsewhere. */
static size_t escape_length(const char *p, size_t size)
{
    unsigned value, low;

    if (size > 0 && strchr("\"\\/bfnrt", p[0]) && p[0])
        return 1;
    if (size == 0 || p[0] != 'u' || !is_hex(p + 1, size - 1, &value) || value == 0)
        return 0;
    if (value < 0xd800 || value > 0xdfff)
        return 5;
    if (value > 0xdbff || size < 11 || p[5] != '\\' || p[6] != 'u' ||
        !is_hex(p + 7, size - 7, &low) || low < 0xdc00 || low > 0xdfff)
        return 0;
    return 11;
}

static bool is_string(const char *p, size_t size)
{
    if (!utf8_is_valid(p, size))
        return false;
    while (size > 0) {
        size_t n = 1;

        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return false;
        if (*p == '\\') {
            n = escape_length(p + 1, size - 1);
            if (n++ == 0)
                return false;
        }
        p += n;
        size -= n;
    }
    return true;
}

static bool is_number(const char *p, size_t size)
{
    const char *end = p + size;
    size_t digits = 0;

    if (size > NUMBER_MAX)
        return false;
    if (p < end && *p == '-')
        p++;
    if (p < end && *p == '0') {
        p++;
        digits = 1;
    } else
        for (; p < end && isdigit((unsigned char)*p); p++)
            digits++;
    if (digits > 0 && p < end && *p == '.')
        for (p++, digits = 0; p < end && isdigit((unsigned char)*p); p++)
            digits++;
    return p == end && digits > 0;
}

static bool is_word(const char *p, size_t size)
{
    static const char *const words[] = {"true", "false", "null"};

    for (size_t i = 0; i < ELEMENTSOF(words); i++)
        if (size == strlen(words[i]) && memcmp(p, words[i], size) == 0)
            return true;
    return is_number(p, size);
}

/* --- Structure -------------------------------------------------------------------------------- */

static Level *innermost(JsonCopy *c)
{
    return &c->levels[c->n_levels - 1];
}

static const char *take_name(JsonCopy *c)
{
    bool has_name = c->has_name;

    c->has_name = false;
    if (c->n_levels == 0)
        return c->top_name;
    return has_name ? c->name : NULL;
}

static int begin(JsonCopy *c, bool is_object)
{
    const char *name = take_name(c);

    if (c->n_levels == LEVELS_MAX)
        return -EBADMSG;
    c->has_begun = true;
    c->n_levels++;
    innermost(c)->is_object = is_object;
    innermost(c)->n_names = 0;
    if (is_object)
        json_begin_object(c->writer, name);
    else
        json_begin_array(c->writer, name);
    c->expect = is_object ? EXPECT_NAME_OR_END : EXPECT_VALUE_OR_END;
    return 0;
}

static void close_innermost(JsonCopy *c)
{
    if (innermost(c)->is_object)
        json_end_object(c->writer);
    else
        json_end_array(c->writer);
    c->n_levels--;
}

static int end(JsonCopy *c, bool is_object)
{
    if (innermost(c)->is_object != is_object)
        return -EBADMSG;
    close_innermost(c);
    c->expect = c->n_levels == 0 ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
    return 0;
}

/* FNV-1a: a collision is taken for a name that is there twice, and never the other way round. */
static uint64_t hash(const char *p, size_t size)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size; i++)
        h = (h ^ (uint8_t)p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static int end_name(JsonCopy *c)
{
    Level *level = innermost(c);
    uint64_t h = hash(c->token, c->size);

    if (c->size == 0 || c->size > NAME_MAX_SIZE || level->n_names == MEMBERS_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < c->size; i++)
        if (c->token[i] <= ' ' || c->token[i] > '~' || c->token[i] == '\\')
            return -EBADMSG;
    for (unsigned i = 0; i < level->n_names; i++)
        if (level->names[i] == h)
            return -EBADMSG;
    level->names[level->n_names++] = h;
    memcpy(c->name, c->token, c->size);
    c->name[c->size] = 0;
    c->has_name = true;
    c->expect = EXPECT_COLON;
    return 0;
}

/* The token of a string has its quotes, the one of a name has not. */
static int end_string(JsonCopy *c)
{
    int r = add_to_token(c, "\"", 1);

    if (r < 0)
        return r;
    if (!is_string(c->token + 1, c->size - 2))
        return -EBADMSG;
    json_write_token(c->writer, take_name(c), c->token, c->size);
    c->expect = EXPECT_COMMA_OR_END;
    return 0;
}

static int end_word(JsonCopy *c)
{
    if (!is_word(c->token, c->size))
        return -EBADMSG;
    json_write_token(c->writer, take_name(c), c->token, c->size);
    c->expect = EXPECT_COMMA_OR_END;
    return 0;
}

static int begin_value(JsonCopy *c, char first)
{
    c->size = 0;
    c->is_escaped = false;
    switch (first) {
    case '{':
    case '[':
        return begin(c, first == '{');
    case '"':
        c->expect = IN_STRING;
        return add_to_token(c, "\"", 1);
    default:
        c->expect = IN_WORD;
        return isalnum((unsigned char)first) || first == '-' ? add_to_token(c, &first, 1)
                                                             : -EBADMSG;
    }
}

/* One character between tokens that is no white space. */
static int step(JsonCopy *c, char next)
{
    switch (c->expect) {
    case EXPECT_OBJECT:
        return next == '{' ? begin(c, true) : -EBADMSG;
    case EXPECT_NAME_OR_END:
    case EXPECT_NAME:
        if (next == '}' && c->expect == EXPECT_NAME_OR_END)
            return end(c, true);
        if (next != '"')
            return -EBADMSG;
        c->size = 0;
        c->expect = IN_NAME;
        return 0;
    case EXPECT_COLON:
        c->expect = EXPECT_VALUE;
        return next == ':' ? 0 : -EBADMSG;
    case EXPECT_VALUE_OR_END:
        if (next == ']')
            return end(c, false);
        return begin_value(c, next);
    case EXPECT_VALUE:
        return begin_value(c, next);
    case EXPECT_COMMA_OR_END:
        if (next == '}' || next == ']')
            return end(c, next == '}');
        c->expect = innermost(c)->is_object ? EXPECT_NAME : EXPECT_VALUE;
        return next == ',' ? 0 : -EBADMSG;
    case EXPECT_NOTHING:
    case IN_NAME:
    case IN_STRING:
    case IN_WORD:
    default:
        return -EBADMSG;
    }
}

/* How many of the bytes belong to the token; *ret_ends when the next one ends it. */
static size_t token_part(JsonCopy *c, const char *data, size_t size, bool *ret_ends)
{
    size_t n = 0;

    *ret_ends = false;
    for (; n < size; n++) {
        if (c->expect == IN_WORD) {
            *ret_ends = !isalnum((unsigned char)data[n]) && !strchr("+-.", data[n]);
        } else if (c->is_escaped)
            c->is_escaped = false;
        else if (data[n] == '\\')
            c->is_escaped = true;
        else
            *ret_ends = data[n] == '"';
        if (*ret_ends)
            break;
    }
    return n;
}

/* Returns how many bytes were used. */
static ssize_t feed_token(JsonCopy *c, const char *data, size_t size)
{
    bool ends;
    size_t n = token_part(c, data, size, &ends);
    int r = add_to_token(c, data, n);

    if (r < 0 || !ends)
        return r < 0 ? r : (ssize_t)n;
    /* What ends a word has a meaning of its own, unlike a quote. */
    if (c->expect == IN_WORD) {
        r = end_word(c);
        return r < 0 ? r : (ssize_t)n;
    }
    r = c->expect == IN_NAME ? end_name(c) : end_string(c);
    return r < 0 ? r : (ssize_t)n + 1;
}

static ssize_t feed_some(JsonCopy *c, const char *data, size_t size)
{
    int r;

    if (c->expect >= IN_NAME)
        return feed_token(c, data, size);
    if (*data == ' ' || *data == '\n' || *data == '\r' || *data == '\t')
        return 1;
    r = step(c, *data);
    return r < 0 ? r : 1;
}

int json_copy_feed(JsonCopy *c, const char *data, size_t size)
{
    while (size > 0 && c->error == 0) {
        ssize_t n = feed_some(c, data, size);

        if (n < 0) {
            c->error = (int)n;
            break;
        }
        data += n;
        size -= (size_t)n;
    }
    return c->error;
}

void json_copy_end(JsonCopy *c)
{
    while (c->n_levels > 0)
        close_innermost(c);
    if (c->expect != EXPECT_NOTHING && c->error == 0)
        c->error = -EBADMSG;
}
