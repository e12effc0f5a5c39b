/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory-record.h"

#include <endian.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include "cleanup.h"

#define NANOSECONDS 1000000000U

typedef struct __attribute__((packed)) Head {
    uint32_t total;
    uint8_t change, flags, algorithm, package_kind;
    uint16_t error, path_size, target_size, package_size, version_size, reserved;
    uint32_t mode, uid, gid, links;
    uint64_t device, special, inode, size, blocks;
    struct __attribute__((packed)) {
        uint64_t seconds;
        uint32_t nanoseconds;
    } times[4];
    uint8_t digest[INVENTORY_DIGEST_SIZE];
} Head;

_Static_assert(sizeof(Head) == 156, "the layout of a record is what the chain of blocks is over");

size_t inventory_record_size(const InventoryRecord *r)
{
    return sizeof(Head) + r->path.size + r->target.size + r->package.size + r->version.size;
}

static uint8_t *put_text(uint8_t *to, const InventoryText *text)
{
    if (text->size > 0)
        memcpy(to, text->data, text->size);
    return to + text->size;
}

/* Into the buffer directly: a processor is slow to copy what it has just written in small parts. */
static void write_head(const InventoryRecord *r, Head *head)
{
    const InventoryTime *times[4] = {&r->accessed, &r->modified, &r->changed, &r->created};

    head->total = htole32((uint32_t)inventory_record_size(r));
    head->change = r->change;
    head->flags = r->flags;
    head->algorithm = r->algorithm;
    head->package_kind = r->package_kind;
    head->error = htole16(r->error);
    head->path_size = htole16((uint16_t)r->path.size);
    head->target_size = htole16((uint16_t)r->target.size);
    head->package_size = htole16((uint16_t)r->package.size);
    head->version_size = htole16((uint16_t)r->version.size);
    head->reserved = 0;
    head->mode = htole32(r->mode);
    head->uid = htole32(r->uid);
    head->gid = htole32(r->gid);
    head->links = htole32(r->links);
    head->device = htole64(r->device);
    head->special = htole64(r->special);
    head->inode = htole64(r->inode);
    head->size = htole64(r->size);
    head->blocks = htole64(r->blocks);
    for (size_t i = 0; i < ELEMENTSOF(times); i++) {
        head->times[i].seconds = htole64((uint64_t)times[i]->seconds);
        head->times[i].nanoseconds = htole32(times[i]->nanoseconds);
    }
    memcpy(head->digest, r->digest, sizeof head->digest);
}

void inventory_record_encode(const InventoryRecord *r, uint8_t *buffer)
{
    write_head(r, (Head *)buffer);
    buffer = put_text(buffer + sizeof(Head), &r->path);
    buffer = put_text(buffer, &r->target);
    buffer = put_text(buffer, &r->package);
    (void)put_text(buffer, &r->version);
}

static bool head_is_valid(const Head *head, uint32_t total)
{
    static const uint8_t zeros[INVENTORY_DIGEST_SIZE];
    size_t path = le16toh(head->path_size), target = le16toh(head->target_size);
    size_t package = le16toh(head->package_size), version = le16toh(head->version_size);

    for (size_t i = 0; i < ELEMENTSOF(head->times); i++)
        if (le32toh(head->times[i].nanoseconds) >= NANOSECONDS)
            return false;
    return total == sizeof *head + path + target + package + version && path > 0 &&
           path <= INVENTORY_PATH_MAX && target <= INVENTORY_TARGET_MAX &&
           package <= INVENTORY_NAME_MAX && version <= INVENTORY_NAME_MAX &&
           head->change < _INVENTORY_CHANGE_MAX && (head->flags & ~_INVENTORY_FLAGS_ALL) == 0 &&
           head->algorithm < _INVENTORY_ALGORITHM_MAX &&
           head->package_kind < _INVENTORY_PACKAGE_KIND_MAX && head->reserved == 0 &&
           (head->package_kind != INVENTORY_NO_PACKAGE || package + version == 0) &&
           (head->algorithm != INVENTORY_NO_DIGEST ||
            memcmp(head->digest, zeros, sizeof zeros) == 0);
}

static InventoryText take_text(const char **data, uint16_t size)
{
    InventoryText text = {*data, le16toh(size)};

    *data += text.size;
    return text;
}

static void read_head(const Head *head, InventoryRecord *ret)
{
    InventoryTime *times[4] = {&ret->accessed, &ret->modified, &ret->changed, &ret->created};

    *ret = (InventoryRecord){
        .change = head->change,
        .flags = head->flags,
        .algorithm = head->algorithm,
        .package_kind = head->package_kind,
        .error = le16toh(head->error),
        .mode = le32toh(head->mode),
        .uid = le32toh(head->uid),
        .gid = le32toh(head->gid),
        .links = le32toh(head->links),
        .device = le64toh(head->device),
        .special = le64toh(head->special),
        .inode = le64toh(head->inode),
        .size = le64toh(head->size),
        .blocks = le64toh(head->blocks),
    };
    for (size_t i = 0; i < ELEMENTSOF(times); i++) {
        times[i]->seconds = (int64_t)le64toh(head->times[i].seconds);
        times[i]->nanoseconds = le32toh(head->times[i].nanoseconds);
    }
    memcpy(ret->digest, head->digest, sizeof ret->digest);
}

int inventory_record_decode(const void *data, size_t size, InventoryRecord *ret)
{
    const char *text;
    uint32_t total;
    Head head;

    if (size < sizeof total)
        return 0;
    memcpy(&total, data, sizeof total);
    total = le32toh(total);
    if (total < sizeof head || total > INVENTORY_RECORD_MAX)
        return -EBADMSG;
    if (size < total)
        return 0;
    memcpy(&head, data, sizeof head);
    if (!head_is_valid(&head, total))
        return -EBADMSG;
    text = (const char *)data + sizeof head;
    if (text[0] != '/' || memchr(text, 0, total - sizeof head))
        return -EBADMSG;
    read_head(&head, ret);
    ret->path = take_text(&text, head.path_size);
    ret->target = take_text(&text, head.target_size);
    ret->package = take_text(&text, head.package_size);
    ret->version = take_text(&text, head.version_size);
    return (int)total;
}

size_t inventory_path_shared(InventoryText a, InventoryText b)
{
    size_t n = a.size < b.size ? a.size : b.size, i = 0;

    /* Most paths have much in common with the one before. */
    for (uint64_t x, y; i + sizeof x <= n; i += sizeof x) {
        memcpy(&x, a.data + i, sizeof x);
        memcpy(&y, b.data + i, sizeof y);
        if (x != y)
            break;
    }
    while (i < n && a.data[i] == b.data[i])
        i++;
    return i;
}

int inventory_path_compare(InventoryText a, InventoryText b)
{
    size_t n = a.size < b.size ? a.size : b.size, i = inventory_path_shared(a, b);

    if (i == n)
        return a.size == b.size ? 0 : a.size < b.size ? -1 : 1;
    if (a.data[i] == '/' || b.data[i] == '/')
        return a.data[i] == '/' ? -1 : 1;
    return (uint8_t)a.data[i] < (uint8_t)b.data[i] ? -1 : 1;
}

bool inventory_path_is_below(InventoryText path, const char *folder, size_t folder_size)
{
    if (folder_size == 1) /* the root */
        return true;
    return path.size >= folder_size && memcmp(path.data, folder, folder_size) == 0 &&
           (path.size == folder_size || path.data[folder_size] == '/');
}

static bool is_below_one_of(InventoryText path, const char *const *folders)
{
    for (; *folders; folders++)
        if (inventory_path_is_below(path, *folders, strlen(*folders)))
            return true;
    return false;
}

/* libc.so.6, libm-2.36.so, ld-linux-x86-64.so.2, module.ko, archive.a */
static bool is_library_name(InventoryText path)
{
    const char *name = memrchr(path.data, '/', path.size);
    size_t size = path.size - (size_t)(name - path.data);

    return (size > 3 && memcmp(name + size - 3, ".so", 3) == 0) ||
           memmem(name, size, ".so.", 4) != NULL ||
           (size > 3 && memcmp(name + size - 3, ".ko", 3) == 0);
}

const char *inventory_classify(InventoryText path, uint32_t mode)
{
    static const char *const config[] = {"/etc", "/usr/local/etc", NULL};
    static const char *const changing[] = {"/var/log", "/var/cache", "/var/tmp", "/var/spool",
                                           "/run",     "/tmp",       "/dev",     NULL};

    if (S_ISDIR(mode))
        return "directory";
    if (is_below_one_of(path, changing))
        return "volatile";
    if (S_ISREG(mode) && is_library_name(path))
        return "library";
    if (is_below_one_of(path, config))
        return "config";
    if (S_ISREG(mode) && (mode & 0111))
        return "executable";
    return "unclassified";
}

static int update_uint64(EVP_MD_CTX *md, uint64_t value)
{
    value = htole64(value);
    return EVP_DigestUpdate(md, &value, sizeof value);
}

int inventory_block_digest(const InventoryBlock *b, uint8_t ret[INVENTORY_DIGEST_SIZE])
{
    static const char magic[] = "chancery inventory block 1";
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int good = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
               EVP_DigestUpdate(md, magic, sizeof magic) == 1 && update_uint64(md, b->number) &&
               update_uint64(md, b->base) && update_uint64(md, b->begin_usec) &&
               update_uint64(md, b->end_usec) && update_uint64(md, b->n_records) &&
               EVP_DigestUpdate(md, b->content, sizeof b->content) == 1 &&
               EVP_DigestUpdate(md, b->scope, sizeof b->scope) == 1 &&
               EVP_DigestUpdate(md, b->previous, sizeof b->previous) == 1 &&
               EVP_DigestFinal_ex(md, ret, NULL) == 1;

    EVP_MD_CTX_free(md);
    return good ? 0 : -ENOMEM;
}
