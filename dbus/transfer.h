/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors as arguments and answers of methods, whether the caller's connection can pass them or
 * not: in the ".Plain" twin of an interface, which generate.py makes of the methods with the
 * annotation org.chancery.Plain, an object of org.chancery.Transfer1 stands in their place. */
#pragma once

#include "server.h"

/* To be called once, in the start function of daemons that have such methods. */
int transfers_init(Server *server);

/* The next argument: a descriptor of the caller's own of this method, open for reading (O_RDONLY)
 * or writing (O_WRONLY) where it comes from a transfer; what else came is for the handler to check.
 * The content of a transfer is a sealed memory file. A pipe's end is taken once: not before
 * everything is authorised. */
int bus_read_descriptor(sd_bus_message *m, int access_mode, int *ret, sd_bus_error *reterr_error);

/* Appends a sealed memory file to the answer to m, or a transfer that reads it. */
int bus_append_descriptor(sd_bus_message *reply, sd_bus_message *m, int fd);

/* Answers m with nothing but that. */
int bus_reply_descriptor(sd_bus_message *m, int fd);
