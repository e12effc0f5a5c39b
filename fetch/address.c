/* SPDX-License-Identifier: Apache-2.0 */
/* Where the worker never connects to, whatever a name resolves to: the check is made on the address
 * that is about to be used, so that a name that changes its mind gains nothing. */
#include <arpa/inet.h>
#include <string.h>

#include "transaction.h"

static bool ipv4_is_allowed(uint32_t address)
{
    uint32_t first = address >> 24;

    if (first == 0 || first >= 224) /* this network; multicast, reserved, broadcast */
        return false;
    return address >> 16 != (169 << 8 | 254); /* link-local, where clouds answer with credentials */
}

static bool ipv6_is_allowed(const struct in6_addr *address)
{
    if (IN6_IS_ADDR_V4MAPPED(address) ||
        (IN6_IS_ADDR_V4COMPAT(address) && !IN6_IS_ADDR_LOOPBACK(address))) {
        uint32_t embedded;

        memcpy(&embedded, address->s6_addr + 12, sizeof embedded);
        return ipv4_is_allowed(ntohl(embedded));
    }
    return !IN6_IS_ADDR_UNSPECIFIED(address) && !IN6_IS_ADDR_MULTICAST(address) &&
           !IN6_IS_ADDR_LINKLOCAL(address);
}

bool address_is_allowed(const struct sockaddr *address, socklen_t size)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } copy;

    if (size > sizeof copy)
        return false;
    memset(&copy, 0, sizeof copy);
    memcpy(&copy, address, size);
    if (copy.any.sa_family == AF_INET && size >= sizeof copy.ipv4)
        return ipv4_is_allowed(ntohl(copy.ipv4.sin_addr.s_addr));
    if (copy.any.sa_family == AF_INET6 && size >= sizeof copy.ipv6)
        return ipv6_is_allowed(&copy.ipv6.sin6_addr);
    return false;
}
