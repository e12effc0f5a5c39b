/* SPDX-License-Identifier: Apache-2.0 */
/* The folder: block-N, index-N, and while a snapshot is taken partial-block and partial-index.
 *
 * The new index gets its name first: without the block of that number it is only left over. The
 * block's rename is what makes the snapshot. */
#include "snapshot-store.h"

#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <time.h>

#include "atomic-file.h"
#include "clock.h"
#include "openssl-util.h"

#define BLOCK_PREFIX "block-"
#define INDEX_PREFIX "index-"
#define PARTIAL_BLOCK "partial-block"
#define PARTIAL_INDEX "partial-index"
#define HINT "hint"
#define NAME_SIZE 32U
#define NUMBERS_MAX 100000U
#define SYNC_SECONDS 5
#define CONTENT_SIZE (64U << 10)

typedef struct __attribute__((packed)) BlockHead {
    char magic[16];
    uint64_t number, base, begin_usec, end_usec, n_records;
    uint8_t content[INVENTORY_DIGEST_SIZE], scope[INVENTORY_DIGEST_SIZE],
        previous[INVENTORY_DIGEST_SIZE], digest[INVENTORY_DIGEST_SIZE];
    uint32_t scope_size;
} BlockHead;

typedef struct IndexHead {
    char magic[16];
    uint8_t scope[INVENTORY_DIGEST_SIZE];
} IndexHead;

static const char block_magic[16] = "chancery-block2";
/* Of before records were packed: it is read, and none is written. */
static const char unpacked_magic[16] = "chancery-block1";
static const char index_magic[16] = "chancery-index2";
/* It is built upon by no snapshot: the next is a full one. */
static const char unpacked_index_magic[16] = "chancery-index1";

/* The digest over records: many at once, for each part takes its time. */
typedef struct Content {
    EVP_MD_CTX *md;
    size_t used;
    uint8_t data[CONTENT_SIZE];
} Content;

struct SnapshotWriter {
    int dirfd, block_fd, index_fd;
    SnapshotBlock block; /* fd is not used */
    ZstdWriter *block_zstd, *index_zstd;
    Content content;
    InventoryPack pack;
    time_t synced;
    uint8_t record[INVENTORY_RECORD_MAX];
};

struct SnapshotRecords {
    ZstdReader *reader;
    InventoryBlock about;
    bool is_packed;
    size_t used; /* by the record that was given out */
    uint64_t n;
    Content content;
    InventoryPack pack;
};

/* --- The digest of a block's records ---------------------------------------------------------- */

static int content_begin(Content *c)
{
    c->used = 0;
    c->md = EVP_MD_CTX_new();
    return c->md && EVP_DigestInit_ex(c->md, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

static int content_flush(Content *c)
{
    size_t used = c->used;

    c->used = 0;
    return EVP_DigestUpdate(c->md, c->data, used) == 1 ? 0 : -ENOMEM;
}

static int content_add(Content *c, const InventoryRecord *r)
{
    size_t size = inventory_record_size(r);

    if (size > sizeof c->data - c->used) {
        int k = content_flush(c);

        if (k < 0)
            return k;
    }
    inventory_record_encode(r, c->data + c->used);
    c->used += size;
    return 0;
}

static int content_end(Content *c, uint8_t ret[INVENTORY_DIGEST_SIZE])
{
    int r = content_flush(c);

    return r >= 0 && EVP_DigestFinal_ex(c->md, ret, NULL) == 1 ? 0 : -ENOMEM;
}

/* --- Names ------------------------------------------------------------------------------------ */

static const char *name_of(const char *prefix, uint64_t number, char buffer[static NAME_SIZE])
{
    (void)snprintf(buffer, NAME_SIZE, "%s%010" PRIu64, prefix, number);
    return buffer;
}

static bool parse_name(const char *name, const char *prefix, uint64_t *ret)
{
    char again[NAME_SIZE], *end;
    uint64_t number;

    if (strncmp(name, prefix, strlen(prefix)) != 0)
        return false;
    number = strtoull(name + strlen(prefix), &end, 10);
    if (*end != 0 || !streq(name, name_of(prefix, number, again)))
        return false;
    *ret = number;
    return true;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static int list_names(int dirfd, const char *prefix, SnapshotNumbers *ret)
{
    _cleanup_closedir_ DIR *dir = NULL;
    const struct dirent *entry;
    uint64_t number;
    int r;

    *ret = (SnapshotNumbers){0};
    r = open_folder_at(dirfd, ".", &dir);
    if (r < 0)
        return r;
    while ((entry = readdir(dir))) {
        if (!parse_name(entry->d_name, prefix, &number))
            continue;
        if (ret->n % 64 == 0) {
            uint64_t *larger = reallocarray(ret->numbers, ret->n + 64, sizeof *larger);

            if (!larger || ret->n >= NUMBERS_MAX) {
                snapshot_numbers_done(ret);
                return -ENOMEM;
            }
            ret->numbers = larger;
        }
        ret->numbers[ret->n++] = number;
    }
    if (ret->n > 0)
        qsort(ret->numbers, ret->n, sizeof ret->numbers[0], compare_numbers);
    return 0;
}

int snapshot_list(int dirfd, SnapshotNumbers *ret)
{
    return list_names(dirfd, BLOCK_PREFIX, ret);
}

void snapshot_numbers_done(SnapshotNumbers *l)
{
    free(l->numbers);
    *l = (SnapshotNumbers){0};
}

/* --- Reading ---------------------------------------------------------------------------------- */

void snapshot_block_done(SnapshotBlock *b)
{
    closep(&b->fd);
    b->fd = -EBADF;
    free(b->scope);
    b->scope = NULL;
}

static void read_head(const BlockHead *head, SnapshotBlock *ret)
{
    ret->about = (InventoryBlock){
        .number = le64toh(head->number),
        .base = le64toh(head->base),
        .begin_usec = le64toh(head->begin_usec),
        .end_usec = le64toh(head->end_usec),
        .n_records = le64toh(head->n_records),
    };
    memcpy(ret->about.content, head->content, INVENTORY_DIGEST_SIZE);
    memcpy(ret->about.scope, head->scope, INVENTORY_DIGEST_SIZE);
    memcpy(ret->about.previous, head->previous, INVENTORY_DIGEST_SIZE);
    memcpy(ret->digest, head->digest, INVENTORY_DIGEST_SIZE);
}

static bool scope_is_that(const char *scope, size_t size, const uint8_t *digest)
{
    uint8_t own[INVENTORY_DIGEST_SIZE];

    return EVP_Digest(scope, size, own, NULL, EVP_sha256(), NULL) == 1 &&
           memcmp(own, digest, sizeof own) == 0;
}

static int check_block(uint64_t number, size_t scope_size, const SnapshotBlock *b)
{
    uint8_t own[INVENTORY_DIGEST_SIZE];
    int r = inventory_block_digest(&b->about, own);

    if (r < 0)
        return r;
    return b->about.number == number && b->about.base <= number &&
                   memcmp(own, b->digest, sizeof own) == 0 &&
                   scope_is_that(b->scope, scope_size, b->about.scope)
               ? 0
               : -EBADMSG;
}

static bool is_packed(const BlockHead *head)
{
    return memcmp(head->magic, block_magic, sizeof head->magic) == 0;
}

int snapshot_open(int dirfd, uint64_t number, SnapshotBlock *ret)
{
    char name[NAME_SIZE];
    SnapshotBlock b = {.fd = openat(dirfd, name_of(BLOCK_PREFIX, number, name),
                                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    BlockHead head;
    size_t scope_size;
    struct stat st;
    int r = -EBADMSG;

    if (b.fd < 0)
        return -errno;
    if (fstat(b.fd, &st) >= 0 && read_full(b.fd, &head, sizeof head) == (ssize_t)sizeof head &&
        (is_packed(&head) || memcmp(head.magic, unpacked_magic, sizeof head.magic) == 0) &&
        le32toh(head.scope_size) <= SNAPSHOT_SCOPE_MAX) {
        scope_size = le32toh(head.scope_size);
        b.bytes = (uint64_t)st.st_size;
        b.is_packed = is_packed(&head);
        b.scope = calloc(1, scope_size + 1);
        read_head(&head, &b);
        if (b.scope && read_full(b.fd, b.scope, scope_size) == (ssize_t)scope_size)
            r = check_block(number, scope_size, &b);
    }
    if (r < 0) {
        snapshot_block_done(&b);
        return r;
    }
    *ret = b;
    return 0;
}

SnapshotRecords *snapshot_records_free(SnapshotRecords *s)
{
    if (!s)
        return NULL;
    zstd_reader_free(s->reader);
    EVP_MD_CTX_free(s->content.md);
    free(s);
    return NULL;
}

SnapshotRecords *snapshot_records_new(const SnapshotBlock *b)
{
    SnapshotRecords *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->about = b->about;
    s->is_packed = b->is_packed;
    s->reader = zstd_reader_new(b->fd, INVENTORY_RECORD_MAX);
    return s->reader && content_begin(&s->content) >= 0 ? s : snapshot_records_free(s);
}

static int check_content(SnapshotRecords *s)
{
    uint8_t digest[INVENTORY_DIGEST_SIZE];
    int r = content_end(&s->content, digest);

    if (r < 0)
        return r;
    return s->n == s->about.n_records && memcmp(digest, s->about.content, sizeof digest) == 0
               ? 0
               : -EBADMSG;
}

int snapshot_records_next(SnapshotRecords *s, InventoryRecord *ret)
{
    const uint8_t *data;
    ssize_t size;
    int used, r;

    zstd_reader_skip(s->reader, s->used);
    s->used = 0;
    size = zstd_reader_peek(s->reader, INVENTORY_RECORD_MAX, &data);
    if (size < 0)
        return (int)size;
    if (size == 0)
        return check_content(s);
    used = s->is_packed ? inventory_unpack(&s->pack, data, (size_t)size, ret)
                        : inventory_record_decode(data, (size_t)size, ret);
    if (used <= 0)
        return -EBADMSG;
    r = content_add(&s->content, ret);
    if (r < 0)
        return r;
    s->used = (size_t)used;
    s->n++;
    return 1;
}

int snapshot_open_index(int dirfd, uint64_t number, uint8_t ret_scope[INVENTORY_DIGEST_SIZE])
{
    char name[NAME_SIZE];
    _cleanup_close_ int fd =
        openat(dirfd, name_of(INDEX_PREFIX, number, name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    IndexHead head;
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = read_full(fd, &head, sizeof head);
    if (n != (ssize_t)sizeof head)
        return n < 0 ? (int)n : -EBADMSG;
    if (memcmp(head.magic, unpacked_index_magic, sizeof head.magic) == 0)
        return -ENOENT;
    if (memcmp(head.magic, index_magic, sizeof head.magic) != 0)
        return -EBADMSG;
    memcpy(ret_scope, head.scope, sizeof head.scope);
    return TAKE_FD(fd);
}

/* Of two scans that were cut off, the one that came further. */
int snapshot_open_hint(int dirfd)
{
    _cleanup_close_ int fd = -EBADF;
    struct stat partial, hint;
    IndexHead head;

    if (fstatat(dirfd, PARTIAL_INDEX, &partial, AT_SYMLINK_NOFOLLOW) >= 0 &&
        (fstatat(dirfd, HINT, &hint, AT_SYMLINK_NOFOLLOW) < 0 || partial.st_size >= hint.st_size) &&
        renameat(dirfd, PARTIAL_INDEX, dirfd, HINT) < 0)
        return -errno;
    fd = openat(dirfd, HINT, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    if (read_full(fd, &head, sizeof head) != (ssize_t)sizeof head ||
        memcmp(head.magic, index_magic, sizeof head.magic) != 0)
        return -ENOENT;
    return TAKE_FD(fd);
}

bool snapshot_has_hint(int dirfd)
{
    return faccessat(dirfd, PARTIAL_INDEX, F_OK, 0) >= 0 || faccessat(dirfd, HINT, F_OK, 0) >= 0;
}

int snapshot_quarantine_index(int dirfd, uint64_t number)
{
    char name[NAME_SIZE];

    return quarantine_at(dirfd, name_of(INDEX_PREFIX, number, name));
}

/* --- Writing ---------------------------------------------------------------------------------- */

SnapshotWriter *snapshot_writer_free(SnapshotWriter *w)
{
    if (!w)
        return NULL;
    zstd_writer_free(w->block_zstd);
    zstd_writer_free(w->index_zstd);
    EVP_MD_CTX_free(w->content.md);
    closep(&w->block_fd);
    closep(&w->index_fd);
    snapshot_block_done(&w->block);
    free(w);
    return NULL;
}

static int write_head(int fd, const SnapshotBlock *b)
{
    const InventoryBlock *a = &b->about;
    BlockHead head = {
        .number = htole64(a->number),
        .base = htole64(a->base),
        .begin_usec = htole64(a->begin_usec),
        .end_usec = htole64(a->end_usec),
        .n_records = htole64(a->n_records),
        .scope_size = htole32((uint32_t)strlen(b->scope)),
    };

    memcpy(head.magic, block_magic, sizeof head.magic);
    memcpy(head.content, a->content, INVENTORY_DIGEST_SIZE);
    memcpy(head.scope, a->scope, INVENTORY_DIGEST_SIZE);
    memcpy(head.previous, a->previous, INVENTORY_DIGEST_SIZE);
    memcpy(head.digest, b->digest, INVENTORY_DIGEST_SIZE);
    return pwrite(fd, &head, sizeof head, 0) == (ssize_t)sizeof head ? 0 : -EIO;
}

static int begin_files(SnapshotWriter *w, const uint8_t base_scope[INVENTORY_DIGEST_SIZE])
{
    IndexHead head;
    int r = write_head(w->block_fd, &w->block);

    memcpy(head.magic, index_magic, sizeof head.magic);
    memcpy(head.scope, base_scope, sizeof head.scope);
    if (r >= 0 && lseek(w->block_fd, (off_t)sizeof(BlockHead), SEEK_SET) < 0)
        r = -errno;
    if (r >= 0)
        r = write_full(w->block_fd, w->block.scope, strlen(w->block.scope));
    return r < 0 ? r : write_full(w->index_fd, &head, sizeof head);
}

int snapshot_writer_new(int dirfd, const InventoryBlock *about, const char *scope,
                        const uint8_t base_scope[INVENTORY_DIGEST_SIZE], SnapshotWriter **ret)
{
    _cleanup_(snapshot_writer_freep) SnapshotWriter *w = calloc(1, sizeof *w);
    int r;

    if (!w)
        return -ENOMEM;
    w->dirfd = dirfd;
    w->block_fd = w->index_fd = w->block.fd = -EBADF;
    w->synced = time(NULL);
    w->block.about = *about;
    w->block.scope = strdup(scope);
    if (!w->block.scope || content_begin(&w->content) < 0)
        return -ENOMEM;
    if (strlen(scope) > SNAPSHOT_SCOPE_MAX)
        return -E2BIG;
    if (EVP_Digest(scope, strlen(scope), w->block.about.scope, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    w->block_fd = partial_open_at(dirfd, PARTIAL_BLOCK, 0600);
    w->index_fd = w->block_fd < 0 ? w->block_fd : partial_open_at(dirfd, PARTIAL_INDEX, 0600);
    if (w->index_fd < 0)
        return w->index_fd;
    r = begin_files(w, base_scope);
    if (r < 0)
        return r;
    w->block_zstd = zstd_writer_new(w->block_fd, ZSTD_LEVEL_KEPT);
    /* There is one index at a time, which every snapshot writes anew. */
    w->index_zstd = zstd_writer_new(w->index_fd, ZSTD_LEVEL_QUICK);
    if (!w->block_zstd || !w->index_zstd)
        return -ENOMEM;
    *ret = TAKE_PTR(w);
    return 0;
}

int snapshot_writer_index(SnapshotWriter *w, const void *record, size_t size)
{
    time_t now = time(NULL);

    /* What a power failure cuts off is a hint for the next scan, as far as it is on the disk. */
    if (now < w->synced || now - w->synced >= SYNC_SECONDS) {
        w->synced = now;
        (void)fdatasync(w->index_fd);
    }
    return zstd_writer_put(w->index_zstd, record, size);
}

int snapshot_writer_block(SnapshotWriter *w, const InventoryRecord *record)
{
    static const InventoryPackOptions options;
    int r = content_add(&w->content, record);

    if (r < 0)
        return r;
    w->block.about.n_records++;
    return zstd_writer_put(w->block_zstd, w->record,
                           inventory_pack(&w->pack, record, &options, w->record));
}

static int finish_files(SnapshotWriter *w)
{
    const InventoryPackedSize end = 0;
    int r = content_end(&w->content, w->block.about.content);

    w->block.about.end_usec = clock_usec(CLOCK_REALTIME);
    if (r >= 0)
        r = inventory_block_digest(&w->block.about, w->block.digest);
    if (r >= 0)
        r = zstd_writer_finish(w->block_zstd);
    if (r >= 0)
        r = write_head(w->block_fd, &w->block);
    if (r >= 0)
        r = zstd_writer_put(w->index_zstd, &end, sizeof end);
    if (r >= 0)
        r = zstd_writer_finish(w->index_zstd);
    return r;
}

int snapshot_writer_commit(SnapshotWriter *w, SnapshotBlock *ret)
{
    char name[NAME_SIZE];
    struct stat st;
    int r = finish_files(w);

    if (r >= 0 && fstat(w->block_fd, &st) < 0)
        r = -errno;
    if (r >= 0)
        r = partial_commit_at(w->dirfd, w->index_fd, PARTIAL_INDEX,
                              name_of(INDEX_PREFIX, w->block.about.number, name));
    if (r >= 0)
        r = partial_commit_at(w->dirfd, w->block_fd, PARTIAL_BLOCK,
                              name_of(BLOCK_PREFIX, w->block.about.number, name));
    if (r < 0)
        return r;
    w->block.bytes = (uint64_t)st.st_size;
    *ret = w->block;
    w->block.scope = NULL;
    if (unlinkat(w->dirfd, HINT, 0) < 0 && errno != ENOENT)
        return -errno;
    return 0;
}

/* --- Keeping house ---------------------------------------------------------------------------- */

static int remove_old_indexes(int dirfd, const SnapshotNumbers *blocks)
{
    SnapshotNumbers indexes;
    char name[NAME_SIZE];
    int r = list_names(dirfd, INDEX_PREFIX, &indexes);

    if (r < 0)
        return r;
    for (size_t i = 0; i < indexes.n; i++)
        if (blocks->n == 0 || indexes.numbers[i] != blocks->numbers[blocks->n - 1])
            (void)unlinkat(dirfd, name_of(INDEX_PREFIX, indexes.numbers[i], name), 0);
    snapshot_numbers_done(&indexes);
    return 0;
}

static uint64_t bytes_of(int dirfd, const SnapshotNumbers *l, size_t begin)
{
    char name[NAME_SIZE];
    uint64_t bytes = 0;
    struct stat st;

    for (size_t i = begin; i < l->n; i++)
        if (fstatat(dirfd, name_of(BLOCK_PREFIX, l->numbers[i], name), &st, AT_SYMLINK_NOFOLLOW) >=
            0)
            bytes += (uint64_t)st.st_size;
    return bytes;
}

/* Where the next full block after that one is; n when there is none. */
static size_t next_generation(int dirfd, const SnapshotNumbers *l, size_t begin)
{
    for (size_t i = begin + 1; i < l->n; i++) {
        SnapshotBlock b;
        bool full;

        if (snapshot_open(dirfd, l->numbers[i], &b) < 0)
            continue;
        full = b.about.base == b.about.number;
        snapshot_block_done(&b);
        if (full)
            return i;
    }
    return l->n;
}

int snapshot_clean(int dirfd)
{
    SnapshotNumbers l;
    char name[NAME_SIZE];
    size_t begin = 0;
    int r = snapshot_list(dirfd, &l);

    if (r < 0)
        return r;
    r = remove_old_indexes(dirfd, &l);
    while (r >= 0 && (l.n - begin > SNAPSHOT_KEEP_BLOCKS ||
                      bytes_of(dirfd, &l, begin) > SNAPSHOT_KEEP_BYTES)) {
        size_t end = next_generation(dirfd, &l, begin);

        if (end == l.n)
            break;
        for (; begin < end && r >= 0; begin++)
            r = atomic_unlink_at(dirfd, name_of(BLOCK_PREFIX, l.numbers[begin], name));
    }
    snapshot_numbers_done(&l);
    return r < 0 ? r : (int)begin;
}
