/* SPDX-License-Identifier: Apache-2.0 */
/* Users' secrets: the configuration has what crypt(3) makes of them and nothing else. That takes a
 * tenth of a second, on purpose, and so a thread. */
#pragma once

#include <systemd/sd-event.h>

#include "cleanup.h"

typedef struct SecretJob SecretJob;

/* Called once in the main loop; r: 0, or why there is no hash. The job is freed afterwards. */
typedef void (*secret_done_t)(int r, const char *hash, void *userdata);

/* Hashes with the system's best method (yescrypt) and a salt of its own. The clear text is copied,
 * and the copy wiped. */
int secret_hash(sd_event *event, const char *clear, secret_done_t done, void *userdata,
                SecretJob **ret);
/* Nobody is called any more. */
void secret_forget(SecretJob *job);

/* For the table of lines: why this is nothing that keyd can have sealed, or NULL. */
const char *secret_refuse_sealed(const char *text);
/* For the table of lines: why this is no hash to check a password against, or NULL. */
const char *secret_refuse_hash(const char *hash);
