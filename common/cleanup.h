/* SPDX-License-Identifier: Apache-2.0 */
/* Ownership is visible in the declaration: a variable marked _cleanup_ is released when it goes out
 * of scope, TAKE_PTR()/TAKE_FD() hand it to somebody else. Release functions accept NULL (or -1)
 * and half-built objects. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _unused_ __attribute__((unused))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _must_check_ __attribute__((warn_unused_result))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
#define STRLEN(s) (sizeof(s) - 1)

#define DEFINE_TRIVIAL_CLEANUP_FUNC(type, func)                                                    \
    static inline void func##p(type *p)                                                            \
    {                                                                                              \
        if (*p)                                                                                    \
            func(*p);                                                                              \
    }                                                                                              \
    struct swallow_semicolon_##func

#define TAKE_PTR(p)                                                                                \
    ({                                                                                             \
        __typeof__(p) *_take_from = &(p);                                                          \
        __typeof__(p) _taken = *_take_from;                                                        \
        *_take_from = NULL;                                                                        \
        _taken;                                                                                    \
    })

static inline int take_fd(int *fd)
{
    int taken = *fd;

    *fd = -EBADF;
    return taken;
}
#define TAKE_FD(fd) take_fd(&(fd))

static inline void freep(void *p)
{
    free(*(void **)p);
}

static inline void closep(int *fd)
{
    if (*fd >= 0) {
        int saved_errno = errno;

        (void)close(*fd);
        errno = saved_errno;
    }
}

DEFINE_TRIVIAL_CLEANUP_FUNC(FILE *, fclose);
DEFINE_TRIVIAL_CLEANUP_FUNC(DIR *, closedir);

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)
#define _cleanup_closedir_ _cleanup_(closedirp)

static inline int streq(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static inline int streq_ptr(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}
