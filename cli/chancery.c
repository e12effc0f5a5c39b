/* SPDX-License-Identifier: Apache-2.0 */
/* The shell's entry: a login shell, one command, or commands from a file. */
#include <getopt.h>
#include <signal.h>

#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-remote.h"
#include "cli-terminal.h"
#include "cli.h"
#include "editor.h"
#include "errors.h"

static void print_help(void)
{
    (void)puts("chancery [OPTION...] [COMMAND WORDS...]\n\n"
               "The command line of the router's PKI. Without a command it reads commands from the "
               "terminal,\n"
               "or from standard input until one fails.\n\n"
               "  -c COMMAND         Run this command, as login shells do\n"
               "  -H --host [USER@]HOST\n"
               "                     On the router HOST, over ssh\n"
               "  -M --machine [USER@]CONTAINER\n"
               "                     In a container of this machine\n"
               "     --complete LINE Show what could follow a partial line\n"
               "  -h --help          Show this help\n"
               "     --version       Show the version\n\n"
               "See chancery(1) and chancery-commands(7).");
}

typedef struct Arguments {
    const char *command; /* of -c */
    const char *complete;
    const char *host, *machine;
    int first_word; /* in argv */
} Arguments;

/* Returns 0, or 1 when all is done, or -EINVAL. */
static int parse_arguments(int argc, char *argv[], Arguments *ret)
{
    enum { OPTION_VERSION = 256, OPTION_COMPLETE };
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"host", required_argument, NULL, 'H'},
        {"machine", required_argument, NULL, 'M'},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"complete", required_argument, NULL, OPTION_COMPLETE},
        {0},
    };
    int c;

    *ret = (Arguments){0};
    /* "+": what follows the first word belongs to the command. -l: a login shell is called like
     * that by some. */
    while ((c = getopt_long(argc, argv, "+c:hlH:M:", options, NULL)) >= 0) {
        switch (c) {
        case 'c':
            ret->command = optarg;
            break;
        case 'l':
            break;
        case 'H':
            ret->host = optarg;
            break;
        case 'M':
            ret->machine = optarg;
            break;
        case 'h':
            print_help();
            return 1;
        case OPTION_VERSION:
            (void)puts("chancery " VERSION);
            return 1;
        case OPTION_COMPLETE:
            ret->complete = optarg;
            break;
        default:
            return -EINVAL;
        }
    }
    ret->first_word = optind;
    if (ret->host && ret->machine) {
        (void)fputs(
            "chancery: -H and -M exclude each other; a container of HOST is HOST/CONTAINER\n",
            stderr);
        return -EINVAL;
    }
    return 0;
}

static char *join_words(char *const *words)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    for (char *const *w = words; *w; w++)
        fprintf(f, "%s%s", w == words ? "" : " ", *w);
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static int print_completion(const char *word, const char *help, void *userdata)
{
    (void)puts(word);
    return 0;
}

static int run(Cli *cli, const Arguments *arguments, char *argv[])
{
    if (arguments->complete)
        return cli_complete(cli, arguments->complete, print_completion, NULL);
    if (arguments->command)
        return cli_run_text(cli, arguments->command);
    if (argv[arguments->first_word]) {
        _cleanup_free_ char *text = join_words(argv + arguments->first_word);

        return text ? cli_run_text(cli, text) : cli_error(cli, ENOMEM, "Out of memory");
    }
    return cli->interactive ? cli_run_interactive(cli) : cli_run_batch(cli);
}

/* As whoever started it expects of a Ctrl-C: a script ends with it, and does not go on with its
 * next line. */
static void die_of_interrupt(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    (void)fflush(NULL);
    (void)signal(SIGINT, SIG_DFL);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)raise(SIGINT);
}

int main(int argc, char *argv[])
{
    Cli cli = {.timestamps = true, .length = -1};
    Arguments arguments;
    int r = parse_arguments(argc, argv, &arguments);

    if (r != 0)
        return r > 0 ? EXIT_SUCCESS : 2;
    if (arguments.command && cli_remote_serve(arguments.command) < 0)
        return EXIT_FAILURE;
    cli.host = arguments.host;
    cli.machine = arguments.machine;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)errors_register();
    cli.answers_typed = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    cli.interactive = cli.answers_typed && !arguments.command && !arguments.complete &&
                      !argv[arguments.first_word];
    /* Before anything that takes time: the prompt is being waited for, or is not. */
    if (cli.interactive)
        cli_terminal_take(&cli);

    r = run(&cli, &arguments, argv);

    editor_free(cli.editor);
    free(cli.unread);
    cli_terminal_give_back(&cli);
    cli_bus_close(&cli);
    sd_event_unref(cli.event);
    cli_grammar_done();
    if (r < 0 && cli.interrupted && !cli.interactive)
        die_of_interrupt();
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
