/* SPDX-License-Identifier: Apache-2.0 */
#include "helper-client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"

#define INTERVAL_MS 200

int helper_connect(const char *path, int flags)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    if (fd < 0)
        return -errno;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    return TAKE_FD(fd);
}

ssize_t helper_receive(int fd, void *data, size_t size, helper_should_stop_t should_stop,
                       void *userdata)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (should_stop && should_stop(userdata))
            return -ETIMEDOUT;
        if (poll(&p, 1, INTERVAL_MS) <= 0)
            continue;
        n = recv(fd, data, size, MSG_DONTWAIT);
        if (n >= 0)
            return n;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
}
