/* SPDX-License-Identifier: Apache-2.0 */
/* Says it in the journal and on the bus when certificates are about to end. */
#include "enrolld.h"
#include "log.h"
#include "names.h"
#include "time-render.h"

static const LogEvent events[] = {
    [EXPIRY_WARNING] = {LOG_CERT_EXPIRING_WARNING},
    [EXPIRY_ALERT] = {LOG_CERT_EXPIRING_ALERT},
    [EXPIRY_OVER] = {LOG_CERT_EXPIRED},
};

static const char *const headlines[] = {
    [EXPIRY_WARNING] = "Certificate expiring WITHIN 60 DAYS",
    [EXPIRY_ALERT] = "Certificate expiring WITHIN A WEEK",
    [EXPIRY_OVER] = "Certificate HAS EXPIRED",
};

static const char *const mode_names[] = {
    [EXPIRY_WARNING] = "warning",
    [EXPIRY_ALERT] = "alert",
    [EXPIRY_OVER] = "expired",
};

static void write_journal(const Trustpoint *t, CertificateRole role, ExpiryMode mode, int64_t now)
{
    _cleanup_(certificate_summary_done) CertificateSummary c = {0};
    const char *type = role == ROLE_CA ? "CA" : "ID";
    char left_text[TIME_LEFT_TEXT_SIZE], left[24], end[24];
    int64_t seconds;
    int r = shared_certificate_summarize(trustpoint_certificate(t, role)->shared, &c);

    if (r < 0) {
        log_error_errno(r, "Failed to say that a certificate of trustpoint %s ends: %m", t->name);
        return;
    }
    seconds = c.not_after > now ? c.not_after - now : 0;
    (void)snprintf(left, sizeof(left), "%lld", (long long)seconds);
    (void)snprintf(end, sizeof(end), "%lld", (long long)c.not_after);
    log_event(&events[mode],
              LOG_FIELDS("TRUSTPOINT", t->name, "CERTIFICATE_TYPE", type, "SERIAL_NUMBER",
                         c.serial_number, "ISSUER", c.issuer, "SUBJECT", c.subject, "NOT_AFTER",
                         end, "SECONDS_LEFT", left),
              "%s. Trustpoint Name= %s, Certificate Type= %s, Serial Number= %s, Issuer Name= %s, "
              "Subject name= %s, Time Left= %s",
              headlines[mode], t->name, type, c.serial_number, c.issuer, c.subject,
              time_left_render(seconds, left_text));
}

static int send_signals(Manager *m, const Trustpoint *t, CertificateRole role, ExpiryMode mode)
{
    _cleanup_free_ char *path = NULL;
    sd_bus *bus = server_bus(m->server);
    int r = certificate_path(t, role, &path);

    if (r >= 0)
        r = sd_bus_emit_properties_changed(bus, path, ENROLLMENT_CERTIFICATE_INTERFACE, "Notice",
                                           NULL);
    if (r < 0 || mode == EXPIRY_QUIET)
        return r;
    return sd_bus_emit_signal(bus, ENROLLMENT_PATH, ENROLLMENT_NAME, "CertificateExpiring", "os",
                              path, mode_names[mode]);
}

static void give_notice(void *userdata, const Trustpoint *t, CertificateRole role, unsigned step)
{
    ExpiryMode mode = expiry_mode(step);
    Manager *m = userdata;
    int r;

    if (mode != EXPIRY_QUIET)
        write_journal(t, role, mode, trustpoints_now(&m->trustpoints));
    r = send_signals(m, t, role, mode);
    if (r < 0)
        log_warning_errno(r, "Failed to announce that a certificate expires, ignoring: %m");
}

void expiry_watch_run(Manager *m)
{
    int r = expiry_notices_run(&m->notices, &m->trustpoints, trustpoints_now(&m->trustpoints),
                               give_notice, m);

    /* Given first, remembered then: who is killed in between says it twice rather than never. */
    if (r > 0)
        r = expiry_notices_save_at(&m->notices, m->trustpoints.state_fd);
    if (r < 0)
        log_warning_errno(r, "Failed to remember the notices of expiry, ignoring: %m");
}
