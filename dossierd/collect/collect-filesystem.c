/* SPDX-License-Identifier: Apache-2.0 */
/* filesystem-inventory: the blocks that snapshots have left, one record after the other. Names
 * follow Cisco-IOS-XR-filesysinv where it has one; what it lacks is there too, so that whoever has
 * the dossier can make the records again that the digests are over. */
#include <openssl/evp.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "collect.h"
#include "files-options.h"
#include "openssl-util.h"
#include "snapshot-store.h"

#define STOP_INTERVAL 256U

static void write_base64(JsonWriter *w, const char *name, const uint8_t *data, size_t size)
{
    char text[4 * INVENTORY_DIGEST_SIZE];

    if (size > INVENTORY_DIGEST_SIZE)
        return;
    (void)EVP_EncodeBlock((unsigned char *)text, data, (int)size);
    json_write_string(w, name, text);
}

static void write_time(JsonWriter *w, const char *name, const char *name_nsec,
                       const InventoryTime *t)
{
    json_write_int64(w, name, t->seconds);
    json_write_uint64(w, name_nsec, t->nanoseconds);
}

static void write_meta(JsonWriter *w, const InventoryRecord *r)
{
    json_begin_object(w, "meta");
    json_write_uint64(w, "mode", r->mode);
    json_write_uint64(w, "uid", r->uid);
    json_write_uint64(w, "gid", r->gid);
    json_write_uint64(w, "links", r->links);
    json_write_uint64(w, "devid", r->device);
    json_write_uint64(w, "inode", r->inode);
    json_write_uint64(w, "size", r->size);
    json_write_uint64(w, "blocks", r->blocks);
    if (r->special != 0)
        json_write_uint64(w, "special-devid", r->special);
    write_time(w, "atime", "atime-nsec", &r->accessed);
    write_time(w, "mtime", "mtime-nsec", &r->modified);
    write_time(w, "ctime", "ctime-nsec", &r->changed);
    write_time(w, "btime", "btime-nsec", &r->created);
    json_end_object(w);
}

static void write_digest(JsonWriter *w, const InventoryRecord *r)
{
    json_begin_object(w, "digest");
    json_write_string(w, "algorithm",
                      r->algorithm == INVENTORY_SHA256 ? "sha256" : "sha256-extents");
    write_base64(w, "digest-value", r->digest, sizeof r->digest);
    json_end_object(w);
}

static void write_package(JsonWriter *w, const InventoryRecord *r)
{
    json_write_string(w, "package-kind",
                      r->package_kind == INVENTORY_DPKG ? "package-dpkg" : "package-rpm");
    json_write_bytes(w, "package-name", r->package.data, r->package.size);
    json_write_bytes(w, "package-version", r->version.data, r->version.size);
}

static const char *error_reason(int error)
{
    if (error == ESTALE)
        return "It changed while it was read";
    if (error == ENOENT)
        return "It was gone when it was to be read";
    return strerror(error);
}

static void write_file(JsonWriter *w, const InventoryRecord *r)
{
    static const char *const changes[_INVENTORY_CHANGE_MAX] = {
        [INVENTORY_CREATED] = "created",
        [INVENTORY_CONTENTS_MODIFIED] = "contents-modified",
        [INVENTORY_DELETED] = "deleted",
        [INVENTORY_METADATA_MODIFIED] = "meta-data-modified",
    };

    json_begin_object(w, NULL);
    json_write_bytes(w, "name", r->path.data, r->path.size);
    if (r->change != INVENTORY_AS_IT_IS)
        json_write_string(w, "change-kind", changes[r->change]);
    json_write_string(w, "classification", inventory_classify(r->path, r->mode));
    if (r->package_kind != INVENTORY_NO_PACKAGE)
        write_package(w, r);
    write_meta(w, r);
    if (S_ISLNK(r->mode))
        json_write_bytes(w, "link-target", r->target.data, r->target.size);
    if (r->algorithm != INVENTORY_NO_DIGEST)
        write_digest(w, r);
    if (r->flags & INVENTORY_OTHER_SYSTEM)
        json_write_string(w, "not-entered", "mount-point");
    else if (r->flags & INVENTORY_TOO_DEEP)
        json_write_string(w, "not-entered", "too-deep");
    if (r->error != 0) {
        json_write_uint64(w, "errno", r->error);
        json_write_string(w, "reason", error_reason(r->error));
    }
    json_end_object(w);
}

/* Returns 0 when every record was what the block's digest says, -EBADMSG when not, -ECANCELED when
 * it was to stop. */
static int write_files(Collect *c, const SnapshotBlock *block)
{
    _cleanup_(snapshot_records_freep) SnapshotRecords *records = snapshot_records_new(block);
    InventoryRecord record;
    uint64_t n = 0;
    int r;

    if (!records)
        return -ENOMEM;
    while ((r = snapshot_records_next(records, &record)) > 0) {
        write_file(c->writer, &record);
        if (++n % STOP_INTERVAL == 0 && collect_should_stop(c))
            return -ECANCELED;
    }
    return r;
}

static void write_outcome(Collect *c, int r)
{
    ResultCode code = r >= 0 ? RESULT_SUCCESS : r == -ECANCELED ? RESULT_PARTIAL : RESULT_FAILED;

    json_write_string(c->writer, "result-code", result_code_to_string(code));
    if (r == -ECANCELED)
        json_write_string(c->writer, "reason", "Collecting ended before all of it was here");
    else if (r == -EBADMSG)
        json_write_string(c->writer, "reason",
                          "The block is not what it was when it was written: it was altered");
    else if (r == -ENOENT)
        json_write_string(c->writer, "reason", INVENTORY_REASON_GONE);
    else if (r < 0)
        json_write_string(c->writer, "reason", strerror(-r));
    if (r >= 0)
        c->n_good++;
    else
        c->n_bad++;
}

static void write_about(JsonWriter *w, const SnapshotBlock *b)
{
    const InventoryBlock *a = &b->about;

    json_write_string(w, "snapshot-type", a->base == a->number ? "full" : "incremental");
    json_write_uint64(w, "full-block-no", a->base);
    json_write_time(w, "snap-time", a->begin_usec);
    json_write_time(w, "snap-end-time", a->end_usec);
    json_write_string(w, "scope", b->scope);
    json_write_uint64(w, "file-count", a->n_records);
    write_base64(w, "content-digest", a->content, sizeof a->content);
    write_base64(w, "previous-block-digest", a->previous, sizeof a->previous);
    write_base64(w, "block-digest", b->digest, sizeof b->digest);
}

/* previous: the digest of the block before, or NULL; becomes this one's. */
static void write_block(Collect *c, uint64_t number, uint8_t *previous, bool *has_previous)
{
    JsonWriter *w = c->writer;
    SnapshotBlock block;
    int r = snapshot_open(c->snapshots_fd, number, &block), k = 0;

    json_begin_object(w, NULL);
    json_write_uint64(w, "snapshot-block-no", number);
    /* What follows a block that is gone is not to blame for it. */
    if (r < 0)
        *has_previous = false;
    else {
        if (*has_previous && memcmp(previous, block.about.previous, INVENTORY_DIGEST_SIZE) != 0)
            k = -EBADMSG;
        memcpy(previous, block.digest, INVENTORY_DIGEST_SIZE);
        *has_previous = true;
        write_about(w, &block);
        json_begin_array(w, "files");
        r = write_files(c, &block);
        json_end_array(w);
        snapshot_block_done(&block);
    }
    write_outcome(c, r < 0 ? r : k);
    json_end_object(w);
}

static void write_blocks(Collect *c, const SnapshotNumbers *numbers)
{
    const FilesOptions all = {.count = UINT64_MAX}, *options = c->files ? c->files : &all;
    uint64_t last = numbers->numbers[numbers->n - 1], number = numbers->numbers[0], n = 0;
    uint8_t previous[INVENTORY_DIGEST_SIZE];
    bool has_previous = false;

    if (number < options->block_start)
        number = options->block_start;
    /* A number without a block is one that was removed: it is said to be missing. */
    for (; number <= last && n < options->count && !collect_should_stop(c); number++, n++)
        write_block(c, number, previous, &has_previous);
}

void collect_filesystem(Collect *c)
{
    SnapshotNumbers numbers = {0};
    int r = c->snapshots_fd < 0 ? 0 : snapshot_list(c->snapshots_fd, &numbers);

    if (r < 0) {
        collect_result_errno(c, r, "The snapshots");
        return;
    }
    json_begin_array(c->writer, "nodes");
    if (numbers.n > 0) {
        json_begin_object(c->writer, NULL);
        json_write_string(c->writer, "node-location", NODE_SELF);
        json_write_uint64(c->writer, "first-block", numbers.numbers[0]);
        json_write_uint64(c->writer, "last-block", numbers.numbers[numbers.n - 1]);
        json_begin_array(c->writer, "snapshots");
        write_blocks(c, &numbers);
        json_end_array(c->writer);
        json_end_object(c->writer);
    } else
        collect_result(c, RESULT_NOT_AVAILABLE,
                       "There is no snapshot yet: see filesystem-inventory in the configuration");
    json_end_array(c->writer);
    if (numbers.n > 0 && c->files && c->files->block_start > numbers.numbers[numbers.n - 1])
        collect_result(c, RESULT_NOT_AVAILABLE, "The last block is %llu",
                       (unsigned long long)numbers.numbers[numbers.n - 1]);
    snapshot_numbers_done(&numbers);
}
