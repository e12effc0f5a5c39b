/* SPDX-License-Identifier: Apache-2.0 */
#include "editor.h"

#include <fcntl.h>
#include <histedit.h>
#include <strings.h>
#include <sys/stat.h>
#include <wchar.h>

#define HISTORY_FILE ".chancery_history"
#define HISTORY_MAX 500

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

static bool is_placeholder(const char *word)
{
    return word[0] == '<' || (word[0] >= 'A' && word[0] <= 'Z');
}

static char *before_cursor(Editor *e)
{
    const LineInfo *info = el_line(e->line);

    return strndup(info->buffer, (size_t)(info->cursor - info->buffer));
}

static int find_completions(Editor *e, const char *text, Completions *ret)
{
    int r = cli_complete(e->cli, text, add_completion, ret);

    if (ret->n > 1)
        qsort(ret->items, ret->n, sizeof(*ret->items), compare_completions);
    return r;
}

/* On lines below the prompt; what was typed is then shown again. */
static unsigned char print_completions(Editor *e, const Completions *c)
{
    cli_say(e->cli, "\n");
    for (size_t i = 0; i < c->n; i++)
        cli_say(e->cli, "  %-*s  %s\n", (int)c->width, c->items[i].word, c->items[i].help);
    if (c->n == 0)
        cli_say(e->cli, "%% Unrecognized command\n");
    return CC_REDISPLAY;
}

static unsigned char on_help(EditLine *line, int key)
{
    _cleanup_(completions_done) Completions c = {0};
    _cleanup_free_ char *text = NULL;
    Editor *e = NULL;

    (void)el_get(line, EL_CLIENTDATA, &e);
    if (!e->is_command)
        return el_insertstr(line, "?") < 0 ? CC_ERROR : CC_REFRESH;
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

        if (is_placeholder(word))
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

    (void)el_get(line, EL_CLIENTDATA, &e);
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
    el_deletestr(line, (int)n_typed);
    return el_insertstr(line, insert) < 0 ? CC_ERROR : CC_REFRESH;
}

/* --- The editor ------------------------------------------------------------------------------- */

static unsigned char on_interrupt(EditLine *line, int key)
{
    Editor *e = NULL;

    (void)el_get(line, EL_CLIENTDATA, &e);
    e->cli->interrupted = true;
    cli_say(e->cli, "^C\n");
    return CC_NEWLINE;
}

static char *prompt_text(EditLine *line)
{
    static char text[512];
    Editor *e = NULL;

    (void)el_get(line, EL_CLIENTDATA, &e);
    (void)snprintf(text, sizeof(text), "%s", e->prompt);
    return text;
}

static FILE *open_history(int flags)
{
    const char *home = getenv("HOME");
    _cleanup_free_ char *path = NULL;
    struct stat st;
    FILE *f;
    int fd;

    if (!home || home[0] != '/' || asprintf(&path, "%s/" HISTORY_FILE, home) < 0)
        return NULL;
    fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
        !(f = fdopen(fd, (flags & O_WRONLY) ? "w" : "r"))) {
        closep(&fd);
        return NULL;
    }
    return f;
}

/* One line each, in text: libedit's own format escapes blanks, and this file is also for people. */
static void load_history(Editor *e)
{
    _cleanup_fclose_ FILE *f = open_history(O_RDONLY);
    char line[CLI_LINE_MAX + 2];
    HistEvent event;

    while (f && fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        if (*line)
            (void)history(e->history, &event, H_ENTER, line);
    }
}

static void save_history(Editor *e)
{
    _cleanup_fclose_ FILE *f = open_history(O_WRONLY | O_CREAT | O_TRUNC);
    HistEvent event;

    for (int r = f ? history(e->history, &event, H_LAST) : -1; r >= 0;
         r = history(e->history, &event, H_PREV))
        fprintf(f, "%s\n", event.str);
}

/* The next character, of which there may never be one: then the input is at its end. */
static int read_character(EditLine *line, wchar_t *ret)
{
    mbstate_t state = {0};
    Editor *e = NULL;

    (void)el_get(line, EL_CLIENTDATA, &e);
    while (cli_wait_input(e->cli) >= 0) {
        char byte;
        ssize_t n = read(STDIN_FILENO, &byte, 1);
        size_t length;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return (int)n;
        length = mbrtowc(ret, &byte, 1, &state);
        if (length <= 1)
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
        (void)el_set(line, EL_BIND, keys[i][0], keys[i][1], NULL);
}

static int init_line(Editor *e)
{
    HistEvent event;

    e->line = el_init("chancery", stdin, stdout, stderr);
    e->history = history_init();
    if (!e->line || !e->history)
        return -ENOMEM;
    (void)history(e->history, &event, H_SETSIZE, HISTORY_MAX);
    (void)history(e->history, &event, H_SETUNIQUE, 1);
    (void)el_set(e->line, EL_CLIENTDATA, e);
    (void)el_set(e->line, EL_PROMPT, prompt_text);
    (void)el_set(e->line, EL_GETCFN, read_character);
    (void)el_set(e->line, EL_EDITOR, "emacs");
    (void)el_set(e->line, EL_HIST, history, e->history);
    (void)el_set(e->line, EL_ADDFN, "chancery-help", "What may stand here", on_help);
    (void)el_set(e->line, EL_ADDFN, "chancery-complete", "Complete the word", on_tab);
    (void)el_set(e->line, EL_ADDFN, "chancery-interrupt", "Drop the line", on_interrupt);
    (void)el_set(e->line, EL_BIND, "?", "chancery-help", NULL);
    (void)el_set(e->line, EL_BIND, "^I", "chancery-complete", NULL);
    (void)el_set(e->line, EL_BIND, "^C", "chancery-interrupt", NULL);
    bind_keys(e->line);
    /* While a line is edited keys are keys, Ctrl-C included. */
    (void)el_set(e->line, EL_SETTY, "-d", "-isig", NULL);
    /* Between lines nothing is echoed, whatever the modes were when the editor began. */
    (void)el_set(e->line, EL_SETTY, "-x", "-echo", NULL);
    return 0;
}

Editor *editor_new(Cli *cli)
{
    Editor *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    cli_terminal_take(cli);
    e->cli = cli;
    e->prompt = "";
    if (init_line(e) < 0)
        return editor_free(e);
    if (cli->interactive)
        load_history(e);
    return e;
}

Editor *editor_free(Editor *e)
{
    if (!e)
        return NULL;
    if (e->history && e->cli->interactive)
        save_history(e);
    if (e->history)
        history_end(e->history);
    if (e->line)
        el_end(e->line);
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
    el_resize(e->line);
    line = el_gets(e->line, &n);
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
    HistEvent event;

    if (line[strspn(line, " \t")])
        (void)history(e->history, &event, H_ENTER, line);
}
