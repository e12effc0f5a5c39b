/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration section "dossier", all of it optional: {"nonce-minimum-length": bytes,
 * "filesystem-inventory": see snapshot-config.h, "node": see node-table.h}. */
#include "dossier-bus.h"
#include "json-util.h"
#include "names.h"
#include "node-table.h"
#include "nonce.h"
#include "snapshots.h"

#define LINE "crypto envelope nonce minimum-length"

/* problems is NULL for what has been checked before. */
static int problem(ConfigProblems *problems, const char *line, const char *reason)
{
    int r = problems ? config_problem(problems, line, "%s", reason) : -EBADMSG;

    return r < 0 ? r : 0;
}

static int read_section(json_object *section, unsigned *ret_minimum, ConfigProblems *problems)
{
    static const char *const members[] = {"nonce-minimum-length", "filesystem-inventory", "node",
                                          NULL};
    uint64_t minimum = 0;
    int r;

    if (json_only_members(section, members) < 0)
        return problem(problems, LINE, "there is something unknown beside it");
    r = json_get_uint64(section, "nonce-minimum-length", &minimum);
    if (r < 0 && r != -ENOENT)
        return problem(problems, LINE, "it is not a number");
    if (r >= 0 && (minimum < 1 || minimum > NONCE_BYTES_MAX))
        return problem(problems, LINE, "a nonce has 1 to 64 bytes");
    *ret_minimum = (unsigned)minimum;
    return 0;
}

static json_object *part_of(json_object *section, const char *name)
{
    json_object *o;

    return json_get_object(section, name, &o) < 0 ? NULL : o;
}

static int check(void *userdata, json_object *section, ConfigProblems *problems)
{
    unsigned minimum = 0;
    int r;

    r = read_section(section, &minimum, problems);
    if (r >= 0)
        r = node_table_check(part_of(section, "node"), problems);
    return r < 0 ? r : snapshots_check(part_of(section, "filesystem-inventory"), problems);
}

static int apply(void *userdata, uint64_t commit, json_object *section)
{
    Manager *manager = userdata;
    int r = read_section(section, &manager->nonce_minimum, NULL);

    json_object_put(manager->nodes);
    manager->nodes = json_object_get(part_of(section, "node"));
    return r < 0 ? r
                 : snapshots_apply(manager->snapshots, part_of(section, "filesystem-inventory"));
}

const ConfigSection dossier_config_sections[] = {{SECTION_DOSSIER, check, apply},
                                                 {NULL, NULL, NULL}};
