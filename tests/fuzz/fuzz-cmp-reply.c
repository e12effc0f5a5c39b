/* SPDX-License-Identifier: Apache-2.0 */
/* What a CMP server answers, before OpenSSL sees it, and what OpenSSL then reads. */
#include <openssl/cmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cmp-message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned char *p = data;
    const char *reason = NULL;

    if (cmp_reply_check("application/pkixcmp", data, size, &reason) >= 0)
        OSSL_CMP_MSG_free(d2i_OSSL_CMP_MSG(NULL, &p, (long)size));
    else if (!reason)
        abort();
    return 0;
}
