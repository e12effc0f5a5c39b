/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of a tree of files, taken as the daemon takes them, with the scanner in a thread. */
#pragma once

#include "fixture-tree.h"

#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>

#include "scan.h"
#include "snapshot-take.h"

typedef struct SnapshotFixture {
    FixtureTree tree, store;
    SnapshotRequest request;
    SnapshotResult result;
} SnapshotFixture;

typedef struct Scanner {
    int fd, root_fd;
} Scanner;

static inline void *scanner_run(void *data)
{
    Scanner *s = data;

    (void)scan_serve(s->fd, s->root_fd, NULL);
    (void)close(s->fd);
    return NULL;
}

static inline void fixture_new(SnapshotFixture *f)
{
    *f = (SnapshotFixture){0};
    tree_new(&f->tree);
    tree_new(&f->store);
    f->request = (SnapshotRequest){
        .dirfd = f->store.fd, .root_fd = f->tree.fd, .cancel_fd = -1, .socket = -1};
}

static inline void fixture_done(SnapshotFixture *f)
{
    tree_done(&f->tree);
    tree_done(&f->store);
}

/* A file that has just been changed is read again by the next scan: waits until none is. */
static inline void fixture_settle(void)
{
    struct timespec begin, now;

    (void)clock_gettime(CLOCK_REALTIME, &begin);
    do {
        (void)sched_yield();
        (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    } while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < 25);
}

static inline int fixture_try(SnapshotFixture *f)
{
    pthread_t scanner;
    int pair[2], r;
    Scanner s;

    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
    s = (Scanner){pair[1], f->tree.fd};
    f->request.socket = pair[0];
    assert_int_equal(pthread_create(&scanner, NULL, scanner_run, &s), 0);
    r = snapshot_take(&f->request, &f->result);
    (void)shutdown(pair[0], SHUT_RDWR);
    (void)close(pair[0]);
    assert_int_equal(pthread_join(scanner, NULL), 0);
    return r;
}

static inline void fixture_take(SnapshotFixture *f)
{
    fixture_settle();
    assert_return_code(fixture_try(f), 0);
}

/* Every record of a block; its digest is checked. */
static inline void fixture_read(const SnapshotFixture *f, uint64_t number,
                                void (*each)(const InventoryRecord *r, void *data), void *data)
{
    _cleanup_(snapshot_records_freep) SnapshotRecords *records = NULL;
    SnapshotBlock block;
    InventoryRecord record;
    int r;

    assert_return_code(snapshot_open(f->store.fd, number, &block), 0);
    records = snapshot_records_new(&block);
    assert_non_null(records);
    while ((r = snapshot_records_next(records, &record)) > 0)
        each(&record, data);
    assert_int_equal(r, 0);
    snapshot_block_done(&block);
}

static inline void fixture_add_change(const InventoryRecord *r, void *data)
{
    static const char letters[] = "=cmdt"; /* as it is, created, modified, deleted, touched */
    char **text = data, *longer;

    assert_true(asprintf(&longer, "%s%s%c%.*s", *text, **text ? " " : "", letters[r->change],
                         (int)r->path.size, r->path.data) > 0);
    free(*text);
    *text = longer;
}

/* "c/new m/changed d/gone" */
static inline char *fixture_changes(const SnapshotFixture *f, uint64_t number)
{
    char *text = strdup("");

    fixture_read(f, number, fixture_add_change, &text);
    return text;
}
