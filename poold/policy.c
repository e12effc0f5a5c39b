/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration section "trustpool", all of it optional: {"rsa-1024-disable": true, "policy":
 * {"description": text, "cabundle-url": URL, "cabundle-signer": fingerprint,
 * "cabundle-host-key": fingerprint, "cabundle-shrink-limit": per cent, "crl-optional": true,
 * "export-system": true, "vrf": name}}. */
#include "policy.h"

#include <ctype.h>

#include "fetch-url.h"
#include "json-util.h"
#include "names.h"
#include "poold.h"
#include "system-trust.h"

#define LINE_POLICY "crypto ca trustpool policy"
#define FINGERPRINT_LENGTH 64U

int poold_check_url(const char *url, const char **ret_reason)
{
    if (strlen(url) > URL_MAX) {
        *ret_reason = "the URL is longer than 800 characters";
        return -EINVAL;
    }
    return fetch_url_check_unattended(url, ret_reason);
}

Policy *policy_free(Policy *policy)
{
    if (policy) {
        free(policy->url);
        free(policy->signer);
        free(policy->host_key);
        free(policy->description);
        free(policy);
    }
    return NULL;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* problems is NULL for what has been checked before. */
static int problem(ConfigProblems *problems, const char *line, const char *reason)
{
    int r = problems ? config_problem(problems, line, "%s", reason) : -EBADMSG;

    return r < 0 ? r : 0;
}

/* Returns 1 when it is there. */
static int get_text(json_object *o, const char *name, const char *line, char **ret,
                    ConfigProblems *problems)
{
    const char *text;
    int r = json_get_string(o, name, &text);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return problem(problems, line, "it is not text");
    *ret = strdup(text);
    return *ret ? 1 : -ENOMEM;
}

static bool is_description(const char *text)
{
    size_t length = strlen(text);

    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return false;
    return length >= 1 && length <= DESCRIPTION_MAX;
}

/* In the form of CertificateSummary: upper case. */
static bool take_fingerprint(char *text)
{
    if (strlen(text) != FINGERPRINT_LENGTH)
        return false;
    for (char *p = text; *p; p++) {
        if (!isxdigit((unsigned char)*p))
            return false;
        *p = (char)toupper((unsigned char)*p);
    }
    return true;
}

static int read_shrink_limit(json_object *o, Policy *policy, ConfigProblems *problems)
{
    uint64_t percent;
    int r = json_get_uint64(o, "cabundle-shrink-limit", &percent);

    if (r == -ENOENT)
        return 0;
    if (r < 0 || percent > 100)
        return problem(problems, LINE_POLICY " cabundle shrink-limit",
                       "the limit is a percentage from 0 to 100");
    policy->shrink_limit = (unsigned)percent;
    return 0;
}

static int read_cabundle(json_object *o, Policy *policy, ConfigProblems *problems)
{
    const char *reason;
    int r;

    r = get_text(o, "cabundle-url", LINE_POLICY " cabundle url", &policy->url, problems);
    if (r > 0 && poold_check_url(policy->url, &reason) < 0)
        r = problem(problems, LINE_POLICY " cabundle url", reason);
    if (r >= 0)
        r = get_text(o, "cabundle-signer", LINE_POLICY " cabundle signer", &policy->signer,
                     problems);
    if (r > 0 && !take_fingerprint(policy->signer))
        r = problem(problems, LINE_POLICY " cabundle signer",
                    "a SHA-256 fingerprint has 64 hex digits");
    if (r >= 0)
        r = get_text(o, "cabundle-host-key", LINE_POLICY " cabundle host-key", &policy->host_key,
                     problems);
    if (r > 0 && !fetch_host_key_is_valid(policy->host_key))
        r = problem(problems, LINE_POLICY " cabundle host-key",
                    "the fingerprint of a host key is SHA256: and 43 characters, as ssh-keygen -l "
                    "shows it");
    return r < 0 ? r : read_shrink_limit(o, policy, problems);
}

static int read_vrf(json_object *o, Policy *policy, ConfigProblems *problems)
{
    _cleanup_free_ char *name = NULL;
    int r = get_text(o, "vrf", LINE_POLICY " vrf", &name, problems);

    if (r <= 0)
        return r;
    if (!interface_name_is_valid(name))
        return problem(problems, LINE_POLICY " vrf",
                       "the name of a VRF's interface has 1 to 15 characters");
    (void)snprintf(policy->route.device, sizeof policy->route.device, "%s", name);
    return 0;
}

static int read_policy(json_object *o, Policy *policy, ConfigProblems *problems)
{
    static const char *const members[] = {"cabundle-url",
                                          "cabundle-signer",
                                          "cabundle-host-key",
                                          "cabundle-shrink-limit",
                                          "crl-optional",
                                          "export-system",
                                          "description",
                                          "vrf",
                                          NULL};
    int r;

    if (json_only_members(o, members) < 0)
        return problem(problems, LINE_POLICY, "the policy has lines that are not known here");
    r = json_get_bool(o, "crl-optional", &policy->crl_optional);
    if (r < 0 && r != -ENOENT)
        return problem(problems, LINE_POLICY " crl optional", "it is not true");
    r = json_get_bool(o, "export-system", &policy->export_system);
    if (r < 0 && r != -ENOENT)
        return problem(problems, LINE_POLICY " export system", "it is not true");
    if (policy->export_system && problems && access(SYSTEM_TRUST_TOOL, X_OK) < 0)
        return problem(problems, LINE_POLICY " export system",
                       "this system has no " SYSTEM_TRUST_TOOL);
    r = get_text(o, "description", LINE_POLICY " description", &policy->description, problems);
    if (r > 0 && !is_description(policy->description))
        r = problem(problems, LINE_POLICY " description",
                    "a description has 1 to 80 printable characters");
    if (r >= 0)
        r = read_vrf(o, policy, problems);
    return r < 0 ? r : read_cabundle(o, policy, problems);
}

static int read_section(json_object *section, Policy *policy, ConfigProblems *problems)
{
    static const char *const members[] = {"policy", "rsa-1024-disable", NULL};
    json_object *o;
    int r;

    if (json_only_members(section, members) < 0)
        return problem(problems, "crypto ca trustpool", "there is only a policy here");
    r = json_get_bool(section, "rsa-1024-disable", &policy->refuse_weak);
    if (r < 0 && r != -ENOENT)
        return problem(problems, "crypto ca rsa 1024 disable", "it is not true");
    r = json_get_object(section, "policy", &o);
    if (r == -ENOENT)
        return 0;
    return r < 0 ? problem(problems, LINE_POLICY, "the policy is not an object")
                 : read_policy(o, policy, problems);
}

Policy *policy_new(void)
{
    Policy *policy = calloc(1, sizeof *policy);

    if (policy)
        policy->shrink_limit = SHRINK_LIMIT_DEFAULT;
    return policy;
}

/* Of what comes by these nobody knows who sent it. */
static bool is_anonymous(const char *url)
{
    static const char *const schemes[] = {"http://", "ftp://", "tftp://"};

    for (size_t i = 0; i < ELEMENTSOF(schemes); i++)
        if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}

static int check(void *userdata, json_object *section, ConfigProblems *problems)
{
    _cleanup_(policy_freep) Policy *policy = policy_new();
    int r = policy ? read_section(section, policy, problems) : -ENOMEM;

    if (r >= 0 && policy->url && is_anonymous(policy->url) && !policy->signer)
        r = config_warning(problems, LINE_POLICY " cabundle url",
                           "Who is on the way can put CAs into the pool; use https, or name the "
                           "'cabundle signer'");
    if (r >= 0 && policy->crl_optional)
        r = config_warning(problems, LINE_POLICY " crl optional",
                           "Who keeps the CRL away keeps revoked certificates good");
    return r;
}

static int apply(void *userdata, uint64_t commit, json_object *section)
{
    _cleanup_(policy_freep) Policy *policy = policy_new();
    int r;

    r = policy ? read_section(section, policy, NULL) : -ENOMEM;
    return r < 0 ? r : poold_apply(userdata, TAKE_PTR(policy));
}

/* enrolld has checked it. */
static int apply_access(void *userdata, uint64_t commit, json_object *section)
{
    Poold *poold = userdata;

    return fetch_access_read(section, NULL, NULL, &poold->access);
}

const ConfigSection poold_config_sections[] = {
    {SECTION_TRUSTPOOL, check, apply},
    {SECTION_ACCESS, NULL, apply_access},
    {NULL, NULL, NULL},
};
