/* SPDX-License-Identifier: Apache-2.0 */
#include "login-terminal.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include "atomic-file.h"
#include "cleanup.h"
#include "process-stat.h"

#define TEXT_SIZE 4096U
#define MAJOR_PTS 136U

/* Files of the kernel's own have no size to go by. */
static int read_text(const char *path, char text[TEXT_SIZE])
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = read_full(fd, text, TEXT_SIZE - 1);
    if (n < 0)
        return (int)n;
    text[n] = '\0';
    return 0;
}

/* One that is no pseudo-terminal: as the kernel names it. */
static int name_device(dev_t device, char name[TERMINAL_NAME_SIZE])
{
    char path[64], text[TEXT_SIZE];
    const char *found;
    int r;

    (void)snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/uevent", major(device), minor(device));
    r = read_text(path, text);
    if (r < 0)
        return r;
    found = strstr(text, "DEVNAME=");
    return found && sscanf(found, "DEVNAME=%31[^\n]", name) == 1 ? 0 : -ENOTTY;
}

int process_terminal(pid_t pid, ProcessTerminal *ret)
{
    char path[32], text[TEXT_SIZE];
    ProcessStat stat;
    int r;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    r = read_text(path, text);
    if (r < 0)
        return r == -ENOENT ? -ESRCH : r;
    r = process_stat_parse(text, &stat);
    if (r < 0 || stat.terminal == 0)
        return r < 0 ? r : -ENOTTY;
    ret->began = stat.start;
    if (major(stat.terminal) != MAJOR_PTS)
        return name_device(stat.terminal, ret->name);
    (void)snprintf(ret->name, sizeof(ret->name), "pts/%u", minor(stat.terminal));
    return 0;
}
