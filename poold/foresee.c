/* SPDX-License-Identifier: Apache-2.0 */
#include "foresee.h"

#include "schedule.h"

const char *pool_event_name(PoolEvent event)
{
    static const char *const names[] = {
        [POOL_EVENT_ALERT] = "alert", [POOL_EVENT_END] = "pool", [POOL_EVENT_BREAK] = "break"};

    return names[event];
}

static const char *end_words(PoolEvent event, bool updates)
{
    if (updates)
        return "; the pool is updated before, if the bundle can be had";
    return event == POOL_EVENT_BREAK ? ", the last one: import a bundle, or configure cabundle url"
                                     : ", and what it has issued is refused";
}

/* The last second of a certificate's life is its notAfter. */
static int64_t last_end(const AuthorityList *active)
{
    int64_t last = INT64_MIN;

    for (size_t i = 0; i < active->n; i++)
        if (active->items[i]->summary.not_after > last)
            last = active->items[i]->summary.not_after;
    return last;
}

int pool_foresee(const AuthorityList *active, bool updates, int64_t now, int64_t at,
                 pool_foresee_t report, void *userdata)
{
    int64_t last = last_end(active);
    int r = 0;

    for (size_t i = 0; r >= 0 && i < active->n; i++) {
        const CertificateSummary *c = &active->items[i]->summary;
        PoolEvent event =
            c->not_after == last && !updates ? POOL_EVENT_BREAK : POOL_EVENT_END;
        int64_t alert = schedule_alert_first(c->not_after);
        _cleanup_free_ char *said = NULL, *ends = NULL;

        if (c->not_after < now || alert > at)
            continue;
        if (asprintf(&said, "It is said that the CA certificate of the trustpool expires: %s.",
                     c->subject) < 0) {
            said = NULL;
            return -ENOMEM;
        }
        r = report(userdata, alert < now ? now : alert, POOL_EVENT_ALERT, said);
        if (r < 0 || c->not_after >= at)
            continue;
        if (asprintf(&ends, "A CA certificate of the trustpool expires%s: %s.",
                     end_words(event, updates), c->subject) < 0) {
            ends = NULL;
            return -ENOMEM;
        }
        r = report(userdata, c->not_after + 1, event, ends);
    }
    return r;
}
