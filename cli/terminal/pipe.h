/* SPDX-License-Identifier: Apache-2.0 */
/* "COMMAND | STAGE | STAGE": where the line is cut, and what a stage says. */
#pragma once

#include "grammar.h"

#define PIPE_STAGES_MAX 8U

typedef enum PipeKind {
    PIPE_BEGIN,
    PIPE_INCLUDE,
    PIPE_EXCLUDE,
    PIPE_COUNT,
    PIPE_HEAD,
    PIPE_TAIL,
    PIPE_SECTION,
    PIPE_SORT,
    PIPE_WC,
    PIPE_JSON,
    PIPE_FILE,
    PIPE_SIGN,
} PipeKind;

typedef struct PipeStage {
    PipeKind kind;
    char *text;          /* regex, path or nonce; NULL when there is none */
    unsigned long count; /* of head and tail */
    unsigned flags;      /* of sort and wc, as the filter takes them */
    bool include_certificate;
    const char *format; /* of sign: static; NULL for an envelope */
} PipeStage;

typedef struct Pipe {
    PipeStage stages[PIPE_STAGES_MAX];
    size_t n_stages;
    /* After a failure: which word of the line it was, and what would have been accepted there; NULL
     * when there is nothing more to say. */
    size_t column;
    const char *rule;
} Pipe;

/* Where the first bar outside quotes stands; the length of the line when there is none. */
size_t pipe_command_length(const char *line);

/* The stages behind the command. Later bars count when a blank, or nothing, stands on both sides,
 * so that a regex may have its own. -EINVAL for what is no stage, or out of place: json comes
 * first, file last, sign only once. -E2BIG for more than PIPE_STAGES_MAX. */
int pipe_parse(const char *line, Pipe *ret);
void pipe_done(Pipe *p);

/* Completion of the last stage; line has at least one bar. */
int pipe_complete(const char *line, grammar_completion_t callback, void *userdata);
