/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration section "dossier", all of it optional: {"nonce-minimum-length": bytes}. */
#include "dossier-bus.h"
#include "json-util.h"
#include "names.h"
#include "nonce.h"

#define LINE "crypto envelope nonce minimum-length"

/* problems is NULL for what has been checked before. */
static int problem(ConfigProblems *problems, const char *line, const char *reason)
{
    int r = problems ? config_problem(problems, line, "%s", reason) : -EBADMSG;

    return r < 0 ? r : 0;
}

static int read_section(json_object *section, unsigned *ret_minimum, ConfigProblems *problems)
{
    static const char *const members[] = {"nonce-minimum-length", NULL};
    uint64_t minimum = 0;
    int r;

    if (json_only_members(section, members) < 0)
        return problem(problems, "crypto envelope", "there is only the nonce's length here");
    r = json_get_uint64(section, "nonce-minimum-length", &minimum);
    if (r < 0 && r != -ENOENT)
        return problem(problems, LINE, "it is not a number");
    if (r >= 0 && (minimum < 1 || minimum > NONCE_BYTES_MAX))
        return problem(problems, LINE, "a nonce has 1 to 64 bytes");
    *ret_minimum = (unsigned)minimum;
    return 0;
}

static int check(void *userdata, json_object *section, ConfigProblems *problems)
{
    unsigned minimum = 0;

    return read_section(section, &minimum, problems);
}

static int apply(void *userdata, uint64_t commit, json_object *section)
{
    Manager *manager = userdata;

    return read_section(section, &manager->nonce_minimum, NULL);
}

const ConfigSection dossier_config_sections[] = {{SECTION_DOSSIER, check, apply},
                                                 {NULL, NULL, NULL}};
