/* SPDX-License-Identifier: Apache-2.0 */
/* A message that waits for polkit: it is kept with the tasks that polkit is asked about, one after
 * the other, and is put back into the bus's queue when the answer is there. */
#pragma once

#include "cleanup.h"
#include "server-internal.h"

typedef struct AuthorizationQuery AuthorizationQuery;

int queries_init(Server *server);
void queries_done(Server *server);

/* Was all of that granted to the sender a moment ago, for no particular thing? */
bool query_is_needless(const Server *server, sd_bus_message *m, const char *const *tasks,
                       const char *asks);

/* asks: one more task, which may be missing, or NULL; lives as long as the query. */
int query_start(Server *server, sd_bus_message *m, const char *const *tasks,
                const char *const *details, const char *asks);
AuthorizationQuery *query_find(Server *server, sd_bus_message *m);
AuthorizationQuery *query_free(AuthorizationQuery *query);
DEFINE_TRIVIAL_CLEANUP_FUNC(AuthorizationQuery *, query_free);

/* 1 granted, 0 not known yet, negative refused for lack of *ret_task; -ESTALE when polkit was asked
 * about other tasks or details. */
int query_result(const AuthorizationQuery *query, const char *const *tasks,
                 const char *const *details, const char **ret_task);
/* Is what asks stands for held too? */
bool query_may(const AuthorizationQuery *query);
