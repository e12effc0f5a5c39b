/* SPDX-License-Identifier: Apache-2.0 */
#include "probe-maps.h"

#include <endian.h>
#include <linux/capability.h>

#include "cleanup.h"

/* --- /proc/PID/maps --------------------------------------------------------------------------- */

static bool take_number(const char **p, const char *end, unsigned base, uint64_t *ret)
{
    uint64_t value = 0;
    const char *begin = *p;

    for (; *p < end; (*p)++) {
        unsigned char c = (unsigned char)**p;
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)c - '0'
                         : c >= 'a' && c <= 'f' ? (unsigned)c - 'a' + 10
                                                : 16;

        if (digit >= base)
            break;
        if (value > (UINT64_MAX - digit) / base)
            return false;
        value = value * base + digit;
    }
    *ret = value;
    return *p > begin;
}

static bool take_character(const char **p, const char *end, char wanted)
{
    if (*p == end || **p != wanted)
        return false;
    (*p)++;
    return true;
}

/* "7f0c6e3f2000-7f0c6e41a000 r-xp 00002000 fe:01 131 <blanks> /usr/lib/libc.so.6" */
int map_line_parse(const char *line, size_t size, MapLine *ret)
{
    const char *p = line, *end = line + size, *permissions;
    uint64_t ignored, inode, major, minor;

    if (!take_number(&p, end, 16, &ignored) || !take_character(&p, end, '-') ||
        !take_number(&p, end, 16, &ignored) || !take_character(&p, end, ' '))
        return -EBADMSG;
    permissions = p;
    if (end - p < 5 || permissions[4] != ' ')
        return -EBADMSG;
    p += 5;
    if (!take_number(&p, end, 16, &ignored) || !take_character(&p, end, ' ') ||
        !take_number(&p, end, 16, &major) || !take_character(&p, end, ':') ||
        !take_number(&p, end, 16, &minor) || !take_character(&p, end, ' ') ||
        !take_number(&p, end, 10, &inode))
        return -EBADMSG;
    while (p < end && *p == ' ')
        p++;
    *ret = (MapLine){major << 32 | (uint32_t)minor, inode, permissions[2] == 'x', p,
                     (size_t)(end - p)};
    return 0;
}

size_t map_path_unescape(const char *path, size_t size, char *buffer)
{
    static const char newline[] = "\\012";
    size_t n = 0;

    for (size_t i = 0; i < size; n++)
        if (size - i >= STRLEN(newline) && memcmp(path + i, newline, STRLEN(newline)) == 0) {
            buffer[n] = '\n';
            i += STRLEN(newline);
        } else
            buffer[n] = path[i++];
    return n;
}

size_t path_without_deleted(const char *path, size_t size)
{
    size_t n = STRLEN(PATH_DELETED);

    return size > n && memcmp(path + size - n, PATH_DELETED, n) == 0 ? size - n : size;
}

/* --- Capabilities of files -------------------------------------------------------------------- */

int file_capabilities_parse(const void *data, size_t size, FileCapabilities *ret)
{
    struct vfs_ns_cap_data caps = {0};
    uint32_t magic;
    size_t wanted;

    if (size < sizeof caps.magic_etc || size > sizeof caps)
        return -EBADMSG;
    memcpy(&caps, data, size);
    magic = le32toh(caps.magic_etc);
    switch (magic & VFS_CAP_REVISION_MASK) {
    case VFS_CAP_REVISION_1:
        wanted = XATTR_CAPS_SZ_1;
        break;
    case VFS_CAP_REVISION_2:
        wanted = XATTR_CAPS_SZ_2;
        break;
    case VFS_CAP_REVISION_3:
        wanted = XATTR_CAPS_SZ_3;
        break;
    default:
        return -EBADMSG;
    }
    if (size != wanted)
        return -EBADMSG;
    *ret = (FileCapabilities){
        .permitted =
            (uint64_t)le32toh(caps.data[1].permitted) << 32 | le32toh(caps.data[0].permitted),
        .inheritable =
            (uint64_t)le32toh(caps.data[1].inheritable) << 32 | le32toh(caps.data[0].inheritable),
        .root_uid = wanted == XATTR_CAPS_SZ_3 ? le32toh(caps.rootid) : 0,
        .effective = magic & VFS_CAP_FLAGS_EFFECTIVE,
    };
    return 0;
}

const char *capability_name(unsigned bit)
{
    static const char *const names[] = {
        "cap_chown",
        "cap_dac_override",
        "cap_dac_read_search",
        "cap_fowner",
        "cap_fsetid",
        "cap_kill",
        "cap_setgid",
        "cap_setuid",
        "cap_setpcap",
        "cap_linux_immutable",
        "cap_net_bind_service",
        "cap_net_broadcast",
        "cap_net_admin",
        "cap_net_raw",
        "cap_ipc_lock",
        "cap_ipc_owner",
        "cap_sys_module",
        "cap_sys_rawio",
        "cap_sys_chroot",
        "cap_sys_ptrace",
        "cap_sys_pacct",
        "cap_sys_admin",
        "cap_sys_boot",
        "cap_sys_nice",
        "cap_sys_resource",
        "cap_sys_time",
        "cap_sys_tty_config",
        "cap_mknod",
        "cap_lease",
        "cap_audit_write",
        "cap_audit_control",
        "cap_setfcap",
        "cap_mac_override",
        "cap_mac_admin",
        "cap_syslog",
        "cap_wake_alarm",
        "cap_block_suspend",
        "cap_audit_read",
        "cap_perfmon",
        "cap_bpf",
        "cap_checkpoint_restore",
    };

    return bit < ELEMENTSOF(names) ? names[bit] : NULL;
}
