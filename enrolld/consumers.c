/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers.h"

#include <poll.h>
#include <systemd/sd-bus.h>

#include "bus-call.h"
#include "fetch-client.h"
#include "received.h"

#define MANAGER_NAME "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"
/* As long as systemd itself gives a unit. */
#define RELOAD_TIMEOUT_USEC (UINT64_C(100) * 1000000)
#define PROBE_TIMEOUT_SECONDS 10U
/* With pauses of 1, 2, 4 and 8 seconds. */
#define PROBE_TRIES 5U
#define PROBE_PAUSE_MS 1000
#define PROBE_REPLY_MAX 65536U

static int explain(char reason[CONSUMER_REASON_SIZE], int r, const char *format, ...)
    _printf_(3, 4);

static int explain(char reason[CONSUMER_REASON_SIZE], int r, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(reason, CONSUMER_REASON_SIZE, format, ap);
    va_end(ap);
    return r;
}

/* --- Units ------------------------------------------------------------------------------------ */

typedef struct Reload {
    char *job;
    char result[32];
} Reload;

static int on_removed(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const char *path, *unit, *result;
    Reload *reload = userdata;
    uint32_t id;

    if (reload->job && sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) >= 0 &&
        streq(path, reload->job))
        (void)snprintf(reload->result, sizeof(reload->result), "%s", result);
    return 0;
}

/* The signal may come before the answer, which says what to look for: both are read here. */
static int start_reload(sd_bus *bus, const char *unit, Reload *reload,
                        char reason[CONSUMER_REASON_SIZE])
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *path;
    int r;

    r = sd_bus_match_signal(bus, NULL, MANAGER_NAME, MANAGER_PATH, MANAGER_INTERFACE, "JobRemoved",
                            on_removed, reload);
    if (r >= 0)
        r = sd_bus_call_method(bus, MANAGER_NAME, MANAGER_PATH, MANAGER_INTERFACE, "Subscribe",
                               NULL, NULL, NULL);
    if (r >= 0)
        r = sd_bus_call_method(bus, MANAGER_NAME, MANAGER_PATH, MANAGER_INTERFACE,
                               "ReloadOrTryRestartUnit", &error, &reply, "ss", unit, "replace");
    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &path);
    if (r < 0)
        return explain(reason, r, "%s cannot be reloaded: %s", unit,
                       error.message ? error.message : strerror(-r));
    reload->job = strdup(path);
    return reload->job ? 0 : -ENOMEM;
}

static int wait_for_end(sd_bus *bus, const Reload *reload, int cancel_fd)
{
    uint64_t end = bus_call_end(RELOAD_TIMEOUT_USEC);
    int r = 0;

    while (r >= 0 && !reload->result[0]) {
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = bus_call_wait(bus, cancel_fd, end);
    }
    return r < 0 ? r : 0;
}

int consumer_reload(const char *unit, int cancel_fd, char reason[CONSUMER_REASON_SIZE])
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    Reload reload = {.job = NULL};
    int r;

    r = sd_bus_open_system_with_description(&bus, "consumers");
    if (r < 0)
        return explain(reason, r, "%s cannot be reloaded: %s", unit, strerror(-r));
    r = start_reload(bus, unit, &reload, reason);
    if (r >= 0) {
        r = wait_for_end(bus, &reload, cancel_fd);
        if (r == -ECANCELED)
            (void)explain(reason, r, "%s was not waited for", unit);
        else if (r < 0)
            (void)explain(reason, r, "%s was not reloaded in time", unit);
        else if (!streq(reload.result, "done") && !streq(reload.result, "skipped"))
            r = explain(reason, -EIO, "the reload of %s failed: %s", unit, reload.result);
    }
    free(reload.job);
    return r;
}

/* --- Addresses -------------------------------------------------------------------------------- */

/* 1 when it is the one. */
static int dial(const char *url, const char *address, const void *der, size_t size, int cancel_fd,
                char reason[CONSUMER_REASON_SIZE])
{
    _cleanup_(fetch_reply_done) FetchReply reply = {.status = 0};
    _cleanup_(received_done) ReceivedList list = {.n = 0};
    const char *why = "";
    int r;

    r = fetch(&(FetchRequest){.url = url,
                              .probe = true,
                              .size_max = PROBE_REPLY_MAX,
                              .timeout_seconds = PROBE_TIMEOUT_SECONDS},
              cancel_fd, &reply);
    if (r == -ECANCELED)
        return r;
    if (r < 0)
        return explain(reason, 0, "%s does not answer: %s", address,
                       reply.error ? reply.error : strerror(-r));
    r = received_parse(reply.body, reply.body_size, &list, &why);
    if (r < 0 || list.n == 0)
        return explain(reason, 0, "%s shows no certificate that can be read: %s", address, why);
    if (list.items[0].size == size && memcmp(list.items[0].der, der, size) == 0)
        return 1;
    return explain(reason, 0, "%s still shows another certificate", address);
}

int consumer_probe(const char *address, const void *der, size_t size, int cancel_fd,
                   char reason[CONSUMER_REASON_SIZE])
{
    _cleanup_free_ char *url = NULL;

    if (asprintf(&url, "https://%s/", address) < 0) {
        url = NULL;
        return -ENOMEM;
    }
    for (unsigned i = 0; i < PROBE_TRIES; i++) {
        struct pollfd p = {.fd = cancel_fd, .events = POLLIN};
        int r = dial(url, address, der, size, cancel_fd, reason);

        if (r != 0)
            return r < 0 ? r : 0;
        if (i + 1 < PROBE_TRIES && poll(&p, 1, PROBE_PAUSE_MS << i) > 0)
            return -ECANCELED;
    }
    return -EHOSTUNREACH;
}
