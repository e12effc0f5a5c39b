/* SPDX-License-Identifier: Apache-2.0 */
/* What an import would change, for programs. */
#pragma once

#include "authority.h"

/* The text of a JSON array with one object for each change from the active authorities before to
 * those after it: "change" (added, removed, renewed: another one with the same subject),
 * "subject", "sha256-fingerprint", "not-after", "security-bits", and for a renewed one "same-key",
 * "was-not-after" and "was-security-bits". At most AUTHORITY_REPORTS_MAX; *ret_n counts them all.
 * The caller owns it; NULL when out of memory. */
char *pool_diff(const AuthorityList *before, const AuthorityList *after, size_t *ret_n);
