/* SPDX-License-Identifier: Apache-2.0 */
#include "payload-scan.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "json-scan.h"

#define DOSSIER_MODEL_NAME "urn:chancery:dossier"

/* One member of the outermost object. What other nodes have sent is judged as theirs. */
static bool take_member(JsonScan *s, PayloadInfo *info, bool seen[2], JsonNames *names)
{
    const uint8_t *name, *value;
    size_t name_size, value_size;
    JsonScan ahead;
    int which;

    if (!json_scan_string(s, &name, &name_size) || !json_scan_take(s, ':'))
        return false;
    json_names_add(names, 0, name, name_size);
    which = json_scan_equals(name, name_size, "model-name") ? 0
            : json_scan_equals(name, name_size, "nonce")    ? 1
                                                            : -1;
    /* An escape could spell a name, or the model, in a way that only other readers see. */
    if (memmem(name, name_size, "\\u", 2))
        info->is_dossier = info->is_doubtful = true;
    if (which >= 0) {
        if (seen[which])
            info->is_doubtful = true;
        seen[which] = true;
        ahead = *s;
        if (json_scan_string(&ahead, &value, &value_size)) {
            if (which == 0 && memchr(value, '\\', value_size))
                info->is_dossier = info->is_doubtful = true;
            else if (which == 0)
                info->is_dossier |= json_scan_equals(value, value_size, DOSSIER_MODEL_NAME);
            else if (value_size < sizeof info->nonce && !memchr(value, '\\', value_size)) {
                memcpy(info->nonce, value, value_size);
                info->nonce[value_size] = 0;
            } else
                info->is_doubtful = true;
        } else
            info->is_doubtful = true;
    }
    return json_scan_equals(name, name_size, "nodes") ? json_scan_value(s)
                                                      : json_scan_value_named(s, names);
}

int payload_scan(const void *data, size_t size, PayloadInfo *ret)
{
    JsonScan s = {data, (const uint8_t *)data + size};
    PayloadInfo info = {.is_json = false};
    _cleanup_(json_names_done) JsonNames names = {.names = NULL};
    bool seen[2] = {false, false};

    if (json_scan_take(&s, '{')) {
        bool good = json_scan_take(&s, '}');

        if (!good) {
            do
                good = take_member(&s, &info, seen, &names);
            while (good && json_scan_take(&s, ','));
            json_names_end(&names, 0);
            good = good && json_scan_take(&s, '}');
        }
        info.is_json = good;
    } else
        info.is_json = json_scan_value(&s);
    json_scan_blanks(&s);
    if (s.position != s.end)
        info.is_json = false;
    if (info.is_dossier && names.failed)
        return -ENOMEM;
    if (info.is_dossier && (!info.is_json || names.ambiguous))
        info.is_doubtful = true;
    *ret = info;
    return 0;
}
