/* SPDX-License-Identifier: Apache-2.0 */
/* The pipe stages that look at lines. A line is held until its end is there; the last one may lack
 * it. */
#include <ctype.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>

#include "output.h"

typedef struct FilterSink {
    Sink base;
    LineFilter filter;
    regex_t regex;
    bool has_regex, begun;
    unsigned long count, n_lines, n_words, n_bytes;
    unsigned flags;
    size_t indent; /* of the line that the current section begins with */

    char *line; /* what has come of the current line */
    size_t size, allocated;

    char **tail; /* the last count lines, the oldest at n_lines % count */

    char **sorted; /* all n_lines, sorted at the end */
    size_t sorted_allocated, sorted_size;
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

/* A section is a line that matches and what is indented below it. */
static int take_for_section(FilterSink *f, const char *line)
{
    size_t indent = strspn(line, " \t");

    if (matches(f, line)) {
        if (!f->begun || indent <= f->indent)
            f->indent = indent;
        f->begun = true;
    } else if (f->begun && indent <= f->indent) {
        f->begun = false;
    }
    return f->begun ? pass_line(f, line) : 0;
}

/* Every kept line has its end, or the last one would run into the line that is sorted behind it. */
static int keep_for_sort(FilterSink *f, const char *line)
{
    size_t length = strcspn(line, "\n");

    if (length > FILTER_SORT_MAX - f->sorted_size)
        return -EMSGSIZE;
    if (f->n_lines == f->sorted_allocated) {
        size_t n = f->sorted_allocated * 2 + 64;
        char **sorted = reallocarray(f->sorted, n, sizeof(*sorted));

        if (!sorted)
            return -ENOMEM;
        f->sorted = sorted;
        f->sorted_allocated = n;
    }
    if (asprintf(&f->sorted[f->n_lines], "%.*s\n", (int)length, line) < 0)
        return -ENOMEM;
    f->sorted_size += length;
    f->n_lines++;
    return 0;
}

static int count_words(FilterSink *f, const char *line)
{
    bool inside = false;

    for (const char *p = line; *p; p++) {
        bool is_word = !isspace((unsigned char)*p);

        f->n_words += is_word && !inside;
        inside = is_word;
        f->n_lines += *p == '\n';
        f->n_bytes++;
    }
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
        f->n_lines += !f->has_regex || matches(f, line);
        return 0;
    case FILTER_SECTION:
        return take_for_section(f, line);
    case FILTER_SORT:
        return keep_for_sort(f, line);
    case FILTER_WC:
        return count_words(f, line);
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

static int compare_lines(const void *a, const void *b, void *userdata)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    unsigned flags = *(const unsigned *)userdata;
    int r = 0;

    if (flags & SORT_NUMERIC) {
        double m = strtod(x, NULL), n = strtod(y, NULL);

        r = (m > n) - (m < n);
    }
    if (r == 0)
        r = strcmp(x, y);
    return flags & SORT_REVERSE ? -r : r;
}

static int pass_sorted(FilterSink *f)
{
    int r = 0;

    if (f->n_lines > 1)
        qsort_r(f->sorted, f->n_lines, sizeof(*f->sorted), compare_lines, &f->flags);
    for (unsigned long i = 0; i < f->n_lines && r >= 0; i++)
        if (i == 0 || !(f->flags & SORT_UNIQUE) || !streq(f->sorted[i], f->sorted[i - 1]))
            r = pass_line(f, f->sorted[i]);
    return r;
}

/* What is asked for, else all; in the order of wc(1). */
static int pass_counts(FilterSink *f)
{
    const unsigned long counts[] = {f->n_lines, f->n_words, f->n_bytes};
    unsigned flags = f->flags ? f->flags : WC_LINES | WC_WORDS | WC_BYTES;
    char text[128] = "";
    size_t n = 0;

    for (size_t i = 0; i < ELEMENTSOF(counts); i++)
        if (flags & (WC_LINES << i))
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%lu", n > 0 ? " " : "", counts[i]);
    (void)snprintf(text + n, sizeof(text) - n, "\n");
    return pass_line(f, text);
}

static int pass_count(FilterSink *f)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%lu\n", f->n_lines);
    return pass_line(f, text);
}

static int filter_finish(Sink *s)
{
    FilterSink *f = (FilterSink *)s;
    int r = 0;

    if (f->size > 0 && !s->enough)
        r = take_line(f, f->line);
    if (r >= 0 && !s->aborted && f->filter == FILTER_COUNT)
        r = pass_count(f);
    if (r >= 0 && !s->aborted && f->filter == FILTER_WC)
        r = pass_counts(f);
    if (r >= 0 && f->filter == FILTER_SORT)
        r = pass_sorted(f);
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
    for (unsigned long i = 0; f->sorted && i < f->n_lines; i++)
        free(f->sorted[i]);
    free(f->sorted);
    free(f->line);
    if (f->has_regex)
        regfree(&f->regex);
}

static int filter_init(FilterSink *f, const FilterSpec *spec)
{
    if (spec->regex) {
        text_use_utf8();
        if (regcomp(&f->regex, spec->regex, REG_EXTENDED) != 0)
            return -EINVAL;
        f->has_regex = true;
    }
    f->count = spec->count;
    f->flags = spec->flags;
    if (f->filter != FILTER_TAIL)
        return 0;
    if (f->count == 0 || f->count > FILTER_TAIL_MAX)
        return -EINVAL;
    f->tail = calloc(f->count, sizeof(*f->tail));
    return f->tail ? 0 : -ENOMEM;
}

int filter_sink_new(const FilterSpec *spec, Sink *next, Sink **ret)
{
    static const SinkClass class = {filter_write, filter_finish, filter_release};
    FilterSink *f = calloc(1, sizeof(*f));
    int r;

    if (!f)
        return -ENOMEM;
    f->base.class = &class;
    f->filter = spec->filter;
    r = filter_init(f, spec);
    if (r < 0) {
        sink_free(&f->base);
        return r;
    }
    f->base.next = next;
    *ret = &f->base;
    return 0;
}
