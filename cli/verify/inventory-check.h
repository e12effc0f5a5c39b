/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of blocks of the filesystem inventory, in one dossier or over several of one device: is
 * each block what its digest says, and does each follow the one before? */
#pragma once

#include "json-util.h"

/* What is found beyond is not told. */
#define INVENTORY_PROBLEMS_MAX 1000U

typedef struct InventoryCheck InventoryCheck;

InventoryCheck *inventory_check_new(void);
InventoryCheck *inventory_check_free(InventoryCheck *c);
DEFINE_TRIVIAL_CLEANUP_FUNC(InventoryCheck *, inventory_check_free);

/* In the order in which they were collected. source: how the envelope is called in what is found,
 * NULL for the one that is judged; time: of its signature. A dossier without an inventory adds
 * nothing. -EBADMSG when the inventory is not of the form that it should have, -E2BIG. */
int inventory_check_add(InventoryCheck *c, const char *source, int64_t time, const void *payload,
                        size_t size);

/* The same of a dossier of another node, as the router calls it. */
int inventory_check_add_node(InventoryCheck *c, const char *node, const char *source, int64_t time,
                             const void *payload, size_t size);

/* whole: of each node, everything from its first to its last block has to be here. *ret: {"nodes":
 * [{"node", "first-block", "last-block", "from", "to", "blocks", "files", "whole"}], "problems":
 * [{"node", "block", "problem", "reason", "envelope"}]}, or NULL when no dossier has an
 * inventory. */
int inventory_check_finish(InventoryCheck *c, bool whole, json_object **ret);
