/* SPDX-License-Identifier: Apache-2.0 */
/* The shell: what one run of it knows, and the pieces that it is made of. It has no privileges and
 * decides nothing; every command is a few bus calls as the calling user and a rendering of the
 * answer.
 *
 *     cli-commands.c   the table of EXEC commands      cli-bus.c     calls, Ctrl-C
 *     cli-shell.c      one line: parse, pipe, run      cli-output.c  where output goes
 *     cli-transfer.c   what goes beside calls          cli-remote.c  another machine's bus
 *     cli-config.c     configuration mode              cli-input.c   lines and answers
 *     cli-commit.c     commit                          cli-file.c    load, copy
 *     cli-terminal.c   modes, size, keys               cli-page.c    --More--
 *     cli-key.c, cli-aaa.c, cli-ca.c, cli-trustpool.c, cli-dossier.c, cli-show.c, cli-running.c,
 *     cli-history.c    the other commands, by noun
 *
 * What needs neither a terminal nor a bus is apart and tested apart: render.c (layouts), columns.c,
 * pipe.c, filter.c and sink.c (pipes). */
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

    /* Input */
    bool interactive;   /* a person (or a program that plays one) at a terminal */
    bool answers_typed; /* questions are answered at a terminal */
    Editor *editor;     /* NULL without a terminal */
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

/* --- cli-commands.c */
extern const GrammarCommand cli_commands[];
/* The commands of CLI_EXEC or CLI_CONFIG; NULL when out of memory. */
const Grammar *cli_grammar(unsigned mode);
void cli_grammar_done(void);

/* --- cli-shell.c: returns 0, or a negative errno when the line failed, which has been said. */
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

/* --- cli-bus.c */
/* Says "% <sentence>" on standard error; returns -error. */
int cli_error(Cli *cli, int error, const char *format, ...) _printf_(3, 4);
/* The same for what the bus answered; a refusal is followed by the missing task. */
int cli_bus_error(Cli *cli, const sd_bus_error *error, int r);
/* Opens, or opens again, what the first command needs. */
int cli_bus_open(Cli *cli, sd_bus_error *error);
void cli_bus_close(Cli *cli);

/* One call with the arguments of types (NULL for none). *ret_reply may be NULL. Errors are in
 * *error and not said yet, but for -EINTR. */
int cli_call(Cli *cli, const char *name, const char *path, const char *interface,
             const char *member, sd_bus_error *error, sd_bus_message **ret_reply, const char *types,
             ...);
int cli_call_message(Cli *cli, sd_bus_message *m, sd_bus_error *error, sd_bus_message **ret_reply);
/* Says what went wrong. */
int cli_new_call(Cli *cli, const char *name, const char *path, const char *interface,
                 const char *member, sd_bus_message **ret);

/* --- cli-remote.c: -H and -M. As cli_bus_open(). */
int cli_remote_open(Cli *cli, sd_bus_error *error);
void cli_remote_close(Cli *cli);
bool cli_is_remote(const Cli *cli);
/* Becomes the bridge when that is the command; then it does not come back. 0: it is another one. */
int cli_remote_serve(const char *command);

/* --- cli-transfer.c: what goes beside messages, whatever the connection can pass.
 * The interface to use for methods with descriptors: itself, or its twin without them. */
const char *cli_documents(Cli *cli, const char *interface);
/* What is in the document of a reply; said when it fails. */
#define CLI_DOCUMENT_MAX (64U << 20)
int cli_read_document(Cli *cli, sd_bus_message *reply, void **ret_data, size_t *ret_size);
/* Appends a sealed memory file to a call of cli_documents(). Said when it fails. */
int cli_append_document(Cli *cli, sd_bus_message *call, int fd);
/* A pipe with a daemon's job at one end at least. */
typedef struct CliPipe {
    const char *name; /* of the daemon */
    char *transfer;
    int read_fd, write_fd;
} CliPipe;
/* Said when it fails. */
int cli_pipe_new(Cli *cli, const char *name, CliPipe *ret);
/* Appends an end to a call. */
int cli_pipe_append(const CliPipe *p, sd_bus_message *call, bool for_writing);
/* The end that a job reads is its own now: it is noticed when the job closes it. */
void cli_pipe_give_input(CliPipe *p);
/* -EPIPE when nobody reads any more. */
int cli_pipe_write(Cli *cli, const CliPipe *p, const char *data, size_t size);
/* Nothing more is written from here; when a job has the end too, what it writes still counts. */
void cli_pipe_end(Cli *cli, CliPipe *p);
void cli_pipe_done(Cli *cli, CliPipe *p);

/* Turns the event loop once, and the pumps that have something; used wherever the shell waits.
 * -EINTR after Ctrl-C. */
int cli_wait(Cli *cli);

/* A job on its way. Starting sends the message, whose answer is the job's path. */
typedef struct CliJob CliJob;
int cli_job_start(Cli *cli, sd_bus_message *m, bool progress, CliJob **ret);
bool cli_job_is_done(const CliJob *job);
/* Waits for the end without saying anything. */
int cli_job_wait(Cli *cli, CliJob *job);
/* Waits for the end; says what went wrong. *ret_result (may be NULL): the a{sv} of Wait. */
int cli_job_finish(Cli *cli, CliJob *job, sd_bus_message **ret_result);
/* The error of a job that ended with one; NULL otherwise. */
const sd_bus_error *cli_job_error(const CliJob *job);
void cli_job_cancel(Cli *cli, CliJob *job);
CliJob *cli_job_free(CliJob *job);
DEFINE_TRIVIAL_CLEANUP_FUNC(CliJob *, cli_job_free);
/* All of the above for a message that starts a job. */
int cli_job_run(Cli *cli, sd_bus_message *m, sd_bus_message **ret_result);

/* --- Reading a{sv}, and what GetManagedObjects and GetAll answer. Strings and bytes are borrowed
 * from the message. */
typedef struct CliBytes {
    const void *data;
    size_t size;
} CliBytes;
typedef struct CliEntry {
    const char *name;
    char type;    /* a basic type, or 'A' for ay into a CliBytes */
    void *target; /* left alone when the entry is not there, or is of another type */
} CliEntry;
int cli_read_entries(sd_bus_message *m, const CliEntry *entries);

/* Called for each object with the interface; m stands at its a{sv}. */
typedef int (*cli_object_t)(sd_bus_message *m, void *userdata);
int cli_get_objects(Cli *cli, const char *name, const char *path, const char *interface,
                    cli_object_t callback, void *userdata, sd_bus_message **ret);
/* Says nothing. */
int cli_get_properties(Cli *cli, const char *name, const char *path, const char *interface,
                       const CliEntry *entries, sd_bus_error *error, sd_bus_message **ret);

#define _cleanup_message_ __attribute__((cleanup(sd_bus_message_unrefp)))
#define _cleanup_error_ __attribute__((cleanup(sd_bus_error_free)))

/* --- cli-input.c */
Editor *editor_new(Cli *cli);
Editor *editor_free(Editor *e);
/* The next line without its end; NULL at end of input or when interrupted (then cli->interrupted).
 * The caller frees. */
char *cli_read_line(Cli *cli, const char *prompt, bool is_command);
/* 1 yes, 0 no. At the end of an input that is no terminal the default (0 or 1); else, and when
 * there is none (-1), -ENODATA. Said. */
int cli_ask_yes_no(Cli *cli, const char *question, int fallback);
/* An answer, or fallback for an empty one (NULL: an empty one is asked again). The end of the input
 * as above. */
int cli_ask(Cli *cli, const char *question, const char *fallback, char **ret);
/* An answer that is shown nowhere; empty at the end of the input. To be released with
 * cli_secret_free().
 */
int cli_ask_secret(Cli *cli, const char *question, char **ret);
void cli_secret_free(char *secret);
void cli_prompt(const Cli *cli, char *buffer, size_t size);
/* Puts a command that was read into the history, as far as it may be there. */
void cli_remember_line(Cli *cli, const char *line);

/* --- cli-read.c: said when it fails */
#define CLI_PATH_SIZE 1100U
/* What a path in a command stands for; the buffer may be needed for it. */
const char *cli_path(const char *path, char buffer[CLI_PATH_SIZE]);
/* A regular file of at most max bytes; also "harddisk:/NAME". */
int cli_read_file(Cli *cli, const char *path, char *data, size_t max, size_t *ret_size);
/* The lines up to an empty one, or that which ends a block of PEM. */
int cli_read_typed(Cli *cli, bool is_pem, char *data, size_t max, size_t *ret_size);

/* --- cli-output.c */
int cli_output_open(Cli *cli, const Pipe *pipe);
/* Ends the output of a command that returned r; returns r or what went wrong on the way out. */
int cli_output_close(Cli *cli, int r);
/* Straight to standard output, past the pipe: questions and the time line. */
void cli_say(Cli *cli, const char *format, ...) _printf_(2, 3);
/* Straight to standard error: what a person should know, and no program that reads the output. */
void cli_warn(Cli *cli, const char *format, ...) _printf_(2, 3);
void cli_time_line(Cli *cli);
void cli_progress(Cli *cli, unsigned percent, const char *text);
void cli_progress_clear(Cli *cli);

/* --- cli-terminal.c: the terminal's echo is off from now on, or as it was again. Only the line
 * editor shows what is typed, once, also what is typed ahead of the prompt. */
void cli_terminal_take(Cli *cli);
void cli_terminal_give_back(Cli *cli);
void cli_terminal_size(const Cli *cli, unsigned *ret_lines, unsigned *ret_columns);
/* Until the end of the session; 0: as it was found. */
int cli_terminal_set_width(Cli *cli, unsigned short columns);
/* Between the two, each key is one to be read, Ctrl-C too. 0: there is none any more. */
void cli_keys_begin(Cli *cli);
int cli_read_key(Cli *cli);
void cli_keys_end(Cli *cli);

/* --- cli-page.c: standard output, page by page for a person; what is not text is written as it is.
 */
int cli_terminal_sink_new(Cli *cli, bool is_text, Sink **ret);

/* --- cli-timeout.c: how long a session at a terminal may be without input */
void cli_timeouts_update(Cli *cli);
/* Waits for a key: 0. 1: the terminal has got another size meanwhile. -ETIMEDOUT when the session
 * is over; then cli->leave is set. */
int cli_wait_input(Cli *cli);
void cli_timeout_say(Cli *cli);
/* The same while a command runs: microseconds that are left, UINT64_MAX for ever. */
uint64_t cli_timeout_left(const Cli *cli);
int cli_timeout_check(Cli *cli);

/* --- cli-pump.c: a descriptor that is read into a sink while the shell waits for something else */
typedef struct Pump Pump;
/* Takes over the descriptor, on failure too. */
int cli_pump_new(Cli *cli, int fd, Sink *to, Pump **ret);
int cli_pump_transfer(Cli *cli, const char *name, const char *path, Sink *to, Pump **ret);
int cli_pipe_pump(Cli *cli, CliPipe *p, Sink *to, Pump **ret);
/* Waits for the job and for what it wrote. Said when it fails. */
int cli_carry(Cli *cli, CliJob *job, const Pump *pump);
/* 0 while it runs, 1 at the end of the input, or the error of reading or writing. */
int cli_pump_state(const Pump *p);
Pump *cli_pump_free(Pump *p);
DEFINE_TRIVIAL_CLEANUP_FUNC(Pump *, cli_pump_free);
int cli_pumps_run(Cli *cli);

/* --- cli-sign.c: the pipe stage "utility sign" */
int cli_sign_sink_new(Cli *cli, const PipeStage *stage, Sink *next, Sink **ret);
/* The pipe that a daemon may write the stage's input to by itself; NULL when the sink is something
 * else. */
CliPipe *cli_sign_sink_pipe(Sink *s);
/* For such a sink, when its input has failed: cancels the signature. Says and returns the error
 * that it had before, 0 when there was none. */
int cli_sign_sink_give_up(Sink *s);

/* --- cli-key.c: what the command line says, as the bus has it; NULL when there is no such
 * algorithm. ret_display (may be NULL): "RSA". */
const char *cli_key_algorithm(const GrammarMatch *m, const char **ret_display);

/* --- cli-ca.c: the certificate at this path, as authenticate and enroll print it. */
int cli_ca_show_new(Cli *cli, const char *path);
/* The same for all that the result of a job names. request: where requests go instead of the
 * output; may be NULL. */
int cli_ca_show_result(Cli *cli, sd_bus_message *result, const char *request);
/* -ENOENT, and said so, when there is no trustpoint of that name. */
int cli_ca_check_trustpoint(Cli *cli, const char *name);
/* How a trustpoint enrolls: "self", "terminal", "scep", ... The caller frees. */
int cli_ca_method(Cli *cli, const char *trustpoint, char **ret);

/* --- cli-ca-external.c */
typedef struct CliPaste {
    char *data;
    size_t size;
} CliPaste;
/* What somebody pastes: lines up to a blank one or "quit". Said when nothing comes. */
int cli_paste(Cli *cli, const char *head, CliPaste *ret);
void cli_paste_done(CliPaste *paste);
/* path: the file with the CA certificate, may be NULL. fingerprint: NULL when somebody is to be
 * asked. */
int cli_ca_authenticate_external(Cli *cli, const char *trustpoint, const char *method,
                                 const char *path, const char *fingerprint);

/* --- cli-describe.c: is it known which tasks the command needs? */
bool cli_is_described(cli_handler_t run);
/* Number i of them, "crypto (READ)" or NULL for none, and the word that it is for, or NULL. */
bool cli_task_of(cli_handler_t run, size_t i, const char **ret_task, const char **ret_keyword,
                 const char **ret_unless);

/* --- cli-trustpool.c: takes over o. */
int cli_print_json(Cli *cli, json_object *o);

/* --- The commands */
#define COMMAND(name) int cli_##name(Cli *cli, const GrammarMatch *match)
COMMAND(key_generate);
COMMAND(key_export);
COMMAND(key_import);
COMMAND(key_zeroize);
COMMAND(user_key_import);
COMMAND(user_key_zeroize);
COMMAND(show_user_key);
COMMAND(show_key);
COMMAND(ca_authenticate);
COMMAND(ca_enroll);
COMMAND(ca_import);
COMMAND(ca_import_serial);
COMMAND(ca_cancel);
COMMAND(show_ca_trustpoints);
COMMAND(ca_clear);
COMMAND(show_ca_certificates);
COMMAND(crl_clear);
COMMAND(crl_request);
COMMAND(show_crls);
COMMAND(trustpool_import);
COMMAND(trustpool_diff);
COMMAND(trustpool_import_terminal);
COMMAND(trustpool_verify);
COMMAND(foresee);
COMMAND(trustpool_clean);
COMMAND(show_trustpool);
COMMAND(show_trustpool_policy);
COMMAND(show_dossier);
COMMAND(show_inventory);
COMMAND(inventory_snapshot);
COMMAND(show_aaa);
COMMAND(show_tasks);
COMMAND(show_user);
COMMAND(show_users);
COMMAND(show_logging);
COMMAND(show_tech_support);
COMMAND(describe);
COMMAND(show_version);
COMMAND(show_clock);
COMMAND(show_running);
COMMAND(show_commit_list);
COMMAND(show_history);
COMMAND(show_commit_changes);
COMMAND(show_rollback_changes);
COMMAND(show_sessions);
COMMAND(show_difference);
COMMAND(show_merged);
COMMAND(rollback);
COMMAND(show_candidate);
COMMAND(show_failed);
COMMAND(show_startup_failed);
COMMAND(configure);
COMMAND(config_commit);
COMMAND(config_end);
COMMAND(config_exit);
COMMAND(config_abort);
COMMAND(config_clear);
COMMAND(config_root);
COMMAND(config_pwd);
COMMAND(load);
COMMAND(load_commit);
COMMAND(load_rollback);
COMMAND(copy_running);
COMMAND(terminal_length);
COMMAND(terminal_width);
COMMAND(terminal_timestamp);
COMMAND(terminal_no_timestamp);
COMMAND(exec_exit);
COMMAND(exec_end);
#undef COMMAND

/* --- cli-running.c: the text in a reply, between the usual head and "end". */
int cli_print_configuration(Cli *cli, sd_bus_message *reply);
/* The running configuration without anything secret, whoever asks. Said. */
int cli_show_sanitized(Cli *cli);
/* What show running-config prints. Said. */
int cli_running_text(Cli *cli, char **ret, size_t *ret_size);
/* The changes of the session. */
int cli_changes_text(Cli *cli, char **ret);

/* --- cli-file.c: a file that is written as a whole, opened before it is needed */
typedef struct CliSave {
    int fd; /* -EBADF: none */
    char *path, *temporary;
} CliSave;
int cli_save_open(Cli *cli, const char *path, CliSave *ret);
int cli_save_running(Cli *cli, CliSave *save, unsigned *ret_lines);
int cli_save_text(Cli *cli, CliSave *save, const char *text);
/* Without one of these nothing has changed. */
void cli_save_done(CliSave *save);
unsigned cli_seconds_since(const struct timespec *then);

/* --- cli-history.c: the text that a method of policyd gives for the commits that the line names.
 */
int cli_get_changes(Cli *cli, const GrammarMatch *m, const char *member, sd_bus_message **ret);

/* --- cli-commit.c: m may be NULL. 1 committed, 0 nothing to commit; errors are said. */
int cli_commit(Cli *cli, const GrammarMatch *m);

/* --- cli-remove.c */

/* Trustpoints that a commit removes and that have certificates or requests. */
typedef struct CliRemoval {
    char **names;
    size_t n;
} CliRemoval;

/* Those of the session. What goes wrong has been said. */
int cli_removal_find(Cli *cli, CliRemoval *removal);
void cli_removal_done(CliRemoval *removal);
/* Is it said by this line? */
bool cli_removal_has(const CliRemoval *removal, const char *line);
/* 1 all of them, 0 no; or what went wrong, which has been said. */
int cli_removal_ask(Cli *cli, const CliRemoval *removal);
/* After the commit: removes what they had. */
int cli_removal_run(Cli *cli, const CliRemoval *removal);

/* --- cli-config.c */
/* A line in configuration mode that is no command of the shell. */
int cli_config_line(Cli *cli, const char *line);
/* The line without a secret that it may have in clear, for history and messages; the caller frees.
 * NULL when that cannot be told. */
char *cli_config_public_line(Cli *cli, const char *line);
int cli_config_complete(Cli *cli, const char *line, grammar_completion_t callback, void *userdata);
/* cli_bus_error() for calls of the session. */
int cli_session_error(Cli *cli, const sd_bus_error *error, int r);
/* Opens a session of policyd; its path. */
int cli_session_open(Cli *cli, bool exclusive, char **ret);
/* The lines that a commit failed on, each with its reason, as errors. */
void cli_session_say_failed(Cli *cli, const char *session);
/* What owners said about lines that were committed all the same. */
struct CliRemoval;
/* But those about what goes with its trustpoint (may be NULL). */
void cli_session_say_warnings(Cli *cli, const char *session, const struct CliRemoval *removal);
/* Says so, and fails, when the session has changes that nobody committed. */
int cli_config_check_dropped(Cli *cli);
/* Leaves configuration mode; the changes are dropped. */
void cli_config_leave(Cli *cli);
void cli_update_hostname(Cli *cli);
