/* SPDX-License-Identifier: Apache-2.0 */
/* How the services that use a certificate are named: units of systemd, and where they listen. */
#pragma once

#include <stdbool.h>

#define CONSUMERS_MAX 8U

/* A service, and none of ours: they know what they do. */
bool consumer_unit_is_valid(const char *name);
/* "a:443", "[2001:db8::1]:443" */
bool consumer_address_is_valid(const char *address);

/* At most CONSUMERS_MAX strings, ended by NULL. NULL is none. */
char **consumers_free(char **strings);
int consumers_copy(char *const *from, char ***ret);
