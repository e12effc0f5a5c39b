/* SPDX-License-Identifier: Apache-2.0 */
/* Files and folders that change while they are looked at. Each is changed at whatever moment comes,
 * and what has to hold holds at each of them: nothing fails, nothing waits, and what is written is
 * what was there. */
#include "snapshot-fixture.h"

#include <signal.h>
#include <stdatomic.h>

#include "scan-internal.h"

#define FILES 16U
#define ROUNDS 30U

/* --- One file --------------------------------------------------------------------------------- */

static InventoryRecord describe(int dirfd, const char *name)
{
    struct stat st;

    assert_return_code(fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW), errno);
    return (InventoryRecord){
        .inode = st.st_ino,
        .size = (uint64_t)st.st_size,
        .blocks = (uint64_t)st.st_blocks,
        .modified = {st.st_mtim.tv_sec, (uint32_t)st.st_mtim.tv_nsec},
        .changed = {st.st_ctim.tv_sec, (uint32_t)st.st_ctim.tv_nsec},
    };
}

static int64_t digest(int dirfd, const char *name, const InventoryRecord *r)
{
    Pace *pace = pace_new(0, -EBADF);
    Digester *d = digester_new(pace);
    uint8_t bytes[INVENTORY_DIGEST_SIZE];
    InventoryAlgorithm algorithm;
    int64_t n;

    assert_non_null(d);
    n = digester_run(d, dirfd, name, r, &algorithm, bytes);
    digester_free(d);
    pace_free(pace);
    return n;
}

/* Between being listed and being read. */
static void test_another_file(void **state)
{
    const SnapshotFixture *f = *state;
    int dir = f->tree.fd, fd;
    InventoryRecord r;

    tree_file(&f->tree, "file", "content");
    r = describe(dir, "file");
    assert_int_equal(digest(dir, "file", &r), 7);
    fd = openat(dir, "file", O_WRONLY | O_CLOEXEC);
    assert_return_code(ftruncate(fd, 3), errno);
    (void)close(fd);
    assert_int_equal(digest(dir, "file", &r), -ESTALE);
    assert_return_code(unlinkat(dir, "file", 0), errno);
    assert_int_equal(digest(dir, "file", &r), -ENOENT);
    assert_return_code(mkfifoat(dir, "file", 0600), errno); /* an open would wait for ever */
    assert_int_equal(digest(dir, "file", &r), -ESTALE);
    assert_return_code(unlinkat(dir, "file", 0), errno);
    assert_return_code(symlinkat("elsewhere", dir, "file"), errno);
    assert_int_equal(digest(dir, "file", &r), -ESTALE);
    assert_return_code(unlinkat(dir, "file", 0), errno);
    assert_return_code(mkdirat(dir, "file", 0700), errno);
    assert_int_equal(digest(dir, "file", &r), -ESTALE);
}

typedef struct Reading {
    int dirfd;
    InventoryRecord record;
    int64_t result;
} Reading;

static void *read_file(void *userdata)
{
    Reading *r = userdata;

    r->result = digest(r->dirfd, "large", &r->record);
    return NULL;
}

/* However far the reader has come: a file that is shorter than it was has no digest. Reading it
 * takes longer than cutting it off, so that some are cut off while they are read. */
static void test_shrinks(void **state)
{
    const SnapshotFixture *f = *state;
    int fd = openat(f->tree.fd, "large", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const struct timespec pause = {0, 200000};

    for (unsigned i = 0; i < ROUNDS; i++) {
        Reading r = {.dirfd = f->tree.fd};
        pthread_t reader;

        /* Allocated, so that it is read as a whole. */
        assert_int_equal(posix_fallocate(fd, 0, 8 << 20), 0);
        r.record = describe(f->tree.fd, "large");
        assert_int_equal(pthread_create(&reader, NULL, read_file, &r), 0);
        for (unsigned k = 0; k < i % 4; k++)
            (void)nanosleep(&pause, NULL);
        assert_return_code(ftruncate(fd, 1 << 16), errno);
        assert_int_equal(pthread_join(reader, NULL), 0);
        /* Or it was faster. */
        assert_true(r.result == -ESTALE || r.result == 8 << 20);
    }
    (void)close(fd);
}

/* --- A tree ----------------------------------------------------------------------------------- */

typedef struct Mover {
    int dirfd;
    atomic_bool stop;
    atomic_uint rounds;
} Mover;

static void change_some(int dirfd, unsigned n)
{
    char folder[16], file[32], other[16];
    int fd;

    (void)snprintf(folder, sizeof folder, "d%u", n % FILES);
    (void)snprintf(other, sizeof other, "e%u", n % 7);
    (void)snprintf(file, sizeof file, "d%u/f", n % FILES);
    (void)mkdirat(dirfd, folder, 0700);
    fd = openat(dirfd, file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)!write(fd, "content of a file", 17);
        assert_return_code(ftruncate(fd, n % 17), errno);
        (void)close(fd);
    }
    if (n % 3 == 0)
        (void)renameat(dirfd, folder, dirfd, other);
    if (n % 5 == 0) {
        (void)unlinkat(dirfd, file, 0);
        (void)unlinkat(dirfd, folder, AT_REMOVEDIR);
    }
}

static void *move_files(void *userdata)
{
    Mover *m = userdata;

    for (unsigned n = 0; !m->stop; n++) {
        change_some(m->dirfd, n);
        m->rounds++;
    }
    return NULL;
}

typedef struct State {
    struct {
        char path[24];
        uint64_t size;
    } files[4 * FILES];
    size_t n;
} State;

/* What the blocks say one after the other, as whoever reads them puts it together. */
static void apply(const InventoryRecord *r, void *data)
{
    State *s = data;
    size_t i = 0;

    assert_true(r->path.size < sizeof s->files[0].path);
    while (i < s->n && (strlen(s->files[i].path) != r->path.size ||
                        memcmp(s->files[i].path, r->path.data, r->path.size) != 0))
        i++;
    if (r->change == INVENTORY_DELETED) {
        assert_true(i < s->n); /* what was never there is not deleted */
        s->files[i] = s->files[--s->n];
        return;
    }
    assert_int_equal(r->change == INVENTORY_CREATED || r->change == INVENTORY_AS_IT_IS, i == s->n);
    assert_true(i < ELEMENTSOF(s->files));
    (void)snprintf(s->files[i].path, sizeof s->files[i].path, "%.*s", (int)r->path.size,
                   r->path.data);
    s->files[i].size = r->size;
    s->n += i == s->n;
}

static size_t count_tree(int dirfd)
{
    struct stat st;
    char path[24];
    size_t n = 1; /* the root */

    for (unsigned i = 0; i < 4 * FILES; i++) {
        (void)snprintf(path, sizeof path, "%c%u%s", "de"[i % 2], i / 4, i % 4 < 2 ? "" : "/f");
        n += fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) >= 0;
    }
    return n;
}

static void test_steady(void **state)
{
    SnapshotFixture *f = *state;
    Mover mover = {.dirfd = f->tree.fd};
    State seen = {.n = 0};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, move_files, &mover), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned before = mover.rounds;

        assert_return_code(fixture_try(f), 0);
        while (mover.rounds == before)
            (void)sched_yield();
    }
    mover.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    /* Nothing moves any more: this one is the truth. */
    fixture_take(f);
    for (unsigned i = 0; i <= ROUNDS; i++)
        fixture_read(f, i, apply, &seen);
    assert_int_equal(seen.n, count_tree(f->tree.fd));
    for (size_t i = 0; i < seen.n; i++) {
        struct stat st;

        assert_return_code(fstatat(f->tree.fd, seen.files[i].path[1] ? seen.files[i].path + 1 : ".",
                                   &st, AT_SYMLINK_NOFOLLOW),
                           errno);
        assert_true(!S_ISREG(st.st_mode) || (uint64_t)st.st_size == seen.files[i].size);
    }
}

static int setup(void **state)
{
    static SnapshotFixture f;

    fixture_new(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture_done(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_another_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shrinks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_steady, setup, teardown),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
