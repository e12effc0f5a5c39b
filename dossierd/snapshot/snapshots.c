/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshots.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "clock.h"
#include "errors.h"
#include "log.h"
#include "memfd.h"
#include "snapshot-config.h"
#include "snapshot-schedule.h"
#include "snapshot-take.h"

#define FOLDER "inventory"
#define QUARTER_USEC (UINT64_C(15) * 60 * 1000000)
#define RETRY_USEC (UINT64_C(60) * 1000000)
#define ACCURACY_USEC (UINT64_C(1) * 1000000)

struct Snapshots {
    Server *server;
    int dirfd, root_fd;
    SnapshotConfig config;
    bool is_running, is_pending;   /* a scan was cut off, or failed */
    uint64_t begun_usec;           /* the one that is running */
    atomic_uint_least64_t n_files; /* that it has seen; its worker's */
    char *failure;                 /* why the last one failed; NULL when it did not */
    uint64_t failed_usec;
    sd_event_source *timer;
    json_object *own; /* the daemon's folder: no snapshot is about how snapshots grow */
};

typedef struct SnapshotWork {
    Snapshots *snapshots;
    Job *job;
    SnapshotRequest request;
    SnapshotResult result;
} SnapshotWork;

/* --- The job ---------------------------------------------------------------------------------- */

static void work_progress(void *userdata, uint64_t n_records)
{
    SnapshotWork *work = userdata;
    char text[48];

    atomic_store(&work->snapshots->n_files, n_records);
    (void)snprintf(text, sizeof text, "%" PRIu64 " files", n_records);
    job_progress(work->job, 0, text);
}

static int take_one(SnapshotWork *work)
{
    _cleanup_close_ int fd = snapshot_connect();

    if (fd < 0)
        return job_fail(work->job, ERROR_UNREACHABLE, "chancery-scan.socket does not answer: %s",
                        strerror(-fd));
    work->request.socket = fd;
    return snapshot_take(&work->request, &work->result);
}

static int work_run(Job *job, void *data)
{
    SnapshotWork *work = data;
    int r;

    work->job = job;
    work->request.cancel_fd = job_cancel_fd(job);
    r = take_one(work);
    /* The index has been moved aside: without it the block is a full one. */
    if (r < 0 && work->result.index_was_bad) {
        r = take_one(work);
        work->result.index_was_bad = true;
    }
    if (r == -EPROTO)
        return job_fail(job, ERROR_FAILED, "The scan ended before it was complete");
    return r;
}

static void arm(Snapshots *s);

static void log_end(Job *job, const SnapshotResult *result, int r)
{
    static const LogEvent taken = {LOG_SNAPSHOT_TAKEN}, failed = {LOG_SNAPSHOT_FAILED};
    static const LogEvent corrupt = {LOG_STATE_CORRUPT};
    const bool is_full = result->base == result->number;
    char number[24], records[24], read[24];

    if (result->index_was_bad)
        log_event(&corrupt, NULL,
                  "The index of the filesystem inventory could not be read and was moved aside");
    if (r == -ECANCELED)
        return;
    if (r < 0) {
        log_event(&failed, LOG_FIELDS("USER", job_user(job)),
                  "No snapshot of the filesystem inventory was taken: %s",
                  job_error(job) ? job_error(job) : strerror(-r));
        return;
    }
    (void)snprintf(number, sizeof number, "%" PRIu64, result->number);
    (void)snprintf(records, sizeof records, "%" PRIu64, result->n_records);
    (void)snprintf(read, sizeof read, "%" PRIu64, result->n_digests);
    log_event(&taken,
              LOG_FIELDS("USER", job_user(job), "BLOCK", number, "RECORDS", records, "READ", read),
              "Filesystem inventory, block %s (%s) of %s: %s of %" PRIu64 " files%s, %s were read",
              number, is_full ? "full" : "incremental", job_user(job), records, result->n_files,
              is_full ? "" : " changed", read);
}

static void begin(Snapshots *s)
{
    s->is_running = true;
    s->begun_usec = clock_usec(CLOCK_REALTIME);
    atomic_store(&s->n_files, 0);
}

/* One that was stopped says nothing about the next. */
static void remember_end(Snapshots *s, Job *job, int r)
{
    s->is_running = false;
    s->is_pending = r < 0 && r != -ECANCELED;
    if (r == -ECANCELED)
        return;
    free(s->failure);
    s->failure = r < 0 ? strdup(job_error(job) ? job_error(job) : strerror(-r)) : NULL;
    s->failed_usec = clock_usec(CLOCK_REALTIME);
}

static int work_done(Job *job, void *data, int r)
{
    SnapshotWork *work = data;
    Snapshots *s = work->snapshots;

    remember_end(s, job, r);
    log_end(job, &work->result, r);
    arm(s);
    if (r < 0)
        return r;
    r = job_result(job, "block", 't', &work->result.number);
    if (r >= 0)
        r = job_result(job, "records", 't', &work->result.n_records);
    if (r >= 0)
        r = job_result(job, "files", 't', &work->result.n_files);
    return r;
}

static void work_free(void *data)
{
    SnapshotWork *work = data;

    if (!work)
        return;
    json_object_put(work->request.skip_folders);
    json_object_put(work->request.skip_files);
    json_object_put(work->request.folders);
    json_object_put(work->request.always);
    free(work);
}
DEFINE_TRIVIAL_CLEANUP_FUNC(SnapshotWork *, work_free);

/* The worker shares nothing with the main loop. */
static int copy(json_object *from, json_object **ret)
{
    return from && json_object_deep_copy(from, ret, NULL) < 0 ? -ENOMEM : 0;
}

static int work_new(Snapshots *s, bool is_full, json_object *folders, SnapshotWork **ret)
{
    _cleanup_(work_freep) SnapshotWork *work = calloc(1, sizeof *work);
    int r;

    if (!work)
        return -ENOMEM;
    work->snapshots = s;
    work->request = (SnapshotRequest){
        .dirfd = s->dirfd,
        .root_fd = s->root_fd,
        .is_full = is_full || s->config.is_full,
        .no_digests = s->config.no_digests,
        .rate = s->config.rate,
        .progress = work_progress,
        .userdata = work,
    };
    r = copy(s->config.skip_folders, &work->request.skip_folders);
    if (r >= 0)
        r = copy(s->config.skip_files, &work->request.skip_files);
    if (r >= 0)
        r = copy(folders, &work->request.folders);
    if (r >= 0)
        r = copy(s->own, &work->request.always);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(work);
    return 0;
}

static const JobWork job_work = {
    .kind = "snapshot", .run = work_run, .done = work_done, .free_data = work_free};

/* --- The time --------------------------------------------------------------------------------- */

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    Snapshots *s = userdata;
    JobWork work = job_work;
    SnapshotWork *data;
    int r;

    if (s->is_running)
        return 0;
    r = work_new(s, false, NULL, &data);
    if (r >= 0) {
        work.data = data;
        r = job_start_internal(s->server, &work);
    }
    if (r < 0) {
        (void)log_error_errno(r, "Failed to start a snapshot of the filesystem inventory: %m");
        s->is_pending = true;
        arm(s);
        return 0;
    }
    begin(s);
    return 0;
}

/* When the last snapshot ended; 0 without one, or when it cannot be read. */
static uint64_t last_usec(const Snapshots *s)
{
    SnapshotNumbers numbers;
    uint64_t usec = 0;
    SnapshotBlock b;

    if (snapshot_list(s->dirfd, &numbers) < 0)
        return 0;
    if (numbers.n > 0 && snapshot_open(s->dirfd, numbers.numbers[numbers.n - 1], &b) >= 0) {
        usec = b.about.end_usec;
        snapshot_block_done(&b);
    }
    snapshot_numbers_done(&numbers);
    return usec;
}

static void arm(Snapshots *s)
{
    uint64_t delay = s->is_pending ? RETRY_USEC
                                   : snapshot_delay(last_usec(s), clock_usec(CLOCK_REALTIME),
                                                    s->config.interval * QUARTER_USEC);
    int r;

    s->timer = sd_event_source_disable_unref(s->timer);
    if (!s->config.is_enabled || s->is_running)
        return;
    r = sd_event_add_time_relative(server_event(s->server), &s->timer, CLOCK_BOOTTIME, delay,
                                   ACCURACY_USEC, on_time, s);
    if (r < 0)
        (void)log_error_errno(r, "Failed to set the time of the next snapshot: %m");
}

/* --- The configuration ------------------------------------------------------------------------ */

int snapshots_check(json_object *o, ConfigProblems *problems)
{
    SnapshotConfig config = {0};
    int r = snapshot_config_read(o, &config, problems);

    snapshot_config_done(&config);
    return r;
}

int snapshots_apply(Snapshots *s, json_object *o)
{
    SnapshotConfig config;
    int r = snapshot_config_read(o, &config, NULL);

    if (r < 0)
        return r;
    snapshot_config_done(&s->config);
    s->config = config;
    s->is_pending = false;
    arm(s);
    /* What a kill or a reboot has cut off goes on at once. */
    if (s->timer && snapshot_has_hint(s->dirfd))
        (void)sd_event_source_set_time_relative(s->timer, 0);
    return 0;
}

/* --- The handlers ----------------------------------------------------------------------------- */

int snapshots_take(Snapshots *s, sd_bus_message *m, bool is_full, uint32_t dir_set,
                   sd_bus_error *reterr_error)
{
    JobWork work = job_work;
    json_object *folders = NULL;
    SnapshotWork *data;
    int r;

    if (!s->config.is_enabled)
        return sd_bus_error_setf(reterr_error, ERROR_NOT_CONFIGURED,
                                 "There is no filesystem-inventory in the configuration");
    if (dir_set > SNAPSHOT_SETS)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "A dir-set has a number from 1 to %u", SNAPSHOT_SETS);
    if (dir_set > 0) {
        folders = s->config.sets[dir_set - 1];
        if (!folders)
            return sd_bus_error_setf(reterr_error, ERROR_NOT_CONFIGURED,
                                     "There is no on-demand dir-set %u in the configuration",
                                     dir_set);
    }
    if (s->is_running)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY, "A snapshot is being taken already");
    r = work_new(s, is_full, folders, &data);
    if (r < 0)
        return r;
    work.data = data;
    r = job_start(m, &work, reterr_error);
    if (r >= 0) {
        begin(s);
        arm(s);
    }
    return r;
}

static void add_number(json_object *o, const char *name, uint64_t value)
{
    (void)json_object_object_add(o, name, json_object_new_uint64(value));
}

static json_object *describe_block(const Snapshots *s, uint64_t number)
{
    json_object *o = json_object_new_object();
    char digest[2 * INVENTORY_DIGEST_SIZE + 1];
    SnapshotBlock b;

    if (!o)
        return NULL;
    add_number(o, "number", number);
    if (snapshot_open(s->dirfd, number, &b) < 0) {
        (void)json_object_object_add(o, "altered", json_object_new_boolean(1));
        return o;
    }
    for (size_t i = 0; i < INVENTORY_DIGEST_SIZE; i++)
        (void)snprintf(digest + 2 * i, 3, "%02x", b.digest[i]);
    add_number(o, "full-block", b.about.base);
    add_number(o, "begin", b.about.begin_usec);
    add_number(o, "end", b.about.end_usec);
    add_number(o, "records", b.about.n_records);
    add_number(o, "bytes", b.bytes);
    (void)json_object_object_add(o, "digest", json_object_new_string(digest));
    (void)json_object_object_add(o, "scope", json_object_new_string(b.scope));
    snapshot_block_done(&b);
    return o;
}

static json_object *describe(const Snapshots *s)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    json_object *list = json_object_new_array();
    uint64_t due = 0, now = 0;
    SnapshotNumbers numbers;

    if (!o || json_object_object_add(o, "snapshots", list) < 0 ||
        snapshot_list(s->dirfd, &numbers) < 0)
        return NULL;
    for (size_t i = 0; i < numbers.n; i++)
        (void)json_object_array_add(list, describe_block(s, numbers.numbers[i]));
    snapshot_numbers_done(&numbers);
    (void)json_object_object_add(o, "enabled", json_object_new_boolean(s->config.is_enabled));
    (void)json_object_object_add(o, "running", json_object_new_boolean(s->is_running));
    if (s->is_running) {
        add_number(o, "running-since", s->begun_usec);
        add_number(o, "running-files", atomic_load(&s->n_files));
    }
    if (s->failure) {
        add_number(o, "failed", s->failed_usec);
        (void)json_object_object_add(o, "failure", json_object_new_string(s->failure));
    }
    if (s->timer && sd_event_source_get_time(s->timer, &due) >= 0 &&
        sd_event_now(server_event(s->server), CLOCK_BOOTTIME, &now) >= 0)
        add_number(o, "next", clock_usec(CLOCK_REALTIME) + (due > now ? due - now : 0));
    return TAKE_PTR(o);
}

int snapshots_describe(Snapshots *s, sd_bus_message *m, sd_bus_error *reterr_error)
{
    _cleanup_json_ json_object *o = describe(s);
    _cleanup_close_ int fd = -EBADF;
    const char *text;

    if (!o)
        return -ENOMEM;
    text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
    fd = memfd_new_sealed("snapshots", text, strlen(text));
    return fd < 0 ? fd : sd_bus_reply_method_return(m, "h", fd);
}

/* --- Life ------------------------------------------------------------------------------------- */

/* Whose writing is part of each snapshot, and would be in the next. */
static json_object *own_folder(void)
{
    const char *folder = getenv("STATE_DIRECTORY");
    json_object *list = json_object_new_array();

    if (list && folder && folder[0] == '/')
        (void)json_object_array_add(list,
                                    json_object_new_string_len(folder, (int)strcspn(folder, ":")));
    return list;
}

int snapshots_new(Server *server, int root_fd, Snapshots **ret)
{
    _cleanup_close_ int state_fd = state_directory_open();
    Snapshots *s;

    if (state_fd < 0)
        return state_fd;
    s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->server = server;
    s->root_fd = root_fd;
    s->own = own_folder();
    s->dirfd = directory_open_at(state_fd, FOLDER);
    if (s->dirfd < 0 || !s->own) {
        int r = s->dirfd < 0 ? s->dirfd : -ENOMEM;

        snapshots_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

Snapshots *snapshots_free(Snapshots *s)
{
    if (!s)
        return NULL;
    sd_event_source_disable_unref(s->timer);
    snapshot_config_done(&s->config);
    json_object_put(s->own);
    free(s->failure);
    closep(&s->dirfd);
    free(s);
    return NULL;
}

uint64_t snapshots_rate(const Snapshots *s)
{
    return s->config.rate;
}

int snapshots_fd(const Snapshots *s)
{
    return s->dirfd;
}
