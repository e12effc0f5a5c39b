/* SPDX-License-Identifier: Apache-2.0 */
/* What nobody waits for goes behind what somebody does, and is not put off for ever. Microseconds
 * of any clock; none is read here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PUT_OFF_USEC (UINT64_C(10) * 1000000)

/* until: 0 in the beginning. True while somebody waits (busy), for PUT_OFF_USEC from the first time
 * that this was asked; then false once, and from the beginning. */
bool put_off(uint64_t *until, bool busy, uint64_t now);
