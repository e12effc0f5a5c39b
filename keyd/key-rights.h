/* SPDX-License-Identifier: Apache-2.0 */
/* What each key may do, as the configuration of trustpoints says. A key that no trustpoint names
 * does nothing. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

typedef struct KeyRights KeyRights;

typedef struct TrustpointKey {
    const char *trustpoint; /* all borrowed from the rights */
    const char *algorithm;
    const char *label;
    bool is_ca; /* ca-keypair, else keypair */
} TrustpointKey;

/* Reads the section "trustpoints". What it does not know, or what is no key, names none: -EBADMSG
 * only for a section that is not an object of objects. */
int key_rights_new(json_object *section, KeyRights **ret);
KeyRights *key_rights_free(KeyRights *r);
DEFINE_TRIVIAL_CLEANUP_FUNC(KeyRights *, key_rights_free);

size_t key_rights_count(const KeyRights *r);
const TrustpointKey *key_rights_get(const KeyRights *r, size_t i);

/* rights may be NULL: none. */
bool key_rights_is_ca(const KeyRights *r, const char *algorithm, const char *label);
bool key_rights_is_keypair(const KeyRights *r, const char *algorithm, const char *label);
/* The keypair of the system trustpoint, and no trustpoint's CA: the one that seals dossiers. */
bool key_rights_is_sealer(const KeyRights *r, const char *algorithm, const char *label);
