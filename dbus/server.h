/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of every daemon: event loop, bus name, authorisation before any handler runs, watchdog,
 * LogControl1, the sandbox as the last step of start-up.
 *
 * A main() is a ServerDescription and a call of server_run(). Handlers run in the main loop and
 * never block: work that can take longer than a few milliseconds (key generation, signing through
 * keyd, collecting, waiting for a server) is a job with a worker thread, see job.h. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "bus-interface.h"
#include "sandbox.h"

typedef struct Server Server;

typedef struct ServerDescription {
    const char *name;        /* "keyd" */
    const char *description; /* one line for --help */
    const char *bus_name;    /* KEYS_NAME */
    const char *root_path;   /* KEYS_PATH; an ObjectManager is there */
    const Sandbox *sandbox;
    /* Reads state and registers objects. userdata is what *ret points to afterwards. */
    int (*start)(Server *server, void **ret);
    /* After the sandbox is in force and the bus name is owned; may be NULL. */
    int (*ready)(Server *server, void *userdata);
    void (*stop)(void *userdata);
} ServerDescription;

/* Runs the daemon until SIGTERM or SIGINT. Understands --help and --version. Returns an exit
 * status. */
int server_run(const ServerDescription *description, int argc, char *argv[]);

sd_bus *server_bus(Server *server);
sd_event *server_event(Server *server);
const char *server_root_path(Server *server);

/* Puts an interface at one object. */
int server_add_object(Server *server, const char *path, const BusInterface *interface,
                      void *userdata);

/* Puts an interface at all objects below a prefix. find: as sd_bus_object_find_t: returns > 0 and
 * sets *ret_found when the object exists and, for interfaces with owner access, the sender of
 * sd_bus_get_current_message() may use it, 0 when there is none. enumerate may be NULL for objects
 * that GetManagedObjects does not list (jobs, sessions). */
int server_add_objects(Server *server, const char *prefix, const BusInterface *interface,
                       sd_bus_object_find_t find, sd_bus_node_enumerator_t enumerate,
                       void *userdata);

/* --- Who is asking ---------------------------------------------------------------------------- */

/* The sender's effective uid as the bus knows it. */
int bus_sender_uid(sd_bus_message *m, uid_t *ret);

/* The sender's user name, or its uid in decimal when it has no name. The caller frees. */
int bus_sender_name(sd_bus_message *m, char **ret);

/* True when the sender is one of the daemons in the list ("enrolld dossierd"), by user. */
bool bus_sender_is_daemon(sd_bus_message *m, const char *daemons);

/* For handlers of members with access "dynamic": are all the tasks held? tasks: "pkg-mgmt.read",
 * ..., ends with NULL. details: alternating names and values that polkit is told and that the grant
 * is bound to; NULL for none. Returns 1 when granted. Returns 0 when polkit is being asked: the
 * handler returns 1 at once, having changed nothing, and is called again from the top with the same
 * message. Returns a negative errno, with reterr_error naming the missing task, when refused or on
 * any doubt (polkit away, slow or failing; the caller gone; other tasks or details than were asked
 * about: -ESTALE). */
int bus_authorize(sd_bus_message *m, const char *const *tasks, const char *const *details,
                  sd_bus_error *reterr_error);

/* For handlers of members with the annotation org.chancery.Asks: does the sender hold that task
 * too? What is shown depends on it. False on any doubt. */
bool bus_sender_may(sd_bus_message *m);

/* --- Small conveniences ----------------------------------------------------------------------- */

/* Object path of the child of prefix that stands for the given key: label or number, escaped as
 * sd_bus_path_encode() does. */
int bus_object_path(const char *prefix, const char *external_id, char **ret);

/* Reads an a{sv} of options at the current position of m. spec is a table; an option that is not in
 * it, or has another type, is refused with ERROR_INVALID_ARGUMENT naming it. */
typedef struct BusOption {
    const char *name;
    char type;    /* 's', 'b', 'u', 't', or 'A' for ay */
    void *target; /* const char **, bool *, uint32_t *, uint64_t *, struct iovec * ; borrowed from
                     the message */
    bool *given;  /* may be NULL */
} BusOption;
int bus_read_options(sd_bus_message *m, const BusOption *options, size_t n,
                     sd_bus_error *reterr_error);

/* Appends one {sv} entry with a basic type to an open a{sv}. */
int bus_append_entry(sd_bus_message *m, const char *name, const char *type, ...);
