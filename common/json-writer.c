/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as a stream: a fixed buffer in front of a descriptor. */
#include <stdarg.h>
#include <unistd.h>

#include "atomic-file.h"
#include "json-util.h"

#define WRITER_BUFFER_SIZE 65536U

struct JsonWriter {
    int fd;
    int error;
    unsigned depth;
    bool first;                       /* nothing yet in the innermost object or array */
    char closers[JSON_DEPTH_MAX + 1]; /* what ends each open object or array */
    size_t used;
    char buffer[WRITER_BUFFER_SIZE];
};

JsonWriter *json_writer_new(int fd)
{
    JsonWriter *w = malloc(sizeof *w);

    if (!w)
        return NULL;
    w->fd = fd;
    w->error = 0;
    w->depth = 0;
    w->first = true;
    w->used = 0;
    return w;
}

JsonWriter *json_writer_free(JsonWriter *w)
{
    free(w);
    return NULL;
}

static void flush(JsonWriter *w)
{
    if (w->error == 0 && w->used > 0)
        w->error = write_full(w->fd, w->buffer, w->used);
    w->used = 0;
}

static void put_in_parts(JsonWriter *w, const char *text, size_t size)
{
    while (size > 0 && w->error == 0) {
        size_t n = WRITER_BUFFER_SIZE - w->used;

        if (n > size)
            n = size;
        memcpy(w->buffer + w->used, text, n);
        w->used += n;
        text += n;
        size -= n;
        if (w->used == WRITER_BUFFER_SIZE)
            flush(w);
    }
}

/* Nearly always there is room: a dossier has hundreds of millions of these. */
static inline void put(JsonWriter *w, const char *text, size_t size)
{
    if (size < WRITER_BUFFER_SIZE - w->used) {
        memcpy(w->buffer + w->used, text, size);
        w->used += size;
    } else
        put_in_parts(w, text, size);
}

static inline void puts_to(JsonWriter *w, const char *text)
{
    put(w, text, strlen(text));
}

int json_writer_finish(JsonWriter *w)
{
    if (w->error == 0 && w->depth > 0)
        w->error = -EPROTO;
    flush(w);
    return w->error;
}

static void put_escaped(JsonWriter *w, const char *s, size_t size)
{
    size_t plain = 0;

    puts_to(w, "\"");
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)s[i];
        char escape[8];

        /* 0x7f is allowed by RFC 8259, but no terminal should see it raw. */
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
            continue;
        put(w, s + plain, i - plain);
        plain = i + 1;
        if (c == '\n')
            puts_to(w, "\\n");
        else if (c == '"' || c == '\\') {
            escape[0] = '\\';
            escape[1] = (char)c;
            put(w, escape, 2);
        } else {
            (void)snprintf(escape, sizeof escape, "\\u%04x", c);
            put(w, escape, 6);
        }
    }
    put(w, s + plain, size - plain);
    puts_to(w, "\"");
}

static void member(JsonWriter *w, const char *name)
{
    if (!w->first)
        puts_to(w, ",");
    w->first = false;
    if (name) {
        put_escaped(w, name, strlen(name));
        puts_to(w, ":");
    }
}

static void begin(JsonWriter *w, const char *name, const char *opener, char closer)
{
    member(w, name);
    if (w->depth >= JSON_DEPTH_MAX) {
        if (w->error == 0)
            w->error = -EOVERFLOW;
        return;
    }
    puts_to(w, opener);
    w->closers[w->depth++] = closer;
    w->first = true;
}

static void end(JsonWriter *w, char closer)
{
    if (w->depth == 0 || w->closers[w->depth - 1] != closer) {
        if (w->error == 0)
            w->error = -EPROTO;
        return;
    }
    put(w, &w->closers[--w->depth], 1);
    w->first = false;
}

void json_begin_object(JsonWriter *w, const char *name)
{
    begin(w, name, "{", '}');
}

void json_end_object(JsonWriter *w)
{
    end(w, '}');
}

void json_begin_array(JsonWriter *w, const char *name)
{
    begin(w, name, "[", ']');
}

void json_end_array(JsonWriter *w)
{
    end(w, ']');
}

void json_write_string(JsonWriter *w, const char *name, const char *value)
{
    member(w, name);
    if (!value)
        puts_to(w, "null");
    else if (utf8_is_valid(value, strlen(value)))
        put_escaped(w, value, strlen(value));
    else {
        /* Bytes that are no text become U+FFFD; json_write_bytes() is for those that may not be
         * lost. */
        puts_to(w, "\"");
        for (const char *p = value; *p; p++)
            if ((uint8_t)*p >= 0x80)
                puts_to(w, "\\ufffd");
            else if ((uint8_t)*p < 0x20 || *p == 0x7f || *p == '"' || *p == '\\') {
                char escape[8];

                (void)snprintf(escape, sizeof escape, "\\u%04x", (uint8_t)*p);
                puts_to(w, escape);
            } else
                put(w, p, 1);
        puts_to(w, "\"");
    }
}

void json_write_stringf(JsonWriter *w, const char *name, const char *format, ...)
{
    _cleanup_free_ char *value = NULL;
    va_list ap;
    int r;

    va_start(ap, format);
    r = vasprintf(&value, format, ap);
    va_end(ap);
    if (r < 0) {
        value = NULL;
        if (w->error == 0)
            w->error = -ENOMEM;
        return;
    }
    json_write_string(w, name, value);
}

static void put_raw(JsonWriter *w, const char *name, const char *text)
{
    member(w, name);
    puts_to(w, text);
}

/* A dossier with an inventory has tens of millions of numbers. */
static void put_number(JsonWriter *w, const char *name, uint64_t value, bool negative)
{
    char text[24];
    size_t at = sizeof text;

    do
        text[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    if (negative)
        text[--at] = '-';
    member(w, name);
    put(w, text + at, sizeof text - at);
}

void json_write_uint64(JsonWriter *w, const char *name, uint64_t value)
{
    put_number(w, name, value, false);
}

void json_write_int64(JsonWriter *w, const char *name, int64_t value)
{
    put_number(w, name, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0);
}

void json_write_bool(JsonWriter *w, const char *name, bool value)
{
    put_raw(w, name, value ? "true" : "false");
}

void json_write_time(JsonWriter *w, const char *name, uint64_t usec)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%llu.%06llu", (unsigned long long)(usec / 1000000),
                   (unsigned long long)(usec % 1000000));
    put_raw(w, name, text);
}

void json_write_object(JsonWriter *w, const char *name, json_object *value)
{
    put_raw(w, name,
            json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                      JSON_C_TO_STRING_NOSLASHESCAPE));
}

void json_write_token(JsonWriter *w, const char *name, const char *text, size_t size)
{
    member(w, name);
    put(w, text, size);
}

void json_write_file(JsonWriter *w, const char *name, int fd)
{
    char data[16384];
    ssize_t n = 1;

    member(w, name);
    for (off_t at = 0; n > 0 && w->error == 0; at += n) {
        n = pread(fd, data, sizeof data, at);
        if (n > 0)
            put(w, data, (size_t)n);
        else if (n < 0 && w->error == 0)
            w->error = -errno;
    }
}

static bool is_plain_text(const uint8_t *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (p[i] < 0x20 || p[i] == 0x7f)
            return false;
    return utf8_is_valid(p, size);
}

void json_write_bytes(JsonWriter *w, const char *name, const void *data, size_t size)
{
    _cleanup_free_ char *text = NULL, *encoded_name = NULL;

    if (is_plain_text(data, size)) {
        member(w, name);
        put_escaped(w, data, size);
        return;
    }
    text = base64_encode(data, size);
    if (!text || asprintf(&encoded_name, "%s-base64", name ? name : "") < 0) {
        encoded_name = NULL;
        if (w->error == 0)
            w->error = -ENOMEM;
        return;
    }
    member(w, name ? encoded_name : NULL);
    put_escaped(w, text, strlen(text));
}

void json_write_hex(JsonWriter *w, const char *name, const void *data, size_t size)
{
    const uint8_t *p = data;
    char digits[3];

    member(w, name);
    puts_to(w, "\"");
    for (size_t i = 0; i < size; i++) {
        (void)snprintf(digits, sizeof digits, "%02x", p[i]);
        put(w, digits, 2);
    }
    puts_to(w, "\"");
}
