/* SPDX-License-Identifier: Apache-2.0 */
/* A row of a grammar table as an entry of a manual page (scdoc): its pattern as a synopsis, and
 * what its words mean, in the words of the help. */
#pragma once

#include <stdio.h>

/* "*crypto key zeroize rsa* [_LABEL_]": what head and pattern are, as people write it down. */
void grammar_print_synopsis(FILE *f, const char *pattern);

/* The meaning of the fixed words at the beginning, then one line for each word that follows.
 * help: as in GrammarCommand. */
void grammar_print_help(FILE *f, const char *pattern, const char *const *help);
