/* SPDX-License-Identifier: Apache-2.0 */
#include "rotation.h"

int rotation_commit(Store *s, const Key *current, const Key *next, Key **ret_current,
                    Key **ret_previous)
{
    _cleanup_(key_unrefp) Key *promoted = NULL, *kept = NULL;
    int r;

    r = key_move(next, KEY_CURRENT, &promoted);
    if (r >= 0)
        r = key_move(current, KEY_PREVIOUS, &kept);
    /* A previous key that is the current one says nothing; from the second on it is needed. */
    if (r >= 0)
        r = store_write(s, kept);
    if (r >= 0)
        r = store_write(s, promoted);
    if (r < 0)
        return r;
    /* Done: a copy of the current key is removed by the next start if it is not now. */
    (void)store_erase(s, next);
    *ret_current = TAKE_PTR(promoted);
    *ret_previous = TAKE_PTR(kept);
    return 0;
}

int rotation_undo(Store *s, const Key *previous, Key **ret_current)
{
    _cleanup_(key_unrefp) Key *restored = NULL;
    int r;

    r = key_move(previous, KEY_CURRENT, &restored);
    if (r >= 0)
        r = store_write(s, restored);
    if (r < 0)
        return r;
    (void)store_erase(s, previous);
    *ret_current = TAKE_PTR(restored);
    return 0;
}
