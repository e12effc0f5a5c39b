/* SPDX-License-Identifier: Apache-2.0 */
/* Reading that fails through no fault of the file: there are no descriptors for it. */
#pragma once

#include "test-common.h"

#include <sys/resource.h>

/* Leaves so many, and gives what descriptors_restore() wants. */
static inline struct rlimit descriptors_leave(unsigned n)
{
    int next = open("/", O_PATH | O_CLOEXEC);
    struct rlimit before;

    assert_true(next >= 0);
    assert_int_equal(close(next), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)next + n, before.rlim_max}),
                     0);
    return before;
}

static inline void descriptors_restore(struct rlimit before)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}
