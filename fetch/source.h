/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of the system's interfaces, from which a transaction may have to come. */
#pragma once

#include <arpa/inet.h>
#include <stdbool.h>

/* In a process that forks those that will ask: the kernel makes a folder of each process in /proc
 * when somebody looks there, and one descriptor does for all. */
void source_open(void);
/* Notes them all: afterwards, in the sandbox, nothing can be asked any more. What cannot be found
 * out is not there. */
void source_prepare(void);
/* The one to come from: the first that others can answer to. */
bool source_find(const char *interface, bool ipv6, char ret[INET6_ADDRSTRLEN]);
