/* SPDX-License-Identifier: Apache-2.0 */
/* Between dossierd and chancery-node@(8). The question is one JSON object, and the end: "target"
 * (the node's object in the configuration), "selectors", and "nonce" and
 * "filesystem-inventory-options" as Collect takes them. The answer is the dossier in pieces, each
 * after its size (32 bits, big-endian), a size of zero, and one JSON object: empty when all went
 * well, else "result-code" and "reason". */
#pragma once

#define NODE_SOCKET "/run/chancery/node"
#define NODE_CONTAINER_SOCKET "/run/chancery/node-container"

#define NODE_QUESTION_MAX (16U << 10)
#define NODE_PIECE_MAX (256U << 10)
#define NODE_OUTCOME_MAX (4U << 10)
