/* SPDX-License-Identifier: Apache-2.0 */
/* What chancery-poold is made of. Everything here belongs to the main loop, but for what never
 * changes after start. */
#pragma once

#include "config-owner.h"
#include "job.h"
#include "policy.h"
#include "pool.h"
#include "server.h"
#include "store.h"
#include "update.h"
#include "verify.h"

#define BUILT_IN_FILE "/etc/ssl/certs/ca-certificates.crt"
#define BUILT_IN_FOLDER "/usr/share/chancery/trustpool"

struct Poold {
    Server *server;
    int state_fd, runtime_fd;      /* never change after start */
    const AuthorityList *built_in; /* never changes after start */
    Pool *pool;                    /* never NULL after start */
    StoreOrigin origin;            /* of its downloaded part */
    Policy *policy;                /* never NULL after start */
    Update *update;                /* never NULL after start */
    bool importing;                /* a job is about to replace the pool and owns the state file */
};

/* Reads built-in and downloaded CAs and exports the pool. */
int poold_start(Server *server, void **ret);
void poold_stop(void *userdata);

/* Makes the new pool the one that everybody sees: in memory, on the bus and in the exported file.
 * Takes over both; *origin is empty afterwards. */
void poold_replace(Poold *poold, Pool *pool, StoreOrigin *origin);
/* The pool once more, as the policy has it. */
int poold_make_pool(const Poold *poold, const AuthorityList *downloaded, Pool **ret);
/* Takes over the policy, and makes it effective. */
int poold_apply(Poold *poold, Policy *policy);

/* One import: from a URL, or of data that the caller has brought along. */
typedef struct ImportOrder {
    const char *url;  /* where from; of data: what is said about it */
    const void *data; /* NULL: download it */
    size_t size;
    bool force;      /* also when many certificates would go */
    bool newer_only; /* nothing to be done when the server still has the version that we have */
    bool try_only;   /* the result says what would change */
} ImportOrder;
/* Starts the job of org.chancery.TrustPool1.Import and answers m. */
int poold_import(Poold *poold, sd_bus_message *m, const ImportOrder *order,
                 sd_bus_error *reterr_error);
/* Starts one from the configured URL, for the pool's own sake. */
int poold_update(Poold *poold);

/* Starts the job of org.chancery.TrustPool1.Verify and answers m. */
int poold_verify(Poold *poold, sd_bus_message *m, const VerifyRequest *request,
                 sd_bus_error *reterr_error);
/* The active authorities, for a worker thread. */
int poold_list_active(const Poold *poold, AuthorityList **ret);

/* Registers the bus objects. */
int poold_bus_init(Poold *poold);
extern const ConfigSection poold_config_sections[];
/* Is it a URL that a bundle can be fetched from? -EINVAL with *ret_reason (static). */
int poold_check_url(const char *url, const char **ret_reason);
