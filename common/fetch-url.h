/* SPDX-License-Identifier: Apache-2.0 */
/* URLs that chancery-fetch takes, by their form. */
#pragma once

#include <stdbool.h>

#define FETCH_URL_MAX 8192U             /* a SCEP message may be in it */
#define FETCH_HOST_KEY_PREFIX "SHA256:" /* and 43 digits of base64, as OpenSSH writes it */
#define FETCH_HOST_KEY_SIZE 51U

/* Could this be fetched, as far as its form tells? Absolute http or https, printable ASCII, a host,
 * no user or password. Returns 0, or -EINVAL with *ret_reason (static): "the URL ..." and how it is
 * wrong. */
int fetch_url_check(const char *url, const char **ret_reason);
/* The same for a file that is only read: ftp and tftp too, and sftp and scp, which have a user. */
int fetch_url_check_file(const char *url, const char **ret_reason);
/* The same where nobody is there to enter a password: without sftp and scp. */
int fetch_url_check_unattended(const char *url, const char **ret_reason);
/* The same for where CRLs come from: http or ldap. */
int fetch_url_check_crl(const char *url, const char **ret_reason);
/* Does the network worker take it? One of those above. */
int fetch_url_check_any(const char *url, const char **ret_reason);
/* Is its scheme http or https? */
bool fetch_url_is_http(const char *url);
bool fetch_url_is_https(const char *url); /* needs trust anchors */
bool fetch_url_is_ssh(const char *url);   /* needs a host key and a password */
bool fetch_url_is_sftp(const char *url);
/* The user before the host of a URL of sftp or scp. NULL: no memory. */
char *fetch_url_user(const char *url);
bool fetch_host_key_is_valid(const char *text);
bool fetch_url_is_tftp(const char *url);
