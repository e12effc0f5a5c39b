/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in and out. In: strict, bounded, nothing unknown passes. Out: a writer that streams, so that
 * memory does not grow with the document. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

#define JSON_DEPTH_MAX 32

static inline void json_object_putp(json_object **o)
{
    if (*o)
        json_object_put(*o);
}
#define _cleanup_json_ _cleanup_(json_object_putp)

/* Parses exactly one value: UTF-8 checked, depth at most JSON_DEPTH_MAX, no trailing bytes, no
 * duplicate members. Returns -EBADMSG for what does not parse. The caller owns *ret. */
int json_parse(const char *text, size_t size, json_object **ret);
/* Of a text that json_parse() does not take, at which byte it stops being JSON: size when it ends
 * too early, SIZE_MAX when it is JSON and only has two members of one name, or is too deep. */
size_t json_error_offset(const char *text, size_t size);

/* Typed access to members of an object. -ENOENT when missing, -EBADMSG when of another type. The
 * results are borrowed from the object. */
int json_get_string(json_object *o, const char *name, const char **ret);
int json_get_uint64(json_object *o, const char *name, uint64_t *ret);
int json_get_bool(json_object *o, const char *name, bool *ret);
int json_get_object(json_object *o, const char *name, json_object **ret);
int json_get_array(json_object *o, const char *name, json_object **ret);

/* -EBADMSG unless every member's name is in the list (which ends with NULL). */
int json_only_members(json_object *o, const char *const *names);

/* Takes over value, whatever happens. -ENOMEM, for a value that is NULL too. */
int json_add(json_object *o, const char *name, json_object *value);

/* A writer of one JSON document to a descriptor. Errors stick: check json_writer_finish() only.
 * Text that is not valid UTF-8, and every control character, is escaped; see json_write_bytes(). */
typedef struct JsonWriter JsonWriter;

/* Does not take over the descriptor. */
JsonWriter *json_writer_new(int fd);
/* Writes what is buffered. Returns the first error of the writer's life, -EPROTO when objects or
 * arrays are still open. */
int json_writer_finish(JsonWriter *w);
JsonWriter *json_writer_free(JsonWriter *w);
DEFINE_TRIVIAL_CLEANUP_FUNC(JsonWriter *, json_writer_free);

void json_begin_object(JsonWriter *w,
                       const char *name); /* name is NULL inside arrays and at the top */
void json_end_object(JsonWriter *w);
void json_begin_array(JsonWriter *w, const char *name);
void json_end_array(JsonWriter *w);
void json_write_string(JsonWriter *w, const char *name, const char *value); /* NULL writes null */
void json_write_stringf(JsonWriter *w, const char *name, const char *format, ...) _printf_(3, 4);
void json_write_uint64(JsonWriter *w, const char *name, uint64_t value);
void json_write_int64(JsonWriter *w, const char *name, int64_t value);
void json_write_bool(JsonWriter *w, const char *name, bool value);
/* Microseconds since the epoch as the number of seconds with six digits after the point. */
void json_write_time(JsonWriter *w, const char *name, uint64_t usec);
void json_write_object(JsonWriter *w, const char *name, json_object *value);
/* A string, number or word as it stands in a document, which the caller has checked. */
void json_write_token(JsonWriter *w, const char *name, const char *text, size_t size);
/* A value as it stands in a file, all of it, which the caller has checked. */
void json_write_file(JsonWriter *w, const char *name, int fd);
/* Bytes of unknown encoding, file names above all: a string when they are valid UTF-8 without
 * control characters, else the member NAME-base64 with the bytes in base64. */
void json_write_bytes(JsonWriter *w, const char *name, const void *data, size_t size);
void json_write_hex(JsonWriter *w, const char *name, const void *data, size_t size);

/* Base64 (RFC 4648 section 4) and base64url without padding (section 5). The caller owns the
 * result. */
char *base64_encode(const void *data, size_t size);
char *base64url_encode(const void *data, size_t size);
/* Of BASE64URL_SIZE(size) characters, without an end. Returns how many. */
#define BASE64URL_SIZE(size) (((size)*4 + 2) / 3)
size_t base64url_encode_into(const void *data, size_t size, char *ret);
/* Strict: no white space, no padding, no stray bits at the end. -EBADMSG otherwise. */
int base64url_decode(const char *text, size_t length, void **ret_data, size_t *ret_size);

bool utf8_is_valid(const void *data, size_t size);
