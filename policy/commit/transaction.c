/* SPDX-License-Identifier: Apache-2.0 */
#include "transaction.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "clock.h"
#include "commit-warnings.h"
#include "config-leave-out.h"
#include "errors.h"
#include "json-util.h"
#include "local-users.h"
#include "log.h"
#include "names.h"
#include "owners.h"

#define CHECK_TIMEOUT_USEC (20 * 1000000ULL)
/* How often something is left out and the rest is checked again. */
#define ROUNDS_MAX 16U

typedef struct OwnerCall {
    Transaction *transaction;
    const Owner *owner;
    sd_bus_slot *slot;
} OwnerCall;

struct Transaction {
    Policy *policy;
    Session *session; /* NULL when it went away */
    sd_bus_message *message;
    json_object *candidate;
    uint64_t base_id;
    Commit info;
    unsigned items;
    uint32_t trial_seconds;
    bool ends_trial, best_effort;
    Aaa *aaa; /* of the candidate */
    OwnerCall calls[OWNERS];
    unsigned pending; /* answers that are waited for; one more while something is being started */
    bool running, written;
    const char *unreachable; /* the daemon that did not answer */
    char *unreachable_text;
    bool failed;
    FailureList warnings; /* of the candidate as it is now */
    unsigned rounds;
    size_t n_failures; /* of the session, in the rounds before this one */
    struct Transaction *next;
};

static void transaction_begin(Transaction *t);

static Transaction *transaction_free(Transaction *t)
{
    if (!t)
        return NULL;
    for (size_t i = 0; i < ELEMENTSOF(t->calls); i++)
        sd_bus_slot_unref(t->calls[i].slot);
    sd_bus_message_unref(t->message);
    json_object_put(t->candidate);
    commit_done(&t->info);
    aaa_free(t->aaa);
    failures_clear(&t->warnings);
    free(t->unreachable_text);
    free(t);
    return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Transaction *, transaction_free);

/* --- The end ---------------------------------------------------------------------------------- */

/* The first one of the queue is over: off with it, on with the next. */
static void transaction_end(Transaction *t)
{
    Policy *policy = t->policy;

    policy->transactions = t->next;
    if (t->session)
        t->session->committing = false;
    transaction_free(t);
    if (policy->transactions)
        transaction_begin(policy->transactions);
}

static void fail(Transaction *t, const char *error, const char *text)
{
    static const LogEvent event = {LOG_CONFIG_FAILURE};
    int r = 0;

    log_event(&event, LOG_FIELDS("USER", t->info.user, "ERROR", error),
              "The commit of user '%s' failed: %s", t->info.user, text);
    if (t->ends_trial)
        trial_retry(t->policy->trial);
    if (t->message)
        r = sd_bus_reply_method_errorf(t->message, error, "%s", text);
    if (r < 0)
        log_warning_errno(r, "Failed to answer a commit, ignoring: %m");
    transaction_end(t);
}

static void succeed(Transaction *t)
{
    int r = !t->message    ? 0
            : t->items > 0 ? sd_bus_reply_method_return(t->message, "tu", t->info.id, t->items)
                           : sd_bus_reply_method_return(t->message, "t", t->info.id);

    if (r < 0)
        log_warning_errno(r, "Failed to answer a commit, ignoring: %m");
    transaction_end(t);
}

/* What it was to undo has been confirmed since it was begun, and whoever did that has been told so.
 */
static bool end_if_confirmed(Transaction *t)
{
    if (!t->ends_trial || trial_is_on(t->policy->trial))
        return false;
    log_notice("The commit on trial was confirmed while it was about to be undone: it stays");
    transaction_end(t);
    return true;
}

/* --- Calls to the owners ---------------------------------------------------------------------- */

static void answer_counted(Transaction *t);

static int on_owner_answer(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error);

static int call_owner(Transaction *t, size_t i, const char *method, uint64_t timeout)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    OwnerCall *c = &t->calls[i];
    int r;

    c->transaction = t;
    c->owner = &owners[i];
    r = owner_message(server_bus(t->policy->server), c->owner, method, t->candidate, t->info.id,
                      &call);
    if (r >= 0)
        r = sd_bus_call_async(server_bus(t->policy->server), &c->slot, call, on_owner_answer, c,
                              timeout);
    if (r >= 0)
        t->pending++;
    return r;
}

static int add_problem(const char *line, const char *reason, void *userdata)
{
    Transaction *t = userdata;

    t->failed = true;
    return t->session ? failures_add(&t->session->failures, line, reason) : 0;
}

typedef struct Unanswered {
    Transaction *transaction;
    const Owner *owner;
    const char *reason;
} Unanswered;

static int add_unanswered_line(ConfigEvent event, const ConfigLine *line, void *userdata)
{
    const Unanswered *u = userdata;
    const ConfigRow *enter = config_mode_row(line->row->mode);
    _cleanup_free_ char *text = NULL;

    if ((event != CONFIG_EVENT_LINE && event != CONFIG_EVENT_NEW) ||
        !streq((enter ? enter : line->row)->section, u->owner->section))
        return 0;
    text = config_line_absolute_text(line);
    return text ? failures_add(&u->transaction->session->failures, text, u->reason) : -ENOMEM;
}

/* Nobody said what is wrong with which line; it is each one that the owner should have looked at.
 */
static int add_unanswered(Transaction *t, const Owner *owner, const char *text)
{
    _cleanup_free_ char *reason = NULL;
    Unanswered u = {.transaction = t, .owner = owner};

    t->unreachable = owner->daemon;
    free(t->unreachable_text);
    t->unreachable_text = strdup(text);
    if (!t->unreachable_text ||
        asprintf(&reason, "The daemon chancery-%s did not answer: %s", owner->daemon, text) < 0)
        return -ENOMEM;
    u.reason = reason;
    return t->session ? config_compare(commit_store_running(t->policy->store), t->candidate,
                                       add_unanswered_line, &u)
                      : 0;
}

/* Not there, not started, too slow: an answer from the bus, not from the owner. */
static bool is_away(const sd_bus_error *error)
{
    return strncmp(error->name, ERROR_PREFIX, STRLEN(ERROR_PREFIX)) != 0;
}

static int take_check_answer(Transaction *t, const Owner *owner, sd_bus_message *reply)
{
    const char *line, *reason;
    int r;

    if (sd_bus_message_is_method_error(reply, NULL)) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        return is_away(error) ? add_unanswered(t, owner, error->message)
                              : add_problem(owner->section, error->message, t);
    }
    r = sd_bus_message_enter_container(reply, 'a', "(ss)");
    while (r >= 0 && (r = sd_bus_message_read(reply, "(ss)", &line, &reason)) > 0)
        r = add_problem(line, reason, t);
    if (r >= 0)
        r = sd_bus_message_exit_container(reply);
    if (r >= 0)
        r = sd_bus_message_enter_container(reply, 'a', "(ss)");
    while (r >= 0 && (r = sd_bus_message_read(reply, "(ss)", &line, &reason)) > 0)
        r = failures_add(&t->warnings, line, reason);
    return r;
}

static void take_apply_answer(const OwnerCall *c, sd_bus_message *reply)
{
    if (sd_bus_message_is_method_error(reply, NULL))
        log_warning("%s did not apply section %s of commit %" PRIu64
                    ", it will when it starts again: %s",
                    c->owner->daemon, c->owner->section, c->transaction->info.id,
                    sd_bus_message_get_error(reply)->message);
}

static int on_owner_answer(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    OwnerCall *c = userdata;
    Transaction *t = c->transaction;
    int r = 0;

    c->slot = sd_bus_slot_unref(c->slot);
    if (t->written)
        take_apply_answer(c, reply);
    else
        r = take_check_answer(t, c->owner, reply);
    if (r < 0) {
        log_error_errno(r, "Failed to understand the answer of %s: %m", c->owner->daemon);
        t->unreachable = c->owner->daemon;
    }
    answer_counted(t);
    return 1;
}

/* --- Phases ----------------------------------------------------------------------------------- */

static int check_system(Transaction *t)
{
    _cleanup_json_ json_object *system = config_section(t->candidate, SECTION_SYSTEM);
    const char *name = system ? hostname_configured(system) : NULL;

    if (!system)
        return -ENOMEM;
    if (name && strlen(name) > HOST_NAME_MAX)
        return add_problem("hostname", "A host name can have at most 64 characters on this system",
                           t);
    return 0;
}

static int check_own_sections(Transaction *t)
{
    _cleanup_json_ json_object *section = config_section(t->candidate, SECTION_AAA),
                               *before = config_section(commit_store_running(t->policy->store),
                                                        SECTION_AAA);
    int r;

    if (!section || !before)
        return -ENOMEM;
    r = aaa_compile(section, add_problem, t, &t->aaa);
    if (r < 0 && r != -EINVAL)
        return r;
    r = local_users_check(t->policy->accounts, before, section, add_problem, t);
    if (r < 0)
        return r;
    r = warn_of_users(section, &t->warnings);
    return r < 0 ? r : check_system(t);
}

/* Calls those to whom a changed section belongs. before is what the candidate is compared with. */
static int call_owners(Transaction *t, json_object *before, const char *method, uint64_t timeout)
{
    for (size_t i = 0; i < OWNERS; i++) {
        int r;

        if (!section_differs(before, t->candidate, owners[i].section))
            continue;
        r = call_owner(t, i, method, timeout);
        if (r < 0)
            return r;
    }
    return 0;
}

static void check_candidate(Transaction *t)
{
    int r;

    t->pending = 1;
    failures_clear(&t->warnings);
    r = check_own_sections(t);
    if (r >= 0)
        r = call_owners(t, commit_store_running(t->policy->store), "Check", CHECK_TIMEOUT_USEC);
    if (r < 0) {
        log_error_errno(r, "Failed to have a commit checked: %m");
        fail(t, error_name_from_errno(r), "The commit could not be checked");
        return;
    }
    answer_counted(t);
}

static void transaction_begin(Transaction *t)
{
    const Policy *policy = t->policy;

    t->running = true;
    if (t->session) {
        failures_clear(&t->session->failures);
        failures_clear(&t->session->warnings);
    }
    if (end_if_confirmed(t))
        return;
    if (t->base_id != commit_store_last_id(policy->store)) {
        fail(t, ERROR_CONFLICT, "Another session has committed in the meantime; commit again");
        return;
    }
    check_candidate(t);
}

/* polkit goes by the new rules, or the system has its new name. */
static void on_effective(void *userdata)
{
    Transaction *t = userdata;

    /* What polkit said until now it said by the old ones. */
    t->policy->rules_made++;
    answer_counted(t);
}

static void apply_hostname(Transaction *t, json_object *before)
{
    _cleanup_json_ json_object *old = config_section(before, SECTION_SYSTEM),
                               *new = config_section(t->candidate, SECTION_SYSTEM);
    const char *old_name = old ? hostname_configured(old) : NULL,
               *new_name = new ? hostname_configured(new) : NULL;

    if (streq_ptr(old_name, new_name))
        return;
    if (hostname_set(t->policy->hostname, new_name ? new_name : "", on_effective, t) > 0)
        t->pending++;
    (void)sd_bus_emit_properties_changed(server_bus(t->policy->server), POLICY_PATH, POLICY_NAME,
                                         "Hostname", NULL);
}

/* The commit has happened: from here on nothing makes it fail. */
static void transaction_apply(Transaction *t, json_object *before)
{
    Policy *policy = t->policy;
    int r = 0;

    t->pending = 1;
    if (section_differs(before, t->candidate, SECTION_AAA) ||
        section_differs(before, t->candidate, SECTION_TRUSTPOINTS))
        r = policy_apply_aaa(policy, on_effective, t);
    if (r > 0)
        t->pending++;
    apply_hostname(t, before);
    r = call_owners(t, before, "Apply", APPLY_TIMEOUT_USEC);
    if (r < 0)
        log_error_errno(r,
                        "Failed to tell the owners about commit %" PRIu64
                        ", they will ask when they start: %m",
                        t->info.id);
    answer_counted(t);
}

static void announce(Transaction *t)
{
    static const LogEvent event = {LOG_CONFIG_COMMIT};
    char id[24];

    (void)snprintf(id, sizeof(id), "%" PRIu64, t->info.id);
    log_event(&event,
              LOG_FIELDS("USER", t->info.user, "COMMIT", id, "LINE", t->info.line, "CLIENT",
                         t->info.client),
              "Configuration committed by user '%s'. Use 'show configuration commit changes %s' to "
              "view the changes.",
              t->info.user, id);
    (void)sd_bus_emit_properties_changed(server_bus(t->policy->server), POLICY_PATH, POLICY_NAME,
                                         "LastCommit", "LastCommitTime", "LastCommitUser",
                                         "ExecTimeout", "SessionTimeout", NULL);
}

/* Kept with the commit, for whoever looks later. */
static int keep_warnings(Transaction *t)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *f;

    if (t->warnings.n == 0)
        return 0;
    f = open_memstream(&text, &size);
    if (!f)
        return -ENOMEM;
    for (size_t i = 0; i < t->warnings.n; i++)
        fprintf(f, "%s%s: %s", i > 0 ? "\n" : "", t->warnings.items[i].line,
                t->warnings.items[i].reason);
    if (fclose(f) != 0)
        return -ENOMEM;
    t->info.warnings = TAKE_PTR(text);
    return 0;
}

static void transaction_write(Transaction *t)
{
    Policy *policy = t->policy;
    _cleanup_json_ json_object *before = json_object_get(commit_store_running(policy->store));
    int r;

    t->info.time = clock_usec(CLOCK_REALTIME);
    r = accounts_prepare(policy->accounts, t->aaa);
    if (r == -ENOSPC) {
        fail(t, ERROR_LIMIT_EXCEEDED,
             "There are more users than user IDs for them; nothing has changed");
        return;
    }
    if (r >= 0)
        r = warnings_keep_changed(&t->warnings, before, t->candidate);
    if (r >= 0)
        r = keep_warnings(t);
    if (r >= 0)
        r = trial_write(policy->trial, &t->info, t->candidate, t->trial_seconds);
    if (r < 0) {
        log_error_errno(r, "Failed to write a commit: %m");
        fail(t, error_name_from_errno(r),
             "The commit could not be written to the disk; nothing has changed");
        return;
    }
    t->written = true;
    trial_committed(policy->trial, &t->info, t->session, t->trial_seconds);
    if (t->session) {
        session_reset(t->session, t->candidate, t->info.id);
        t->session->warnings = t->warnings;
        t->warnings = (FailureList){.n = 0};
    }
    announce(t);
    transaction_apply(t, before);
}

static void refuse(Transaction *t)
{
    _cleanup_free_ char *text = NULL;

    if (t->failed)
        fail(t, ERROR_INVALID_ARGUMENT,
             "The configuration was refused, all changes made have been reverted; see the failed "
             "lines");
    else if (asprintf(&text, "The daemon chancery-%s did not answer, nothing has changed: %s",
                      t->unreachable,
                      t->unreachable_text ? t->unreachable_text : "no reason given") < 0) {
        text = NULL;
        fail(t, ERROR_UNREACHABLE, "A daemon did not answer, nothing has changed");
    } else
        fail(t, ERROR_UNREACHABLE, text);
}

/* What was refused in this round, for the next one to go without. */
static int leave_out(Transaction *t)
{
    _cleanup_json_ json_object *left = NULL;
    _cleanup_free_ const char **refused = NULL;
    const Session *session = t->session;
    size_t n = session ? session->failures.n - t->n_failures : 0;
    int r;

    if (n == 0 || ++t->rounds > ROUNDS_MAX)
        return -ENODATA;
    refused = calloc(n, sizeof(*refused));
    if (!refused)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        refused[i] = session->failures.items[t->n_failures + i].line;
    r = config_leave_out(commit_store_running(t->policy->store), t->candidate, refused, n, &left);
    if (r < 0)
        return r;
    t->n_failures = session->failures.n;
    json_object_put(t->candidate);
    t->candidate = TAKE_PTR(left);
    t->aaa = aaa_free(t->aaa);
    t->failed = false;
    t->unreachable = NULL;
    return 0;
}

static void transaction_decide(Transaction *t)
{
    /* What ends a trial its owners had accepted once; nothing keeps an unconfirmed commit. */
    const bool certain = t->ends_trial && t->aaa;

    if (end_if_confirmed(t))
        return;
    if (certain || !(t->failed || t->unreachable))
        transaction_write(t);
    else if (t->best_effort && leave_out(t) >= 0)
        check_candidate(t);
    else
        refuse(t);
}

/* One answer less to wait for; the last one ends the phase. */
static void answer_counted(Transaction *t)
{
    if (--t->pending > 0)
        return;
    if (t->written)
        succeed(t);
    else
        transaction_decide(t);
}

/* --- From outside ----------------------------------------------------------------------------- */

int transaction_start(Policy *policy, const TransactionRequest *request)
{
    _cleanup_(transaction_freep) Transaction *t = calloc(1, sizeof(*t));
    Transaction **last = &policy->transactions, *first;
    int r;

    if (!t)
        return -ENOMEM;
    r = commit_copy(request->info, &t->info);
    if (r < 0)
        return r;
    t->policy = policy;
    t->session = request->session;
    t->message = sd_bus_message_ref(request->message);
    t->candidate = json_object_get(request->candidate);
    t->items = request->items;
    t->trial_seconds = request->trial_seconds;
    t->ends_trial = request->ends_trial;
    t->best_effort = request->best_effort;
    t->base_id = commit_store_last_id(policy->store);
    if (t->session)
        t->session->committing = true;
    while (*last)
        last = &(*last)->next;
    *last = TAKE_PTR(t);
    first = policy->transactions;
    if (!first->running)
        transaction_begin(first);
    return 0;
}

void transactions_forget_session(Policy *policy, Session *session)
{
    for (Transaction **p = &policy->transactions; *p;) {
        Transaction *t = *p;

        if (t->session != session) {
            p = &t->next;
        } else if (t->running) {
            t->session = NULL;
            p = &t->next;
        } else {
            *p = t->next;
            transaction_free(t);
        }
    }
}

void transactions_drop(Policy *policy)
{
    while (policy->transactions) {
        Transaction *next = policy->transactions->next;

        transaction_free(policy->transactions);
        policy->transactions = next;
    }
}
