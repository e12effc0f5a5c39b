/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF programs that the kernel has, and the links that attach them. Of the kernel's BPF calls
 * only those that tell are used, and only those are let through. */
#include <linux/bpf.h>
#include <sys/syscall.h>

#include "probe.h"

#include "clock.h"

#define PROGRAMS_MAX 100000U

static int bpf_call(enum bpf_cmd command, union bpf_attr *attr)
{
    long r = syscall(SYS_bpf, command, attr, sizeof *attr);

    return r < 0 ? -errno : (int)r;
}

static int next_id(enum bpf_cmd command, uint32_t after, uint32_t *ret)
{
    union bpf_attr attr;
    int r;

    memset(&attr, 0, sizeof attr);
    attr.start_id = after;
    r = bpf_call(command, &attr);
    if (r >= 0)
        *ret = attr.next_id;
    return r;
}

static int open_id(enum bpf_cmd command, uint32_t id)
{
    union bpf_attr attr;

    memset(&attr, 0, sizeof attr);
    attr.prog_id = id;
    return bpf_call(command, &attr);
}

static int read_info(int fd, void *info, size_t size)
{
    union bpf_attr attr;

    memset(&attr, 0, sizeof attr);
    attr.info.bpf_fd = (uint32_t)fd;
    attr.info.info_len = (uint32_t)size;
    attr.info.info = (uintptr_t)info;
    return bpf_call(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

static void write_named(JsonWriter *w, const char *const *names, size_t n, uint32_t type)
{
    if (type < n && names[type])
        json_write_string(w, "type", names[type]);
    else
        json_write_stringf(w, "type", "%u", type);
}

static void write_program(JsonWriter *w, const struct bpf_prog_info *info, uint64_t boot_usec)
{
    static const char *const types[] = {
        "unspec",
        "socket_filter",
        "kprobe",
        "sched_cls",
        "sched_act",
        "tracepoint",
        "xdp",
        "perf_event",
        "cgroup_skb",
        "cgroup_sock",
        "lwt_in",
        "lwt_out",
        "lwt_xmit",
        "sock_ops",
        "sk_skb",
        "cgroup_device",
        "sk_msg",
        "raw_tracepoint",
        "cgroup_sock_addr",
        "lwt_seg6local",
        "lirc_mode2",
        "sk_reuseport",
        "flow_dissector",
        "cgroup_sysctl",
        "raw_tracepoint_writable",
        "cgroup_sockopt",
        "tracing",
        "struct_ops",
        "ext",
        "lsm",
        "sk_lookup",
        "syscall",
        "netfilter",
    };

    json_write_uint64(w, "program-id", info->id);
    write_named(w, types, ELEMENTSOF(types), info->type);
    json_write_bytes(w, "program-name", info->name, strnlen(info->name, sizeof info->name));
    json_write_hex(w, "tag", info->tag, sizeof info->tag);
    json_write_uint64(w, "uid", info->created_by_uid);
    json_write_time(w, "load-time", boot_usec + info->load_time / 1000);
    json_write_bool(w, "gpl-compatible", info->gpl_compatible);
    json_write_uint64(w, "size", info->xlated_prog_len);
    json_write_uint64(w, "maps", info->nr_map_ids);
    if (info->ifindex != 0)
        json_write_uint64(w, "interface-index", info->ifindex);
}

static void write_link(JsonWriter *w, const struct bpf_link_info *info)
{
    static const char *const types[] = {"unspec",       "raw_tracepoint", "tracing",   "cgroup",
                                        "iter",         "netns",          "xdp",       "perf_event",
                                        "kprobe_multi", "struct_ops",     "netfilter", "tcx",
                                        "uprobe_multi", "netkit"};

    json_write_uint64(w, "link-id", info->id);
    json_write_uint64(w, "program-id", info->prog_id);
    write_named(w, types, ELEMENTSOF(types), info->type);
    if (info->type == BPF_LINK_TYPE_CGROUP) {
        json_write_uint64(w, "cgroup-id", info->cgroup.cgroup_id);
        json_write_uint64(w, "attach-type", info->cgroup.attach_type);
    } else if (info->type == BPF_LINK_TYPE_NETNS) {
        json_write_uint64(w, "network-namespace", info->netns.netns_ino);
        json_write_uint64(w, "attach-type", info->netns.attach_type);
    } else if (info->type == BPF_LINK_TYPE_TRACING)
        json_write_uint64(w, "attach-type", info->tracing.attach_type);
    else if (info->type == BPF_LINK_TYPE_XDP)
        json_write_uint64(w, "interface-index", info->xdp.ifindex);
}

static void put_program(Answer *a, int fd, uint64_t boot_usec)
{
    struct bpf_prog_info info;
    JsonWriter *w;

    memset(&info, 0, sizeof info);
    if (read_info(fd, &info, sizeof info) < 0) {
        a->n_unreadable++;
        return;
    }
    w = answer_begin(a);
    if (w)
        write_program(w, &info, boot_usec);
    answer_end(a, w);
}

static void put_link(Answer *a, int fd, uint64_t boot_usec)
{
    struct bpf_link_info info;
    JsonWriter *w;

    memset(&info, 0, sizeof info);
    if (read_info(fd, &info, sizeof info) < 0) {
        a->n_unreadable++;
        return;
    }
    w = answer_begin(a);
    if (w)
        write_link(w, &info);
    answer_end(a, w);
}

static int list(Answer *a, enum bpf_cmd next, enum bpf_cmd open,
                void (*put)(Answer *a, int fd, uint64_t boot_usec), uint64_t boot_usec)
{
    uint32_t id = 0;
    int r = 0;

    for (unsigned n = 0; n < PROGRAMS_MAX && !answer_is_unwanted(a); n++) {
        _cleanup_close_ int fd = -EBADF;

        r = next_id(next, id, &id);
        if (r < 0)
            break;
        fd = open_id(open, id);
        if (fd >= 0)
            put(a, fd, boot_usec);
        else if (fd != -ENOENT) /* it was there a moment ago */
            a->n_unreadable++;
    }
    return r == -ENOENT ? 0 : r;
}

int probe_programs(Answer *a, char reason[static PROBE_REASON_SIZE])
{
    uint64_t boot_usec = clock_usec(CLOCK_REALTIME) - clock_usec(CLOCK_BOOTTIME);
    int r = list(a, BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID, put_program, boot_usec);

    if (r == -ENOSYS)
        (void)snprintf(reason, PROBE_REASON_SIZE, "The kernel has no BPF");
    else if (r == -EPERM)
        (void)snprintf(reason, PROBE_REASON_SIZE,
                       "The kernel does not tell which BPF programs it "
                       "has: not here, or not in lockdown");
    else if (r < 0)
        (void)snprintf(reason, PROBE_REASON_SIZE, "BPF: %s", strerror(-r));
    if (r < 0)
        return r;
    /* Kernels before 5.8 have programs and no links. */
    r = list(a, BPF_LINK_GET_NEXT_ID, BPF_LINK_GET_FD_BY_ID, put_link, boot_usec);
    if (r < 0 && r != -EINVAL)
        a->n_unreadable++;
    return 0;
}
