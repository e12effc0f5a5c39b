/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "atomic-file.h"
#include "errors.h"
#include "json-util.h"
#include "log.h"
#include "policy.h"
#include "transaction.h"

#define FILE_NAME "trial.json"
#define FILE_SIZE_MAX 4096U
#define RETRY_SECONDS_MIN 5U
#define RETRY_SECONDS_MAX 60U

struct Trial {
    Policy *policy;
    int state_fd;
    /* Those of these ids that were written are on trial; 0: nothing is. */
    uint64_t first, last;
    uint64_t base;    /* what to go back to; 0: before the first commit of all */
    uint64_t session; /* who may confirm; 0: nobody any more */
    char *user, *line;
    int unread;     /* why nobody knows what is on trial: the error of reading the note; 0: known */
    unsigned pause; /* in seconds, before the next try to undo, or to read the note */
    sd_event_source *timer;
};

/* --- On the disk ------------------------------------------------------------------------------ */

/* Of the numbers, so that a damaged note leads nowhere. */
static int note_hash(uint64_t first, uint64_t last, uint64_t base, char ret[CONFIG_HASH_SIZE])
{
    _cleanup_json_ json_object *o = json_object_new_object();
    int r = o ? json_object_object_add(o, "first", json_object_new_uint64(first)) : -ENOMEM;

    if (r >= 0)
        r = json_object_object_add(o, "last", json_object_new_uint64(last));
    if (r >= 0)
        r = json_object_object_add(o, "base", json_object_new_uint64(base));
    return r < 0 ? -ENOMEM : config_hash(o, ret);
}

static int parse(Trial *trial, const char *text, size_t size)
{
    _cleanup_json_ json_object *o = NULL;
    char expected[CONFIG_HASH_SIZE];
    const char *hash;
    int r = json_parse(text, size, &o);

    if (r >= 0)
        r = json_get_uint64(o, "first", &trial->first);
    if (r >= 0)
        r = json_get_uint64(o, "last", &trial->last);
    if (r >= 0)
        r = json_get_uint64(o, "base", &trial->base);
    if (r >= 0)
        r = json_get_string(o, "hash", &hash);
    if (r >= 0)
        r = note_hash(trial->first, trial->last, trial->base, expected);
    return r < 0 ? r : streq(hash, expected) ? 0 : -EBADMSG;
}

static int write_note(const Trial *trial, uint64_t first, uint64_t last, uint64_t base)
{
    char hash[CONFIG_HASH_SIZE], text[256];
    int n, r = note_hash(first, last, base, hash);

    if (r < 0)
        return r;
    n = snprintf(text, sizeof(text),
                 "{\"first\":%" PRIu64 ",\"last\":%" PRIu64 ",\"base\":%" PRIu64
                 ",\"hash\":\"%s\"}\n",
                 first, last, base, hash);
    return atomic_write_at(trial->state_fd, FILE_NAME, text, (size_t)n, 0600);
}

static void set_aside(Trial *trial)
{
    int r;

    trial->first = 0;
    log_event(&(const LogEvent){LOG_STATE_CORRUPT}, LOG_FIELDS("FILE", FILE_NAME),
              "The note of a commit on trial is damaged and was moved aside; the commit stays");
    (void)failures_add(&trial->policy->startup, "commit confirmed",
                       "The note of a commit on trial is damaged and was moved aside; the commit "
                       "stays");
    r = quarantine_at(trial->state_fd, FILE_NAME);
    if (r < 0)
        log_warning_errno(r, "Failed to move the note of a commit on trial aside, ignoring: %m");
}

/* Without policyd there is no configuration at all for those who come up with it, and undoing what
 * nobody has tried would be as wrong as keeping what nobody has confirmed. So what is in force
 * stays, and nobody adds to it, until the note can be read, or somebody removes it. */
static void leave_unread(Trial *trial, int error)
{
    const bool again = trial->unread != 0;

    trial->first = 0;
    trial->unread = error;
    if (again)
        return;
    log_event(&(const LogEvent){LOG_STATE_UNREADABLE}, LOG_FIELDS("FILE", FILE_NAME),
              "The note of a commit on trial cannot be read: %s; what is in force stays, and "
              "nothing is committed, until it can be, or is removed",
              strerror(-error));
    (void)failures_add(&trial->policy->startup, "commit confirmed",
                       "The note of a commit on trial cannot be read; what is in force stays, and "
                       "nothing is committed, until it can be, or is removed");
}

static void forget(Trial *trial)
{
    trial->first = trial->session = 0;
    trial->timer = sd_event_source_disable_unref(trial->timer);
}

/* A note that stays says nothing any more: the newest commit is none of those that it names. */
static void end_stale(Trial *trial)
{
    int r = trial_end(trial);

    if (r < 0)
        log_warning_errno(r, "Failed to remove the note of a commit on trial, ignoring: %m");
    forget(trial);
}

static int load(Trial *trial)
{
    const uint64_t newest = commit_store_last_id(trial->policy->store);
    _cleanup_free_ void *data = NULL;
    size_t size;
    int r = read_state_at(trial->state_fd, FILE_NAME, FILE_SIZE_MAX, &data, &size);

    if (r >= 0) {
        r = parse(trial, data, size);
        r = r < 0 ? state_parse_error(r) : 0;
    }
    if (r == -ENOMEM)
        return log_error_errno(r, "Failed to read the note of a commit on trial: %m");
    if (r < 0 && r != -EBADMSG && r != -ENOENT) {
        leave_unread(trial, r);
        return 0;
    }
    trial->unread = 0;
    if (r == -EBADMSG)
        set_aside(trial);
    /* Killed before the commit, or after what ended the trial. */
    if (trial->first != 0 && (newest < trial->first || newest > trial->last))
        end_stale(trial);
    return 0;
}

/* Before the commit is written. */
static int prepare(Trial *trial)
{
    const CommitStore *store = trial->policy->store;
    const bool more = trial->first != 0;
    const uint64_t next = commit_store_next_id(store),
                   base = more ? trial->base : commit_store_last_id(store);
    int r = write_note(trial, more ? trial->first : next, next, base);

    if (r < 0)
        return r;
    if (!more) {
        trial->first = next;
        trial->base = base;
    }
    trial->last = next;
    return 0;
}

int trial_end(Trial *trial)
{
    /* Even when nothing is on trial: a note that could not be removed may be there. */
    int r = atomic_unlink_at(trial->state_fd, FILE_NAME);

    if (r < 0 && r != -ENOENT)
        return r;
    forget(trial);
    return 0;
}

/* Writing the commit failed. What was on trial before still is. */
static void not_begun(Trial *trial)
{
    if (trial->first > commit_store_last_id(trial->policy->store) && trial_end(trial) < 0)
        trial->first = 0;
}

int trial_write(Trial *trial, Commit *commit, json_object *configuration, uint32_t seconds)
{
    CommitStore *store = trial->policy->store;
    const uint64_t id = commit_store_next_id(store);
    int r = seconds > 0 ? prepare(trial) : 0;

    if (r >= 0)
        r = commit_store_append(store, commit, configuration);
    if (r < 0 && seconds > 0) {
        /* The note may stay, and says that this id is on trial. */
        commit_store_skip_id(store, id);
        not_begun(trial);
    }
    return r;
}

/* --- Undoing ---------------------------------------------------------------------------------- */

static int read_base(const Trial *trial, json_object **ret)
{
    if (trial->base > 0)
        return commit_store_read_id(trial->policy->store, trial->base, ret);
    *ret = json_object_new_object();
    return *ret ? 0 : -ENOMEM;
}

static int undo(Trial *trial)
{
    const Commit *newest = commit_store_get(trial->policy->store, 0);
    static char client[] = "Rollback", comment[] = "not confirmed";
    _cleanup_json_ json_object *base = NULL;
    Commit info = {.client = client, .comment = comment};
    int r = read_base(trial, &base);

    if (r < 0)
        return r;
    info.user = newest->user;
    info.line = newest->line;
    return transaction_start(
        trial->policy,
        &(const TransactionRequest){.candidate = base, .info = &info, .ends_trial = true});
}

static void arm(Trial *trial, uint64_t seconds);

static void arm_later(Trial *trial)
{
    arm(trial, trial->pause);
    trial->pause = 2 * trial->pause < RETRY_SECONDS_MAX ? 2 * trial->pause : RETRY_SECONDS_MAX;
}

/* The note that could not be read; -ENOMEM is one more reason. */
static void look_again(Trial *trial)
{
    (void)load(trial);
    if (trial->unread != 0)
        return;
    trial->timer = sd_event_source_disable_unref(trial->timer);
    trial->pause = RETRY_SECONDS_MIN;
    trial_ready(trial);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    Trial *trial = userdata;
    int r;

    if (trial->unread != 0) {
        look_again(trial);
        if (trial->unread != 0)
            arm_later(trial);
        return 0;
    }
    r = undo(trial);
    if (r == -ENOENT || r == -EBADMSG) {
        log_error("The commit before the one on trial is not readable, what is there stays");
        r = trial_end(trial);
    }
    if (r < 0) {
        log_error_errno(r, "Failed to undo the commit on trial, trying again: %m");
        trial_retry(trial);
    }
    return 0;
}

static void arm(Trial *trial, uint64_t seconds)
{
    sd_event *event = server_event(trial->policy->server);
    int r;

    trial->timer = sd_event_source_disable_unref(trial->timer);
    /* The time goes on while the system sleeps. */
    r = sd_event_add_time_relative(event, &trial->timer, CLOCK_BOOTTIME, seconds * 1000000U, 0,
                                   on_time, trial);
    if (r < 0)
        log_error_errno(r, "Failed to watch the time of the commit on trial, it is undone when the "
                           "daemon starts again: %m");
}

void trial_retry(Trial *trial)
{
    if (trial->first == 0)
        return;
    arm_later(trial);
}

/* --- Life ------------------------------------------------------------------------------------- */

int trial_open(Policy *policy, int state_fd, Trial **ret)
{
    _cleanup_(trial_freep) Trial *trial = calloc(1, sizeof(*trial));
    int r;

    if (!trial) {
        closep(&state_fd);
        return -ENOMEM;
    }
    trial->policy = policy;
    trial->state_fd = state_fd;
    trial->pause = RETRY_SECONDS_MIN;
    r = load(trial);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(trial);
    return 0;
}

Trial *trial_free(Trial *trial)
{
    if (!trial)
        return NULL;
    sd_event_source_disable_unref(trial->timer);
    closep(&trial->state_fd);
    free(trial->user);
    free(trial->line);
    free(trial);
    return NULL;
}

void trial_ready(Trial *trial)
{
    if (trial->unread != 0)
        arm_later(trial);
    if (trial->first == 0)
        return;
    log_notice("The daemon ended while a commit was on trial, which is undone");
    arm(trial, 0);
}

bool trial_is_on(const Trial *trial)
{
    return trial->first != 0;
}

uint64_t trial_of(const Trial *trial, const Session *session)
{
    return trial->first != 0 && trial->session == session->number ? trial->last : 0;
}

int trial_check(Trial *trial, const Session *session, sd_bus_error *reterr_error)
{
    if (trial->unread != 0)
        look_again(trial);
    if (trial->unread != 0)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY,
                                 "Cannot commit because the note that says whether a commit is on "
                                 "trial cannot be read (%s): see to policyd's " FILE_NAME
                                 ", or remove it to keep what is in force",
                                 strerror(-trial->unread));
    if (trial->first == 0 || trial->session == session->number)
        return 0;
    return sd_bus_error_setf(
        reterr_error, ERROR_BUSY,
        "Cannot commit because there is an unexpired trial/rollback session '%s%s%s'.",
        trial->user ? trial->user : "", trial->line && *trial->line ? " " : "",
        trial->line ? trial->line : "");
}

static void begin(Trial *trial, const Commit *commit, const Session *session, uint32_t seconds)
{
    trial->session = session ? session->number : 0;
    trial->pause = RETRY_SECONDS_MIN;
    free(trial->user);
    free(trial->line);
    trial->user = strdup(commit->user);
    trial->line = strdup(commit->line);
    arm(trial, seconds);
}

void trial_committed(Trial *trial, const Commit *commit, const Session *session, uint32_t seconds)
{
    if (seconds > 0)
        begin(trial, commit, session, seconds);
    else
        end_stale(trial);
}
