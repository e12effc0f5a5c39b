/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the reboot history, each with an outcome of its own: a machine that has no watchdog
 * has its history all the same. */
#pragma once

#include "collect.h"

void reboot_write_watchdogs(Collect *c);
void reboot_write_crash_records(Collect *c);
