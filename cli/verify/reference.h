/* SPDX-License-Identifier: Apache-2.0 */
/* Reference values: which packages and files of a dossier are not what the vendor's list says. */
#pragma once

#include "findings.h"

#define REFERENCE_SIZE_MAX (256U * 1024 * 1024)

typedef struct Reference Reference;

/* {"packages": {"dpkg": [{"name", "version", "architecture"}], "rpm": [...]},
 *  "files": [{"path", "sha256"}], "folders": ["/usr"], "platforms": {"TYPE": {...}}}; every member
 * may be missing. In these folders there is nothing but what the list has. A platform of that type
 * is judged by its own members, and by no others. -EBADMSG with a static reason. */
int reference_parse(const char *text, size_t size, Reference **ret, const char **ret_reason);
Reference *reference_free(Reference *r);
DEFINE_TRIVIAL_CLEANUP_FUNC(Reference *, reference_free);

/* Does any of the lists judge files? */
bool reference_has_files(const Reference *r);

/* One dossier against the list. Thread-safe. */
typedef struct ReferenceCheck ReferenceCheck;

ReferenceCheck *reference_check_new(const Reference *r);
ReferenceCheck *reference_check_free(ReferenceCheck *c);
DEFINE_TRIVIAL_CLEANUP_FUNC(ReferenceCheck *, reference_check_free);

/* A dossier whose blocks of the inventory come before those of the one that is judged; the oldest
 * first. -EBADMSG when the payload does not parse. */
int reference_check_add(ReferenceCheck *c, const void *payload, size_t size);

/* ret->list: an array of {"node", "kind", "name" (or "name-base64"), "problem", "expected",
 * "found"}, at most max, empty when all is as the list says. A package has to be in the dossier; a
 * file is judged wherever there is a digest of it. Each other node in the dossier is judged by
 * itself, with its name in "node"; one that could not be collected whole is a finding. The same
 * errors. */
int reference_check_finish(ReferenceCheck *c, const void *payload, size_t size, uint64_t max,
                           Findings *ret);
