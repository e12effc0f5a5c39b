/* SPDX-License-Identifier: Apache-2.0 */
/* What is not the same in two dossiers of one device. */
#pragma once

#include "findings.h"

/* Both payloads are dossiers. ret->list: an array of {"node", "path", "change", "old", "new"}, in
 * the order of the newer dossier, at most max; empty when nothing differs. change: "added",
 * "removed", "changed"; "not-compared" is another node of which either dossier is not whole. The
 * dossiers of other nodes are compared as these are, each difference with the name of its node.
 * Members of a list are told apart by what names them (a package by name and architecture, a boot
 * by its identity), not by their place. What differs in any two dossiers (times of collection,
 * nonces, signatures over them, uptime) is left out. -EBADMSG when one does not parse. */
int compare_dossiers(const void *old, size_t old_size, const void *new, size_t new_size,
                     uint64_t max, Findings *ret);
