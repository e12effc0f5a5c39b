/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures over what comes through a pipe, while whoever asked still writes it. A thread of the
 * pool takes what is there, and goes: who writes slowly keeps none waiting but himself. All
 * functions are for the main loop. */
#pragma once

#include "sign-pool.h"

/* As many as calls with all of their input. */
#define STREAMS_PER_USER_MAX SIGN_PER_USER_MAX
#define STREAMS_MAX 64U

typedef struct SignStreams SignStreams;

/* The pool has to outlive the streams, and to be stopped when they are freed. */
int sign_streams_new(sd_event *event, SignPool *pool, sign_done_t done, SignStreams **ret);
/* Nobody is answered. */
SignStreams *sign_streams_free(SignStreams *s);

/* Is it an end of a pipe, open for reading? */
bool sign_stream_is_pipe(int fd);
/* Takes over *t, which has no input, and leaves it empty, and has a copy of fd. -EDQUOT as
 * sign_pool_submit(); then *t stays with the caller. */
int sign_streams_submit(SignStreams *s, sd_bus_message *m, uid_t uid, TypedSign *t, int fd);

/* Ends those that is_valid() no longer says yes to, before they are signed. */
void sign_streams_check(SignStreams *s, bool (*is_valid)(const TypedSign *t, void *userdata),
                        void *userdata);
size_t sign_streams_count(const SignStreams *s);
