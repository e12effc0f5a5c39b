/* SPDX-License-Identifier: Apache-2.0 */
/* What the layouts of the router are made of, which tools parse by column. Strings come from the
 * bus; control characters in them, line ends included, are escaped here, so that no value can look
 * like another line. */
#pragma once

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

void render_text(FILE *f, const char *text);
/* The head as it stands, the value, the end of the line. */
void render_field(FILE *f, const char *head, const char *value);
void render_time_field(FILE *f, const char *head, int64_t seconds);
/* Groups of 8 digits, 8 groups on a line. */
void render_hex(FILE *f, const uint8_t *data, size_t size);

/* NULL becomes null. */
void render_json_string(json_object *o, const char *name, const char *value);
void render_json_base64(json_object *o, const char *name, const uint8_t *data, size_t size);
