/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot-schedule.h"

uint64_t snapshot_delay(uint64_t last, uint64_t now, uint64_t interval)
{
    if (last == 0)
        return 0;
    if (last > now)
        return interval;
    return now - last >= interval ? 0 : interval - (now - last);
}
