/* SPDX-License-Identifier: Apache-2.0 */
/* What proc_pid_stat(5) says of a process. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#define PROCESS_NAME_SIZE 64U

typedef struct ProcessStat {
    char name[PROCESS_NAME_SIZE]; /* any bytes */
    dev_t terminal;               /* that controls it; 0 for none */
    uint64_t start;               /* clock ticks since the boot */
} ProcessStat;

/* Returns 0, or -EBADMSG. */
int process_stat_parse(const char *text, ProcessStat *ret);
