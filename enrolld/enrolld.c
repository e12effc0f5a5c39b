/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-enrolld: trustpoints and their certificates. */
#include <fcntl.h>
#include <openssl/crypto.h>

#include "atomic-file.h"
#include "clock.h"
#include "config-owner.h"
#include "enrolld.h"
#include "identity.h"
#include "job.h"
#include "keyd-client.h"
#include "log.h"
#include "names.h"

#define TICK_USEC (UINT64_C(600) * 1000000)

/* What changes because time passes. */
static void announce_expired(Manager *m)
{
    int64_t now = trustpoints_now(&m->trustpoints);

    for (Trustpoint *t = m->trustpoints.first; t; t = t->next)
        for (size_t role = 0; role < ROLE_MAX; role++) {
            const StoredCertificate *c = trustpoint_certificate(t, role);
            bool expired = c && now > c->brief->not_after;

            if (expired == t->announced_expired[role])
                continue;
            t->announced_expired[role] = expired;
            if (!c)
                continue;
            announce_certificate_changed(m, t, role, false);
            announce_trustpoint_changed(m, t);
        }
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
    Manager *m = userdata;
    int r;

    if (clock_floor_tick(&m->trustpoints.clock, clock_sec(CLOCK_REALTIME),
                         clock_sec(CLOCK_BOOTTIME))) {
        r = clock_floor_save_at(&m->trustpoints.clock, m->trustpoints.state_fd);
        if (r < 0)
            log_warning_errno(r, "Failed to remember the time, ignoring: %m");
    }
    manager_read_again(m);
    announce_expired(m);
    expiry_watch_run(m);
    shared_certificates_rest();
    manager_trim_soon(m);
    r = sd_event_source_set_time_relative(source, TICK_USEC);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int open_state(Manager *m)
{
    _cleanup_close_ int fd = state_directory_open();
    int r;

    if (fd < 0)
        return log_error_errno(fd, "Failed to open the state folder: %m");
    r = trustpoints_init(&m->trustpoints, fd, TIME_BUILT, state_report);
    if (r < 0)
        return log_error_errno(r, "Failed to read the state: %m");
    TAKE_FD(fd);
    /* Without it those that are due are given once more, and that is written down in its place. */
    r = expiry_notices_load_at(&m->notices, m->trustpoints.state_fd);
    if (r < 0 && r != -ENOMEM)
        state_report("expiry-notices", r);
    return r == -ENOMEM ? r : 0;
}

/* Without it no service finds anything, and everything else goes on. */
static void open_runtime(Manager *m)
{
    const char *path = getenv("RUNTIME_DIRECTORY");

    m->runtime_fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (m->runtime_fd < 0)
        log_warning("There is no runtime folder: certificates are in no files");
}

static void stop(void *userdata)
{
    Manager *m = userdata;

    if (!m)
        return;
    sd_event_source_disable_unref(m->tick);
    sd_event_source_disable_unref(m->recheck);
    sd_event_source_disable_unref(m->trim);
    schedule_done(m);
    sd_bus_slot_unref(m->keys_changed);
    revocation_watch_free(m->revocations);
    if (m->runtime_fd >= 0)
        (void)close(m->runtime_fd);
    expiry_notices_done(&m->notices);
    trustpoints_done(&m->trustpoints);
    keyd_provider_context_free(m->context);
    free(m->serial_number);
    free(m->hostname);
    free(m->domain);
    free(m);
}

static void stopp(Manager **m)
{
    stop(*m);
}

static int start(Server *server, void **ret)
{
    _cleanup_(stopp) Manager *m = calloc(1, sizeof(*m));
    int r;

    if (!m)
        return -ENOMEM;
    m->server = server;
    m->trustpoints.state_fd = -EBADF;
    m->runtime_fd = -EBADF;
    /* No configuration of the system's OpenSSL: what is accepted here does not depend on it. */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return -EIO;
    m->context = keyd_provider_context();
    if (!m->context)
        return log_error_errno(-EIO, "Failed to set up OpenSSL");
    r = router_serial_number(&m->serial_number);
    if (r < 0)
        return log_error_errno(r, "Failed to read the machine ID: %m");
    r = open_state(m);
    if (r < 0)
        return r;
    open_runtime(m);
    r = jobs_init(server);
    if (r >= 0)
        r = manager_bus_init(m);
    if (r >= 0)
        r = trustpoint_bus_init(m);
    if (r >= 0)
        r = schedule_init(m);
    if (r >= 0)
        r = key_watch_init(m);
    if (r >= 0)
        r = revocation_watch_init(m);
    if (r >= 0)
        r = sd_event_add_time_relative(server_event(server), &m->tick, CLOCK_BOOTTIME, TICK_USEC, 0,
                                       on_tick, m);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(m);
    return 0;
}

static int ready(Server *server, void *userdata)
{
    export_all_certificates(userdata);
    shared_certificates_rest();
    manager_trim_soon(userdata);
    key_watch_check(userdata);
    /* Which notices are due depends on the configuration: they are given when that has come, and
     * by on_tick() when it does not. */
    return config_owner_fetch(server);
}

static const SandboxPath paths[] = {
    {"$STATE_DIRECTORY", SANDBOX_READ_WRITE},
    {"$RUNTIME_DIRECTORY", SANDBOX_READ_WRITE},
    {"/run/chancery-trust", SANDBOX_READ}, /* the trustpool */
    SANDBOX_USER_NAMES,
    {NULL, SANDBOX_READ},
};

static const Sandbox sandbox = {
    .name = "enrolld",
    .calls = SANDBOX_CALLS_FILES_READ | SANDBOX_CALLS_FILES_WRITE | SANDBOX_CALLS_MEMFD |
             SANDBOX_CALLS_UNIX_SOCKET,
    .paths = paths,
    .files_max = 1024,
};

int main(int argc, char *argv[])
{
    static const ServerDescription description = {
        .name = "enrolld",
        .description = "Keeps the router's trustpoints: CA and router certificates, and how they "
                       "are obtained.",
        .bus_name = ENROLLMENT_NAME,
        .root_path = ENROLLMENT_PATH,
        .sandbox = &sandbox,
        .start = start,
        .ready = ready,
        .stop = stop,
    };

    return server_run(&description, argc, argv);
}
