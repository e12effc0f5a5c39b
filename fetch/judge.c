/* SPDX-License-Identifier: Apache-2.0 */
#include "judge.h"

#include <openssl/pem.h>
#include <poll.h>

#include "clock.h"
#include "fetch-client.h"
#include "fetch-message.h"
#include "json-util.h"
#include "memfd.h"
#include "openssl-util.h"

static int write_path(const STACK_OF(X509) * path, int *ret)
{
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long size;

    for (int i = 0; i < sk_X509_num(path); i++)
        if (!bio || PEM_write_bio_X509(bio, sk_X509_value(path, i)) != 1)
            return -ENOMEM;
    size = bio ? BIO_get_mem_data(bio, &text) : 0;
    if (size <= 0 || size > (long)FETCH_PATH_MAX)
        return -EMSGSIZE;
    *ret = memfd_new_sealed("fetch-server", text, (size_t)size);
    return *ret < 0 ? *ret : 0;
}

static int write_staple(SSL *ssl, int *ret)
{
    const unsigned char *staple = NULL;
    long size = SSL_get_tlsext_status_ocsp_resp(ssl, &staple);

    /* None, or one that nobody would look at. */
    if (!staple || size <= 0 || size > (long)FETCH_STAPLE_MAX)
        return 0;
    *ret = memfd_new_sealed("fetch-staple", staple, (size_t)size);
    return *ret < 0 ? *ret : 1;
}

static int ask(const Judge *judge, SSL *ssl)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    _cleanup_close_ int path = -EBADF, staple = -EBADF;
    int r, stapled;

    if (!o)
        return -ENOMEM;
    r = write_path(SSL_get0_verified_chain(ssl), &path);
    if (r < 0)
        return r;
    stapled = write_staple(ssl, &staple);
    if (stapled < 0)
        return stapled;
    r = json_add(o, "judge", json_object_new_boolean(1));
    if (r >= 0)
        r = json_add(o, "ocsp", json_object_new_boolean(stapled > 0));
    return r < 0 ? r : fetch_send(judge->client_fd, o, (int[]){path, staple}, stapled > 0 ? 2 : 1);
}

/* No is said by hanging up. */
static int wait_for_answer(const Judge *judge)
{
    static const char *const members[] = {"go-on", NULL};
    struct pollfd p = {.fd = judge->client_fd, .events = POLLIN | POLLRDHUP};
    _cleanup_json_ json_object *o = NULL;
    int fds[FETCH_DESCRIPTORS_MAX], r;
    bool go_on = false;
    size_t n_fds = 0;

    do
        r = poll(&p, 1, (int)FETCH_JUDGE_SECONDS * 1000);
    while (r < 0 && errno == EINTR);
    if (r <= 0)
        return r < 0 ? -errno : -ETIMEDOUT;
    if (!(p.revents & POLLIN))
        return -ECANCELED;
    r = fetch_receive(judge->client_fd, &o, fds, &n_fds);
    if (r < 0)
        return r == -ECONNRESET ? -ECANCELED : r;
    /* Descriptors are closed by the end of the process, which is near. */
    return n_fds == 0 && json_only_members(o, members) >= 0 &&
                   json_get_bool(o, "go-on", &go_on) >= 0 && go_on
               ? 0
               : -EBADMSG;
}

/* OpenSSL calls it when the server has proved that it has the key, and all that it has sent along
 * is there, be it TLS 1.2 or 1.3; also when it has sent nothing along. */
static int on_status(SSL *ssl, void *userdata)
{
    Judge *judge = userdata;
    uint64_t begun = clock_usec(CLOCK_MONOTONIC);

    judge->asked = true;
    judge->error = ask(judge, ssl);
    if (judge->error >= 0)
        judge->error = wait_for_answer(judge);
    judge->waited_usec += clock_usec(CLOCK_MONOTONIC) - begun;
    return judge->error >= 0;
}

int judge_use(Judge *judge, SSL_CTX *context)
{
    if (judge->client_fd < 0)
        return 0;
    return SSL_CTX_set_tlsext_status_type(context, TLSEXT_STATUSTYPE_ocsp) == 1 &&
                   SSL_CTX_set_tlsext_status_cb(context, on_status) == 1 &&
                   SSL_CTX_set_tlsext_status_arg(context, judge) == 1
               ? 0
               : -EIO;
}
