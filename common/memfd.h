/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed memory files: how large things cross the bus. The reader checks the seals, so that what
 * was checked is what is used, whoever still holds the descriptor. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A new, writable memory file (close-on-exec, sealing allowed). name is for diagnostics only. */
int memfd_new(const char *name);

/* Seals against write, grow, shrink and further sealing. */
int memfd_seal(int fd);

/* A sealed memory file with this content, read position at its start. */
int memfd_new_sealed(const char *name, const void *data, size_t size);

/* Size of a memory file sealed by memfd_seal(). -EBADFD when it is no memory file or lacks a seal,
 * -EMSGSIZE when it is larger than max. */
int memfd_check(int fd, size_t max, size_t *ret_size);

/* memfd_check(), then a private copy of the content with a zero byte after it. */
int memfd_read(int fd, size_t max, void **ret_data, size_t *ret_size);

/* memfd_check(), then a read-only mapping, to be released with munmap(). An empty file gives NULL,
 * 0. */
int memfd_map(int fd, size_t max, const void **ret_data, size_t *ret_size);
