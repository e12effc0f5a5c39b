/* SPDX-License-Identifier: Apache-2.0 */
/* Is an https server that a trustpoint talks to to be believed? poold knows, who has the CRLs and
 * asks responders. */
#pragma once

#include "fetch-client.h"

/* A fetch_judge_t whose userdata is the name of the trustpoint. Blocks: for worker threads only. */
int server_judge(void *userdata, const FetchServer *server, int cancel_fd, char **ret_reason);
