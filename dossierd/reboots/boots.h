/* SPDX-License-Identifier: Apache-2.0 */
/* The boots that the journal knows, and how each came about. */
#pragma once

#include <stdint.h>
#include <systemd/sd-id128.h>

#include "collect.h"
#include "kernel-error.h"

/* Why the system booted; the numbers are our own and are explained in dossier.schema.json. */
typedef enum BootCause {
    BOOT_CAUSE_UNKNOWN = 0,
    BOOT_CAUSE_REBOOT = 1,
    BOOT_CAUSE_POWER_OFF = 2,
    BOOT_CAUSE_HALT = 3,
    BOOT_CAUSE_KEXEC = 4,
    BOOT_CAUSE_UNCLEAN = 5,
} BootCause;

const char *boot_cause_to_string(BootCause cause);

/* How a boot ended, as far as its journal says. */
typedef enum BootEnd {
    BOOT_END_NONE,
    BOOT_END_REBOOT,
    BOOT_END_POWER_OFF,
    BOOT_END_HALT,
    BOOT_END_KEXEC,
    BOOT_END_RUNNING, /* it has not ended */
} BootEnd;

const char *boot_end_to_string(BootEnd end);

typedef struct Boot {
    sd_id128_t id;
    uint64_t first_usec, last_usec; /* of its journal */
    BootEnd end;
    bool shutdown_begun;  /* the service manager came as far as shutdown.target */
    bool journal_stopped; /* the journal was closed, as the last thing that is in it */
    BootCause cause;
    KernelErrors *errors; /* of a boot without an end; NULL when nobody has looked */
} Boot;

#define BOOTS_MAX 4096U
/* Of so many boots without an end, the newest, the kernel's last words are looked for, in so many
 * of its last messages. */
#define BOOTS_ERRORS_MAX 16U
#define BOOT_KERNEL_LINES_MAX 2000U

typedef struct BootList {
    Boot *boots; /* oldest first */
    size_t n;
} BootList;

void boot_list_done(BootList *l);

/* Sorts by time, oldest first, and derives each cause from the end of the boot before it. */
void boots_conclude(Boot *boots, size_t n);

/* Reads the journal below root_fd. -ENODATA when there is no journal that can be read. */
int boots_read(Collect *c, BootList *ret);
