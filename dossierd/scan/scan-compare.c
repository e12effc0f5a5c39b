/* SPDX-License-Identifier: Apache-2.0 */
/* What is a change, and what is only different. */
#include "scan-internal.h"

static bool same_time(const InventoryTime *a, const InventoryTime *b)
{
    return a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

static bool same_text(InventoryText a, InventoryText b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool record_is_same_file(const InventoryRecord *r, const InventoryRecord *base)
{
    return r->mode == base->mode && r->inode == base->inode && r->device == base->device &&
           r->size == base->size && same_time(&r->changed, &base->changed) &&
           same_time(&r->modified, &base->modified) && base->error == 0 &&
           !((r->flags | base->flags) & INVENTORY_RACY);
}

/* Not compared: when it was read last, how many blocks it takes (which the file system settles
 * later), and the number of its device (which another order of devices at boot changes). The times,
 * size and links of a folder only say that something in it changed, which is said where it is. */
InventoryChange record_compare(const InventoryRecord *r, const InventoryRecord *base)
{
    const uint8_t flags = (uint8_t)~INVENTORY_RACY;
    bool same = r->mode == base->mode && r->uid == base->uid && r->gid == base->gid &&
                (r->flags & flags) == (base->flags & flags) && same_text(r->target, base->target);

    if (S_ISDIR(r->mode))
        same = same && r->error == base->error;
    else
        same = same && r->links == base->links && r->special == base->special &&
               r->inode == base->inode && r->size == base->size &&
               same_time(&r->modified, &base->modified) && same_time(&r->changed, &base->changed);
    if (same)
        return INVENTORY_AS_IT_IS;
    /* Of another kind, or a link to elsewhere: what is in it is something else. */
    if ((r->mode & S_IFMT) != (base->mode & S_IFMT) || !same_text(r->target, base->target))
        return INVENTORY_CONTENTS_MODIFIED;
    return INVENTORY_METADATA_MODIFIED;
}
