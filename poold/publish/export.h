/* SPDX-License-Identifier: Apache-2.0 */
/* The active pool as other programs read it. */
#pragma once

#include "authority.h"

#define EXPORT_FILE "ca-bundle.pem"
#define EXPORT_FOLDER "certs"
#define EXPORT_TRUST_FILE "ca-bundle.p11-kit"

/* Writes all into the folder: one file with all certificates, a folder of OpenSSL's kind with a
 * file for each, and a trust source in p11-kit's form, which has the dates of distrust. Each of
 * them is either the old or the new one at any time. Returns 0 or a negative errno. */
int export_pool(int dirfd, const AuthorityList *active);
/* What the one file holds: concatenated PEM, each under its subject as a comment. 0 or -ENOMEM. */
int export_bundle(const AuthorityList *active, char **ret, size_t *ret_size);
/* What the trust source holds; see trust-source.h. 0 or -ENOMEM. */
int export_trust_source(const AuthorityList *active, char **ret, size_t *ret_size);
