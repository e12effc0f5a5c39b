/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-scan: reads all files once, for the filesystem inventory of chancery-dossierd. Started
 * by chancery-scan.socket, one process for each scan: a request, with the descriptors of what was
 * there before; records, and the end. It may read everything and change nothing. */
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <sys/socket.h>

#include "log.h"
#include "sandbox.h"
#include "service-program.h"
#include "scan.h"

/* Landlock takes away every right but to read. */
static const SandboxPath paths[] = {{"/", SANDBOX_READ}, {NULL, SANDBOX_READ}};

static const Sandbox sandbox = {
    .name = "scan", .calls = SANDBOX_CALLS_FILES_READ, .paths = paths, .files_max = SCAN_FILES_MAX};

static int run(void)
{
    _cleanup_close_ int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
    _cleanup_(mounts_freep) Mounts *mounts = NULL;
    int r;

    r = service_connection("scan", SOCK_STREAM);
    if (r < 0)
        return r;
    if (root_fd < 0 || !f)
        return log_error_errno(errno, "Failed to open the root, or the list of mounts: %m");
    r = mounts_new(f, false, &mounts);
    if (r < 0)
        return log_error_errno(r, "Failed to read /proc/self/mountinfo: %m");
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    r = sandbox_enter(&sandbox);
    if (r < 0)
        return log_error_errno(r, "Failed to enter the sandbox: %m");
    r = scan_serve(STDIN_FILENO, root_fd, mounts);
    if (r < 0)
        return log_error_errno(r, "Failed to scan: %m");
    return 0;
}

int main(int argc, char *argv[])
{
    int r = service_arguments("scan", "chancery-scan@",
                              "Reads all files once, for chancery-dossierd.", argc, argv);

    if (r <= 0)
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    log_open("scan");
    (void)signal(SIGPIPE, SIG_IGN);
    return run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
