/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration session: the changes of one caller to the configuration as it was when the
 * session began. Nothing of it is visible to others before it is committed, and nothing of it
 * outlives the caller's connection. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "commit-store.h"
#include "config-parse.h"
#include "failures.h"
#include "task-list.h"

#define SESSIONS_PER_USER_MAX 8U
#define SESSIONS_MAX 64U
/* Of a candidate's canonical text. */
#define CANDIDATE_SIZE_MAX (1U << 20)

typedef struct Session {
    uint64_t number;
    uid_t uid;
    char *user, *line, *client; /* for the commit list */
    ConfigPlace place;
    json_object *base; /* what the changes are relative to; never changed */
    uint64_t base_id;
    json_object *candidate; /* NULL: no changes yet */
    json_object *entered;   /* the lines alone, without the base: a part of the candidate */
    size_t candidate_size;  /* at most this */
    pid_t pid;              /* whose session it is; 0 when the bus does not know */
    char *process;          /* as it calls itself */
    bool committing;
    bool exclusive;       /* nobody else may commit */
    uint64_t opened;      /* microseconds since the epoch */
    FailureList failures; /* of the last commit */
    FailureList warnings; /* of the same */

    /* the wire's */
    void *policy;
    char *peer;
    void *track;
    void *asked;         /* the message that polkit is being asked about */
    char asked_task[64]; /* the first task of the question */
    TaskList granted;    /* lately, for lines */
    uint64_t granted_until;
    unsigned granted_by; /* which rules */
    void *hashing;       /* a line with a secret that is not hashed, or sealed, yet */
    void *loading;       /* a text that is being read, or that polkit is being asked about */
    bool closed;         /* goes as soon as that message is back */
    struct Session *next;
} Session;

/* base is referenced. */
Session *session_new(uint64_t number, json_object *base, uint64_t base_id);
Session *session_free(Session *session);
DEFINE_TRIVIAL_CLEANUP_FUNC(Session *, session_free);

/* Borrowed: the configuration as this session sees it. */
json_object *session_view(const Session *session);
bool session_is_changed(const Session *session);

/* Makes a parsed line a change, and moves to where it leads. -EDQUOT when the candidate or one of
 * its sets would be too large. */
int session_accept(Session *session, ConfigParsed *parsed);

/* The same without moving. The copy has no mode and no owner: it is for trying out changes, which
 * the session then takes over, or not. */
int session_enter(Session *session, const ConfigLine *line);
Session *session_copy_changes(const Session *session);
void session_take_changes(Session *session, Session *copy);

/* The line that led to the mode: "crypto ca trustpoint core"; "" at the top. The caller frees. */
char *session_place_text(const Session *session);

/* Leaves the mode; false at the top. */
bool session_up(Session *session);

/* Drops the changes, and starts again from this configuration. */
void session_reset(Session *session, json_object *base, uint64_t base_id);

/* What was entered and nothing else: a new tree, {} without changes. */
json_object *session_entered(const Session *session);

/* This session's changes applied to another configuration than it started from: a new tree. */
int session_rebase(const Session *session, json_object *running, json_object **ret);
