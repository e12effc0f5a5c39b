/* SPDX-License-Identifier: Apache-2.0 */
/* One commit: every owner of a changed section is asked whether it would accept it; then the commit
 * is written, which is the point from which it has happened; then the owners are told. One at a
 * time, the others wait. */
#pragma once

#include "policy.h"

typedef struct Transaction Transaction;

/* Takes over the answering of m. The candidate (referenced) was made from the running configuration
 * that is there now; when another one is committed first, this one fails. info: user, line, client,
 * label, comment are copied. items: how many lines change, for an answer that tells it too; 0 for
 * one that has the commit's id only. */
int transaction_start(Policy *policy, Session *session, sd_bus_message *m, json_object *candidate,
                      const Commit *info, unsigned items);

/* The session goes away. A commit that waits is dropped with it, one that is being carried out is
 * carried out. */
void transactions_forget_session(Policy *policy, Session *session);

/* Tells the owners that are there about the last commit. */
int transactions_reapply(Policy *policy);

void transactions_drop(Policy *policy);
