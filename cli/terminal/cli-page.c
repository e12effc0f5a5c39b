/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output. What comes over the bus may hold anything, and this is the place where it
 * becomes harmless; for a person it is also shown page by page, and between two pages the rest can
 * be searched and filtered. */
#include "cli-page.h"

#include "atomic-file.h"
#include "cli-output.h"
#include "cli-terminal.h"

#define CHUNK 16384U
#define MORE "--More--"
#define MORE_HELP "--More-- blank: page, Enter: line, q: end, /X: from X on, +X: only, -X: without"
#define MORE_WRONG "--More-- (that is no regular expression)"
#define FILTERS_MAX 8U
#define PATTERN_MAX 128U

typedef struct TerminalSink {
    Sink base;
    Cli *cli;
    bool is_text; /* else bytes, which are written as they are */
    bool tty, paged;
    unsigned line, column; /* on this page */
    char held[8];          /* the beginning of a character */
    size_t n_held;
    Sink *filters[FILTERS_MAX]; /* asked for between pages; each one's next is a Level */
    size_t n_filters;
} TerminalSink;

/* What is behind a filter: the next one, or the page. */
typedef struct Level {
    Sink base;
    TerminalSink *to;
    size_t number; /* how many filters are before it */
    bool reached;
} Level;

static int pass(TerminalSink *t, size_t level, const char *text, size_t size);

/* --- Between two pages ------------------------------------------------------------------------ */

static int clear_row(size_t columns)
{
    char blanks[sizeof(MORE_HELP) + PATTERN_MAX];
    size_t n = columns < sizeof(blanks) - 2 ? columns : sizeof(blanks) - 2;

    memset(blanks, ' ', sizeof(blanks));
    blanks[0] = '\r';
    blanks[n + 1] = '\r';
    return write_full(STDOUT_FILENO, blanks, n + 2);
}

/* The last row, which says text from now on. It is cut where the terminal ends. */
static int show_row(const TerminalSink *t, const char *text)
{
    unsigned lines, columns;
    size_t n = strlen(text);
    int r;

    cli_terminal_size(t->cli, &lines, &columns);
    r = clear_row(columns - 1);
    return r < 0 ? r : write_full(STDOUT_FILENO, text, n < columns ? n : columns - 1);
}

static int erase_last(char *buffer, size_t *n)
{
    unsigned columns = 0;
    size_t start = *n - 1;

    while (start > 0 && ((unsigned char)buffer[start] & 0xc0) == 0x80)
        start--;
    (void)text_next(buffer + start, *n - start, &columns);
    *n = start;
    return columns > 1   ? write_full(STDOUT_FILENO, "\b\b  \b\b", STRLEN("\b\b  \b\b"))
           : columns > 0 ? write_full(STDOUT_FILENO, "\b \b", STRLEN("\b \b"))
                         : 0;
}

/* 1, or 0 when nothing is to be searched after all. */
static int read_pattern(const TerminalSink *t, char first, char buffer[PATTERN_MAX])
{
    const char head[] = {first, '\0'};
    size_t n = 0;
    int r = show_row(t, head);

    while (r >= 0) {
        int key = cli_read_key(t->cli);
        char c = (char)key;

        buffer[n] = '\0';
        if (key == '\r' || key == '\n')
            return n > 0;
        if (key == 0x7f || key == '\b') {
            if (n == 0)
                return 0;
            r = erase_last(buffer, &n);
        } else if (key < ' ') { /* Ctrl-C, Escape, the end of the session */
            return 0;
        } else if (n + 1 < PATTERN_MAX) {
            buffer[n++] = c;
            r = write_full(STDOUT_FILENO, &c, 1);
        }
    }
    return r;
}

static int level_write(Sink *s, const char *data, size_t size)
{
    Level *level = (Level *)s;
    int r;

    level->reached = true;
    r = pass(level->to, level->number, data, size);
    s->enough = level->to->base.enough;
    return r;
}

static int add_filter(TerminalSink *t, LineFilter filter, const char *pattern)
{
    static const SinkClass class = {.write = level_write};
    Level *level = calloc(1, sizeof(*level));
    int r;

    if (!level)
        return -ENOMEM;
    level->base.class = &class;
    level->to = t;
    level->number = t->n_filters + 1;
    r = filter_sink_new(&(FilterSpec){.filter = filter, .regex = pattern}, &level->base,
                        &t->filters[t->n_filters]);
    if (r < 0)
        free(level);
    else
        t->n_filters++;
    return r;
}

/* 1: what is still to come goes through one more filter. 0: the last row asks again. */
static int ask_filter(TerminalSink *t, char key)
{
    LineFilter filter = key == '/' ? FILTER_BEGIN : key == '+' ? FILTER_INCLUDE : FILTER_EXCLUDE;
    char pattern[PATTERN_MAX];
    int r = t->n_filters < FILTERS_MAX ? read_pattern(t, key, pattern) : 0;

    if (r > 0) {
        r = add_filter(t, filter, pattern);
        if (r >= 0)
            return 1;
    }
    return r == -EINVAL ? show_row(t, MORE_WRONG) : r < 0 ? r : show_row(t, MORE);
}

/* Blank: a page; Enter: a line; q or Ctrl-C: no more. */
static int read_more(TerminalSink *t, unsigned lines)
{
    int r = write_full(STDOUT_FILENO, MORE, STRLEN(MORE));

    while (r >= 0) {
        int key = cli_read_key(t->cli);

        if (key == ' ' || key == 'f') {
            t->line = 0;
        } else if (key == '\r' || key == '\n') {
            t->line = lines - 2;
        } else if (key == 'q' || key == 'Q' || key == 0 || key == 3 || key == 4) {
            t->base.enough = true;
        } else if (key == '/' || key == '+' || key == '-') {
            r = ask_filter(t, (char)key);
            if (r <= 0)
                continue;
            t->line = 0;
        } else {
            if (key == 'h' || key == '?')
                r = show_row(t, MORE_HELP);
            continue;
        }
        break;
    }
    return r;
}

/* The row is empty afterwards. */
static int ask_more(TerminalSink *t, unsigned lines)
{
    unsigned columns;
    int r;

    cli_keys_begin(t->cli); /* before anybody can know that a key is waited for */
    r = read_more(t, lines);
    cli_keys_end(t->cli);
    cli_terminal_size(t->cli, &lines, &columns);
    t->column = 0;
    return r < 0 ? r : clear_row(columns - 1);
}

/* --- Pages ------------------------------------------------------------------------------------ */

/* As much as fits on the page; *ret_used says how much. A row that is full goes on in the next one
 * with its next character, not before. */
static int fill_page(TerminalSink *t, const char *text, size_t size, size_t *ret_used)
{
    unsigned lines, columns;
    size_t i = 0;

    cli_terminal_size(t->cli, &lines, &columns);
    while (i < size && (lines < 2 || t->line < lines - 1)) {
        unsigned width = 0;
        size_t n = text_next(text + i, size - i, &width);

        if (text[i] == '\n') {
            t->line++;
            t->column = 0;
        } else if (text[i] == '\t') {
            t->column = (t->column / 8 + 1) * 8;
            if (t->column >= columns)
                t->column = columns - 1;
        } else if (t->column > 0 && t->column + width > columns) {
            t->line++;
            t->column = 0;
            continue;
        } else {
            t->column += width;
        }
        i += n;
    }
    *ret_used = i;
    return write_full(STDOUT_FILENO, text, i);
}

static int write_pages(TerminalSink *t, const char *text, size_t size)
{
    unsigned lines, columns;

    while (size > 0 && !t->base.enough) {
        size_t used, n_filters = t->n_filters;
        int r;

        cli_terminal_size(t->cli, &lines, &columns);
        r = lines >= 2 && t->line >= lines - 1 ? ask_more(t, lines) : 0;
        if (r < 0)
            return r;
        if (t->base.enough)
            break;
        if (t->n_filters > n_filters)
            return pass(t, n_filters, text, size);
        r = fill_page(t, text, size, &used);
        if (r < 0)
            return r;
        text += used;
        size -= used;
    }
    return 0;
}

/* Text for the filter with that number, or for the page when there are no more of them. */
static int pass(TerminalSink *t, size_t level, const char *text, size_t size)
{
    int r;

    if (level < t->n_filters)
        return sink_write(t->filters[level], text, size);
    if (size == 0)
        return 0;
    cli_progress_clear(t->cli);
    t->cli->mid_line = t->tty && text[size - 1] != '\n';
    r = t->paged ? write_pages(t, text, size) : write_full(STDOUT_FILENO, text, size);
    if (t->base.enough)
        t->cli->mid_line = false;
    return r;
}

/* Prepends what was held back of a character. */
static int write_chunk(TerminalSink *t, const char *data, size_t size, bool last)
{
    char plain[CHUNK + sizeof(t->held)], escaped[sizeof(plain) * 4];
    size_t n = t->n_held, partial;

    memcpy(plain, t->held, n);
    memcpy(plain + n, data, size);
    n += size;
    size = escape_text(escaped, plain, n, last, &partial);
    memcpy(t->held, plain + n - partial, partial);
    t->n_held = partial;
    return pass(t, 0, escaped, size);
}

static int terminal_write(Sink *s, const char *data, size_t size)
{
    TerminalSink *t = (TerminalSink *)s;

    while (size > 0 && !s->enough) {
        size_t n = size < CHUNK ? size : CHUNK;
        int r = t->is_text ? write_chunk(t, data, n, false) : write_full(STDOUT_FILENO, data, n);

        if (r == -EPIPE)
            s->enough = true;
        if (r < 0)
            return r;
        data += n;
        size -= n;
    }
    return 0;
}

/* A dossier has no newline at its end, and the prompt must not stand behind it. */
static int terminal_finish(Sink *s)
{
    TerminalSink *t = (TerminalSink *)s;
    int r = t->n_held > 0 && !s->enough ? write_chunk(t, "", 0, true) : 0;

    for (size_t i = 0; i < t->n_filters && r >= 0; i++)
        r = sink_finish(t->filters[i]);
    if (r >= 0)
        cli_end_line(t->cli);
    if (r >= 0 && t->n_filters > 0 && !s->enough &&
        !((const Level *)t->filters[t->n_filters - 1]->next)->reached)
        cli_warn(t->cli, "%% Nothing more matches.\n");
    return r;
}

static void terminal_release(Sink *s)
{
    TerminalSink *t = (TerminalSink *)s;

    cli_end_line(t->cli);
    for (size_t i = 0; i < t->n_filters; i++)
        sink_free(t->filters[i]);
}

int cli_terminal_sink_new(Cli *cli, bool is_text, Sink **ret)
{
    static const SinkClass class = {terminal_write, terminal_finish, terminal_release};
    TerminalSink *t = calloc(1, sizeof(*t));

    if (!t)
        return -ENOMEM;
    t->base.class = &class;
    t->cli = cli;
    t->is_text = is_text;
    t->tty = isatty(STDOUT_FILENO);
    t->paged = is_text && cli->interactive && cli->length != 0;
    *ret = &t->base;
    return 0;
}
