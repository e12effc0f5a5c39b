/* SPDX-License-Identifier: Apache-2.0 */
/* What is configured about the trustpool. */
#pragma once

#include <stdbool.h>

#include "cleanup.h"
#include "fetch-route.h"

#define URL_MAX 800U
#define DESCRIPTION_MAX 80U
#define SHRINK_LIMIT_DEFAULT 50U

typedef struct Policy {
    char *url;         /* where updates come from; may be NULL */
    char *signer;      /* SHA-256 fingerprint, upper-case hex; NULL: bundles need not be signed */
    char *host_key;    /* of a server for sftp and scp; may be NULL */
    char *description; /* may be NULL */
    FetchRoute route;  /* "vrf": that bundles and CRLs come by */
    unsigned shrink_limit; /* per cent of the downloaded certificates that an import may take away
                              without force */
    bool refuse_weak;
    bool export_system; /* the downloaded certificates go into the system's own list */
    bool crl_optional;  /* verifications go without a CRL that is not there */
} Policy;

/* What holds without configuration. */
Policy *policy_new(void);
Policy *policy_free(Policy *policy);
DEFINE_TRIVIAL_CLEANUP_FUNC(Policy *, policy_free);
