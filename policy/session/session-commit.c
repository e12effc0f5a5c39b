/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Policy1.Session: what ends in a commit, with whose tasks, and what would be in it.
 */
#include "org.chancery.Policy1.h"

#include <inttypes.h>
#include <stdio.h>

#include "errors.h"
#include "history.h"
#include "json-util.h"
#include "log.h"
#include "names.h"
#include "policy.h"
#include "session-bus.h"
#include "transaction.h"
#include "transfer.h"

#define LABEL_SIZE_MAX 30U
#define COMMENT_SIZE_MAX 256U
/* To see what others committed, be it by rolling back to it. */
#define HISTORY_TASK "config-services"

static char rollback_client[] = "Rollback";

/* --- Commit ----------------------------------------------------------------------------------- */

/* What a commit is about, and what it needs. */
typedef struct Proposal {
    json_object *candidate;
    TaskList needed;
    unsigned n_lines; /* that change */
    char hash[CONFIG_HASH_SIZE];
} Proposal;

static int add_line(ConfigEvent event, const ConfigLine *line, void *userdata)
{
    Proposal *proposal = userdata;

    if (event != CONFIG_EVENT_LINE && event != CONFIG_EVENT_NEW)
        return 0;
    proposal->n_lines++;
    return task_list_add(&proposal->needed, line->row->task, "write");
}

/* A label stands for the commit's id in commands, so that it must not look like one. */
static bool is_commit_label(const char *s)
{
    size_t n = 0;

    if (!((s[0] >= 'a' && s[0] <= 'z') || (s[0] >= 'A' && s[0] <= 'Z')))
        return false;
    for (; s[n]; n++)
        if (n >= LABEL_SIZE_MAX ||
            !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", s[n]))
            return false;
    return true;
}

static bool is_comment(const char *s)
{
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f || (size_t)(p - s) >= COMMENT_SIZE_MAX ||
            ((unsigned char)p[0] == 0xc2 && (unsigned char)p[1] < 0xa0))
            return false;
    return true;
}

typedef struct CommitOptions {
    const char *label, *comment;
    bool proceed, replace, best_effort, force;
    uint32_t trial_seconds;
} CommitOptions;

static int read_commit_options(sd_bus_message *m, CommitOptions *o, sd_bus_error *reterr_error)
{
    bool on_trial = false;
    const BusOption options[] = {
        {"label", 's', &o->label, NULL},
        {"comment", 's', &o->comment, NULL},
        {"proceed", 'b', &o->proceed, NULL},
        {"replace", 'b', &o->replace, NULL},
        {"force", 'b', &o->force, NULL},
        {"best-effort", 'b', &o->best_effort, NULL},
        {"confirmed", 'u', &o->trial_seconds, &on_trial},
    };
    int r = bus_read_options(m, options, ELEMENTSOF(options), reterr_error);

    if (r < 0)
        return r;
    if (o->label && !is_commit_label(o->label))
        return sd_bus_error_setf(
            reterr_error, ERROR_INVALID_ARGUMENT,
            "A label begins with a letter and has at most %u letters, digits, '-' and '_'",
            LABEL_SIZE_MAX);
    if (o->comment && !is_comment(o->comment))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "A comment has at most %u bytes of printable text",
                                 COMMENT_SIZE_MAX);
    if (on_trial && (o->trial_seconds < TRIAL_SECONDS_MIN || o->trial_seconds > TRIAL_SECONDS_MAX))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "A trial takes %u to %u seconds", TRIAL_SECONDS_MIN,
                                 TRIAL_SECONDS_MAX);
    return 0;
}

/* What would be committed. */
static int make_candidate(const Session *session, const CommitOptions *o, json_object **ret,
                          sd_bus_error *reterr_error)
{
    const Policy *policy = session->policy;
    bool others = session->base_id != commit_store_last_id(policy->store);

    if (others && !o->proceed)
        return sd_bus_error_setf(reterr_error, ERROR_CONFLICT,
                                 "One or more commits have occurred from other configuration "
                                 "sessions since this session started or since "
                                 "the last commit was made from this session");
    if (others && !o->replace)
        return session_rebase(session, commit_store_running(policy->store), ret);
    *ret = o->replace ? session_entered(session) : config_canonical(session_view(session));
    return *ret ? 0 : -ENOMEM;
}

/* Returns 0 when there is nothing to commit, 1 when there is. */
static int make_proposal(const Session *session, const CommitOptions *o, Proposal *ret,
                         sd_bus_error *reterr_error)
{
    const Policy *policy = session->policy;
    int r;

    if (!o->replace && !session_is_changed(session))
        return 0;
    /* Whoever replaces all of the configuration has to be somebody who may change any line of it,
     * whether or not it is there now. */
    r = o->replace ? task_list_add(&ret->needed, TASK_ROOT_LR, "write") : 0;
    if (r >= 0)
        r = make_candidate(session, o, &ret->candidate, reterr_error);
    if (r >= 0)
        r = config_compare(commit_store_running(policy->store), ret->candidate, add_line, ret);
    if (r < 0 || ret->n_lines == 0)
        return r;
    r = config_hash(ret->candidate, ret->hash);
    return r < 0 ? r : 1;
}

/* As the router does when it is short of memory: there has to be room to undo what is done. */
static int check_room(const Policy *policy, const CommitOptions *o, sd_bus_error *reterr_error)
{
    if (o->force || !commit_store_is_short(policy->store))
        return 0;
    return sd_bus_error_setf(reterr_error, ERROR_LIMIT_EXCEEDED,
                             "The disk with the configuration is nearly full, nothing has changed. "
                             "Make room, or use 'commit force'");
}

static int commit_proposal(sd_bus_message *m, Session *session, const Proposal *proposal,
                           const CommitOptions *o, sd_bus_error *reterr_error)
{
    /* Borrowed from the message until the transaction copies them. */
    const Commit info = {.user = session->user,
                         .line = session->line,
                         .client = session->client,
                         .label = (char *)(uintptr_t)o->label,
                         .comment = (char *)(uintptr_t)o->comment};
    int r;

    /* polkit is asked about this candidate; should it be another one when the answer is there, the
     * answer does not count. */
    r = session_ask(session, m, proposal->needed.pointers,
                    (const char *const[]){"candidate-hash", proposal->hash, NULL}, reterr_error);
    if (r <= 0)
        return r < 0 ? r : 1;
    r = check_room(session->policy, o, reterr_error);
    if (r < 0)
        return r;
    r = transaction_start(session->policy,
                          &(const TransactionRequest){.session = session,
                                                      .message = m,
                                                      .candidate = proposal->candidate,
                                                      .info = &info,
                                                      .trial_seconds = o->trial_seconds,
                                                      .best_effort = o->best_effort});
    return r < 0 ? r : 1;
}

/* Without changes a commit confirms the one that is on trial. */
static int commit_nothing(sd_bus_message *m, Session *session, bool on_trial)
{
    const Policy *policy = session->policy;
    const uint64_t trial = on_trial ? 0 : trial_of(policy->trial, session);
    int r = trial > 0 ? trial_end(policy->trial) : 0;

    if (r < 0)
        return log_error_errno(r, "Failed to confirm commit %" PRIu64 ": %m", trial);
    if (trial > 0)
        log_notice("User '%s' confirmed commit %" PRIu64, session->user, trial);
    session_reset(session, commit_store_running(policy->store),
                  commit_store_last_id(policy->store));
    return sd_bus_reply_method_return(m, "t", trial);
}

int policy1_session_method_commit(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    Session *session = userdata;
    CommitOptions options = {NULL};
    Proposal proposal = {NULL};
    bool resumed = false;
    int r;

    if (session->closed)
        return session_end_closed(session, m, reterr_error);
    r = read_commit_options(m, &options, reterr_error);
    if (r < 0)
        failures_clear(&session->failures); /* no line is to blame */
    if (r >= 0)
        r = session_check_ready(session, m, &resumed, reterr_error);
    if (r < 0)
        return r;
    r = make_proposal(session, &options, &proposal, reterr_error);
    if (r > 0) {
        r = commit_proposal(m, session, &proposal, &options, reterr_error);
    } else if (resumed) {
        r = session_refuse_stale(session, m, reterr_error);
    } else if (r == 0) {
        r = commit_nothing(m, session, options.trial_seconds > 0);
    }
    json_object_put(proposal.candidate);
    return r;
}

/* --- Rollback --------------------------------------------------------------------------------- */

static int make_rollback(const Session *session, const char *kind, const char *which, Proposal *ret,
                         sd_bus_error *reterr_error)
{
    const Policy *policy = session->policy;
    int r = task_list_add(&ret->needed, HISTORY_TASK, "read");

    if (r >= 0)
        r = history_rollback(policy->store, kind, which, &ret->candidate, reterr_error);
    if (r >= 0)
        r = config_compare(commit_store_running(policy->store), ret->candidate, add_line, ret);
    return r < 0 ? r : config_hash(ret->candidate, ret->hash);
}

static int rollback_proposal(sd_bus_message *m, Session *session, const Proposal *proposal,
                             sd_bus_error *reterr_error)
{
    const Commit info = {.user = session->user, .line = session->line, .client = rollback_client};
    int r =
        session_ask(session, m, proposal->needed.pointers,
                    (const char *const[]){"candidate-hash", proposal->hash, NULL}, reterr_error);

    if (r <= 0)
        return r < 0 ? r : 1;
    if (proposal->n_lines == 0)
        return sd_bus_reply_method_return(m, "tu", UINT64_C(0), 0U);
    r = transaction_start(session->policy,
                          &(const TransactionRequest){.session = session,
                                                      .message = m,
                                                      .candidate = proposal->candidate,
                                                      .info = &info,
                                                      .items = proposal->n_lines});
    return r < 0 ? r : 1;
}

int policy1_session_method_rollback(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    Session *session = userdata;
    const char *kind, *which;
    Proposal proposal = {NULL};
    bool resumed;
    int r;

    if (session->closed)
        return session_end_closed(session, m, reterr_error);
    r = sd_bus_message_read(m, "ss", &kind, &which);
    if (r >= 0)
        r = session_check_ready(session, m, &resumed, reterr_error);
    if (r < 0)
        return r;
    if (session_is_changed(session))
        return sd_bus_error_setf(reterr_error, ERROR_CONFLICT,
                                 "This session has changes; commit or clear them first");
    r = make_rollback(session, kind, which, &proposal, reterr_error);
    if (r >= 0)
        r = rollback_proposal(m, session, &proposal, reterr_error);
    json_object_put(proposal.candidate);
    return r;
}

/* --- What would be in it ---------------------------------------------------------------------- */

static int reply_text(sd_bus_message *m, const char *name, const char *text)
{
    _cleanup_close_ int fd = text ? policy_bus_memfd(name, text) : -ENOMEM;

    return fd < 0 ? fd : bus_reply_descriptor(m, fd);
}

int policy1_session_method_get_changes(sd_bus_message *m, void *userdata,
                                       sd_bus_error *reterr_error)
{
    const Session *session = userdata;
    _cleanup_free_ char *text = config_render(session->base, session_view(session),
                                              bus_sender_may(m) ? CONFIG_OPEN : CONFIG_HASHES);

    return reply_text(m, "changes", text);
}

int policy1_session_method_get_difference(sd_bus_message *m, void *userdata,
                                          sd_bus_error *reterr_error)
{
    const Session *session = userdata;
    _cleanup_free_ char *text = config_render_diff(session->base, session_view(session),
                                                   bus_sender_may(m) ? CONFIG_OPEN : CONFIG_HASHES);

    return reply_text(m, "difference", text);
}

int policy1_session_method_get_merged(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const Session *session = userdata;
    const Policy *policy = session->policy;
    _cleanup_json_ json_object *merged = NULL;
    _cleanup_free_ char *text = NULL;
    int r = session_rebase(session, commit_store_running(policy->store), &merged);

    if (r < 0)
        return r;
    text = config_render(NULL, merged, bus_sender_may(m) ? CONFIG_OPEN : CONFIG_HASHES);
    return reply_text(m, "merged", text);
}
