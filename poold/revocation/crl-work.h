/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching CRLs, in a worker: what it was handed when it began, and what it brings back. A list is
 * taken only when somebody has signed it who is trusted, when it is current, and when it is not
 * older than the one that is there. */
#pragma once

#include "authority.h"
#include "crl-points.h"
#include "crl-questions.h"
#include "fetch-client.h"
#include "ocsp.h"

#define CRL_URLS_MAX 32U /* that one worker tries */
/* For all URLs; more when one of them may take longer. */
#define CRL_WORK_SECONDS 60U

typedef int (*crl_fetch_t)(const FetchRequest *request, int cancel_fd, FetchReply *reply);

/* Has the CA of a trustpoint asked for its list; as fetch(), or -ENODATA: there is nothing to ask
 * with. */
typedef int (*crl_scep_t)(const char *trustpoint, int cancel_fd, FetchReply *reply);

typedef struct CrlAttempt {
    char *url; /* of a question to a responder: with '#' and what it is about behind it */
    bool good;
} CrlAttempt;

typedef struct CrlWork {
    crl_fetch_t fetch; /* NULL: nothing is fetched */
    crl_scep_t scep;   /* NULL: no trustpoint is asked */
    int cancel_fd;     /* or -1 */
    int64_t now;
    uint64_t deadline;      /* of CLOCK_BOOTTIME, in microseconds */
    CrlList known;          /* what was there */
    FetchRoute route;       /* that lists come by */
    unsigned fetch_seconds; /* for each URL; 0: the default */
    char **paused;          /* URLs that are left alone; ends with NULL; may be NULL */
    /* Who may sign: these, and whoever in the lists has the name. */
    const STACK_OF(X509) * signers;
    const AuthorityList *authorities[2];

    OcspCache *answers;      /* of OCSP; NULL: none are kept */
    CrlQuestions *questions; /* over SCEP, of all workers; NULL: asked whoever else asks */

    CrlList fetched; /* to be kept */
    CrlList relied;  /* what a verdict has come from */
    CrlAttempt attempts[CRL_URLS_MAX];
    size_t n_attempts;
    int64_t good_until; /* what was relied on, CRLs and answers, says so; INT64_MAX at first */
    bool lacks;         /* something was not there, and did not matter */
    bool has_answer;    /* one has come into the cache */
    char *problem; /* why the last one is not there, one sentence without its end; may be NULL */
} CrlWork;

void crl_work_begin(CrlWork *work, int cancel_fd);
void crl_work_done(CrlWork *work);

/* Fetches what is at a URL, unless that was tried already. Returns how many lists were taken, or a
 * negative errno when it makes no sense to go on. */
int crl_work_fetch(CrlWork *work, const char *url);
/* The list that the CA of a trustpoint gives over SCEP, asked for by this one or by another with
 * the same CA. The same; -ENODATA when the trustpoint has no certificate to ask with, which is not
 * an attempt. */
int crl_work_fetch_scep(CrlWork *work, const CrlAsker *asker);
/* The first URL of the point that has anything counts. 0 when it was fetched already. */
int crl_work_fetch_point(CrlWork *work, const CrlPoint *point);
/* The answer to one question: asks the responder, unless that was done already or answers are in
 * the cache. Returns 1 with the answer, 0 when there is none. */
int crl_work_ask(CrlWork *work, const char *url, X509 *certificate, X509 *issuer, OcspAnswer *ret);
/* An answer that was brought along: returns 1 with it, 0 when it is none that counts. */
int crl_work_heed(CrlWork *work, DerSpan answer, X509 *certificate, X509 *issuer, OcspAnswer *ret);
/* The newest lists, in which fetched ones take the place of known ones. Borrowed; the caller frees
 * the array. */
int crl_work_lists(const CrlWork *work, Crl ***ret, size_t *ret_n);
/* Has it been looked at by the verdict? Kept once. */
int crl_work_rely(CrlWork *work, Crl *crl);
