/* SPDX-License-Identifier: Apache-2.0 */
/* Of which trustpoints the records cannot be read now, and trying once more. */
#include "trustpoint.h"

static bool is_file_of(const Trustpoint *t, const char *file)
{
    char name[RECORD_FILE_NAME_SIZE];

    return record_file_name(t->name, name) >= 0 && streq(name, file);
}

const UnreadRecord *trustpoint_unread(const Trustpoint *t)
{
    for (size_t i = 0; !t->record.name && i < t->set->n_unread; i++)
        if (is_file_of(t, t->set->unread[i].file))
            return &t->set->unread[i];
    return NULL;
}

static Trustpoint *find_by_file(const Trustpoints *t, const char *file)
{
    for (Trustpoint *trustpoint = t->first; trustpoint; trustpoint = trustpoint->next)
        if (is_file_of(trustpoint, file))
            return trustpoint;
    return NULL;
}

static bool is_unread(int error)
{
    return error < 0 && error != -EBADMSG && error != -ENOENT;
}

static void tell_change(Trustpoints *t, Trustpoint *trustpoint, bool known,
                        trustpoint_changed_t changed, void *userdata)
{
    if (!trustpoint)
        return;
    if (trustpoint->config || trustpoint->record.name) {
        changed(userdata, trustpoint, known ? TRUSTPOINT_CHANGED : TRUSTPOINT_ADDED);
        return;
    }
    changed(userdata, trustpoint, TRUSTPOINT_REMOVED);
    (void)trustpoint_collect(t, trustpoint);
}

int trustpoints_read_again(Trustpoints *t, state_report_t report, trustpoint_changed_t changed,
                           void *userdata)
{
    for (size_t i = 0; i < t->n_unread;) {
        const UnreadRecord was = t->unread[i];
        Trustpoint *trustpoint = find_by_file(t, was.file);
        bool known = trustpoint;
        _cleanup_(record_done) Record record = {};
        int r = record_read_at(t->state_fd, was.file, &record);

        if (r >= 0)
            r = trustpoint_take_record(t, &record, &trustpoint);
        if (r == -ENOMEM)
            return r;
        if (is_unread(r)) {
            t->unread[i++].error = r;
            continue;
        }
        t->unread[i] = t->unread[--t->n_unread];
        if (report)
            report(was.file, r == -EBADMSG ? r : 0);
        tell_change(t, trustpoint, known, changed, userdata);
    }
    return 0;
}
