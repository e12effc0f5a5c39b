/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment by files on a TFTP server, or on one for sftp, where the router logs in. The URL is
 * "tftp://HOST/NAME", or, for a server in a VRF, "tftp://HOST;VRF/NAME" or "HOST;VRF/NAME"; the
 * files are NAME.ca, NAME.req, NAME.crt, and for usage keys NAME-sign.req, NAME-encr.req and so on.
 * Without a NAME it is the router's. The URL of an sftp server is "sftp://HOST/PATH/NAME". Blocks:
 * for worker threads only. */
#pragma once

#include "fetch-client.h"
#include "received.h"
#include "trustpoint-config.h"

#define TFTP_REASON_SIZE 512U

/* Where the files are. */
typedef struct FileServer {
    FetchRoute route;
    char *password; /* of the user in the URL, as keyd has sealed it; NULL: nobody logs in */
    char *host_key;
} FileServer;

int file_server_new(const TrustpointConfig *config, const FetchRoute *route, FileServer *ret);
void file_server_done(FileServer *server);

/* One file; reason as in scep-client.h. */
int tftp_get(const char *url, const FileServer *server, int cancel_fd, ReceivedList *ret,
             char reason[TFTP_REASON_SIZE]);
int tftp_put(const char *url, const FileServer *server, int cancel_fd, const char *text,
             char reason[TFTP_REASON_SIZE]);
