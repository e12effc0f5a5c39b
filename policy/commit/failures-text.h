/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that something is wrong with, in the layout of the configuration, each with its reason in a
 * comment below it. What can be entered can be loaded from there again. */
#pragma once

#include "failures.h"

/* NULL when out of memory; "" when there are none. */
char *failures_text(const FailureList *list);
