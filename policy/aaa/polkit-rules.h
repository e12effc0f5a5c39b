/* SPDX-License-Identifier: Apache-2.0 */
/* The polkit rules file that says who holds which task. */
#pragma once

#include "aaa.h"

/* The file's content; the caller frees. */
/* units: names that chancery-enrolld may have systemd reload, an array of strings; NULL for none.
 */
char *polkit_rules_render(const Aaa *aaa, json_object *units);

/* A JSON string that is a string of ECMAScript 5 too, quotes included: nothing but printable ASCII,
 * and nothing that a parser of either could take for its end. text is valid UTF-8. */
int polkit_rules_quote(const char *text, char **ret);

/* Replaces the content of the file in place: its folder belongs to polkit. Returns 0 when it was
 * the same already, 1 when it was written; the file is then empty or complete, or has a tail
 * missing and grants nothing. */
int polkit_rules_write(const char *path, const char *content);
