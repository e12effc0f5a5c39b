/* SPDX-License-Identifier: Apache-2.0 */
/* The shell: what one run of it knows. It has no privileges and decides nothing; every command is a
 * few bus calls as the calling user and a rendering of the answer.
 *
 *     cli-commands.c   the table of EXEC commands, cli-describe.c their tasks
 *     cli-shell.c      one line: parse, pipe, run
 *     commands/        what each command does; configuration mode
 *     bus/             calls, jobs, transfers; another machine's bus
 *     terminal/        lines and answers, the editor, pages; and layouts and pipes, which need
 *                      neither a terminal nor a bus and are tested apart
 *
 * Each file has its own header. */
#pragma once

#include <json-c/json.h>
#include <stdio.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <termios.h>

#include "grammar.h"
#include "output.h"
#include "pipe.h"

#define CLI_LINE_MAX GRAMMAR_LINE_MAX

typedef struct Editor Editor;

typedef struct Cli {
    /* The bus; opened when the first command needs it. */
    sd_bus *bus;
    sd_event *event;
    const char *host, *machine; /* whose bus it is; NULL: this one's */
    pid_t ssh;                  /* the connection to host */
    bool plain;                 /* the connection cannot pass descriptors */
    bool interrupted;           /* Ctrl-C during this command */
    bool only_shows;            /* it is one that begins nothing */

    /* Input */
    bool interactive;   /* a person (or a program that plays one) at a terminal */
    bool answers_typed; /* questions are answered at a terminal */
    Editor *editor;     /* NULL without a terminal */
    char *unread;       /* the next line, which was read already */
    unsigned line_number;
    struct termios terminal; /* as it was found; see cli_terminal_take() */
    bool terminal_taken;
    struct termios before_keys; /* see cli_keys_begin() */
    bool reads_keys;
    unsigned short width_found, width_set; /* columns; 0: "terminal width" was not used */
    int resize_fd; /* readable when the terminal has got another size; 0: not watched */

    /* Output of the running command */
    struct Pump *pumps;    /* what cli_wait() carries from descriptors to sinks */
    Sink *sink;            /* first stage of the running command's output */
    FILE *out;             /* text to that stage */
    bool json;             /* the command is asked for JSON */
    bool mid_line;         /* it has come to a terminal, where its last line has no end yet */
    size_t progress_shown; /* columns */
    bool said;             /* an error has been printed */
    FILE *complaints;      /* where errors go; NULL: standard error */

    /* Settings of the session */
    bool timestamps;
    int length; /* lines of a page; 0: no paging; -1: as the terminal is */
    char hostname[32];
    uint32_t exec_timeout, session_timeout; /* seconds; 0: none */
    uint64_t last_input;                    /* CLOCK_MONOTONIC, in microseconds */
    const char *timed_out;                  /* the timeout that ended the session */

    /* Configuration mode */
    char *session; /* object path, NULL in EXEC mode */
    char *mode;    /* "config-trustp" */

    bool leave; /* the shell ends */
} Cli;

/* Commands return 0, or a negative errno after saying why. */
typedef int (*cli_handler_t)(Cli *cli, const GrammarMatch *match);

enum {
    CLI_EXEC = 1 << 0,   /* in EXEC mode */
    CLI_CONFIG = 1 << 1, /* in configuration mode */
    CLI_JSON = 1 << 2,   /* | json is possible */
    CLI_QUIET = 1 << 3,  /* no time line */
    CLI_HERE = 1 << 4,   /* about the machine that the shell runs on, not about the bus's */
    CLI_MODE = 1 << 5,   /* begins or ends a mode, which is not for "do" */
};

typedef struct CliAction {
    cli_handler_t run;
    unsigned flags;
} CliAction;

/* Returns 0, or a negative errno when the line failed, which has been said. */
int cli_execute(Cli *cli, const char *line);
int cli_run_interactive(Cli *cli);
int cli_run_batch(Cli *cli);
int cli_run_text(Cli *cli, const char *text);
/* Completion of what stands before the cursor, in the current mode. */
int cli_complete(Cli *cli, const char *line, grammar_completion_t callback, void *userdata);
/* May the command that the line begins with have its output piped? */
bool cli_takes_pipe(const Cli *cli, const char *line);
void cli_print_syntax_error(Cli *cli, const char *line, size_t shift, GrammarStatus status,
                            size_t column);
