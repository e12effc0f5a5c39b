/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of itself. */
#include "integrity.h"

#define MODULE_LINE_SIZE 8192U

void integrity_kernel_version(Collect *c)
{
    char release[256], build[1024];
    int r;

    fact_begin(c, "kernel-version");
    r = collect_read(c->root_fd, "proc/sys/kernel/osrelease", release, sizeof release);
    if (r < 0) {
        fact_end_errno(c, r, "/proc/sys/kernel/osrelease");
        return;
    }
    json_begin_object(c->writer, "value");
    json_write_bytes(c->writer, "release", release, (size_t)r);
    r = collect_read(c->root_fd, "proc/version", build, sizeof build);
    if (r >= 0)
        json_write_bytes(c->writer, "build", build, (size_t)r);
    json_end_object(c->writer);
    if (r < 0)
        fact_end(c, RESULT_PARTIAL, "/proc/version: %s", strerror(-r));
    else
        fact_end(c, RESULT_SUCCESS, "%s", "");
}

void integrity_up_time(Collect *c)
{
    char text[128], *end;
    unsigned long long seconds;
    int r;

    fact_begin(c, "up-time");
    r = collect_read(c->root_fd, "proc/uptime", text, sizeof text);
    if (r < 0) {
        fact_end_errno(c, r, "/proc/uptime");
        return;
    }
    seconds = strtoull(text, &end, 10);
    if (end == text || *end != '.') {
        fact_end(c, RESULT_FAILED, "/proc/uptime is not understood");
        return;
    }
    json_write_uint64(c->writer, "value", seconds);
    fact_end(c, RESULT_SUCCESS, "%s", "");
}

/* Documentation/admin-guide/tainted-kernels.rst of the kernel; the position is the bit. */
static const struct {
    const char *flag, *meaning;
} taints[] = {
    {"P", "proprietary module was loaded"},
    {"F", "module was force loaded"},
    {"S", "kernel running on an out of specification system"},
    {"R", "module was force unloaded"},
    {"M", "processor reported a machine check exception"},
    {"B", "bad page referenced or some unexpected page flags"},
    {"U", "taint requested by userspace application"},
    {"D", "kernel died recently"},
    {"A", "ACPI table overridden by user"},
    {"W", "kernel issued warning"},
    {"C", "staging driver was loaded"},
    {"I", "workaround for bug in platform firmware applied"},
    {"O", "externally-built module was loaded"},
    {"E", "unsigned module was loaded"},
    {"L", "soft lockup occurred"},
    {"K", "kernel has been live patched"},
    {"X", "auxiliary taint, defined for and used by distributions"},
    {"T", "kernel was built with the struct randomization plugin"},
    {"N", "an in-kernel test has been run"},
    {"J", "userspace used a mutating debug operation in fwctl"},
};

void integrity_kernel_taint(Collect *c)
{
    JsonWriter *w = c->writer;
    uint64_t mask;
    int r;

    fact_begin(c, "kernel-taint");
    r = collect_read_uint64(c->root_fd, "proc/sys/kernel/tainted", 10, &mask);
    if (r < 0) {
        fact_end_errno(c, r, "/proc/sys/kernel/tainted");
        return;
    }
    json_begin_object(w, "value");
    json_write_uint64(w, "tainted", mask);
    json_begin_array(w, "flags");
    for (unsigned bit = 0; bit < 64; bit++) {
        if (!(mask & UINT64_C(1) << bit))
            continue;
        json_begin_object(w, NULL);
        json_write_uint64(w, "bit", bit);
        if (bit < ELEMENTSOF(taints)) {
            json_write_string(w, "flag", taints[bit].flag);
            json_write_string(w, "meaning", taints[bit].meaning);
        }
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
    fact_end(c, RESULT_SUCCESS, "%s", "");
}

/* "none [integrity] confidentiality": the one in brackets is in force. */
void integrity_kernel_lockdown(Collect *c)
{
    char text[256], *begin, *end;
    int r;

    fact_begin(c, "kernel-lockdown");
    r = collect_read(c->root_fd, "sys/kernel/security/lockdown", text, sizeof text);
    if (r == -ENOENT) {
        fact_end(c, RESULT_NOT_AVAILABLE,
                 "The kernel has no lockdown, or securityfs is not mounted");
        return;
    }
    if (r < 0) {
        fact_end_errno(c, r, "/sys/kernel/security/lockdown");
        return;
    }
    begin = strchr(text, '[');
    end = begin ? strchr(begin, ']') : NULL;
    if (!end) {
        fact_end(c, RESULT_FAILED, "/sys/kernel/security/lockdown is not understood");
        return;
    }
    json_write_bytes(c->writer, "value", begin + 1, (size_t)(end - begin - 1));
    fact_end(c, RESULT_SUCCESS, "%s", "");
}

/* What only /sys knows of a module: which source it was built from. */
static void write_module_source(Collect *c, const char *module)
{
    static const char *const attributes[] = {"srcversion", "version"};
    char path[512], value[256];

    if (strchr(module, '/') || module[0] == '.')
        return;
    for (size_t i = 0; i < ELEMENTSOF(attributes); i++) {
        int n;

        if ((size_t)snprintf(path, sizeof path, "sys/module/%s/%s", module, attributes[i]) >=
            sizeof path)
            return;
        n = collect_read(c->root_fd, path, value, sizeof value);
        if (n >= 0)
            json_write_bytes(c->writer, attributes[i], value, (size_t)n);
    }
}

/* "name size references used-by state address (taints)". Addresses are of no use as evidence and
 * are left out. */
static int write_module(Collect *c, char *line)
{
    char *save = NULL, *fields[7] = {NULL}, *field, *end;
    unsigned long long size;
    size_t n = 0;

    for (field = strtok_r(line, " ", &save); field && n < ELEMENTSOF(fields);
         field = strtok_r(NULL, " ", &save))
        fields[n++] = field;
    if (n < 5)
        return -EBADMSG;
    errno = 0;
    size = strtoull(fields[1], &end, 10);
    if (errno != 0 || end == fields[1] || *end)
        return -EBADMSG;
    json_begin_object(c->writer, NULL);
    json_write_bytes(c->writer, "name", fields[0], strlen(fields[0]));
    json_write_uint64(c->writer, "size", size);
    json_write_bytes(c->writer, "state", fields[4], strlen(fields[4]));
    if (n == 7 && fields[6][0] == '(' && fields[6][strlen(fields[6]) - 1] == ')')
        json_write_bytes(c->writer, "taint", fields[6] + 1, strlen(fields[6]) - 2);
    write_module_source(c, fields[0]);
    json_end_object(c->writer);
    return 0;
}

void integrity_kernel_modules(Collect *c)
{
    _cleanup_fclose_ FILE *f = NULL;
    char line[MODULE_LINE_SIZE];
    size_t size;
    bool truncated;
    int r;

    fact_begin(c, "kernel-modules");
    r = collect_open(c->root_fd, "proc/modules", &f);
    if (r == -ENOENT) {
        fact_end(c, RESULT_NOT_AVAILABLE, "The kernel cannot load modules");
        return;
    }
    if (r < 0) {
        fact_end_errno(c, r, "/proc/modules");
        return;
    }
    json_begin_array(c->writer, "value");
    while ((r = read_line_bytes(f, line, sizeof line, &size, &truncated)) > 0) {
        r = truncated || strlen(line) != size ? -EBADMSG : write_module(c, line);
        if (r < 0)
            break;
    }
    json_end_array(c->writer);
    if (r < 0)
        fact_end(c, RESULT_PARTIAL, "/proc/modules: %s", strerror(-r));
    else
        fact_end(c, RESULT_SUCCESS, "%s", "");
}

void integrity_cpu_vulnerabilities(Collect *c)
{
    _cleanup_(name_list_free) NameList names = {NULL, 0};
    int r, error = 0;

    fact_begin(c, "cpu-vulnerabilities");
    r = collect_list(c->root_fd, "sys/devices/system/cpu/vulnerabilities", 256, &names);
    if (r < 0) {
        fact_end_errno(c, r, NULL);
        return;
    }
    json_begin_array(c->writer, "value");
    for (size_t i = 0; i < names.n; i++) {
        char path[512], value[COLLECT_VALUE_SIZE];

        (void)snprintf(path, sizeof path, "sys/devices/system/cpu/vulnerabilities/%s",
                       names.names[i]);
        r = collect_read(c->root_fd, path, value, sizeof value);
        if (r < 0) {
            error = r;
            continue;
        }
        json_begin_object(c->writer, NULL);
        json_write_bytes(c->writer, "name", names.names[i], strlen(names.names[i]));
        json_write_bytes(c->writer, "state", value, (size_t)r);
        json_end_object(c->writer);
    }
    json_end_array(c->writer);
    if (error < 0)
        fact_end(c, RESULT_PARTIAL, "Not every state could be read: %s", strerror(-error));
    else
        fact_end(c, RESULT_SUCCESS, "%s", "");
}
