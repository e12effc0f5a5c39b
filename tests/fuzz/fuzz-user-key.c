/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys of users; what is accepted is read back the same from its canonical form. */
#include <stdlib.h>
#include <string.h>

#include "user-key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    UserKey key, again;

    if (user_key_parse(data, size, &key) < 0)
        return 0;
    if (user_key_parse(key.blob, key.blob_size, &again) < 0 || again.blob_size != key.blob_size ||
        memcmp(again.blob, key.blob, key.blob_size) != 0 || again.bits != key.bits)
        abort();
    user_key_done(&key);
    user_key_done(&again);
    return 0;
}
