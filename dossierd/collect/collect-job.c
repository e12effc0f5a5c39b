/* SPDX-License-Identifier: Apache-2.0 */
/* The job that collects a dossier. */
#include "atomic-file.h"
#include "device-facts.h"
#include "dossier.h"
#include "errors.h"
#include "jobs.h"
#include "log.h"
#include "node-client.h"
#include "quote-client.h"
#include "stream.h"

typedef struct CollectRun {
    Job *job;
    int state_fd;
    Relay *relay;
} CollectRun;

static bool run_is_cancelled(void *userdata)
{
    CollectRun *run = userdata;

    return job_is_cancelled(run->job) || relay_error(run->relay) < 0;
}

static uint64_t run_stalled_usec(void *userdata)
{
    CollectRun *run = userdata;

    return relay_stalled_usec(run->relay);
}

static void run_progress(void *userdata, unsigned percent, const char *selector)
{
    CollectRun *run = userdata;

    job_progress(run->job, percent, selector);
}

static int run_connect_tpm(void *userdata)
{
    return quote_connect();
}

static int run_connect_probe(void *userdata, ProbeKind kind)
{
    return probe_connect(kind);
}

static int run_connect_node(void *userdata, bool is_container)
{
    return node_connect(is_container);
}

static int run_read_device(void *userdata, const char *subsystem, const char *name,
                           DeviceFacts *ret)
{
    return device_facts_read(subsystem, name, ret);
}

static int run_open_scratch(void *userdata)
{
    CollectRun *run = userdata;

    return scratch_open_at(run->state_fd);
}

static int run_collect(Job *job, void *data)
{
    CollectWork *work = data;
    _cleanup_(relay_freep) Relay *relay = NULL;
    CollectRun run = {.job = job, .state_fd = work->manager->state_fd};
    CollectHost host = {
        .is_cancelled = run_is_cancelled,
        .stalled_usec = run_stalled_usec,
        .connect_tpm = run_connect_tpm,
        .connect_probe = run_connect_probe,
        .connect_node = run_connect_node,
        .read_device = run_read_device,
        .open_scratch = run_open_scratch,
        .userdata = &run,
    };
    DossierRequest request = {
        .selectors = work->nodes.here,
        .nonce = work->nonce,
        .root_fd = work->manager->root_fd,
        .snapshots_fd = snapshots_fd(work->manager->snapshots),
        .files = &work->nodes.files,
        .nodes = work->nodes.others,
        .n_nodes = work->nodes.n_others,
        .verify_packages = work->verify_packages,
        .rate = work->rate,
        .host = &host,
        .progress = run_progress,
    };
    int r, q;

    r = relay_new(TAKE_FD(work->output), job_cancel_fd(job), &work->manager->provenance, &relay);
    if (r < 0)
        return r;
    run.relay = relay;
    r = dossier_write(&request, relay_fd(relay));
    q = relay_finish(relay, &work->bytes);
    /* What ended the relay is the cause when both failed. */
    if (q == -ETIMEDOUT)
        return job_fail(job, ERROR_CANCELLED, "Nobody read the dossier for %u seconds",
                        STREAM_STALL_SECONDS);
    if (q == -EPIPE)
        return job_fail(job, ERROR_CANCELLED, "The reader of the dossier went away");
    if (q >= 0 && r >= 0)
        q = relay_vouch(relay);
    return q < 0 ? q : r;
}

static int done_collect(Job *job, void *data, int r)
{
    static const LogEvent event = {LOG_DOSSIER_COLLECTED};
    CollectWork *work = data;
    char bytes[24];

    if (r < 0)
        return r;
    (void)snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)work->bytes);
    log_event(
        &event,
        LOG_FIELDS("USER", job_user(job), "BYTES", bytes, "NONCE", work->nonce ? work->nonce : ""),
        "Dossier of %s bytes collected for user %s", bytes, job_user(job));
    return job_result(job, "bytes", 't', &work->bytes);
}

CollectWork *collect_work_new(void)
{
    CollectWork *work = calloc(1, sizeof *work);

    if (work) {
        work->output = -EBADF;
        work->nodes.files.count = UINT64_MAX;
    }
    return work;
}

void collect_work_free(void *data)
{
    CollectWork *work = data;

    if (!work)
        return;
    closep(&work->output);
    node_choice_done(&work->nodes);
    free(work->nonce);
    free(work);
}

const JobWork collect_job = {
    .kind = "collect", .run = run_collect, .done = done_collect, .free_data = collect_work_free};
