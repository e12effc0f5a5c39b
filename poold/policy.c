/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration section "trustpool": {"policy": {"description": text, "cabundle-url": URL}}, all of it optional. */
#include "fetch-client.h"
#include "json-util.h"
#include "names.h"
#include "poold.h"

#define LINE_POLICY "crypto ca trustpool policy"

int poold_check_url(const char *url, const char **ret_reason)
{
    if (strlen(url) > URL_MAX) {
        *ret_reason = "the URL is longer than 800 characters";
        return -EINVAL;
    }
    return fetch_url_check(url, ret_reason);
}

static int check_text(json_object *policy, const char *name, const char **ret, ConfigProblems *problems)
{
    int r = json_get_string(policy, name, ret);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return config_problem(problems, LINE_POLICY, "%s is not text", name);
    return 1;
}

static bool is_description(const char *text)
{
    size_t length = strlen(text);

    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return false;
    return length >= 1 && length <= DESCRIPTION_MAX;
}

static int check_policy(json_object *policy, ConfigProblems *problems)
{
    static const char *const members[] = {"cabundle-url", "description", NULL};
    const char *text, *reason;
    int r;

    if (json_only_members(policy, members) < 0)
        return config_problem(problems, LINE_POLICY, "the policy has lines that are not known here");
    r = check_text(policy, "description", &text, problems);
    if (r > 0 && !is_description(text))
        r = config_problem(problems, LINE_POLICY " description", "a description has 1 to 80 printable characters");
    if (r < 0)
        return r;
    r = check_text(policy, "cabundle-url", &text, problems);
    if (r > 0 && poold_check_url(text, &reason) < 0)
        r = config_problem(problems, LINE_POLICY " cabundle url", "%s", reason);
    return r < 0 ? r : 0;
}

static int check(void *userdata, json_object *section, ConfigProblems *problems)
{
    static const char *const members[] = {"policy", NULL};
    json_object *policy;
    int r;

    if (json_only_members(section, members) < 0)
        return config_problem(problems, "crypto ca trustpool", "there is only a policy here");
    r = json_get_object(section, "policy", &policy);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return config_problem(problems, LINE_POLICY, "the policy is not an object");
    return check_policy(policy, problems);
}

/* The description is for people, the URL is for whoever starts an import: neither changes what this daemon does by itself. */
static int apply(void *userdata, uint64_t commit, json_object *section)
{
    return 0;
}

const ConfigSection poold_config_sections[] = {
    {SECTION_TRUSTPOOL, check, apply},
    {NULL, NULL, NULL},
};
