/* SPDX-License-Identifier: Apache-2.0 */
/* Conveniences around sd-bus: options, object paths, and org.freedesktop.LogControl1. */
#include "server-internal.h"

#include <stdarg.h>
#include <sys/uio.h>

#include "errors.h"
#include "log.h"

int bus_object_path(const char *prefix, const char *external_id, char **ret)
{
    return sd_bus_path_encode(prefix, external_id, ret);
}

static const BusOption *option_find(const BusOption *options, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (streq(options[i].name, name))
            return &options[i];
    return NULL;
}

static int option_read(sd_bus_message *m, const BusOption *option)
{
    const char *contents;
    char expected[3] = {option->type == 'A' ? 'a' : option->type, option->type == 'A' ? 'y' : 0, 0};
    int r, flag;

    r = sd_bus_message_peek_type(m, NULL, &contents);
    if (r <= 0 || !streq_ptr(contents, expected))
        return -EINVAL;
    r = sd_bus_message_enter_container(m, 'v', expected);
    if (r < 0)
        return r;
    if (option->type == 'A') {
        const void *data;
        size_t size;

        r = sd_bus_message_read_array(m, 'y', &data, &size);
        if (r >= 0)
            *(struct iovec *)option->target =
                (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    } else if (option->type == 'b') {
        r = sd_bus_message_read_basic(m, 'b', &flag);
        if (r >= 0)
            *(bool *)option->target = flag;
    } else
        r = sd_bus_message_read_basic(m, option->type, option->target);
    if (r < 0)
        return r;
    if (option->given)
        *option->given = true;
    return sd_bus_message_exit_container(m);
}

int bus_read_options(sd_bus_message *m, const BusOption *options, size_t n,
                     sd_bus_error *reterr_error)
{
    int r;

    r = sd_bus_message_enter_container(m, 'a', "{sv}");
    if (r < 0)
        return r;
    while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        const BusOption *option;
        const char *name;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
            return r;
        option = option_find(options, n, name);
        if (!option)
            return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                     "There is no option '%.64s' here", name);
        r = option_read(m, option);
        if (r < 0)
            return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                     "The option '%s' has the wrong type", name);
        r = sd_bus_message_exit_container(m);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return r;
    return sd_bus_message_exit_container(m);
}

int bus_append_entry(sd_bus_message *m, const char *name, const char *type, ...)
{
    va_list ap;
    int r;

    r = sd_bus_message_open_container(m, 'e', "sv");
    if (r >= 0)
        r = sd_bus_message_append(m, "s", name);
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'v', type);
    if (r < 0)
        return r;
    va_start(ap, type);
    r = sd_bus_message_appendv(m, type, ap);
    va_end(ap);
    if (r >= 0)
        r = sd_bus_message_close_container(m);
    if (r >= 0)
        r = sd_bus_message_close_container(m);
    return r;
}

static const char *const level_names[] = {"emerg",   "alert",  "crit", "err",
                                          "warning", "notice", "info", "debug"};

static int log_control_get_level(sd_bus *bus, const char *path, const char *interface,
                                 const char *property, sd_bus_message *reply, void *userdata,
                                 sd_bus_error *reterr_error)
{
    return sd_bus_message_append(reply, "s", level_names[log_get_max_level()]);
}

static int log_control_set_level(sd_bus *bus, const char *path, const char *interface,
                                 const char *property, sd_bus_message *value, void *userdata,
                                 sd_bus_error *reterr_error)
{
    const char *name;
    int r = sd_bus_message_read(value, "s", &name);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ELEMENTSOF(level_names); i++)
        if (streq(level_names[i], name)) {
            log_set_max_level((int)i);
            return 0;
        }
    return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT, "There is no log level '%.32s'",
                             name);
}

static int log_control_get_target(sd_bus *bus, const char *path, const char *interface,
                                  const char *property, sd_bus_message *reply, void *userdata,
                                  sd_bus_error *reterr_error)
{
    return sd_bus_message_append(reply, "s", "journal");
}

static int log_control_get_identifier(sd_bus *bus, const char *path, const char *interface,
                                      const char *property, sd_bus_message *reply, void *userdata,
                                      sd_bus_error *reterr_error)
{
    Server *server = userdata;

    return sd_bus_message_append(reply, "s", server->description->name);
}

static const sd_bus_vtable log_control_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_WRITABLE_PROPERTY("LogLevel", "s", log_control_get_level, log_control_set_level, 0,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_PROPERTY("LogTarget", "s", log_control_get_target, 0, 0),
    SD_BUS_PROPERTY("SyslogIdentifier", "s", log_control_get_identifier, 0,
                    SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_VTABLE_END,
};

int log_control_init(Server *server)
{
    return sd_bus_add_object_vtable(server->bus, NULL, "/org/freedesktop/LogControl1",
                                    "org.freedesktop.LogControl1", log_control_vtable, server);
}
