/* SPDX-License-Identifier: Apache-2.0 */
/* Which user has which uid: given out once, kept for ever. A uid of a user who is gone is given to
 * somebody else only when no other is left.
 *
 * The range is one that systemd gives to nobody (UIDS-GIDS: 60578 to 61183 are free, with 60578 to
 * 60705 taken by greeters in later versions) and that is above those of useradd(8) and
 * systemd-homed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cleanup.h"

#define UID_FIRST ((uid_t)60800)
#define UID_LAST ((uid_t)61183)

typedef struct Uids Uids;

/* Reads the file in the state directory. One that is not whole is moved aside, and *ret_corrupt
 * set. One that cannot be read is an error, and nothing may start without it: the ids in it would
 * be given to others. */
int uids_open(int state_fd, bool *ret_corrupt, Uids **ret);
Uids *uids_free(Uids *uids);
DEFINE_TRIVIAL_CLEANUP_FUNC(Uids *, uids_free);

/* 0 when the name has none. */
uid_t uids_get(const Uids *uids, const char *name);

/* Sees to it that all of these names (a NULL-terminated list) have one, and that this is on
 * the disk. taken (may be NULL): uids that are somebody else's. -ENOSPC when there are too
 * many names. */
int uids_assign(Uids *uids, const char *const *names, bool (*taken)(uid_t uid, void *userdata),
                void *userdata);
