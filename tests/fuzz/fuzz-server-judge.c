/* SPDX-License-Identifier: Apache-2.0 */
/* The network worker asks whether a server is to be believed: its question and its answer, the path
 * that the server has shown, and what it has stapled to it. The input: how many descriptors come
 * with the question (a digit), the question, the answer, the path (PEM), each up to a zero byte,
 * and the staple. The last certificate of the path is trusted. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bundle.h"
#include "fetch-message.h"
#include "memfd.h"
#include "revocation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1700000000

typedef struct Asked {
    unsigned times;
    bool believed;
} Asked;

static DerSpan take_part(DerSpan *rest)
{
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, 0, rest->size) : NULL;
    DerSpan part = {rest->data, end ? (size_t)(end - (const uint8_t *)rest->data) : rest->size};
    size_t used = part.size + (end != NULL);

    *rest = (DerSpan){(const uint8_t *)rest->data + used, rest->size - used};
    return part;
}

static int verify(Verifier *v, const AuthorityList *authorities, const VerifyRequest *request,
                  VerifyRevocation revocation, VerifyVerdict *verdict)
{
    const RevocationPolicy policy = {.revocation = revocation, .staple = request->staple};
    CrlWork work = {.cancel_fd = -1};
    int r = verifier_run(v, authorities, VERIFY_REVOCATION_NONE, NULL, verdict);

    if (r < 0 || !verdict->valid)
        return r;
    crl_work_begin(&work, -1);
    work.now = NOW;
    work.fetch = NULL;
    work.authorities[0] = work.authorities[1] = authorities;
    r = revocation_check(v, authorities, &policy, &work, verdict);
    crl_work_done(&work);
    return r;
}

static const Authority *last_of(const AuthorityList *list)
{
    return list->n > 0 ? list->items[list->n - 1] : NULL;
}

/* As poold does it, with a pool of one CA. */
static bool is_believed(const FetchServer *server, VerifyRevocation revocation)
{
    static const AuthorityRules any = {.allow_v1 = true, .allow_expired = true};
    const VerifyRequest request = {.data = server->certificates,
                                   .size = server->certificates_size,
                                   .purpose = "tls-server",
                                   .time = NOW,
                                   .lenient = true,
                                   .staple = {server->staple, server->staple_size}};
    _cleanup_(authority_list_freep) AuthorityList *all = NULL, *one = authority_list_new();
    _cleanup_(verifier_freep) Verifier *v = NULL;
    VerifyVerdict verdict = {0};
    const char *reason = NULL;

    if (verifier_new(&request, &v, &reason) < 0 ||
        bundle_parse(server->certificates, server->certificates_size, &any, &all, &reason) < 0)
        return false;
    if (!one || !last_of(all) || authority_list_append(one, last_of(all)) < 0)
        return false;
    if (verify(v, one, &request, revocation, &verdict) < 0)
        return false;
    if (!verdict.reason)
        abort();
    return verdict.valid;
}

static int judge(void *userdata, const FetchServer *server, int cancel_fd, char **ret_reason)
{
    Asked *asked = userdata;
    bool optional = is_believed(server, VERIFY_REVOCATION_OPTIONAL);

    asked->times++;
    asked->believed = is_believed(server, VERIFY_REVOCATION_REQUIRED);
    /* Who has to know more believes less; and without CRLs only a staple says enough. */
    if (asked->believed && (!optional || server->staple_size == 0))
        abort();
    return asked->believed;
}

static int send_one(int fd, DerSpan text, const int *fds, size_t n_fds)
{
    union {
        struct cmsghdr header;
        char buffer[CMSG_SPACE(sizeof(int) * FETCH_DESCRIPTORS_MAX)];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)text.data, text.size};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    if (n_fds > 0) {
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        control.header = (struct cmsghdr){CMSG_LEN(sizeof(int) * n_fds), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
    }
    return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void exchange(int fd)
{
    Asked asked = {0};
    const FetchRequest request = {.url = "https://host/",
                                  .size_max = 8,
                                  .timeout_seconds = 5,
                                  .judge = judge,
                                  .judge_data = &asked};
    FetchReply reply;
    int r = fetch_exchange(fd, &request, -1, &reply);

    if (asked.times > 1 || (r >= 0 && !asked.believed) || (r >= 0) != (reply.status != 0) ||
        (r == -EHOSTUNREACH && !reply.error))
        abort();
    fetch_reply_done(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DerSpan rest = {data, size}, head = take_part(&rest), answer, path;
    size_t n_fds;
    int pair[2], fds[FETCH_DESCRIPTORS_MAX];

    answer = take_part(&rest);
    path = take_part(&rest);
    if (head.size < 2 || head.size > 2 * FETCH_MESSAGE_MAX || answer.size > 2 * FETCH_MESSAGE_MAX ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return 0;
    n_fds = data[0] % (FETCH_DESCRIPTORS_MAX + 1);
    fds[0] = memfd_new_sealed("path", path.data, path.size);
    fds[1] = memfd_new_sealed("staple", rest.data, rest.size);
    for (size_t i = 2; i < FETCH_DESCRIPTORS_MAX; i++)
        fds[i] = fds[1];
    if (fds[0] >= 0 && fds[1] >= 0 &&
        send_one(pair[1], (DerSpan){data + 1, head.size - 1}, fds, n_fds) >= 0 &&
        (answer.size == 0 || send_one(pair[1], answer, NULL, 0) >= 0)) {
        (void)shutdown(pair[1], SHUT_WR);
        exchange(pair[0]);
    }
    closep(&fds[0]);
    closep(&fds[1]);
    (void)close(pair[0]);
    (void)close(pair[1]);
    return 0;
}
