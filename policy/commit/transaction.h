/* SPDX-License-Identifier: Apache-2.0 */
/* One commit: every owner of a changed section is asked whether it would accept it; then the commit
 * is written, which is the point from which it has happened; then the owners are told. One at a
 * time, the others wait. */
#pragma once

#include "policy.h"

typedef struct Transaction Transaction;

typedef struct TransactionRequest {
    Session *session;        /* NULL for none */
    sd_bus_message *message; /* whose answering is taken over; NULL for none */
    json_object *candidate;  /* made from the running configuration that is there now; when another
                                one is committed first, this one fails */
    const Commit *info;      /* user, line, client, label, comment are copied */
    unsigned items;          /* how many lines change, for an answer that tells it; else 0 */
    uint32_t trial_seconds;  /* > 0: on trial for so long */
    bool ends_trial;         /* undoes what was on trial: no owner can prevent it */
    bool best_effort;        /* what is refused is left out, and the rest is committed */
} TransactionRequest;

int transaction_start(Policy *policy, const TransactionRequest *request);

/* The session goes away. A commit that waits is dropped with it, one that is being carried out is
 * carried out. */
void transactions_forget_session(Policy *policy, Session *session);

void transactions_drop(Policy *policy);
