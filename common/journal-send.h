/* SPDX-License-Identifier: Apache-2.0 */
/* To the journal in its native protocol, of which systemd says that it stays as it is. Not by
 * libsystemd: the processes that read what comes from outside, and are forked for each of it, do
 * without that library and the five that it needs. */
#pragma once

#include <sys/uio.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* fields: "NAME=value" each; the value may be of several lines. Thread-safe. socket: where the
 * journal listens. Returns 0 or a negative errno. */
int journal_send(const char *socket, const struct iovec *fields, size_t n);
