/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-poold: the trustpool. */
#include "poold.h"

#include "names.h"

static const SandboxPath sandbox_paths[] = {
    {"$STATE_DIRECTORY", SANDBOX_READ_WRITE},
    {"$RUNTIME_DIRECTORY", SANDBOX_READ_WRITE},
    SANDBOX_USER_NAMES,
    {NULL, SANDBOX_READ},
};

static const Sandbox sandbox = {
    .name = "poold",
    .calls = SANDBOX_CALLS_FILES_READ | SANDBOX_CALLS_FILES_WRITE | SANDBOX_CALLS_MEMFD |
             SANDBOX_CALLS_UNIX_SOCKET,
    .paths = sandbox_paths,
    .files_max = 1024,
};

static int ready(Server *server, void *userdata)
{
    return config_owner_fetch(server);
}

int main(int argc, char *argv[])
{
    static const ServerDescription description = {
        .name = "poold",
        .description = "Keeps the trustpool: built-in and downloaded CA certificates.",
        .bus_name = TRUSTPOOL_NAME,
        .root_path = TRUSTPOOL_PATH,
        .sandbox = &sandbox,
        .start = poold_start,
        .ready = ready,
        .stop = poold_stop,
    };

    return server_run(&description, argc, argv);
}
