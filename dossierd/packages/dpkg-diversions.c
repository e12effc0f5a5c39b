/* SPDX-License-Identifier: Apache-2.0 */
#include "dpkg-diversions.h"

#include "collect.h"

#define DIVERSIONS_FILE "var/lib/dpkg/diversions"
#define DIVERSIONS_MAX 1024U

typedef struct Diversion {
    char *from, *to, *by;
} Diversion;

/* Three lines each: from, to, and whose it is. */
int diversions_read(int root_fd, Diversions *ret)
{
    _cleanup_fclose_ FILE *f = NULL;
    _cleanup_free_ char *line = NULL;
    char *parts[3] = {NULL};
    size_t room = 0, n = 0;

    if (collect_open(root_fd, DIVERSIONS_FILE, &f) < 0)
        return 0;
    ret->list = calloc(DIVERSIONS_MAX, sizeof *ret->list);
    if (!ret->list)
        return -ENOMEM;
    while (ret->n < DIVERSIONS_MAX && getline(&line, &room, f) > 0) {
        line[strcspn(line, "\n")] = 0;
        parts[n] = strdup(line);
        if (!parts[n])
            break;
        if (++n == ELEMENTSOF(parts)) {
            ret->list[ret->n++] = (Diversion){parts[0], parts[1], parts[2]};
            n = 0;
        }
    }
    while (n > 0)
        free(parts[--n]);
    return 0;
}

void diversions_done(Diversions *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->list[i].from);
        free(d->list[i].to);
        free(d->list[i].by);
    }
    free(d->list);
}

const char *diversions_find(const Diversions *d, const char *path, const char *package)
{
    for (size_t i = 0; i < d->n; i++)
        if (streq(d->list[i].from, path) && !streq(d->list[i].by, package))
            return d->list[i].to;
    return path;
}
