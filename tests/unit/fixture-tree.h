/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of files that stands for the root of a system, and what a collector writes about it. */
#pragma once

#include "test-common.h"

#include <ftw.h>
#include <sys/mman.h>

#include "collect.h"

typedef struct FixtureTree {
    char path[32];
    int fd;
} FixtureTree;

static inline void tree_folders(const FixtureTree *t, const char *path)
{
    _cleanup_free_ char *copy = strdup(path);

    for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        assert_true(mkdirat(t->fd, copy, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
}

static inline void tree_bytes(const FixtureTree *t, const char *path, const void *data, size_t size)
{
    _cleanup_close_ int fd = -EBADF;

    tree_folders(t, path);
    fd = openat(t->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
}

static inline void tree_file(const FixtureTree *t, const char *path, const char *text)
{
    tree_bytes(t, path, text, strlen(text));
}

static inline void tree_link(const FixtureTree *t, const char *path, const char *target)
{
    tree_folders(t, path);
    assert_return_code(symlinkat(target, t->fd, path), errno);
}

static inline void tree_new(FixtureTree *t)
{
    t->fd = scratch_open(t->path);
}

static inline int tree_remove_one(const char *path, const struct stat *st, int type,
                                  struct FTW *ftw)
{
    return remove(path);
}

static inline void tree_done(FixtureTree *t)
{
    (void)nftw(t->path, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    (void)close(t->fd);
}

/* A memory file's content as JSON; fails the test when it is none. */
static inline json_object *memory_json(int fd)
{
    char *text;
    json_object *o = NULL;
    off_t size = lseek(fd, 0, SEEK_END);

    assert_true(size > 0);
    text = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_ptr_not_equal(text, MAP_FAILED);
    assert_return_code(json_parse(text, (size_t)size, &o), 0);
    (void)munmap(text, (size_t)size);
    return o;
}

/* Runs one collector over the tree. */
static inline json_object *tree_collect(const FixtureTree *t, void (*collect)(Collect *c),
                                        Collect *ret)
{
    _cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(fd);
    Collect c = {.writer = w, .root_fd = t->fd, .deadline_usec = UINT64_MAX};

    json_begin_object(w, NULL);
    collect(&c);
    json_end_object(w);
    assert_int_equal(json_writer_finish(w), 0);
    (void)collect_outcome(&c);
    *ret = c;
    return memory_json(fd);
}

/* "interfaces/0/speed" */
static inline json_object *json_at(json_object *o, const char *path)
{
    _cleanup_free_ char *copy = strdup(path);
    char *save = NULL;

    for (char *part = strtok_r(copy, "/", &save); part && o; part = strtok_r(NULL, "/", &save))
        if (json_object_is_type(o, json_type_array))
            o = json_object_array_get_idx(o, strtoul(part, NULL, 10));
        else if (!json_object_object_get_ex(o, part, &o))
            o = NULL;
    return o;
}

static inline const char *json_text_at(json_object *o, const char *path)
{
    json_object *found = json_at(o, path);

    return found && json_object_is_type(found, json_type_string) ? json_object_get_string(found)
                                                                 : "(not there)";
}

/* The fact with that id. */
static inline json_object *json_fact(json_object *o, const char *id)
{
    json_object *facts = json_at(o, "facts");

    for (size_t i = 0; facts && i < json_object_array_length(facts); i++) {
        json_object *fact = json_object_array_get_idx(facts, i);

        if (streq(json_text_at(fact, "id"), id))
            return fact;
    }
    fail_msg("no fact %s", id);
    return NULL;
}
