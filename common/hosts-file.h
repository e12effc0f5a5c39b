/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's names of hosts ("domain ipv4 host"): a file in the form of hosts(5) that
 * chancery-hostd writes, and that the C library's source "chancery" and chancery-fetch look into.
 * Needs nothing but the C library: it is loaded into any process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOSTS_FILE_NAME "hosts"
#define HOSTS_FOLDER "/var/lib/chancery-host"
#ifndef HOSTS_FILE /* a test has one of its own */
#define HOSTS_FILE HOSTS_FOLDER "/" HOSTS_FILE_NAME
#endif
#define HOSTS_NAME_MAX 253U

typedef struct HostsEntry {
    int family;
    uint8_t address[16];
    size_t size;      /* of the address */
    const char *name; /* the first one of the line */
} HostsEntry;

/* Returns false when it has seen enough. */
typedef bool (*hosts_entry_t)(const HostsEntry *entry, void *userdata);

/* The lines with that name, or with that address, in the order of the file. A file that is not
 * there has none. What is no line of hosts(5) is passed over. Returns 0 or a negative errno. */
int hosts_file_find_name(const char *path, const char *name, hosts_entry_t found, void *userdata);
int hosts_file_find_address(const char *path, int family, const void *address, size_t size,
                            hosts_entry_t found, void *userdata);
