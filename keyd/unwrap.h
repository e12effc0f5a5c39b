/* SPDX-License-Identifier: Apache-2.0 */
/* Taking the content key out of the key transport of a CMS message (RFC 5652 section 6.2.1, RSA
 * with PKCS#1 v1.5), so that nobody learns from it how the padding was (F3): what is badly padded
 * comes out as a key that is none, the same one each time, on the same way through the code. What
 * fits no key is counted meanwhile, and after too many nothing more is decrypted for a while. */
#pragma once

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "der.h"

#define UNWRAP_FAILURES_MAX 32U
#define UNWRAP_FORGIVE_USEC (UINT64_C(600) * 1000000) /* one failure is forgiven after each */

typedef struct UnwrapBudget {
    atomic_uint failures;
    uint64_t forgiven_at; /* main loop only */
} UnwrapBudget;

/* Main loop only; now is CLOCK_MONOTONIC. May something more be decrypted? */
bool unwrap_budget_left(UnwrapBudget *b, uint64_t now);

/* The sizes of AES and Triple DES keys, 16, 24 or 32; 8, of DES, which old servers still answer
 * with. */
bool unwrap_size_is_valid(size_t size);

/* In a worker thread. *ret has size bytes, and is to be wiped and freed with free(). -EBADMSG for
 * what anybody sees to be nothing that was encrypted for this key: another length, not below the
 * modulus, no room for the size. */
int unwrap(EVP_PKEY *pkey, DerSpan encrypted, size_t size, UnwrapBudget *b, uint8_t **ret);
