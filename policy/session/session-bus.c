/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Policy1.Session: one caller's changes, line by line, and their commit. */
#include "org.chancery.Policy1.h"

#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "errors.h"
#include "failures-text.h"
#include "json-util.h"
#include "names.h"
#include "policy.h"
#include "session-bus.h"
#include "transaction.h"

#define SESSION_PREFIX POLICY_PATH "/session"
#define GRANTED_USEC (5 * UINT64_C(1000000))

/* --- Life ------------------------------------------------------------------------------------- */

void session_bus_close(Session *session)
{
    Policy *policy = session->policy;

    transactions_forget_session(policy, session);
    session_forget_secret(session);
    session_forget_load(session);
    for (Session **p = &policy->sessions; *p; p = &(*p)->next)
        if (*p == session) {
            *p = session->next;
            break;
        }
    sd_bus_track_unref(session->track);
    sd_bus_message_unref(session->asked);
    session_free(session);
}

/* A message that waits for polkit comes back, and its session has to be there then: who is gone,
 * and his questions, count until they are answered. */
static void session_end(Session *session)
{
    if (!session->asked) {
        session_bus_close(session);
        return;
    }
    session->closed = true;
}

static int on_peer_gone(sd_bus_track *track, void *userdata)
{
    session_end(userdata);
    /* Once is enough: 0 would ask to be called again. */
    return 1;
}

static int check_limits(const Policy *policy, uid_t uid, sd_bus_error *reterr_error)
{
    unsigned all = 0, of_user = 0;

    for (const Session *s = policy->sessions; s; s = s->next) {
        all++;
        of_user += s->uid == uid;
    }
    if (of_user >= SESSIONS_PER_USER_MAX)
        return sd_bus_error_setf(reterr_error, ERROR_LIMIT_EXCEEDED,
                                 "A user can have %u configuration sessions; close one",
                                 SESSIONS_PER_USER_MAX);
    if (all >= SESSIONS_MAX)
        return sd_bus_error_setf(reterr_error, ERROR_LIMIT_EXCEEDED,
                                 "There are %u configuration sessions already; try again later",
                                 SESSIONS_MAX);
    return 0;
}

static int track_peer(Policy *policy, Session *session, sd_bus_message *m)
{
    sd_bus_track *track;
    int r = sd_bus_track_new(server_bus(policy->server), &track, on_peer_gone, session);

    if (r < 0)
        return r;
    session->track = track;
    return sd_bus_track_add_sender(track, m);
}

/* The path is in a static buffer. */
static const char *session_path(const Session *session)
{
    static char path[sizeof(SESSION_PREFIX) + 24];

    (void)snprintf(path, sizeof(path), SESSION_PREFIX "/%" PRIu64, session->number);
    return path;
}

int session_check_exclusive(const Policy *policy, sd_bus_error *reterr_error)
{
    for (const Session *s = policy->sessions; s; s = s->next)
        if (s->exclusive && !s->closed)
            return sd_bus_error_setf(reterr_error, ERROR_BUSY,
                                     "Cannot enter exclusive mode. The Configuration Namespace is "
                                     "locked by another agent.");
    if (trial_is_on(policy->trial))
        return sd_bus_error_setf(reterr_error, ERROR_BUSY,
                                 "Cannot enter exclusive mode. A trial commit is underway in "
                                 "another configuration session.");
    return 0;
}

int session_check_lock(const Session *session, sd_bus_error *reterr_error)
{
    const Policy *policy = session->policy;

    for (const Session *s = policy->sessions; s; s = s->next)
        if (s != session && s->exclusive && !s->closed)
            return sd_bus_error_setf(
                reterr_error, ERROR_BUSY,
                "Cannot commit because the configuration is locked by session '%s%s%s'.", s->user,
                *s->line ? " " : "", s->line);
    return trial_check(policy->trial, session, reterr_error);
}

/* For the list of sessions only: nothing is decided by it. */
static pid_t sender_pid(sd_bus_message *m)
{
    __attribute__((cleanup(sd_bus_creds_unrefp))) sd_bus_creds *creds = NULL;
    pid_t pid;

    if (sd_bus_query_sender_creds(m, SD_BUS_CREDS_PID, &creds) < 0 ||
        sd_bus_creds_get_pid(creds, &pid) < 0)
        return 0;
    return pid;
}

int session_bus_open(Policy *policy, sd_bus_message *m, const SessionRequest *request,
                     const char **ret_path, sd_bus_error *reterr_error)
{
    Session *session;
    uid_t uid;
    int r;

    r = bus_sender_uid(m, &uid);
    if (r >= 0)
        r = check_limits(policy, uid, reterr_error);
    if (r < 0)
        return r;
    session = session_new(++policy->last_session, commit_store_running(policy->store),
                          commit_store_last_id(policy->store));
    if (!session)
        return -ENOMEM;
    session->opened = clock_usec(CLOCK_REALTIME);
    session->exclusive = request->exclusive;
    session->policy = policy;
    session->uid = uid;
    session->next = policy->sessions;
    policy->sessions = session;
    session->peer = strdup(sd_bus_message_get_sender(m));
    session->line = strdup(request->line);
    session->client = strdup(request->client);
    session->process = strdup(request->process);
    session->pid = sender_pid(m);
    r = session->peer && session->line && session->client && session->process
            ? policy_sender_name(policy, m, &session->user)
            : -ENOMEM;
    if (r >= 0)
        r = track_peer(policy, session, m);
    if (r < 0) {
        session_bus_close(session);
        return r;
    }
    *ret_path = session_path(session);
    return 0;
}

/* A session is there for the connection that opened it, and for nobody else. */
static int session_find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                        void **ret_found, sd_bus_error *reterr_error)
{
    sd_bus_message *m = sd_bus_get_current_message(bus);
    const char *sender = m ? sd_bus_message_get_sender(m) : NULL;
    Policy *policy = userdata;

    for (Session *session = policy->sessions; sender && session; session = session->next)
        if (streq(session_path(session), path) && streq(session->peer, sender) &&
            (!session->closed || session->asked == m)) {
            *ret_found = session;
            return 1;
        }
    return 0;
}

int session_bus_init(Policy *policy)
{
    return server_add_objects(policy->server, SESSION_PREFIX, &policy1_session_interface,
                              session_find, NULL, policy);
}

int session_check_idle(const Session *session, sd_bus_error *reterr_error)
{
    if (session->committing)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY,
                                 "A commit of this session is under way; wait for its end");
    if (session->loading)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY,
                                 "A load of this session is under way; wait for its end");
    return 0;
}

/* --- Questions to polkit ---------------------------------------------------------------------- */

/* The answer is there, but what it was about is not: it counts for nothing. */
int session_refuse_stale(const Session *session, sd_bus_message *m, sd_bus_error *reterr_error)
{
    sd_bus_error_free(reterr_error);
    (void)bus_authorize(m, (const char *const[]){session->asked_task, NULL},
                        (const char *const[]){"stale", "", NULL}, reterr_error);
    sd_bus_error_free(reterr_error);
    return sd_bus_error_setf(reterr_error, ERROR_CONFLICT,
                             "What was authorised is not what is there now; try again");
}

/* The session was closed while polkit was asked: nobody waits for this any more. */
int session_end_closed(Session *session, sd_bus_message *m, sd_bus_error *reterr_error)
{
    int r = session_refuse_stale(session, m, reterr_error);

    session_bus_close(session);
    return r;
}

/* Is this the message that comes back with polkit's answer? Another one has to wait until then. */
int session_check_asked(Session *session, sd_bus_message *m, bool *ret_resumed,
                        sd_bus_error *reterr_error)
{
    if (session->hashing)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY,
                                 "Another call of this session is not answered yet");
    if (session->asked && session->asked != m)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY,
                                 "Another call of this session waits for authorization");
    *ret_resumed = session->asked;
    session->asked = sd_bus_message_unref(session->asked);
    return 0;
}

int session_check_ready(Session *session, sd_bus_message *m, bool *ret_resumed,
                        sd_bus_error *reterr_error)
{
    int r = session_check_idle(session, reterr_error);

    if (r >= 0)
        r = session_check_asked(session, m, ret_resumed, reterr_error);
    return r < 0 ? r : session_check_lock(session, reterr_error);
}

/* As bus_authorize(), and remembers that the message will be back. */
int session_ask(Session *session, sd_bus_message *m, const char *const *tasks_needed,
                const char *const *details, sd_bus_error *reterr_error)
{
    int r = bus_authorize(m, tasks_needed, details, reterr_error);

    if (r == 0) {
        session->asked = sd_bus_message_ref(m);
        (void)snprintf(session->asked_task, sizeof(session->asked_task), "%s", tasks_needed[0]);
    }
    return r;
}

/* --- Lines ------------------------------------------------------------------------------------ */

int session_reply_line(sd_bus_message *m, const Session *session, const ConfigParsed *parsed)
{
    bool accepted = parsed->status == GRAMMAR_OK || parsed->status == GRAMMAR_EMPTY;

    return sd_bus_reply_method_return(m, "buss", accepted, (uint32_t)parsed->column,
                                      config_parsed_message(parsed),
                                      config_mode_name(session->place.mode));
}

/* Entering a line does nothing by itself, and a commit asks about all of them. So somebody who
 * types many lines is not asked about for each one: what he held a moment ago, under the same
 * rules, he holds. */
static bool was_granted(Session *session, const char *task)
{
    const Policy *policy = session->policy;
    uint64_t now = 0;

    (void)sd_event_now(server_event(policy->server), CLOCK_BOOTTIME, &now);
    if (now >= session->granted_until || session->granted_by != policy->rules_made) {
        session->granted = (TaskList){.n = 0};
        session->granted_until = now + GRANTED_USEC;
        session->granted_by = policy->rules_made;
    }
    for (size_t i = 0; i < session->granted.n; i++)
        if (streq(session->granted.names[i], task))
            return true;
    return false;
}

static int accept_line(sd_bus_message *m, Session *session, ConfigParsed *parsed, bool resumed,
                       sd_bus_error *reterr_error)
{
    char task[TASK_NAME_SIZE];
    int r;

    (void)snprintf(task, sizeof(task), "%s.write", parsed->line.row->task);
    /* A message that comes back with an answer is there for that answer. */
    if (resumed || !was_granted(session, task)) {
        r = session_ask(session, m, (const char *const[]){task, NULL}, NULL, reterr_error);
        if (r <= 0)
            return r < 0 ? r : 1;
        (void)task_list_add(&session->granted, parsed->line.row->task, "write");
    }
    if (parsed->line.row->kind == CONFIG_SECRET && !parsed->line.remove)
        return session_hash_secret(m, session, parsed);
    r = session_accept(session, parsed);
    if (r == -EDQUOT)
        return sd_bus_error_setf(reterr_error, ERROR_LIMIT_EXCEEDED,
                                 "The configuration would become too large");
    return r < 0 ? r : session_reply_line(m, session, parsed);
}

int policy1_session_method_line(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    Session *session = userdata;
    Policy *policy = session->policy;
    ConfigParsed parsed = {0};
    bool resumed = false;
    const char *line;
    int r;

    if (session->closed)
        return session_end_closed(session, m, reterr_error);
    r = sd_bus_message_read(m, "s", &line);
    if (r >= 0)
        r = session_check_idle(session, reterr_error);
    if (r >= 0)
        r = session_check_asked(session, m, &resumed, reterr_error);
    if (r < 0)
        return r;
    r = config_parse(policy->parser, &session->place, line, &parsed);
    if (r >= 0 && parsed.status == GRAMMAR_OK)
        r = accept_line(m, session, &parsed, resumed, reterr_error);
    else if (r >= 0)
        r = resumed ? session_refuse_stale(session, m, reterr_error)
                    : session_reply_line(m, session, &parsed);
    config_parsed_done(&parsed);
    return r;
}

int policy1_session_method_describe(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const Session *session = userdata;
    const Policy *policy = session->policy;
    ConfigParsed parsed = {0};
    const char *line;
    char task[64];
    int r = sd_bus_message_read(m, "s", &line);

    if (r < 0)
        return r;
    r = config_parse(policy->parser, &session->place, line, &parsed);
    if (r >= 0 && parsed.status == GRAMMAR_OK) {
        (void)snprintf(task, sizeof(task), "%s (WRITE)", parsed.line.row->task);
        r = sd_bus_reply_method_return(m, "s", task);
    } else if (r >= 0) {
        r = sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                              "There is no such line in this mode");
    }
    config_parsed_done(&parsed);
    return r;
}

typedef struct Completions {
    sd_bus_message *reply;
    char **words;
    size_t n;
} Completions;

/* The modes are asked one after the other: each word once. */
static int add_completion(const char *word, const char *help, void *userdata)
{
    Completions *c = userdata;
    char **words;

    for (size_t i = 0; i < c->n; i++)
        if (streq(c->words[i], word))
            return 0;
    words = reallocarray(c->words, c->n + 1, sizeof(*words));
    if (!words)
        return -ENOMEM;
    c->words = words;
    words[c->n] = strdup(word);
    if (!words[c->n])
        return -ENOMEM;
    c->n++;
    return sd_bus_message_append(c->reply, "(ss)", word, help);
}

int policy1_session_method_complete(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    Session *session = userdata;
    Policy *policy = session->policy;
    Completions completions = {0};
    const char *line;
    int r;

    r = sd_bus_message_read(m, "s", &line);
    if (r >= 0)
        r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(ss)");
    completions.reply = reply;
    if (r >= 0)
        r = config_complete(policy->parser, &session->place, session_view(session), line,
                            add_completion, &completions);
    for (size_t i = 0; i < completions.n; i++)
        free(completions.words[i]);
    free(completions.words);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

int policy1_session_method_up(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    Session *session = userdata;
    bool left = session_up(session);

    return sd_bus_reply_method_return(m, "bs", left, config_mode_name(session->place.mode));
}

int policy1_session_method_root(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    (void)session_up(userdata);
    return sd_bus_reply_method_return(m, NULL);
}

/* --- What is in it ---------------------------------------------------------------------------- */

int policy_bus_reply_failures(sd_bus_message *m, const FailureList *failures)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(m, &reply);

    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(ss)");
    for (size_t i = 0; r >= 0 && i < failures->n; i++)
        r = sd_bus_message_append(reply, "(ss)", failures->items[i].line,
                                  failures->items[i].reason);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

int policy_bus_reply_failures_text(sd_bus_message *m, const FailureList *failures)
{
    _cleanup_free_ char *text = failures_text(failures);

    return text ? sd_bus_reply_method_return(m, "s", text) : -ENOMEM;
}

int policy1_session_method_get_failed_text(sd_bus_message *m, void *userdata,
                                           sd_bus_error *reterr_error)
{
    const Session *session = userdata;

    return policy_bus_reply_failures_text(m, &session->failures);
}

int policy1_session_method_get_failed(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const Session *session = userdata;

    return policy_bus_reply_failures(m, &session->failures);
}

int policy1_session_method_get_warnings(sd_bus_message *m, void *userdata,
                                        sd_bus_error *reterr_error)
{
    const Session *session = userdata;

    return policy_bus_reply_failures(m, &session->warnings);
}

int policy1_session_method_clear(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    Session *session = userdata;
    const Policy *policy = session->policy;
    int r = session_check_idle(session, reterr_error);

    if (r < 0)
        return r;
    session_reset(session, commit_store_running(policy->store),
                  commit_store_last_id(policy->store));
    failures_clear(&session->failures);
    return sd_bus_reply_method_return(m, NULL);
}

int policy1_session_method_close(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    session_end(userdata);
    return sd_bus_reply_method_return(m, NULL);
}

/* --- Properties ------------------------------------------------------------------------------- */

int policy1_session_get_mode(sd_bus *bus, const char *path, const char *interface,
                             const char *property, sd_bus_message *reply, void *userdata,
                             sd_bus_error *reterr_error)
{
    const Session *session = userdata;

    return sd_bus_message_append(reply, "s", config_mode_name(session->place.mode));
}

int policy1_session_get_place(sd_bus *bus, const char *path, const char *interface,
                              const char *property, sd_bus_message *reply, void *userdata,
                              sd_bus_error *reterr_error)
{
    _cleanup_free_ char *text = session_place_text(userdata);

    return text ? sd_bus_message_append(reply, "s", text) : -ENOMEM;
}

int policy1_session_get_changed(sd_bus *bus, const char *path, const char *interface,
                                const char *property, sd_bus_message *reply, void *userdata,
                                sd_bus_error *reterr_error)
{
    return sd_bus_message_append(reply, "b", session_is_changed(userdata));
}

int policy1_session_get_trial(sd_bus *bus, const char *path, const char *interface,
                              const char *property, sd_bus_message *reply, void *userdata,
                              sd_bus_error *reterr_error)
{
    const Session *session = userdata;
    const Policy *policy = session->policy;

    return sd_bus_message_append(reply, "t", trial_of(policy->trial, session));
}

int policy1_session_get_other_trial(sd_bus *bus, const char *path, const char *interface,
                                    const char *property, sd_bus_message *reply, void *userdata,
                                    sd_bus_error *reterr_error)
{
    const Session *session = userdata;
    const Policy *policy = session->policy;

    return sd_bus_message_append(
        reply, "b", trial_is_on(policy->trial) && trial_of(policy->trial, session) == 0);
}

int policy1_session_get_user(sd_bus *bus, const char *path, const char *interface,
                             const char *property, sd_bus_message *reply, void *userdata,
                             sd_bus_error *reterr_error)
{
    const Session *session = userdata;

    return sd_bus_message_append(reply, "s", session->user);
}
