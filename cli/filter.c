/* SPDX-License-Identifier: Apache-2.0 */
/* The pipe stages that look at lines. A line is held until its end is there; the last one may lack
 * it. */
#include <regex.h>
#include <stdint.h>
#include <stdio.h>

#include "output.h"

typedef struct FilterSink {
    Sink base;
    LineFilter filter;
    regex_t regex;
    bool has_regex, begun;
    unsigned long count, n_lines;

    char *line; /* what has come of the current line */
    size_t size, allocated;

    char **tail; /* the last count lines, the oldest at n_lines % count */
} FilterSink;

static int pass_line(FilterSink *f, const char *line)
{
    int r = sink_write(f->base.next, line, strlen(line));

    f->base.enough = f->base.next->enough;
    return r;
}

static bool matches(FilterSink *f, const char *line)
{
    regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)strcspn(line, "\n")};

    return regexec(&f->regex, line, 1, &range, REG_STARTEND) == 0;
}

static int keep_for_tail(FilterSink *f, const char *line)
{
    char *copy = strdup(line);

    if (!copy)
        return -ENOMEM;
    free(f->tail[f->n_lines % f->count]);
    f->tail[f->n_lines % f->count] = copy;
    f->n_lines++;
    return 0;
}

static int take_line(FilterSink *f, const char *line)
{
    switch (f->filter) {
    case FILTER_BEGIN:
        f->begun = f->begun || matches(f, line);
        return f->begun ? pass_line(f, line) : 0;
    case FILTER_INCLUDE:
        return matches(f, line) ? pass_line(f, line) : 0;
    case FILTER_EXCLUDE:
        return matches(f, line) ? 0 : pass_line(f, line);
    case FILTER_COUNT:
        f->n_lines++;
        return 0;
    case FILTER_HEAD:
        if (++f->n_lines > f->count)
            return 0;
        if (f->n_lines == f->count) {
            int r = pass_line(f, line);

            f->base.enough = true;
            return r;
        }
        return pass_line(f, line);
    case FILTER_TAIL:
        return keep_for_tail(f, line);
    }
    return -EINVAL;
}

static int append(FilterSink *f, const char *data, size_t size)
{
    if (size > FILTER_LINE_MAX - f->size)
        return -EMSGSIZE;
    if (f->size + size + 1 > f->allocated) {
        size_t n = (f->size + size + 1) * 2;
        char *line = realloc(f->line, n);

        if (!line)
            return -ENOMEM;
        f->line = line;
        f->allocated = n;
    }
    memcpy(f->line + f->size, data, size);
    f->size += size;
    f->line[f->size] = '\0';
    return 0;
}

static int filter_write(Sink *s, const char *data, size_t size)
{
    FilterSink *f = (FilterSink *)s;

    while (size > 0 && !s->enough) {
        const char *newline = memchr(data, '\n', size);
        size_t n = newline ? (size_t)(newline - data) + 1 : size;
        int r = append(f, data, n);

        if (r >= 0 && newline) {
            r = take_line(f, f->line);
            f->size = 0;
        }
        if (r < 0)
            return r;
        data += n;
        size -= n;
    }
    return 0;
}

static int filter_finish(Sink *s)
{
    FilterSink *f = (FilterSink *)s;
    int r = 0;

    if (f->size > 0 && !s->enough)
        r = take_line(f, f->line);
    if (f->filter == FILTER_COUNT && r >= 0 && !s->aborted) {
        char text[32];

        (void)snprintf(text, sizeof(text), "%lu\n", f->n_lines);
        r = pass_line(f, text);
    }
    for (unsigned long i = 0; f->tail && i < f->count && r >= 0; i++) {
        const char *line = f->tail[(f->n_lines + i) % f->count];

        if (line)
            r = pass_line(f, line);
    }
    return r;
}

static void filter_release(Sink *s)
{
    FilterSink *f = (FilterSink *)s;

    for (unsigned long i = 0; f->tail && i < f->count; i++)
        free(f->tail[i]);
    free(f->tail);
    free(f->line);
    if (f->has_regex)
        regfree(&f->regex);
}

static int filter_init(FilterSink *f, const char *regex, unsigned long count)
{
    if (regex) {
        if (regcomp(&f->regex, regex, REG_EXTENDED) != 0)
            return -EINVAL;
        f->has_regex = true;
    }
    f->count = count;
    if (f->filter != FILTER_TAIL)
        return 0;
    if (count == 0 || count > FILTER_TAIL_MAX)
        return -EINVAL;
    f->tail = calloc(count, sizeof(*f->tail));
    return f->tail ? 0 : -ENOMEM;
}

int filter_sink_new(LineFilter filter, const char *regex, unsigned long count, Sink *next,
                    Sink **ret)
{
    static const SinkClass class = {filter_write, filter_finish, filter_release};
    FilterSink *f = calloc(1, sizeof(*f));
    int r;

    if (!f)
        return -ENOMEM;
    f->base.class = &class;
    f->filter = filter;
    r = filter_init(f, regex, count);
    if (r < 0) {
        sink_free(&f->base);
        return r;
    }
    f->base.next = next;
    *ret = &f->base;
    return 0;
}
