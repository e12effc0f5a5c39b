/* SPDX-License-Identifier: Apache-2.0 */
/* Says it in the journal when CA certificates of the trustpool are about to expire. */
#pragma once

#include "authority.h"

/* One message for each that is due since last, which is a ScheduleMemory's alert. before: what was
 * active before this pool, so that what is new in it is told at once; NULL: the same. */
void expiry_alerts_give(const AuthorityList *active, const AuthorityList *before, int64_t last,
                        int64_t now);
/* The first moment after last at which one is due; INT64_MAX when there is none. */
int64_t expiry_alerts_next(const AuthorityList *active, int64_t last);
