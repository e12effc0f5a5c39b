/* SPDX-License-Identifier: Apache-2.0 */
/* The client against workers that answer wrongly, as one that the network has taken over would. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "fetch-client.h"
#include "fetch-message.h"
#include "fetch-url.h"
#include "json-util.h"
#include "memfd.h"

static const FetchRequest plain = {.url = "http://host/", .size_max = 8, .timeout_seconds = 5};

typedef struct Answer {
    const char *text; /* NULL: hangs up */
    int fds[3];
    size_t n_fds;
} Answer;

static void send_raw(int fd, const Answer *answer)
{
    union {
        struct cmsghdr header;
        char buffer[CMSG_SPACE(sizeof(int) * 3)];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)answer->text, strlen(answer->text)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    if (answer->n_fds > 0) {
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * answer->n_fds);
        control.header =
            (struct cmsghdr){CMSG_LEN(sizeof(int) * answer->n_fds), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), answer->fds, sizeof(int) * answer->n_fds);
    }
    assert_int_equal(sendmsg(fd, &m, MSG_NOSIGNAL), (int)iov.iov_len);
}

static int exchange(const Answer *answer, FetchReply *reply)
{
    int pair[2], r;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    if (answer->text)
        send_raw(pair[1], answer);
    else
        (void)shutdown(pair[1], SHUT_WR);
    r = fetch_exchange(pair[0], &plain, -1, reply);
    (void)close(pair[0]);
    (void)close(pair[1]);
    return r;
}

static int count_open_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += dup2(fd, fd) >= 0;
    return n;
}

static void test_hostile_answers(void **state)
{
    int sealed = memfd_new_sealed("test", "content", 7), unsealed = memfd_new("test"),
        large = memfd_new_sealed("test", "123456789", 9);
    const Answer answers[] = {
        {NULL, {0}, 0},
        {" ", {0}, 0},
        {"[]", {0}, 0},
        {"{}", {0}, 0},
        {"{\"status\":200}", {0}, 0},
        {"{\"status\":200,\"body\":true}", {0}, 0},
        {"{\"status\":200,\"body\":false}", {sealed}, 1},
        {"{\"status\":200,\"body\":true}", {sealed, sealed}, 2},
        {"{\"status\":200,\"body\":true}", {sealed, sealed, sealed}, 3},
        {"{\"status\":200,\"body\":true}", {unsealed}, 1},
        {"{\"status\":200,\"body\":true}", {large}, 1},
        {"{\"status\":99,\"body\":true}", {sealed}, 1},
        {"{\"status\":600,\"body\":true}", {sealed}, 1},
        {"{\"status\":\"200\",\"body\":true}", {sealed}, 1},
        {"{\"status\":200,\"body\":true,\"content-type\":7}", {sealed}, 1},
        {"{\"status\":200,\"body\":true,\"extra\":7}", {sealed}, 1},
        {"{\"status\":200,\"status\":200,\"body\":true}", {sealed}, 1},
        {"{\"error\":\"unreachable\"}", {0}, 0},
        {"{\"error\":\"unreachable\",\"message\":\"m\",\"status\":200}", {0}, 0},
        {"{\"error\":\"unreachable\",\"message\":\"m\"}", {sealed}, 1},
        {"{\"error\":\"fine\",\"message\":\"m\"}", {0}, 0},
    };
    int before = count_open_descriptors();

    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        FetchReply reply;
        int r = exchange(&answers[i], &reply);

        if (r != -EHOSTUNREACH || !reply.error || reply.body || reply.content_type || reply.status)
            fail_msg("%s: %d", answers[i].text ?: "(none)", r);
        fetch_reply_done(&reply);
    }
    assert_int_equal(count_open_descriptors(), before);
    (void)close(sealed);
    (void)close(unsealed);
    (void)close(large);
}

static void test_errors(void **state)
{
    static const struct {
        const char *text;
        int error;
    } cases[] = {
        {"{\"error\":\"unreachable\",\"message\":\"no\\u001b[31mroute\\u00e9\"}", -EHOSTUNREACH},
        {"{\"error\":\"too-large\",\"message\":\"m\"}", -EMSGSIZE},
        {"{\"error\":\"invalid\",\"message\":\"m\"}", -EINVAL},
        {"{\"error\":\"failed\",\"message\":\"m\"}", -EIO},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        FetchReply reply;

        assert_int_equal(exchange(&(Answer){cases[i].text, {0}, 0}, &reply), cases[i].error);
        if (i == 0)
            assert_string_equal(reply.error, "no?[31mroute??");
        fetch_reply_done(&reply);
    }
}

static void test_answer(void **state)
{
    int sealed = memfd_new_sealed("test", "content", 7);
    FetchReply reply;

    assert_int_equal(exchange(&(Answer){"{\"status\":404,\"body\":true,\"content-type\":\"text/"
                                        "\\u0007plain\",\"etag\":\"W/\\u0007\"}",
                                        {sealed},
                                        1},
                              &reply),
                     0);
    assert_int_equal(reply.status, 404);
    assert_string_equal(reply.content_type, "text/?plain");
    assert_string_equal(reply.etag, "W/?");
    assert_int_equal(reply.body_size, 7);
    assert_string_equal(reply.body, "content");
    fetch_reply_done(&reply);
    assert_int_equal(exchange(&(Answer){"{\"status\":204,\"body\":false}", {0}, 0}, &reply), 0);
    assert_null(reply.body);
    assert_null(reply.content_type);
    fetch_reply_done(&reply);
    (void)close(sealed);
}

/* --- Who judges ------------------------------------------------------------------------------- */

typedef struct Judgement {
    int result;
    const char *reason;
    char asked[64]; /* about what */
    size_t staple_size;
} Judgement;

static int judge(void *userdata, const FetchServer *server, int cancel_fd, char **ret_reason)
{
    Judgement *judgement = userdata;

    (void)snprintf(judgement->asked, sizeof judgement->asked, "%s", server->certificates);
    judgement->staple_size = server->staple_size;
    *ret_reason = judgement->reason ? strdup(judgement->reason) : NULL;
    return judgement->result;
}

static int exchange_judged(const Answer *question, const Answer *answer, Judgement *judgement,
                           FetchReply *reply)
{
    FetchRequest request = plain;
    int pair[2], r;

    request.url = "https://host/";
    request.judge = judge;
    request.judge_data = judgement;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    if (question)
        send_raw(pair[1], question);
    send_raw(pair[1], answer);
    r = fetch_exchange(pair[0], &request, -1, reply);
    (void)close(pair[0]);
    (void)close(pair[1]);
    return r;
}

/* What a worker asks, and what it answers without having asked. */
static void test_judge(void **state)
{
    int path = memfd_new_sealed("test", "path", 4), staple = memfd_new_sealed("test", "ocsp!", 5);
    const Answer asks = {"{\"judge\":true,\"ocsp\":true}", {path, staple}, 2},
                 bare = {"{\"judge\":true,\"ocsp\":false}", {path}, 1},
                 answer = {"{\"status\":204,\"body\":false}", {0}, 0},
                 hostile[] = {{"{\"judge\":true,\"ocsp\":true}", {path}, 1},
                              {"{\"judge\":true,\"ocsp\":false}", {path, staple}, 2},
                              {"{\"judge\":true,\"ocsp\":false}", {0}, 0},
                              {"{\"judge\":false,\"ocsp\":false}", {path}, 1},
                              {"{\"judge\":true,\"ocsp\":false,\"more\":1}", {path}, 1},
                              {"{\"judge\":true}", {path}, 1}};
    int before = count_open_descriptors();
    Judgement judgement = {.result = 1};
    FetchReply reply;

    assert_int_equal(exchange_judged(&asks, &answer, &judgement, &reply), 0);
    assert_string_equal(judgement.asked, "path");
    assert_int_equal(judgement.staple_size, 5);
    fetch_reply_done(&reply);
    assert_int_equal(exchange_judged(&bare, &answer, &judgement, &reply), 0);
    assert_int_equal(judgement.staple_size, 0);
    fetch_reply_done(&reply);
    /* A second question is no answer; nor is an answer that comes without one. */
    assert_int_equal(exchange_judged(&bare, &bare, &judgement, &reply), -EHOSTUNREACH);
    fetch_reply_done(&reply);
    assert_int_equal(exchange_judged(NULL, &answer, &judgement, &reply), -EHOSTUNREACH);
    fetch_reply_done(&reply);
    assert_int_equal(exchange(&bare, &reply), -EHOSTUNREACH); /* nobody wanted to judge */
    fetch_reply_done(&reply);
    judgement = (Judgement){.result = 0, .reason = "certificate revoked"};
    assert_int_equal(exchange_judged(&bare, &answer, &judgement, &reply), -EHOSTUNREACH);
    assert_string_equal(reply.error,
                        "the server's certificate is not accepted: certificate revoked");
    fetch_reply_done(&reply);
    judgement = (Judgement){.result = -ECANCELED};
    assert_int_equal(exchange_judged(&bare, &answer, &judgement, &reply), -ECANCELED);
    fetch_reply_done(&reply);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        judgement = (Judgement){.result = 1};
        assert_int_equal(exchange_judged(&hostile[i], &answer, &judgement, &reply), -EHOSTUNREACH);
        assert_int_equal(judgement.asked[0], 0);
        fetch_reply_done(&reply);
    }
    assert_int_equal(count_open_descriptors(), before);
    (void)close(path);
    (void)close(staple);
}

static void test_bad_url(void **state)
{
    static const char *const urls[] = {"",           "host",         "file:///etc/passwd",
                                       "http://",    "https://u@h/", "http://h/ x",
                                       "httpx://h/", "ftp://h/"};
    const char *reason;

    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        assert_int_equal(fetch_url_check(urls[i], &reason), -EINVAL);
        assert_non_null(reason);
    }
    assert_int_equal(fetch_url_check("https://h", &reason), 0);
    assert_int_equal(fetch_url_check("http://h/a@b", &reason), 0);
    assert_int_equal(fetch_url_check_file("ftp://", &reason), -EINVAL);
    assert_int_equal(fetch_url_check_file("ftp://user@h/", &reason), -EINVAL);
    assert_int_equal(fetch_url_check_file("file:///etc/passwd", &reason), -EINVAL);
    assert_int_equal(fetch_url_check_file("scp://h/a", &reason), -EINVAL);
    assert_int_equal(fetch_url_check_file("scp://@h/a", &reason), -EINVAL);
    assert_int_equal(fetch_url_check_file("scp://u:p@h/a", &reason), -EINVAL);
    assert_int_equal(fetch_url_check_file("scp://u@v@h/a", &reason), -EINVAL);
    assert_int_equal(fetch_url_check_file("sftp://u%20v@h/a", &reason), -EINVAL);
    assert_int_equal(fetch_url_check_file("sftp://u@/a", &reason), -EINVAL);
    assert_int_equal(fetch_url_check_file("sftp://u@:22/a", &reason), -EINVAL);
    assert_int_equal(fetch_url_check_unattended("sftp://u@h/a", &reason), -EINVAL);
    assert_int_equal(fetch_url_check_file("sftp://u@h/a", &reason), 0);
    assert_int_equal(fetch_url_check_file("scp://u.v-w_1@h:22/a@b", &reason), 0);
    assert_int_equal(fetch_url_check_unattended("ftp://h/a", &reason), 0);
    assert_false(fetch_host_key_is_valid("SHA256:abc"));
    assert_false(fetch_host_key_is_valid("sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    assert_false(fetch_host_key_is_valid("SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    assert_true(fetch_host_key_is_valid("SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    assert_int_equal(fetch_url_check_file("ftp://h/a", &reason), 0);
    assert_int_equal(fetch_url_check_file("TFTP://h/a", &reason), 0);
    assert_false(fetch_url_is_http("tftp://h/"));
    assert_true(fetch_url_is_http("HTTPS://h/"));
}

static void test_cancel(void **state)
{
    int cancel = eventfd(1, EFD_CLOEXEC), pair[2];
    FetchReply reply;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fetch_exchange(pair[0], &plain, cancel, &reply), -ECANCELED);
    fetch_reply_done(&reply);
    (void)close(pair[0]);
    (void)close(pair[1]);
    (void)close(cancel);
}

static void test_what_is_sent(void **state)
{
    const FetchRequest request = {.url = "https://h/",
                                  .body = "body",
                                  .body_size = 4,
                                  .content_type = "a/b",
                                  .trust_anchors = "anchors",
                                  .size_max = 8,
                                  .timeout_seconds = 5,
                                  .etag = "\"7\""};
    _cleanup_json_ json_object *o = NULL;
    int pair[2], fds[FETCH_DESCRIPTORS_MAX];
    FetchReply reply;
    size_t n_fds, size;
    bool flag;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    send_raw(pair[1], &(Answer){"{\"status\":200,\"body\":false}", {0}, 0});
    assert_int_equal(fetch_exchange(pair[0], &request, -1, &reply), 0);
    fetch_reply_done(&reply);
    assert_int_equal(fetch_receive(pair[1], &o, fds, &n_fds), 0);
    assert_int_equal(n_fds, 2);
    assert_int_equal(memfd_check(fds[0], 4, &size), 0);
    assert_int_equal(size, 4);
    assert_int_equal(memfd_check(fds[1], 7, &size), 0);
    assert_int_equal(size, 7);
    assert_int_equal(json_get_bool(o, "body", &flag), 0);
    assert_true(flag);
    assert_int_equal(json_object_object_length(o), 7);
    assert_int_equal(fetch_receive(pair[1], &o, fds, &n_fds), -EAGAIN);
    (void)close(fds[0]);
    (void)close(fds[1]);
    (void)close(pair[0]);
    assert_int_equal(fetch_receive(pair[1], &o, fds, &n_fds), -ECONNRESET);
    (void)close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_answers), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_answer),          cmocka_unit_test(test_bad_url),
        cmocka_unit_test(test_judge),           cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_what_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
