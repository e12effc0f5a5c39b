/* SPDX-License-Identifier: Apache-2.0 */
/* Taking the content key out of a CMS message.
 *
 * Of key transport (RFC 5652 section 6.2.1, RSA with PKCS#1 v1.5) it is done so that nobody learns
 * from it how the padding was (F3): what is badly padded comes out as a key that is none, the same
 * one each time, on the same way through the code.
 *
 * Of key agreement (section 6.2.2, ECDH) all of it is done here: what two keys agree upon never
 * leaves, nor what is derived from it, but only the content key, and only when its wrapping says
 * that it is one. So there is nothing that could be asked for the product of a point and the key.
 *
 * What fits no key is counted in both, and after too many nothing more is decrypted for a while. */
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

/* The same of a KeyAgreeRecipientInfo, whole, for a key of an elliptic curve. -EBADMSG whatever is
 * wrong with it. */
int unwrap_agreed(EVP_PKEY *pkey, DerSpan info, size_t size, UnwrapBudget *b, uint8_t **ret);
