/* SPDX-License-Identifier: Apache-2.0 */
/* What a dossier says of other nodes. They sign nothing of their own: the router that asked them
 * signs what it got, so what can be checked is that each answered this question, and whole. */
#pragma once

#include "envelope-read.h"
#include "json-util.h"

#define NODES_CHECK_MAX 64U
#define NODES_REASON_SIZE 256U

/* *ret: [{"node-location", "verdict", "result-code", "reason", "nonce", "bytes", "inventory"}], or
 * NULL when the dossier has no nodes. "verdict" is "good", "incomplete" (the router says why),
 * "nonce-mismatch", "bad-payload" or "broken-inventory"; reason: of the first of the last three,
 * "" when there is none. -EBADMSG when the member is not of the form that it should have. */
int nodes_check(const Envelope *envelope, const void *payload, size_t size, json_object **ret,
                char reason[NODES_REASON_SIZE]);

/* The dossiers of those that are whole, in a payload that has been checked. What a function
 * returned, when that was an error. */
typedef int (*nodes_visit_t)(const char *name, const void *dossier, size_t size, void *userdata);
int nodes_visit(const void *payload, size_t size, nodes_visit_t visit, void *userdata);
