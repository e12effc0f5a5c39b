/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in BER (ITU-T X.690), as some CAs send them, made such that der.h reads them: indefinite
 * lengths, lengths that are longer than needed, and OCTET STRINGs in pieces. Nothing else is
 * touched: what is signed inside keeps its bytes. */
#pragma once

#include "der.h"

#define BER_DEPTH_MAX 32U

/* One element and nothing after it. What is DER already comes back as it is. The caller frees.
 * -EBADMSG, -ENOMEM. */
int ber_to_der(const void *data, size_t size, void **ret, size_t *ret_size);
