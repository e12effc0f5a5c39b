/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs. The worker thread and the main loop share a Job under one lock; the worker says "something
 * is new" through an eventfd, and all of the bus is done in the main loop. */
#include "job.h"

#include <pthread.h>
#include <stdarg.h>
#include <sys/eventfd.h>

#include "errors.h"
#include "log.h"
#include "names.h"
#include "org.chancery.Job1.h"
#include "server-internal.h"

#define JOB_KEPT_USEC (60 * 1000000ULL)
#define JOBS_KEPT_PER_USER_MAX 64U
#define RESULTS_MAX 16U
/* Most jobs end before anybody wonders how far they are. */
#define PROGRESS_DELAY_USEC UINT64_C(1000000)

typedef struct JobResult {
    const char *name;
    char type;
    union {
        char *string;
        uint32_t u32;
        uint64_t u64;
        int boolean;
    } value;
} JobResult;

struct Job {
    struct JobManager *manager;
    uint64_t id;
    char *path, *caller, *user;
    uid_t uid;
    JobWork work;
    pthread_t thread;
    bool thread_started, ended, goes_on;
    sd_event_source *expiry;
    JobResult results[RESULTS_MAX];
    size_t n_results;
    sd_bus_message **waiters;
    size_t n_waiters;
    int cancel_fd;
    uint64_t begun; /* CLOCK_MONOTONIC */
    struct Job *next;

    pthread_mutex_t lock; /* what follows */
    bool cancelled, run_ended, progressed;
    bool is_slow; /* its caller is told how far it is */
    int run_result;
    unsigned percent;
    char text[256];
    char *error_name, *error_message;
};

typedef struct JobManager {
    Server *server;
    Job *jobs;
    uint64_t last_id;
    unsigned n_running;
    int wake_fd;
    bool stopping;
    sd_event_source *wake;
    sd_event_source *slow; /* when the next of them is */
} JobManager;

/* A process is one daemon: handlers find the jobs without carrying the server around. */
static JobManager *job_manager;

static Job *job_free(Job *job)
{
    if (!job)
        return NULL;
    for (Job **p = &job->manager->jobs; *p; p = &(*p)->next)
        if (*p == job) {
            *p = job->next;
            break;
        }
    if (job->work.free_data)
        job->work.free_data(job->work.data);
    for (size_t i = 0; i < job->n_results; i++)
        if (strchr("so", job->results[i].type))
            free(job->results[i].value.string);
    for (size_t i = 0; i < job->n_waiters; i++)
        sd_bus_message_unref(job->waiters[i]);
    free(job->waiters);
    sd_event_source_unref(job->expiry);
    closep(&job->cancel_fd);
    (void)pthread_mutex_destroy(&job->lock);
    free(job->error_name);
    free(job->error_message);
    free(job->path);
    free(job->caller);
    free(job->user);
    free(job);
    return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Job *, job_free);

static void wake(JobManager *manager)
{
    /* An overflow of the counter would still leave it readable. */
    (void)!write(manager->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
}

void job_progress(Job *job, unsigned percent, const char *text)
{
    bool is_slow;

    (void)pthread_mutex_lock(&job->lock);
    job->percent = percent > 100 ? 100 : percent;
    (void)snprintf(job->text, sizeof job->text, "%s", text ? text : "");
    job->progressed = true;
    is_slow = job->is_slow;
    (void)pthread_mutex_unlock(&job->lock);
    if (is_slow)
        wake(job->manager);
}

bool job_is_cancelled(Job *job)
{
    bool cancelled;

    (void)pthread_mutex_lock(&job->lock);
    cancelled = job->cancelled;
    (void)pthread_mutex_unlock(&job->lock);
    return cancelled;
}

int job_cancel_fd(Job *job)
{
    return job->cancel_fd;
}

bool job_is_stopping(const Job *job)
{
    return job->manager->stopping;
}

int job_fail(Job *job, const char *error_name, const char *format, ...)
{
    _cleanup_free_ char *message = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    va_list ap;
    int r;

    va_start(ap, format);
    r = vasprintf(&message, format, ap);
    va_end(ap);
    if (r < 0)
        message = NULL;
    (void)pthread_mutex_lock(&job->lock);
    if (!job->error_name) {
        job->error_name = strdup(error_name);
        job->error_message = TAKE_PTR(message);
    }
    (void)pthread_mutex_unlock(&job->lock);
    (void)sd_bus_error_set_const(&error, error_name, NULL);
    r = sd_bus_error_get_errno(&error);
    return r > 0 ? -r : -EIO;
}

const char *job_error(Job *job)
{
    return job->error_message;
}

int job_result(Job *job, const char *name, char type, const void *value)
{
    JobResult *result;

    if (job->n_results >= RESULTS_MAX)
        return -ENOBUFS;
    result = &job->results[job->n_results];
    result->name = name;
    result->type = type;
    if (strchr("so", type)) {
        result->value.string = strdup(value);
        if (!result->value.string)
            return -ENOMEM;
    } else if (type == 'u')
        result->value.u32 = *(const uint32_t *)value;
    else if (type == 't')
        result->value.u64 = *(const uint64_t *)value;
    else if (type == 'b')
        result->value.boolean = *(const bool *)value;
    else
        return -EINVAL;
    job->n_results++;
    return 0;
}

const char *job_caller(Job *job)
{
    return job->caller;
}

uid_t job_uid(Job *job)
{
    return job->uid;
}

const char *job_user(Job *job)
{
    return job->user;
}

/* --- Over the bus ----------------------------------------------------------------------------- */

static int append_result(sd_bus_message *reply, const JobResult *result)
{
    char type[2] = {result->type, 0};

    switch (result->type) {
    case 's':
    case 'o':
        return bus_append_entry(reply, result->name, type, result->value.string);
    case 'u':
        return bus_append_entry(reply, result->name, type, result->value.u32);
    case 't':
        return bus_append_entry(reply, result->name, type, result->value.u64);
    default:
        return bus_append_entry(reply, result->name, type, result->value.boolean);
    }
}

static int answer(Job *job, sd_bus_message *m)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r;

    if (job->run_result < 0) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (job->error_name)
            (void)sd_bus_error_set(&error, job->error_name, job->error_message);
        else
            (void)sd_bus_error_set(&error, error_name_from_errno(job->run_result),
                                   strerror(-job->run_result));
        return sd_bus_reply_method_error(m, &error);
    }
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "{sv}");
    for (size_t i = 0; r >= 0 && i < job->n_results; i++)
        r = append_result(reply, &job->results[i]);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

int job1_method_wait(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    Job *job = userdata;
    sd_bus_message **grown;

    if (job->ended)
        return answer(job, m);
    if (job->n_waiters >= JOBS_PER_USER_MAX)
        return sd_bus_error_setf(reterr_error, ERROR_LIMIT_EXCEEDED,
                                 "Too many calls wait for this job");
    grown = reallocarray(job->waiters, job->n_waiters + 1, sizeof *grown);
    if (!grown)
        return -ENOMEM;
    job->waiters = grown;
    job->waiters[job->n_waiters++] = sd_bus_message_ref(m);
    return 1;
}

static void cancel(Job *job)
{
    (void)pthread_mutex_lock(&job->lock);
    job->cancelled = true;
    (void)pthread_mutex_unlock(&job->lock);
    (void)!write(job->cancel_fd, &(uint64_t){1}, sizeof(uint64_t));
}

void job_cancel_work(Server *server, const void *data)
{
    for (Job *job = server->jobs->jobs; job; job = job->next)
        if (!job->ended && job->work.data == data)
            cancel(job);
}

int job1_method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    Job *job = userdata;

    if (!job->ended)
        cancel(job);
    return sd_bus_reply_method_return(m, NULL);
}

int job1_get_kind(sd_bus *bus, const char *path, const char *interface, const char *property,
                  sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    Job *job = userdata;

    return sd_bus_message_append(reply, "s", job->work.kind);
}

int job1_get_state(sd_bus *bus, const char *path, const char *interface, const char *property,
                   sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    Job *job = userdata;

    return sd_bus_message_append(reply, "s",
                                 !job->ended           ? "running"
                                 : job->run_result < 0 ? "failed"
                                                       : "done");
}

int job1_get_percent(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    Job *job = userdata;
    unsigned percent;

    (void)pthread_mutex_lock(&job->lock);
    percent = job->percent;
    (void)pthread_mutex_unlock(&job->lock);
    return sd_bus_message_append(reply, "u", percent);
}

int job1_get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
                  sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    Job *job = userdata;
    char text[sizeof job->text];

    (void)pthread_mutex_lock(&job->lock);
    memcpy(text, job->text, sizeof text);
    (void)pthread_mutex_unlock(&job->lock);
    return sd_bus_message_append(reply, "s", text);
}

/* Finds the job of a path, for its owner and for root; to everybody else it does not exist. */
static int job_find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                    void **ret_found, sd_bus_error *reterr_error)
{
    JobManager *manager = userdata;
    sd_bus_message *m = sd_bus_get_current_message(bus);
    uid_t uid;

    for (Job *job = manager->jobs; job; job = job->next)
        if (streq(job->path, path)) {
            if (!m || bus_sender_uid(m, &uid) < 0 || (uid != 0 && uid != job->uid))
                return 0;
            *ret_found = job;
            return 1;
        }
    return 0;
}

/* --- The end of a job ------------------------------------------------------------------------- */

static int on_expiry(sd_event_source *s, uint64_t usec, void *userdata)
{
    job_free(userdata);
    return 0;
}

static void *run_thread(void *userdata);

void job_then(Job *job, int (*run)(Job *job, void *data))
{
    job->work.run = run;
    job->goes_on = true;
}

/* The next part of the work, when there is one and it could be started. */
static bool job_go_on(Job *job)
{
    if (!job->goes_on || job->run_result < 0)
        return false;
    job->goes_on = false;
    job->run_ended = false; /* no thread of the job is there to look */
    if (pthread_create(&job->thread, NULL, run_thread, job) == 0) {
        job->thread_started = true;
        return true;
    }
    job->run_result = job->work.done(job, job->work.data, -EAGAIN);
    return false;
}

static void job_end(Job *job)
{
    int r;

    if (job->thread_started)
        (void)pthread_join(job->thread, NULL);
    job->thread_started = false;
    if (job->work.done) {
        r = job->work.done(job, job->work.data, job->run_result);
        if (job->run_result >= 0 && r < 0)
            job->run_result = r;
    }
    if (job_go_on(job))
        return;
    if (job->work.free_data)
        job->work.free_data(job->work.data);
    job->work.free_data = NULL;
    job->work.data = NULL;
    job->ended = true;
    job->manager->n_running--;
    for (size_t i = 0; i < job->n_waiters; i++) {
        (void)answer(job, job->waiters[i]);
        sd_bus_message_unref(job->waiters[i]);
    }
    job->n_waiters = 0;
    closep(&job->cancel_fd); /* a job that is only remembered holds no descriptor */
    job->cancel_fd = -EBADF;
    (void)sd_bus_emit_properties_changed(job->manager->server->bus, job->path, JOB_INTERFACE,
                                         "State", NULL);
    /* Nobody knows of one that nobody has started. */
    r = sd_event_add_time_relative(job->manager->server->event, &job->expiry, CLOCK_BOOTTIME,
                                   job->caller ? JOB_KEPT_USEC : 0, 0, on_expiry, job);
    if (r < 0)
        log_warning_errno(r, "A finished job stays until the end, ignoring: %m");
}

static void emit_progress(Job *job, unsigned percent, const char *text)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;
    int r;

    r = sd_bus_message_new_signal(job->manager->server->bus, &signal, job->path, JOB_INTERFACE,
                                  "Progress");
    if (r >= 0)
        r = sd_bus_message_append(signal, "us", percent, text);
    if (r >= 0)
        r = sd_bus_send_to(job->manager->server->bus, signal, job->caller, NULL);
    if (r < 0)
        log_debug("Progress of a job could not be sent, ignoring");
}

/* Tells the caller, if he is to be told. Returns whether the worker is done. */
static bool take_news(Job *job)
{
    char text[sizeof job->text];
    bool tell, run_ended;
    unsigned percent;

    (void)pthread_mutex_lock(&job->lock);
    tell = job->is_slow && job->progressed;
    if (tell)
        job->progressed = false;
    percent = job->percent;
    memcpy(text, job->text, sizeof text);
    run_ended = job->run_ended;
    (void)pthread_mutex_unlock(&job->lock);
    if (tell)
        emit_progress(job, percent, text);
    return run_ended;
}

static int on_wake(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
    JobManager *manager = userdata;
    unsigned left = manager->n_running;
    uint64_t count;

    (void)!read(fd, &count, sizeof count);
    /* The newest come first: those that have ended are mostly behind those that run. */
    for (Job *job = manager->jobs, *next; job && left > 0; job = next) {
        next = job->next;
        if (job->ended)
            continue;
        left--;
        if (take_news(job))
            job_end(job);
    }
    return 0;
}

static void wait_slow(JobManager *manager, uint64_t when)
{
    int r = sd_event_source_set_time(manager->slow, when);

    if (r >= 0)
        r = sd_event_source_set_enabled(manager->slow, SD_EVENT_ONESHOT);
    if (r < 0)
        log_debug("Nobody will be told how far jobs are, ignoring");
}

/* Some have become slow; the time of the next one. */
static int on_slow(sd_event_source *s, uint64_t usec, void *userdata)
{
    JobManager *manager = userdata;
    uint64_t now, first = UINT64_MAX;
    unsigned left = manager->n_running;
    int r = sd_event_now(manager->server->event, CLOCK_MONOTONIC, &now);

    for (Job *job = manager->jobs; r >= 0 && job && left > 0; job = job->next) {
        uint64_t when = job->begun + PROGRESS_DELAY_USEC;

        if (job->ended)
            continue;
        left--;
        if (!job->caller || job->is_slow)
            continue;
        if (when > now) {
            first = when < first ? when : first;
            continue;
        }
        (void)pthread_mutex_lock(&job->lock);
        job->is_slow = true;
        (void)pthread_mutex_unlock(&job->lock);
        (void)take_news(job); /* an end has woken us already */
    }
    if (first != UINT64_MAX)
        wait_slow(manager, first);
    return 0;
}

/* --- The start of a job ----------------------------------------------------------------------- */

static void *run_thread(void *userdata)
{
    Job *job = userdata;
    int r = job_is_cancelled(job) ? -ECANCELED : job->work.run(job, job->work.data);

    (void)pthread_mutex_lock(&job->lock);
    job->run_result = r;
    job->run_ended = true;
    (void)pthread_mutex_unlock(&job->lock);
    wake(job->manager);
    return NULL;
}

/* Who starts many short jobs has the oldest of them forgotten: the list begins with the newest. */
static void forget_old(JobManager *manager, uid_t uid)
{
    unsigned kept = 0;

    for (Job *job = manager->jobs, *next; job; job = next) {
        next = job->next;
        if (job->ended && job->uid == uid && ++kept > JOBS_KEPT_PER_USER_MAX)
            job_free(job);
    }
}

static int check_limits(JobManager *manager, uid_t uid)
{
    unsigned all = 0, of_user = 0;

    for (Job *job = manager->jobs, *next; job; job = next) {
        next = job->next;
        if (job->ended)
            continue;
        all++;
        of_user += job->uid == uid;
    }
    return all >= JOBS_MAX || (uid != 0 && of_user >= JOBS_PER_USER_MAX) ? -EDQUOT : 0;
}

static int job_new(JobManager *manager, const JobWork *work, Job **ret)
{
    Job *job = calloc(1, sizeof *job);

    if (!job) {
        if (work->free_data)
            work->free_data(work->data);
        return -ENOMEM;
    }
    job->manager = manager;
    job->work = *work;
    job->id = ++manager->last_id;
    (void)pthread_mutex_init(&job->lock, NULL);
    job->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (job->cancel_fd < 0 ||
        asprintf(&job->path, "%s/job/%llu", manager->server->description->root_path,
                 (unsigned long long)job->id) < 0) {
        job_free(job);
        return -ENOMEM;
    }
    *ret = job;
    return 0;
}

static int job_launch(Job *job)
{
    JobManager *manager = job->manager;
    int r, waiting;

    /* What follows from another one's end is for the next start. */
    if (manager->stopping)
        cancel(job);
    r = job->work.run ? pthread_create(&job->thread, NULL, run_thread, job) : 0;

    if (r != 0)
        return -r;
    job->thread_started = job->work.run;
    if (!job->work.run) {
        job->run_ended = true;
        wake(manager);
    }
    job->next = manager->jobs;
    manager->jobs = job;
    manager->n_running++;
    (void)sd_event_now(manager->server->event, CLOCK_MONOTONIC, &job->begun);
    if (job->caller && job->thread_started &&
        sd_event_source_get_enabled(manager->slow, &waiting) >= 0 && waiting == SD_EVENT_OFF)
        wait_slow(manager, job->begun + PROGRESS_DELAY_USEC);
    return 0;
}

int job_start(sd_bus_message *m, const JobWork *work, sd_bus_error *reterr_error)
{
    _cleanup_(job_freep) Job *job = NULL;
    JobManager *manager = job_manager;
    int r;

    r = job_new(manager, work, &job);
    if (r < 0)
        return r;
    r = bus_sender_uid(m, &job->uid);
    if (r >= 0)
        r = bus_sender_name(m, &job->user);
    if (r < 0)
        return r;
    r = check_limits(manager, job->uid);
    if (r < 0)
        return sd_bus_error_setf(reterr_error, ERROR_LIMIT_EXCEEDED,
                                 "Too many of your jobs are running; wait for one to end");
    forget_old(manager, job->uid);
    job->caller = strdup(sd_bus_message_get_sender(m));
    if (!job->caller)
        return -ENOMEM;
    /* The caller learns the path before the first progress report. */
    r = sd_bus_reply_method_return(m, "o", job->path);
    if (r < 0)
        return r;
    r = job_launch(job);
    if (r < 0)
        return log_error_errno(r, "Failed to start a worker thread: %m");
    TAKE_PTR(job);
    return 1;
}

int job_start_internal(Server *server, const JobWork *work)
{
    _cleanup_(job_freep) Job *job = NULL;
    int r;

    r = job_new(server->jobs, work, &job);
    if (r < 0)
        return r;
    job->user = strdup("root");
    if (!job->user)
        return -ENOMEM;
    r = job_launch(job);
    if (r < 0)
        return r;
    TAKE_PTR(job);
    return 0;
}

int jobs_init(Server *server)
{
    JobManager *manager = calloc(1, sizeof *manager);
    _cleanup_free_ char *prefix = NULL;
    int r;

    if (!manager)
        return -ENOMEM;
    server->jobs = job_manager = manager;
    manager->server = server;
    manager->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (manager->wake_fd < 0)
        return -errno;
    r = sd_event_add_io(server->event, &manager->wake, manager->wake_fd, EPOLLIN, on_wake, manager);
    if (r >= 0)
        r = sd_event_add_time(server->event, &manager->slow, CLOCK_MONOTONIC, 0, 0, on_slow,
                              manager);
    if (r >= 0)
        r = sd_event_source_set_enabled(manager->slow, SD_EVENT_OFF);
    if (r < 0)
        return r;
    if (asprintf(&prefix, "%s/job", server->description->root_path) < 0) {
        prefix = NULL;
        return -ENOMEM;
    }
    return server_add_objects(server, prefix, &job1_interface, job_find, NULL, manager);
}

void jobs_done(Server *server)
{
    JobManager *manager = server->jobs;

    if (!manager)
        return;
    manager->stopping = true;
    for (Job *job = manager->jobs; job; job = job->next)
        if (job->thread_started)
            cancel(job);
    while (manager->jobs) {
        Job *job = manager->jobs;

        if (job->thread_started)
            (void)pthread_join(job->thread, NULL);
        /* A job that ended just now is finished properly, so that what it made is not lost. */
        if (!job->ended && job->work.done)
            (void)job->work.done(job, job->work.data, job->run_result);
        job_free(job);
    }
    sd_event_source_unref(manager->wake);
    sd_event_source_unref(manager->slow);
    closep(&manager->wake_fd);
    free(manager);
    server->jobs = job_manager = NULL;
}
