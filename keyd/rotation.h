/* SPDX-License-Identifier: Apache-2.0 */
/* A name gets another key, in one step that can be undone: the next key is made beside the current
 * one, takes its place, and the one that was is kept as the previous until its successor has proved
 * itself. Wherever it is killed, the current key is the one or the other, whole.
 *
 * These write and erase files, from any thread; the store shows what they have done when it is told
 * to (store_publish(), store_forget_slot()). */
#pragma once

#include "store.h"

/* The next key becomes the current one. What is left to be done when the process is killed in the
 * middle, the next start does. */
int rotation_commit(Store *s, const Key *current, const Key *next, Key **ret_current,
                    Key **ret_previous);

/* The previous key becomes the current one again; the one that was current is gone for good. */
int rotation_undo(Store *s, const Key *previous, Key **ret_current);
