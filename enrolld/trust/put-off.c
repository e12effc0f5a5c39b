/* SPDX-License-Identifier: Apache-2.0 */
#include "put-off.h"

bool put_off(uint64_t *until, bool busy, uint64_t now)
{
    if (busy && *until == 0)
        *until = now + PUT_OFF_USEC;
    else if (!busy || now >= *until)
        *until = 0;
    return *until > 0;
}
