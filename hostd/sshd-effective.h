/* SPDX-License-Identifier: Apache-2.0 */
/* What "sshd -T" says would hold, against what the configuration wants to hold. */
#pragma once

#include <stddef.h>

#include "services.h"

#define SSHD_OUTPUT_MAX (1U << 20)

/* Called with a line of the configuration and why it would have no effect; a negative return ends
 * it and is returned. */
typedef int (*sshd_problem_t)(const char *line, const char *reason, void *userdata);

/* Returns 0 when the text was understood, whatever it says. */
int sshd_effective_check(const char *text, size_t size, const Services *services,
                         sshd_problem_t problem, void *userdata);

/* The same reason for each line that sshd has to carry out. */
int sshd_every_line(const Services *services, const char *reason, sshd_problem_t problem,
                    void *userdata);
