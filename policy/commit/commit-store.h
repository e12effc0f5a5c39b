/* SPDX-License-Identifier: Apache-2.0 */
/* The commits on disk: one file for each, with the whole configuration as it was from then on. The
 * running configuration is that of the newest file that is whole, so that one rename is the commit
 * point and there is nothing that could disagree with it. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "cleanup.h"

#define COMMIT_ID_FIRST UINT64_C(1000000001)
#define COMMITS_MAX 100U
#define COMMIT_SIZE_MAX (8U << 20)

typedef struct Commit {
    uint64_t id;
    uint64_t time; /* microseconds since the epoch */
    char *user, *line, *client;
    char *label, *comment; /* NULL when not given */
    char *warnings; /* what the owners had to say, a line each: "LINE: REASON"; NULL for nothing */
} Commit;
void commit_done(Commit *commit);
int commit_copy(const Commit *from, Commit *to);

typedef struct CommitStore CommitStore;

/* Reads what is in the folder "commits" of the state directory. Files that are not whole are moved
 * aside, and named to report (may be NULL) with -EBADMSG; ids of such files are not given again.
 * One that cannot be read, with another error, is left out; but when it is the newest, that is
 * returned: what was before may give back what has been taken away since, and is not guessed. */
int commit_store_open(int state_fd, void (*report)(const char *name, int error, void *userdata),
                      void *userdata, CommitStore **ret);
CommitStore *commit_store_free(CommitStore *store);
DEFINE_TRIVIAL_CLEANUP_FUNC(CommitStore *, commit_store_free);

/* Number i, the newest first; NULL behind the last. */
const Commit *commit_store_get(const CommitStore *store, size_t i);
/* As of the newest commit, {} before the first; borrowed. */
json_object *commit_store_running(const CommitStore *store);
/* Its id; 0 before the first. */
uint64_t commit_store_last_id(const CommitStore *store);

/* The id that the next commit gets. */
uint64_t commit_store_next_id(const CommitStore *store);

/* No commit gets this id, nor those below. */
void commit_store_skip_id(CommitStore *store, uint64_t id);

/* Is there so little room on the disk that a commit might be the last thing that fits? */
bool commit_store_is_short(const CommitStore *store);

/* The number of the newest commit with this label or id, for commit_store_get(). -ENOENT: none. */
int commit_store_find(const CommitStore *store, const char *which, size_t *ret);

/* The configuration as of commit number i, as it is on the disk; behind the last, {} as before the
 * first commit of all. -ENOENT when that is not known any more; -EBADMSG when the record is
 * damaged. */
int commit_store_read(const CommitStore *store, size_t i, json_object **ret);
/* The same for the commit with this id, also one that was left out. */
int commit_store_read_id(const CommitStore *store, uint64_t id, json_object **ret);

/* Writes a commit; when this returns >= 0 it has happened, whatever comes after. The id of info is
 * set; after a failure the next commit gets it too, unless it may have been seen. Older commits
 * than the last COMMITS_MAX are forgotten. */
int commit_store_append(CommitStore *store, Commit *info, json_object *configuration);
