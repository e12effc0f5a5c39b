/* SPDX-License-Identifier: Apache-2.0 */
#include "memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "cleanup.h"

#define SEALS_CONTENT (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

int memfd_new(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    return fd < 0 ? -errno : fd;
}

int memfd_seal(int fd)
{
    return fcntl(fd, F_ADD_SEALS, SEALS_CONTENT | F_SEAL_SEAL) < 0 ? -errno : 0;
}

int memfd_new_sealed(const char *name, const void *data, size_t size)
{
    _cleanup_close_ int fd = memfd_new(name);
    int r;

    if (fd < 0)
        return fd;
    r = write_full(fd, data, size);
    if (r < 0)
        return r;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    r = memfd_seal(fd);
    if (r < 0)
        return r;
    return TAKE_FD(fd);
}

int memfd_check(int fd, size_t max, size_t *ret_size)
{
    struct stat st;
    /* Only memory files answer; for anything else the call fails. */
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & SEALS_CONTENT) != SEALS_CONTENT)
        return -EBADFD;
    if (fstat(fd, &st) < 0)
        return -errno;
    if ((uint64_t)st.st_size > max)
        return -EMSGSIZE;
    *ret_size = (size_t)st.st_size;
    return 0;
}

int memfd_read(int fd, size_t max, void **ret_data, size_t *ret_size)
{
    _cleanup_free_ uint8_t *data = NULL;
    size_t size, done = 0;
    int r;

    r = memfd_check(fd, max, &size);
    if (r < 0)
        return r;
    data = malloc(size + 1);
    if (!data)
        return -ENOMEM;
    /* pread(): the position belongs to whoever shares the descriptor. */
    while (done < size) {
        ssize_t n = pread(fd, data + done, size - done, (off_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    data[size] = 0;
    *ret_data = TAKE_PTR(data);
    *ret_size = size;
    return 0;
}

int memfd_map(int fd, size_t max, const void **ret_data, size_t *ret_size)
{
    void *p = NULL;
    size_t size;
    int r;

    r = memfd_check(fd, max, &size);
    if (r < 0)
        return r;
    if (size > 0) {
        p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            return -errno;
    }
    *ret_data = p;
    *ret_size = size;
    return 0;
}
