/* SPDX-License-Identifier: Apache-2.0 */
/* A CA that changes its key: its next certificate is asked for while the present one can still
 * vouch for it, and kept beside it. It takes over together with the first router certificate that
 * it has issued; until then nothing that works is touched, and no clock takes anything away. */
#pragma once

#include "received.h"
#include "trustpoint.h"

typedef enum RolloverStep {
    ROLLOVER_NONE,
    ROLLOVER_ASK,      /* for the next certificate */
    ROLLOVER_TAKE_OVER /* rollover_take_over() */
} RolloverStep;

/* What is to be done, and in how many seconds. */
RolloverStep rollover_next_step(const Trustpoint *t, int64_t now, int64_t *ret_wait);

/* CISCO-PKI-MIB: nobody has to do anything about a CA whose next certificate is there, unless there
 * is a gap between them. */
bool rollover_has_successor(const Trustpoint *t);
/* Is there one that is to issue from now on? */
bool rollover_has_begun(const Trustpoint *t, int64_t now);
/* Which of the two is asked for a renewal: when the one is not ready yet, the other still is. */
bool rollover_is_for_renewal(const Trustpoint *t, int64_t now);
/* And by an operator, who does not try twice. */
bool rollover_is_for_enrollment(const Trustpoint *t, int64_t now);
/* With this one, no certificate of the present CA helps: seconds until the next one is there; 0
 * when there is none, or it has begun. */
int64_t rollover_pause(const Trustpoint *t, int64_t now);

/* Of what the CA has vouched for: is it its next certificate? It is put first. -EKEYREJECTED or
 * -EKEYEXPIRED with *ret_reason (static). */
int rollover_check(ReceivedList *list, X509 *authority, const ReceivedRules *rules, bool agents,
                   const char **ret_reason);

/* Keeps it. On failure nothing has changed. */
int rollover_stage(Trustpoints *t, Trustpoint *trustpoint, const ReceivedList *list);
/* Nothing came of asking. reason: one sentence without its end; NULL when the CA just has none. */
int rollover_failed(Trustpoints *t, Trustpoint *trustpoint, const char *reason);
/* The next CA becomes the present one. */
int rollover_take_over(Trustpoints *t, Trustpoint *trustpoint);

/* For whoever changes a record: which CA is the present one follows from who issued the router's
 * certificate; the one before goes when nothing is left of it. Frees nothing. */
void rollover_settle(Record *record);
/* Afterwards: frees what only the record before has of CAs. */
void rollover_release(Record *before, const Record *after);
