/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing all keys anew, under another key-encryption key. */
#pragma once

#include "kek.h"

typedef struct RekeyCount {
    unsigned resealed, already, left; /* left: damaged, or sealed with a third one */
} RekeyCount;

/* Each file is the old or the new one at any moment, and a second run finishes what a first one
 * began. The first error that is not about a file's content ends it. */
int rekey_folder(int dirfd, const Kek *from, const Kek *to, RekeyCount *ret);
