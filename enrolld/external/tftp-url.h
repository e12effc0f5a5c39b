/* SPDX-License-Identifier: Apache-2.0 */
/* Where the files of enrolment by files on a server are: see tftp-client.h. */
#pragma once

#include "trustpoint-config.h"

bool tftp_url_is(const char *url);
/* -EINVAL with *ret_reason (static). vrf: empty when the URL names none. */
int tftp_url_check(const char *url, char ret_vrf[INTERFACE_NAME_SIZE], const char **ret_reason);
int sftp_url_check(const char *url, const char **ret_reason);
bool sftp_user_is_valid(const char *user);
/* The URL of one file. user: NULL for TFTP; pair: whose; suffix: "ca", "req" or "crt". */
int tftp_url_new(const char *base, const char *user, const char *name, KeyPair pair,
                 const char *suffix, char **ret);
