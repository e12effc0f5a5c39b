/* SPDX-License-Identifier: Apache-2.0 */
/* Who would notice an import. */
#pragma once

#include <json-c/json.h>

#include "authority.h"
#include "fetch-route.h"

typedef struct ImpactPeer {
    const char *url; /* may be NULL */
    const FetchRoute *route;
} ImpactPeer;

/* Asks enrolld for the trustpoints, and the network worker for the server of the URL:
 * for worker threads only. Adds an object to the array for each one that is good with the
 * authorities before and not with those after: "change" (trustpoint-lost, peer-lost), "trustpoint"
 * or "peer", and "reason". */
int impact_tell(const AuthorityList *before, const AuthorityList *after, const ImpactPeer *peer,
                int cancel_fd, json_object *array, size_t *ret_n);
