/* SPDX-License-Identifier: Apache-2.0 */
/* At build time: the manual pages of the command groups, out of the tables that help, completion
 * and parsing go by. make-manual GROUP prints the scdoc source of one. */
#include <string.h>

#include "cli-commands.h"
#include "cli-describe.h"
#include "cli.h"
#include "grammar-manual.h"

typedef struct Group {
    const char *name, *title;
    const char *intro;
    const char *const *heads; /* what its commands begin with; the first group that fits has it */
    unsigned modes;
} Group;

#define HEADS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SEE_ALSO "chancery(1), chancery-commands(7), chancery-configuration(7)"

static const Group groups[] = {
    {"chancery-keys", "commands for keys", "Key pairs of the router, and public keys of its users.",
     HEADS("crypto key", "show crypto key"), CLI_EXEC},
    {"chancery-ca", "commands for certificates and trust",
     "Certificates of trustpoints, revocation lists, and the trustpool.",
     HEADS("crypto ca", "clear crypto", "show crypto", "test crypto"), CLI_EXEC},
    {"chancery-evidence", "commands for evidence and support",
     "The integrity dossier, the log, and what support asks for.",
     HEADS("show platform", "show logging", "show tech-support", "filesystem-inventory",
           "show filesystem-inventory"),
     CLI_EXEC},
    {"chancery-session", "commands of configuration sessions",
     "Entering, committing and undoing configuration, and what was committed.",
     HEADS("abort", "clear", "commit", "configure", "copy", "do", "end", "exit", "load", "pwd",
           "root", "rollback", "show commit", "show configuration", "show running-config"),
     CLI_EXEC | CLI_CONFIG},
    {"chancery-shell", "other commands of the shell",
     "Users and their tasks, the terminal, and the shell itself.", HEADS(""),
     CLI_EXEC | CLI_CONFIG},
};

static bool has_head(const Group *group, const char *pattern)
{
    for (const char *const *head = group->heads; *head; head++) {
        size_t length = strlen(*head);

        if (strncmp(pattern, *head, length) == 0 &&
            (length == 0 || pattern[length] == ' ' || pattern[length] == '\0'))
            return true;
    }
    return false;
}

static const Group *group_of(const GrammarCommand *row)
{
    const Group *group = groups;

    while (!has_head(group, row->pattern))
        group++;
    return group;
}

static void print_tasks(cli_handler_t run)
{
    const char *task, *keyword, *unless;
    unsigned n = 0;

    for (size_t i = 0; cli_task_of(run, i, &task, &keyword, &unless); i++) {
        if (!task)
            continue;
        (void)fputs(n++ == 0 ? "\tTask: " : "; ", stdout);
        if (keyword)
            printf("with *%s* ", keyword);
        else if (unless)
            printf("without *%s* ", unless);
        (void)fputs(task, stdout);
    }
    (void)puts(n == 0 ? "\tNo task of its own." : ".");
}

static void print_row(const GrammarCommand *row)
{
    const CliAction *action = row->data;

    grammar_print_synopsis(stdout, row->pattern);
    (void)putchar('\n');
    grammar_print_help(stdout, row->pattern, row->help);
    if (!(action->flags & CLI_EXEC))
        (void)puts("\tIn configuration mode.++");
    if (action->run) {
        print_tasks(action->run);
        (void)putchar('\n');
    } else {
        (void)puts("\tThe command's tasks.\n");
    }
}

static int print_page(const Group *group)
{
    printf("%s(7)\n\n# NAME\n\n%s - %s\n\n# DESCRIPTION\n\n%s Each command is followed by what its "
           "words mean, as *?* shows it, and what they may be: _number(1-5)_ is a number in that "
           "range, _word(1-64)_ a word of so many bytes, _line(1-256)_ the rest of the line. Then "
           "come "
           "the tasks that it needs. chancery-commands(7) says what the commands do.\n\n# "
           "COMMANDS\n\n",
           group->name, group->name, group->title, group->intro);
    for (const GrammarCommand *row = cli_commands; row->pattern; row++)
        if (group_of(row) == group)
            print_row(row);
    (void)puts("# SEE ALSO\n\n" SEE_ALSO);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
    for (size_t i = 0; argc == 2 && i < ELEMENTSOF(groups); i++)
        if (streq(groups[i].name, argv[1]))
            return print_page(&groups[i]);
    return EXIT_FAILURE;
}
