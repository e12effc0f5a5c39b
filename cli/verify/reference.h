/* SPDX-License-Identifier: Apache-2.0 */
/* Reference values: which packages and files of a dossier are not what the vendor's list says. */
#pragma once

#include "json-util.h"

#define REFERENCE_SIZE_MAX (256U * 1024 * 1024)

typedef struct Reference Reference;

/* {"packages": {"dpkg": [{"name", "version", "architecture"}], "rpm": [...]},
 *  "files": [{"path", "sha256"}], "folders": ["/usr"]}; every member may be missing. In these
 * folders there is nothing but what the list has. -EBADMSG with a static reason. */
int reference_parse(const char *text, size_t size, Reference **ret, const char **ret_reason);
Reference *reference_free(Reference *r);
DEFINE_TRIVIAL_CLEANUP_FUNC(Reference *, reference_free);

/* *ret: an array of {"kind", "name", "problem", "expected", "found"}, empty when all is as the list
 * says. A package has to be in the dossier; a file is judged wherever the dossier has a digest of
 * it. -EBADMSG when the payload does not parse. Thread-safe. */
int reference_check(const Reference *r, const void *payload, size_t size, json_object **ret);
