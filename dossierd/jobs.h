/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of work, each done by a thread of its own that shares nothing with the others. */
#pragma once

#include "dossier-bus.h"
#include "job.h"
#include "log-read.h"
#include "node-choice.h"

typedef struct CollectWork {
    Manager *manager;
    NodeChoice nodes;
    char *nonce;
    bool verify_packages;
    uint64_t rate; /* of reading files for that, bytes a second; 0 for no limit */
    int output;
    uint64_t bytes;
} CollectWork;

/* What is made of what is signed. */
typedef enum SignFormat {
    SIGN_ENVELOPE, /* JWS */
    SIGN_EAT_JWT,
    SIGN_EAT_CWT,
} SignFormat;

/* "envelope", "eat-jwt" or "eat-cwt", which is what keyd calls the purpose too. -EINVAL. */
int sign_format_from_string(const char *name, SignFormat *ret);

typedef struct SignWork {
    Manager *manager;
    SignFormat format;
    char *nonce;
    bool include_certificate;
    int input, output;
    uid_t uid;
    uint64_t held; /* of the quota, until the work is freed */
    uint64_t bytes;
    bool nonce_seen; /* signed for before */
} SignWork;

typedef struct LogWork {
    Manager *manager;
    LogQuery query; /* without its strings */
    char *process, *text;
    int output;
    uint64_t messages;
} LogWork;

extern const JobWork log_job;
extern const JobWork collect_job;
extern const JobWork sign_job;

LogWork *log_work_new(void);
void log_work_free(void *data);
CollectWork *collect_work_new(void);
void collect_work_free(void *data);
SignWork *sign_work_new(void);
void sign_work_free(void *data);
