/* SPDX-License-Identifier: Apache-2.0 */
/* What cannot be read now: it is said once, the other trustpoints go on, and it is tried again. */
#include "enrolld.h"
#include "log.h"
#include "trustpoint-job.h"

void state_report(const char *file, int error)
{
    static const LogEvent corrupt = {LOG_STATE_CORRUPT}, unreadable = {LOG_STATE_UNREADABLE};

    if (error == 0)
        log_notice("State file %s can be read again, or is gone", file);
    else if (error == -EBADMSG)
        log_event(&corrupt, LOG_FIELDS("FILE", file),
                  "State file %s is damaged and was moved aside", file);
    else
        log_event(&unreadable, LOG_FIELDS("FILE", file),
                  "State file %s cannot be read, the daemon goes on without it: %s; when it is a "
                  "trustpoint's, show crypto ca trustpoints says which, and what to do",
                  file, strerror(-error));
}

static void on_change(void *userdata, Trustpoint *t, TrustpointChange change)
{
    Manager *m = userdata;

    if (change == TRUSTPOINT_REMOVED) {
        announce_trustpoint_removed(m, t);
        return;
    }
    if (change == TRUSTPOINT_ADDED)
        announce_trustpoint_added(m, t);
    else
        announce_trustpoint_changed(m, t);
    for (CertificateRole role = 0; role < ROLE_MAX; role++)
        if (trustpoint_certificate(t, role))
            announce_certificate_added(m, t, role);
    export_certificates(m, t);
}

void manager_read_again(Manager *m)
{
    size_t before = m->trustpoints.n_unread;
    int r = trustpoints_read_again(&m->trustpoints, state_report, on_change, m);

    if (r < 0)
        log_warning_errno(r, "Failed to read again what could not be read, ignoring: %m");
    if (m->trustpoints.n_unread == before)
        return;
    key_watch_check(m);
    trustpoint_jobs_schedule(m);
}
