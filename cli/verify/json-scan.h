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

/* Each has to consume the value, and returns false to end the scan. */
typedef bool (*JsonScanMember)(JsonScan *s, const uint8_t *name, size_t size, void *userdata);
typedef bool (*JsonScanElement)(JsonScan *s, void *userdata);
bool json_scan_object(JsonScan *s, JsonScanMember member, void *userdata);
bool json_scan_array(JsonScan *s, JsonScanElement element, void *userdata);

bool json_scan_equals(const uint8_t *data, size_t size, const char *text);
