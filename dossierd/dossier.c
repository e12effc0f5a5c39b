/* SPDX-License-Identifier: Apache-2.0 */
#include "dossier.h"

#include "clock.h"

#define VERIFY_SECONDS 3600U

const Selector selectors[] = {
    {PACKAGES_SELECTOR, "pkg-mgmt.read", "Installed packages", 60, VERIFY_SECONDS,
     collect_packages},
    {"reboot-history", "system.read", "Boots and their causes", 60, 0, collect_reboots},
    {"rollback-history", "config-services.read", "Commits of the configuration", 30, 0,
     collect_rollbacks},
    {"system-integrity-snapshot", "basic-services.read",
     "Measured boot, kernel and runtime integrity", 60, 0, collect_integrity},
    {"system-inventory", "sysmgr.read", "Hardware of the system", 60, 0, collect_inventory},
    {FILESYSTEM_SELECTOR, "dossier.read", "Files, as the snapshots have them", 3600, 0,
     collect_filesystem},
    {NULL, NULL, NULL, 0, 0, NULL},
};

uint32_t selector_bit(const char *name)
{
    for (unsigned i = 0; selectors[i].name; i++)
        if (streq(selectors[i].name, name))
            return UINT32_C(1) << i;
    return 0;
}

uint32_t selectors_default(void)
{
    uint32_t all = 0;

    for (unsigned i = 0; selectors[i].name; i++)
        all |= UINT32_C(1) << i;
    return all & ~selector_bit(FILESYSTEM_SELECTOR);
}

/* The outcome stands behind the content, because it is known only when the content has been
 * written. */
static void write_selector(const DossierRequest *request, const Selector *selector, JsonWriter *w)
{
    const CollectHost *host = request->host;
    uint64_t stalled = host && host->stalled_usec ? host->stalled_usec(host->userdata) : 0;
    unsigned seconds = request->verify_packages && selector->timeout_verify_seconds > 0
                           ? selector->timeout_verify_seconds
                           : selector->timeout_seconds;
    Collect c = {
        .writer = w,
        .root_fd = request->root_fd,
        .host = host,
        .nonce = request->nonce,
        .snapshots_fd = request->snapshots_fd,
        .files = request->files,
        .verify_packages = request->verify_packages,
        .rate = request->rate,
        .deadline_usec = clock_usec(CLOCK_MONOTONIC) - stalled + USEC_PER_SEC * seconds,
    };
    ResultCode code;

    json_begin_object(w, selector->name);
    json_begin_object(w, selector->name);
    selector->collect(&c);
    json_end_object(w);
    code = collect_outcome(&c);
    json_write_string(w, "result-code", result_code_to_string(code));
    if (code != RESULT_SUCCESS)
        json_write_string(w, "reason", c.reason);
    json_end_object(w);
}

static bool is_cancelled(const DossierRequest *request)
{
    const CollectHost *host = request->host;

    return host && host->is_cancelled && host->is_cancelled(host->userdata);
}

int dossier_write(const DossierRequest *request, int fd)
{
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(fd);
    _cleanup_(nodes_freep) NodesRun *nodes = NULL;
    unsigned done = 0, total = (unsigned)__builtin_popcount(request->selectors);
    int r;

    if (!w)
        return -ENOMEM;
    r = nodes_begin(request, &nodes);
    if (r < 0)
        return r;
    json_begin_object(w, NULL);
    json_write_time(w, DOSSIER_START_TIME, clock_usec(CLOCK_REALTIME));
    json_write_string(w, "model-name", DOSSIER_MODEL_NAME);
    json_write_string(w, "model-revision", DOSSIER_MODEL_REVISION);
    dossier_write_platform(w, request->root_fd);
    for (unsigned i = 0; selectors[i].name; i++) {
        if (!(request->selectors & UINT32_C(1) << i))
            continue;
        if (is_cancelled(request))
            return -ECANCELED;
        if (request->progress)
            request->progress(request->host->userdata, done++ * 100 / total, selectors[i].name);
        write_selector(request, &selectors[i], w);
    }
    r = nodes ? nodes_write(nodes, w) : 0;
    if (r < 0)
        return r;
    if (is_cancelled(request))
        return -ECANCELED;
    if (request->nonce)
        json_write_string(w, "nonce", request->nonce);
    json_write_time(w, "collection-end-time", clock_usec(CLOCK_REALTIME));
    json_end_object(w);
    return json_writer_finish(w);
}
