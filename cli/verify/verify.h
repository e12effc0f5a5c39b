/* SPDX-License-Identifier: Apache-2.0 */
/* One envelope, one verdict. */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "envelope-read.h"
#include "findings.h"
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
    VERDICT_REVOKED = 11,
    VERDICT_REVOCATION_UNKNOWN = 12,
    VERDICT_DIFFERS = 13,
    VERDICT_NOT_AS_REFERENCE = 14,
    /* 15: STATUS_NOT_ALL_GOOD */
    VERDICT_BROKEN_INVENTORY = 16,
    VERDICT_BAD_NODE = 17,
} Verdict;

/* Not the verdict of one envelope: of several, not all are good. */
#define STATUS_NOT_ALL_GOOD 15

const char *verdict_to_string(Verdict verdict);

/* A clock may be ahead of the router's by this much before the time of signing counts as in the
 * future. */
#define CLOCK_TOLERANCE_SECONDS 300

typedef struct VerifyRequest {
    X509 *root;
    STACK_OF(X509) * chain;    /* of --chain; may be empty */
    STACK_OF(X509_CRL) * crls; /* NULL: revocation is not checked */
    const char *nonce;         /* NULL: any */
    int64_t max_age;           /* seconds; -1: any */
    int64_t at;                /* the time that counts as now */
} VerifyRequest;

#define VERIFY_REASON_SIZE 512U

typedef struct VerifyResult {
    Verdict verdict;
    char reason[VERIFY_REASON_SIZE]; /* "" when good */
    const char *warning;             /* static; NULL: what is odd and changes no verdict */
    bool has_envelope;               /* what follows is filled in */
    Envelope envelope;
    X509 *signer; /* borrowed; NULL when it is not known */
    void *payload;
    size_t payload_size;
    PayloadInfo info;
    Findings differences;     /* compare.h; nothing when nothing was compared */
    Findings deviations;      /* reference.h; the same */
    json_object *inventory;   /* inventory-check.h; NULL when the dossier has none */
    json_object *nodes;       /* nodes-check.h; the same */
} VerifyResult;

/* input must stay as long as the result. Returns 0, or a negative errno when nothing could be said
 * at all. */
int verify_envelope(const VerifyRequest *request, const char *input, size_t size,
                    VerifyResult *ret);
void verify_result_done(VerifyResult *r);

/* A verdict after all others, as long as it was good. */
void verify_refuse(VerifyResult *r, Verdict verdict, const char *format, ...) _printf_(3, 4);

/* report.c */
void report_text(FILE *f, const VerifyRequest *request, const VerifyResult *result);
/* id: of the envelope among several, or NULL. */
int report_json(int fd, const char *id, const VerifyRequest *request, const VerifyResult *result);
/* What could not be looked at at all. */
int report_json_error(int fd, const char *id, const char *reason);
