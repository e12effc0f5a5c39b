/* SPDX-License-Identifier: Apache-2.0 */
#include "render-fields.h"

#include "json-util.h"
#include "output.h"
#include "time-render.h"

#define HEX_GROUP 4U
#define HEX_LINE 32U

void render_text(FILE *f, const char *text)
{
    _cleanup_free_ char *escaped = NULL;
    size_t size = text ? strlen(text) : 0, partial, n;

    if (!text || !(escaped = malloc(size * 4 + 1)))
        return;
    n = escape_text(escaped, text, size, true, &partial);
    for (size_t i = 0; i < n; i++) {
        if (escaped[i] == '\n')
            (void)fputs("\\x0a", f);
        else if (escaped[i] == '\t')
            (void)fputs("\\x09", f);
        else
            (void)fputc(escaped[i], f);
    }
}

void render_field(FILE *f, const char *head, const char *value)
{
    (void)fputs(head, f);
    render_text(f, value);
    (void)fputc('\n', f);
}

void render_time_field(FILE *f, const char *head, int64_t seconds)
{
    char text[TIME_TEXT_SIZE];

    fprintf(f, "%s%s\n", head, time_render(seconds, text));
}

void render_hex(FILE *f, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (i % HEX_LINE == 0 && i > 0)
            (void)fputc('\n', f);
        else if (i % HEX_GROUP == 0 && i > 0)
            (void)fputc(' ', f);
        fprintf(f, "%02X", data[i]);
    }
    if (size > 0)
        (void)fputc('\n', f);
}

void render_json_string(json_object *o, const char *name, const char *value)
{
    json_object_object_add(o, name, value ? json_object_new_string(value) : NULL);
}

void render_json_base64(json_object *o, const char *name, const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = base64_encode(data, size);

    render_json_string(o, name, text);
}
