/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of the system's interfaces, from which a transaction may have to come. */
#pragma once

#include <arpa/inet.h>
#include <stdbool.h>

/* Notes them all: afterwards, in the sandbox, nothing can be asked any more. What cannot be found
 * out is not there. */
void source_prepare(void);
/* The one to come from: the first that others can answer to. */
bool source_find(const char *interface, bool ipv6, char ret[INET6_ADDRSTRLEN]);
