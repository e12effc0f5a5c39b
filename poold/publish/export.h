/* SPDX-License-Identifier: Apache-2.0 */
/* The active pool as other programs read it. */
#pragma once

#include "authority.h"

#define EXPORT_FILE "ca-bundle.pem"
#define EXPORT_FOLDER "certs"

/* Writes both into the folder: one file with all certificates, and a folder of OpenSSL's kind with
 * a file for each. Each of them is either the old or the new one at any time. Returns 0 or a
 * negative errno. */
int export_pool(int dirfd, const AuthorityList *active);
/* What the one file holds: concatenated PEM, each under its subject as a comment. 0 or -ENOMEM. */
int export_bundle(const AuthorityList *active, char **ret, size_t *ret_size);
