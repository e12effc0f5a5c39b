/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include <sys/stat.h>

#include "log.h"
#include "polkit-rules.h"

#define VARIABLE "CHANCERY_POLKIT_RULES"
#define STARTED_MATCH                                                                              \
    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"                \
    "member='NameOwnerChanged',arg0='" POLKIT_NAME "'"
#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define EFFECTIVE_TIMEOUT_USEC (5 * 1000000ULL)
#define RETRY_USEC (2 * 1000000ULL)

struct Rules {
    Server *server;
    char *path, *content; /* what the file should say; NULL: not known yet */
    sd_bus_slot *match, *started;
    sd_event_source *timer, *retry;
    rules_effective_t effective;
    void *userdata;
};

static void finish(Rules *rules)
{
    rules_effective_t effective = rules->effective;

    rules->timer = sd_event_source_unref(rules->timer);
    rules->effective = NULL;
    if (effective)
        effective(rules->userdata);
}

/* Our file is a mount. When somebody has put another one in the place of what is mounted, ours is
 * one that nobody reads any more, and only a new start gets us the other. */
static bool is_replaced(const Rules *rules)
{
    struct stat st;

    return stat(rules->path, &st) >= 0 && st.st_nlink == 0;
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata);

/* A disk that was full, say. Until then nobody holds a task, so that nobody can ask for it. */
static void try_later(Rules *rules)
{
    int r;

    rules->retry = sd_event_source_disable_unref(rules->retry);
    r = sd_event_add_time_relative(server_event(rules->server), &rules->retry, CLOCK_BOOTTIME,
                                   RETRY_USEC, 0, on_retry, rules);
    if (r < 0)
        log_error_errno(r, "Failed to arm a timer, the rules file is written with the next "
                           "commit: %m");
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
    Rules *rules = userdata;
    int r = polkit_rules_write(rules->path, rules->content);

    rules->retry = sd_event_source_disable_unref(rules->retry);
    if (r < 0)
        try_later(rules);
    else
        log_info("Wrote %s, users hold what is configured again", rules->path);
    return 0;
}

/* polkit has read its rules, or is about to: are they still those that we have made? */
static void restore(Rules *rules)
{
    static const LogEvent event = {LOG_RULES_RESTORED};
    int r;

    if (!rules->content)
        return;
    if (is_replaced(rules)) {
        log_event(&event, LOG_FIELDS("FILE", rules->path),
                  "The rules file was replaced by somebody, starting anew to restore it");
        (void)sd_event_exit(server_event(rules->server), -ESTALE);
        return;
    }
    r = polkit_rules_write(rules->path, rules->content);
    if (r < 0) {
        log_error_errno(r, "Failed to restore the rules file, trying again: %m");
        try_later(rules);
    } else if (r > 0)
        log_event(&event, LOG_FIELDS("FILE", rules->path),
                  "The rules file was changed by somebody, and is restored");
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    restore(userdata);
    finish(userdata);
    return 0;
}

static int on_timeout(sd_event_source *s, uint64_t usec, void *userdata)
{
    log_warning("polkit has not said that it has read the new rules, going on");
    finish(userdata);
    return 0;
}

static int on_started(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    restore(userdata);
    return 0;
}

int rules_new(Server *server, Rules **ret)
{
    _cleanup_(rules_freep) Rules *rules = calloc(1, sizeof(*rules));
    const char *path = getenv(VARIABLE);
    int r;

    if (!rules)
        return -ENOMEM;
    rules->server = server;
    if (!path || path[0] != '/')
        log_error("%s does not name polkit's rules file: nobody will hold a task by configuration",
                  VARIABLE);
    else if (!(rules->path = strdup(path)))
        return -ENOMEM;
    r = sd_bus_match_signal_async(server_bus(server), &rules->match, POLKIT_NAME, POLKIT_PATH,
                                  POLKIT_INTERFACE, "Changed", on_changed, NULL, rules);
    if (r >= 0)
        r = sd_bus_add_match_async(server_bus(server), &rules->started, STARTED_MATCH, on_started,
                                   NULL, rules);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(rules);
    return 0;
}

Rules *rules_free(Rules *rules)
{
    if (!rules)
        return NULL;
    sd_event_source_unref(rules->timer);
    sd_event_source_disable_unref(rules->retry);
    sd_bus_slot_unref(rules->match);
    sd_bus_slot_unref(rules->started);
    free(rules->path);
    free(rules->content);
    free(rules);
    return NULL;
}

int rules_update(Rules *rules, const Aaa *aaa, json_object *units, rules_effective_t effective,
                 void *userdata)
{
    _cleanup_free_ char *content = NULL;
    int r;

    if (!rules->path)
        return 0;
    content = polkit_rules_render(aaa, units);
    if (!content) {
        log_error_errno(-ENOMEM, "Failed to make polkit's rules, those of before stay: %m");
        return 0;
    }
    free(rules->content);
    rules->content = TAKE_PTR(content);
    rules->retry = sd_event_source_disable_unref(rules->retry);
    r = polkit_rules_write(rules->path, rules->content);
    if (r < 0) {
        log_error_errno(r,
                        "Failed to write %s, users do not hold what is configured, trying "
                        "again: %m",
                        rules->path);
        try_later(rules);
    }
    if (r <= 0)
        return 0;
    log_debug("Rewrote %s", rules->path);
    if (!effective)
        return 0;
    rules->timer = sd_event_source_unref(rules->timer);
    r = sd_event_add_time_relative(server_event(rules->server), &rules->timer, CLOCK_MONOTONIC,
                                   EFFECTIVE_TIMEOUT_USEC, 0, on_timeout, rules);
    if (r < 0) {
        log_warning_errno(r, "Failed to wait for polkit, going on: %m");
        return 0;
    }
    rules->effective = effective;
    rules->userdata = userdata;
    return 1;
}
