/* SPDX-License-Identifier: Apache-2.0 */
/* Which way a transaction goes. */
#pragma once

#include <stdbool.h>

#define INTERFACE_NAME_SIZE 16U /* as the kernel has it */

/* Empty: as the system's routes have it. */
typedef struct FetchRoute {
    char device[INTERFACE_NAME_SIZE]; /* sockets are bound to it: a VRF is one */
} FetchRoute;

bool interface_name_is_valid(const char *name);
