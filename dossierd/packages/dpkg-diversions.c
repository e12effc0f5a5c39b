/* SPDX-License-Identifier: Apache-2.0 */
#include "dpkg-diversions.h"

#include "collect.h"

#define DIVERSIONS_FILE "var/lib/dpkg/diversions"
#define DIVERSIONS_MAX 1024U
#define LINE_SIZE 8192U /* no path is longer than half of it */

typedef struct Diversion {
    char *from, *to, *by;
} Diversion;

/* Three lines. Returns 1, 0 at the end, -E2BIG for one that cannot be, or -ENOMEM. */
static int read_diversion(FILE *f, Diversion *ret)
{
    char **parts[] = {&ret->from, &ret->to, &ret->by}; /* whose it is comes last */
    bool is_odd = false;

    for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
        char line[LINE_SIZE];
        size_t size;
        bool truncated;
        int r = read_line_bytes(f, line, sizeof line, &size, &truncated);

        if (r <= 0)
            return r < 0 || i > 0 ? -E2BIG : 0;
        is_odd = is_odd || truncated || strlen(line) != size;
        *parts[i] = strdup(line);
        if (!*parts[i])
            return -ENOMEM;
    }
    return is_odd ? -E2BIG : 1;
}

static void diversion_done(Diversion *d)
{
    free(d->from);
    free(d->to);
    free(d->by);
}

int diversions_read(int root_fd, Diversions *ret)
{
    _cleanup_fclose_ FILE *f = NULL;
    Diversion one;
    int r = collect_open(root_fd, DIVERSIONS_FILE, &f);

    if (r < 0) {
        ret->is_cut = r != -ENOENT;
        return 0;
    }
    ret->list = calloc(DIVERSIONS_MAX, sizeof *ret->list);
    if (!ret->list)
        return -ENOMEM;
    for (;;) {
        one = (Diversion){NULL};
        r = read_diversion(f, &one);
        if (r <= 0 || ret->n == DIVERSIONS_MAX)
            break;
        ret->list[ret->n++] = one;
    }
    diversion_done(&one);
    ret->is_cut = r != 0;
    return r == -ENOMEM ? r : 0;
}

void diversions_done(Diversions *d)
{
    for (size_t i = 0; i < d->n; i++)
        diversion_done(&d->list[i]);
    free(d->list);
}

const char *diversions_find(const Diversions *d, const char *path, const char *package)
{
    for (size_t i = 0; i < d->n; i++)
        if (streq(d->list[i].from, path) && !streq(d->list[i].by, package))
            return d->list[i].to;
    return path;
}
