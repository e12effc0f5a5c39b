/* SPDX-License-Identifier: Apache-2.0 */
/* The C library's source "chancery" of hosts (nsswitch.conf(5)): the names of hosts in the
 * configuration, for every program of the system. Loaded into any process, so: no state, no
 * threads, no logging, nothing but the caller's buffer, and no memory that outlives a call. */
#include <arpa/inet.h>
#include <netdb.h>
#include <nss.h>
#include <stdio.h>

#include "cleanup.h"
#include "hosts-file.h"

#define EXPORT __attribute__((visibility("default")))
#define ADDRESSES_MAX 16U

EXPORT enum nss_status _nss_chancery_gethostbyname4_r(const char *name, struct gaih_addrtuple **pat,
                                                      char *buffer, size_t size, int *errnop,
                                                      int *h_errnop, int32_t *ttlp);
EXPORT enum nss_status _nss_chancery_gethostbyname3_r(const char *name, int family,
                                                      struct hostent *result, char *buffer,
                                                      size_t size, int *errnop, int *h_errnop,
                                                      int32_t *ttlp, char **canonp);
EXPORT enum nss_status _nss_chancery_gethostbyname2_r(const char *name, int family,
                                                      struct hostent *result, char *buffer,
                                                      size_t size, int *errnop, int *h_errnop);
EXPORT enum nss_status _nss_chancery_gethostbyname_r(const char *name, struct hostent *result,
                                                     char *buffer, size_t size, int *errnop,
                                                     int *h_errnop);
EXPORT enum nss_status _nss_chancery_gethostbyaddr2_r(const void *address, socklen_t length,
                                                      int family, struct hostent *result,
                                                      char *buffer, size_t size, int *errnop,
                                                      int *h_errnop, int32_t *ttlp);
EXPORT enum nss_status _nss_chancery_gethostbyaddr_r(const void *address, socklen_t length,
                                                     int family, struct hostent *result,
                                                     char *buffer, size_t size, int *errnop,
                                                     int *h_errnop);

typedef struct Found {
    int family; /* AF_UNSPEC takes both */
    char name[HOSTS_NAME_MAX + 1];
    struct {
        int family;
        uint8_t bytes[16];
    } addresses[ADDRESSES_MAX];
    size_t n;
} Found;

static bool take(const HostsEntry *entry, void *userdata)
{
    Found *found = userdata;

    if ((found->family != AF_UNSPEC && entry->family != found->family) ||
        strlen(entry->name) > HOSTS_NAME_MAX)
        return true;
    if (found->n == 0)
        (void)snprintf(found->name, sizeof(found->name), "%s", entry->name);
    found->addresses[found->n].family = entry->family;
    memcpy(found->addresses[found->n].bytes, entry->address, sizeof(entry->address));
    return ++found->n < ADDRESSES_MAX;
}

/* --- The caller's buffer ---------------------------------------------------------------------- */

typedef struct Buffer {
    char *at;
    size_t left;
} Buffer;

static void *reserve(Buffer *b, size_t size, size_t alignment)
{
    size_t skip = (alignment - (uintptr_t)b->at % alignment) % alignment;
    void *p = b->at + skip;

    if (b->left < skip + size)
        return NULL;
    b->at += skip + size;
    b->left -= skip + size;
    return p;
}

static char *copy_name(Buffer *b, const char *name)
{
    char *copy = reserve(b, strlen(name) + 1, 1);

    return copy ? memcpy(copy, name, strlen(name) + 1) : NULL;
}

static enum nss_status no_room(int *errnop, int *h_errnop)
{
    *errnop = ERANGE;
    *h_errnop = NETDB_INTERNAL;
    return NSS_STATUS_TRYAGAIN;
}

/* What there is to say when the file did not help. */
static enum nss_status nothing(int r, int *errnop, int *h_errnop)
{
    *errnop = r < 0 ? -r : ENOENT;
    *h_errnop = r < 0 ? NO_RECOVERY : HOST_NOT_FOUND;
    return r < 0 ? NSS_STATUS_UNAVAIL : NSS_STATUS_NOTFOUND;
}

/* --- getaddrinfo() ---------------------------------------------------------------------------- */

enum nss_status _nss_chancery_gethostbyname4_r(const char *name, struct gaih_addrtuple **pat,
                                               char *buffer, size_t size, int *errnop,
                                               int *h_errnop, int32_t *ttlp)
{
    Found found = {.family = AF_UNSPEC};
    struct gaih_addrtuple *first = NULL, **end = &first;
    Buffer b = {buffer, size};
    int r = hosts_file_find_name(HOSTS_FILE, name, take, &found);
    char *copy;

    if (r < 0 || found.n == 0)
        return nothing(r, errnop, h_errnop);
    copy = copy_name(&b, found.name);
    for (size_t i = 0; i < found.n; i++) {
        struct gaih_addrtuple *tuple = reserve(&b, sizeof(*tuple), _Alignof(struct gaih_addrtuple));

        if (!copy || !tuple)
            return no_room(errnop, h_errnop);
        *tuple = (struct gaih_addrtuple){.name = copy, .family = found.addresses[i].family};
        memcpy(tuple->addr, found.addresses[i].bytes, sizeof(tuple->addr));
        *end = tuple;
        end = &tuple->next;
    }
    /* The caller may have made the first one already. */
    if (*pat)
        **pat = *first;
    else
        *pat = first;
    if (ttlp)
        *ttlp = 0;
    return NSS_STATUS_SUCCESS;
}

/* --- gethostbyname() and gethostbyaddr() ------------------------------------------------------ */

static enum nss_status fill(const Found *found, struct hostent *result, Buffer b, int *errnop,
                            int *h_errnop)
{
    const size_t length =
        found->family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
    char **list = reserve(&b, (found->n + 2) * sizeof(char *), _Alignof(char *)),
         *name = copy_name(&b, found->name);

    if (!list || !name)
        return no_room(errnop, h_errnop);
    for (size_t i = 0; i < found->n; i++) {
        list[i] = reserve(&b, length, sizeof(uint32_t));
        if (!list[i])
            return no_room(errnop, h_errnop);
        memcpy(list[i], found->addresses[i].bytes, length);
    }
    list[found->n] = NULL;
    list[found->n + 1] = NULL;
    *result = (struct hostent){.h_name = name,
                               .h_aliases = list + found->n + 1,
                               .h_addrtype = found->family,
                               .h_length = (int)length,
                               .h_addr_list = list};
    return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_chancery_gethostbyname3_r(const char *name, int family, struct hostent *result,
                                               char *buffer, size_t size, int *errnop,
                                               int *h_errnop, int32_t *ttlp, char **canonp)
{
    Found found = {.family = family == AF_UNSPEC ? AF_INET : family};
    enum nss_status status;
    int r;

    if (found.family != AF_INET && found.family != AF_INET6)
        return nothing(-EAFNOSUPPORT, errnop, h_errnop);
    r = hosts_file_find_name(HOSTS_FILE, name, take, &found);
    if (r < 0 || found.n == 0)
        return nothing(r, errnop, h_errnop);
    status = fill(&found, result, (Buffer){buffer, size}, errnop, h_errnop);
    if (status != NSS_STATUS_SUCCESS)
        return status;
    if (ttlp)
        *ttlp = 0;
    if (canonp)
        *canonp = result->h_name;
    return status;
}

enum nss_status _nss_chancery_gethostbyname2_r(const char *name, int family, struct hostent *result,
                                               char *buffer, size_t size, int *errnop,
                                               int *h_errnop)
{
    return _nss_chancery_gethostbyname3_r(name, family, result, buffer, size, errnop, h_errnop,
                                          NULL, NULL);
}

enum nss_status _nss_chancery_gethostbyname_r(const char *name, struct hostent *result,
                                              char *buffer, size_t size, int *errnop, int *h_errnop)
{
    return _nss_chancery_gethostbyname3_r(name, AF_INET, result, buffer, size, errnop, h_errnop,
                                          NULL, NULL);
}

enum nss_status _nss_chancery_gethostbyaddr2_r(const void *address, socklen_t length, int family,
                                               struct hostent *result, char *buffer, size_t size,
                                               int *errnop, int *h_errnop, int32_t *ttlp)
{
    Found found = {.family = family};
    int r;

    if ((family != AF_INET || length != sizeof(struct in_addr)) &&
        (family != AF_INET6 || length != sizeof(struct in6_addr)))
        return nothing(-EAFNOSUPPORT, errnop, h_errnop);
    r = hosts_file_find_address(HOSTS_FILE, family, address, length, take, &found);
    if (r < 0 || found.n == 0)
        return nothing(r, errnop, h_errnop);
    /* One address, whatever number of names it has. */
    found.n = 1;
    if (ttlp)
        *ttlp = 0;
    return fill(&found, result, (Buffer){buffer, size}, errnop, h_errnop);
}

enum nss_status _nss_chancery_gethostbyaddr_r(const void *address, socklen_t length, int family,
                                              struct hostent *result, char *buffer, size_t size,
                                              int *errnop, int *h_errnop)
{
    return _nss_chancery_gethostbyaddr2_r(address, length, family, result, buffer, size, errnop,
                                          h_errnop, NULL);
}
