/* SPDX-License-Identifier: Apache-2.0 */
#include "config-reader.h"

#include <stdarg.h>

#include "json-util.h"

#define LINE_SIZE 1100U

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

void reader_problem(Reader *reader, const char *words, const char *value, const char *format, ...)
{
    _cleanup_free_ char *reason = NULL;
    char line[LINE_SIZE];
    va_list ap;
    int r;

    va_start(ap, format);
    r = vasprintf(&reason, format, ap);
    va_end(ap);
    if (r < 0) {
        reason = NULL;
        reader->error = -ENOMEM;
        return;
    }
    reader->problems++;
    if (!value || !is_plain(value))
        value = "";
    (void)snprintf(line, sizeof(line), "crypto ca trustpoint %.127s%s%s%s%.800s", reader->name,
                   words[0] ? " " : "", words, value[0] ? " " : "", value);
    r = reader->report(reader->userdata, line, reason);
    if (r < 0 && reader->error == 0)
        reader->error = r;
}

const char *reader_string(Reader *reader, json_object *o, const char *member, const char *words,
                          size_t max)
{
    const char *value;
    int r = json_get_string(o, member, &value);

    if (r == -ENOENT)
        return NULL;
    if (r < 0 || strlen(value) > max) {
        reader_problem(reader, words, NULL, "must be text of at most %zu characters", max);
        return NULL;
    }
    return value;
}

void reader_bool(Reader *reader, json_object *o, const char *member, const char *words, bool *ret)
{
    int r = json_get_bool(o, member, ret);

    if (r < 0 && r != -ENOENT)
        reader_problem(reader, words, NULL, "must be true or false");
}

void reader_copy(Reader *reader, const char *value, char **ret)
{
    if (!value)
        return;
    *ret = strdup(value);
    if (!*ret)
        reader->error = -ENOMEM;
}

json_object *reader_object(Reader *reader, json_object *o, const char *member,
                           const char *const *known)
{
    json_object *value = NULL;
    int r = json_get_object(o, member, &value);

    if (r == -ENOENT)
        return NULL;
    if (r < 0 || json_only_members(value, known) < 0) {
        reader_problem(reader, member, NULL, "is not known in this form");
        return NULL;
    }
    return value;
}
