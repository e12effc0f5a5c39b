/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "chain-check.h"
#include "openssl-util.h"

int input_read(const char *path, uint64_t max, char **ret_data, size_t *ret_size)
{
    _cleanup_close_ int opened = streq(path, "-") ? -EBADF : open(path, O_RDONLY | O_CLOEXEC);
    int fd = streq(path, "-") ? STDIN_FILENO : opened;
    _cleanup_free_ char *data = NULL;
    size_t size = 0, room = 65536;
    struct stat st;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISREG(st.st_mode) && st.st_size > 0 && (uint64_t)st.st_size <= max)
        room = (size_t)st.st_size + 1;
    for (;;) {
        char *larger = realloc(data, room + 1);
        ssize_t n;

        if (!larger)
            return -ENOMEM;
        data = larger;
        n = read_full(fd, data + size, room - size);
        if (n < 0)
            return (int)n;
        size += (size_t)n;
        if (size > max)
            return -EFBIG;
        if (size < room)
            break;
        room *= 2;
    }
    data[size] = 0;
    *ret_data = TAKE_PTR(data);
    *ret_size = size;
    return 0;
}

static int open_pem(const char *path, char **ret_text, BIO **ret)
{
    size_t size;
    int r;

    r = input_read(path, INPUT_PEM_MAX, ret_text, &size);
    if (r < 0)
        return r;
    ERR_clear_error();
    *ret = BIO_new_mem_buf(*ret_text, (int)size);
    return *ret ? 0 : -ENOMEM;
}

/* After the last one: was it the end of the text, or something that does not parse? */
static int end_pem(int n)
{
    int reason = ERR_GET_REASON(ERR_peek_last_error());

    ERR_clear_error();
    return reason == PEM_R_NO_START_LINE && n > 0 ? 0 : -EBADMSG;
}

int input_certificates(const char *path, STACK_OF(X509) * *ret)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_(BIO_free_allp) BIO *bio = NULL;
    _cleanup_(x509_stack_freep) STACK_OF(X509) *stack = sk_X509_new_null();
    X509 *certificate;
    int r;

    if (!stack)
        return -ENOMEM;
    r = open_pem(path, &text, &bio);
    if (r < 0)
        return r;
    while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        if (sk_X509_num(stack) == INPUT_CERTIFICATES_MAX || sk_X509_push(stack, certificate) <= 0) {
            X509_free(certificate);
            return -E2BIG;
        }
    r = end_pem(sk_X509_num(stack));
    if (r < 0)
        return r;
    *ret = TAKE_PTR(stack);
    return 0;
}

int input_crls(const char *path, STACK_OF(X509_CRL) * *ret)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_(BIO_free_allp) BIO *bio = NULL;
    _cleanup_(crl_stack_freep) STACK_OF(X509_CRL) *stack = sk_X509_CRL_new_null();
    X509_CRL *crl;
    int r;

    if (!stack)
        return -ENOMEM;
    r = open_pem(path, &text, &bio);
    if (r < 0)
        return r;
    while ((crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)))
        if (sk_X509_CRL_num(stack) == INPUT_CRLS_MAX || sk_X509_CRL_push(stack, crl) <= 0) {
            X509_CRL_free(crl);
            return -E2BIG;
        }
    r = end_pem(sk_X509_CRL_num(stack));
    if (r < 0)
        return r;
    *ret = TAKE_PTR(stack);
    return 0;
}
