/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange with another node's dossierd, over a connection that passes no descriptors. */
#pragma once

#include <systemd/sd-bus.h>

#include "node-question.h"

#define NODE_REASON_SIZE 256U

/* How it ended. */
typedef struct NodeOutcome {
    const char *code; /* NULL: well */
    char reason[NODE_REASON_SIZE];
} NodeOutcome;

/* bus is started and may not be ready yet. Pieces go to output, which is watched: when its other
 * end is gone, so is the wish. Returns -ENOTCONN when the bus was never reached, or ended without
 * having said why, and another negative errno when nobody listens any more. */
int node_exchange(sd_bus *bus, const Question *q, int output, NodeOutcome *ret);
