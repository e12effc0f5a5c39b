/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output. What comes over the bus may hold anything, and this is the place where it
 * becomes harmless; for a person it is also shown page by page. */
#include <sys/ioctl.h>

#include "atomic-file.h"
#include "cli.h"

#define CHUNK 4096U
#define COLUMNS_DEFAULT 80U
#define LINES_DEFAULT 24U
#define MORE "--More--"

typedef struct TerminalSink {
    Sink base;
    Cli *cli;
    bool is_text; /* else bytes, which are written as they are */
    bool tty, paged, at_line_start;
    unsigned line, column; /* on this page */
    char held[8];          /* the beginning of a character */
    size_t n_held;
} TerminalSink;

void cli_terminal_size(const Cli *cli, unsigned *ret_lines, unsigned *ret_columns)
{
    struct winsize size = {0};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;

    *ret_columns = known && size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT;
    *ret_lines = known && size.ws_row > 0 ? size.ws_row : LINES_DEFAULT;
    if (cli->length >= 0)
        *ret_lines = (unsigned)cli->length;
}

void cli_terminal_take(Cli *cli)
{
    struct termios quiet;

    if (cli->terminal_taken || tcgetattr(STDIN_FILENO, &cli->terminal) < 0)
        return;
    quiet = cli->terminal;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    cli->terminal_taken = tcsetattr(STDIN_FILENO, TCSANOW, &quiet) == 0;
}

void cli_terminal_give_back(Cli *cli)
{
    if (cli->terminal_taken)
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &cli->terminal);
    cli->terminal_taken = false;
}

/* One key, without echo and without waiting for the end of the line. */
static int read_key(Cli *cli)
{
    struct termios saved, raw;
    unsigned char key;
    ssize_t n;

    if (tcgetattr(STDIN_FILENO, &saved) < 0)
        return 'q';
    raw = saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    do
        n = cli_wait_input(cli) < 0 ? 0 : read(STDIN_FILENO, &key, 1);
    while (n < 0 && errno == EINTR);
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
    return n == 1 ? key : 'q';
}

/* Blank: a page; Enter: a line; q or Ctrl-C: no more. */
static int ask_more(TerminalSink *t, unsigned lines)
{
    static const char clear[] = "\r        \r";
    int r = write_full(STDOUT_FILENO, MORE, STRLEN(MORE));

    while (r >= 0) {
        int key = read_key(t->cli);

        if (key == ' ' || key == 'f')
            t->line = 0;
        else if (key == '\r' || key == '\n')
            t->line = lines - 2;
        else if (key == 'q' || key == 'Q' || key == 3 || key == 4)
            t->base.enough = true;
        else
            continue;
        r = write_full(STDOUT_FILENO, clear, STRLEN(clear));
        break;
    }
    t->column = 0;
    return r;
}

/* As much as fits on the page; *ret_used says how much. */
static int fill_page(TerminalSink *t, const char *text, size_t size, size_t *ret_used)
{
    unsigned lines, columns;
    size_t i = 0;

    cli_terminal_size(t->cli, &lines, &columns);
    while (i < size && (lines < 2 || t->line < lines - 1)) {
        unsigned char c = (unsigned char)text[i++];

        if (c == '\n' || t->column >= columns) {
            t->line++;
            t->column = 0;
        } else if (c == '\t') {
            t->column = (t->column / 8 + 1) * 8;
        } else if ((c & 0xc0) != 0x80) {
            t->column++;
        }
    }
    *ret_used = i;
    return write_full(STDOUT_FILENO, text, i);
}

static int write_text(TerminalSink *t, const char *text, size_t size)
{
    unsigned lines, columns;

    if (size == 0)
        return 0;
    cli_progress_clear(t->cli);
    t->at_line_start = text[size - 1] == '\n';
    if (!t->paged)
        return write_full(STDOUT_FILENO, text, size);
    while (size > 0 && !t->base.enough) {
        size_t used;
        int r;

        cli_terminal_size(t->cli, &lines, &columns);
        r = lines >= 2 && t->line >= lines - 1 ? ask_more(t, lines) : 0;
        if (r < 0)
            return r;
        if (t->base.enough)
            break;
        r = fill_page(t, text, size, &used);
        if (r < 0)
            return r;
        text += used;
        size -= used;
    }
    if (t->base.enough)
        t->at_line_start = true;
    return 0;
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
    return write_text(t, escaped, size);
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

    if (r >= 0 && t->tty && !t->at_line_start)
        r = write_full(STDOUT_FILENO, "\n", 1);
    return r;
}

int cli_terminal_sink_new(Cli *cli, bool is_text, Sink **ret)
{
    static const SinkClass class = {terminal_write, terminal_finish, NULL};
    TerminalSink *t = calloc(1, sizeof(*t));

    if (!t)
        return -ENOMEM;
    t->base.class = &class;
    t->cli = cli;
    t->is_text = is_text;
    t->at_line_start = true;
    t->tty = isatty(STDOUT_FILENO);
    t->paged = cli->interactive && cli->length != 0;
    *ret = &t->base;
    return 0;
}
