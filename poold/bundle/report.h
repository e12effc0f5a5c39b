/* SPDX-License-Identifier: Apache-2.0 */
/* What became of the certificates of a bundle, for programs. */
#pragma once

#include "authority.h"

/* The rejected ones, one by one (at most AUTHORITY_REPORTS_MAX), as the text of a JSON array:
 * "number" in the bundle, "reason" (malformed, not-a-ca, expired, weak, duplicate), and of those
 * that parse "subject" and "sha256-fingerprint". The caller owns it; NULL when out of memory. */
char *report_rejected(const AuthorityList *list);
