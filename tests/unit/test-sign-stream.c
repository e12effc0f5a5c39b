/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes that come through a pipe: signed at their end, and only then, while nobody who writes
 * slowly has a thread. */
#include "typed-sign-fixture.h"

#include <openssl/x509.h>
#include <sys/socket.h>

#include "sign-stream.h"
#include "typed-stream.h"

#define PAYLOAD_SIZE (3U << 20)

static struct {
    unsigned n;
    int result;
    const char *reason;
    uint8_t signature[512];
    size_t size;
} answer;

/* As many seconds are added from the second reading of the clock on. */
static atomic_int clock_leap, clock_readings;

time_t __real_time(time_t *ret);
time_t __wrap_time(time_t *ret);

time_t __wrap_time(time_t *ret)
{
    int leap = atomic_load(&clock_leap);
    time_t now = __real_time(NULL);

    if (leap > 0 && atomic_fetch_add(&clock_readings, 1) > 0)
        now += leap;
    if (ret)
        *ret = now;
    return now;
}

static void on_done(sd_bus_message *m, const TypedSign *t, const SignOutcome *outcome)
{
    answer.n++;
    answer.result = outcome->result;
    answer.reason = outcome->reason;
    answer.size = outcome->signature_size;
    if (outcome->result >= 0)
        memcpy(answer.signature, outcome->signature, outcome->signature_size);
}

typedef struct Streams {
    Fixture *keys;
    sd_event *event;
    sd_bus *bus;
    sd_bus_message *message;
    SignPool *pool;
    SignStreams *streams;
    Bytes certificate;
} Streams;

static Bytes certificate_new(Key *key)
{
    X509 *c = X509_new();
    Bytes b = {NULL, 0};
    int n;

    assert_int_equal(X509_set_pubkey(c, key->pkey), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(c), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(c), 3600));
    assert_true(X509_sign(c, key->pkey, EVP_sha256()) > 0);
    n = i2d_X509(c, &b.data);
    assert_true(n > 0);
    b.size = (size_t)n;
    X509_free(c);
    return b;
}

static void begin(Streams *s, void **state)
{
    int fds[2];

    answer.n = 0;
    *s = (Streams){.keys = *state};
    assert_true(sd_event_new(&s->event) >= 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_true(sd_bus_new(&s->bus) >= 0);
    assert_true(sd_bus_set_fd(s->bus, fds[0], fds[0]) >= 0);
    assert_true(sd_bus_start(s->bus) >= 0);
    (void)close(fds[1]);
    assert_true(sd_bus_message_new_signal(s->bus, &s->message, "/", "a.b", "C") >= 0);
    assert_int_equal(sign_pool_new(s->event, on_done, &s->pool), 0);
    assert_int_equal(sign_streams_new(s->event, s->pool, on_done, &s->streams), 0);
    s->certificate = certificate_new(s->keys->leaf);
    assert_int_equal(sign_pool_start(s->pool), 0);
}

static void end(Streams *s)
{
    sign_pool_stop(s->pool);
    sign_streams_free(s->streams);
    sign_pool_free(s->pool);
    /* Nothing of the work is left. */
    assert_int_equal(atomic_load(&s->keys->leaf->references), 1);
    bytes_done(&s->certificate);
    sd_bus_message_unref(s->message);
    sd_bus_unref(s->bus);
    sd_event_unref(s->event);
}

/* The write end. */
static int stream_new(Streams *s, uid_t uid, int expected)
{
    TypedSign t = {.key = key_ref(s->keys->leaf),
                   .digest = DIGEST_SHA256,
                   .purpose = PURPOSE_ENVELOPE,
                   .certificate = malloc(s->certificate.size),
                   .certificate_size = s->certificate.size};
    int fds[2];

    memcpy(t.certificate, s->certificate.data, s->certificate.size);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(sign_streams_submit(s->streams, s->message, uid, &t, fds[0]), expected);
    assert_int_equal(t.key == NULL, expected == 0);
    typed_sign_done(&t);
    (void)close(fds[0]);
    return fds[1];
}

static char *signing_input(const Streams *s, int64_t now, const char *payload)
{
    _cleanup_free_ char *print = NULL, *header = NULL, *encoded = NULL;
    uint8_t digest[32];
    char *input;

    assert_int_equal(
        EVP_Digest(s->certificate.data, s->certificate.size, digest, NULL, EVP_sha256(), NULL), 1);
    print = base64url_encode(digest, sizeof digest);
    assert_true(asprintf(&header,
                         "{\"alg\":\"ES256\",\"typ\":\"" ENVELOPE_TYPE
                         "\",\"iat\":%lld,\"x5t#S256\":\"%s\"}",
                         (long long)now, print) > 0);
    encoded = base64url_encode(header, strlen(header));
    assert_true(asprintf(&input, "%s.%s", encoded, payload) > 0);
    return input;
}

/* Runs the loop while the pipe is full. */
static void put(Streams *s, int fd, const char *data, size_t size)
{
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    while (size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EPIPE)
            return;
        if (n < 0)
            assert_true(sd_event_run(s->event, UINT64_MAX) >= 0);
        else {
            data += n;
            size -= (size_t)n;
        }
    }
}

static void await_answers(Streams *s, unsigned n)
{
    while (answer.n < n)
        assert_true(sd_event_run(s->event, UINT64_MAX) >= 0);
    assert_int_equal(answer.n, n);
}

static void test_refused(void **state)
{
    _cleanup_free_ char *good = NULL, *bad = NULL, *late = NULL;
    Streams s;
    int fd;

    begin(&s, state);
    good = signing_input(&s, time(NULL), "e30");
    bad = signing_input(&s, time(NULL), "e3 0");
    late = signing_input(&s, time(NULL) - ENVELOPE_CLOCK_SKEW - 60, "e30");

    /* Without the newline there is nothing to be signed, and nobody to be told off. */
    fd = stream_new(&s, 1, 0);
    put(&s, fd, good, strlen(good));
    (void)close(fd);
    await_answers(&s, 1);
    assert_int_equal(answer.result, -ECANCELED);
    assert_null(answer.reason);

    fd = stream_new(&s, 1, 0);
    put(&s, fd, bad, strlen(bad));
    await_answers(&s, 2); /* at once */
    assert_int_equal(answer.result, -EBADMSG);
    assert_string_equal(answer.reason, "the payload is not base64url");
    (void)close(fd);

    fd = stream_new(&s, 1, 0);
    put(&s, fd, late, strlen(late));
    await_answers(&s, 3);
    assert_int_equal(answer.result, -EBADMSG);
    assert_string_equal(answer.reason, "iat is not the present time");
    (void)close(fd);

    fd = stream_new(&s, 1, 0);
    put(&s, fd, good, strlen(good));
    put(&s, fd, "\n.", 2);
    await_answers(&s, 4);
    assert_int_equal(answer.result, -EBADMSG);
    (void)close(fd);
    assert_int_equal(sign_streams_count(s.streams), 0);
    end(&s);
}

/* A header that was judged by one reading of the clock has its hour from that one. */
static void test_clock_is_set(void **state)
{
    _cleanup_free_ char *input = NULL;
    Streams s;
    int fd;

    begin(&s, state);
    input = signing_input(&s, time(NULL), "e30");
    atomic_store(&clock_leap, TYPED_STREAM_SECONDS_MAX + 60);
    fd = stream_new(&s, 1, 0);
    put(&s, fd, input, strlen(input));
    put(&s, fd, "\n", 1);
    (void)close(fd);
    await_answers(&s, 1);
    atomic_store(&clock_leap, 0);
    assert_int_equal(answer.result, -EPERM);
    assert_string_equal(answer.reason, "its begin is not of the last hour, by the clock");
    end(&s);
}

static void test_signed(void **state)
{
    _cleanup_free_ char *payload = malloc(PAYLOAD_SIZE + 1), *input = NULL;
    Streams s;
    int fd;

    begin(&s, state);
    for (size_t i = 0; i < PAYLOAD_SIZE; i++)
        payload[i] = "ABCDEFGH"[i * 2654435761U >> 7 & 7];
    payload[PAYLOAD_SIZE] = 0;
    input = signing_input(&s, time(NULL), payload);
    fd = stream_new(&s, 1, 0);
    put(&s, fd, input, strlen(input));
    put(&s, fd, "\n", 1);
    (void)close(fd);
    await_answers(&s, 1);
    assert_int_equal(answer.result, 0);
    verify(s.keys->leaf, DIGEST_SHA256, input, strlen(input), answer.signature, answer.size);
    end(&s);
}

/* As many as there may be write nothing, and hold up nobody. */
static void test_slow_ones(void **state)
{
    _cleanup_free_ char *input = NULL;
    int slow[STREAMS_PER_USER_MAX], fd;
    Streams s;

    begin(&s, state);
    input = signing_input(&s, time(NULL), "e30");
    for (size_t i = 0; i < STREAMS_PER_USER_MAX; i++) {
        slow[i] = stream_new(&s, 1, 0);
        put(&s, slow[i], input, i);
    }
    (void)close(stream_new(&s, 1, -EDQUOT));
    fd = stream_new(&s, 2, 0);
    put(&s, fd, input, strlen(input));
    put(&s, fd, "\n", 1);
    (void)close(fd);
    await_answers(&s, 1);
    assert_int_equal(answer.result, 0);
    for (size_t i = 0; i < STREAMS_PER_USER_MAX; i++)
        (void)close(slow[i]);
    await_answers(&s, 1 + STREAMS_PER_USER_MAX);
    assert_int_equal(answer.result, -ECANCELED);
    end(&s);
}

static bool never(const TypedSign *t, void *userdata)
{
    return false;
}

static bool always(const TypedSign *t, void *userdata)
{
    return true;
}

/* The key is gone, or what it is for, before the end came. */
static void test_right_is_lost(void **state)
{
    _cleanup_free_ char *input = NULL;
    Streams s;
    int fd;

    begin(&s, state);
    input = signing_input(&s, time(NULL), "e30");
    fd = stream_new(&s, 1, 0);
    put(&s, fd, input, strlen(input));
    sign_streams_check(s.streams, always, NULL);
    assert_int_equal(answer.n, 0);
    sign_streams_check(s.streams, never, NULL);
    await_answers(&s, 1);
    assert_int_equal(answer.result, -ECANCELED);
    assert_int_equal(sign_streams_count(s.streams), 0);
    (void)close(fd);

    /* Also what a thread is at work on, or has signed, and nobody has been told of. */
    fd = stream_new(&s, 1, 0);
    put(&s, fd, input, strlen(input));
    put(&s, fd, "\n", 1);
    (void)close(fd);
    assert_true(sd_event_run(s.event, UINT64_MAX) >= 0);
    sign_streams_check(s.streams, never, NULL);
    await_answers(&s, 2);
    assert_int_equal(answer.result, -ECANCELED);
    end(&s);
}

/* With some waiting, some half read. */
static void test_end(void **state)
{
    _cleanup_free_ char *input = NULL;
    Streams s;
    int fds[4];

    begin(&s, state);
    input = signing_input(&s, time(NULL), "e30");
    for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
        fds[i] = stream_new(&s, 1, 0);
        put(&s, fds[i], input, strlen(input) * i / 4);
        assert_true(sd_event_run(s.event, 0) >= 0);
    }
    end(&s);
    for (size_t i = 0; i < ELEMENTSOF(fds); i++)
        (void)close(fds[i]);
}

static void test_what_is_a_pipe(void **state)
{
    _cleanup_close_ int memory = memfd_create("test", MFD_CLOEXEC),
                        folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                        path = open("/", O_PATH | O_CLOEXEC);
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_false(sign_stream_is_pipe(-1));
    assert_false(sign_stream_is_pipe(memory));
    assert_false(sign_stream_is_pipe(folder));
    assert_false(sign_stream_is_pipe(path));
    assert_false(sign_stream_is_pipe(fds[1]));
    assert_true(sign_stream_is_pipe(fds[0]));
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_a_pipe), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_signed),         cmocka_unit_test(test_slow_ones),
        cmocka_unit_test(test_right_is_lost),  cmocka_unit_test(test_end),
        cmocka_unit_test(test_clock_is_set),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    if (secure_memory_init() < 0)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, setup, teardown);
}
