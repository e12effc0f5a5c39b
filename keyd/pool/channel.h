/* SPDX-License-Identifier: Apache-2.0 */
/* Channels (PROTOCOL.md): sockets over which one caller has one key sign for one purpose. A thread
 * of its own reads the requests, the pool's threads sign and answer, the main loop opens and ends
 * channels. All functions are for the main loop. */
#pragma once

#include "sign-pool.h"

#define CHANNELS_PER_USER_MAX 16U
#define CHANNELS_MAX 64U

typedef struct Channels Channels;

/* The pool has to outlive the channels, and to be stopped when they are freed. */
int channels_new(SignPool *pool, Channels **ret);
/* Starts the thread; as sign_pool_start(). */
int channels_start(Channels *s);
/* Ends them all, and the thread; then the pool is to be stopped. */
void channels_stop(Channels *s);
Channels *channels_free(Channels *s);

/* The caller's end of a channel for what t says, which has no input; takes over *t and leaves it
 * empty. user: for the journal. -EDQUOT when this user, or everybody, has too many. */
int channels_open(Channels *s, uid_t uid, const char *user, TypedSign *t, int *ret_fd);

/* Ends those that is_valid() no longer says yes to. */
void channels_check(Channels *s, bool (*is_valid)(const TypedSign *t, void *userdata),
                    void *userdata);
size_t channels_count(Channels *s);
