/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapped keys, for a recipient whose key everybody has. */
#include <stdlib.h>

#include "backup.h"
#include "secure-memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A new one for each run: nothing opens, but OpenSSL reads all of what was let through. */
static Key *recipient_new(void)
{
    const KeyAlgorithm *algorithm = key_algorithm_find("ecdsanistp256");
    EVP_PKEY *pkey = NULL;
    Key *key = NULL;

    if (secure_memory_init() < 0 || key_generate(algorithm, 0, NULL, NULL, &pkey) < 0 ||
        key_new(algorithm, "fuzz", KEY_USAGE_GENERAL, 0, pkey, &key) < 0)
        abort();
    return key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Key *recipient;
    const DerSpan wrapped = {data, size};
    const char *reason = NULL;
    Key *key = NULL;
    DerSpan key_id;

    if (!recipient)
        recipient = recipient_new();
    if (backup_check(wrapped, &key_id, &reason) < 0) {
        if (!reason)
            abort();
        return 0;
    }
    (void)backup_recipient(recipient, key_id);
    if (backup_unwrap(wrapped, recipient, &key) >= 0)
        key_unref(key);
    return 0;
}
