/* SPDX-License-Identifier: Apache-2.0 */
/* keyd's interest in the trustpoints: which key is for what. */
#include "config-owner.h"
#include "json-util.h"
#include "keyd.h"
#include "label.h"
#include "log.h"
#include "names.h"
#include "secure-memory.h"

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
    if (!(streq(name, "ca-keypair") ? key_algorithm_find_certifying(algorithm)
                                    : key_algorithm_find_signing(algorithm)))
        return config_problem(problems, line, "Nothing is signed with %.32s keys here", algorithm);
    if (!label_is_valid(label))
        return config_problem(problems, line, "The label is not one");
    if (streq(algorithm, "dsa"))
        return config_warning(problems, line,
                              "DSA keys of the sizes that there are can be broken; use another "
                              "algorithm");
    return 0;
}

/* Only a warning: what else is configured does not depend on it. */
static int check_secret(const Keyd *k, ConfigProblems *problems, const char *owner,
                        const char *name, json_object *settings, const char *purpose)
{
    const char *words = streq(purpose, SECRET_CLIENT) ? "password" : purpose;
    _cleanup_free_ char *line = NULL;
    _cleanup_secure_free_ char *clear = NULL;
    const char *sealed;

    if (json_get_string(settings, purpose, &sealed) < 0 ||
        (k->secrets && secret_box_unseal(k->secrets, purpose, sealed, &clear) >= 0))
        return 0;
    if (asprintf(&line, "%s %s %s", owner, name, words) < 0) {
        line = NULL;
        return -ENOMEM;
    }
    return config_warning(problems, line,
                          "this password was not sealed by this router, which cannot open it: "
                          "enter it again, with '%s clear'",
                          words);
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

static int check_client_profiles(const Keyd *k, ConfigProblems *problems, json_object *section)
{
    json_object *profiles;
    int r = 0;

    if (json_get_object(section, "client-authentication-profile", &profiles) < 0)
        return 0;
    json_object_object_foreach(profiles, name, settings)
    {
        r = check_secret(k, problems, "client-authentication profile", name, settings,
                         SECRET_CLIENT);
        if (r < 0)
            break;
    }
    return r;
}

static int check_trustpoint(const Keyd *k, ConfigProblems *problems, const char *name,
                            json_object *settings)
{
    static const char owner[] = "crypto ca trustpoint";
    int r;

    r = check_pair(problems, name, settings, "keypair");
    if (r >= 0)
        r = check_pair(problems, name, settings, "ca-keypair");
    if (r >= 0)
        r = check_secret(k, problems, owner, name, settings, SECRET_CHALLENGE);
    if (r >= 0)
        r = check_secret(k, problems, owner, name, settings, SECRET_SFTP);
    return r;
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
    r = check_client_profiles(userdata, problems, section);
    if (r < 0 || json_get_object(section, "trustpoint", &trustpoints) < 0)
        return r < 0 ? r : 0;
    json_object_object_foreach(trustpoints, name, settings)
    {
        r = check_trustpoint(userdata, problems, name, settings);
        if (r < 0)
            return r;
    }
    return check_roles(problems, rights);
}

void rights_changed(Keyd *k)
{
    signing_bus_check_open(k);
    grant_references_update(k);
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
    rights_changed(k);
    log_debug("Trustpoints name %zu keys", key_rights_count(rights));
    return 0;
}

/* --- Grants ----------------------------------------------------------------------------------- */

static int grant_problem(ConfigProblems *problems, const Grant *g, const char *sentence)
{
    _cleanup_free_ char *line = NULL;

    if (asprintf(&line, "crypto key grant %s", g->name) < 0) {
        line = NULL;
        return -ENOMEM;
    }
    return config_problem(problems, line, "%s", sentence);
}

/* One key, one purpose: nothing that was signed for the one can then be taken for the other. */
static bool is_granted_otherwise(const Grants *grants, size_t i)
{
    const Grant *g = grants_get(grants, i);

    for (size_t j = 0; j < i; j++) {
        const Grant *other = grants_get(grants, j);

        if (streq_ptr(other->algorithm, g->algorithm) && streq_ptr(other->label, g->label) &&
            !streq_ptr(other->purpose, g->purpose))
            return true;
    }
    return false;
}

static bool names_somebody(const Grant *g)
{
    return (g->users && json_object_array_length(g->users) > 0) ||
           (g->groups && json_object_array_length(g->groups) > 0);
}

static int check_grant(ConfigProblems *problems, const Grants *grants, size_t i)
{
    const Grant *g = grants_get(grants, i);

    if (!g->algorithm || !g->label || !label_is_valid(g->label))
        return grant_problem(problems, g, "It has to name a keypair");
    if (!key_algorithm_find_certifying(g->algorithm))
        return grant_problem(problems, g, "Nothing is signed with such keys here");
    if (!g->purpose || (!streq(g->purpose, "tls") && !streq(g->purpose, "ssh")))
        return grant_problem(problems, g, "It has to have the purpose tls or ssh");
    if (!names_somebody(g))
        return grant_problem(problems, g, "It has to name a user or a group");
    if (is_granted_otherwise(grants, i))
        return grant_problem(problems, g, "This key is granted for another purpose already");
    return 0;
}

static int check_grants(void *userdata, json_object *section, ConfigProblems *problems)
{
    _cleanup_(grants_freep) Grants *grants = NULL;
    int r;

    r = grants_new(section, &grants);
    if (r == -EBADMSG || r == -E2BIG)
        return config_problem(problems, "crypto key grant",
                              "The grants are not JSON objects, or more than %u", GRANTS_MAX);
    for (size_t i = 0; r >= 0 && i < grants_count(grants); i++)
        r = check_grant(problems, grants, i);
    return r;
}

static int apply_grants(void *userdata, uint64_t commit, json_object *section)
{
    Grants *grants = NULL;
    Keyd *k = userdata;
    int r;

    r = grants_new(section, &grants);
    if (r < 0)
        return r;
    grants_free(k->grants);
    k->grants = grants;
    rights_changed(k);
    return 0;
}

int rights_config_init(Keyd *k)
{
    static const ConfigSection sections[] = {{SECTION_TRUSTPOINTS, check, apply},
                                             {SECTION_GRANTS, check_grants, apply_grants},
                                             {NULL, NULL, NULL}};

    return config_owner_init(k->server, sections, k);
}
