/* SPDX-License-Identifier: Apache-2.0 */
/* keyd's interest in the trustpoints: which key is for what. */
#include "config-owner.h"
#include "json-util.h"
#include "keyd.h"
#include "label.h"
#include "log.h"
#include "names.h"

static int check_pair(ConfigProblems *problems, const char *trustpoint, json_object *settings,
                      const char *name)
{
    _cleanup_free_ char *line = NULL;
    const char *algorithm, *label;
    json_object *pair;

    if (!json_object_object_get_ex(settings, name, &pair))
        return 0;
    if (asprintf(&line, "crypto ca trustpoint %s %s", trustpoint, name) < 0) {
        line = NULL;
        return -ENOMEM;
    }
    if (json_get_string(pair, "algorithm", &algorithm) < 0 ||
        json_get_string(pair, "label", &label) < 0)
        return config_problem(problems, line, "It has to have an algorithm and a label");
    if (!key_algorithm_find_signing(algorithm))
        return config_problem(problems, line, "Nothing is signed with %.32s keys here", algorithm);
    if (!label_is_valid(label))
        return config_problem(problems, line, "The label is not one");
    return 0;
}

/* A key that makes certificates must not also be certified by one, nor seal: whoever may have the
 * one signed could forge the other. */
static int check_roles(ConfigProblems *problems, const KeyRights *rights)
{
    for (size_t i = 0; i < key_rights_count(rights); i++) {
        const TrustpointKey *key = key_rights_get(rights, i);
        _cleanup_free_ char *line = NULL;
        int r;

        if (!key->is_ca || !key_rights_is_keypair(rights, key->algorithm, key->label))
            continue;
        if (asprintf(&line, "crypto ca trustpoint %s ca-keypair %s %s", key->trustpoint,
                     key->algorithm, key->label) < 0) {
            line = NULL;
            return -ENOMEM;
        }
        r = config_problem(
            problems, line,
            "This key is also the keypair of a trustpoint; the CA key has to be another one");
        if (r < 0)
            return r;
    }
    return 0;
}

static int check(void *userdata, json_object *section, ConfigProblems *problems)
{
    _cleanup_(key_rights_freep) KeyRights *rights = NULL;
    json_object *trustpoints;
    int r;

    r = key_rights_new(section, &rights);
    if (r == -EBADMSG)
        return config_problem(problems, "crypto ca trustpoint",
                              "The trustpoints are not JSON objects");
    if (r < 0)
        return r;
    if (json_get_object(section, "trustpoint", &trustpoints) < 0)
        return 0;
    json_object_object_foreach(trustpoints, name, settings)
    {
        r = check_pair(problems, name, settings, "keypair");
        if (r >= 0)
            r = check_pair(problems, name, settings, "ca-keypair");
        if (r < 0)
            return r;
    }
    return check_roles(problems, rights);
}

static int apply(void *userdata, uint64_t commit, json_object *section)
{
    KeyRights *rights = NULL;
    Keyd *k = userdata;
    int r;

    r = key_rights_new(section, &rights);
    if (r < 0)
        return r;
    key_rights_free(k->rights);
    k->rights = rights;
    signing_bus_check_channels(k);
    log_debug("Trustpoints name %zu keys", key_rights_count(rights));
    return 0;
}

int rights_config_init(Keyd *k)
{
    static const ConfigSection sections[] = {{SECTION_TRUSTPOINTS, check, apply},
                                             {NULL, NULL, NULL}};

    return config_owner_init(k->server, sections, k);
}
