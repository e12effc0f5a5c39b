/* SPDX-License-Identifier: Apache-2.0 */
/* A channel from the client's end: what is answered, and what ends it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <openssl/x509.h>

#include "channel.h"
#include "keyd-channel.h"
#include "memfd.h"
#include "secure-memory.h"

typedef struct Fixture {
    sd_event *event;
    SignPool *pool;
    Channels *channels;
    Key *key;
    uint8_t *request; /* a CertificationRequestInfo for the key */
    size_t request_size;
    int fd;
} Fixture;

static void on_done(sd_bus_message *m, const TypedSign *t, const SignOutcome *outcome)
{
    fail();
}

static int open_channel(Fixture *f, uid_t uid, int *ret_fd)
{
    TypedSign t = {.key = key_ref(f->key), .purpose = PURPOSE_CERTIFICATE_REQUEST};
    int r = channels_open(f->channels, uid, "somebody", &t, ret_fd);

    typed_sign_done(&t);
    return r;
}

static void make_request(Fixture *f)
{
    X509_REQ *request = X509_REQ_new();
    uint8_t *tbs = NULL;
    int size;

    assert_true(X509_REQ_set_version(request, 0) && X509_REQ_set_pubkey(request, f->key->pkey));
    assert_true(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
                                           (const uint8_t *)"router", -1, -1, 0));
    size = i2d_re_X509_REQ_tbs(request, &tbs);
    assert_true(size > 0);
    f->request = tbs;
    f->request_size = (size_t)size;
    X509_REQ_free(request);
}

static int setup(void **state)
{
    static Fixture f;
    EVP_PKEY *pkey = NULL;

    assert_int_equal(key_generate(key_algorithm_find("ed25519"), 0, NULL, NULL, &pkey), 0);
    assert_int_equal(
        key_new(key_algorithm_find("ed25519"), "one", KEY_USAGE_GENERAL, 0, pkey, &f.key), 0);
    make_request(&f);
    assert_true(sd_event_new(&f.event) >= 0);
    assert_int_equal(sign_pool_new(f.event, on_done, &f.pool), 0);
    assert_int_equal(channels_new(f.pool, &f.channels), 0);
    assert_int_equal(sign_pool_start(f.pool), 0);
    assert_int_equal(channels_start(f.channels), 0);
    assert_int_equal(open_channel(&f, 1, &f.fd), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    channels_stop(f->channels);
    sign_pool_stop(f->pool);
    f->channels = channels_free(f->channels);
    f->pool = sign_pool_free(f->pool);
    f->event = sd_event_unref(f->event);
    OPENSSL_free(f->request);
    (void)close(f->fd);
    /* Nothing that was under way has kept it. */
    assert_int_equal(atomic_load(&f->key->references), 1);
    f->key = key_unref(f->key);
    return 0;
}

static void send_packet(int fd, const void *header, size_t header_size, const void *data,
                        size_t size, const int *files, size_t n_files)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(4 * sizeof(int))];
    } control = {0};
    struct iovec parts[] = {{(void *)(uintptr_t)header, header_size},
                            {(void *)(uintptr_t)data, size}};
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};

    if (n_files > 0) {
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(n_files * sizeof(int));
        CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
        CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
        CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(n_files * sizeof(int));
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), files, n_files * sizeof(int));
    }
    assert_int_equal(sendmsg(fd, &m, MSG_NOSIGNAL), header_size + size);
}

static void send_request(int fd, unsigned type, unsigned digest, uint32_t id, const void *data,
                         size_t size)
{
    uint8_t header[CHANNEL_HEADER_SIZE];

    channel_header(header, type, digest, id);
    send_packet(fd, header, sizeof header, data, size, NULL, 0);
}

/* The type of the answer; 0 at the end of the channel. */
static unsigned receive(int fd, uint32_t *ret_id, unsigned *ret_detail, uint8_t *data,
                        size_t *ret_size)
{
    uint8_t packet[CHANNEL_HEADER_SIZE + CHANNEL_SIGNATURE_MAX];
    ssize_t n;

    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 60000), 1);
    n = recv(fd, packet, sizeof packet, 0);
    if (n <= 0)
        return 0;
    assert_true((size_t)n > CHANNEL_HEADER_SIZE);
    *ret_id = channel_id(packet);
    *ret_detail = packet[1];
    *ret_size = (size_t)n - CHANNEL_HEADER_SIZE;
    memcpy(data, packet + CHANNEL_HEADER_SIZE, *ret_size);
    return packet[0];
}

static void assert_ended(int fd)
{
    uint8_t data[CHANNEL_SIGNATURE_MAX];
    unsigned detail;
    uint32_t id;
    size_t size;

    assert_int_equal(receive(fd, &id, &detail, data, &size), 0);
}

static void assert_signed(Fixture *f, int fd, uint32_t *ret_id)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t data[CHANNEL_SIGNATURE_MAX];
    unsigned detail;
    size_t size;

    assert_int_equal(receive(fd, ret_id, &detail, data, &size), CHANNEL_SIGNATURE);
    assert_int_equal(detail, 0);
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, NULL, NULL, f->key->pkey), 1);
    assert_int_equal(EVP_DigestVerify(context, data, size, f->request, f->request_size), 1);
    EVP_MD_CTX_free(context);
}

static void assert_refused(int fd, unsigned code, uint32_t expected_id)
{
    uint8_t data[CHANNEL_SIGNATURE_MAX];
    unsigned detail;
    uint32_t id;
    size_t size;

    assert_int_equal(receive(fd, &id, &detail, data, &size), CHANNEL_REFUSAL);
    assert_int_equal(detail, code);
    assert_int_equal(id, expected_id);
}

static void test_refusals_keep_the_channel(void **state)
{
    Fixture *f = *state;
    uint8_t header[CHANNEL_HEADER_SIZE];
    int file = memfd_new("unsealed");
    uint32_t id;

    send_request(f->fd, CHANNEL_SIGN, 0, 1, "x", 1);
    assert_refused(f->fd, CHANNEL_MALFORMED, 1);
    send_request(f->fd, CHANNEL_SIGN, 1, 2, f->request, f->request_size);
    assert_refused(f->fd, CHANNEL_REFUSED, 2);
    channel_header(header, CHANNEL_SIGN_FILE, 0, 3);
    send_packet(f->fd, header, sizeof header, NULL, 0, &file, 1);
    assert_refused(f->fd, CHANNEL_MALFORMED, 3);
    assert_int_equal(ftruncate(file, 65537), 0);
    assert_int_equal(memfd_seal(file), 0);
    send_packet(f->fd, header, sizeof header, NULL, 0, &file, 1);
    assert_refused(f->fd, CHANNEL_TOO_LARGE, 3);
    (void)close(file);
    send_request(f->fd, CHANNEL_SIGN, 0, 4, f->request, f->request_size);
    assert_signed(f, f->fd, &id);
    assert_int_equal(id, 4);
}

static void test_file(void **state)
{
    Fixture *f = *state;
    uint8_t header[CHANNEL_HEADER_SIZE];
    int file = memfd_new_sealed("request", f->request, f->request_size);
    uint32_t id;

    channel_header(header, CHANNEL_SIGN_FILE, 0, UINT32_MAX);
    send_packet(f->fd, header, sizeof header, NULL, 0, &file, 1);
    (void)close(file);
    assert_signed(f, f->fd, &id);
    assert_int_equal(id, UINT32_MAX);
}

/* More than may be in flight: the rest waits in the socket, and each is answered once. */
static void test_pipeline(void **state)
{
    Fixture *f = *state;
    bool seen[2 * CHANNEL_IN_FLIGHT_MAX] = {false};

    for (uint32_t sent = 0, answered = 0; answered < ELEMENTSOF(seen); answered++) {
        uint32_t id;

        while (sent < ELEMENTSOF(seen) && sent < answered + 80)
            send_request(f->fd, CHANNEL_SIGN, 0, sent++, f->request, f->request_size);
        assert_signed(f, f->fd, &id);
        assert_true(id < ELEMENTSOF(seen) && !seen[id]);
        seen[id] = true;
    }
}

static void test_framing(void **state)
{
    static const uint8_t large[CHANNEL_INLINE_MAX + 1];
    Fixture *f = *state;
    int files[3] = {STDERR_FILENO, STDERR_FILENO, STDERR_FILENO};
    uint8_t header[CHANNEL_HEADER_SIZE];
    size_t fds_before = 0;

    for (unsigned i = 0; i < 8; i++) {
        int fd;

        assert_int_equal(open_channel(f, 2, &fd), 0);
        channel_header(header, i == 1 ? 7 : CHANNEL_SIGN, i == 2 ? 9 : 0, i);
        header[2] = i == 3;
        send_packet(fd, header, i == 0 ? 5 : sizeof header, large, i == 4 ? sizeof large : i > 4,
                    files, i > 4 ? i - 4 : 0);
        assert_ended(fd);
        (void)close(fd);
        /* The descriptors that came along are closed. */
        fd = dup(STDERR_FILENO);
        assert_true(fds_before == 0 || (size_t)fd <= fds_before + 2);
        fds_before = fds_before ? fds_before : (size_t)fd;
        (void)close(fd);
    }
}

static void test_limit(void **state)
{
    Fixture *f = *state;
    int fds[CHANNELS_PER_USER_MAX], other;

    for (size_t i = 0; i < ELEMENTSOF(fds); i++)
        assert_int_equal(open_channel(f, 3, &fds[i]), 0);
    assert_int_equal(open_channel(f, 3, &other), -EDQUOT);
    assert_int_equal(open_channel(f, 4, &other), 0);
    (void)close(other);
    for (size_t i = 0; i < ELEMENTSOF(fds); i++)
        (void)close(fds[i]);
    while (channels_count(f->channels) > 1)
        (void)sched_yield();
    assert_int_equal(open_channel(f, 3, &other), 0);
    (void)close(other);
}

static bool never(const TypedSign *t, void *userdata)
{
    return false;
}

static bool always(const TypedSign *t, void *userdata)
{
    assert_ptr_equal(t->key, userdata);
    return true;
}

static void test_end(void **state)
{
    Fixture *f = *state;
    uint32_t id;

    channels_check(f->channels, always, f->key);
    send_request(f->fd, CHANNEL_SIGN, 0, 1, f->request, f->request_size);
    assert_signed(f, f->fd, &id);
    channels_check(f->channels, never, NULL);
    assert_ended(f->fd);
}

/* Nobody reads the answers: the channel ends, and nothing waits for its client. */
static void test_deaf_client(void **state)
{
    Fixture *f = *state;
    uint8_t header[CHANNEL_HEADER_SIZE];
    int room = 4096;

    assert_int_equal(setsockopt(f->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
    channel_header(header, CHANNEL_SIGN, 0, 0);
    for (;;) {
        struct iovec parts[] = {{header, sizeof header}, {f->request, f->request_size}};
        struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};

        if (sendmsg(f->fd, &m, MSG_NOSIGNAL) < 0)
            break;
    }
    assert_true(errno == EPIPE || errno == ECONNRESET);
}

/* All of it is under way, or waits, when the daemon ends. */
static void test_stop_under_load(void **state)
{
    Fixture *f = *state;

    for (uint32_t i = 0; i < CHANNEL_IN_FLIGHT_MAX; i++)
        send_request(f->fd, CHANNEL_SIGN, 0, i, f->request, f->request_size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refusals_keep_the_channel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pipeline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_framing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deaf_client, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_under_load, setup, teardown),
    };

    if (secure_memory_init() < 0)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
