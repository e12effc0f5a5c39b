/* SPDX-License-Identifier: Apache-2.0 */
/* What poold says about a certificate of the router's own: is its path good, and is something of it
 * revoked? */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "shared-certificate.h"

#define VERDICT_REASON_SIZE 512U

typedef enum VerdictKind {
    VERDICT_GOOD,
    VERDICT_REVOKED,
    VERDICT_UNKNOWN, /* the path is good, and whether something of it is revoked cannot be told */
    VERDICT_BAD,
} VerdictKind;

typedef struct Verdict {
    VerdictKind kind;
    char reason[VERDICT_REASON_SIZE]; /* a sentence without its end; empty for a good one */
    /* Of an unknown one: somebody is named who should know, and does not answer. */
    bool unreachable;
} Verdict;

typedef struct VerdictQuestion {
    const char *trustpoint; /* whose policy counts */
    const char *pem;        /* the certificate, and those that may lead to a CA */
    bool legacy;            /* SHA-1, and short keys, are no reason */
    bool is_received;       /* just now, and somebody waits */
    int64_t at;             /* the moment that counts, when it is not now; else 0 */
} VerdictQuestion;

/* PEM of the certificate and of the others, NULLs left out. The caller frees. */
int verdict_pem(X509 *certificate, X509 *const *others, size_t n, char **ret);
/* The same of those that are kept, the certificate first. */
int verdict_pem_shared(const SharedCertificate *const *certificates, size_t n, char **ret);

/* In a worker: asks, and waits. -ECANCELED; any other negative errno: poold does not answer, why is
 * in reason, which is VERDICT_REASON_SIZE long. cancel_fd: see job_cancel_fd(). */
int verdict_ask(const VerdictQuestion *question, int cancel_fd, Verdict *ret, char *reason);

/* Of the words of an answer: word as org.chancery.TrustPool1.Verify has it, depth of the
 * certificate that it is about, problem: why a CRL is missing, or NULL. -EBADMSG for what is no
 * such word. */
int verdict_set(Verdict *verdict, const char *word, const char *reason, unsigned depth,
                const char *problem);
