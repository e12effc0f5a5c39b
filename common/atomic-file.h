/* SPDX-License-Identifier: Apache-2.0 */
/* State files that are either the old or the new one, whatever happens in between.
 *
 * Every function takes the descriptor of the folder; names are single components of our own making.
 * All return 0 (or what is said) or a negative errno, and none logs. */
#pragma once

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens the folder that systemd gave this daemon ($STATE_DIRECTORY; the first one when there are
 * several). Returns a descriptor, or -ENXIO when the variable is not set. */
int state_directory_open(void);

/* Same, for a folder inside another one; made with mode 0700 when missing. */
int directory_open_at(int dirfd, const char *name);

/* Replaces a file: temporary file in the same folder with its final mode, write, fsync, rename,
 * fsync of the folder. The old content stays visible until the new one is complete. */
int atomic_write_at(int dirfd, const char *name, const void *data, size_t size, mode_t mode);

/* The same for what is too large to be held in memory: a new file under a name of its own, where a
 * process that is killed leaves it for the next; written by the caller, and then, complete, under
 * its final name. The descriptor stays the caller's. */
int partial_open_at(int dirfd, const char *partial, mode_t mode);
int partial_commit_at(int dirfd, int fd, const char *partial, const char *name);

/* A file without a name, for what is too large for memory and ends with the descriptor, which reads
 * and writes. */
int scratch_open_at(int dirfd);

/* Removes a file and syncs the folder. -ENOENT when it is not there. */
int atomic_unlink_at(int dirfd, const char *name);

/* Removes a file whose content is to be gone: out of sight first, which is the step that counts,
 * then overwritten and removed. A process that is killed in between leaves what
 * remove_leftovers_at() ends. -ENOENT when it is not there. */
int atomic_erase_at(int dirfd, const char *name);

/* A folder to be read, from its beginning; the descriptor of dirfd itself (path ".") has a position
 * that others share. */
int open_folder_at(int dirfd, const char *path, DIR **ret);

/* Reads a regular file (no symlink, no FIFO) of at most max bytes; one zero byte, not counted,
 * follows the data. -EFBIG when it is larger. The caller owns *ret_data. */
int read_file_at(int dirfd, const char *name, size_t max, void **ret_data, size_t *ret_size);

/* The same for a daemon's own state: -EBADMSG says that what is there can't be ours (too large, no
 * regular file), and only what was read and found wrong may be moved aside. Any other error is one
 * of reading: the file stays where it is, for somebody to try again. */
int read_state_at(int dirfd, const char *name, size_t max, void **ret_data, size_t *ret_size);

/* The error of a parser of state, in the same way: -EBADMSG, unless it was for want of something
 * else. */
int state_parse_error(int error);

/* Moves a file that does not parse out of the way, to "<name>.corrupt", so that the daemon goes on
 * with the rest and nothing is lost for whoever looks into it. */
int quarantine_at(int dirfd, const char *name);

/* Overwrites and removes temporary files that a killed process left behind: as many as can be, and
 * the first error counts. A folder on which nothing can be written is no reason not to read it. */
int remove_leftovers_at(int dirfd);

/* Writes or reads everything, across EINTR and short counts. read_full() returns the count, which
 * is below size only at end of file. */
int write_full(int fd, const void *data, size_t size);
ssize_t read_full(int fd, void *data, size_t size);
