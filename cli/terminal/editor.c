/* SPDX-License-Identifier: Apache-2.0 */
#include "editor.h"

#include <fcntl.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <wchar.h>

#include "cli-bus.h"
#include "cli-output.h"
#include "cli-page.h"
#include "cli-terminal.h"
#include "cli-timeout.h"
#include "libedit.h"

#define HISTORY_FILE ".chancery_history"
#define HISTORY_MAX 500U
/* Of what is typed, beyond which nothing is taken: a line that is too long, and an answer. */
#define COMMAND_MAX (CLI_LINE_MAX + 1U)
#define ANSWER_MAX 16384U

struct Editor {
    Cli *cli;
    EditLine *line;
    History *history;
    const char *prompt;
    bool is_command;
};

/* --- What could follow ------------------------------------------------------------------------ */

typedef struct Completions {
    struct {
        char *word, *help;
    } * items;
    size_t n, width;
} Completions;

static int add_completion(const char *word, const char *help, void *userdata)
{
    Completions *c = userdata;
    void *items;

    for (size_t i = 0; i < c->n; i++)
        if (streq(c->items[i].word, word))
            return 0;
    items = reallocarray(c->items, c->n + 1, sizeof(*c->items));
    if (!items)
        return -ENOMEM;
    c->items = items;
    c->items[c->n].word = strdup(word);
    c->items[c->n].help = strdup(help);
    c->n++;
    if (strlen(word) > c->width)
        c->width = strlen(word);
    return c->items[c->n - 1].word && c->items[c->n - 1].help ? 0 : -ENOMEM;
}

static void completions_done(Completions *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i].word);
        free(c->items[i].help);
    }
    free(c->items);
}

/* The shell's words and policyd's come one after the other. */
static int compare_completions(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b; /* the word is the first member */
    int by_end = streq(*x, "<cr>") - streq(*y, "<cr>");

    return by_end ? by_end : strcmp(*x, *y);
}

/* Names may begin with capitals too, but have no description. */
static bool is_placeholder(const char *word, const char *help)
{
    return word[0] == '<' || word[0] == '|' || (word[0] >= 'A' && word[0] <= 'Z' && *help);
}

static char *before_cursor(Editor *e)
{
    const LineInfo *info = sym_el_line(e->line);

    return strndup(info->buffer, (size_t)(info->cursor - info->buffer));
}

static int find_completions(Editor *e, const char *text, Completions *ret)
{
    int r = cli_complete(e->cli, text, add_completion, ret);
    bool ends = false;

    for (size_t i = 0; i < ret->n; i++)
        ends = ends || streq(ret->items[i].word, "<cr>");
    if (r >= 0 && ends && cli_takes_pipe(e->cli, text))
        r = add_completion("|", "Filter, count, sort, save or sign the output", ret);
    if (ret->n > 1)
        qsort(ret->items, ret->n, sizeof(*ret->items), compare_completions);
    return r;
}

/* To the row below what is typed, wherever in it the cursor is. */
static void leave_line(Editor *e)
{
    const LineInfo *info = sym_el_line(e->line);
    size_t before = text_columns(e->prompt, strlen(e->prompt)), all = before;
    unsigned lines, columns;

    before += text_columns(info->buffer, (size_t)(info->cursor - info->buffer));
    all += text_columns(info->buffer, (size_t)(info->lastchar - info->buffer));
    cli_terminal_size(e->cli, &lines, &columns);
    for (size_t row = before / columns; row <= all / columns; row++)
        cli_say(e->cli, "\n");
}

/* On lines below the prompt, by pages; what was typed is then shown again. */
static unsigned char print_completions(Editor *e, const Completions *c)
{
    _cleanup_(sink_freep) Sink *sink = NULL;
    int r = cli_terminal_sink_new(e->cli, true, &sink);

    leave_line(e);
    for (size_t i = 0; i < c->n && r >= 0; i++) {
        _cleanup_free_ char *row = NULL;
        int n = asprintf(&row, "  %-*s  %s\n", (int)c->width, c->items[i].word, c->items[i].help);

        r = n < 0 ? -ENOMEM : sink_write(sink, row, (size_t)n);
    }
    if (r >= 0 && c->n == 0)
        r = sink_write(sink, "% Unrecognized command\n", STRLEN("% Unrecognized command\n"));
    if (sink)
        (void)sink_finish(sink);
    return CC_REDISPLAY;
}

static unsigned char on_help(EditLine *line, int key)
{
    _cleanup_(completions_done) Completions c = {0};
    _cleanup_free_ char *text = NULL;
    Editor *e = NULL;

    (void)sym_el_get(line, EL_CLIENTDATA, &e);
    if (!e->is_command)
        return sym_el_insertstr(line, "?") < 0 ? CC_ERROR : CC_REFRESH;
    text = before_cursor(e);
    if (!text || find_completions(e, text, &c) < 0)
        return CC_ERROR;
    return print_completions(e, &c);
}

/* How much all words have in common; *ret_n is how many words (not placeholders) there are. */
static size_t common_length(const Completions *c, const char **ret_word, size_t *ret_n)
{
    size_t length = 0;

    *ret_n = 0;
    for (size_t i = 0; i < c->n; i++) {
        const char *word = c->items[i].word;

        if (is_placeholder(word, c->items[i].help))
            continue;
        if ((*ret_n)++ == 0) {
            *ret_word = word;
            length = strlen(word);
        }
        for (size_t j = 0; j < length; j++)
            if (word[j] != (*ret_word)[j])
                length = j;
    }
    return length;
}

static unsigned char on_tab(EditLine *line, int key)
{
    _cleanup_(completions_done) Completions c = {0};
    _cleanup_free_ char *text = NULL, *insert = NULL;
    const char *word = "", *typed;
    size_t n, length, n_typed;
    Editor *e = NULL;

    (void)sym_el_get(line, EL_CLIENTDATA, &e);
    text = before_cursor(e);
    if (!e->is_command || !text || find_completions(e, text, &c) < 0)
        return CC_ERROR;
    typed = text + strlen(text);
    while (typed > text && typed[-1] != ' ' && typed[-1] != '\t')
        typed--;
    n_typed = strlen(typed);
    length = common_length(&c, &word, &n);
    if (n == 0)
        return CC_ERROR;
    if (n > 1 && length <= n_typed)
        return print_completions(e, &c);
    if (asprintf(&insert, "%.*s%s", (int)length, word, n == 1 ? " " : "") < 0)
        return CC_ERROR;
    sym_el_deletestr(line, (int)n_typed);
    return sym_el_insertstr(line, insert) < 0 ? CC_ERROR : CC_REFRESH;
}

/* --- The editor ------------------------------------------------------------------------------- */

static unsigned char on_interrupt(EditLine *line, int key)
{
    const LineInfo *info = sym_el_line(line);
    Editor *e = NULL;

    (void)sym_el_get(line, EL_CLIENTDATA, &e);
    e->cli->interrupted = true;
    if (info->cursor == info->lastchar) /* else it would cover what is there */
        cli_say(e->cli, "^C");
    leave_line(e);
    return CC_NEWLINE;
}

static unsigned char leave_configuration(Editor *e)
{
    cli_say(e->cli, "end\n");
    return sym_el_insertstr(e->line, "end\n") < 0 ? CC_ERROR : CC_NEWLINE;
}

/* Ctrl-D deletes, and in an empty line it leaves: in configuration mode as "end" does, which asks
 * before changes are lost. */
static unsigned char on_delete_or_leave(EditLine *line, int key)
{
    const LineInfo *info = sym_el_line(line);
    Editor *e = NULL;

    (void)sym_el_get(line, EL_CLIENTDATA, &e);
    if (info->lastchar == info->buffer)
        return e->is_command && e->cli->session ? leave_configuration(e) : CC_EOF;
    if (info->cursor == info->lastchar)
        return CC_ERROR;
    (void)sym_el_cursor(line, 1);
    sym_el_deletestr(line, 1);
    return CC_REFRESH;
}

static unsigned char on_leave(EditLine *line, int key)
{
    const LineInfo *info = sym_el_line(line);
    Editor *e = NULL;

    (void)sym_el_get(line, EL_CLIENTDATA, &e);
    return e->is_command && e->cli->session && info->lastchar == info->buffer
               ? leave_configuration(e)
               : CC_ERROR;
}

static char *prompt_text(EditLine *line)
{
    static char text[512];
    Editor *e = NULL;

    (void)sym_el_get(line, EL_CLIENTDATA, &e);
    (void)snprintf(text, sizeof(text), "%s", e->prompt);
    return text;
}

/* --- The history, which is kept line by line, so that sessions at the same time share it -------
 */

static FILE *open_history(void)
{
    const char *home = getenv("HOME");
    _cleanup_free_ char *path = NULL;
    struct stat st;
    FILE *f;
    int fd;

    if (!home || home[0] != '/' || asprintf(&path, "%s/" HISTORY_FILE, home) < 0)
        return NULL;
    fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
              0600);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
        flock(fd, LOCK_EX) < 0 || !(f = fdopen(fd, "a+"))) {
        closep(&fd);
        return NULL;
    }
    return f;
}

/* Whatever has become of the file: nothing of it that is no text, and no part of a line. */
static bool is_command_text(char *line)
{
    size_t n = strlen(line), partial;
    char escaped[(CLI_LINE_MAX + 2) * 4];

    if (n == 0 || line[n - 1] != '\n')
        return false;
    line[--n] = '\0';
    return n > 0 && escape_text(escaped, line, n, true, &partial) == n;
}

/* The whole file anew, with what is known of it. */
static void shorten_history(Editor *e, FILE *f)
{
    HistEvent event;

    if (ftruncate(fileno(f), 0) < 0)
        return;
    for (int r = sym_history(e->history, &event, H_LAST); r >= 0;
         r = sym_history(e->history, &event, H_PREV))
        fprintf(f, "%s\n", event.str);
}

/* One line each, in text: libedit's own format escapes blanks, and this file is also for people. */
static void load_history(Editor *e)
{
    _cleanup_fclose_ FILE *f = open_history();
    char line[CLI_LINE_MAX + 2];
    HistEvent event;
    size_t n = 0;

    if (!f || fseek(f, 0, SEEK_SET) < 0)
        return;
    for (; fgets(line, sizeof(line), f); n++)
        if (is_command_text(line))
            (void)sym_history(e->history, &event, H_ENTER, line);
    if (n > HISTORY_MAX * 2U)
        shorten_history(e, f);
}

/* --- Keys ------------------------------------------------------------------------------------- */

/* Most terminals have laid out their rows anew: what is edited is drawn again from its first row
 * on, as far as can be told where that is. */
static void draw_again(Editor *e)
{
    const LineInfo *info = sym_el_line(e->line);
    const char *terminal = getenv("TERM");
    unsigned lines, columns;
    size_t row = text_columns(e->prompt, strlen(e->prompt)) +
                 text_columns(info->buffer, (size_t)(info->cursor - info->buffer));

    cli_terminal_size(e->cli, &lines, &columns);
    row /= columns;
    if (!terminal || streq(terminal, "dumb"))
        (void)dprintf(STDOUT_FILENO, "\r\n");
    else if (row > 0)
        (void)dprintf(STDOUT_FILENO, "\r\033[%zuA\033[J", row);
    else
        (void)dprintf(STDOUT_FILENO, "\r\033[J");
    sym_el_resize(e->line);
    (void)sym_el_wset(e->line, EL_REFRESH);
}

/* Nothing more is taken into a line that is too long anyway; what edits it is. */
static bool is_full(Editor *e, wchar_t c)
{
    const LineInfo *info = sym_el_line(e->line);

    return c >= ' ' && c != 0x7f &&
           info->lastchar - info->buffer >= (ptrdiff_t)(e->is_command ? COMMAND_MAX : ANSWER_MAX);
}

/* The next character, of which there may never be one: then the input is at its end. */
static int read_character(EditLine *line, wchar_t *ret)
{
    mbstate_t state = {0};
    Editor *e = NULL;
    int r;

    (void)sym_el_get(line, EL_CLIENTDATA, &e);
    while ((r = cli_wait_input(e->cli)) >= 0) {
        char byte;
        size_t length;
        ssize_t n;

        if (r > 0) {
            draw_again(e);
            continue;
        }
        n = read(STDIN_FILENO, &byte, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return (int)n;
        length = mbrtowc(ret, &byte, 1, &state);
        if (length <= 1 && !is_full(e, *ret))
            return 1;
        /* Part of a character; or of none, and dropped. */
        if (length == (size_t)-1)
            memset(&state, 0, sizeof(state));
    }
    return 0;
}

/* What keys send, whatever the terminal calls itself: libedit knows some of them only by its
 * description, and would take the rest of what it does not know for text. */
static void bind_keys(EditLine *line)
{
    static const char *const keys[][2] = {
        {"\\e[1~", "ed-move-to-beg"},      {"\\e[7~", "ed-move-to-beg"},
        {"\\e[H", "ed-move-to-beg"},       {"\\eOH", "ed-move-to-beg"},
        {"\\e[4~", "ed-move-to-end"},      {"\\e[8~", "ed-move-to-end"},
        {"\\e[F", "ed-move-to-end"},       {"\\eOF", "ed-move-to-end"},
        {"\\e[3~", "ed-delete-next-char"}, {"\\e[1;5C", "em-next-word"},
        {"\\e[1;5D", "ed-prev-word"},      {"\\e[2~", "ed-unassigned"},
        {"\\e[5~", "ed-prev-history"},     {"\\e[6~", "ed-next-history"},
    };

    for (size_t i = 0; i < ELEMENTSOF(keys); i++)
        (void)sym_el_set(line, EL_BIND, keys[i][0], keys[i][1], NULL);
}

static int init_line(Editor *e)
{
    HistEvent event;

    e->line = sym_el_init("chancery", stdin, stdout, stderr);
    e->history = sym_history_init();
    if (!e->line || !e->history)
        return -ENOMEM;
    (void)sym_history(e->history, &event, H_SETSIZE, HISTORY_MAX);
    (void)sym_history(e->history, &event, H_SETUNIQUE, 1);
    (void)sym_el_set(e->line, EL_CLIENTDATA, e);
    (void)sym_el_set(e->line, EL_PROMPT, prompt_text);
    (void)sym_el_set(e->line, EL_GETCFN, read_character);
    (void)sym_el_set(e->line, EL_EDITOR, "emacs");
    (void)sym_el_set(e->line, EL_HIST, sym_history, e->history);
    (void)sym_el_set(e->line, EL_ADDFN, "chancery-help", "What may stand here", on_help);
    (void)sym_el_set(e->line, EL_ADDFN, "chancery-complete", "Complete the word", on_tab);
    (void)sym_el_set(e->line, EL_ADDFN, "chancery-interrupt", "Drop the line", on_interrupt);
    (void)sym_el_set(e->line, EL_ADDFN, "chancery-delete", "Delete, or leave", on_delete_or_leave);
    (void)sym_el_set(e->line, EL_ADDFN, "chancery-leave", "Leave configuration mode", on_leave);
    (void)sym_el_set(e->line, EL_BIND, "?", "chancery-help", NULL);
    (void)sym_el_set(e->line, EL_BIND, "^I", "chancery-complete", NULL);
    (void)sym_el_set(e->line, EL_BIND, "^C", "chancery-interrupt", NULL);
    (void)sym_el_set(e->line, EL_BIND, "^D", "chancery-delete", NULL);
    (void)sym_el_set(e->line, EL_BIND, "^Z", "chancery-leave", NULL);
    bind_keys(e->line);
    /* While a line is edited keys are keys, Ctrl-C included. */
    (void)sym_el_set(e->line, EL_SETTY, "-d", "-isig", NULL);
    /* Between lines nothing is echoed, whatever the modes were when the editor began. */
    (void)sym_el_set(e->line, EL_SETTY, "-x", "-echo", NULL);
    return 0;
}

/* Like all that the shell waits for, another size of the terminal is an event. */
static void watch_size(Cli *cli)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return;
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd >= 0)
        cli->resize_fd = fd;
}

Editor *editor_new(Cli *cli)
{
    const char *missing = libedit_load();
    Editor *e;

    if (missing) {
        (void)cli_error(cli, ELIBACC, "Lines cannot be edited: %s", missing);
        return NULL;
    }
    e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    text_use_utf8();
    cli_terminal_take(cli);
    e->cli = cli;
    e->prompt = "";
    if (init_line(e) < 0)
        return editor_free(e);
    if (cli->interactive)
        load_history(e);
    watch_size(cli);
    return e;
}

Editor *editor_free(Editor *e)
{
    if (!e)
        return NULL;
    if (e->cli->resize_fd > 0)
        (void)close(e->cli->resize_fd);
    e->cli->resize_fd = 0;
    if (e->history)
        sym_history_end(e->history);
    if (e->line)
        sym_el_end(e->line);
    free(e);
    return NULL;
}

char *editor_read(Editor *e, const char *prompt, bool is_command)
{
    const char *line;
    char *copy;
    int n;

    e->prompt = prompt;
    e->is_command = is_command;
    sym_el_resize(e->line);
    /* Before the prompt can be seen: what is typed at once, as programs do, is keys already. */
    (void)sym_el_wset(e->line, EL_PREP_TERM, 1);
    line = sym_el_gets(e->line, &n);
    if (!line || n <= 0 || e->cli->interrupted)
        return NULL;
    copy = strdup(line);
    if (!copy)
        return NULL;
    copy[strcspn(copy, "\r\n")] = '\0';
    return copy;
}

void editor_remember(Editor *e, const char *line)
{
    _cleanup_fclose_ FILE *f = NULL;
    HistEvent event;

    if (!line[strspn(line, " \t")] || strlen(line) > CLI_LINE_MAX ||
        (sym_history(e->history, &event, H_FIRST) >= 0 && streq(event.str, line)))
        return;
    (void)sym_history(e->history, &event, H_ENTER, line);
    f = open_history();
    if (f)
        fprintf(f, "%s\n", line);
}
