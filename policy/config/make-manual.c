/* SPDX-License-Identifier: Apache-2.0 */
/* At build time: the manual page of all lines of the configuration, out of the table that policyd
 * parses, completes and renders them by. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config-schema.h"
#include "grammar-manual.h"

static void print_row(const ConfigRow *row)
{
    char pattern[1024];

    (void)snprintf(pattern, sizeof(pattern), "%s%s%s", row->head, *row->tail ? " " : "", row->tail);
    grammar_print_synopsis(stdout, pattern);
    (void)putchar('\n');
    grammar_print_help(stdout, pattern, row->help);
    if (row->kind == CONFIG_ENTER)
        printf("\tEnters *(%s)*.++\n", config_mode_name(row->enters));
    printf("\tTask: %s (WRITE).\n\n", row->task);
}

static void print_mode(ConfigMode mode)
{
    if (mode == CONFIG_MODE_TOP)
        (void)puts("# AT THE TOP\n");
    else
        printf("# IN (%s)\n\n", config_mode_name(mode));
    for (size_t i = 0; i < config_n_rows; i++)
        if (config_rows[i].mode == mode)
            print_row(&config_rows[i]);
}

int main(void)
{
    (void)puts("chancery-configuration(7)\n\n# NAME\n\nchancery-configuration - lines of the "
               "configuration\n\n# DESCRIPTION\n\nEach line is followed by what its words mean, as "
               "*?* shows it, and by the task that changing it needs. *no* before a line removes "
               "it. What the lines do is in the manual pages of the daemons that they are for, "
               "chancery-policyd(8) and its siblings.\n");
    for (ConfigMode mode = CONFIG_MODE_TOP; mode < _CONFIG_MODE_MAX; mode++)
        print_mode(mode);
    (void)puts("# SEE ALSO\n\nchancery-session(7), chancery-commands(7), chancery-policyd(8)");
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
