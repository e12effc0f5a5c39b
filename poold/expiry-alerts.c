/* SPDX-License-Identifier: Apache-2.0 */
#include "expiry-alerts.h"

#include "log.h"
#include "schedule.h"
#include "time-render.h"

/* At a time; a clock that jumps over years is no reason to fill the journal. */
#define ALERTS_MAX 10U

static void give(const CertificateSummary *c, int64_t now)
{
    static const LogEvent soon = {LOG_POOL_EXPIRING}, over = {LOG_POOL_EXPIRED};
    int64_t left = c->not_after > now ? c->not_after - now : 0;
    char left_text[TIME_LEFT_TEXT_SIZE], seconds[24], end[24];
    bool expired = now > c->not_after;

    (void)snprintf(seconds, sizeof(seconds), "%lld", (long long)left);
    (void)snprintf(end, sizeof(end), "%lld", (long long)c->not_after);
    log_event(expired ? &over : &soon,
              LOG_FIELDS("SERIAL_NUMBER", c->serial_number, "ISSUER", c->issuer, "SUBJECT",
                         c->subject, "SHA256_FINGERPRINT", c->sha256_fingerprint, "NOT_AFTER", end,
                         "SECONDS_LEFT", seconds),
              "CA certificate of the trustpool %s. Serial Number= %s, Issuer Name= %s, Subject "
              "name= %s, Time Left= %s",
              expired ? "HAS EXPIRED" : "expires soon", c->serial_number, c->issuer, c->subject,
              time_left_render(left, left_text));
}

void expiry_alerts_give(const AuthorityList *active, const AuthorityList *before, int64_t last,
                        int64_t now)
{
    size_t n = 0;

    for (size_t i = 0; i < active->n; i++) {
        const Authority *authority = active->items[i];
        bool known = !before || authority_list_find(before, authority->digest);

        if (schedule_alert_due(authority->summary.not_after, known ? last : 0, now) &&
            n++ < ALERTS_MAX)
            give(&authority->summary, now);
    }
    if (n > ALERTS_MAX)
        log_warning("%zu more CA certificates of the trustpool expire soon or have expired; "
                    "\"show crypto ca trustpool\" shows them",
                    n - ALERTS_MAX);
}

int64_t expiry_alerts_next(const AuthorityList *active, int64_t last)
{
    int64_t first = INT64_MAX;

    for (size_t i = 0; i < active->n; i++) {
        int64_t next = schedule_alert_next(active->items[i]->summary.not_after, last);

        if (next < first)
            first = next;
    }
    return first;
}
