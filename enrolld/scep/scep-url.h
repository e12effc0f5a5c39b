/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of SCEP servers. */
#pragma once

#define SCEP_URL_MAX 800U

/* Is it a URL that SCEP can use? -EINVAL with *ret_reason (static). */
int scep_url_check(const char *url, const char **ret_reason);

/* "http://ca" becomes "http://ca/cgi-bin/pkiclient.exe?operation=GetCACert&message=core". message
 * may be NULL. -EMSGSIZE when it gets longer than can be fetched. The caller frees. */
int scep_url_new(const char *base, const char *operation, const char *message, char **ret);
