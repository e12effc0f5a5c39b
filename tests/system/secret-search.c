/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: looks for byte strings, any number of them, in files, below folders and in the memory
 * of processes.
 *
 *     secret-search PLACE... < patterns
 *
 * A pattern is a line, "NAME HEX", of at least 8 bytes. A place is a path, or pid:NUMBER. Prints a
 * line "found NAME in WHERE at OFFSET" for each place of each pattern, at the end "read FILES
 * files, BYTES bytes; closed BYTES". What cannot be opened is a line "closed WHERE: REASON". */
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "cleanup.h"

#define PATTERN_MAX 512U
#define CHUNK (4U << 20)
#define PAGE 4096U
#define TABLE_BITS 20U

typedef struct Pattern {
    char name[64];
    uint8_t bytes[PATTERN_MAX];
    size_t size;
    struct Pattern *next; /* of those with the same hash */
} Pattern;

static Pattern *table[1U << TABLE_BITS];
static uint8_t *buffer; /* what is left of the last chunk, and the next one */
static size_t kept;
static uint64_t n_files, n_bytes, n_closed;

static size_t hash_at(const uint8_t *p)
{
    uint64_t value;

    memcpy(&value, p, sizeof value);
    return (size_t)((value * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - TABLE_BITS));
}

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef", *found = c ? strchr(digits, c) : NULL;

    return found ? (int)(found - digits) : -1;
}

static int add_pattern(char *line)
{
    Pattern *p = calloc(1, sizeof *p);
    char *space = strchr(line, ' ');
    size_t slot;

    if (!p || !space || (size_t)(space - line) >= sizeof p->name)
        return -EINVAL;
    memcpy(p->name, line, (size_t)(space - line));
    for (const char *h = space + 1; h[0] && h[0] != '\n'; h += 2) {
        int high = hex_value(h[0]), low = high < 0 ? -1 : hex_value(h[1]);

        if (low < 0 || p->size == PATTERN_MAX)
            return -EINVAL;
        p->bytes[p->size++] = (uint8_t)(high << 4 | low);
    }
    if (p->size < sizeof(uint64_t))
        return -EINVAL;
    slot = hash_at(p->bytes);
    p->next = table[slot];
    table[slot] = p;
    return 0;
}

/* fresh is how many bytes follow those that were kept; a pattern that is not whole yet is found the
 * next time. offset is that of the first fresh byte. */
static void search(const char *where, size_t fresh, uint64_t offset)
{
    size_t size = kept + fresh, keep;

    for (size_t i = 0; i + sizeof(uint64_t) <= size; i++)
        for (const Pattern *p = table[hash_at(buffer + i)]; p; p = p->next)
            if (p->size <= size - i && i + p->size > kept &&
                memcmp(buffer + i, p->bytes, p->size) == 0)
                (void)printf("found %s in %s at %llu\n", p->name, where,
                             (unsigned long long)(offset + i - kept));
    n_bytes += fresh;
    keep = size < PATTERN_MAX ? size : PATTERN_MAX;
    memmove(buffer, buffer + size - keep, keep);
    kept = keep;
}

static void search_file(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    uint64_t offset = 0;
    ssize_t n;

    if (fd < 0) {
        /* What was removed meanwhile is not kept from anybody. */
        if (errno != ENOENT)
            (void)printf("closed %s: %s\n", path, strerror(errno));
        return;
    }
    n_files++;
    kept = 0;
    while ((n = read(fd, buffer + PATTERN_MAX, CHUNK)) > 0) {
        memmove(buffer + kept, buffer + PATTERN_MAX, (size_t)n);
        search(path, (size_t)n, offset);
        offset += (uint64_t)n;
    }
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    if (type == FTW_DNR)
        (void)printf("closed %s\n", path);
    if (type == FTW_F && S_ISREG(st->st_mode))
        search_file(path);
    return 0;
}

/* Page by page where the kernel shows some to nobody but their owner. */
static void search_range(int memory, const char *where, uint64_t start, uint64_t end)
{
    kept = 0;
    while (start < end) {
        size_t size = end - start < CHUNK ? (size_t)(end - start) : CHUNK;
        ssize_t n = pread(memory, buffer + kept, size, (off_t)start);

        if (n <= 0) {
            n_closed += PAGE;
            start += PAGE;
            kept = 0;
            continue;
        }
        search(where, (size_t)n, start);
        start += (uint64_t)n;
    }
}

static int search_process(const char *pid)
{
    char path[64], line[4352];
    _cleanup_fclose_ FILE *maps = NULL;
    _cleanup_close_ int memory = -EBADF;

    (void)snprintf(path, sizeof path, "/proc/%s/maps", pid);
    maps = fopen(path, "re");
    (void)snprintf(path, sizeof path, "/proc/%s/mem", pid);
    memory = open(path, O_RDONLY | O_CLOEXEC);
    if (!maps || memory < 0) {
        (void)printf("closed pid:%s: %s\n", pid, strerror(errno));
        return 0;
    }
    while (fgets(line, sizeof line, maps)) {
        uint64_t start, end;
        char *rest, where[64];

        start = strtoull(line, &rest, 16);
        if (*rest != '-')
            return -EBADMSG;
        end = strtoull(rest + 1, &rest, 16);
        if (rest[0] != ' ')
            return -EBADMSG;
        /* The kernel's own pages are not memory of the process. */
        if (rest[1] != 'r' || strstr(line, "[vvar") || strstr(line, "[vsyscall]"))
            continue;
        (void)snprintf(where, sizeof where, "pid:%s", pid);
        search_range(memory, where, start, end);
    }
    return 0;
}

int main(int argc, char *argv[])
{
    char line[2 * PATTERN_MAX + 128];
    unsigned n = 0;

    buffer = malloc(PATTERN_MAX + CHUNK);
    if (!buffer)
        return EXIT_FAILURE;
    for (; fgets(line, sizeof line, stdin); n++)
        if (add_pattern(line) < 0) {
            (void)fprintf(stderr, "line %u is not a pattern\n", n + 1);
            return EXIT_FAILURE;
        }
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "pid:", 4) == 0 ? search_process(argv[i] + 4) < 0
                                             : nftw(argv[i], visit, 64, FTW_PHYS) < 0) {
            perror(argv[i]);
            return EXIT_FAILURE;
        }
    (void)printf("read %llu files, %llu bytes; closed %llu\n", (unsigned long long)n_files,
                 (unsigned long long)n_bytes, (unsigned long long)n_closed);
    /* Nothing searched for is nothing found. */
    return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
