/* SPDX-License-Identifier: Apache-2.0 */
/* What commands read besides their line: files, opened as the caller, and text typed or pasted
 * after a command. */
#include "cli-read.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli-bus.h"
#include "cli-input.h"

#define HARDDISK "harddisk:"

/* "harddisk:/NAME" and "harddisk:NAME" are what is in the router's folder for files that come and
 * go; it is a folder of that very name, so that a copy over ssh to that path lands there too. */
const char *cli_path(const char *path, char buffer[CLI_PATH_SIZE])
{
    if (strncmp(path, HARDDISK, STRLEN(HARDDISK)) != 0)
        return path;
    path += STRLEN(HARDDISK);
    (void)snprintf(buffer, CLI_PATH_SIZE, "/" HARDDISK "/%s", path + (*path == '/'));
    return buffer;
}

static int read_some(Cli *cli, const char *path, int fd, char *data, size_t max, size_t *ret_size)
{
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) < 0)
        return cli_error(cli, errno, "%s cannot be read: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return cli_error(cli, EISDIR, "%s is a folder.", path);
    if (!S_ISREG(st.st_mode))
        return cli_error(cli, EINVAL, "%s is no file.", path);
    if (st.st_size > (off_t)max)
        return cli_error(cli, EFBIG, "%s is larger than %zu bytes.", path, max);
    n = read(fd, data, max);
    if (n < 0)
        return cli_error(cli, errno, "%s cannot be read: %s", path, strerror(errno));
    if (n == 0)
        return cli_error(cli, ENODATA, "%s is empty.", path);
    *ret_size = (size_t)n;
    return 0;
}

int cli_read_file(Cli *cli, const char *path, char *data, size_t max, size_t *ret_size)
{
    char buffer[CLI_PATH_SIZE];
    int fd = open(cli_path(path, buffer), O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;

    if (fd < 0)
        return cli_error(cli, errno, "%s cannot be opened: %s", path, strerror(errno));
    r = read_some(cli, path, fd, data, max, ret_size);
    (void)close(fd);
    return r;
}

int cli_read_typed(Cli *cli, bool is_pem, char *data, size_t max, size_t *ret_size)
{
    size_t n = 0;

    for (;;) {
        _cleanup_free_ char *line = cli_read_line(cli, "", false);
        size_t size = line ? strlen(line) : 0;

        if (cli->interrupted)
            return cli_error(cli, EINTR, "Interrupted.");
        if (size == 0)
            break;
        if (size + 1 > max - n)
            return cli_error(cli, EMSGSIZE, "That is more than %zu bytes.", max);
        memcpy(data + n, line, size);
        n += size;
        data[n++] = '\n';
        if (is_pem && strncmp(line, "-----END ", STRLEN("-----END ")) == 0)
            break;
    }
    *ret_size = n;
    return 0;
}
