/* SPDX-License-Identifier: Apache-2.0 */
/* Which package a path belongs to, as the package managers' databases say. */
#pragma once

#include "inventory-record.h"

typedef struct PackageOwners PackageOwners;
/* Reads the databases below root_fd; what cannot be read is left out. */
int package_owners_new(int root_fd, PackageOwners **ret);
PackageOwners *package_owners_free(PackageOwners *o);
DEFINE_TRIVIAL_CLEANUP_FUNC(PackageOwners *, package_owners_free);
/* Fills in package_kind, package and version; nothing when no package has the path, or several
 * have it. The texts stay as long as the owners. */
void package_owners_find(const PackageOwners *o, InventoryRecord *r);
