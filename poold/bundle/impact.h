/* SPDX-License-Identifier: Apache-2.0 */
/* Who would notice an import. */
#pragma once

#include <json-c/json.h>

#include "checker.h"
#include "fetch-route.h"

typedef struct ImpactPeers {
    Checker *checker; /* whether one of them is revoked counts too */
    const FetchAccess *access;
    const char *url; /* where updates come from; may be NULL */
    const FetchRoute *route;
} ImpactPeers;

/* Asks enrolld for the trustpoints, and the network worker for the servers of that URL and of the
 * trustpoints: for worker threads only. Adds an object to the array for each one that is good with
 * the authorities before and not with those after: "change" (trustpoint-lost, peer-lost),
 * "trustpoint" or "peer", and "reason". */
int impact_tell(const AuthorityList *before, const AuthorityList *after, const ImpactPeers *peers,
                int cancel_fd, json_object *array, size_t *ret_n);
