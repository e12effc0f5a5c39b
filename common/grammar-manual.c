/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar-manual.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "cleanup.h"

#define DELIMITERS " []{}()|<"

/* One thing of a pattern: a keyword, an argument, or a sign between them. */
typedef struct Token {
    const char *text; /* of an argument its name */
    size_t length;
    const char *type; /* of an argument; NULL for a keyword */
    size_t type_length;
    char sign; /* ' ', '[', ...; 0 for a word */
} Token;

/* Takes the next one off the pattern; false at its end. */
static bool next_token(const char **at, Token *ret)
{
    const char *p = *at, *colon, *end;

    if (!*p)
        return false;
    if (*p == '<') {
        end = strchr(p, '>');
        colon = memchr(p, ':', (size_t)(end - p));
        if (!colon)
            colon = end;
        *ret = (Token){.text = p + 1, .length = (size_t)(colon - p - 1)};
        ret->type = colon < end ? colon + 1 : "word";
        ret->type_length = colon < end ? (size_t)(end - colon - 1) : STRLEN("word");
        *at = end + 1;
    } else if (strchr(DELIMITERS, *p)) {
        *ret = (Token){.sign = *p};
        *at = p + 1;
    } else {
        *ret = (Token){.text = p, .length = strcspn(p, DELIMITERS)};
        *at = p + ret->length;
    }
    return true;
}

/* "a|b|c" instead of a type: keywords to choose from. */
static bool is_choice(const Token *t)
{
    return t->type && memchr(t->type, '|', t->type_length);
}

/* scdoc makes something of an underscore. */
static void print_escaped(FILE *f, const char *text, size_t length, bool upper)
{
    for (size_t i = 0; i < length; i++) {
        if (strchr("_*\\#~", text[i]))
            (void)fputc('\\', f);
        (void)fputc(upper ? toupper((unsigned char)text[i]) : text[i], f);
    }
}

static void print_keyword(FILE *f, const char *text, size_t length)
{
    (void)fputc('*', f);
    print_escaped(f, text, length, false);
    (void)fputc('*', f);
}

static void print_word(FILE *f, const Token *t)
{
    const char *at = t->type;

    if (!t->type) {
        print_keyword(f, t->text, t->length);
    } else if (is_choice(t)) {
        (void)fputc('{', f);
        while (at < t->type + t->type_length) {
            size_t length = strcspn(at, "|>");

            print_keyword(f, at, length);
            at += length;
            if (*at++ == '|')
                (void)fputc('|', f);
        }
        (void)fputc('}', f);
    } else {
        (void)fputc('_', f);
        print_escaped(f, t->text, t->length, true);
        (void)fputc('_', f);
    }
}

static void print_sign(FILE *f, char sign)
{
    switch (sign) {
    case '[':
        (void)fputs("\\[", f);
        break;
    case '(':
        (void)fputc('{', f);
        break;
    case ')':
        (void)fputc('}', f);
        break;
    case '}':
        (void)fputs("}...", f);
        break;
    default:
        (void)fputc(sign, f);
    }
}

void grammar_print_synopsis(FILE *f, const char *pattern)
{
    Token t;

    while (next_token(&pattern, &t))
        if (t.sign)
            print_sign(f, t.sign);
        else
            print_word(f, &t);
}

/* "A|b|C" for "x|y|z". */
static void print_choices(FILE *f, const Token *t, const char *help)
{
    const char *at = t->type;

    while (at < t->type + t->type_length) {
        size_t length = strcspn(at, "|>"), n = strcspn(help, "|");

        (void)fputs("\t", f);
        print_keyword(f, at, length);
        if (n > 0)
            (void)fputs(": ", f);
        print_escaped(f, help, n, false);
        (void)fputs("++\n", f);
        at += length + 1;
        help += n + (help[n] == '|');
    }
}

static bool is_range(const Token *t)
{
    return t->type && !is_choice(t) && memchr(t->type, '(', t->type_length);
}

static void print_meaning(FILE *f, const Token *t, const char *help)
{
    if (is_choice(t) && strchr(help, '|')) {
        print_choices(f, t, help);
        return;
    }
    (void)fputc('\t', f);
    print_word(f, t);
    (void)fputs(": ", f);
    print_escaped(f, help, strlen(help), false);
    if (is_range(t)) {
        (void)fputs(", ", f);
        print_escaped(f, t->type, t->type_length, false);
    }
    (void)fputs("++\n", f);
}

void grammar_print_help(FILE *f, const char *pattern, const char *const *help)
{
    bool fixed = true;
    Token t;

    (void)fputc('\t', f);
    for (bool first = true; next_token(&pattern, &t);) {
        if (t.sign) {
            if (fixed && t.sign != ' ') {
                (void)fputs(".++\n", f);
                fixed = false;
            }
            continue;
        }
        if (!*help)
            break;
        if (fixed && t.type) {
            (void)fputs(".++\n", f);
            fixed = false;
        }
        if (fixed) {
            (void)fputs(first ? "" : "; ", f);
            print_escaped(f, *help, strlen(*help), false);
        } else {
            print_meaning(f, &t, *help);
        }
        first = false;
        help++;
    }
    if (fixed)
        (void)fputs(".++\n", f);
}
