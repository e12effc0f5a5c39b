/* SPDX-License-Identifier: Apache-2.0 */
/* The compiled form of a command table: one program for all patterns, in the manner of a regular
 * expression whose letters are words. grammar-compile.c makes it, grammar.c runs it. */
#pragma once

#include <stdint.h>

#include "grammar.h"

typedef enum GrammarOperation {
    GRAMMAR_KEYWORD,  /* takes one word: the keyword text */
    GRAMMAR_ARGUMENT, /* takes one word (a line: all that is left) that the type accepts */
    GRAMMAR_SPLIT,    /* goes on at the next instruction, and at target too */
    GRAMMAR_JUMP,     /* goes on at target */
    GRAMMAR_ONCE,     /* goes on unless this bit is already set; sets it */
    GRAMMAR_FAIL,
    GRAMMAR_ACCEPT, /* the pattern of command number target ends here */
} GrammarOperation;

/* What kind of word an argument takes. */
typedef struct GrammarType {
    const char *name;
    const char *placeholder; /* in help; NULL: the range */
    bool (*check)(const char *value);
    bool is_number; /* min and max limit the value, not the length */
    bool is_line;
    bool is_quoted;
    const char *rule; /* what is not accepted is told by it; NULL when the type says enough */
} GrammarType;

typedef struct GrammarInstruction {
    GrammarOperation operation;
    uint32_t target; /* of SPLIT and JUMP; the bit of ONCE; the command of ACCEPT */
    char *text;      /* of KEYWORD */
    char *name;      /* of ARGUMENT, and of a KEYWORD that is a value of <name:a|b|c>; else NULL */
    const GrammarType *type; /* of ARGUMENT */
    uint64_t min, max;
    char *placeholder; /* of ARGUMENT */
    char *help;
} GrammarInstruction;

#define GRAMMAR_NO_START UINT32_MAX

struct Grammar {
    const GrammarCommand *commands;
    GrammarInstruction *program;
    uint32_t n_program, n_allocated;
    uint32_t *starts; /* first instruction of each command, or GRAMMAR_NO_START */
    uint32_t n_commands;
};

const GrammarType *grammar_type_find(const char *name, size_t length);

/* Does the argument take this word? */
bool grammar_accepts(const GrammarInstruction *argument, const char *value);

/* --- Following a line ------------------------------------------------------------------------- */

#define GRAMMAR_NO_CAPTURE UINT32_MAX

/* One word that was taken, and the one before it. */
typedef struct GrammarCapture {
    uint32_t instruction, previous;
    size_t start, end;
    bool quoted;
} GrammarCapture;

/* One way of reading the line so far: the instruction that wants the next word. */
typedef struct GrammarThread {
    uint32_t instruction, capture;
    uint64_t once;
} GrammarThread;

typedef struct GrammarThreads {
    GrammarThread *items;
    size_t n, n_allocated;
} GrammarThreads;

typedef struct GrammarMatcher {
    const Grammar *grammar;
    const char *line;
    size_t length, at, n_words;
    GrammarThreads now, next;
    GrammarCapture *captures;
    uint32_t n_captures, n_captures_allocated;
    size_t column;
    const char *rule;                /* of the argument that was not accepted there; or NULL */
    char word[GRAMMAR_LINE_MAX + 1]; /* the word being looked at, unquoted */
} GrammarMatcher;

typedef struct GrammarWord {
    size_t start, end; /* with its quotes */
    bool quoted;
} GrammarWord;

static inline bool grammar_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* NULL when out of memory. */
GrammarMatcher *grammar_matcher_new(const Grammar *g, const char *line);
GrammarMatcher *grammar_matcher_free(GrammarMatcher *m);
DEFINE_TRIVIAL_CLEANUP_FUNC(GrammarMatcher *, grammar_matcher_free);

/* A line is text: the first control character is where it stops being one. */
GrammarStatus grammar_check_text(GrammarMatcher *m);
void grammar_skip_blanks(GrammarMatcher *m);
/* Goes on by one word. Returns 0 or -ENOMEM; the outcome is in *ret, and m->column says where. */
int grammar_step(GrammarMatcher *m, GrammarStatus *ret);
/* The word at m->at, into m->word. */
void grammar_read_bare(GrammarMatcher *m, GrammarWord *ret);
const GrammarInstruction *grammar_thread_instruction(const GrammarMatcher *m,
                                                     const GrammarThread *t);
