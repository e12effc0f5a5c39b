/* SPDX-License-Identifier: Apache-2.0 */
/* When the next snapshot is due: a function of times and nothing else. */
#pragma once

#include <stdint.h>

/* Microseconds from now. last: when the last one ended (0: never), of the same clock as now. A last
 * one in the future is from before the clock was set back, and counts as taken now. What was missed
 * is made up for once. */
uint64_t snapshot_delay(uint64_t last, uint64_t now, uint64_t interval);
