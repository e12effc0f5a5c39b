/* SPDX-License-Identifier: Apache-2.0 */
/* Labels and names that people give to keys, trustpoints and the like. */
#pragma once

#include <stdbool.h>

#define LABEL_MAX 127U

/* [A-Za-z0-9][A-Za-z0-9._-]*, 1 to LABEL_MAX bytes. Nothing else reaches a file, a log or a prompt.
 */
bool label_is_valid(const char *s);

/* Same grammar without the limits of a file name: host and domain names, at most 253 bytes, labels
 * separated by single dots, each 1 to 63 bytes of letters, digits, '-' and '_' (RFC 1123). */
bool hostname_is_valid(const char *s);

/* The name under which an object called (kind, label) is stored: the first 32 hex digits of a
 * SHA-256. Names of files are of our making, so that no label, whatever it is, can steer a path.
 * ret must have room for LABEL_FILE_NAME_SIZE bytes. Returns 0 or -ENOMEM. */
#define LABEL_FILE_NAME_SIZE 33U
int label_file_name(const char *kind, const char *label, char ret[LABEL_FILE_NAME_SIZE]);
