/* SPDX-License-Identifier: Apache-2.0 */
#include "update.h"

#include <time.h>

#include "atomic-file.h"
#include "expiry-alerts.h"
#include "json-util.h"
#include "log.h"
#include "poold.h"
#include "schedule.h"
#include "time-render.h"

#define UPDATE_FILE "update.json"
#define UPDATE_SIZE_MAX 4096U
/* Whether the clock was set back is looked at as often. */
#define TICK_USEC (3600 * 1000000ULL)
#define ACCURACY_USEC (1 * 1000000ULL)

struct Update {
    Poold *poold;
    ScheduleMemory last;
    sd_event_source *timer, *tick;
};

/* --- What is remembered ----------------------------------------------------------------------- */

static int get_time(json_object *o, const char *name, int64_t *ret)
{
    uint64_t value;

    if (json_get_uint64(o, name, &value) < 0 || value > INT64_MAX / 2)
        return -EBADMSG;
    *ret = (int64_t)value;
    return 0;
}

/* There were no alerts in earlier files. */
static int parse(const char *text, size_t size, ScheduleMemory *ret)
{
    static const char *const members[] = {"format",  "attempt", "success",
                                          "warning", "alert",   NULL};
    _cleanup_json_ json_object *o = NULL;
    ScheduleMemory last = {0};
    uint64_t format;
    int r;

    r = json_parse(text, size, &o);
    if (r < 0)
        return r;
    if (!json_object_is_type(o, json_type_object) || json_only_members(o, members) < 0 ||
        json_get_uint64(o, "format", &format) < 0 || format != 1 ||
        get_time(o, "attempt", &last.attempt) < 0 || get_time(o, "success", &last.success) < 0 ||
        get_time(o, "warning", &last.warning) < 0 ||
        (json_object_object_get_ex(o, "alert", NULL) && get_time(o, "alert", &last.alert) < 0))
        return -EBADMSG;
    *ret = last;
    return 0;
}

static void save(const Update *update)
{
    const ScheduleMemory *last = &update->last;
    char text[256];
    int n, r;

    n = snprintf(text, sizeof text,
                 "{\"format\":1,\"attempt\":%lld,\"success\":%lld,\"warning\":%lld,"
                 "\"alert\":%lld}\n",
                 (long long)last->attempt, (long long)last->success, (long long)last->warning,
                 (long long)last->alert);
    r = atomic_write_at(update->poold->state_fd, UPDATE_FILE, text, (size_t)n, 0600);
    if (r < 0)
        log_error_errno(
            r, "When the trustpool was last renewed cannot be stored, a restart will not know: %m");
}

static int load(Update *update)
{
    static const LogEvent event = {LOG_STATE_CORRUPT}, unreadable = {LOG_STATE_UNREADABLE};
    int dirfd = update->poold->state_fd, r;
    _cleanup_free_ void *text = NULL;
    size_t size;

    r = read_state_at(dirfd, UPDATE_FILE, UPDATE_SIZE_MAX, &text, &size);
    if (r >= 0)
        r = parse(text, size, &update->last);
    if (r >= 0)
        return 0;
    if (r == -ENOMEM)
        return r;
    /* What is known anew takes its place. */
    if (r != -ENOENT && r != -EBADMSG) {
        log_event(&unreadable, LOG_FIELDS("FILE", UPDATE_FILE),
                  "When the trustpool was last renewed, in %s, cannot be read: %s; it counts as "
                  "renewed now",
                  UPDATE_FILE, strerror(-r));
        update->last.success = time(NULL);
        return 0;
    }
    if (r == -EBADMSG) {
        log_event(&event, LOG_FIELDS("FILE", UPDATE_FILE),
                  "When the trustpool was last renewed, in %s, does not parse; moved to %s.corrupt",
                  UPDATE_FILE, UPDATE_FILE);
        r = quarantine_at(dirfd, UPDATE_FILE);
        if (r < 0)
            return r;
    }
    update->last.success = time(NULL);
    save(update);
    return 0;
}

/* --- What is due ------------------------------------------------------------------------------ */

/* The first expiry that no update has dealt with; 0 when there is none. */
static int64_t next_expiry(const Update *update, int64_t now)
{
    return pool_next_expiry(update->poold->pool,
                            update->last.success < now ? update->last.success : now);
}

static int64_t next_at(const Update *update, int64_t now)
{
    int64_t expiry = next_expiry(update, now);

    if (expiry == 0)
        return 0;
    return update->poold->policy->url
               ? schedule_next(expiry, update->last.attempt, now, SCHEDULE_HOUR)
               : schedule_next(expiry, update->last.warning, now, SCHEDULE_DAY);
}

int64_t update_next(const Update *update)
{
    return update->poold->policy->url ? next_at(update, time(NULL)) : 0;
}

static void warn(Update *update, int64_t now)
{
    static const LogEvent event = {LOG_POOL_NO_URL};
    int64_t expiry = next_expiry(update, now);
    char text[TIME_TEXT_SIZE];

    update->last.warning = now;
    save(update);
    log_event(&event, LOG_FIELDS("EXPIRY", time_render(expiry, text)),
              "A CA certificate of the trustpool %s at %s, and there is no URL to renew the pool "
              "from: configure crypto ca trustpool policy "
              "cabundle url",
              expiry > now ? "expires" : "expired", text);
}

static void renew(Update *update, int64_t now)
{
    int64_t next = next_at(update, now);
    int r;

    if (next == 0 || next > now)
        return;
    if (!update->poold->policy->url) {
        warn(update, now);
        return;
    }
    r = poold_update(update->poold);
    if (r < 0)
        log_error_errno(r, "The renewal of the trustpool cannot be started: %m");
}

/* Given first, remembered then: who is killed in between says it twice rather than never. */
static void alert(Update *update, const AuthorityList *before, int64_t now)
{
    expiry_alerts_give(pool_get_active(update->poold->pool), before, update->last.alert, now);
    update->last.alert = now;
    save(update);
}

static int64_t alert_at(const Update *update, int64_t now)
{
    return update->last.alert == 0
               ? now
               : expiry_alerts_next(pool_get_active(update->poold->pool), update->last.alert);
}

/* What is replaced in time needs no alert, so that the renewal comes first. */
static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    Update *update = userdata;
    int64_t now = time(NULL);

    if (!update->poold->importing)
        renew(update, now);
    if (!update->poold->importing && alert_at(update, now) <= now)
        alert(update, NULL, now);
    update_arm(update);
    return 0;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
    int r = sd_event_source_set_time_relative(source, TICK_USEC);

    update_arm(userdata);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void update_arm(Update *update)
{
    int64_t now = time(NULL), next, alerts;
    int r;

    if (schedule_settle(&update->last, now))
        save(update);
    next = next_at(update, now);
    alerts = alert_at(update, now);
    if (next == 0 || alerts < next)
        next = alerts;
    /* While an import is running: it will call when it has ended. */
    if (next == INT64_MAX || update->poold->importing) {
        (void)sd_event_source_set_enabled(update->timer, SD_EVENT_OFF);
        return;
    }
    r = sd_event_source_set_time(update->timer, next > 0 ? (uint64_t)next * 1000000ULL : 0);
    if (r >= 0)
        r = sd_event_source_set_enabled(update->timer, SD_EVENT_ONESHOT);
    if (r < 0)
        log_error_errno(r, "The renewal of the trustpool cannot be scheduled: %m");
}

void update_note_pool(Update *update, const AuthorityList *before)
{
    alert(update, before, time(NULL));
    update_arm(update);
}

void update_note_attempt(Update *update)
{
    update->last.attempt = time(NULL);
    save(update);
}

void update_note_success(Update *update)
{
    update->last.success = time(NULL);
    save(update);
    update_arm(update);
}

void update_note_failure(Update *update, const char *reason)
{
    static const LogEvent event = {LOG_POOL_UPDATE_FAILED};
    int64_t now = time(NULL);
    char expiry[TIME_TEXT_SIZE], next[TIME_TEXT_SIZE];

    log_event(&event, LOG_FIELDS("REASON", reason),
              "The trustpool could not be renewed, its next certificate expires at %s, next try at "
              "%s: %s",
              time_render(next_expiry(update, now), expiry),
              time_render(next_at(update, now), next), reason);
    update_arm(update);
}

/* --- Life ------------------------------------------------------------------------------------- */

Update *update_free(Update *update)
{
    if (update) {
        sd_event_source_disable_unref(update->timer);
        sd_event_source_disable_unref(update->tick);
        free(update);
    }
    return NULL;
}

int update_new(Poold *poold, Update **ret)
{
    _cleanup_(update_freep) Update *update = calloc(1, sizeof *update);
    sd_event *event = server_event(poold->server);
    int r;

    if (!update)
        return -ENOMEM;
    update->poold = poold;
    r = load(update);
    if (r >= 0)
        r = sd_event_add_time(event, &update->timer, CLOCK_REALTIME, 0, ACCURACY_USEC, on_time,
                              update);
    if (r >= 0)
        r = sd_event_source_set_enabled(update->timer, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_time_relative(event, &update->tick, CLOCK_BOOTTIME, TICK_USEC,
                                       60 * 1000000ULL, on_tick, update);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(update);
    return 0;
}
