/* SPDX-License-Identifier: Apache-2.0 */
/* What one user may have keyd sign at a time is limited (32), and a daemon is one, whatever number
 * of workers it has: they wait here, each for no longer than those before it are answered.
 *
 *     _cleanup_(keyd_turn_givep) _unused_ bool turn = keyd_turn_take();
 */
#pragma once

#include <stdbool.h>

#define KEYD_TURNS_MAX 8U

/* Waits for one; true. */
bool keyd_turn_take(void);
void keyd_turn_givep(const bool *turn);
