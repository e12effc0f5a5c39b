/* SPDX-License-Identifier: Apache-2.0 */
/* A commit on trial: in force until its session confirms it with another commit, or undone after
 * its time. Which commits are on trial is on the disk before the first of them is, so that a daemon
 * that was killed meanwhile undoes them when it starts: nobody is there any more who could confirm.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "commit-store.h"
#include "session.h"

#define TRIAL_SECONDS_MIN 30U
#define TRIAL_SECONDS_MAX 65535U

struct Policy;
typedef struct Trial Trial;

/* state_fd is taken over. A trial of an earlier run is found; a note that cannot be read is no
 * error, see trial_check(). */
int trial_open(struct Policy *policy, int state_fd, Trial **ret);
Trial *trial_free(Trial *trial);
DEFINE_TRIVIAL_CLEANUP_FUNC(Trial *, trial_free);

/* Undoes what an earlier run left on trial; or tries its note again now and then. */
void trial_ready(Trial *trial);

/* Refuses whoever is not the session that has a commit on trial; and all, while the note that says
 * whether there is one cannot be read. */
int trial_check(Trial *trial, const Session *session, sd_bus_error *reterr_error);

bool trial_is_on(const Trial *trial);

/* The last commit that is on trial by this session; 0: none. */
uint64_t trial_of(const Trial *trial, const Session *session);

/* Writes a commit, which is to be on trial for so long, or not (0). As commit_store_append(). */
int trial_write(Trial *trial, Commit *commit, json_object *configuration, uint32_t seconds);

/* After any commit: it is on trial for so long, or (0) ends what was. session may be NULL. */
void trial_committed(Trial *trial, const Commit *commit, const Session *session, uint32_t seconds);

/* Confirmed, or undone. What is not gone from the disk is an error. */
int trial_end(Trial *trial);

/* It could not be undone now. */
void trial_retry(Trial *trial);
