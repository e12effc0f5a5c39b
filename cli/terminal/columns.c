/* SPDX-License-Identifier: Apache-2.0 */
/* Where text stands on a terminal: how many columns it takes, and the caret that shows what of a
 * line is wrong. */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <wchar.h>

#include "output.h"

void text_use_utf8(void)
{
    static bool done;

    if (!done && (!setlocale(LC_CTYPE, "") || !streq(nl_langinfo(CODESET), "UTF-8")))
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    done = true;
}

size_t text_next(const char *text, size_t size, unsigned *ret_columns)
{
    mbstate_t state = {0};
    wchar_t c;
    size_t n;
    int width;

    if ((unsigned char)*text < 0x80) {
        *ret_columns = 1;
        return 1;
    }
    text_use_utf8();
    n = mbrtowc(&c, text, size, &state);
    if (n == 0 || n > size) {
        *ret_columns = 1;
        return 1;
    }
    width = wcwidth(c);
    *ret_columns = width < 0 ? 1 : (unsigned)width;
    return n;
}

size_t text_columns(const char *text, size_t size)
{
    size_t columns = 0;

    for (size_t i = 0; i < size;) {
        unsigned n;

        i += text_next(text + i, size - i, &n);
        columns += n;
    }
    return columns;
}

/* A tab takes one column, as a blank. */
static char *copy_escaped(const char *line, size_t size)
{
    char *copy = malloc(size * 4 + 1);
    size_t partial;

    if (!copy)
        return NULL;
    copy[escape_text(copy, line, size, true, &partial)] = '\0';
    for (char *p = copy; *p; p++)
        if (*p == '\t' || *p == '\n')
            *p = ' ';
    return copy;
}

/* Bytes of text that take that many columns at most. */
static size_t fitting(const char *text, size_t columns)
{
    size_t i = 0, size = strlen(text);

    while (i < size) {
        unsigned width;
        size_t n = text_next(text + i, size - i, &width);

        if (width > columns)
            break;
        columns -= width;
        i += n;
    }
    return i;
}

char *caret_text(const char *line, size_t column, size_t indent, unsigned columns)
{
    const size_t size = strlen(line);
    _cleanup_free_ char *shown = copy_escaped(line, size),
                        *before = copy_escaped(line, column < size ? column : size);
    size_t at, start = 0, length;
    char *text = NULL;

    if (!shown || !before)
        return NULL;
    at = text_columns(before, strlen(before)) + (column > size ? column - size : 0);
    length = strlen(shown);
    if (columns > 0 && indent + text_columns(shown, length) < columns)
        return asprintf(&text, "%*s^\n", (int)(indent + at), "") < 0 ? NULL : text;
    if (columns > 1) {
        size_t room = columns - 1;

        if (at >= room) {
            start = fitting(shown, at - room / 2);
            at -= text_columns(shown, start);
        }
        length = fitting(shown + start, room);
    }
    return asprintf(&text, "%.*s\n%*s^\n", (int)length, shown + start, (int)at, "") < 0 ? NULL
                                                                                        : text;
}
