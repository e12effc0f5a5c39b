/* SPDX-License-Identifier: Apache-2.0 */
#include "journal-send.h"

#include <endian.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"
#include "memfd.h"

/* Opened when there is something to say, kept until the end. */
static int journal_fd(void)
{
    static atomic_int kept = -1;
    int fd = atomic_load(&kept), none = -1;

    if (fd >= 0)
        return fd;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (atomic_compare_exchange_strong(&kept, &none, fd))
        return fd;
    (void)close(fd); /* another thread was faster */
    return none;
}

/* A value of several lines has its length before it, instead of the equals sign. */
static void put_field(FILE *f, const struct iovec *field)
{
    const char *text = field->iov_base, *equals = memchr(text, '=', field->iov_len);

    if (equals && memchr(text, '\n', field->iov_len)) {
        const size_t name = (size_t)(equals - text), size = field->iov_len - name - 1;
        const uint64_t length = htole64(size);

        (void)fwrite(text, name, 1, f);
        (void)fputc('\n', f);
        (void)fwrite(&length, sizeof length, 1, f);
        (void)fwrite(equals + 1, 1, size, f);
    } else {
        (void)fwrite(text, 1, field->iov_len, f);
    }
    (void)fputc('\n', f);
}

static int compose(const struct iovec *fields, size_t n, struct iovec *ret)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, &ret->iov_len);

    if (!f)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        put_field(f, &fields[i]);
    if (fclose(f) != 0) {
        free(text);
        return -ENOMEM;
    }
    ret->iov_base = text;
    return 0;
}

/* What is too large for a message is sent as a file. */
static int send_file(int fd, struct sockaddr_un *address, const struct iovec *text)
{
    _cleanup_close_ int file = memfd_new_sealed("journal", text->iov_base, text->iov_len);
    union {
        char bytes[CMSG_SPACE(sizeof file)];
        struct cmsghdr align;
    } control = {.align = {.cmsg_len = CMSG_LEN(sizeof file),
                           .cmsg_level = SOL_SOCKET,
                           .cmsg_type = SCM_RIGHTS}};

    struct msghdr message = {.msg_name = address,
                             .msg_namelen = sizeof *address,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.bytes};

    if (file < 0)
        return file;
    memcpy(CMSG_DATA(&control.align), &file, sizeof file);
    return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int journal_send(const char *socket, const struct iovec *fields, size_t n)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct iovec text;
    struct msghdr message = {
        .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &text, .msg_iovlen = 1};
    int fd = journal_fd(), r;

    if (fd < 0)
        return fd;
    if (strlen(socket) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, socket, strlen(socket));
    r = compose(fields, n, &text);
    if (r < 0)
        return r;
    if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
        r = errno == EMSGSIZE || errno == ENOBUFS ? send_file(fd, &address, &text) : -errno;
    free(text.iov_base);
    return r;
}
