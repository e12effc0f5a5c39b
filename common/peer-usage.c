/* SPDX-License-Identifier: Apache-2.0 */
#include "peer-usage.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <stdint.h>

#include "cleanup.h"

static const struct {
    const char *name, *reason;
    uint32_t flag;
} usages[_PEER_USAGE_MAX] = {
    [PEER_USAGE_SERVER_AUTH] = {"server-auth",
                                "the certificate is not for server authentication, which "
                                "extended-key-usage match wants",
                                XKU_SSL_SERVER},
    [PEER_USAGE_CLIENT_AUTH] = {"client-auth",
                                "the certificate is not for client authentication, which "
                                "extended-key-usage match wants",
                                XKU_SSL_CLIENT},
};

const char *peer_usage_name(PeerUsage usage)
{
    return usages[usage].name;
}

int peer_usage_from_name(const char *name, PeerUsage *ret)
{
    for (size_t i = 0; i < ELEMENTSOF(usages); i++)
        if (usages[i].name && streq(usages[i].name, name)) {
            *ret = (PeerUsage)i;
            return 0;
        }
    return -EINVAL;
}

bool peer_usage_matches(PeerUsage usage, X509 *certificate)
{
    uint32_t found;

    if (usage == PEER_USAGE_ANY)
        return true;
    found = X509_get_extended_key_usage(certificate);
    /* All bits: there is no such extension. */
    return found != UINT32_MAX && (found & usages[usage].flag) != 0;
}

const char *peer_usage_reason(PeerUsage usage)
{
    return usages[usage].reason;
}
