/* SPDX-License-Identifier: Apache-2.0 */
#include "owners.h"

#include "config-tree.h"
#include "json-util.h"
#include "log.h"
#include "memfd.h"
#include "names.h"

const Owner owners[OWNERS] = {
    {SECTION_SYSTEM, ENROLLMENT_NAME, ENROLLMENT_PATH, "enrolld"},
    {SECTION_TRUSTPOINTS, ENROLLMENT_NAME, ENROLLMENT_PATH, "enrolld"},
    {SECTION_ACCESS, ENROLLMENT_NAME, ENROLLMENT_PATH, "enrolld"},
    {SECTION_TRUSTPOINTS, KEYS_NAME, KEYS_PATH, "keyd"},
    {SECTION_GRANTS, KEYS_NAME, KEYS_PATH, "keyd"},
    {SECTION_TRUSTPOOL, TRUSTPOOL_NAME, TRUSTPOOL_PATH, "poold"},
    {SECTION_ACCESS, TRUSTPOOL_NAME, TRUSTPOOL_PATH, "poold"},
    {SECTION_DOSSIER, DOSSIER_NAME, DOSSIER_PATH, "dossierd"},
    {SECTION_SYSTEM, HOST_NAME, HOST_PATH, "hostd"},
    {SECTION_SERVICES, HOST_NAME, HOST_PATH, "hostd"},
};

bool section_differs(json_object *a, json_object *b, const char *section)
{
    _cleanup_json_ json_object *x = config_section(a, section), *y = config_section(b, section);

    return !x || !y || !json_object_equal(x, y);
}

static int section_memfd(json_object *root, const char *section)
{
    _cleanup_json_ json_object *o = config_section(root, section);
    _cleanup_free_ char *text = o ? config_canonical_text(o) : NULL;

    return text ? memfd_new_sealed(section, text, strlen(text)) : -ENOMEM;
}

int owner_message(sd_bus *bus, const Owner *owner, const char *method, json_object *root,
                  uint64_t commit, sd_bus_message **ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    _cleanup_close_ int fd = section_memfd(root, owner->section);
    int r;

    if (fd < 0)
        return fd;
    r = sd_bus_message_new_method_call(bus, &call, owner->name, owner->path, CONFIG_OWNER_INTERFACE,
                                       method);
    if (r >= 0)
        r = sd_bus_message_append(call, "s", owner->section);
    if (r >= 0 && streq(method, "Apply"))
        r = sd_bus_message_append(call, "t", commit);
    if (r >= 0)
        r = sd_bus_message_append(call, "h", fd);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(call);
    return 0;
}

static int on_reapplied(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    const Owner *owner = userdata;

    if (sd_bus_message_is_method_error(reply, NULL))
        log_debug("%s was not told about section %s: %s", owner->daemon, owner->section,
                  sd_bus_message_get_error(reply)->message);
    return 1;
}

int owners_reapply(sd_bus *bus, const CommitStore *store)
{
    json_object *running = commit_store_running(store);
    const uint64_t id = commit_store_last_id(store);

    for (size_t i = 0; id > 0 && i < OWNERS; i++) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r = owner_message(bus, &owners[i], "Apply", running, id, &call);

        /* Those that are not there ask when they start. */
        if (r >= 0)
            r = sd_bus_message_set_auto_start(call, false);
        if (r >= 0)
            r = sd_bus_call_async(bus, NULL, call, on_reapplied, (void *)(uintptr_t)&owners[i],
                                  APPLY_TIMEOUT_USEC);
        if (r < 0)
            return r;
    }
    return 0;
}
