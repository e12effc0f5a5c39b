/* SPDX-License-Identifier: Apache-2.0 */
/* A command's output goes through a chain of sinks: one for each stage of the pipe, then a file or
 * the terminal. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

typedef struct Sink Sink;

typedef struct SinkClass {
    int (*write)(Sink *s, const char *data, size_t size);
    int (*finish)(Sink *s);   /* may be NULL: nothing is held back */
    void (*release)(Sink *s); /* may be NULL; what belongs to it, not the memory of s itself */
} SinkClass;

struct Sink {
    const SinkClass *class;
    Sink *next;
    bool enough;  /* wants no more: a page was left with q, head has its lines */
    bool aborted; /* the command failed; what comes is not all */
};

/* Both return 0 or a negative errno. What is written to a sink that has enough is dropped. finish()
 * is to be called once, and goes on to the following sinks, whatever happens. */
int sink_write(Sink *s, const char *data, size_t size);
int sink_finish(Sink *s);
/* The whole chain. */
Sink *sink_free(Sink *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(Sink *, sink_free);

/* Puts the stages of a pipe in front of next, which they take over on success. */
typedef enum LineFilter {
    FILTER_BEGIN,
    FILTER_INCLUDE,
    FILTER_EXCLUDE,
    FILTER_COUNT,
    FILTER_HEAD,
    FILTER_TAIL,
    FILTER_SECTION,
    FILTER_SORT,
    FILTER_WC,
} LineFilter;

enum {
    SORT_REVERSE = 1 << 0,
    SORT_NUMERIC = 1 << 1,
    SORT_UNIQUE = 1 << 2,
    WC_LINES = 1 << 0, /* all three when none is asked for */
    WC_WORDS = 1 << 1,
    WC_BYTES = 1 << 2,
};

typedef struct FilterSpec {
    LineFilter filter;
    const char *regex;   /* POSIX extended; NULL for the filters without, and for a plain count */
    unsigned long count; /* of head and tail */
    unsigned flags;      /* of sort and wc */
} FilterSpec;

#define FILTER_LINE_MAX (64U << 20)
#define FILTER_TAIL_MAX 100000U
#define FILTER_SORT_MAX (256U << 20) /* bytes in all */

/* -EINVAL for a regex that does not compile. */
int filter_sink_new(const FilterSpec *spec, Sink *next, Sink **ret);

/* A file, opened with the caller's own rights. It is made or replaced once all of it has come; an
 * aborted chain leaves what was there. */
int file_sink_new(const char *path, Sink **ret);

/* Text for a terminal: control characters other than newline and tab, C1 controls and what is not
 * UTF-8 become \xNN. Returns the number of bytes in to, at most 4 * size. *partial: bytes at the
 * end that are the beginning of a character; keep them for the next call unless last. */
size_t escape_text(char *to, const char *from, size_t size, bool last, size_t *partial);

/* What is shown and typed is UTF-8, also where a login sets no locale, as over ssh. Asked for by
 * whoever meets the first text that is more than ASCII: most commands never do. */
void text_use_utf8(void);

/* Length of the first character of such text, and how many columns it takes. size is not 0. */
size_t text_next(const char *text, size_t size, unsigned *ret_columns);
size_t text_columns(const char *text, size_t size);

/* The row with a caret below the byte column of a line, which stands above, with indent columns in
 * front of it, on a terminal with so many columns. Where it does not fit into one row, and where no
 * terminal is (columns is 0), a copy of the line comes first, of which only as much as fits. The
 * caller frees; NULL when out of memory. */
char *caret_text(const char *line, size_t column, size_t indent, unsigned columns);
