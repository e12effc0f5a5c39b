/* SPDX-License-Identifier: Apache-2.0 */
/* The vendor's list, as it is in memory. */
#pragma once

#include "reference.h"

#define N_MANAGERS 2U
#define REFERENCE_KEY_SIZE 1024U
#define SHA256_HEX 64U

extern const char *const reference_managers[N_MANAGERS];

typedef struct ReferencePlatform {
    char *name;
    Reference *list; /* without platforms of its own */
} ReferencePlatform;

struct Reference {
    /* of each manager: NAME or NAME:ARCHITECTURE to an array of versions; NULL when not listed */
    json_object *packages[N_MANAGERS];
    json_object *files;   /* path to digest; NULL when no file is judged */
    json_object *folders; /* array of paths without a slash at the end */
    ReferencePlatform *platforms;
    size_t n_platforms;
};

/* Packages by key; several versions of one (kernels) stand side by side. -EBADMSG for one without
 * a name or a version. */
int reference_index_package(json_object *index, json_object *package);

/* Is there anything in it, but for the platforms? */
bool reference_judges(const Reference *r);
/* The list for a platform (NULL: one that is not known): its own, or the one for all others; NULL
 * when there is neither. */
const Reference *reference_of(const Reference *r, const char *platform);
