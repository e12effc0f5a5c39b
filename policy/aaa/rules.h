/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps polkit's rules file in step with the configuration, and knows when polkit has read it. */
#pragma once

#include "aaa.h"
#include "server.h"

typedef struct Rules Rules;

/* The path is in the environment variable CHANCERY_POLKIT_RULES; without it nobody is granted
 * anything, which is logged. */
int rules_new(Server *server, Rules **ret);
Rules *rules_free(Rules *rules);
DEFINE_TRIVIAL_CLEANUP_FUNC(Rules *, rules_free);

/* Called once, in the main loop, when polkit goes by the new rules, or has not said so in time. */
typedef void (*rules_effective_t)(void *userdata);

/* Returns 0 when there is nothing to wait for (effective is not called then), 1 when there is. Only
 * one caller waits at a time; NULL for none. Failures are logged: what cannot be written is not
 * granted, and is tried again every few seconds. */
int rules_update(Rules *rules, const Aaa *aaa, json_object *units, rules_effective_t effective,
                 void *userdata);
