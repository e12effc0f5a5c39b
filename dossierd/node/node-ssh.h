/* SPDX-License-Identifier: Apache-2.0 */
/* ssh to another node, with systemd's bridge to the bus at its end. */
#pragma once

#include "node-question.h"

/* Starts it; *ret_bus is a stream to the bus there, *ret_errors to read what ssh has to say. */
int ssh_start(const Question *q, int *ret_bus, int *ret_errors);

/* The last line that ssh has said, without what is no visible ASCII; "" when there is none. */
void ssh_last_words(int errors, char *buffer, size_t size);
