/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers are in groups of 7 bits, the lowest first, the last below 128; those that may be less
 * than the one before as their distance, with the sign in the lowest bit. */
#include "inventory-pack.h"

#include <endian.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"

#define NANOSECONDS 1000000000U
#define SECTOR 512U
#define SECTORS 8U /* in what most file systems allocate at once */

/* What a record has, because it is not as expected. */
enum {
    HAS_OUTCOME = 1 << 0, /* the first, in its place whatever else there is */
    HAS_MODE = 1 << 1,
    HAS_UID = 1 << 2,
    HAS_GID = 1 << 3,
    HAS_LINKS = 1 << 4,
    HAS_DEVICE = 1 << 5,
    HAS_SPECIAL = 1 << 6,
    HAS_BLOCKS = 1 << 7,
    HAS_TARGET = 1 << 8,
    HAS_PACKAGE = 1 << 9,   /* another than the last one */
    IN_A_PACKAGE = 1 << 10, /* the last one */
    TIMES = 11,             /* 2 bits for each time */
    _HAS_ALL = (1 << (TIMES + 8)) - 1,
};

enum {
    TIME_EXPLICIT,
    TIME_AS_BEFORE, /* of the record before */
    TIME_AS_CHANGED,
    TIME_WHOLE, /* seconds, without nanoseconds */
};

typedef struct __attribute__((packed)) Head {
    InventoryPackedSize size;
    uint8_t change, flags;
    uint32_t has;
} Head;

typedef struct __attribute__((packed)) Outcome {
    uint8_t algorithm;
    uint16_t error;
    uint8_t digest[INVENTORY_DIGEST_SIZE];
} Outcome;

void inventory_pack_begin(InventoryPack *p)
{
    p->last = (InventoryPackBase){0};
    p->path_size = p->package_size = p->version_size = 0;
    p->package_kind = INVENTORY_NO_PACKAGE;
}

static uint64_t expected_blocks(uint64_t size)
{
    uint64_t unit = (uint64_t)SECTOR * SECTORS;

    return (size / unit + (size % unit != 0)) * SECTORS;
}

static void set_last(InventoryPack *p, const InventoryRecord *r)
{
    p->last = (InventoryPackBase){.mode = r->mode,
                                  .uid = r->uid,
                                  .gid = r->gid,
                                  .device = r->device,
                                  .inode = r->inode,
                                  .changed = r->changed,
                                  .modified = r->modified,
                                  .created = r->created,
                                  .accessed = r->accessed};
}

static bool same_time(const InventoryTime *a, const InventoryTime *b)
{
    return a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

/* --- Packing ---------------------------------------------------------------------------------- */

static uint8_t *put_number(uint8_t *to, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        *to++ = (uint8_t)(value | 128);
    *to++ = (uint8_t)value;
    return to;
}

static uint8_t *put_distance(uint8_t *to, uint64_t from, uint64_t value)
{
    uint64_t d = value - from;

    return put_number(to, d << 1 ^ (d >> 63 ? UINT64_MAX : 0));
}

static uint8_t *put_bytes(uint8_t *to, const char *data, size_t size)
{
    if (size > 0)
        memcpy(to, data, size);
    return to + size;
}

static uint8_t *put_text(uint8_t *to, InventoryText text)
{
    return put_bytes(put_number(to, text.size), text.data, text.size);
}

static unsigned time_form(const InventoryTime *t, const InventoryTime *before,
                          const InventoryTime *changed)
{
    if (changed != t && same_time(t, changed))
        return TIME_AS_CHANGED;
    if (same_time(t, before))
        return TIME_AS_BEFORE;
    return t->nanoseconds == 0 ? TIME_WHOLE : TIME_EXPLICIT;
}

static inline uint8_t *put_time(uint8_t *to, const InventoryTime *t, const InventoryTime *before,
                                const InventoryTime *changed, unsigned shift, uint32_t *has)
{
    unsigned form = time_form(t, before, changed);
    uint32_t nanoseconds = htole32(t->nanoseconds);

    *has |= form << shift;
    if (form == TIME_EXPLICIT || form == TIME_WHOLE)
        to = put_distance(to, (uint64_t)before->seconds, (uint64_t)t->seconds);
    if (form == TIME_EXPLICIT)
        to = put_bytes(to, (const char *)&nanoseconds, sizeof nanoseconds);
    return to;
}

static inline uint8_t *put_unexpected(uint8_t *to, uint64_t value, uint64_t expected, uint32_t bit,
                                      uint32_t *has)
{
    if (value == expected)
        return to;
    *has |= bit;
    return put_number(to, value);
}

static uint8_t *put_numbers(uint8_t *to, const InventoryPackBase *last, const InventoryRecord *r,
                            uint32_t *ret_has)
{
    uint32_t has = *ret_has;

    to = put_distance(to, last->inode, r->inode);
    to = put_number(to, r->size);
    to = put_unexpected(to, r->mode, last->mode, HAS_MODE, &has);
    to = put_unexpected(to, r->uid, last->uid, HAS_UID, &has);
    to = put_unexpected(to, r->gid, last->gid, HAS_GID, &has);
    to = put_unexpected(to, r->links, 1, HAS_LINKS, &has);
    to = put_unexpected(to, r->device, last->device, HAS_DEVICE, &has);
    to = put_unexpected(to, r->special, 0, HAS_SPECIAL, &has);
    to = put_unexpected(to, r->blocks, expected_blocks(r->size), HAS_BLOCKS, &has);
    to = put_time(to, &r->changed, &last->changed, &r->changed, TIMES, &has);
    to = put_time(to, &r->modified, &last->modified, &r->changed, TIMES + 2, &has);
    to = put_time(to, &r->created, &last->created, &r->changed, TIMES + 4, &has);
    to = put_time(to, &r->accessed, &last->accessed, &r->changed, TIMES + 6, &has);
    *ret_has = has;
    return to;
}

static bool is_same(InventoryText text, const char *data, size_t size)
{
    return text.size == size && (size == 0 || memcmp(text.data, data, size) == 0);
}

static uint8_t *put_package(InventoryPack *p, uint8_t *to, const InventoryRecord *r, uint32_t *has)
{
    if (r->package_kind == INVENTORY_NO_PACKAGE)
        return to;
    if (r->package_kind == p->package_kind && is_same(r->package, p->package, p->package_size) &&
        is_same(r->version, p->version, p->version_size)) {
        *has |= IN_A_PACKAGE;
        return to;
    }
    *has |= HAS_PACKAGE;
    p->package_kind = r->package_kind;
    p->package_size = r->package.size;
    p->version_size = r->version.size;
    (void)put_bytes((uint8_t *)p->package, r->package.data, r->package.size);
    (void)put_bytes((uint8_t *)p->version, r->version.data, r->version.size);
    *to++ = r->package_kind;
    return put_text(put_text(to, r->package), r->version);
}

static uint8_t *put_path(InventoryPack *p, uint8_t *to, const InventoryRecord *r, bool whole_name)
{
    size_t shared = 0;

    if (r->change != INVENTORY_DELETED) {
        shared = inventory_path_shared((InventoryText){p->path, p->path_size}, r->path);
        memcpy(p->path + shared, r->path.data + shared, r->path.size - shared);
        p->path_size = r->path.size;
    }
    while (whole_name && shared > 0 && r->path.data[shared - 1] != '/')
        shared--;
    to = put_number(to, shared);
    return put_text(to, (InventoryText){r->path.data + shared, r->path.size - shared});
}

size_t inventory_pack(InventoryPack *p, const InventoryRecord *r,
                      const InventoryPackOptions *options, uint8_t *buffer)
{
    Head head = {.change = r->change, .flags = r->flags};
    uint8_t *to = buffer + sizeof head;
    uint32_t has = 0;

    if (options->with_outcome || r->algorithm != INVENTORY_NO_DIGEST || r->error != 0) {
        has |= HAS_OUTCOME;
        inventory_packed_set_outcome(buffer, r->algorithm, r->digest, r->error);
        to += sizeof(Outcome);
    }
    to = put_numbers(to, &p->last, r, &has);
    if (r->target.size > 0) {
        has |= HAS_TARGET;
        to = put_text(to, r->target);
    }
    to = put_package(p, to, r, &has);
    to = put_path(p, to, r, options->whole_name);
    if (r->change != INVENTORY_DELETED)
        set_last(p, r);
    head.size = htole16((uint16_t)(to - buffer));
    head.has = htole32(has);
    memcpy(buffer, &head, sizeof head);
    return (size_t)(to - buffer);
}

/* --- Unpacking -------------------------------------------------------------------------------- */

/* What is left of a record. Behind its end everything is wrong, which is asked once. */
typedef struct Rest {
    const uint8_t *at, *end;
    bool is_bad;
} Rest;

static uint64_t take_long_number(Rest *rest)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && rest->at < rest->end; shift += 7) {
        uint64_t group = *rest->at++;

        if (shift == 63 && group > 1)
            break;
        value |= (group & 127) << shift;
        if (group < 128)
            return value;
    }
    rest->is_bad = true;
    return 0;
}

/* Most of them are small. */
static inline uint64_t take_number(Rest *rest)
{
    return rest->at < rest->end && *rest->at < 128 ? *rest->at++ : take_long_number(rest);
}

static uint32_t take_number32(Rest *rest)
{
    uint64_t value = take_number(rest);

    if (value > UINT32_MAX)
        rest->is_bad = true;
    return (uint32_t)value;
}

static uint64_t take_distance(Rest *rest, uint64_t from)
{
    uint64_t d = take_number(rest);

    return from + (d >> 1 ^ (d & 1 ? UINT64_MAX : 0));
}

static const uint8_t *take_bytes(Rest *rest, uint64_t size)
{
    const uint8_t *data = rest->at;

    if (size > (uint64_t)(rest->end - rest->at)) {
        rest->is_bad = true;
        return NULL;
    }
    rest->at += size;
    return data;
}

static InventoryText take_text(Rest *rest, size_t max)
{
    uint64_t size = take_number(rest);
    const uint8_t *data = take_bytes(rest, size);

    if (rest->is_bad || size > max || (size > 0 && memchr(data, 0, (size_t)size))) {
        rest->is_bad = true;
        return (InventoryText){"", 0};
    }
    return (InventoryText){(const char *)data, (size_t)size};
}

static void take_outcome(Rest *rest, InventoryRecord *r)
{
    static const uint8_t zeros[INVENTORY_DIGEST_SIZE];
    const uint8_t *data = take_bytes(rest, sizeof(Outcome));
    Outcome outcome;

    if (!data)
        return;
    memcpy(&outcome, data, sizeof outcome);
    r->algorithm = outcome.algorithm;
    r->error = le16toh(outcome.error);
    memcpy(r->digest, outcome.digest, sizeof r->digest);
    if (r->algorithm >= _INVENTORY_ALGORITHM_MAX ||
        (r->algorithm == INVENTORY_NO_DIGEST && memcmp(r->digest, zeros, sizeof zeros) != 0))
        rest->is_bad = true;
}

static void take_time(Rest *rest, unsigned form, const InventoryTime *before,
                      const InventoryTime *changed, InventoryTime *ret)
{
    const uint8_t *data;
    uint32_t nanoseconds = 0;

    if (form == TIME_AS_BEFORE || form == TIME_AS_CHANGED) {
        /* The first is as itself in no record that was packed. */
        if (form == TIME_AS_CHANGED && changed == ret)
            rest->is_bad = true;
        *ret = form == TIME_AS_BEFORE ? *before : *changed;
        return;
    }
    ret->seconds = (int64_t)take_distance(rest, (uint64_t)before->seconds);
    data = form == TIME_EXPLICIT ? take_bytes(rest, sizeof nanoseconds) : NULL;
    if (data)
        memcpy(&nanoseconds, data, sizeof nanoseconds);
    ret->nanoseconds = le32toh(nanoseconds);
    if (ret->nanoseconds >= NANOSECONDS)
        rest->is_bad = true;
}

static void take_numbers(Rest *rest, const InventoryPackBase *last, uint32_t has,
                         InventoryRecord *r)
{
    r->inode = take_distance(rest, last->inode);
    r->size = take_number(rest);
    r->mode = has & HAS_MODE ? take_number32(rest) : last->mode;
    r->uid = has & HAS_UID ? take_number32(rest) : last->uid;
    r->gid = has & HAS_GID ? take_number32(rest) : last->gid;
    r->links = has & HAS_LINKS ? take_number32(rest) : 1;
    r->device = has & HAS_DEVICE ? take_number(rest) : last->device;
    r->special = has & HAS_SPECIAL ? take_number(rest) : 0;
    r->blocks = has & HAS_BLOCKS ? take_number(rest) : expected_blocks(r->size);
    take_time(rest, has >> TIMES & 3, &last->changed, &r->changed, &r->changed);
    take_time(rest, has >> (TIMES + 2) & 3, &last->modified, &r->changed, &r->modified);
    take_time(rest, has >> (TIMES + 4) & 3, &last->created, &r->changed, &r->created);
    take_time(rest, has >> (TIMES + 6) & 3, &last->accessed, &r->changed, &r->accessed);
}

static void take_package(InventoryPack *p, Rest *rest, uint32_t has, InventoryRecord *r)
{
    if (has & HAS_PACKAGE) {
        const uint8_t *kind = take_bytes(rest, 1);
        InventoryText package = take_text(rest, INVENTORY_NAME_MAX);
        InventoryText version = take_text(rest, INVENTORY_NAME_MAX);

        if (rest->is_bad || *kind == INVENTORY_NO_PACKAGE || *kind >= _INVENTORY_PACKAGE_KIND_MAX) {
            rest->is_bad = true;
            return;
        }
        p->package_kind = *kind;
        p->package_size = package.size;
        p->version_size = version.size;
        (void)put_bytes((uint8_t *)p->package, package.data, package.size);
        (void)put_bytes((uint8_t *)p->version, version.data, version.size);
    } else if (!(has & IN_A_PACKAGE))
        return;
    if (p->package_kind == INVENTORY_NO_PACKAGE)
        rest->is_bad = true;
    r->package_kind = p->package_kind;
    r->package = (InventoryText){p->package, p->package_size};
    r->version = (InventoryText){p->version, p->version_size};
}

static void take_path(InventoryPack *p, Rest *rest, InventoryRecord *r)
{
    uint64_t shared = take_number(rest);
    InventoryText text = take_text(rest, INVENTORY_PATH_MAX);

    if (shared > p->path_size || shared + text.size > INVENTORY_PATH_MAX ||
        (shared > 0 && r->change == INVENTORY_DELETED) ||
        (shared == 0 && (text.size == 0 || text.data[0] != '/')))
        rest->is_bad = true;
    if (rest->is_bad)
        return;
    r->path = text;
    if (r->change == INVENTORY_DELETED)
        return;
    (void)put_bytes((uint8_t *)p->path + shared, text.data, text.size);
    r->path = (InventoryText){p->path, (size_t)shared + text.size};
}

static int unpack(InventoryPack *p, const Head *head, Rest *rest, InventoryRecord *r)
{
    uint32_t has = le32toh(head->has);

    r->change = head->change;
    r->flags = head->flags;
    if (has & HAS_OUTCOME)
        take_outcome(rest, r);
    take_numbers(rest, &p->last, has, r);
    if (has & HAS_TARGET)
        r->target = take_text(rest, INVENTORY_TARGET_MAX);
    take_package(p, rest, has, r);
    if (!rest->is_bad)
        take_path(p, rest, r);
    if (rest->is_bad || rest->at != rest->end)
        return -EBADMSG;
    if (r->change == INVENTORY_DELETED)
        return 0;
    p->path_size = r->path.size;
    set_last(p, r);
    return 0;
}

int inventory_unpack(InventoryPack *p, const void *data, size_t size, InventoryRecord *ret)
{
    InventoryRecord record = {0};
    Head head;
    Rest rest;
    size_t used;
    int r;

    if (size < sizeof head.size)
        return 0;
    memcpy(&head, data, sizeof head.size);
    used = le16toh(head.size);
    if (used < sizeof head || used > INVENTORY_RECORD_MAX)
        return -EBADMSG;
    if (size < used)
        return 0;
    memcpy(&head, data, sizeof head);
    if (head.change >= _INVENTORY_CHANGE_MAX || (head.flags & ~_INVENTORY_FLAGS_ALL) != 0 ||
        (le32toh(head.has) & ~(uint32_t)_HAS_ALL) != 0)
        return -EBADMSG;
    rest = (Rest){(const uint8_t *)data + sizeof head, (const uint8_t *)data + used, false};
    r = unpack(p, &head, &rest, &record);
    if (r < 0)
        return r;
    *ret = record;
    return (int)used;
}

/* --- Changes ---------------------------------------------------------------------------------- */

void inventory_packed_set_change(uint8_t *record, InventoryChange change)
{
    record[offsetof(Head, change)] = (uint8_t)change;
}

void inventory_packed_set_outcome(uint8_t *record, InventoryAlgorithm algorithm,
                                  const uint8_t digest[INVENTORY_DIGEST_SIZE], uint16_t error)
{
    Outcome outcome = {.algorithm = (uint8_t)algorithm, .error = htole16(error)};

    memcpy(outcome.digest, digest, sizeof outcome.digest);
    memcpy(record + sizeof(Head), &outcome, sizeof outcome);
}
