/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot-take.h"

#include <endian.h>
#include <openssl/evp.h>
#include <poll.h>
#include <sys/socket.h>

#include "clock.h"
#include "helper-client.h"
#include "package-owners.h"

#define SOCKET_PATH "/run/chancery/scan"
#define BUFFER_SIZE (128U << 10)
#define INCREMENTAL_BYTES_MAX (SNAPSHOT_KEEP_BYTES / 4)
#define PROGRESS_RECORDS 1024U

typedef struct ScanEnd {
    uint64_t error, n_records, n_digests, n_bytes;
} ScanEnd;

typedef struct Taking {
    const SnapshotRequest *request;
    InventoryBlock about; /* of the block to be */
    int index_fd, hint_fd;
    bool is_full;
    SnapshotWriter *writer;
    PackageOwners *owners;
    SnapshotResult result;
    char *last; /* path of the last record */
    size_t last_size;
    uint8_t *buffer;
    size_t begin, end;
    InventoryPack pack;
} Taking;

int snapshot_connect(void)
{
    return helper_connect(SOCKET_PATH, 0);
}

/* --- Before: what there is, and what this one is to be ---------------------------------------- */

/* What is not looked at, as it stands in the block. folders: of a snapshot on demand. */
static char *scope_text(const SnapshotRequest *request, bool with_folders)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    if (!o)
        return NULL;
    if (request->no_digests)
        (void)json_object_object_add(o, "digests", json_object_new_boolean(0));
    if (request->skip_folders)
        (void)json_object_object_add(o, "skip-list", json_object_get(request->skip_folders));
    if (request->skip_files)
        (void)json_object_object_add(o, "skip-files", json_object_get(request->skip_files));
    if (with_folders && request->folders)
        (void)json_object_object_add(o, "dir-set", json_object_get(request->folders));
    return strdup(
        json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static int digest_text(const char *text, uint8_t ret[INVENTORY_DIGEST_SIZE])
{
    return EVP_Digest(text, strlen(text), ret, NULL, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

/* Bytes of the blocks after the last full one. */
static uint64_t incremental_bytes(int dirfd, uint64_t base, uint64_t last)
{
    uint64_t bytes = 0;
    SnapshotBlock b;

    for (uint64_t n = base + 1; n <= last; n++)
        if (snapshot_open(dirfd, n, &b) >= 0) {
            bytes += b.bytes;
            snapshot_block_done(&b);
        }
    return bytes;
}

/* Can this one say what has changed since the last one? */
static bool builds_on(Taking *t, const SnapshotBlock *last, const uint8_t scope[static 32])
{
    uint8_t index_scope[INVENTORY_DIGEST_SIZE];

    t->index_fd = snapshot_open_index(t->request->dirfd, last->about.number, index_scope);
    if (t->index_fd == -EBADMSG) {
        (void)snapshot_quarantine_index(t->request->dirfd, last->about.number);
        t->result.index_was_bad = true;
    }
    return t->index_fd >= 0 && memcmp(scope, index_scope, sizeof index_scope) == 0;
}

static int prepare(Taking *t, const uint8_t scope[static 32])
{
    const SnapshotRequest *request = t->request;
    SnapshotNumbers numbers;
    SnapshotBlock last;
    bool follows;
    int r = snapshot_list(request->dirfd, &numbers);

    if (r < 0)
        return r;
    t->is_full = true;
    if (numbers.n > 0) {
        uint64_t number = numbers.numbers[numbers.n - 1];

        t->about.number = number + 1;
        /* After a block that cannot be read the chain begins anew; that it does can be seen. */
        if (snapshot_open(request->dirfd, number, &last) >= 0) {
            memcpy(t->about.previous, last.digest, sizeof t->about.previous);
            follows = builds_on(t, &last, scope);
            t->is_full =
                !follows || (request->is_full && !request->folders) ||
                number - last.about.base + 1 >= SNAPSHOT_GENERATION_BLOCKS ||
                incremental_bytes(request->dirfd, last.about.base, number) > INCREMENTAL_BYTES_MAX;
            t->about.base = last.about.base;
            snapshot_block_done(&last);
            /* The old index still says what need not be read again. */
            if (!follows && t->index_fd >= 0) {
                t->hint_fd = t->index_fd;
                t->index_fd = -EBADF;
            }
        }
    }
    if (t->is_full)
        t->about.base = t->about.number;
    snapshot_numbers_done(&numbers);
    return 0;
}

static void open_hint(Taking *t)
{
    int fd = snapshot_open_hint(t->request->dirfd);

    if (fd < 0)
        return;
    closep(&t->hint_fd);
    t->hint_fd = fd;
}

/* --- The request ------------------------------------------------------------------------------ */

static json_object *join(json_object *a, json_object *b)
{
    json_object *all = json_object_new_array();
    json_object *const both[] = {a, b};

    for (size_t i = 0; all && i < ELEMENTSOF(both); i++)
        for (size_t k = 0; both[i] && k < json_object_array_length(both[i]); k++)
            (void)json_object_array_add(all,
                                        json_object_get(json_object_array_get_idx(both[i], k)));
    return all;
}

/* A full snapshot of some folders only would say that there is nothing else. */
static bool is_scoped(const Taking *t)
{
    return t->request->folders && !t->is_full;
}

static char *request_text(const Taking *t)
{
    const SnapshotRequest *request = t->request;
    _cleanup_json_ json_object *o = json_object_new_object();

    if (!o)
        return NULL;
    (void)json_object_object_add(o, "digests", json_object_new_boolean(!request->no_digests));
    (void)json_object_object_add(o, "rate", json_object_new_uint64(request->rate));
    (void)json_object_object_add(o, "skip-folders", join(request->skip_folders, request->always));
    (void)json_object_object_add(o, "skip-files", join(request->skip_files, NULL));
    if (is_scoped(t))
        (void)json_object_object_add(o, "scope", json_object_get(request->folders));
    (void)json_object_object_add(o, "index", json_object_new_boolean(t->index_fd >= 0));
    (void)json_object_object_add(o, "hint", json_object_new_boolean(t->hint_fd >= 0));
    return strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
}

static int send_head(const Taking *t, uint32_t size)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    struct iovec part = {&size, sizeof size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int fds[2];
    size_t n = 0;

    if (t->index_fd >= 0)
        fds[n++] = t->index_fd;
    if (t->hint_fd >= 0)
        fds[n++] = t->hint_fd;
    if (n > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(n * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, n * sizeof(int));
    }
    size = htole32(size);
    return sendmsg(t->request->socket, &message, MSG_NOSIGNAL) == (ssize_t)sizeof size ? 0
                                                                                       : -EPROTO;
}

static int send_request(const Taking *t)
{
    _cleanup_free_ char *text = request_text(t);
    size_t size, done = 0;
    int r;

    if (!text)
        return -ENOMEM;
    size = strlen(text);
    r = send_head(t, (uint32_t)size);
    while (r >= 0 && done < size) {
        ssize_t n = send(t->request->socket, text + done, size - done, MSG_NOSIGNAL);

        if (n < 0)
            return -EPROTO;
        done += (size_t)n;
    }
    return r;
}

/* --- The answer ------------------------------------------------------------------------------- */

/* At least one more byte. */
static int receive(Taking *t)
{
    struct pollfd fds[2] = {{.fd = t->request->socket, .events = POLLIN},
                            {.fd = t->request->cancel_fd, .events = POLLIN}};
    ssize_t n;

    if (t->begin > 0) {
        memmove(t->buffer, t->buffer + t->begin, t->end - t->begin);
        t->end -= t->begin;
        t->begin = 0;
    }
    if (t->end == BUFFER_SIZE)
        return -EPROTO;
    /* However long a large file takes: whoever reads it ends, or the connection does. */
    while (poll(fds, ELEMENTSOF(fds), -1) < 0)
        if (errno != EINTR)
            return -errno;
    if (fds[1].revents)
        return -ECANCELED;
    n = recv(t->request->socket, t->buffer + t->end, BUFFER_SIZE - t->end, 0);
    if (n <= 0)
        return -EPROTO;
    t->end += (size_t)n;
    return 0;
}

/* Makes of the record what stands in the block. */
static int put_block(Taking *t, InventoryRecord *r)
{
    int k;

    r->flags &= (uint8_t)~INVENTORY_RACY;
    if (t->is_full)
        r->change = INVENTORY_AS_IT_IS;
    if (!t->owners) {
        k = package_owners_new(t->request->root_fd, &t->owners);
        if (k < 0)
            return k;
    }
    package_owners_find(t->owners, r);
    t->result.n_records++;
    return snapshot_writer_block(t->writer, r);
}

static int check_order(Taking *t, InventoryText path)
{
    if (t->last_size > 0 &&
        inventory_path_compare((InventoryText){t->last, t->last_size}, path) >= 0)
        return -EPROTO;
    memcpy(t->last, path.data, path.size);
    t->last_size = path.size;
    return 0;
}

static int put_record(Taking *t, uint8_t *data, size_t size, InventoryRecord *r)
{
    bool is_there = r->change != INVENTORY_DELETED;
    int k = check_order(t, r->path);

    if (k >= 0 && r->package_kind != INVENTORY_NO_PACKAGE)
        k = -EPROTO;
    if (k >= 0 && (t->is_full ? is_there : r->change != INVENTORY_AS_IT_IS))
        k = put_block(t, r);
    if (k < 0 || !is_there)
        return k;
    inventory_packed_set_change(data, INVENTORY_AS_IT_IS);
    if (++t->result.n_files % PROGRESS_RECORDS == 0 && t->request->progress)
        t->request->progress(t->request->userdata, t->result.n_files);
    return snapshot_writer_index(t->writer, data, size);
}

static int read_end(Taking *t)
{
    ScanEnd end;

    while (t->end - t->begin < sizeof(InventoryPackedSize) + sizeof end) {
        int r = receive(t);

        if (r < 0)
            return r;
    }
    memcpy(&end, t->buffer + t->begin + sizeof(InventoryPackedSize), sizeof end);
    t->result.n_digests = le64toh(end.n_digests);
    t->result.n_bytes = le64toh(end.n_bytes);
    return end.error == 0 ? 0 : -(int)(le64toh(end.error) & 4095);
}

static int read_records(Taking *t)
{
    for (;;) {
        size_t size = t->end - t->begin;
        InventoryRecord record;
        InventoryPackedSize mark = 1;
        int r;

        if (size >= sizeof mark)
            memcpy(&mark, t->buffer + t->begin, sizeof mark);
        if (mark == 0)
            return read_end(t);
        r = inventory_unpack(&t->pack, t->buffer + t->begin, size, &record);
        if (r < 0)
            return -EPROTO;
        if (r > 0) {
            size = (size_t)r;
            r = put_record(t, t->buffer + t->begin, size, &record);
            t->begin += size;
        } else
            r = receive(t);
        if (r < 0)
            return r;
    }
}

static int run(Taking *t)
{
    _cleanup_free_ char *scope = scope_text(t->request, false), *own_scope = NULL;
    uint8_t scope_digest[INVENTORY_DIGEST_SIZE];
    int r;

    if (!scope)
        return -ENOMEM;
    r = digest_text(scope, scope_digest);
    if (r >= 0)
        r = prepare(t, scope_digest);
    if (r < 0)
        return r;
    open_hint(t);
    own_scope = scope_text(t->request, is_scoped(t));
    if (!own_scope)
        return -ENOMEM;
    t->about.begin_usec = clock_usec(CLOCK_REALTIME);
    r = snapshot_writer_new(t->request->dirfd, &t->about, own_scope, scope_digest, &t->writer);
    if (r >= 0)
        r = send_request(t);
    if (r >= 0)
        r = read_records(t);
    return r;
}

static int finish(Taking *t)
{
    SnapshotBlock block;
    int r = snapshot_writer_commit(t->writer, &block);

    if (r < 0)
        return r;
    t->result.number = block.about.number;
    t->result.base = block.about.base;
    t->result.bytes = block.bytes;
    snapshot_block_done(&block);
    r = snapshot_clean(t->request->dirfd);
    return r < 0 ? r : 0;
}

int snapshot_take(const SnapshotRequest *request, SnapshotResult *ret)
{
    _cleanup_free_ Taking *t = calloc(1, sizeof *t);
    int r = -ENOMEM;

    if (!t)
        return -ENOMEM;
    t->request = request;
    t->index_fd = t->hint_fd = -EBADF;
    t->buffer = malloc(BUFFER_SIZE);
    t->last = malloc(INVENTORY_PATH_MAX);
    if (t->buffer && t->last)
        r = run(t);
    if (r == -EBADMSG && t->index_fd >= 0) {
        (void)snapshot_quarantine_index(request->dirfd, t->about.number - 1);
        t->result.index_was_bad = true;
    }
    if (r >= 0)
        r = finish(t);
    snapshot_writer_free(t->writer);
    package_owners_free(t->owners);
    closep(&t->index_fd);
    closep(&t->hint_fd);
    free(t->buffer);
    free(t->last);
    *ret = t->result;
    return r;
}
