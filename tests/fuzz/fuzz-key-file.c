/* SPDX-License-Identifier: Apache-2.0 */
/* Key files, sealed with a key-encryption key of zeros. */
#include <stdlib.h>

#include "key-file.h"
#include "secure-memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t zeros[KEK_SIZE];
    static Kek *kek;
    _cleanup_(key_unrefp) Key *key = NULL;

    if (!kek && (secure_memory_init() < 0 || kek_new(zeros, &kek) < 0))
        abort();
    if (key_file_open(kek, data, size, &key) >= 0 && (!key->pkey || !key->label))
        abort();
    return 0;
}
