/* SPDX-License-Identifier: Apache-2.0 */
/* The system's host name, which systemd-hostnamed keeps. */
#pragma once

#include <json-c/json.h>

#include "cleanup.h"
#include "server.h"

typedef struct Hostname Hostname;

/* changed: the system's name has become another one. */
int hostname_new(Server *server, void (*changed)(void *userdata), void *userdata, Hostname **ret);
Hostname *hostname_free(Hostname *h);
DEFINE_TRIVIAL_CLEANUP_FUNC(Hostname *, hostname_free);

/* The system's name as far as is known. */
const char *hostname_get(const Hostname *h);

/* Asks for the system's name. Asynchronous, as all below. */
int hostname_fetch(Hostname *h);

/* Called once, in the main loop, when hostnamed has answered, or has not done so in time. */
typedef void (*hostname_effective_t)(void *userdata);

/* Makes it the system's name; "" gives it its default back. What fails is logged and tried again.
 * Returns 1 when there is something to wait for, else effective (may be NULL) is not called. One
 * caller waits at a time. */
int hostname_set(Hostname *h, const char *name, hostname_effective_t effective, void *userdata);

/* The configured name in the section "system", or NULL. */
const char *hostname_configured(json_object *system);
