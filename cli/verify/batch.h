/* SPDX-License-Identifier: Apache-2.0 */
/* Thousands of envelopes on all cores: one line of JSON for each, in the order in which they came.
 */
#pragma once

#include <stdio.h>

#include "check.h"

#define BATCH_LINE_MAX 65536U
#define BATCH_JOBS_MAX 256U
#define BATCH_PAGES_MAX 512U

typedef struct BatchOptions {
    CheckOptions defaults; /* for what a line does not say */
    /* One or the other. A list has one JSON object in a line: {"envelope", "id", "root", "chain",
     * "crl", "nonce", "previous", "pages", "max-age"}. */
    FILE *list;
    char *const *envelopes; /* ends with NULL */
    unsigned jobs;          /* at most BATCH_JOBS_MAX; 0: one for each core that may be used */
    int output;
} BatchOptions;

typedef struct BatchCount {
    uint64_t n, n_good;
} BatchCount;

/* Memory is for as many envelopes as there are jobs, however long the list is. What is wrong with
 * one line is said in its own verdict. Returns 0, or a negative errno when reading the list or
 * writing verdicts failed. */
int batch_run(const BatchOptions *options, BatchCount *ret);
