/* SPDX-License-Identifier: Apache-2.0 */
/* What is particular to sftp and scp. */
#pragma once

#include <curl/curl.h>

#include "fetch-url.h"
#include "request.h"

typedef struct SshCheck {
    const Request *request;
    bool refused; /* the host key is another one: */
    char presented[FETCH_HOST_KEY_SIZE];
} SshCheck;

/* Nothing happens with a URL of another kind. The check has to stay with the handle. 0 or -EIO. */
int ssh_prepare(CURL *curl, SshCheck *check);
