/* SPDX-License-Identifier: Apache-2.0 */
/* One verification as the daemon does them: against the trustpoints, then the pool, by the policy
 * of whichever it was, with what is known of revocation and can be fetched. Made in the main loop,
 * used by one worker, and back in the main loop for what it has learnt. */
#pragma once

#include "crl-jobs.h"
#include "fetch-client.h"
#include "revocation.h"
#include "trustpoint-cache.h"

/* Whose certificate is it? */
typedef enum CheckerOwn {
    CHECKER_PEER,
    CHECKER_HELD,     /* the trustpoint's: no other CA than its own, or the next one, will do */
    CHECKER_RECEIVED, /* the same, and whoever asks waits: the CA is not asked over SCEP */
} CheckerOwn;

typedef struct Checker {
    const AuthorityList *authorities; /* of the pool */
    Trustpoints *trustpoints;         /* NULL: not known, and asked for by the worker */
    Trustpoints *former;              /* those of before; may be NULL */
    uint64_t asked;                   /* when it was made, for the trustpoints */
    CrlWork work;
    OcspCache *answers; /* NULL: none of now count */
    bool pool_optional; /* the pool's policy */

    bool revocation_given; /* else that of the trustpoint's, or the pool's, policy */
    bool may_fetch;
    const char *preferred; /* the trustpoint whose policy counts of several with the same CA; may
                              be NULL */
    CheckerOwn own;
    AuthorityList *cas; /* of the trustpoint whose certificate it is */

    VerifyVerdict verdict;
    const char *trustpoint; /* whose policy it was; NULL: the pool's */
    int64_t good_until;     /* of a good one: the first certificate of the path ends */
} Checker;

/* In the main loop. checker_done() releases it, also after a failure. */
int checker_prepare(const Poold *poold, Checker *ret);
/* What it has fetched and was told is kept. */
void checker_keep(const Checker *checker, Poold *poold, const char *user);
void checker_done(Checker *checker);

/* In the worker. Returns 0 with the verdict, the errors of verifier_new(), or -EHOSTDOWN when
 * enrolld does not answer, with *ret_reason (static). */
int checker_run(Checker *checker, const VerifyRequest *request, int cancel_fd,
                const char **ret_reason);
/* A fetch_judge_t with the checker as its userdata: whoever serves over https is not revoked, as
 * far as the policy wants to know. */
int checker_judge(void *userdata, const FetchServer *server, int cancel_fd, char **ret_reason);
