/* SPDX-License-Identifier: Apache-2.0 */
/* Without netlink, which the process may not speak: an ioctl knows the addresses of IPv4, and a
 * file of the kernel's those of IPv6. */
#include "source.h"

#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "fetch-route.h"

#define ADDRESSES_MAX 1024U
#define IPV6_FILE "/proc/self/net/if_inet6"
/* In that file; see the kernel's if_addr.h */
#define SCOPE_HOST 0x10U
#define SCOPE_LINK 0x20U
#define FLAG_TEMPORARY 0x01U
#define FLAG_DAD_FAILED 0x08U
#define FLAG_DEPRECATED 0x20U
#define FLAG_TENTATIVE 0x40U

typedef struct Source {
    char interface[INTERFACE_NAME_SIZE];
    char address[INET6_ADDRSTRLEN];
    bool ipv6;
    bool last_resort; /* of the loopback: only this system can answer */
} Source;

static Source sources[ADDRESSES_MAX];
static size_t n_sources;

static void add(const char *interface, int family, const void *address, bool last_resort)
{
    Source *s = &sources[n_sources];

    if (n_sources == ADDRESSES_MAX)
        return;
    (void)snprintf(s->interface, sizeof s->interface, "%s", interface);
    s->ipv6 = family == AF_INET6;
    s->last_resort = last_resort;
    if (inet_ntop(family, address, s->address, sizeof s->address))
        n_sources++;
}

static void note_ipv4(void)
{
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    static struct ifreq requests[ADDRESSES_MAX];
    struct ifconf list = {.ifc_len = sizeof requests, .ifc_req = requests};

    if (fd < 0 || ioctl(fd, SIOCGIFCONF, &list) < 0)
        return;
    for (size_t i = 0; i < (size_t)list.ifc_len / sizeof requests[0]; i++) {
        char label[INTERFACE_NAME_SIZE];
        struct sockaddr_in address;

        memcpy(&address, &requests[i].ifr_addr, sizeof address);
        memcpy(label, requests[i].ifr_name, sizeof label);
        label[sizeof label - 1] = '\0';
        label[strcspn(label, ":")] = '\0'; /* of a further address of the same interface */
        add(label, AF_INET, &address.sin_addr, ntohl(address.sin_addr.s_addr) >> 24 == 127);
    }
}

static bool parse_ipv6(const char *hex, struct in6_addr *ret)
{
    if (strlen(hex) != 2 * sizeof ret->s6_addr)
        return false;
    for (size_t i = 0; i < sizeof ret->s6_addr; i++) {
        const char byte[] = {hex[2 * i], hex[2 * i + 1], '\0'};
        char *end;

        ret->s6_addr[i] = (uint8_t)strtoul(byte, &end, 16);
        if (*end)
            return false;
    }
    return true;
}

/* "2001...0001 03 40 00 80 eth0": the address, and in hex the number of its interface, the length
 * of its prefix, its scope and its flags; the name. */
static void note_ipv6_line(char *line)
{
    char *fields[6], *rest = line;
    struct in6_addr address;
    unsigned long scope, flags;

    for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
        fields[i] = strtok_r(NULL, " \n", &rest);
        if (!fields[i])
            return;
    }
    scope = strtoul(fields[3], NULL, 16);
    flags = strtoul(fields[4], NULL, 16);
    if (!(scope & SCOPE_LINK) && !(flags & (FLAG_DAD_FAILED | FLAG_TENTATIVE)) &&
        parse_ipv6(fields[0], &address))
        add(fields[5], AF_INET6, &address,
            (scope & SCOPE_HOST) || (flags & (FLAG_TEMPORARY | FLAG_DEPRECATED)));
}

/* From one line's beginning to the next one's: other processes read with the same descriptor. */
static void note_ipv6(int fd)
{
    char text[4096], *line, *end;
    off_t at = 0;
    ssize_t n;

    while ((n = pread(fd, text, sizeof text - 1, at)) > 0) {
        text[n] = '\0';
        for (line = text; (end = strchr(line, '\n')); line = end + 1) {
            *end = '\0';
            note_ipv6_line(line);
        }
        if (line == text)
            return;
        at += line - text;
    }
}

static int ipv6_fd = -EBADF;

void source_open(void)
{
    ipv6_fd = open(IPV6_FILE, O_RDONLY | O_CLOEXEC);
}

void source_prepare(void)
{
    n_sources = 0;
    note_ipv4();
    if (ipv6_fd < 0)
        source_open();
    note_ipv6(ipv6_fd);
    closep(&ipv6_fd);
    ipv6_fd = -EBADF;
}

bool source_find(const char *interface, bool ipv6, char ret[INET6_ADDRSTRLEN])
{
    const Source *found = NULL;

    for (size_t i = 0; i < n_sources; i++) {
        const Source *s = &sources[i];

        if (s->ipv6 == ipv6 && streq(s->interface, interface) &&
            (!found || (found->last_resort && !s->last_resort)))
            found = s;
    }
    if (found)
        (void)snprintf(ret, INET6_ADDRSTRLEN, "%s", found->address);
    return found;
}
