/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration as a tree of JSON: one object with a member for each section. Everything here
 * goes by the rows of config-schema.h and knows no line of its own. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#include "config-schema.h"

/* One line, parsed or to be rendered: what it sets, or removes. */
typedef struct ConfigLine {
    const ConfigRow *row;
    const char *name;   /* the instance of the mode that the row stands in; NULL at the top and for
                           modes without names */
    json_object *value; /* as it stands in the tree; of a CONFIG_ENTER its name (a string) or NULL;
                           of a CONFIG_NAMED an object with nothing but that member; may be NULL
                           when removing */
    bool remove;
    json_object *old; /* in comparisons: the value or the object that it replaces or removes; NULL
                         when there was none */
} ConfigLine;

/* How many elements a set (tasks, groups) can have. */
#define CONFIG_ITEMS_MAX 256U

/* Changes the tree (an object). Returns 0, -EDQUOT when a set is full, or -ENOMEM. */
int config_apply(json_object *root, const ConfigLine *line);

/* The members of all objects in alphabetical order, so that equal configurations are equal texts;
 * and a deep copy. */
json_object *config_canonical(json_object *root);
/* The same as text; the caller frees. */
char *config_canonical_text(json_object *root);
/* Hex SHA-256 of the canonical text. */
#define CONFIG_HASH_SIZE 65U
int config_hash(json_object *root, char ret[CONFIG_HASH_SIZE]);

/* The instances of the row's mode, each a member called by its name; NULL when there are none. */
json_object *config_instances(json_object *root, const ConfigRow *row);

/* One section, {} when it is not there. Borrowed, or (*ret_empty) owned by the caller. */
json_object *config_section(json_object *root, const char *section);

typedef enum ConfigEvent {
    CONFIG_EVENT_LINE, /* a line of the current mode was added, changed or removed */
    CONFIG_EVENT_NEW,  /* a mode that was not there before is entered; LINEs and one END follow */
    CONFIG_EVENT_CONTEXT, /* a mode that was there is entered, because something in it differs; the
                             same follows */
    CONFIG_EVENT_END,
} ConfigEvent;
typedef int (*config_event_t)(ConfigEvent event, const ConfigLine *line, void *userdata);

/* Is the value, as it stands in the tree, that of this row? Rows may share a place. */
bool config_row_renders(const ConfigRow *row, json_object *value);

/* What has to be entered to get from one tree to the other, in the order of the table. Either may
 * be NULL. Stops at the first negative return of the callback, and returns it. */
int config_compare(json_object *old, json_object *new, config_event_t callback, void *userdata);
/* The same for two objects of one mode; name: the instance, as in ConfigLine. */
int config_compare_mode(ConfigMode mode, const char *name, json_object *old, json_object *new,
                        config_event_t callback, void *userdata);

/* "keypair rsa core", with "no " in front when it removes. The caller frees. */
char *config_line_text(const ConfigLine *line);
/* The same with the words of its mode in front: what enters it from the top. */
char *config_line_absolute_text(const ConfigLine *line);

/* What is to be entered to get from old to new, one line each, submodes indented by a blank and
 * closed with "!". old NULL: the whole of new, as show running-config prints it.
 * masked: what is hidden. */
char *config_render(json_object *old, json_object *new, ConfigSecret masked);
/* One line of a text: indented by depth, "!" where a mode ends. */
void config_print_event(FILE *f, int depth, ConfigEvent event, const ConfigLine *line,
                        ConfigSecret masked);
/* A new tree, with CONFIG_MASK in the place of hashes. */
json_object *config_masked(json_object *root);

/* Are these the first words of the line, or all of it? */
bool config_words_begin(const char *words, const char *line);

/* Old and new lines side by side: "-" in front of what goes, "+" in front of what comes, modes that
 * stay without a mark. */
char *config_render_diff(json_object *old, json_object *new, ConfigSecret masked);

/* The changes from old to new, made to a third tree: a new tree, in canonical form. */
int config_replay(json_object *old, json_object *new, json_object *onto, json_object **ret);

/* The part of the tree below the words of a section, which may be abbreviated: "crypto ca
 * trustpoint", "crypto ca trustpoint core", "host". A new tree. -EINVAL: no such section;
 * -ENOTUNIQ: ambiguous; -ENOENT: nothing there. */
int config_filter(json_object *root, char *const *words, json_object **ret);
