/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Enrollment1.Foresee. */
#include "enrolld.h"
#include "forecast.h"
#include "foresight.h"
#include "org.chancery.Enrollment1.h"

#define STRUCTURE "(xsss)"

static int append(void *userdata, const Trustpoint *t, int64_t when, ForecastKind kind,
                  const char *text)
{
    return foresight_append(userdata, STRUCTURE, when, forecast_kind_name(kind), t->name, text);
}

int enrollment1_method_foresee(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(foresight_done) Foresight answer = {NULL};
    const Manager *manager = userdata;
    int64_t at, now = trustpoints_now(&manager->trustpoints);
    int r = foresight_begin(&answer, m, now, STRUCTURE, &at, reterr_error);

    if (r < 0)
        return r;
    for (const Trustpoint *t = manager->trustpoints.first; r >= 0 && t; t = t->next)
        r = forecast(t, now, at, append, &answer);
    return foresight_end(&answer, r, reterr_error);
}
