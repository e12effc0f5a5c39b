/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal: its size, its modes, and single keys. */
#include "cli-terminal.h"

#include <sys/ioctl.h>

#include "cli-timeout.h"

#define COLUMNS_DEFAULT 80U
#define LINES_DEFAULT 24U

void cli_terminal_size(const Cli *cli, unsigned *ret_lines, unsigned *ret_columns)
{
    struct winsize size = {0};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;

    *ret_columns = known && size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT;
    *ret_lines = known && size.ws_row > 0 ? size.ws_row : LINES_DEFAULT;
    if (cli->length >= 0)
        *ret_lines = (unsigned)cli->length;
}

int cli_terminal_set_width(Cli *cli, unsigned short columns)
{
    struct winsize size;

    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
        return -errno;
    if (cli->width_set == 0 || size.ws_col != cli->width_set)
        cli->width_found = size.ws_col;
    size.ws_col = columns > 0 ? columns : cli->width_found;
    if (ioctl(STDIN_FILENO, TIOCSWINSZ, &size) < 0)
        return -errno;
    cli->width_set = columns;
    return 0;
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

void cli_terminal_take_again(Cli *cli)
{
    struct termios quiet;

    if (!cli->terminal_taken || tcgetattr(STDIN_FILENO, &quiet) < 0)
        return;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
}

void cli_terminal_give_back(Cli *cli)
{
    if (cli->width_set > 0)
        (void)cli_terminal_set_width(cli, 0);
    if (cli->terminal_taken)
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &cli->terminal);
    cli->terminal_taken = false;
}

void cli_keys_begin(Cli *cli)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &cli->before_keys) < 0)
        return;
    raw = cli->before_keys;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    cli->reads_keys = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void cli_keys_end(Cli *cli)
{
    if (cli->reads_keys)
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &cli->before_keys);
    cli->reads_keys = false;
}

int cli_read_key(Cli *cli)
{
    unsigned char key = 0;
    ssize_t n = -1;
    int r = 1;

    while (cli->reads_keys && !cli->leave && (r > 0 || (n < 0 && errno == EINTR))) {
        r = cli_wait_input(cli);
        n = r == 0 ? read(STDIN_FILENO, &key, 1) : 0;
    }
    return n == 1 ? key : 0;
}
