/* SPDX-License-Identifier: Apache-2.0 */
/* What an import would change, for programs. */
#pragma once

#include <json-c/json.h>

#include "authority.h"

/* Adds an object to the array for each change from the active authorities before to those after it:
 * "change" (added, removed, renewed: another one with the same subject, weakened: the same with a
 * weaker key), "subject", "sha256-fingerprint", "not-after", "security-bits", and for a renewed or
 * weakened one "same-key", "was-not-after" and "was-security-bits". At most AUTHORITY_REPORTS_MAX;
 * *ret_n counts them all. Returns 0 or -ENOMEM. */
int pool_diff(const AuthorityList *before, const AuthorityList *after, json_object *array,
              size_t *ret_n);
