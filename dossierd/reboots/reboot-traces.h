/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the reboot history, each with an outcome of its own: a machine that has no watchdog
 * has its history all the same. */
#pragma once

#include "collect.h"
#include "kernel-error.h"

void reboot_write_watchdogs(Collect *c);
/* crash-records.c */
void reboot_write_crash_records(Collect *c);
/* reset-sources.c */
void reboot_write_reset_sources(Collect *c);

/* "kernel-errors" and, when there are more, how many. */
void reboot_write_kernel_errors(JsonWriter *w, const KernelErrors *e);
/* "result-code" and "reason"; absent is the reason of -ENOENT. */
void reboot_write_outcome(Collect *c, int error, const char *absent);
