/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of configuration to changes of the tree. */
#pragma once

#include "config-tree.h"
#include "grammar.h"

/* The grammars of all modes, compiled from the table. */
typedef struct ConfigParser ConfigParser;
ConfigParser *config_parser_new(void);
ConfigParser *config_parser_free(ConfigParser *p);
DEFINE_TRIVIAL_CLEANUP_FUNC(ConfigParser *, config_parser_free);

/* Where somebody stands: a mode, and the instance of its object (NULL for none). */
typedef struct ConfigPlace {
    ConfigMode mode;
    char *name;
} ConfigPlace;
void config_place_done(ConfigPlace *place);

typedef struct ConfigParsed {
    GrammarStatus status;
    size_t column;      /* of the first bad character, for GRAMMAR_INVALID and GRAMMAR_AMBIGUOUS */
    const char *reason; /* why a line that parses is not possible (status GRAMMAR_INVALID); static;
                           NULL when it just does not parse */
    ConfigLine line;    /* for GRAMMAR_OK */
    ConfigPlace next;   /* where one stands after it */
    char *name;         /* holds line.name */
} ConfigParsed;

/* Parses one line at a place. What does not fit there is tried at the top (there is one level of
 * modes), and leaves the mode if it fits. Returns 0 or -ENOMEM; ret is to be released in both
 * cases. */
int config_parse(const ConfigParser *p, const ConfigPlace *place, const char *line,
                 ConfigParsed *ret);
void config_parsed_done(ConfigParsed *parsed);
/* Overwrites a secret in clear, if the line has one. */
void config_parsed_wipe(ConfigParsed *parsed);

/* How much of the line may be remembered and shown: all of it, or what stands before a secret in
 * clear, also in a line that has an error. */
size_t config_public_length(const ConfigPlace *place, const char *line);

/* What is wrong with it, as a text to print; "" when nothing is. */
const char *config_parsed_message(const ConfigParsed *parsed);

/* As grammar_complete(), over the same places, and names of what is in the tree where the line may
 * have one, without a description; words may come twice. */
int config_complete(const ConfigParser *p, const ConfigPlace *place, json_object *root,
                    const char *line, grammar_completion_t callback, void *userdata);
