/* SPDX-License-Identifier: Apache-2.0 */
/* Which terminal a process is controlled from. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#define TERMINAL_NAME_SIZE 32U

typedef struct ProcessTerminal {
    char name[TERMINAL_NAME_SIZE]; /* below /dev */
    uint64_t began;                /* when the process did: clock ticks since the boot */
} ProcessTerminal;

/* -ENOTTY when it has none, -ESRCH when it is gone. */
int process_terminal(pid_t pid, ProcessTerminal *ret);
