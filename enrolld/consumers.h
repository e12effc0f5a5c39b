/* SPDX-License-Identifier: Apache-2.0 */
/* The services that use a trustpoint's certificate: they find it in the runtime folder, are
 * reloaded when it is another one, and are looked at: do they show it? */
#pragma once

#include <stddef.h>

#include "trustpoint.h"

#define CONSUMER_REASON_SIZE 512U

/* Writes NAME.pem (the router's certificate and those above it, without the root) and NAME.ca (the
 * CA's and those above it), or removes what is there when there are no such certificates. */
int consumers_export(int dirfd, const Trustpoint *t);
/* Removes the files of certificates that are not there: whoever was killed between forgetting them
 * and removing their files has left them. */
int consumers_sweep(int dirfd, const Trustpoints *all);

/* The following block: for worker threads only. */

/* Has systemd reload a unit; one that does not run is left alone. 0, or a negative errno with one
 * sentence, without its end, in reason. -ECANCELED when cancel_fd becomes readable. */
int consumer_reload(const char *unit, int cancel_fd, char reason[CONSUMER_REASON_SIZE]);

/* Dials HOST:PORT with TLS until the certificate that is shown is this one, for some time: a
 * service takes a while to be back. -ECANCELED when cancel_fd becomes readable. */
int consumer_probe(const char *address, const void *der, size_t size, int cancel_fd,
                   char reason[CONSUMER_REASON_SIZE]);
