/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-probe-digests: files against the digests that they should have. It may read everything
 * and change nothing, and says of a file only whether it has the digest that is asked for. */
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "log.h"
#include "probe-digests.h"
#include "sandbox.h"
#include "service-program.h"

static int run(void)
{
    static const SandboxPath paths[] = {{"/", SANDBOX_READ}, {NULL, SANDBOX_READ}};
    static const Sandbox sandbox = {.name = "probe-digests",
                                    .calls = SANDBOX_CALLS_FILES_READ,
                                    .paths = paths,
                                    .files_max = 64};
    _cleanup_close_ int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r;

    r = service_connection("probe-digests", SOCK_STREAM);
    if (r < 0)
        return r;
    if (root_fd < 0)
        return log_error_errno(errno, "Failed to open the root: %m");
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_ADD_ALL_DIGESTS, NULL);
    r = sandbox_enter(&sandbox);
    if (r < 0)
        return log_error_errno(r, "Failed to enter the sandbox: %m");
    r = probe_digests(root_fd, STDIN_FILENO);
    /* Whoever asked went away. */
    if (r == -EPIPE || r == -ECONNRESET)
        return 0;
    return r < 0 ? log_error_errno(r, "Failed to check files: %m") : 0;
}

int main(int argc, char *argv[])
{
    int r = service_arguments("probe-digests", "chancery-probe-digests@",
                              "Checks files of packages, for chancery-dossierd.", argc, argv);

    if (r <= 0)
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    log_open("probe-digests");
    (void)signal(SIGPIPE, SIG_IGN);
    return run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
