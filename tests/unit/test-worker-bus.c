/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of workers, at a bus that counts them, answers a call named "Late" only when it is
 * asked again, and hangs up when it is told to. */
#include "test-common.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "worker-bus.h"

#define PEERS_MAX 64U

typedef struct Peer {
    sd_bus *bus;
    sd_bus_message *late;
} Peer;

typedef struct TestBus {
    char folder[32];
    int folder_fd;
    int listener, stop_fd;
    pthread_t thread;
    Peer peers[PEERS_MAX];
    size_t n;
    size_t n_open; /* atomic, what follows too */
    size_t n_made;
} TestBus;

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    Peer *peer = userdata;

    if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "Hello"))
        return sd_bus_reply_method_return(m, "s", ":1.1");
    if (sd_bus_message_is_method_call(m, "a.b", "Late")) {
        peer->late = sd_bus_message_ref(m);
        return 1;
    }
    if (sd_bus_message_is_method_call(m, "a.b", "HangUp")) {
        sd_bus_close(peer->bus);
        return 1;
    }
    if (peer->late)
        (void)sd_bus_reply_method_return(peer->late, "s", "late");
    peer->late = sd_bus_message_unref(peer->late);
    return sd_bus_reply_method_return(m, "s", "at once");
}

static void greet(TestBus *t)
{
    int fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    Peer *peer = &t->peers[t->n];
    sd_id128_t id = {.bytes = {1}};

    assert_true(fd >= 0 && t->n < PEERS_MAX);
    assert_true(sd_bus_new(&peer->bus) >= 0);
    assert_true(sd_bus_set_fd(peer->bus, fd, fd) >= 0);
    assert_true(sd_bus_set_server(peer->bus, 1, id) >= 0);
    assert_true(sd_bus_set_anonymous(peer->bus, 1) >= 0);
    assert_true(sd_bus_add_filter(peer->bus, NULL, on_message, peer) >= 0);
    assert_true(sd_bus_start(peer->bus) >= 0);
    t->n++;
    (void)__atomic_add_fetch(&t->n_made, 1, __ATOMIC_SEQ_CST);
    (void)__atomic_add_fetch(&t->n_open, 1, __ATOMIC_SEQ_CST);
}

static void serve(TestBus *t, Peer *peer)
{
    int r;

    do
        r = sd_bus_process(peer->bus, NULL);
    while (r > 0);
    if (r >= 0 && sd_bus_is_open(peer->bus) > 0)
        return;
    peer->late = sd_bus_message_unref(peer->late);
    peer->bus = sd_bus_close_unref(peer->bus);
    (void)__atomic_sub_fetch(&t->n_open, 1, __ATOMIC_SEQ_CST);
}

static void *run_bus(void *userdata)
{
    TestBus *t = userdata;

    for (;;) {
        struct pollfd fds[PEERS_MAX + 2] = {{.fd = t->listener, .events = POLLIN},
                                            {.fd = t->stop_fd, .events = POLLIN}};

        for (size_t i = 0; i < t->n; i++)
            fds[i + 2] = t->peers[i].bus
                             ? (struct pollfd){.fd = sd_bus_get_fd(t->peers[i].bus),
                                               .events = (short)sd_bus_get_events(t->peers[i].bus)}
                             : (struct pollfd){.fd = -1};
        assert_true(poll(fds, (nfds_t)t->n + 2, -1) > 0);
        if (fds[1].revents)
            return NULL;
        for (size_t i = 0; i < t->n; i++)
            if (t->peers[i].bus)
                serve(t, &t->peers[i]);
        if (fds[0].revents)
            greet(t);
    }
}

static int setup(void **state)
{
    static TestBus t;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char where[sizeof(address.sun_path) + 16];

    t.folder_fd = scratch_open(t.folder);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/bus", t.folder);
    (void)snprintf(where, sizeof(where), "unix:path=%s", address.sun_path);
    assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", where, 1), 0);
    t.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(t.listener >= 0);
    assert_int_equal(bind(t.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(t.listener, PEERS_MAX), 0);
    t.stop_fd = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(pthread_create(&t.thread, NULL, run_bus, &t), 0);
    *state = &t;
    return 0;
}

static size_t n_made(TestBus *t)
{
    return __atomic_load_n(&t->n_made, __ATOMIC_SEQ_CST);
}

static int call(sd_bus *bus, const char *member, uint64_t timeout, char *answer)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
    const char *text;
    int r;

    assert_true(sd_bus_message_new_method_call(bus, &m, "a.b", "/", "a.b", member) >= 0);
    r = sd_bus_call(bus, m, timeout, NULL, &reply);
    if (r >= 0) {
        assert_true(sd_bus_message_read(reply, "s", &text) > 0);
        (void)snprintf(answer, 16, "%s", text);
    }
    return r;
}

/* --- Tests ------------------------------------------------------------------------------------ */

static void test_one_after_the_other(void **state)
{
    TestBus *t = *state;
    char answer[16];

    assert_int_equal(n_made(t), 0);
    for (unsigned i = 0; i < 20; i++) {
        _cleanup_(worker_bus_givep) sd_bus *bus = NULL;

        assert_int_equal(worker_bus_take(&bus), 0);
        assert_true(call(bus, "Now", 0, answer) >= 0);
        assert_string_equal(answer, "at once");
    }
    assert_int_equal(n_made(t), 1);
}

/* The answer that comes when nobody waits for it any more is not taken for the next one. */
static void test_answer_too_late(void **state)
{
    TestBus *t = *state;
    sd_bus *bus, *again;
    char answer[16] = "";

    assert_int_equal(worker_bus_take(&bus), 0);
    assert_int_equal(call(bus, "Late", 1000, answer), -ETIMEDOUT);
    worker_bus_give(bus);
    assert_int_equal(worker_bus_take(&again), 0);
    assert_ptr_equal(bus, again);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(call(again, "Now", 0, answer) >= 0);
        assert_string_equal(answer, "at once");
    }
    worker_bus_give(again);
    assert_int_equal(n_made(t), 1);
}

static void test_hung_up(void **state)
{
    TestBus *t = *state;
    char answer[16];
    sd_bus *bus;

    assert_int_equal(worker_bus_take(&bus), 0);
    assert_true(call(bus, "HangUp", 0, answer) < 0);
    worker_bus_give(bus);
    assert_int_equal(worker_bus_take(&bus), 0);
    assert_true(call(bus, "Now", 0, answer) >= 0);
    assert_int_equal(n_made(t), 2);
    /* While nobody uses it. */
    assert_true(call(bus, "Late", 1000, answer) < 0);
    assert_true(
        sd_bus_call_method_async(bus, NULL, "a.b", "/", "a.b", "HangUp", NULL, NULL, NULL) >= 0);
    assert_true(sd_bus_flush(bus) >= 0);
    worker_bus_give(bus);
    while (__atomic_load_n(&t->n_open, __ATOMIC_SEQ_CST) > 0)
        (void)poll(NULL, 0, 1);
    assert_int_equal(worker_bus_take(&bus), 0);
    assert_true(call(bus, "Now", 0, answer) >= 0);
    assert_int_equal(n_made(t), 3);
    worker_bus_give(bus);
    worker_bus_give(NULL);
}

/* More than are kept are there for whoever needs them, and gone afterwards. */
static void test_many(void **state)
{
    sd_bus *all[WORKER_BUSES_MAX + 2];
    TestBus *t = *state;
    size_t before = n_made(t);
    char answer[16];

    for (size_t i = 0; i < ELEMENTSOF(all); i++) {
        assert_int_equal(worker_bus_take(&all[i]), 0);
        for (size_t k = 0; k < i; k++)
            assert_ptr_not_equal(all[i], all[k]);
        assert_true(call(all[i], "Now", 0, answer) >= 0);
    }
    assert_int_equal(n_made(t) - before, ELEMENTSOF(all) - 1);
    for (size_t i = 0; i < ELEMENTSOF(all); i++)
        worker_bus_give(all[i]);
    while (__atomic_load_n(&t->n_open, __ATOMIC_SEQ_CST) > WORKER_BUSES_MAX)
        (void)poll(NULL, 0, 1);
    for (size_t i = 0; i < WORKER_BUSES_MAX; i++) {
        assert_int_equal(worker_bus_take(&all[i]), 0);
        assert_true(call(all[i], "Now", 0, answer) >= 0);
    }
    assert_int_equal(n_made(t) - before, ELEMENTSOF(all) - 1);
    for (size_t i = 0; i < WORKER_BUSES_MAX; i++)
        worker_bus_give(all[i]);
}

static void *use(void *userdata)
{
    char answer[16];

    for (unsigned i = 0; i < 50; i++) {
        _cleanup_(worker_bus_givep) sd_bus *bus = NULL;

        assert_int_equal(worker_bus_take(&bus), 0);
        assert_true(call(bus, "Now", 0, answer) >= 0);
        assert_string_equal(answer, "at once");
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[16];

    for (size_t i = 0; i < ELEMENTSOF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use, NULL), 0);
    for (size_t i = 0; i < ELEMENTSOF(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static int teardown(void **state)
{
    TestBus *t = *state;

    (void)!write(t->stop_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)pthread_join(t->thread, NULL);
    for (size_t i = 0; i < t->n; i++)
        if (t->peers[i].bus)
            sd_bus_close_unref(t->peers[i].bus);
    (void)close(t->listener);
    (void)close(t->stop_fd);
    /* Without a bus there is none to be had. */
    for (unsigned i = 0; i < WORKER_BUSES_MAX + 1; i++) {
        sd_bus *bus;

        assert_true(worker_bus_take(&bus) < 0);
    }
    scratch_remove(t->folder_fd, t->folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_answer_too_late),
        cmocka_unit_test(test_hung_up),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
