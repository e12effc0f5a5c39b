/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that a router may have had, and that are none here: why. */
#pragma once

#include <stddef.h>

#include "config-schema.h"

/* Of a line at a place of this mode, whose word at the column is wrong. NULL: it never was one. */
const char *config_why_gone(ConfigMode mode, const char *line, size_t column);
