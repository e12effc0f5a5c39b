/* SPDX-License-Identifier: Apache-2.0 */
/* One envelope from its files to its verdict, and what belongs to it. */
#pragma once

#include "memory.h"
#include "reference.h"
#include "verify.h"

/* What is wanted, in files and words. All borrowed; NULL: not wanted. */
typedef struct CheckOptions {
    const char *id; /* how it is called among several */
    const char *envelope, *root, *chain, *crl, *nonce;
    const char *previous; /* an earlier envelope of the same router */
    /* Others of the same router that have blocks of its inventory; ends with NULL. */
    const char *const *pages;
    const Reference *reference;
    Memory *memory;    /* of all checks; NULL: no limits */
    uint64_t list_max; /* differences, and deviations */
    int64_t max_age, at;
} CheckOptions;

typedef struct Check {
    CheckOptions options;
    char *input;
    STACK_OF(X509) * roots, *chain;
    STACK_OF(X509_CRL) * crls;
    VerifyRequest request;
    VerifyResult result;
    ReferenceCheck *reference; /* NULL: not wanted */
    MemoryUse memory;
} Check;

#define CHECK_REASON_SIZE 512U

/* Returns 0 with a verdict in ret->result; or, when nothing could be said, a negative errno and a
 * reason. The check is to be released in both cases. Thread-safe. */
int check_run(const CheckOptions *options, Check *ret, char reason[CHECK_REASON_SIZE]);
void check_done(Check *c);
