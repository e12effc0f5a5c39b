/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation with one of the helper processes (chancery-scan, -quote, -probe, -node): behind a
 * socket each, and one process for one connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A stream that is connected to a new process. flags: SOCK_NONBLOCK or 0. -ENOENT when there is no
 * such thing on this system. */
int helper_connect(const char *path, int flags);

/* Asked now and then while there is nothing to be read; may be NULL. */
typedef bool (*helper_should_stop_t)(void *userdata);

/* One byte or more, as soon as there are some; 0 at the end; -ETIMEDOUT when it should stop. */
ssize_t helper_receive(int fd, void *data, size_t size, helper_should_stop_t should_stop,
                       void *userdata);
