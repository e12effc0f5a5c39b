/* SPDX-License-Identifier: Apache-2.0 */
/* One envelope, one verdict. */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "envelope-read.h"
#include "payload-scan.h"

/* Exit statuses of chancery-verify, described in its man page. They never change. */
typedef enum Verdict {
    VERDICT_GOOD = 0,
    VERDICT_USAGE = 1,
    VERDICT_MALFORMED = 2,
    VERDICT_BAD_SIGNATURE = 3,
    VERDICT_UNTRUSTED = 4,
    VERDICT_NONCE = 5,
    VERDICT_EXPIRED = 6,
    VERDICT_STALE = 7,
    VERDICT_VALID_WHEN_SIGNED = 8,
    VERDICT_BAD_PAYLOAD = 9,
    VERDICT_NOT_COLLECTED = 10,
} Verdict;

const char *verdict_to_string(Verdict verdict);

/* A clock may be ahead of the router's by this much before the time of signing counts as in the
 * future. */
#define CLOCK_TOLERANCE_SECONDS 300

typedef struct VerifyRequest {
    X509 *root;
    STACK_OF(X509) * chain; /* of --chain; may be empty */
    const char *nonce;      /* NULL: any */
    int64_t max_age;        /* seconds; -1: any */
    int64_t at;             /* the time that counts as now */
} VerifyRequest;

#define VERIFY_REASON_SIZE 512U

typedef struct VerifyResult {
    Verdict verdict;
    char reason[VERIFY_REASON_SIZE]; /* "" when good */
    bool has_envelope;               /* what follows is filled in */
    Envelope envelope;
    X509 *signer; /* borrowed; NULL when it is not known */
    void *payload;
    size_t payload_size;
    PayloadInfo info;
} VerifyResult;

/* input must stay as long as the result. Returns 0, or a negative errno when nothing could be said
 * at all. */
int verify_envelope(const VerifyRequest *request, const char *input, size_t size,
                    VerifyResult *ret);
void verify_result_done(VerifyResult *r);

/* report.c */
void report_text(FILE *f, const VerifyRequest *request, const VerifyResult *result);
int report_json(int fd, const VerifyRequest *request, const VerifyResult *result);
