/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"
#include "policy.h"

static int start(Server *server, void **ret)
{
    Policy *policy;
    int r = policy_new(server, &policy);

    if (r >= 0)
        *ret = policy;
    return r;
}

static int ready(Server *server, void *userdata)
{
    return policy_ready(userdata);
}

static void stop(void *userdata)
{
    policy_free(userdata);
}

static const SandboxPath paths[] = {
    {"$STATE_DIRECTORY", SANDBOX_READ_WRITE},
    {"$CHANCERY_POLKIT_RULES", SANDBOX_READ_WRITE},
    {"$CHANCERY_USERDB", SANDBOX_READ_WRITE},
    SANDBOX_USER_NAMES,
    {NULL, SANDBOX_READ},
};

static const Sandbox sandbox = {
    .name = "policyd",
    .calls = SANDBOX_CALLS_FILES_READ | SANDBOX_CALLS_FILES_WRITE | SANDBOX_CALLS_MEMFD,
    .paths = paths,
    .files_max = 512,
};

static const ServerDescription description = {
    .name = "policyd",
    .description = "The running configuration, its sessions and commits, and who holds which task",
    .bus_name = POLICY_NAME,
    .root_path = POLICY_PATH,
    .sandbox = &sandbox,
    .start = start,
    .ready = ready,
    .stop = stop,
};

int main(int argc, char *argv[])
{
    return server_run(&description, argc, argv);
}
