/* SPDX-License-Identifier: Apache-2.0 */
/* What chancery-poold is made of. Everything here belongs to the main loop, but for what never
 * changes after start. */
#pragma once

#include "checker.h"
#include "config-owner.h"
#include "crl-jobs.h"
#include "job.h"
#include "policy.h"
#include "pool.h"
#include "server.h"
#include "store.h"
#include "trustpoint-cache.h"
#include "update.h"
#include "verdict-cache.h"

#include <pthread.h>

#define BUILT_IN_FILE "/etc/ssl/certs/ca-certificates.crt"
#define BUILT_IN_FOLDER "/usr/share/chancery/trustpool"

/* The files that other programs read, and who writes them. */
typedef struct Publisher {
    int dirfd;                     /* never changes after start */
    const AuthorityList *built_in; /* the same */
    bool system;    /* atomic: the downloaded ones are to be in the system's own list */
    uint64_t drawn; /* the main loop's: the number of the newest pool to be written */
    pthread_mutex_t lock;
    uint64_t written; /* under the lock */
} Publisher;

struct Poold {
    Server *server;
    int state_fd; /* never changes after start */
    Publisher publisher;
    const AuthorityList *built_in; /* never changes after start */
    Pool *pool;                    /* never NULL after start */
    StoreOrigin origin;            /* of its downloaded part */
    Policy *policy;                /* never NULL after start */
    FetchAccess access;            /* how CAs and their servers are reached */
    bool in_system;                /* some of them may be in the system's list */
    Update *update;                /* never NULL after start */
    OcspCache *answers;            /* never NULL after start */
    CrlCache *crls;                /* never NULL after start */
    CrlQuestions *questions;       /* never NULL after start */
    CrlRefresh *crl_refresh;       /* never NULL after start */
    TrustpointCache *trustpoints;  /* the same */
    VerdictCache *verdicts;        /* the same */
    uint64_t changes;              /* of anything that verdicts come from */
    unsigned listings;             /* that workers make */
    bool importing;                /* a job is about to replace the pool and owns the state file */
};

/* Reads built-in and downloaded CAs and exports the pool. */
int poold_start(Server *server, void **ret);
void poold_stop(void *userdata);

/* Makes the new pool the one that counts here. Takes over both; *origin is empty afterwards. The
 * others learn of it by poold_publish(). */
void poold_replace(Poold *poold, Pool *pool, StoreOrigin *origin);
/* Exports the pool, in a worker, announces it, and then calls then (may be NULL), also when the
 * files could not be written, which is logged. */
typedef void (*publish_then_t)(void *userdata);
void poold_publish(Poold *poold, publish_then_t then, void *userdata);
/* In a worker: writes the files, if they have not been written with a higher number. */
void publisher_write(Publisher *publisher, const AuthorityList *active, uint64_t number);
/* Has the system's own list made what the file for it says. */
void poold_restart_system_trust(Poold *poold);
/* Says on the bus that the pool, and the files, are others now. */
void poold_announce(Poold *poold);
/* To be called when anything that verdicts come from has changed. userdata: the Poold. */
void poold_changed(void *userdata);
/* The pool once more, as the policy has it. */
int poold_make_pool(const Poold *poold, const AuthorityList *downloaded, Pool **ret);
/* Takes over the policy, and makes it effective. */
int poold_apply(Poold *poold, Policy *policy);

/* One import: from a URL, or of data that the caller has brought along. */
typedef struct ImportOrder {
    const char *url;  /* where from; of data: what is said about it */
    const void *data; /* NULL: download it */
    size_t size;
    const char *host_key; /* of sftp and scp, which need both */
    const char *password; /* the copy is wiped */
    bool force;           /* also when many certificates would go */
    bool newer_only; /* nothing to be done when the server still has the version that we have */
    bool try_only;   /* the result says what would change */
} ImportOrder;
/* Starts the job of org.chancery.TrustPool1.Import and answers m. */
int poold_import(Poold *poold, sd_bus_message *m, const ImportOrder *order,
                 sd_bus_error *reterr_error);
/* Starts one from the configured URL, for the pool's own sake. */
int poold_update(Poold *poold);

/* One verification. */
typedef struct VerifyOrder {
    VerifyRequest request;
    bool revocation_given; /* else that of the trustpoint's, or the pool's, policy */
    bool of_now;           /* what is known of today counts */
    bool may_fetch;
    const char *trustpoint; /* whose policy counts of several with the same CA; may be NULL */
    CheckerOwn own;
} VerifyOrder;
/* Starts the job of org.chancery.TrustPool1.Verify and answers m. */
int poold_verify(Poold *poold, sd_bus_message *m, const VerifyOrder *order,
                 sd_bus_error *reterr_error);

/* Registers the bus objects. */
int poold_bus_init(Poold *poold);
extern const ConfigSection poold_config_sections[];
/* Is it a URL that a bundle can be fetched from by itself? -EINVAL with *ret_reason (static). */
int poold_check_url(const char *url, const char **ret_reason);
