/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate is worth nothing when its CA has revoked it. poold knows: it is asked about the
 * router's certificates now and then, when there is a new one, and when poold has another CRL or
 * pool. A worker asks and waits; what follows is decided in the main loop. */
#include "enrolld.h"
#include "job.h"
#include "log.h"
#include "names.h"
#include "put-off.h"
#include "verdict.h"

#define SOON_USEC (UINT64_C(1) * 1000000)
#define AGAIN_USEC (UINT64_C(60) * 1000000) /* poold did not answer */
#define BUSY_USEC (UINT64_C(5) * 1000000)   /* a job has the record */
#define PAUSE_USEC (UINT64_C(3600) * 1000000)

struct RevocationWatch {
    Manager *manager;
    sd_event_source *timer;
    sd_bus_slot *changes, *owner;
    bool asking; /* a job is under way */
    bool stale;  /* something has happened since it began */
    bool silent; /* poold has not answered: that was said */
    /* Within a round each certificate is asked about once. Another one begins when poold may have
     * changed its mind, and after a while. */
    uint64_t round, round_end;
    uint64_t put_off_until; /* 0: is not put off */
};

/* One certificate. */
typedef struct Item {
    char *trustpoint;
    const SharedCertificate *path[1 + RECORD_CHAIN_MAX]; /* its own, and what came with the CA's */
    size_t n_path;
    CertificateRole role;
    bool legacy, is_answered;
    uint64_t round;
    Verdict verdict;
} Item;

typedef struct WatchJob {
    RevocationWatch *watch;
    Item *items;
    size_t n;
    int error; /* poold's silence */
    char reason[VERDICT_REASON_SIZE];
} WatchJob;

static void watch_job_free(void *data)
{
    WatchJob *j = data;

    for (size_t i = 0; i < j->n; i++) {
        free(j->items[i].trustpoint);
        for (size_t k = 0; k < j->items[i].n_path; k++)
            shared_certificate_put(j->items[i].path[k]);
    }
    free(j->items);
    free(j);
}

static void watch_job_freep(WatchJob **j)
{
    if (*j)
        watch_job_free(*j);
}

/* --- In the worker ---------------------------------------------------------------------------- */

static int ask_about(Job *job, Item *item, char *reason)
{
    _cleanup_free_ char *pem = NULL;
    int r = verdict_pem_shared(item->path, item->n_path, &pem);

    return r < 0 ? r
                 : verdict_ask(&(VerdictQuestion){.trustpoint = item->trustpoint,
                                                  .pem = pem,
                                                  .legacy = item->legacy},
                               job_cancel_fd(job), &item->verdict, reason);
}

static int watch_run(Job *job, void *data)
{
    WatchJob *j = data;

    for (size_t i = 0; i < j->n && j->error >= 0; i++) {
        j->error = ask_about(job, &j->items[i], j->reason);
        j->items[i].is_answered = j->error >= 0;
    }
    return 0;
}

/* --- In the main loop ------------------------------------------------------------------------- */

static void say_revoked(Manager *m, const Trustpoint *t, CertificateRole role, const char *reason)
{
    static const LogEvent event = {LOG_CERT_REVOKED};
    _cleanup_(certificate_summary_done) CertificateSummary c = {0};
    _cleanup_free_ char *path = NULL;
    int r;

    r = shared_certificate_summarize(trustpoint_certificate(t, role)->shared, &c);
    if (r >= 0)
        log_event(
            &event,
            LOG_FIELDS("TRUSTPOINT", t->name, "SERIAL_NUMBER", c.serial_number, "ISSUER", c.issuer,
                       "SUBJECT", c.subject, "REASON", reason),
            "Certificate of trustpoint %s IS REVOKED, %s. Serial Number= %s, Issuer Name= %s, "
            "Subject name= %s",
            t->name, reason, c.serial_number, c.issuer, c.subject);
    if (r >= 0)
        r = certificate_path(t, role, &path);
    if (r >= 0)
        r = sd_bus_emit_signal(server_bus(m->server), ENROLLMENT_PATH, ENROLLMENT_NAME,
                               "CertificateRevoked", "os", path, reason);
    if (r < 0)
        log_warning_errno(r, "Failed to announce that a certificate is revoked, ignoring: %m");
}

/* Written down, and then said: once. -EBUSY: not now. */
static int set_revoked(Manager *m, Trustpoint *t, CertificateRole role, const char *reason)
{
    int r = trustpoint_set_revoked(&m->trustpoints, t, role, reason);

    if (r < 0 && r != -EBUSY)
        log_warning_errno(
            r, "Failed to write down what is revoked of trustpoint %s, trying again: %m", t->name);
    if (r <= 0)
        return r;
    if (reason)
        say_revoked(m, t, role, reason);
    else
        log_notice("A certificate of trustpoint %s is not revoked any more", t->name);
    announce_certificate_changed(m, t, role, false);
    announce_trustpoint_changed(m, t);
    return 0;
}

static void set_problem(Manager *m, Trustpoint *t, const char *problem)
{
    const char *before = t->revocation_problem ?: "";

    if (streq(before, problem ?: ""))
        return;
    if (problem && !t->revocation_problem)
        log_warning("Whether the certificate of trustpoint %s is revoked is not known: %s", t->name,
                    problem);
    free(t->revocation_problem);
    t->revocation_problem = problem ? strdup(problem) : NULL;
    announce_trustpoint_changed(m, t);
}

/* That nobody can tell takes nothing back. A path that is not good for another reason is shown
 * elsewhere: it has expired. -EBUSY: it is to be asked about again soon. */
static int take(Manager *m, const Item *item)
{
    Trustpoint *t = trustpoint_find(&m->trustpoints, item->trustpoint);
    StoredCertificate *c = t ? trustpoint_certificate(t, item->role) : NULL;
    const Verdict *verdict = &item->verdict;
    int r = 0;

    /* Another one by now. */
    if (!c || c->shared != item->path[0])
        return 0;
    set_problem(m, t, verdict->unreachable ? verdict->reason : NULL);
    if (verdict->kind == VERDICT_REVOKED)
        r = set_revoked(m, t, item->role, verdict->reason);
    else if (verdict->kind == VERDICT_GOOD)
        r = set_revoked(m, t, item->role, NULL);
    else
        log_debug("The certificate of trustpoint %s is not known to be good: %s", t->name,
                  verdict->reason);
    if (r != -EBUSY)
        c->judged = item->round;
    return r;
}

static void arm(RevocationWatch *watch, uint64_t usec)
{
    int r = sd_event_source_set_time_relative(watch->timer, usec);

    if (r >= 0)
        r = sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
    if (r < 0)
        log_warning_errno(r, "Failed to arm a timer, ignoring: %m");
}

static uint64_t now_usec(const RevocationWatch *watch)
{
    uint64_t now;

    return sd_event_now(server_event(watch->manager->server), CLOCK_BOOTTIME, &now) < 0 ? 0 : now;
}

static void begin_round(RevocationWatch *watch)
{
    watch->round++;
    watch->round_end = now_usec(watch) + PAUSE_USEC;
}

static uint64_t rest_of_round(const RevocationWatch *watch)
{
    uint64_t now = now_usec(watch);

    return now < watch->round_end ? watch->round_end - now : 0;
}

static int watch_done(Job *job, void *data, int r)
{
    WatchJob *j = data;
    RevocationWatch *watch = j->watch;
    bool silent = r < 0 || j->error < 0, busy = false;
    uint64_t pause;

    for (size_t i = 0; i < j->n; i++)
        if (j->items[i].is_answered && take(watch->manager, &j->items[i]) == -EBUSY)
            busy = true;
    if (silent && !watch->silent)
        log_notice("poold does not say whether certificates are revoked, it is asked again: %s",
                   j->reason);
    watch->silent = silent;
    watch->asking = false;
    manager_trim_soon(watch->manager);
    pause = silent ? AGAIN_USEC : busy ? BUSY_USEC : rest_of_round(watch);
    arm(watch, watch->stale ? SOON_USEC : pause);
    return 0;
}

static int add(WatchJob *j, const Trustpoint *t, CertificateRole role, uint64_t round)
{
    const StoredCertificate *c = trustpoint_certificate(t, role);
    Item *grown = reallocarray(j->items, j->n + 1, sizeof(*grown)), *item;

    if (!grown)
        return -ENOMEM;
    j->items = grown;
    item = &grown[j->n++];
    *item = (Item){.role = role, .legacy = t->config->legacy, .round = round};
    item->path[item->n_path++] = shared_certificate_ref(c->shared);
    for (size_t i = 0; i < t->record.n_chain; i++)
        item->path[item->n_path++] = shared_certificate_ref(t->record.chain[i]->shared);
    item->trustpoint = strdup(t->name);
    return item->trustpoint ? 0 : -ENOMEM;
}

/* Under a root of the router's own nobody revokes anything. */
static bool is_asked_about(const Trustpoint *t, CertificateRole role, uint64_t round)
{
    const StoredCertificate *c =
        t->config && !t->record.serial ? trustpoint_certificate(t, role) : NULL;

    return c && c->judged != round;
}

static int collect(const RevocationWatch *watch, WatchJob *j)
{
    int r = 0;

    for (const Trustpoint *t = watch->manager->trustpoints.first; r >= 0 && t; t = t->next)
        for (CertificateRole role = ROLE_ROUTER; r >= 0 && role <= ROLE_ENCRYPTION; role++)
            if (is_asked_about(t, role, watch->round))
                r = add(j, t, role, watch->round);
    return r;
}

static int ask(RevocationWatch *watch)
{
    _cleanup_(watch_job_freep) WatchJob *j = calloc(1, sizeof(*j));
    int r = j ? collect(watch, j) : -ENOMEM;

    if (r < 0 || j->n == 0)
        return r;
    j->watch = watch;
    r = job_start_internal(watch->manager->server, &(JobWork){.kind = "verify",
                                                              .run = watch_run,
                                                              .done = watch_done,
                                                              .free_data = watch_job_free,
                                                              .data = TAKE_PTR(j)});
    watch->asking = r >= 0;
    return r;
}

static bool is_any_asking(const Manager *m)
{
    for (const Trustpoint *t = m->trustpoints.first; t; t = t->next)
        if (t->asking)
            return true;
    return false;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    RevocationWatch *watch = userdata;
    int r;

    /* What somebody waits for goes first: what is asked here may take CPU time of all daemons, and
     * the same CA's. A certificate that is new has been looked at when it came. */
    if (put_off(&watch->put_off_until, is_any_asking(watch->manager), now_usec(watch))) {
        arm(watch, SOON_USEC);
        return 0;
    }
    watch->stale = false;
    if (rest_of_round(watch) == 0)
        begin_round(watch);
    r = ask(watch);
    if (r < 0)
        log_warning_errno(r, "Failed to ask whether certificates are revoked, trying again: %m");
    if (!watch->asking)
        arm(watch, r < 0 ? AGAIN_USEC : rest_of_round(watch));
    return 0;
}

void revocation_watch_check_new(Manager *m)
{
    RevocationWatch *watch = m->revocations;

    /* Before everything is set up there is a timer, or will be. */
    if (!watch || watch->stale)
        return;
    watch->stale = true;
    if (!watch->asking)
        arm(watch, SOON_USEC);
}

void revocation_watch_check(Manager *m)
{
    if (m->revocations)
        begin_round(m->revocations);
    revocation_watch_check_new(m);
}

static int on_change(sd_bus_message *signal, void *userdata, sd_bus_error *reterr_error)
{
    const RevocationWatch *watch = userdata;

    /* Who clears the lists wants them gone; nothing has become known. */
    if (sd_bus_message_is_signal(signal, TRUSTPOOL_NAME, "CrlsCleared"))
        return 0;
    revocation_watch_check(watch->manager);
    return 0;
}

static int on_owner(sd_bus_message *signal, void *userdata, sd_bus_error *reterr_error)
{
    const RevocationWatch *watch = userdata;
    const char *name, *before, *now;

    if (sd_bus_message_read(signal, "sss", &name, &before, &now) >= 0 && now[0])
        revocation_watch_check(watch->manager);
    return 0;
}

RevocationWatch *revocation_watch_free(RevocationWatch *watch)
{
    if (!watch)
        return NULL;
    sd_event_source_disable_unref(watch->timer);
    sd_bus_slot_unref(watch->changes);
    sd_bus_slot_unref(watch->owner);
    free(watch);
    return NULL;
}

static void watch_freep(RevocationWatch **watch)
{
    revocation_watch_free(*watch);
}

int revocation_watch_init(Manager *m)
{
    static const char changes[] = "type='signal',sender='" TRUSTPOOL_NAME "',path='" TRUSTPOOL_PATH
                                  "',interface='" TRUSTPOOL_NAME "'";
    static const char owner[] = "type='signal',sender='org.freedesktop.DBus',"
                                "interface='org.freedesktop.DBus',member='NameOwnerChanged',"
                                "arg0='" TRUSTPOOL_NAME "'";
    _cleanup_(watch_freep) RevocationWatch *watch = calloc(1, sizeof(*watch));
    int r;

    if (!watch)
        return -ENOMEM;
    watch->manager = m;
    r = sd_event_add_time_relative(server_event(m->server), &watch->timer, CLOCK_BOOTTIME,
                                   SOON_USEC, 0, on_time, watch);
    if (r >= 0)
        r = sd_bus_add_match_async(server_bus(m->server), &watch->changes, changes, on_change, NULL,
                                   watch);
    if (r >= 0)
        r = sd_bus_add_match_async(server_bus(m->server), &watch->owner, owner, on_owner, NULL,
                                   watch);
    if (r < 0)
        return r;
    m->revocations = TAKE_PTR(watch);
    return 0;
}
