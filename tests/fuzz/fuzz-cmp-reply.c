/* SPDX-License-Identifier: Apache-2.0 */
/* What a CMP server answers to each thing that a client says, before OpenSSL sees it, and what
 * OpenSSL then reads. */
#include <openssl/cmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmp-message.h"

#define NONCE "0123456789abcdef"
#define NOW INT64_C(1767225600)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A header without names, whose transactionID and senderNonce are the same. */
static int ask(uint8_t body, const uint8_t *data, size_t size, const char **ret_reason)
{
    uint8_t request[] = "\x30\x37\x30\x33\x02\x01\x02\xa4\x02\x30\x00\xa4\x02\x30\x00"
                        "\xa4\x12\x04\x10" NONCE "\xa5\x12\x04\x10" NONCE "\xa0\x00";

    request[sizeof(request) - 3] = DER_CONTEXT_CONSTRUCTED(body);
    return cmp_reply_check("application/pkixcmp", (DerSpan){request, sizeof(request) - 1},
                           (DerSpan){data, size}, NOW, ret_reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t bodies[] = {0, 2, 7, 24, 25}; /* ir, cr, kur, certConf, pollReq */
    char text[80];

    if (cmp_reply_hearsay((DerSpan){data, size}, text, sizeof(text)) != (text[0] != '\0') ||
        strlen(text) >= sizeof(text))
        abort();
    for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
        const unsigned char *p = data;
        const char *reason = NULL;

        if (ask(bodies[i], data, size, &reason) >= 0)
            OSSL_CMP_MSG_free(d2i_OSSL_CMP_MSG(NULL, &p, (long)size));
        else if (!reason)
            abort();
    }
    return 0;
}
