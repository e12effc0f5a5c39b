/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory a JSON text takes as a tree of json-c: rather more than less. A text of two bytes
 * for each value takes fifty times as much. */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t json_cost(const void *text, size_t size);
