/* SPDX-License-Identifier: Apache-2.0 */
/* The files of packages against the digests that the package manager has of them, by
 * chancery-probe-digests (chancery-probe(8)). */
#pragma once

#include "collect.h"
#include "dpkg-status.h"
#include "rpm-header.h"

typedef struct PackageVerifier PackageVerifier;

/* Without somebody who reads the files, that is said, and *ret is NULL: the packages are listed all
 * the same. */
void package_verifier_start(Collect *c, PackageVerifier **ret);
PackageVerifier *package_verifier_free(PackageVerifier *v);
DEFINE_TRIVIAL_CLEANUP_FUNC(PackageVerifier *, package_verifier_free);

/* Writes the member "verification" of an installed package, with an outcome of its own. Returns
 * whether it was looked at as a whole. */
bool package_verify_dpkg(PackageVerifier *v, const DpkgPackage *p);
bool package_verify_rpm(PackageVerifier *v, const RpmSource *header);
