/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that come from outside: reading them with limits, and everything that is checked
 * before one is believed. Nothing here knows where they came from. */
#pragma once

#include <stdbool.h>

#include "openssl-util.h"
#include "x509-render.h"

#define RECEIVED_SIZE_MAX (256U << 10)
#define RECEIVED_MAX 16U

typedef struct Received {
    X509 *x509;
    void *der;
    size_t size;
} Received;

typedef struct ReceivedList {
    Received items[RECEIVED_MAX];
    size_t n;
} ReceivedList;

void received_done(ReceivedList *list);

/* One certificate or a PKCS#7 bag of them in DER, PEM blocks of either, or bare base64 of one.
 * -EBADMSG, -EMSGSIZE, with *ret_reason (static). */
int received_parse(const void *data, size_t size, ReceivedList *ret, const char **ret_reason);
/* Adds one; duplicates are left out. */
int received_add(ReceivedList *list, const void *der, size_t size, const char **ret_reason);

typedef struct ReceivedRules {
    int64_t now;
    bool legacy; /* SHA-1 signatures pass */
    /* KU_*: where an answer restricts what its key is for, one of these must be left. 0: any that
     * a key can be used for. */
    unsigned usage;
    bool early; /* what begins later is as good */
} ReceivedRules;

/* Which of them issues for the trustpoint: the CA that has certified none of the other CAs. It is
 * put first; those that certify it, each by its signature, follow; *ret_n_path is their number with
 * it. What is no CA stays behind them. -EKEYREJECTED with *ret_reason (static). */
int received_order_authority(ReceivedList *list, const ReceivedRules *rules, size_t *ret_n_path,
                             const char **ret_reason);

/* Drops what stands behind the path, except, when agents may be there, those whom the CA has
 * certified and whose certificates are valid: its registration authorities. */
void received_drop_strangers(ReceivedList *list, const ReceivedRules *rules, size_t n_path,
                             bool agents);

/* The certificate for the request's key; NULL when none is. */
const Received *received_find(const ReceivedList *list, X509_REQ *request);

/* Is it the answer of this CA to this request? 0, -EKEYREJECTED or -EKEYEXPIRED with *ret_reason
 * (static). */
int received_check_answer(X509 *certificate, X509 *authority, X509_REQ *request,
                          const ReceivedRules *rules, const char **ret_reason);

/* Compares what an operator has read somewhere ("9DD5 0A6B ...", with colons or blanks or none,
 * SHA-1 or SHA-256, any case) with a certificate. -EINVAL for what is no fingerprint, else 0 or 1.
 */
int fingerprint_matches(const char *text, const CertificateSummary *summary);
