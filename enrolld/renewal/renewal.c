/* SPDX-License-Identifier: Apache-2.0 */
#include "renewal.h"

#include "json-util.h"

#define PAUSE_FIRST INT64_C(60)
#define PAUSE_MAX INT64_C(86400)
#define JITTER_MAX (INT64_C(6) * 3600)

/* Of the fingerprint's first 16 bits: the same after each restart. It leaves some time after it. */
static int64_t jitter(const RenewalTimes *times, int64_t at)
{
    int64_t span = (times->not_after - times->not_before) / 50;
    char head[5] = "";

    (void)snprintf(head, sizeof(head), "%.4s", times->fingerprint);
    if (span > JITTER_MAX)
        span = JITTER_MAX;
    if (span > (times->not_after - at) / 2)
        span = (times->not_after - at) / 2;
    return span * strtol(head, NULL, 16) / 0x10000;
}

static int64_t pause_after(const RenewalTimes *times, uint32_t failures, int64_t now)
{
    int64_t pause = PAUSE_FIRST, quarter = (times->not_after - now) / 4;

    for (uint32_t i = 1; i < failures && pause < PAUSE_MAX; i++)
        pause *= 2;
    if (pause > PAUSE_MAX)
        pause = PAUSE_MAX;
    if (quarter < PAUSE_FIRST)
        quarter = PAUSE_FIRST;
    return pause > quarter && now <= times->not_after ? quarter : pause;
}

int64_t renewal_wait(const RenewalTimes *times, const Renewal *renewal, int64_t now)
{
    int64_t at;

    /* No pause is longer: beyond that it is from before the clock was set back. */
    if (renewal->failures > 0 && renewal->next - now <= pause_after(times, renewal->failures, now))
        return renewal->next <= now ? 0 : renewal->next - now;
    at = times->not_before + (times->not_after - times->not_before) / 100 * times->percent;
    at += jitter(times, at);
    return at <= now ? 0 : at - now;
}

void renewal_failed(const RenewalTimes *times, Renewal *renewal, int64_t now)
{
    if (renewal->failures < UINT32_MAX)
        renewal->failures++;
    renewal->next = now + pause_after(times, renewal->failures, now);
}

int renewal_to_json(const Renewal *renewal, json_object **ret)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    if (!o ||
        json_object_object_add(o, "failures", json_object_new_int64(renewal->failures)) != 0 ||
        json_object_object_add(o, "next", json_object_new_int64(renewal->next)) != 0)
        return -ENOMEM;
    *ret = TAKE_PTR(o);
    return 0;
}

int renewal_from_json(json_object *o, Renewal *ret)
{
    static const char *const members[] = {"failures", "next", NULL};
    uint64_t failures, next;

    if (json_only_members(o, members) < 0 || json_get_uint64(o, "failures", &failures) < 0 ||
        json_get_uint64(o, "next", &next) < 0 || failures > UINT32_MAX || next > INT64_MAX / 2)
        return -EBADMSG;
    *ret = (Renewal){(uint32_t)failures, (int64_t)next};
    return 0;
}
