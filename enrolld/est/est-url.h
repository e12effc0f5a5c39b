/* SPDX-License-Identifier: Apache-2.0 */
/* Where an EST server is (RFC 7030 section 3.2.2). */
#pragma once

#define EST_URL_MAX 800U

/* Could that be one? -EINVAL with *ret_reason (static). */
int est_url_check(const char *url, const char **ret_reason);
/* For one of its operations: "cacerts". With a host only, the path is /.well-known/est. The caller
 * frees. */
int est_url_new(const char *base, const char *operation, char **ret);
