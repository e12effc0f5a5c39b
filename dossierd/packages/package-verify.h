/* SPDX-License-Identifier: Apache-2.0 */
/* The files of packages against the digests that the package manager has of them, by
 * chancery-probe-digests (chancery-probe@(8)). */
#pragma once

#include "dpkg-status.h"
#include "json-util.h"

typedef struct PackageVerifier PackageVerifier;

/* fd: to a chancery-probe-digests; taken over. rate: bytes a second that may be read, 0 for no
 * limit. */
int package_verifier_new(int root_fd, int fd, uint64_t rate, bool (*should_stop)(void *userdata),
                         void *userdata, PackageVerifier **ret);
PackageVerifier *package_verifier_free(PackageVerifier *v);
DEFINE_TRIVIAL_CLEANUP_FUNC(PackageVerifier *, package_verifier_free);

/* Writes the member "verification" of a package that dpkg has installed, with an outcome of its
 * own. Returns whether it was looked at as a whole. */
bool package_verify_dpkg(PackageVerifier *v, JsonWriter *w, const DpkgPackage *p);
