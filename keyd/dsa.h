/* SPDX-License-Identifier: Apache-2.0 */
/* DSA pairs, for old peers that know nothing else. */
#pragma once

#include <openssl/evp.h>

/* Makes parameters of 512, 768, 1024 or 2048 bits and a pair. callback is asked between candidates
 * for a prime, with app_data at its context; it ends the search with 0. -EIO. */
int dsa_generate(unsigned bits, EVP_PKEY_gen_cb *callback, void *app_data, EVP_PKEY **ret);
