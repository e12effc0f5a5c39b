/* SPDX-License-Identifier: Apache-2.0 */
/* The names in a folder, sorted. A folder of millions is read several times, for some of its names
 * at a time, so that memory stays what it is. */
#include <dirent.h>

#include "scan-internal.h"

#define BUFFER_SIZE 32768U
#define FIRST_ROOM 1024U

typedef struct Reading {
    Names *names;
    const char *after;
    size_t max;
    bool only_whole;
    char last[NAME_MAX + 1]; /* names beyond it are left for later; "" for none */
} Reading;

void names_done(Names *names)
{
    free(names->data);
    free(names->offsets);
    *names = (Names){0};
}

static int compare(const void *a, const void *b, void *data)
{
    return strcmp((const char *)data + *(const uint32_t *)a,
                  (const char *)data + *(const uint32_t *)b);
}

static void sort(Names *names)
{
    if (names->n > 0)
        qsort_r(names->offsets, names->n, sizeof names->offsets[0], compare, names->data);
}

/* Keeps the first half of the names. */
static int halve(Reading *reading)
{
    Names *names = reading->names;
    char *data = malloc(names->room);
    size_t used = 0;

    if (!data)
        return -ENOMEM;
    sort(names);
    names->n /= 2;
    for (size_t i = 0; i < names->n; i++) {
        size_t size = strlen(names->data + names->offsets[i]) + 1;

        memcpy(data + used, names->data + names->offsets[i], size);
        names->offsets[i] = (uint32_t)used;
        used += size;
    }
    free(names->data);
    names->data = data;
    names->used = used;
    names->more = true;
    (void)snprintf(reading->last, sizeof reading->last, "%s",
                   names->data + names->offsets[names->n - 1]);
    return 0;
}

static int grow(Names *names, size_t size)
{
    if (names->used + size > names->room) {
        size_t room = names->room ? names->room * 2 : FIRST_ROOM;
        char *data = realloc(names->data, room);

        if (!data)
            return -ENOMEM;
        names->data = data;
        names->room = room;
    }
    if (names->n == names->n_room) {
        size_t n_room = names->n_room ? names->n_room * 2 : 32;
        uint32_t *offsets = reallocarray(names->offsets, n_room, sizeof *offsets);

        if (!offsets)
            return -ENOMEM;
        names->offsets = offsets;
        names->n_room = n_room;
    }
    return 0;
}

static int add(Reading *reading, const char *name)
{
    Names *names = reading->names;
    size_t size = strlen(name) + 1;
    int r;

    if (streq(name, ".") || streq(name, "..") || size > NAME_MAX + 1)
        return 0;
    if (reading->after && strcmp(name, reading->after) <= 0)
        return 0;
    if (names->used + size > reading->max && names->n > 1) {
        if (reading->only_whole)
            return -E2BIG;
        r = halve(reading);
        if (r < 0)
            return r;
    }
    if (reading->last[0] && strcmp(name, reading->last) > 0)
        return 0;
    r = grow(names, size);
    if (r < 0)
        return r;
    memcpy(names->data + names->used, name, size);
    names->offsets[names->n++] = (uint32_t)names->used;
    names->used += size;
    return 0;
}

static int read_all(Reading *reading, int fd)
{
    /* Not on the stack, where it would be filled with zeros each time. */
    static _Thread_local _Alignas(struct dirent64) char buffer[BUFFER_SIZE];

    for (;;) {
        ssize_t size = getdents64(fd, buffer, sizeof buffer);

        if (size <= 0)
            return size < 0 ? -errno : 0;
        for (ssize_t at = 0; at < size;) {
            const struct dirent64 *entry = (const void *)(buffer + at);
            int r = add(reading, entry->d_name);

            if (r < 0)
                return r;
            at += entry->d_reclen;
        }
    }
}

int names_read(Names *names, int fd, const char *after, size_t max, bool only_whole)
{
    char copy[NAME_MAX + 1];
    Reading reading = {.names = names, .max = max, .only_whole = only_whole};
    int r;

    if (after) {
        (void)snprintf(copy, sizeof copy, "%s", after);
        reading.after = copy;
        if (lseek(fd, 0, SEEK_SET) < 0)
            return -errno;
    }
    names->n = names->used = names->next = 0;
    names->more = false;
    r = read_all(&reading, fd);
    sort(names);
    return r;
}
