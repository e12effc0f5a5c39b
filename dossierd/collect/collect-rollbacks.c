/* SPDX-License-Identifier: Apache-2.0 */
/* rollback-history: the commits of the configuration, asked of policyd over a connection of our own
 * (the caller is a worker). */
#include <systemd/sd-bus.h>

#include "collect.h"
#include "names.h"

#define CALL_TIMEOUT_USEC (15 * UINT64_C(1000000))

/* One entry of a commit: only what we know by name and type passes. */
static int write_entry(JsonWriter *w, sd_bus_message *m, const char *name, const char *type)
{
    static const struct {
        const char *name, *member;
    } strings[] = {
        {"user", "user-id"}, {"line", "line"},       {"client", "client-name"},
        {"label", "label"},  {"comment", "comment"},
    };
    uint64_t number;
    const char *text;
    int r;

    if (streq(type, "t") && (streq(name, "id") || streq(name, "time"))) {
        r = sd_bus_message_read_basic(m, 't', &number);
        if (r < 0)
            return r;
        if (streq(name, "id"))
            json_write_stringf(w, "commit-id", "%llu", (unsigned long long)number);
        else
            json_write_time(w, "timestamp", number);
        return 0;
    }
    for (size_t i = 0; i < ELEMENTSOF(strings); i++) {
        if (!streq(type, "s") || !streq(name, strings[i].name))
            continue;
        r = sd_bus_message_read_basic(m, 's', &text);
        if (r >= 0)
            json_write_bytes(w, strings[i].member, text, strlen(text));
        return r;
    }
    return sd_bus_message_skip(m, type);
}

static int write_commit(JsonWriter *w, sd_bus_message *m)
{
    const char *name, *type;
    int r;

    while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        r = sd_bus_message_read_basic(m, 's', &name);
        if (r >= 0)
            r = sd_bus_message_peek_type(m, NULL, &type);
        if (r >= 0)
            r = sd_bus_message_enter_container(m, 'v', type);
        if (r >= 0)
            r = write_entry(w, m, name, type);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
        if (r < 0)
            return r;
    }
    return r;
}

static int write_commits(Collect *c, sd_bus_message *m)
{
    int r;

    r = sd_bus_message_enter_container(m, 'a', "a{sv}");
    if (r < 0)
        return r;
    while (!collect_should_stop(c) && (r = sd_bus_message_enter_container(m, 'a', "{sv}")) > 0) {
        json_begin_object(c->writer, NULL);
        r = write_commit(c->writer, m);
        json_end_object(c->writer);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
        if (r < 0)
            return r;
        c->n_good++;
    }
    return r;
}

void collect_rollbacks(Collect *c)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r;

    r = sd_bus_open_system(&bus);
    if (r < 0) {
        collect_result_errno(c, r, "The system bus could not be reached");
        return;
    }
    r = sd_bus_message_new_method_call(bus, &call, POLICY_NAME, POLICY_PATH, POLICY_NAME,
                                       "ListCommits");
    if (r >= 0)
        r = sd_bus_message_append(call, "u", 0U);
    if (r >= 0)
        r = sd_bus_call(bus, call, CALL_TIMEOUT_USEC, &error, &reply);
    if (r < 0) {
        collect_result(c, r == -ETIMEDOUT ? RESULT_TIMEOUT : RESULT_FAILED,
                       "policyd did not list the commits: %s",
                       error.message ? error.message : strerror(-r));
        return;
    }
    json_begin_array(c->writer, "commits");
    r = write_commits(c, reply);
    json_end_array(c->writer);
    if (r < 0)
        collect_result(c, RESULT_FAILED, "The answer of policyd was not understood");
}
