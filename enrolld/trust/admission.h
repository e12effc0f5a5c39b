/* SPDX-License-Identifier: Apache-2.0 */
/* Is a certificate that has come for a trustpoint to be taken? It is looked at as poold looks at
 * those of others, by the trustpoint's policy, before it takes anybody's place. */
#pragma once

#include "trustpoint.h"
#include "verdict.h"

typedef struct Admission {
    char *trustpoint;
    bool legacy;
    int64_t now;
    X509 *authority;
    X509 *others[RECORD_CHAIN_MAX]; /* the other CA, while it changes; what came with them */
    size_t n_others;
} Admission;

/* In the main loop: what the trustpoint has. admission_done() also after a failure. */
int admission_init(Admission *a, const Trustpoint *t, int64_t now);
void admission_done(Admission *a);

/* In a worker: is the answer to the request among them, and good? What the main loop is going to
 * refuse anyway is left to it. -EKEYREJECTED, with a sentence without its end in reason: poold says
 * that it is revoked, or that its path is not good. -ECANCELED. That nobody knows whether it is
 * revoked, or that poold does not answer in time, is no reason: it is asked again afterwards, by
 * revocation-watch.c. */
int admission_check(const Admission *a, const ReceivedList *list, X509_REQ *request, int cancel_fd,
                    char reason[VERDICT_REASON_SIZE]);
