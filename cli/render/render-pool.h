/* SPDX-License-Identifier: Apache-2.0 */
/* The trustpool and the CRLs, as the router shows them. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* One element of the trustpool's JSON array. */
void render_pool_certificate(FILE *f, json_object *certificate, bool detail);
/* An element of the report of an import. */
void render_pool_rejection(FILE *f, json_object *entry);

/* An element of the report of a comparison. */
void render_pool_change(FILE *f, json_object *entry);

/* One element of the JSON array of cached CRLs. */
void render_crl(FILE *f, json_object *crl, bool detail);

/* The policy of the trustpool, and what follows from it. */
typedef struct PoolPolicyView {
    const char *url, *signer, *host_key, *vrf, *description, *source;
    uint32_t shrink_limit, built_in, downloaded, active;
    int64_t imported, earliest_expiry, next_update;
    bool weak_refused, crl_optional, system_export;
} PoolPolicyView;
void render_pool_policy(FILE *f, const PoolPolicyView *view);
json_object *render_pool_policy_json(const PoolPolicyView *view);
