/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-keyd: custody of private keys. */
#include "keyd.h"

#include <openssl/crypto.h>
#include <sys/prctl.h>

#include "atomic-file.h"
#include "config-owner.h"
#include "job.h"
#include "log.h"
#include "names.h"
#include "secure-memory.h"

static const SandboxPath paths[] = {
    {"$STATE_DIRECTORY", SANDBOX_READ_WRITE},
    {"$RUNTIME_DIRECTORY", SANDBOX_READ_WRITE},
    SANDBOX_USER_NAMES,
    {NULL, SANDBOX_READ},
};

static const Sandbox sandbox = {
    .name = "keyd",
    .calls = SANDBOX_CALLS_FILES_READ | SANDBOX_CALLS_FILES_WRITE | SANDBOX_CALLS_SOCKETPAIR,
    .paths = paths,
    .files_max = 1024,
};

/* What secure_memory_init() said, for when there is a journal to tell. */
static int memory_result;

static int report_custody(void)
{
    static const LogEvent event = {LOG_KEY_CUSTODY};
    const char *kind = secure_memory_kind_to_string(secure_memory_kind());

    if (memory_result < 0)
        return log_error_errno(memory_result, "Failed to set up memory for secrets: %m");
    log_event(&event, LOG_FIELDS("MEMORY", kind), "Private keys are in %s, %zu MiB%s", kind,
              secure_memory_size() >> 20,
              secure_memory_kind() == SECURE_MEMORY_SECRET ? ""
                                                           : "; memfd_secret is not offered here");
    if (secure_memory_kind() == SECURE_MEMORY_UNDUMPABLE)
        log_warning("Memory cannot be locked here, or LimitMEMLOCK= is below %u MiB: only "
                    "MemorySwapMax=0 keeps private keys out of swap space",
                    SECURE_MEMORY_SIZE_MIN >> 20);
    if (secure_memory_size() < SECURE_MEMORY_SIZE_ENOUGH)
        log_warning("LimitMEMLOCK= leaves less than %u MiB for keys: there may be no room for %u "
                    "of them",
                    SECURE_MEMORY_SIZE_ENOUGH >> 20, STORE_KEYS_MAX);
    return 0;
}

/* NULL when there is none that can be used: keyd is there all the same, and says why it can do so
 * little. */
static int open_kek(Kek **ret)
{
    static const LogEvent event = {LOG_STATE_CORRUPT};
    int r = kek_load(KEK_CREDENTIAL, ret);

    if (r == -ENOENT || r == -EBADMSG) {
        log_event(&event, LOG_FIELDS("FILE", KEK_CREDENTIAL),
                  "There is no key-encryption key: the keys on disk stay as they are, none can be "
                  "used and none be made; see chancery-keyd-kek.service");
        *ret = NULL;
        return 0;
    }
    return r < 0 ? log_error_errno(r, "Failed to read the credential " KEK_CREDENTIAL ": %m") : 0;
}

/* The same: without it passwords of the configuration can neither be sealed nor opened. */
static void open_secrets(Keyd *k, int dirfd, const Kek *kek)
{
    static const LogEvent event = {LOG_STATE_CORRUPT};
    int r = kek ? secret_box_open(dirfd, kek, &k->secrets) : 0;

    if (r == -ENOKEY || r == -EBADMSG || r == -EKEYREJECTED)
        log_event(&event, LOG_FIELDS("FILE", SECRET_BOX_FILE),
                  "The file '" SECRET_BOX_FILE "' %s: passwords of the configuration cannot be "
                  "opened",
                  r == -ENOKEY ? "was sealed under another key-encryption key" : "is damaged");
    else if (r < 0)
        (void)log_warning_errno(r, "Failed to make or read '" SECRET_BOX_FILE
                                   "', which passwords of the configuration need, ignoring: %m");
}

static int open_store(Keyd *k)
{
    Kek *kek = NULL;
    int dirfd, r;

    r = open_kek(&kek);
    if (r < 0)
        return r;
    dirfd = state_directory_open();
    if (dirfd < 0) {
        kek_free(kek);
        return log_error_errno(dirfd, "Failed to open $STATE_DIRECTORY: %m");
    }
    open_secrets(k, dirfd, kek);
    r = store_open(dirfd, kek, &k->store);
    if (r < 0)
        return log_error_errno(r, "Failed to load the keys: %m");
    log_debug("%zu keys", store_count(k->store));
    return 0;
}

static int start(Server *server, void **ret)
{
    static Keyd keyd;
    int r;

    keyd.server = server;
    *ret = &keyd;
    /* Before the first secret, not only with the rest of the sandbox. */
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return -errno;
    r = report_custody();
    if (r >= 0)
        r = open_store(&keyd);
    if (r >= 0)
        r = jobs_init(server);
    if (r >= 0)
        r = sign_pool_new(server_event(server), signing_bus_answer, &keyd.pool);
    if (r >= 0)
        r = channels_new(keyd.pool, &keyd.channels);
    if (r >= 0)
        r = sign_streams_new(server_event(server), keyd.pool, signing_bus_answer, &keyd.streams);
    if (r >= 0)
        r = keys_bus_init(&keyd);
    if (r >= 0)
        r = signing_bus_init(&keyd);
    if (r >= 0)
        r = rotation_bus_init(&keyd);
    if (r >= 0)
        r = secrets_bus_init(&keyd);
    if (r >= 0)
        r = user_keys_bus_init(&keyd);
    if (r >= 0)
        r = rights_config_init(&keyd);
    if (r >= 0)
        host_keys_init(&keyd);
    return r;
}

static int ready(Server *server, void *userdata)
{
    Keyd *k = userdata;
    int r = sign_pool_start(k->pool);

    if (r >= 0)
        r = channels_start(k->channels);
    return r < 0 ? r : config_owner_fetch(server);
}

static void stop(void *userdata)
{
    Keyd *k = userdata;

    channels_stop(k->channels);
    if (k->pool)
        sign_pool_stop(k->pool);
    k->channels = channels_free(k->channels);
    k->streams = sign_streams_free(k->streams);
    k->pool = sign_pool_free(k->pool);
    k->rights = key_rights_free(k->rights);
    k->grants = grants_free(k->grants);
    k->store = store_free(k->store);
    k->secrets = secret_box_free(k->secrets);
    user_keys_bus_done(k);
}

static const ServerDescription description = {
    .name = "keyd",
    .description = "Custody of private keys for Chancery.",
    .bus_name = KEYS_NAME,
    .root_path = KEYS_PATH,
    .sandbox = &sandbox,
    .start = start,
    .ready = ready,
    .stop = stop,
};

int main(int argc, char *argv[])
{
    memory_result = secure_memory_init();
    /* F21: openssl.cnf may name providers, which are code: none of it comes in here. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    return server_run(&description, argc, argv);
}
