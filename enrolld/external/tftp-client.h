/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment by files on a TFTP server. The URL is "tftp://HOST/NAME", or, for a server in a VRF,
 * "tftp://HOST;VRF/NAME" or "HOST;VRF/NAME"; the files are NAME.ca, NAME.req, NAME.crt, and for
 * usage keys NAME-sign.req, NAME-encr.req and so on. Without a NAME it is the router's. Blocks: for
 * worker threads only. */
#pragma once

#include "fetch-client.h"
#include "received.h"
#include "trustpoint-config.h"

#define TFTP_REASON_SIZE 512U

bool tftp_url_is(const char *url);
/* -EINVAL with *ret_reason (static). vrf: empty when the URL names none. */
int tftp_url_check(const char *url, char ret_vrf[INTERFACE_NAME_SIZE], const char **ret_reason);
/* The URL of one file. pair: whose; suffix: "ca", "req" or "crt". */
int tftp_url_new(const char *base, const char *name, KeyPair pair, const char *suffix, char **ret);

/* One file; reason as in scep-client.h. */
int tftp_get(const char *url, const FetchRoute *route, int cancel_fd, ReceivedList *ret,
             char reason[TFTP_REASON_SIZE]);
int tftp_put(const char *url, const FetchRoute *route, int cancel_fd, const char *text,
             char reason[TFTP_REASON_SIZE]);
