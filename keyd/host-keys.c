/* SPDX-License-Identifier: Apache-2.0 */
/* Host keys: the pairs that every router has from its first boot on, under the default label. They
 * are made before anybody is served, once in a boot, and only where there is none of them: who
 * removed some of them wanted it so. */
#include <fcntl.h>

#include "atomic-file.h"
#include "clock.h"
#include "keyd.h"
#include "log.h"

#define HOST_LABEL "the_default"
/* In the runtime folder: this boot has been looked after. */
#define LOOKED "host-keys"
/* In the state folder: they are being made, and those that are missing are to be made yet. */
#define PENDING "host-keys-pending"

/* What ssh-keygen -A makes. */
static const struct {
    const char *algorithm;
    unsigned bits;
} host_keys[] = {{"rsa", RSA_BITS_DEFAULT}, {"ecdsanistp256", 0}, {"ed25519", 0}};

static bool marked(int dirfd, const char *name)
{
    return dirfd >= 0 && faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Of any algorithm and size, also one that cannot be opened. */
static bool is_there(Keyd *k, const char *name)
{
    const KeyAlgorithm *algorithm = key_algorithm_find(name);
    int r = store_claim(k->store, algorithm, HOST_LABEL, false);

    if (r >= 0)
        store_unclaim(k->store, algorithm, HOST_LABEL);
    return r == -EEXIST;
}

static bool any_is_there(Keyd *k)
{
    static const char *const names[] = {"rsa",           "ecdsanistp256", "ecdsanistp384",
                                        "ecdsanistp521", "ed25519",       "dsa"};

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (is_there(k, names[i]))
            return true;
    return false;
}

static int make(Keyd *k, const char *name, unsigned bits)
{
    static const LogEvent event = {LOG_KEY_GENERATED};
    const KeyAlgorithm *algorithm = key_algorithm_find(name);
    _cleanup_(key_unrefp) Key *key = NULL;
    EVP_PKEY *pkey = NULL;
    const uint64_t created = clock_usec(CLOCK_REALTIME);
    int r;

    r = key_generate(algorithm, bits, NULL, NULL, &pkey);
    if (r >= 0)
        r = key_new(algorithm, HOST_LABEL, KEY_USAGE_GENERAL, created, pkey, &key);
    if (r >= 0)
        r = store_write(k->store, key);
    if (r >= 0)
        r = store_publish(k->store, key);
    if (r >= 0)
        log_event(&event, LOG_FIELDS("ALGORITHM", name, "LABEL", HOST_LABEL, "USER", "keyd"),
                  "The %s key %s, %u bits, was generated at the first boot", name, HOST_LABEL,
                  key->bits);
    return r;
}

static int make_missing(Keyd *k)
{
    int r = atomic_write_at(k->state_fd, PENDING, "", 0, 0600);

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(host_keys); i++)
        if (!is_there(k, host_keys[i].algorithm))
            r = make(k, host_keys[i].algorithm, host_keys[i].bits);
    return r < 0 ? r : atomic_unlink_at(k->state_fd, PENDING);
}

void host_keys_init(Keyd *k)
{
    static const LogEvent event = {LOG_KEY_INFO};
    bool pending = marked(k->state_fd, PENDING);
    int r = 0;

    if (!store_is_open(k->store) || (marked(k->runtime_fd, LOOKED) && !pending))
        return;
    if (!pending && any_is_there(k))
        log_event(&event, NULL, "One or more host keypairs exist. Not auto-generating keypairs.");
    else
        r = make_missing(k);
    if (r < 0)
        log_error_errno(r, "Failed to make the host keys, ignoring: %m");
    r = k->runtime_fd < 0 ? 0 : atomic_write_at(k->runtime_fd, LOOKED, "", 0, 0600);
    if (r < 0)
        log_warning_errno(r, "Failed to note that host keys were looked after, ignoring: %m");
}
