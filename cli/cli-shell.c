/* SPDX-License-Identifier: Apache-2.0 */
/* One line: which mode it is for, where its output goes, what it runs; and the three ways in which
 * lines come. */
#include <strings.h>

#include "cli-bus.h"
#include "cli-ca-external.h"
#include "cli-commands.h"
#include "cli-config.h"
#include "cli-input.h"
#include "cli-output.h"
#include "cli-remote.h"
#include "cli-terminal.h"
#include "cli-timeout.h"
#include "cli.h"

/* What somebody else may have made of the line does nothing to the terminal. */
static void point_at(const Cli *cli, const char *line, size_t shift, size_t column)
{
    _cleanup_free_ char *text = NULL;
    unsigned lines, columns = 0;
    size_t indent = 0;

    /* A copy of the line begins at its own first column. */
    if (cli->interactive) {
        char prompt[128];

        cli_prompt(cli, prompt, sizeof(prompt));
        indent = text_columns(prompt, strlen(prompt)) + shift;
        cli_terminal_size(cli, &lines, &columns);
    }
    text = caret_text(line, column, indent, columns);
    if (text)
        (void)dprintf(STDERR_FILENO, "%s", text);
}

/* The shell points at the column: below what was typed after the prompt, or below a copy of the
 * line where there was no prompt. */
void cli_print_syntax_error(Cli *cli, const char *line, size_t shift, GrammarStatus status,
                            size_t column)
{
    switch (status) {
    case GRAMMAR_INVALID:
        point_at(cli, line, shift, column);
        (void)cli_error(cli, EINVAL, "Invalid input detected at '^' marker.");
        return;
    case GRAMMAR_INCOMPLETE:
        (void)cli_error(cli, EINVAL, "Incomplete command.");
        return;
    case GRAMMAR_AMBIGUOUS:
        (void)cli_error(cli, EINVAL, "Ambiguous command: \"%s\"", line);
        return;
    case GRAMMAR_UNMATCHED_QUOTE:
        (void)cli_error(cli, EINVAL, "Unmatched quote.");
        return;
    case GRAMMAR_OK:
    case GRAMMAR_EMPTY:
        return;
    }
}

typedef struct Words {
    char text[256];
    size_t used;
} Words;

static int add_word(const char *word, const char *help, void *userdata)
{
    Words *w = userdata;

    (void)help;
    if (w->used < sizeof(w->text))
        w->used += (size_t)snprintf(w->text + w->used, sizeof(w->text) - w->used, "%s%s",
                                    w->used > 0 ? ", " : "", word);
    return 0;
}

/* What stood there in the place of a selector of a dossier. */
static void say_selectors(Cli *cli, unsigned mode, const char *line, size_t column)
{
    _cleanup_free_ char *before = NULL;
    Words words = {.used = 0};

    while (column > 0 && line[column - 1] != ' ' && line[column - 1] != '\t')
        column--;
    before = strndup(line, column);
    if (before && grammar_choices(cli_grammar(mode), before, "selector", add_word, &words) >= 0 &&
        words.used > 0)
        (void)cli_error(cli, EINVAL, "What can be included there: %s", words.text);
}

static int run_action(Cli *cli, const GrammarMatch *m, const Pipe *pipe)
{
    const CliAction *action = m->command->data;
    int r;

    /* Its changes would be gone, unasked. */
    if (cli->session && action->flags & CLI_MODE)
        return cli_error(cli, EBUSY,
                         "This command cannot be run from configuration mode. Leave it with 'end', "
                         "'exit' or 'abort' first.");
    if (action->flags & CLI_HERE && cli_is_remote(cli))
        return cli_error(cli, EOPNOTSUPP,
                         "This command is about the machine that it runs on, and not there for "
                         "another one.");
    if (pipe->n_stages > 0 && pipe->stages[0].kind == PIPE_JSON && !(action->flags & CLI_JSON))
        return cli_error(cli, EOPNOTSUPP, "This command has no JSON form.");
    if (!(action->flags & CLI_QUIET))
        cli_time_line(cli);
    cli->only_shows = strncmp(m->command->pattern, "show ", STRLEN("show ")) == 0;
    r = cli_output_open(cli, pipe);
    if (r < 0)
        return r;
    return cli_output_close(cli, action->run(cli, m));
}

/* A command of the shell's own table. shift: how far the line is from where it was typed. */
static int run_own(Cli *cli, unsigned mode, const char *line, size_t shift, bool pipes)
{
    _cleanup_free_ char *command = NULL;
    GrammarMatch m;
    Pipe pipe = {0};
    int r = 0;

    command = strndup(line, pipes ? pipe_command_length(line) : strlen(line));
    if (!command || (pipes && (r = pipe_parse(line, &pipe)) == -ENOMEM))
        return cli_error(cli, ENOMEM, "Out of memory");
    if (r < 0 && pipe.rule) {
        cli_print_syntax_error(cli, line, shift, GRAMMAR_INVALID, pipe.column);
        return cli_error(cli, r, "%s", pipe.rule);
    }
    if (r < 0)
        return cli_error(cli, r, "Error parsing piping string. Quitting");
    r = grammar_parse(cli_grammar_for(mode, command), command, &m);
    if (r < 0) {
        pipe_done(&pipe);
        return cli_error(cli, r, "Out of memory");
    }
    if (m.status == GRAMMAR_OK) {
        r = run_action(cli, &m, &pipe);
    } else if (m.status != GRAMMAR_EMPTY) {
        cli_print_syntax_error(cli, command, shift, m.status, m.column);
        if (m.rule)
            (void)cli_error(cli, EINVAL, "%s", m.rule);
        else if (m.status == GRAMMAR_INVALID)
            say_selectors(cli, mode, command, m.column);
        r = -EINVAL;
    }
    grammar_match_done(&m);
    pipe_done(&pipe);
    return r;
}

/* --- Configuration mode: whose word is it? ---------------------------------------------------- */

typedef struct FirstWord {
    char word[32];    /* as typed */
    char keyword[32]; /* the shell's own keyword that it stands for */
    unsigned n_own, n_theirs;
    bool own_exact, theirs_exact;
} FirstWord;

static int count_own(const char *word, const char *help, void *userdata)
{
    FirstWord *f = userdata;

    if (f->own_exact)
        return 0;
    f->own_exact = strcasecmp(word, f->word) == 0;
    f->n_own++;
    (void)snprintf(f->keyword, sizeof(f->keyword), "%s", word);
    return 0;
}

static int count_theirs(const char *word, const char *help, void *userdata)
{
    FirstWord *f = userdata;

    if (strncasecmp(word, f->word, strlen(f->word)) == 0) {
        f->n_theirs++;
        f->theirs_exact = f->theirs_exact || strcasecmp(word, f->word) == 0;
    }
    return 0;
}

/* policyd is only asked when the word could be the shell's and is not written out. */
static int classify(Cli *cli, const char *line, FirstWord *f)
{
    size_t length;
    int r;

    memset(f, 0, sizeof(*f));
    line += strspn(line, " \t");
    length = strcspn(line, " \t");
    if (length == 0 || length >= sizeof(f->word))
        return 0;
    memcpy(f->word, line, length);
    r = grammar_complete(cli_grammar(CLI_CONFIG), f->word, count_own, f);
    if (r < 0 || f->n_own == 0 || f->own_exact)
        return r;
    return cli_config_complete(cli, f->word, count_theirs, f);
}

static int execute_config(Cli *cli, const char *line)
{
    size_t rest = strspn(line, " \t");
    FirstWord f;
    int r = classify(cli, line, &f);

    if (r < 0)
        return cli_error(cli, r, "The line cannot be read: %s", strerror(-r));
    if (f.n_own == 0 || (!f.own_exact && f.theirs_exact))
        return cli_config_line(cli, line);
    if (!f.own_exact && f.n_own + f.n_theirs > 1) {
        _cleanup_free_ char *shown = cli_config_public_line(cli, line);

        cli_print_syntax_error(cli, shown ? shown : f.word, 0, GRAMMAR_AMBIGUOUS, rest);
        return -EINVAL;
    }
    rest += strlen(f.word);
    rest += strspn(line + rest, " \t");
    if (streq(f.keyword, "do") && line[rest])
        return run_own(cli, CLI_EXEC, line + rest, rest, true);
    return run_own(cli, CLI_CONFIG, line, 0, streq(f.keyword, "show"));
}

int cli_execute(Cli *cli, const char *line)
{
    size_t start = strspn(line, " \t");

    cli->interrupted = cli->only_shows = false;
    if (line[start] == '\0' || line[start] == '!')
        return 0;
    if (strlen(line) > CLI_LINE_MAX)
        return cli_error(cli, EMSGSIZE, "The line is too long, it can have %u bytes.",
                         CLI_LINE_MAX);
    return cli->session ? execute_config(cli, line) : run_own(cli, CLI_EXEC, line, 0, true);
}

bool cli_takes_pipe(const Cli *cli, const char *line)
{
    size_t start = strspn(line, " \t"), word = strcspn(line + start, " \t|");

    return !cli->session || (word > 0 && (strncasecmp(line + start, "show", word) == 0 ||
                                          strncasecmp(line + start, "do", word) == 0));
}

/* What the table says, and names of what there is. */
static int complete_command(Cli *cli, const Grammar *g, const char *line,
                            grammar_completion_t callback, void *userdata)
{
    const char *typed = grammar_typed(g, line, "trustpoint");
    int r = grammar_complete(g, line, callback, userdata);

    return r < 0 || !typed ? r : cli_ca_complete(cli, typed, callback, userdata);
}

int cli_complete(Cli *cli, const char *line, grammar_completion_t callback, void *userdata)
{
    const Grammar *g = cli_grammar(cli->session ? CLI_CONFIG : CLI_EXEC);
    size_t start = strspn(line, " \t"), word = strcspn(line + start, " \t");
    int r;

    if (line[pipe_command_length(line)] && cli_takes_pipe(cli, line))
        return pipe_complete(line, callback, userdata);
    if (cli->session && word == 2 && line[start + word] &&
        strncasecmp(line + start, "do", word) == 0)
        return complete_command(cli, cli_grammar(CLI_EXEC), line + start + word, callback,
                                userdata);
    r = complete_command(cli, g, line, callback, userdata);
    return r < 0 || !cli->session ? r : cli_config_complete(cli, line, callback, userdata);
}

/* --- Where lines come from -------------------------------------------------------------------- */

void cli_prompt(const Cli *cli, char *buffer, size_t size)
{
    (void)snprintf(buffer, size, "RP/0/RP0/CPU0:%s%s%s%s#", cli->hostname, cli->session ? "(" : "",
                   cli->session ? cli->mode : "", cli->session ? ")" : "");
}

int cli_run_interactive(Cli *cli)
{
    cli_update_hostname(cli);
    while (!cli->leave) {
        _cleanup_free_ char *line = NULL;
        char prompt[128];

        cli_prompt(cli, prompt, sizeof(prompt));
        cli->interrupted = false;
        line = cli_read_line(cli, prompt, true);
        if (!line && !cli->interrupted) {
            if (!cli->timed_out)
                cli_say(cli, "\n");
            break;
        }
        if (line && !cli_drop_block(cli, line)) {
            cli_remember_line(cli, line);
            (void)cli_execute(cli, line);
            explicit_bzero(line, strlen(line));
        }
    }
    cli_timeout_say(cli);
    cli_config_leave(cli);
    return 0;
}

/* Changes that nobody committed must not be lost silently. */
static int end_of_lines(Cli *cli, int r)
{
    if (cli->session && r >= 0)
        r = cli_config_check_dropped(cli);
    cli_config_leave(cli);
    return r;
}

/* Commands from a file or pipe: the first one that fails is the last one. */
int cli_run_batch(Cli *cli)
{
    int r = 0;

    while (r >= 0 && !cli->leave) {
        _cleanup_free_ char *line = cli_read_line(cli, NULL, true);
        unsigned number = cli->line_number;

        if (!line)
            break;
        r = cli_execute(cli, line);
        if (r < 0) {
            _cleanup_free_ char *shown = cli_config_public_line(cli, line);

            (void)cli_error(cli, r, "Line %u failed, no further line is run%s%s", number,
                            shown ? ": " : "", shown ? shown : "");
        }
        explicit_bzero(line, strlen(line));
    }
    return end_of_lines(cli, r);
}

/* The argument of -c, or the words of the command line: one command, or several lines of them. */
int cli_run_text(Cli *cli, const char *text)
{
    int r = 0;

    while (r >= 0 && *text && !cli->leave) {
        size_t length = strcspn(text, "\r\n");
        _cleanup_free_ char *line = strndup(text, length);

        if (!line)
            return cli_error(cli, ENOMEM, "Out of memory");
        r = cli_execute(cli, line);
        text += length + (text[length] != '\0');
    }
    return end_of_lines(cli, r);
}
