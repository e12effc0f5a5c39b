/* SPDX-License-Identifier: Apache-2.0 */
/* What an EST server answers: certificates and wishes. Up to the first zero byte it is the content
 * type, then the body. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "est-message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_attributes(const char *type, const void *body, size_t size)
{
    static const char *const algorithms[] = {"rsa", "ecdsanistp256", "ecdsanistp384",
                                             "ecdsanistp521", "ed25519"};
    const char *reason = NULL, *digest = NULL;
    EstAttributes attributes;

    if (est_attributes_parse(type, body, size, &attributes, &reason) < 0) {
        if (!reason)
            abort();
        return;
    }
    for (size_t i = 0; i < ELEMENTSOF(algorithms); i++)
        if (est_attributes_check(&attributes, algorithms[i], 2048, "sha256", &digest, &reason) < 0
                ? !reason
                : !digest)
            abort();
    est_attributes_done(&attributes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    const char *type = (const char *)data, *reason = NULL;
    ReceivedList list;
    size_t rest;

    if (!end)
        return 0;
    rest = size - (size_t)(end + 1 - data);
    if (est_certificates_parse(type, end + 1, rest, &list, &reason) >= 0)
        received_done(&list);
    else if (!reason)
        abort();
    read_attributes(type, end + 1, rest);
    return 0;
}
