/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-probe-digests: files against the digests that they should have. It may read everything
 * and change nothing, and says of a file only whether it has the digest that is asked for. */
#include <fcntl.h>
#include <openssl/crypto.h>

#include "probe-digests.h"
#include "probe.h"

static int root_fd = -EBADF;

static int start(void **ret)
{
    root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return -errno;
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_ADD_ALL_DIGESTS, NULL);
    return 0;
}

static int converse(void *data, int fd)
{
    return probe_digests(root_fd, fd);
}

int main(int argc, char *argv[])
{
    static const SandboxPath paths[] = {{"/", SANDBOX_READ}, {NULL, SANDBOX_READ}};
    static const Sandbox sandbox = {.name = "probe-digests",
                                    .calls = SANDBOX_CALLS_FILES_READ,
                                    .paths = paths,
                                    .files_max = 64};
    static const Probe probe = {.name = "probe-digests",
                                .description = "Checks files of packages, for chancery-dossierd.",
                                .start = start,
                                .converse = converse,
                                .sandbox = &sandbox,
                                .seconds_max = 7200};

    return probe_main(&probe, argc, argv);
}
