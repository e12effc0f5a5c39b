/* SPDX-License-Identifier: Apache-2.0 */
/* Commits and configuration sessions, as the router shows them. */
#pragma once

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

typedef struct CommitView {
    uint64_t id, time; /* microseconds */
    const char *user, *line, *client, *label, *comment;
    const char *warnings; /* a line each; NULL for none */
} CommitView;

void render_commit_head(FILE *f);
void render_commit(FILE *f, unsigned number, const CommitView *commit);
void render_commit_detail(FILE *f, unsigned number, const CommitView *commit);
/* The same as events of the configuration's history. */
void render_event_head(FILE *f);
void render_event(FILE *f, unsigned number, const CommitView *commit);
void render_event_detail(FILE *f, unsigned number, const CommitView *commit);
json_object *render_commit_json(const CommitView *commit);

typedef struct SessionView {
    uint64_t number, time; /* microseconds */
    const char *user, *line, *client, *process;
    uint32_t pid;
    int exclusive, trial;
} SessionView;
void render_session(FILE *f, const char *id, const SessionView *session);
void render_session_detail(FILE *f, unsigned number, const char *id, const SessionView *session);
