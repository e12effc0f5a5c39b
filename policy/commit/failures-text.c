/* SPDX-License-Identifier: Apache-2.0 */
#include "failures-text.h"

#include <stdbool.h>
#include <stdio.h>

#include "cleanup.h"
#include "config-tree.h"

/* A line from the top: the words that enter its mode, and what follows them there. */
typedef struct Split {
    const char *no; /* "no ", or "" */
    const char *enter;
    size_t enter_length; /* 0: it is at the top */
    const char *rest;
} Split;

static const char *next_word(const char *at)
{
    at += strcspn(at, " ");
    return at + strspn(at, " ");
}

/* The words of the line that enter this mode; 0 when it does not begin with them. */
static size_t enter_length(const ConfigRow *row, const char *line)
{
    const size_t head = strlen(row->head);

    if (!config_words_begin(row->head, line) || !line[head])
        return 0;
    return config_row_is_named(row) ? head + 1 + strcspn(line + head + 1, " ") : head;
}

static Split split(const char *line)
{
    const bool removes = strncmp(line, "no ", STRLEN("no ")) == 0;
    Split s = {.no = removes ? "no " : "", .rest = line};
    const char *at = removes ? next_word(line) : line;

    for (size_t i = 0; i < config_n_rows; i++) {
        const ConfigRow *row = &config_rows[i];
        size_t length = row->kind == CONFIG_ENTER ? enter_length(row, at) : 0;

        if (length <= s.enter_length || !at[length])
            continue;
        s.enter = at;
        s.enter_length = length;
        s.rest = at + length + 1;
    }
    return s;
}

/* Whoever refused something said why in words of his own, on one line. */
static void print_reason(FILE *f, const char *reason)
{
    (void)fputs("!!% ", f);
    for (; *reason; reason++)
        (void)fputc((unsigned char)*reason < ' ' || *reason == 0x7f ? ' ' : *reason, f);
    (void)fputc('\n', f);
}

/* Is the failure about the object that this one is a line of? */
static bool is_object(const Failure *failure, const Split *s)
{
    return strlen(failure->line) == s->enter_length &&
           strncmp(failure->line, s->enter, s->enter_length) == 0;
}

static bool is_same_mode(const Split *a, const Split *b)
{
    return a->enter_length == b->enter_length && strncmp(a->enter, b->enter, a->enter_length) == 0;
}

/* All that is wrong with one object, in the place of its first line. */
static void print_object(FILE *f, const FailureList *list, const Split *s, bool *printed)
{
    fprintf(f, "%.*s\n", (int)s->enter_length, s->enter);
    for (size_t i = 0; i < list->n; i++)
        if (!printed[i] && is_object(&list->items[i], s)) {
            print_reason(f, list->items[i].reason);
            printed[i] = true;
        }
    for (size_t i = 0; i < list->n; i++) {
        const Split other = split(list->items[i].line);

        if (printed[i] || other.enter_length == 0 || !is_same_mode(&other, s))
            continue;
        fprintf(f, " %s%s\n", other.no, other.rest);
        print_reason(f, list->items[i].reason);
        printed[i] = true;
    }
}

/* The object that this failure is about, when there is one about a line of it too. */
static Split mode_of(const FailureList *list, size_t i)
{
    const Split own = split(list->items[i].line);

    for (size_t k = 0; own.enter_length == 0 && k < list->n; k++) {
        const Split other = split(list->items[k].line);

        if (other.enter_length > 0 && is_object(&list->items[i], &other))
            return other;
    }
    return own;
}

static void print_all(FILE *f, const FailureList *list, bool *printed)
{
    for (size_t i = 0; i < list->n; i++) {
        Split s;

        if (printed[i])
            continue;
        s = mode_of(list, i);
        if (s.enter_length > 0) {
            print_object(f, list, &s, printed);
        } else {
            fprintf(f, "%s\n", list->items[i].line);
            print_reason(f, list->items[i].reason);
            printed[i] = true;
        }
        (void)fputs("!\n", f);
    }
}

char *failures_text(const FailureList *list)
{
    _cleanup_free_ bool *printed = calloc(list->n + 1, sizeof(*printed));
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *f = printed ? open_memstream(&text, &size) : NULL;

    if (!f)
        return NULL;
    print_all(f, list, printed);
    return fclose(f) == 0 ? TAKE_PTR(text) : NULL;
}
