/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Policy1: who holds which task. */
#include "org.chancery.Policy1.h"

#include <pwd.h>

#include "aaa-view.h"
#include "errors.h"
#include "json-util.h"
#include "memfd.h"
#include "names.h"
#include "policy.h"
#include "transfer.h"

static int reply_document(sd_bus_message *m, const char *name, json_object *o)
{
    const char *text =
        json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    _cleanup_close_ int fd = text ? policy_bus_memfd(name, text) : -ENOMEM;

    return fd < 0 ? fd : bus_reply_descriptor(m, fd);
}

int policy1_method_list_groups(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_json_ json_object *section = NULL, *view = NULL;
    _cleanup_(aaa_freep) Aaa *aaa = NULL;
    const Policy *policy = userdata;
    const char *kind, *name;
    int r = sd_bus_message_read(m, "ss", &kind, &name);

    if (r >= 0)
        r = policy_compile_aaa(policy, &section, &aaa);
    if (r < 0)
        return r;
    r = aaa_view(aaa, section, kind, name, &view);
    if (r == -EINVAL)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The kind is 'taskgroup', 'usergroup' or 'user'");
    if (r == -ENOENT)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT, "There is no %s '%.64s'",
                                 streq(kind, "taskgroup")   ? "task group"
                                 : streq(kind, "usergroup") ? "user group"
                                                            : "user of the configuration",
                                 name);
    return r < 0 ? r : reply_document(m, "groups", view);
}

int policy1_method_list_tasks(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(m, &reply);

    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(ss)");
    for (size_t i = 0; r >= 0 && i < TASK_COUNT; i++)
        r = sd_bus_message_append(reply, "(ss)", tasks[i].name, tasks[i].description);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

int policy1_method_get_own_rights(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_json_ json_object *section = NULL, *view = NULL;
    _cleanup_(aaa_freep) Aaa *aaa = NULL;
    _cleanup_free_ char *name = NULL;
    Policy *policy = userdata;
    struct passwd entry, *found = NULL;
    char buffer[4096];
    uid_t uid;
    int r = bus_sender_uid(m, &uid);

    if (r >= 0)
        r = policy_sender_name(policy, m, &name);
    if (r >= 0)
        r = policy_compile_aaa(policy, &section, &aaa);
    if (r < 0)
        return r;
    (void)getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found);
    /* polkit refuses root nothing. */
    r = aaa_view_user(aaa, name, uid == 0 ? "root-system" : NULL, found ? found->pw_gid : (gid_t)-1,
                      "/etc/group", &view);
    return r < 0 ? r : reply_document(m, "rights", view);
}
