/* SPDX-License-Identifier: Apache-2.0 */
/* Which users of the system may use which key for what, as the configuration says (crypto key
 * grant): one key, one purpose, some users and groups. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cleanup.h"

#define GRANTS_MAX 256U

typedef struct Grants Grants;

typedef struct Grant {
    const char *name; /* all borrowed from the grants; the others are NULL when they are not said */
    const char *algorithm, *label;
    const char *purpose; /* "tls", "ssh" */
    json_object *users, *groups;
} Grant;

/* Reads the section "grants". -EBADMSG for one that is not an object of objects, -E2BIG. */
int grants_new(json_object *section, Grants **ret);
Grants *grants_free(Grants *g);
DEFINE_TRIVIAL_CLEANUP_FUNC(Grants *, grants_free);

size_t grants_count(const Grants *g);
const Grant *grants_get(const Grants *g, size_t i);

typedef struct GrantUser {
    char name[256];
    gid_t gid;
} GrantUser;

/* Who is it, by the system's files? false: nobody, whom nothing is granted. */
bool grant_user_find(uid_t uid, GrantUser *ret);

/* May this user? g may be NULL: nobody may. Looks groups up in the system's files where some are
 * named. */
bool grants_allow(const Grants *g, const GrantUser *user, const char *algorithm, const char *label,
                  const char *purpose);
