/* SPDX-License-Identifier: Apache-2.0 */
#include "config-generator.h"

#include "test-common.h"

#include <stdbool.h>

#include "cleanup.h"

#define MEMBERS_MAX 32U

unsigned chance_below(Chance *c, unsigned n)
{
    /* xorshift64* */
    c->state ^= c->state >> 12;
    c->state ^= c->state << 25;
    c->state ^= c->state >> 27;
    return (unsigned)((c->state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % n;
}

/* --- Values ----------------------------------------------------------------------------------- */

static void print_some(Chance *c, FILE *f, const char *letters, unsigned min, unsigned max)
{
    unsigned length = (unsigned)strlen(letters);

    for (unsigned n = min + chance_below(c, max - min + 1); n > 0; n--)
        (void)fputc(letters[chance_below(c, length)], f);
}

/* Few names, so that lines meet; and some that look like something else. */
static void print_label(Chance *c, FILE *f, unsigned max)
{
    static const char *const names[] = {
        "a",    "B",   "core", "x.y-z_1",        "0",          "none", "no", "t",
        "self", "all", "end",  "ca-certificate", "description"};

    if (chance_below(c, 8) > 0) {
        (void)fputs(names[chance_below(c, ELEMENTSOF(names))], f);
        return;
    }
    print_some(c, f, "abcXYZ019", 1, 1);
    print_some(c, f, "abcXYZ019._-", 0, max < 127 ? max - 1 : 126);
}

static void print_hostname(Chance *c, FILE *f, unsigned max)
{
    print_some(c, f, "abz", 1, 1);
    print_some(c, f, "abz019", 0, 10);
    for (unsigned n = chance_below(c, 3); n > 0; n--) {
        (void)fputc('.', f);
        print_some(c, f, "abz019", 1, 9);
    }
}

static void print_word(Chance *c, FILE *f, unsigned max)
{
    /* The longest ones are sealed secrets, in base64url. */
    if (max == 500) {
        print_some(c, f, "abcXYZ019-_", 1, 40);
        return;
    }
    /* Some words are hashes of secrets. */
    if (max >= 40 && chance_below(c, 4) == 0) {
        (void)fputs("$6$salt$", f);
        print_some(c, f, "abz019./", 1, 20);
        return;
    }
    /* And some are folders. */
    if (max == 253 && chance_below(c, 4) == 0) {
        (void)fputs("/home/", f);
        print_some(c, f, "abz019-_", 1, 20);
        return;
    }
    print_some(c, f, "abcXYZ019", 1, 1);
    print_some(c, f, "abz019=+/,;:!#$%&'()*<>?@[]^_`{|}~\\.\"-", 0, max < 24 ? max - 1 : 23);
}

static void print_text(Chance *c, FILE *f, unsigned max)
{
    static const char *const pieces[] = {"a",
                                         "some words",
                                         "CN=x,O=\"y z\"",
                                         "!",
                                         "!x",
                                         "end",
                                         "no",
                                         "'",
                                         "|",
                                         "$",
                                         "\\",
                                         "?",
                                         "a  b",
                                         "\xc3\xa4\xc3\xb6",
                                         "\xe2\x82\xac",
                                         "\t-",
                                         "100%"};
    unsigned left = max;

    for (unsigned n = 1 + chance_below(c, 4), i = 0; i < n; i++) {
        const char *piece = pieces[chance_below(c, ELEMENTSOF(pieces))];

        if (strlen(piece) + 1 > left)
            break;
        fprintf(f, "%s%s", i > 0 ? " " : "", piece);
        left -= (unsigned)strlen(piece) + 1;
    }
}

static void print_number(Chance *c, FILE *f, uint64_t min, uint64_t max)
{
    const uint64_t some[] = {min, max, min + (max - min) / 2, min + chance_below(c, 1000)};
    uint64_t n = some[chance_below(c, ELEMENTSOF(some))];

    fprintf(f, "%llu", (unsigned long long)(n > max ? max : n));
}

/* "label", "line(1-80)", "number(30-5474)". */
static void print_type(Chance *c, FILE *f, const char *type)
{
    const char *range = strchr(type, '('), *dash = range ? strchr(range, '-') : NULL;
    const size_t length = range ? (size_t)(range - type) : strlen(type);
    const uint64_t min = range ? strtoull(range + 1, NULL, 10) : 1,
                   max = dash ? strtoull(dash + 1, NULL, 10) : 100;
    const unsigned most = max > 4000 ? 4000 : (unsigned)max;

#define IS(name) (length == STRLEN(name) && strncmp(type, name, STRLEN(name)) == 0)
    if (IS("number"))
        print_number(c, f, min, dash ? max : min);
    else if (IS("label"))
        print_label(c, f, most);
    else if (IS("hostname"))
        print_hostname(c, f, most);
    else if (IS("word") || IS("quoted"))
        print_word(c, f, most);
    else if (IS("line"))
        print_text(c, f, most);
    else if (IS("ipv4"))
        fprintf(f, "192.0.2.%u", chance_below(c, 256));
    else if (IS("ipv6"))
        fprintf(f, "2001:db8::%x", 1 + chance_below(c, 0xffff));
    else if (IS("url"))
        fprintf(f, "http://h%u.example/%u", chance_below(c, 3), chance_below(c, 9));
    else if (IS("place"))
        fprintf(f, chance_below(c, 2) ? "tftp://h%u.example/%u" : "h%u.example;red/%u",
                chance_below(c, 3), chance_below(c, 9));
    else
        fail_msg("The generator does not know the type '%s'", type);
#undef IS
}

/* --- Patterns --------------------------------------------------------------------------------- */

/* The end of the group that begins at p. */
static const char *group_end(const char *p)
{
    unsigned depth = 0;

    for (; *p; p++) {
        if (strchr("[({<", *p))
            depth++;
        else if (strchr("])}>", *p) && --depth == 0)
            return p;
    }
    fail_msg("A group of a pattern has no end");
    return p;
}

/* Splits "a|b c|<x:d|e>" at the bars that are in no group. */
static size_t split(char *text, char *members[MEMBERS_MAX])
{
    size_t n = 0;

    members[n++] = text;
    for (char *p = text; *p; p++) {
        if (strchr("[({<", *p))
            p += group_end(p) - p;
        else if (*p == '|' && n < MEMBERS_MAX) {
            *p = '\0';
            members[n++] = p + 1;
        }
    }
    return n;
}

static void print_sequence(Chance *c, FILE *f, const char *pattern);

/* <name:type>, or one of its words. */
static void print_argument(Chance *c, FILE *f, const char *argument)
{
    _cleanup_free_ char *copy = strdup(strchr(argument, ':') + 1);
    char *members[MEMBERS_MAX];
    size_t n;

    assert_non_null(copy);
    n = split(copy, members);
    (void)fputc(' ', f);
    if (n > 1)
        (void)fputs(members[chance_below(c, (unsigned)n)], f);
    else
        print_type(c, f, copy);
}

/* Some of them, each once, in any order; {<name:a|b>} are the words of one argument. */
static void print_several(Chance *c, FILE *f, char *inside)
{
    bool words = inside[0] == '<' && group_end(inside)[1] == '\0' && strchr(inside, '|');
    char *members[MEMBERS_MAX];
    size_t n;

    if (words) {
        inside[strlen(inside) - 1] = '\0';
        inside = strchr(inside, ':') + 1;
    }
    n = split(inside, members);
    for (size_t left = 1 + chance_below(c, (unsigned)n); left > 0; left--) {
        size_t i = chance_below(c, (unsigned)n);

        print_sequence(c, f, members[i]);
        members[i] = members[--n];
    }
}

static void print_group(Chance *c, FILE *f, char kind, char *inside)
{
    char *members[MEMBERS_MAX];

    switch (kind) {
    case '<':
        print_argument(c, f, inside);
        return;
    case '{':
        print_several(c, f, inside);
        return;
    case '[':
        if (chance_below(c, 2) == 0)
            return;
        break;
    default:
        break;
    }
    print_sequence(c, f, members[chance_below(c, (unsigned)split(inside, members))]);
}

static void print_sequence(Chance *c, FILE *f, const char *pattern)
{
    while (*pattern) {
        if (strchr("[({<", *pattern)) {
            const char *end = group_end(pattern);
            _cleanup_free_ char *inside = strndup(pattern + 1, (size_t)(end - pattern - 1));

            assert_non_null(inside);
            print_group(c, f, *pattern, inside);
            pattern = end + 1;
        } else if (*pattern == ' ') {
            pattern++;
        } else {
            size_t length = strcspn(pattern, " [({<");

            fprintf(f, " %.*s", (int)length, pattern);
            pattern += length;
        }
    }
}

void chance_line(Chance *c, FILE *f, const ConfigRow *row, int remove)
{
    const ConfigRow *enter = config_mode_row(row->mode);

    (void)fputs(remove ? "no" : "", f);
    if (enter) {
        print_sequence(c, f, enter->head);
        print_sequence(c, f, enter->tail);
    }
    print_sequence(c, f, row->head);
    if (!remove || row->kind == CONFIG_ENTER || row->kind == CONFIG_ITEM || chance_below(c, 2))
        print_sequence(c, f, row->tail);
}
