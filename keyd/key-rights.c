/* SPDX-License-Identifier: Apache-2.0 */
#include "key-rights.h"

#include "algorithm.h"
#include "json-util.h"
#include "label.h"
#include "names.h"

struct KeyRights {
    json_object *section; /* holds the strings */
    TrustpointKey *keys;
    size_t n_keys;
};

static int add_key(KeyRights *r, const char *trustpoint, const char *algorithm, const char *label,
                   bool is_ca)
{
    TrustpointKey *grown;

    if (!(is_ca ? key_algorithm_find_certifying(algorithm)
                : key_algorithm_find_signing(algorithm)) ||
        !label_is_valid(label))
        return 0;
    grown = reallocarray(r->keys, r->n_keys + 1, sizeof *grown);
    if (!grown)
        return -ENOMEM;
    r->keys = grown;
    r->keys[r->n_keys++] = (TrustpointKey){trustpoint, algorithm, label, is_ca};
    return 0;
}

static int add_pair(KeyRights *r, const char *trustpoint, json_object *settings, const char *name,
                    bool is_ca)
{
    const char *algorithm, *label;
    json_object *pair;

    if (json_get_object(settings, name, &pair) < 0 ||
        json_get_string(pair, "algorithm", &algorithm) < 0 ||
        json_get_string(pair, "label", &label) < 0)
        return 0;
    return add_key(r, trustpoint, algorithm, label, is_ca);
}

static bool enrolls_elsewhere(json_object *settings)
{
    json_object *enrollment;
    const char *url;

    return json_get_object(settings, "enrollment", &enrollment) >= 0 &&
           json_get_string(enrollment, "url", &url) >= 0 && !streq(url, "self");
}

static int add_trustpoint(KeyRights *r, const char *trustpoint, json_object *settings)
{
    const char *label;
    int q;

    q = add_pair(r, trustpoint, settings, "keypair", false);
    if (q >= 0)
        q = add_pair(r, trustpoint, settings, "ca-keypair", true);
    /* The older way to say it, for when there is no keypair. */
    if (q >= 0 && !json_object_object_get_ex(settings, "keypair", NULL)) {
        if (json_get_string(settings, "rsakeypair", &label) >= 0)
            q = add_key(r, trustpoint, "rsa", label, false);
        else if (enrolls_elsewhere(settings))
            q = add_key(r, trustpoint, "rsa", DEFAULT_KEY_LABEL, false);
    }
    return q;
}

int key_rights_new(json_object *section, KeyRights **ret)
{
    _cleanup_(key_rights_freep) KeyRights *r = calloc(1, sizeof *r);
    json_object *trustpoints;
    int q;

    if (!r)
        return -ENOMEM;
    r->section = json_object_get(section);
    q = json_get_object(section, "trustpoint", &trustpoints);
    if (q == -ENOENT) {
        *ret = TAKE_PTR(r);
        return 0;
    }
    if (q < 0)
        return q;
    json_object_object_foreach(trustpoints, name, settings)
    {
        if (!json_object_is_type(settings, json_type_object))
            return -EBADMSG;
        q = add_trustpoint(r, name, settings);
        if (q < 0)
            return q;
    }
    *ret = TAKE_PTR(r);
    return 0;
}

KeyRights *key_rights_free(KeyRights *r)
{
    if (!r)
        return NULL;
    json_object_put(r->section);
    free(r->keys);
    free(r);
    return NULL;
}

size_t key_rights_count(const KeyRights *r)
{
    return r ? r->n_keys : 0;
}

const TrustpointKey *key_rights_get(const KeyRights *r, size_t i)
{
    return &r->keys[i];
}

static bool names_key(const KeyRights *r, const char *algorithm, const char *label, bool as_ca,
                      const char *trustpoint)
{
    for (size_t i = 0; i < key_rights_count(r); i++) {
        const TrustpointKey *k = &r->keys[i];

        if (k->is_ca == as_ca && streq(k->algorithm, algorithm) && streq(k->label, label) &&
            (!trustpoint || streq(k->trustpoint, trustpoint)))
            return true;
    }
    return false;
}

bool key_rights_is_ca(const KeyRights *r, const char *algorithm, const char *label)
{
    return names_key(r, algorithm, label, true, NULL);
}

bool key_rights_is_keypair(const KeyRights *r, const char *algorithm, const char *label)
{
    return names_key(r, algorithm, label, false, NULL);
}

bool key_rights_is_sealer(const KeyRights *r, const char *algorithm, const char *label)
{
    return names_key(r, algorithm, label, false, SYSTEM_TRUSTPOINT) &&
           !key_rights_is_ca(r, algorithm, label);
}
