/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-keyd-rekey: seals every key under the next key-encryption key. It runs while keyd does
 * not; see chancery-keyd-rekey.service. */
#include <openssl/crypto.h>
#include <sys/prctl.h>

#include "atomic-file.h"
#include "log.h"
#include "rekey.h"
#include "sandbox.h"
#include "secure-memory.h"

#define KEK_NEXT_CREDENTIAL "chancery-kek-next"

static const SandboxPath paths[] = {
    {"$STATE_DIRECTORY", SANDBOX_READ_WRITE},
    {NULL, SANDBOX_READ},
};

static const Sandbox sandbox = {
    .name = "keyd-rekey",
    .calls = SANDBOX_CALLS_FILES_READ | SANDBOX_CALLS_FILES_WRITE,
    .paths = paths,
    .files_max = 64,
};

static int rekey(void)
{
    _cleanup_(kek_freep) Kek *from = NULL, *to = NULL;
    _cleanup_close_ int dirfd = -EBADF;
    RekeyCount count;
    int r;

    r = kek_load(KEK_CREDENTIAL, &from);
    if (r >= 0)
        r = kek_load(KEK_NEXT_CREDENTIAL, &to);
    if (r < 0)
        return log_error_errno(r, "Failed to read the key-encryption keys: %m");
    dirfd = state_directory_open();
    if (dirfd < 0)
        return log_error_errno(dirfd, "Failed to open $STATE_DIRECTORY: %m");
    r = sandbox_enter(&sandbox);
    if (r < 0)
        return log_error_errno(r, "Failed to enter the sandbox: %m");
    r = rekey_folder(dirfd, from, to, &count);
    if (r < 0)
        return log_error_errno(r, "Failed to seal the keys anew, start again to go on: %m");
    log_notice("Sealed %u key files anew; %u were already, %u are left alone", count.resealed,
               count.already, count.left);
    return 0;
}

int main(void)
{
    int r;

    log_open("keyd-rekey");
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return EXIT_FAILURE;
    r = secure_memory_init();
    if (r < 0) {
        (void)log_error_errno(r, "Failed to set up memory for secrets: %m");
        return EXIT_FAILURE;
    }
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    return rekey() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
