/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that callers hand over: the other end may stall, vanish, or never have meant well. No
 * read or write here waits without also watching for the job's cancellation, nor longer than
 * STREAM_STALL_SECONDS for the other side. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"
#include "provenance.h"

#define STREAM_STALL_SECONDS 120U

/* Pipes, sockets and memory files can be waited for, or never make one wait. Anything else a caller
 * could open (a device, a file on somebody's FUSE) is refused with -EINVAL; -EBADF when the
 * descriptor is not open for what it is meant for. */
int stream_check(int fd, int access_mode);

/* Reads up to size bytes; 0 at the end. -ETIMEDOUT, -ECANCELED. cancel_fd may be -1. */
ssize_t stream_read(int fd, void *data, size_t size, int cancel_fd);

/* Writes everything. -EPIPE when the reader is gone, -ETIMEDOUT, -ECANCELED. stalled_usec (may be
 * NULL) grows by the time waited. */
int stream_write(int fd, const void *data, size_t size, int cancel_fd,
                 _Atomic uint64_t *stalled_usec);
/* The same of so many bytes of a memory file that nobody can change any more, without copying them.
 * -EOPNOTSUPP: only pipes take that, nothing is written. */
int stream_write_file(int fd, int file, off_t offset, size_t size, int cancel_fd);

/* From a pipe, in which so much is, into another one: at least a byte, and as much as there is room
 * for, without copying it. What is copied stays in the first. Returns how much; errors as above. */
ssize_t stream_copy_pipe(int from, int to, size_t size, int cancel_fd);
ssize_t stream_move_pipe(int from, int to, size_t size, int cancel_fd);

/* Makes room in a pipe for much that is to go through it, so that both ends take turns less often.
 */
void stream_widen(int fd);

/* A thread that carries what is written to relay_fd() on to the caller's descriptor, so that code
 * which writes plainly can be stopped. Takes over output, on failure too. provenance (may be NULL)
 * is told of what is carried before the reader can see it. */
typedef struct Relay Relay;
int relay_new(int output, int cancel_fd, Provenance *provenance, Relay **ret);
int relay_fd(Relay *r);
uint64_t relay_stalled_usec(Relay *r);
/* The error that has ended the relay before the writer did, or 0. */
int relay_error(Relay *r);
/* Waits until everything has reached the reader, who does not see the end before relay_free().
 * Returns the error that ended the relay, if one did. */
int relay_finish(Relay *r, uint64_t *ret_bytes);
/* After that, with a provenance: what was carried is a whole dossier. */
int relay_vouch(Relay *r);
Relay *relay_free(Relay *r);
DEFINE_TRIVIAL_CLEANUP_FUNC(Relay *, relay_free);
