/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "atomic-file.h"
#include "hostd.h"
#include "log.h"
#include "names.h"

static void stop(void *userdata)
{
    Hostd *hostd = userdata;

    check_drop(hostd);
    json_object_put(hostd->applied);
    unit_jobs_free(hostd->jobs);
    closep(&hostd->state_fd);
    closep(&hostd->runtime_fd);
    free(hostd);
}

static int open_folders(Hostd *hostd)
{
    const char *path = getenv("RUNTIME_DIRECTORY");

    hostd->state_fd = state_directory_open();
    if (hostd->state_fd < 0)
        return log_error_errno(hostd->state_fd, "Failed to open the state directory: %m");
    hostd->runtime_fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -ENXIO;
    if (hostd->runtime_fd < 0)
        return log_error_errno(path ? -errno : -ENXIO, "Failed to open the runtime directory: %m");
    (void)remove_leftovers_at(hostd->runtime_fd);
    return remove_leftovers_at(hostd->state_fd);
}

static int start(Server *server, void **ret)
{
    Hostd *hostd = calloc(1, sizeof *hostd);
    int r;

    if (!hostd)
        return -ENOMEM;
    *hostd = (Hostd){.server = server, .state_fd = -EBADF, .runtime_fd = -EBADF};
    r = open_folders(hostd);
    if (r >= 0)
        r = unit_jobs_new(server, &hostd->jobs);
    if (r >= 0)
        r = apply_init(hostd);
    if (r >= 0)
        r = config_owner_init(server, hostd_config_sections, hostd);
    if (r < 0) {
        stop(hostd);
        return r;
    }
    *ret = hostd;
    return 0;
}

static int ready(Server *server, void *userdata)
{
    return config_owner_fetch(server);
}

static const SandboxPath paths[] = {
    {"$STATE_DIRECTORY", SANDBOX_READ_WRITE},
    {"$RUNTIME_DIRECTORY", SANDBOX_READ_WRITE},
    {"/run/chancery-check", SANDBOX_READ},
    /* Which network devices are VRFs. */
    {"/sys/devices/virtual/net", SANDBOX_READ},
    SANDBOX_USER_NAMES,
    {NULL, SANDBOX_READ},
};

static const Sandbox sandbox = {
    .name = "hostd",
    .calls = SANDBOX_CALLS_FILES_READ | SANDBOX_CALLS_FILES_WRITE,
    .paths = paths,
    .files_max = 256,
};

int main(int argc, char *argv[])
{
    static const ServerDescription description = {
        .name = "hostd",
        .description = "Makes the configuration effective in other services: the SSH server, the "
                       "SNMP agent, names of hosts.",
        .bus_name = HOST_NAME,
        .root_path = HOST_PATH,
        .sandbox = &sandbox,
        .start = start,
        .ready = ready,
        .stop = stop,
    };

    return server_run(&description, argc, argv);
}
