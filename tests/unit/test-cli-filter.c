/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "output.h"

/* The end of a chain, in memory. */
typedef struct MemorySink {
    Sink base;
    char text[4096];
    size_t size, limit;
    bool finished;
} MemorySink;

static int memory_write(Sink *s, const char *data, size_t size)
{
    MemorySink *m = (MemorySink *)s;

    assert_true(m->size + size < sizeof(m->text));
    memcpy(m->text + m->size, data, size);
    m->size += size;
    m->text[m->size] = '\0';
    if (m->limit > 0 && m->size >= m->limit)
        s->enough = true;
    return 0;
}

static int memory_finish(Sink *s)
{
    ((MemorySink *)s)->finished = true;
    return 0;
}

static MemorySink *memory_sink_new(void)
{
    static const SinkClass class = {memory_write, memory_finish, NULL};
    MemorySink *m = calloc(1, sizeof(*m));

    assert_non_null(m);
    m->base.class = &class;
    return m;
}

/* Written in pieces of every size, the outcome is the same. */
static void assert_spec(const FilterSpec *spec, const char *text, const char *expected)
{
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        MemorySink *m = memory_sink_new();
        Sink *s;

        assert_int_equal(filter_sink_new(spec, &m->base, &s), 0);
        for (size_t i = 0; i < strlen(text); i += piece)
            assert_int_equal(sink_write(s, text + i, strnlen(text + i, piece)), 0);
        assert_int_equal(sink_finish(s), 0);
        assert_true(m->finished);
        assert_string_equal(m->text, expected);
        sink_free(s);
    }
}

static void assert_filtered(LineFilter filter, const char *regex, unsigned long count,
                            const char *text, const char *expected)
{
    assert_spec(&(const FilterSpec){.filter = filter, .regex = regex, .count = count}, text,
                expected);
}

static void assert_flags(LineFilter filter, unsigned flags, const char *text, const char *expected)
{
    assert_spec(&(const FilterSpec){.filter = filter, .flags = flags}, text, expected);
}

static const char text[] = "one\ntwo\nthree\n\nfour";

static void test_line_filters(void **state)
{
    assert_filtered(FILTER_INCLUDE, "o", 0, text, "one\ntwo\nfour");
    assert_filtered(FILTER_INCLUDE, "^(two|three)$", 0, text, "two\nthree\n");
    assert_filtered(FILTER_EXCLUDE, "o", 0, text, "three\n\n");
    assert_filtered(FILTER_BEGIN, "^t", 0, text, "two\nthree\n\nfour");
    assert_filtered(FILTER_BEGIN, "nothing", 0, text, "");
    assert_filtered(FILTER_COUNT, NULL, 0, text, "5\n");
    assert_filtered(FILTER_COUNT, NULL, 0, "", "0\n");
    assert_filtered(FILTER_COUNT, "o", 0, text, "3\n");
    assert_filtered(FILTER_HEAD, NULL, 2, text, "one\ntwo\n");
    assert_filtered(FILTER_HEAD, NULL, 9, text, text);
    assert_filtered(FILTER_TAIL, NULL, 2, text, "\nfour");
    assert_filtered(FILTER_TAIL, NULL, 9, text, text);
    assert_filtered(FILTER_TAIL, NULL, 2, "", "");
}

static void test_sections(void **state)
{
    static const char sections[] = "a\n b\n  c\n!\nd\n b\n e\na 2\na 3\n f\n\ng\n";

    assert_filtered(FILTER_SECTION, "^a", 0, sections, "a\n b\n  c\na 2\na 3\n f\n");
    assert_filtered(FILTER_SECTION, "b", 0, sections, " b\n  c\n b\n");
    assert_filtered(FILTER_SECTION, "^(a| b)$", 0, sections, "a\n b\n  c\n b\n");
    assert_filtered(FILTER_SECTION, "nothing", 0, sections, "");
}

static void test_sort(void **state)
{
    static const char lines[] = "10 a\n9 b\n-1\nx\n9 b\n10 a";

    assert_flags(FILTER_SORT, 0, lines, "-1\n10 a\n10 a\n9 b\n9 b\nx\n");
    assert_flags(FILTER_SORT, SORT_REVERSE, lines, "x\n9 b\n9 b\n10 a\n10 a\n-1\n");
    assert_flags(FILTER_SORT, SORT_NUMERIC | SORT_UNIQUE, lines, "-1\nx\n9 b\n10 a\n");
    assert_flags(FILTER_SORT, 0, "", "");
}

static void test_counts(void **state)
{
    assert_flags(FILTER_WC, 0, text, "4 4 19\n");
    assert_flags(FILTER_WC, WC_LINES, text, "4\n");
    assert_flags(FILTER_WC, WC_WORDS | WC_BYTES, " a  b\tc \n", "3 9\n");
    assert_flags(FILTER_WC, 0, "", "0 0 0\n");
}

static void test_bad_regex(void **state)
{
    MemorySink *m = memory_sink_new();
    Sink *s;

    assert_int_equal(filter_sink_new(&(FilterSpec){FILTER_INCLUDE, "(", 0, 0}, &m->base, &s),
                     -EINVAL);
    assert_int_equal(filter_sink_new(&(FilterSpec){FILTER_TAIL, NULL, 0, 0}, &m->base, &s),
                     -EINVAL);
    sink_free(&m->base);
}

static void test_enough_goes_back(void **state)
{
    MemorySink *m = memory_sink_new();
    Sink *s;

    m->limit = 1;
    assert_int_equal(filter_sink_new(&(FilterSpec){FILTER_INCLUDE, ".", 0, 0}, &m->base, &s), 0);
    assert_int_equal(sink_write(s, "a\nb\n", 4), 0);
    assert_true(s->enough);
    assert_int_equal(sink_finish(s), 0);
    assert_string_equal(m->text, "a\n");
    sink_free(s);
}

static void test_abort_goes_on(void **state)
{
    MemorySink *m = memory_sink_new();
    Sink *s;

    assert_int_equal(filter_sink_new(&(FilterSpec){FILTER_COUNT, NULL, 0, 0}, &m->base, &s), 0);
    s->aborted = true;
    assert_int_equal(sink_finish(s), 0);
    assert_true(m->base.aborted);
    sink_free(s);
}

static void test_file(void **state)
{
    char folder[] = "/tmp/test-cli-filter-XXXXXX", path[64], got[16] = "";
    _cleanup_fclose_ FILE *f = NULL;
    Sink *s;

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/missing/out", folder);
    assert_int_equal(file_sink_new(path, &s), -ENOENT);
    (void)snprintf(path, sizeof(path), "%s/out", folder);
    assert_int_equal(file_sink_new(path, &s), 0);
    assert_int_equal(sink_write(s, "a\033b\n", 4), 0); /* a file holds what came */
    assert_int_equal(sink_finish(s), 0);
    sink_free(s);
    f = fopen(path, "re");
    assert_non_null(f);
    assert_int_equal(fread(got, 1, sizeof(got), f), 4);
    assert_memory_equal(got, "a\033b\n", 4);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* Writes "new" there, and says whether the command before it went well. */
static int write_new(const char *path, bool aborted)
{
    Sink *s;
    int r = file_sink_new(path, &s);

    if (r < 0)
        return r;
    assert_int_equal(sink_write(s, "new", 3), 0);
    s->aborted = aborted;
    r = sink_finish(s);
    sink_free(s);
    return r;
}

static void assert_content(int folder, const char *name, const char *expected)
{
    _cleanup_free_ void *data = NULL;
    size_t size;

    assert_int_equal(read_file_at(folder, name, 100, &data, &size), 0);
    assert_string_equal(data, expected);
}

static void assert_files(int folder, unsigned expected)
{
    DIR *d;
    unsigned n = 0;

    assert_int_equal(open_folder_at(folder, ".", &d), 0);
    for (const struct dirent *e = readdir(d); e; e = readdir(d))
        n += e->d_name[0] != '.';
    closedir(d);
    assert_int_equal(n, expected);
}

static void test_file_stays(void **state)
{
    char folder[] = "/tmp/sink-XXXXXX";
    _cleanup_close_ int fd = -EBADF;
    struct stat st;
    Sink *s;

    assert_non_null(mkdtemp(folder));
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0 && fchdir(fd) == 0);

    /* None was there: none is made, neither half of one nor one with another name. */
    assert_int_equal(write_new("out", true), 0);
    assert_int_equal(file_sink_new("out", &s), 0);
    assert_int_equal(sink_write(s, "half", 4), 0);
    assert_files(fd, 0); /* nor by one that is killed now */
    sink_free(s);
    assert_files(fd, 0);
    assert_int_equal(write_new("", false), -ENOENT);
    assert_int_equal(write_new("none/", false), -EISDIR);

    assert_int_equal(atomic_write_at(fd, "out", "old", 3, 0640), 0);
    assert_int_equal(write_new("out", true), 0);
    assert_content(fd, "out", "old");
    assert_int_equal(write_new("out", false), 0);
    assert_content(fd, "out", "new");
    assert_true(fstatat(fd, "out", &st, 0) == 0 && (st.st_mode & 0777) == 0640);
    assert_files(fd, 1);

    /* Through a link; and a file of two names keeps both, so that it is written in place. */
    assert_int_equal(atomic_write_at(fd, "out", "old", 3, 0600), 0);
    assert_int_equal(symlinkat("out", fd, "link"), 0);
    assert_int_equal(write_new("link", true), 0);
    assert_content(fd, "out", "old");
    assert_int_equal(write_new("link", false), 0);
    assert_content(fd, "out", "new");
    assert_true(fstatat(fd, "link", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
    assert_int_equal(linkat(fd, "out", fd, "second", 0), 0);
    assert_int_equal(write_new("second", false), 0);
    assert_content(fd, "out", "new");
    assert_int_equal(write_new("second", true), 0);
    assert_content(fd, "out", "");
    assert_files(fd, 3);
    assert_int_equal(write_new("/dev/null", true), 0);
    assert_int_equal(write_new("/dev/null", false), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(unlinkat(fd, (const char *const[]){"out", "link", "second"}[i], 0), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* A stage that fails at its end has not given all: the file behind it stays too. */
static int fail_at_the_end(Sink *s)
{
    (void)s;
    return -EIO;
}

static void test_file_behind_what_fails(void **state)
{
    static const SinkClass class = {.finish = fail_at_the_end};
    char folder[] = "/tmp/sink-XXXXXX";
    Sink *s = calloc(1, sizeof *s);
    _cleanup_close_ int fd = -EBADF;

    assert_non_null(mkdtemp(folder));
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(s && fd >= 0 && fchdir(fd) == 0);
    s->class = &class;
    assert_int_equal(file_sink_new("out", &s->next), 0);
    assert_int_equal(sink_write(s->next, "half", 4), 0);
    assert_int_equal(sink_finish(s), -EIO);
    sink_free(s);
    assert_files(fd, 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void assert_escaped(const char *from, size_t size, bool last, const char *expected,
                           size_t expected_partial)
{
    char to[256];
    size_t partial, n = escape_text(to, from, size, last, &partial);

    assert_int_equal(n, strlen(expected));
    assert_memory_equal(to, expected, n);
    assert_int_equal(partial, expected_partial);
}
#define ASSERT_ESCAPED(from, expected) assert_escaped(from, STRLEN(from), true, expected, 0)

static void test_escapes(void **state)
{
    ASSERT_ESCAPED("plain text\t\n", "plain text\t\n");
    ASSERT_ESCAPED("\033[2J\r\b\a\177", "\\x1b[2J\\x0d\\x08\\x07\\x7f");
    ASSERT_ESCAPED("Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x94\x91",
                   "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x94\x91");
    ASSERT_ESCAPED("\xc2\x9b"
                   "31m",
                   "\\xc2\\x9b31m");                            /* C1: CSI */
    ASSERT_ESCAPED("\xc0\xaf", "\\xc0\\xaf");                   /* overlong */
    ASSERT_ESCAPED("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* surrogate */
    ASSERT_ESCAPED("\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"); /* beyond Unicode */
    ASSERT_ESCAPED("\xff", "\\xff");
    ASSERT_ESCAPED("a\0b", "a\\x00b");
    assert_escaped("a\xe2\x82", 3, false, "a", 2);
    assert_escaped("a\xe2\x82", 3, true, "a\\xe2\\x82", 0);
}

/* Every byte, in every place of what is looked at at once: it alone is written in another way. */
static void test_escapes_in_long_text(void **state)
{
    enum { LONG = 200 };
    char from[LONG], to[4 * LONG], escape[5];
    size_t partial;

    for (unsigned value = 0; value < 256; value++)
        for (size_t at = 0; at < LONG; at++) {
            bool stays = value == '\n' || value == '\t' || (value >= ' ' && value < 0x7f);
            size_t width = stays ? 1 : 4;

            memset(from, 'x', LONG);
            from[at] = (char)value;
            (void)snprintf(escape, sizeof(escape), "\\x%02x", value);
            assert_int_equal(escape_text(to, from, LONG, true, &partial), LONG - 1 + width);
            assert_int_equal(partial, 0);
            assert_memory_equal(to, from, at);
            assert_memory_equal(to + at, stays ? from + at : escape, width);
            assert_memory_equal(to + at + width, from + at + 1, LONG - at - 1);
        }
}

/* A character that goes over the end of a block, and one that the text ends in. */
static void test_escapes_across_blocks(void **state)
{
    char from[200], to[4 * sizeof(from)];
    size_t partial;

    for (size_t at = 0; at + 3 <= sizeof(from); at++) {
        memset(from, 'x', sizeof(from));
        memcpy(from + at, "\xe2\x82\xac", 3);
        assert_int_equal(escape_text(to, from, sizeof(from), true, &partial), sizeof(from));
        assert_memory_equal(to, from, sizeof(from));
        assert_int_equal(escape_text(to, from, at + 2, false, &partial), at);
        assert_int_equal(partial, 2);
        assert_memory_equal(to, from, at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_filters),
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_bad_regex),
        cmocka_unit_test(test_enough_goes_back),
        cmocka_unit_test(test_abort_goes_on),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_file_stays),
        cmocka_unit_test(test_file_behind_what_fails),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_escapes_in_long_text),
        cmocka_unit_test(test_escapes_across_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
