/* SPDX-License-Identifier: Apache-2.0 */
/* One JSON object from elsewhere, as a stream of bytes, becomes a member of a document that is
 * being written. Whatever comes, the document stays well-formed and strict readers take it: tokens
 * are written when they are complete and found good, and json_copy_end() closes what is open. */
#pragma once

#include "json-util.h"

typedef struct JsonCopy JsonCopy;

/* The writer stays the caller's. name: of the member, NULL for a document of its own; nothing is
 * written before its object begins. */
JsonCopy *json_copy_new(JsonWriter *w, const char *name);

/* The next bytes. -EBADMSG when they are not part of a JSON object, or of one that is too deep, has
 * too long tokens, two members of the same name, names that are not of visible ASCII without a
 * backslash, or numbers with exponents: none of that is in a dossier. The error stays. */
int json_copy_feed(JsonCopy *c, const char *data, size_t size);

bool json_copy_has_begun(const JsonCopy *c);
bool json_copy_is_complete(const JsonCopy *c);

void json_copy_end(JsonCopy *c);

JsonCopy *json_copy_free(JsonCopy *c);
DEFINE_TRIVIAL_CLEANUP_FUNC(JsonCopy *, json_copy_free);
