/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration language as data: one row for each kind of line. From the rows follow parsing
 * and its "no" forms, help, rendering, the comparison of two configurations, where a value stands
 * in the JSON of its section, and the task that a change needs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What stands in the place of a secret, as the router writes it. */
#define CONFIG_MASK "<removed>"

/* The order is that of the rows' parents: a mode comes after the one it is entered from. */
typedef enum ConfigMode {
    CONFIG_MODE_TOP,
    CONFIG_MODE_TASKGROUP,
    CONFIG_MODE_USERGROUP,
    CONFIG_MODE_USERNAME,
    CONFIG_MODE_CLIENT_PROFILE,
    CONFIG_MODE_SSL_PROFILE,
    CONFIG_MODE_TRUSTPOINT,
    CONFIG_MODE_TRUSTPOOL,
    CONFIG_MODE_GRANT,
    CONFIG_MODE_LINE,
    CONFIG_MODE_NETCONF,
    CONFIG_MODE_INVENTORY,
    CONFIG_MODE_NODE,
    _CONFIG_MODE_MAX,
} ConfigMode;

typedef enum ConfigKind {
    CONFIG_ENTER,    /* an object; its lines are those of the mode that it enters */
    CONFIG_STRING,   /* the argument "value" */
    CONFIG_NUMBER,   /* the same, as a number */
    CONFIG_NUMBERS,  /* an array of numbers, one for each argument "value" */
    CONFIG_SECRET,   /* the argument "value" in clear: never in a configuration, which has the hash
                        of the row of kind CONFIG_STRING at the same path */
    CONFIG_CONSTANT, /* the row's constant, as a string */
    CONFIG_TRUE,     /* true */
    CONFIG_ITEM,     /* one more element of an array that is a set */
    CONFIG_WORDS,    /* an array of keywords, in the order of the row's argument */
    CONFIG_PARTS, /* an object with a member for each argument, called like it: {"algorithm": ...,
                     "label": ...} */
    CONFIG_NAMED, /* one more member of an object, called like the argument "name": the argument
                     "value" */
    CONFIG_NAMED_LIST, /* the same with an array of all arguments "value", in their order */
} ConfigKind;

/* How much is hidden, and what hides a row's value: all that is equal or more. */
typedef enum ConfigSecret {
    CONFIG_OPEN,    /* nothing is hidden; no secret */
    CONFIG_HASHES,  /* from those who may not read the row's task */
    CONFIG_WHATEVER /* from everybody, in what is made to be passed on */
} ConfigSecret;

typedef struct ConfigRow {
    ConfigMode mode;
    const char *head;        /* the line's keywords */
    const char *tail;        /* its arguments, "" for none; see common/grammar.h */
    const char *const *help; /* of head and tail, in order */
    const char *task;        /* "crypto": a change needs crypto.write */
    const char *section;     /* at the top only: SECTION_SYSTEM, ... */
    const char *path;        /* member names, from the mode's object (at the top: the section) down,
                                separated by '/' */
    ConfigKind kind;
    ConfigMode enters;    /* of CONFIG_ENTER */
    const char *constant; /* of CONFIG_CONSTANT */
    /* Why a name or value is not possible although it fits the argument's type; NULL when it is.
     * May be NULL. */
    const char *(*refuse)(const char *value);
    bool alias;  /* another row is the same line in other words, and is the one that is shown */
    bool sealed; /* of CONFIG_SECRET: keyd seals it, instead of a hash: it is needed again */
    /* Where CONFIG_MASK stands in the place of the value. */
    ConfigSecret secret;
} ConfigRow;

extern const ConfigRow config_rows[];
extern const size_t config_n_rows;

/* As in the prompt: "config-trustp". */
const char *config_mode_name(ConfigMode mode);
/* The row that enters the mode; NULL for the top. */
const ConfigRow *config_mode_row(ConfigMode mode);

/* The row of what becomes of a secret. */
const ConfigRow *config_hash_row(const ConfigRow *secret);

/* The name of the argument "<name:..." that stands there; false when something else does. */
bool config_part_name(const char *at, char *ret, size_t size);
/* Of CONFIG_PARTS: is there an argument of that name? */
bool config_row_has_part(const ConfigRow *row, const char *name);

/* Is the line one of many of its kind? Its first argument then says which one. */
static inline int config_row_is_one_of_many(const ConfigRow *row)
{
    return row->kind == CONFIG_ITEM || row->kind == CONFIG_NAMED || row->kind == CONFIG_NAMED_LIST;
}

/* Has the object more than one instance, each with a name? */
static inline int config_row_is_named(const ConfigRow *row)
{
    return row->kind == CONFIG_ENTER && row->tail[0] != '\0';
}
