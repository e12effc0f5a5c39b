/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of this subsystem in the system's journal, as JSON, one object on each line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct LogQuery {
    uint32_t last;       /* only so many, the newest; 0: all */
    uint64_t since;      /* microseconds since the epoch; 0: from the first one on */
    uint64_t until;      /* 0: to the last one */
    uint32_t priority;   /* of this level and worse ones; 7: all */
    const char *process; /* "keyd"; NULL: all */
    const char *text;    /* that is in the message; NULL: all */
    /* May be NULL. */
    bool (*is_cancelled)(void *userdata);
    void *userdata;
} LogQuery;

/* Splits "%SECURITY-CEPKI-6-KEY_GENERATED : text": the length of the mnemonic (without "%"), and
 * where the text begins. 0 when the message has none. */
size_t log_mnemonic(const char *message, size_t size, size_t *ret_text);

/* Writes them to fd, oldest first. root_fd: whose journal. */
int log_read(int root_fd, const LogQuery *query, int fd, uint64_t *ret_messages);
