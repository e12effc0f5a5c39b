/* SPDX-License-Identifier: Apache-2.0 */
/* What generate.py makes of one interface of dbus/ *.xml: the sd-bus vtable and, in the same table,
 * who may call.
 *
 * For the interface org.chancery.Keys1.Key the generated header is "org.chancery.Keys1.h" (one for
 * each XML file), the table is keys1_key_interface, and the daemon defines what the header
 * declares: int keys1_method_generate(sd_bus_message *m, void *userdata, sd_bus_error
 * *reterr_error); int keys1_key_get_label(sd_bus *bus, const char *path, const char *interface,
 * const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error); A
 * member without a task annotation stops the generator; a member without a handler does not link.
 */
#pragma once

#include <systemd/sd-bus.h>

typedef enum BusAccess {
    BUS_ACCESS_DAEMONS, /* the daemons in callers, and nobody else */
    BUS_ACCESS_TASK,    /* the daemons in callers, and whoever polkit grants the task */
    BUS_ACCESS_DYNAMIC, /* the handler asks, with bus_authorize() */
    BUS_ACCESS_OWNER,   /* the object's owner; the object's find function has checked it */
    BUS_ACCESS_OPEN,    /* everybody */
} BusAccess;

typedef struct BusMember {
    const char *name;
    BusAccess access;
    const char *task;    /* "crypto.execute" or NULL */
    const char *callers; /* "enrolld dossierd" or NULL */
    const char *asks;    /* a task that decides how much is shown, see bus_sender_may(); or NULL */
} BusMember;

typedef struct BusInterface {
    const char *name;
    const sd_bus_vtable *vtable;
    const BusMember *methods;         /* ends with a NULL name */
    const BusMember *properties;      /* those that differ from read; ends with a NULL name */
    BusMember read;                   /* for properties and GetManagedObjects */
    const struct BusInterface *plain; /* its twin without descriptors, see transfer.h; or NULL */
} BusInterface;
