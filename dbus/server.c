/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a daemon: command line, event loop, bus, state, sandbox, name, ready, loop, stop. */
#include "server-internal.h"

#include <signal.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "errors.h"
#include "log.h"
#include "service-program.h"

sd_bus *server_bus(Server *server)
{
    return server->bus;
}

sd_event *server_event(Server *server)
{
    return server->event;
}

const char *server_root_path(Server *server)
{
    return server->description->root_path;
}

static int server_register(Server *server, const BusInterface *interface)
{
    Registration *reg;

    for (reg = server->interfaces; reg; reg = reg->next)
        if (reg->interface == interface)
            return 0;
    reg = malloc(sizeof *reg);
    if (!reg)
        return -ENOMEM;
    *reg = (Registration){interface, server->interfaces};
    server->interfaces = reg;
    return 0;
}

int server_add_object(Server *server, const char *path, const BusInterface *interface,
                      void *userdata)
{
    int r = server_register(server, interface);

    if (r >= 0)
        r = sd_bus_add_object_vtable(server->bus, NULL, path, interface->name, interface->vtable,
                                     userdata);
    if (r >= 0 && interface->plain)
        r = server_add_object(server, path, interface->plain, userdata);
    return r;
}

int server_add_objects(Server *server, const char *prefix, const BusInterface *interface,
                       sd_bus_object_find_t find, sd_bus_node_enumerator_t enumerate,
                       void *userdata)
{
    int r = server_register(server, interface);

    if (r >= 0)
        r = sd_bus_add_fallback_vtable(server->bus, NULL, prefix, interface->name,
                                       interface->vtable, find, userdata);
    if (r >= 0 && interface->plain)
        r = server_add_objects(server, prefix, interface->plain, find, NULL, userdata);
    if (r >= 0 && enumerate)
        r = sd_bus_add_node_enumerator(server->bus, NULL, prefix, enumerate, userdata);
    return r;
}

static int server_open(Server *server)
{
    int r;

    r = sd_event_default(&server->event);
    if (r < 0)
        return log_error_errno(r, "Failed to make the event loop: %m");
    r = sd_event_set_signal_exit(server->event, true);
    if (r >= 0)
        r = sd_event_set_watchdog(server->event, true);
    if (r < 0)
        return log_error_errno(r, "Failed to set up signals and watchdog: %m");
    r = sd_bus_open_system_with_description(&server->bus, server->description->name);
    if (r < 0)
        return log_error_errno(r, "Failed to connect to the system bus: %m");
    r = sd_bus_set_exit_on_disconnect(server->bus, true);
    if (r >= 0)
        r = sd_bus_attach_event(server->bus, server->event, SD_EVENT_PRIORITY_NORMAL);
    if (r >= 0)
        r = errors_register();
    if (r >= 0)
        r = sd_bus_add_object_manager(server->bus, NULL, server->description->root_path);
    if (r >= 0)
        r = authorize_init(server);
    if (r >= 0)
        r = log_control_init(server);
    return r < 0 ? log_error_errno(r, "Failed to set up the bus connection: %m") : 0;
}

/* The daemon's last privileges go before its name is taken: nobody ever talks to it unconfined. */
static int server_confine(const ServerDescription *description)
{
    static const LogEvent event = {LOG_SANDBOX};
    int r;

    /* The journal's socket is opened by the first message, which has to come before the sandbox. */
    log_debug("Entering the sandbox");
    r = sandbox_enter(description->sandbox);
    if (r < 0)
        return log_error_errno(r, "Failed to enter the sandbox, refusing to start: %m");
    log_event(
        &event,
        LOG_FIELDS("LANDLOCK", sandbox_has_landlock() ? "1" : "0", "SECCOMP", r == 0 ? "1" : "0"),
        "Confined: seccomp %s, Landlock %s", r == 0 ? "on" : "off (build for sanitizers)",
        sandbox_has_landlock() ? "on" : "not offered by this kernel");
    return 0;
}

static int server_serve(Server *server)
{
    const ServerDescription *description = server->description;
    int r;

    r = server_open(server);
    if (r < 0)
        return r;
    r = description->start(server, &server->userdata);
    if (r < 0)
        return log_error_errno(r, "Failed to start: %m");
    r = server_confine(description);
    if (r < 0)
        return r;
    r = sd_bus_request_name(server->bus, description->bus_name, 0);
    if (r < 0)
        return log_error_errno(r, "Failed to take the bus name %s: %m", description->bus_name);
    if (description->ready) {
        r = description->ready(server, server->userdata);
        if (r < 0)
            return log_error_errno(r, "Failed to get ready: %m");
    }
    (void)sd_notify(false, "READY=1");
    return sd_event_loop(server->event);
}

static void server_stop(Server *server)
{
    (void)sd_notify(false, "STOPPING=1");
    config_owner_done(server);
    jobs_done(server);
    transfers_done(server);
    authorize_done(server);
    if (server->userdata && server->description->stop)
        server->description->stop(server->userdata);
    sd_bus_flush_close_unref(server->bus);
    sd_event_unref(server->event);
    while (server->interfaces) {
        Registration *next = server->interfaces->next;

        free(server->interfaces);
        server->interfaces = next;
    }
}

int server_run(const ServerDescription *description, int argc, char *argv[])
{
    Server server = {.description = description};
    int r;

    r = service_arguments(description->name, NULL, description->description, argc, argv);
    if (r <= 0)
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    (void)umask(0077);
    (void)signal(SIGPIPE, SIG_IGN);
    log_open(description->name);
    r = server_serve(&server);
    server_stop(&server);
    return r < 0 ? EXIT_FAILURE : r;
}
