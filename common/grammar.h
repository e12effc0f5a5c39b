/* SPDX-License-Identifier: Apache-2.0 */
/* The command-grammar engine: one table gives parsing with unique prefixes, error columns,
 * completion and help.
 *
 * A pattern is a line of tokens:
 *     word                keyword; any prefix that is unique at its position is accepted
 *     <name:type>         argument; types: word, label, hostname, line (the rest of the line),
 * nonce, number(1-100), ipv4, ipv6, url, quoted (one word, or text in "double" quotes with \" and
 * \\ inside, or in 'single' quotes without escapes). A range after the others limits the length in
 * bytes: word(1-253), line(1-80), url(1-800) (a|b|c)             one of several sequences; as an
 * argument its name is given as <name:a|b|c> when only keywords are meant [ ... ] optional; may
 * hold alternatives: [a|b] { ... }             one or more times, each alternative at most once.
 * {<name:a|b|c>} takes each value at most once, and a lone free argument, {<name:word>}, any number
 * of times The help table gives the one-line description of each keyword and argument of the
 * pattern, in order; for <name:a|b|c> one for all, or one for each as "of a|of b|of c".
 *
 * A word that is a keyword, or the abbreviation of one, is the keyword and not an argument; an
 * argument of one word comes before a line. Keywords are not case sensitive. Lines are text:
 * control characters other than tabs are not.
 *
 * The table is data: no registration at run time. An exact keyword wins over longer ones that it is
 * a prefix of. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

#define GRAMMAR_LINE_MAX 4096U
#define GRAMMAR_ARGUMENTS_MAX 64U

typedef struct GrammarCommand {
    const char *pattern;
    const char *const *help; /* one for each keyword and argument of the pattern, NULL-terminated */
    int id;                  /* the caller's own */
    const void *data;        /* the caller's own */
} GrammarCommand;

typedef struct GrammarArgument {
    const char *name;  /* of the pattern; for a keyword the keyword itself, in full */
    const char *value; /* for a keyword the same as name */
    bool is_keyword;
} GrammarArgument;

typedef enum GrammarStatus {
    GRAMMAR_OK,
    GRAMMAR_EMPTY,      /* blank line or comment */
    GRAMMAR_INVALID,    /* % Invalid input detected at '^' marker. */
    GRAMMAR_INCOMPLETE, /* % Incomplete command. */
    GRAMMAR_AMBIGUOUS,  /* % Ambiguous command */
    GRAMMAR_UNMATCHED_QUOTE,
} GrammarStatus;

typedef struct GrammarMatch {
    GrammarStatus status;
    size_t column;    /* byte offset of the first bad character, for GRAMMAR_INVALID and
                         GRAMMAR_AMBIGUOUS */
    const char *rule; /* for GRAMMAR_INVALID: what would have been accepted there, a sentence; NULL
 when there is nothing more to say */
    const GrammarCommand *command; /* for GRAMMAR_OK */
    GrammarArgument
        arguments[GRAMMAR_ARGUMENTS_MAX]; /* keywords and arguments in the order of the line */
    size_t n_arguments;
    char *buffer; /* holds the values; names belong to the grammar, which must stay */
} GrammarMatch;

/* Compiled form of a table, made once. commands ends with a NULL pattern. Returns NULL when out of
 * memory or when a pattern is wrong (which a unit test of every table finds). */
typedef struct Grammar Grammar;
Grammar *grammar_new(const GrammarCommand *commands);
/* For grammar_parse() of this line alone, which says what it would say of the whole table: only the
 * commands that the line could mean are compiled. */
Grammar *grammar_new_for(const GrammarCommand *commands, const char *line);
Grammar *grammar_free(Grammar *g);
DEFINE_TRIVIAL_CLEANUP_FUNC(Grammar *, grammar_free);

/* Returns 0 or -ENOMEM; the outcome is in ret->status. ret is to be released with
 * grammar_match_done(). */
int grammar_parse(const Grammar *g, const char *line, GrammarMatch *ret);
void grammar_match_done(GrammarMatch *m);

/* The value of the argument with that name, or NULL. */
const char *grammar_argument(const GrammarMatch *m, const char *name);
/* Is the keyword in the line? */
bool grammar_has(const GrammarMatch *m, const char *keyword);

/* What may stand at the end of a partial line: after a blank the next words, else the words with
 * that prefix. Called once for each, sorted; word is a keyword, "WORD", "LINE", "A.B.C.D",
 * "X:X::X", "<1-100>", or "<cr>" (last). A partial word that no keyword begins with gives the
 * placeholder of the argument that takes it. Returns 0, also when what stands before does not
 * parse, or the negative value that the callback returned. */
typedef int (*grammar_completion_t)(const char *word, const char *help, void *userdata);
int grammar_complete(const Grammar *g, const char *line, grammar_completion_t callback,
                     void *userdata);

/* What has been typed of a free argument with that name at the end of a partial line, "" after a
 * blank: a part of the line. NULL when no such argument may stand there. */
const char *grammar_typed(const Grammar *g, const char *line, const char *name);

/* The values of an argument <name:a|b|c> that may stand after the line, in the pattern's order;
 * none when it may not stand there. Returns like grammar_complete(). */
int grammar_choices(const Grammar *g, const char *line, const char *name,
                    grammar_completion_t callback, void *userdata);
