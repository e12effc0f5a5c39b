/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.TrustPool1.Foresee. */
#include <time.h>

#include "foresee.h"
#include "foresight.h"
#include "org.chancery.TrustPool1.h"
#include "poold.h"

#define STRUCTURE "(xss)"

static int append(void *userdata, int64_t when, PoolEvent event, const char *text)
{
    return foresight_append(userdata, STRUCTURE, when, pool_event_name(event), text);
}

int trust_pool1_method_foresee(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(foresight_done) Foresight answer = {NULL};
    int64_t at, now = time(NULL);
    const Poold *poold = userdata;
    int r = foresight_begin(&answer, m, now, STRUCTURE, &at, reterr_error);

    if (r < 0)
        return r;
    r = pool_foresee(pool_get_active(poold->pool), poold->policy->url, now, at, append, &answer);
    return foresight_end(&answer, r, reterr_error);
}
