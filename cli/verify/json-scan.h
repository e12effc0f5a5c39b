/* SPDX-License-Identifier: Apache-2.0 */
/* Goes through JSON of any size in one pass without building it: strict as RFC 8259, depth at most
 * JSON_DEPTH_MAX. Each function consumes what it names, blanks before it too, and returns false
 * when that is not what comes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct JsonScan {
    const uint8_t *position, *end;
} JsonScan;

void json_scan_blanks(JsonScan *s);
bool json_scan_take(JsonScan *s, char c);
/* What stands between the quotes, with its escapes as they are. The names that matter have none, as
 * our writer writes them. */
bool json_scan_string(JsonScan *s, const uint8_t **ret, size_t *ret_size);
/* Any value. */
bool json_scan_value(JsonScan *s);

/* The names of the objects that are open. To be zeroed. */
typedef struct JsonNames {
    struct JsonName {
        const uint8_t *data;
        size_t size;
    } * names;
    size_t n, allocated;
    bool ambiguous; /* an object had a name twice, too many of them, or one with an escape */
    bool failed;    /* there was no memory */
} JsonNames;

#define JSON_NAMES_MAX 4096U /* of one object */

/* The same, and what readers could see in different ways is told. begin: where its names begin, of
 * an object that is read member by member. */
bool json_scan_value_named(JsonScan *s, JsonNames *names);
size_t json_names_begin(const JsonNames *names);
void json_names_add(JsonNames *names, size_t begin, const uint8_t *name, size_t size);
void json_names_end(JsonNames *names, size_t begin);
void json_names_done(JsonNames *names);

/* Each has to consume the value, and returns false to end the scan. */
typedef bool (*JsonScanMember)(JsonScan *s, const uint8_t *name, size_t size, void *userdata);
typedef bool (*JsonScanElement)(JsonScan *s, void *userdata);
bool json_scan_object(JsonScan *s, JsonScanMember member, void *userdata);
bool json_scan_array(JsonScan *s, JsonScanElement element, void *userdata);

bool json_scan_equals(const uint8_t *data, size_t size, const char *text);
