/* SPDX-License-Identifier: Apache-2.0 */
#include "login-terminal.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "atomic-file.h"
#include "cleanup.h"

#define TEXT_SIZE 4096U
#define MAJOR_PTS 136U
/* Counted from the state, which is the first after the name. */
#define FIELD_TERMINAL 4U
#define FIELD_BEGAN 19U

static bool read_number(const char *text, uint64_t *ret)
{
    char *end;

    *ret = strtoull(text, &end, 10);
    return end != text && (*end == ' ' || *end == '\n' || *end == '\0');
}

int process_stat_parse(const char *stat, dev_t *ret_device, uint64_t *ret_began)
{
    /* The name is anything; nothing behind it has brackets. */
    const char *p = strrchr(stat, ')');
    uint64_t device = 0;
    unsigned field = 0;

    for (; p; p = strchr(p + 1, ' '), field++) {
        if (field == FIELD_TERMINAL + 1 && !read_number(p, &device))
            return -EBADMSG;
        if (field == FIELD_BEGAN + 1) {
            if (!read_number(p, ret_began))
                return -EBADMSG;
            *ret_device = makedev(device >> 8 & 0xfff, (device & 0xff) | (device >> 12 & 0xfff00));
            return 0;
        }
    }
    return -EBADMSG;
}

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
    dev_t device;
    int r;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    r = read_text(path, text);
    if (r < 0)
        return r == -ENOENT ? -ESRCH : r;
    r = process_stat_parse(text, &device, &ret->began);
    if (r < 0 || device == 0)
        return r < 0 ? r : -ENOTTY;
    if (major(device) != MAJOR_PTS)
        return name_device(device, ret->name);
    (void)snprintf(ret->name, sizeof(ret->name), "pts/%u", minor(device));
    return 0;
}
