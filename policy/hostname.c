/* SPDX-License-Identifier: Apache-2.0 */
#include "hostname.h"

#include <limits.h>

#include "json-util.h"
#include "log.h"

#define HOSTNAMED_NAME "org.freedesktop.hostname1"
#define HOSTNAMED_PATH "/org/freedesktop/hostname1"
#define TIMEOUT_USEC (30 * 1000000ULL)
#define RETRY_USEC (2 * 1000000ULL)
#define ATTEMPTS_MAX 5U
/* How long a caller of hostname_set() is kept waiting for hostnamed. */
#define EFFECTIVE_TIMEOUT_USEC (5 * 1000000ULL)

static const char *const set_methods[] = {"SetStaticHostname", "SetHostname"};

struct Hostname {
    sd_bus *bus;
    sd_event *event;
    char name[HOST_NAME_MAX + 1];
    sd_bus_slot *match, *fetch, *calls[ELEMENTSOF(set_methods)];
    char *wanted;
    unsigned attempts;
    size_t unanswered;
    sd_event_source *retry, *timer;
    hostname_effective_t effective;
    void *waiter;
    void (*changed)(void *userdata);
    void *userdata;
};

const char *hostname_get(const Hostname *h)
{
    return h->name;
}

static void take_name(Hostname *h, const char *name)
{
    if (streq(h->name, name) || strlen(name) > HOST_NAME_MAX || name[0] == '\0')
        return;
    (void)snprintf(h->name, sizeof(h->name), "%s", name);
    h->changed(h->userdata);
}

static int on_fetched(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    Hostname *h = userdata;
    const char *name;

    h->fetch = sd_bus_slot_unref(h->fetch);
    if (sd_bus_message_is_method_error(reply, NULL))
        log_warning("The system's host name could not be read from systemd-hostnamed, ignoring: %s",
                    sd_bus_message_get_error(reply)->message);
    else if (sd_bus_message_enter_container(reply, 'v', "s") > 0 &&
             sd_bus_message_read(reply, "s", &name) > 0)
        take_name(h, name);
    return 1;
}

int hostname_fetch(Hostname *h)
{
    h->fetch = sd_bus_slot_unref(h->fetch);
    return sd_bus_call_method_async(h->bus, &h->fetch, HOSTNAMED_NAME, HOSTNAMED_PATH,
                                    "org.freedesktop.DBus.Properties", "Get", on_fetched, h, "ss",
                                    HOSTNAMED_NAME, "Hostname");
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    int r = hostname_fetch(userdata);

    if (r < 0)
        log_warning_errno(r, "Failed to ask for the system's host name, ignoring: %m");
    return 0;
}

int hostname_new(Server *server, void (*changed)(void *userdata), void *userdata, Hostname **ret)
{
    _cleanup_(hostname_freep) Hostname *h = calloc(1, sizeof(*h));
    int r;

    if (!h)
        return -ENOMEM;
    h->bus = server_bus(server);
    h->event = server_event(server);
    h->changed = changed;
    h->userdata = userdata;
    /* Good enough until hostnamed has answered: the unit sees the name that was set when it was
     * started. */
    if (gethostname(h->name, sizeof(h->name) - 1) < 0)
        (void)snprintf(h->name, sizeof(h->name), "localhost");
    r = sd_bus_match_signal_async(h->bus, &h->match, HOSTNAMED_NAME, HOSTNAMED_PATH,
                                  "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                  on_changed, NULL, h);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(h);
    return 0;
}

Hostname *hostname_free(Hostname *h)
{
    if (!h)
        return NULL;
    sd_bus_slot_unref(h->match);
    sd_bus_slot_unref(h->fetch);
    for (size_t i = 0; i < ELEMENTSOF(h->calls); i++)
        sd_bus_slot_unref(h->calls[i]);
    sd_event_source_unref(h->retry);
    sd_event_source_unref(h->timer);
    free(h->wanted);
    free(h);
    return NULL;
}

static void call_hostnamed(Hostname *h);

static void stop_waiting(Hostname *h)
{
    hostname_effective_t effective = h->effective;

    h->timer = sd_event_source_unref(h->timer);
    h->effective = NULL;
    if (effective)
        effective(h->waiter);
}

static int on_waited(sd_event_source *source, uint64_t usec, void *userdata)
{
    Hostname *h = userdata;

    log_warning("systemd-hostnamed has not answered about the host name '%s', going on", h->wanted);
    stop_waiting(h);
    return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    call_hostnamed(userdata);
    return 0;
}

static void try_later(Hostname *h)
{
    int r = 0;

    if (!h->retry)
        r = sd_event_add_time_relative(h->event, &h->retry, CLOCK_MONOTONIC,
                                       RETRY_USEC << h->attempts, 0, on_retry, h);
    if (r < 0)
        log_warning_errno(r, "Failed to arrange another attempt, ignoring: %m");
}

static int on_set(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    Hostname *h = userdata;
    bool again = h->attempts < ATTEMPTS_MAX;

    if (h->unanswered > 0)
        h->unanswered--;
    if (sd_bus_message_is_method_error(reply, NULL)) {
        log_warning("systemd-hostnamed did not take the host name '%s', %s: %s", h->wanted,
                    again ? "trying again" : "ignoring", sd_bus_message_get_error(reply)->message);
        if (again)
            try_later(h);
    }
    if (h->unanswered == 0)
        stop_waiting(h);
    return 1;
}

static void call_hostnamed(Hostname *h)
{
    h->attempts++;
    h->retry = sd_event_source_unref(h->retry);
    h->unanswered = 0;
    for (size_t i = 0; i < ELEMENTSOF(set_methods); i++) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r = sd_bus_message_new_method_call(h->bus, &call, HOSTNAMED_NAME, HOSTNAMED_PATH,
                                               HOSTNAMED_NAME, set_methods[i]);

        /* What an earlier name's call still has to say is of no interest any more. */
        h->calls[i] = sd_bus_slot_unref(h->calls[i]);
        if (r >= 0)
            r = sd_bus_message_append(call, "sb", h->wanted, false);
        if (r >= 0)
            r = sd_bus_call_async(h->bus, &h->calls[i], call, on_set, h, TIMEOUT_USEC);
        if (r < 0)
            log_warning_errno(r, "Failed to call systemd-hostnamed, ignoring: %m");
        else
            h->unanswered++;
    }
}

int hostname_set(Hostname *h, const char *name, hostname_effective_t effective, void *userdata)
{
    char *wanted = strdup(name);
    int r;

    if (!wanted)
        return log_error_errno(-ENOMEM, "Out of memory, the host name stays as it is");
    free(h->wanted);
    h->wanted = wanted;
    h->attempts = 0;
    call_hostnamed(h);
    if (!effective || h->unanswered == 0)
        return 0;
    h->timer = sd_event_source_unref(h->timer);
    r = sd_event_add_time_relative(h->event, &h->timer, CLOCK_MONOTONIC, EFFECTIVE_TIMEOUT_USEC, 0,
                                   on_waited, h);
    if (r < 0) {
        log_warning_errno(r, "Failed to wait for systemd-hostnamed, going on: %m");
        return 0;
    }
    h->effective = effective;
    h->waiter = userdata;
    return 1;
}

const char *hostname_configured(json_object *system)
{
    const char *name;

    return json_get_string(system, "hostname", &name) < 0 ? NULL : name;
}
