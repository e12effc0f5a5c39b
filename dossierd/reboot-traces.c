/* SPDX-License-Identifier: Apache-2.0 */
/* What hardware and kernel keep over a reboot: why a watchdog says that the machine was reset, and
 * what the kernel wrote down when it died. */
#include <fcntl.h>
#include <sys/stat.h>

#include "reboot-traces.h"

#define WATCHDOGS "sys/class/watchdog"
#define WATCHDOGS_MAX 64U
#define RECORDS_MAX 10000U

/* WDIOF_* of the kernel's watchdog API, as they stand in bootstatus; the position is the bit. */
static const char *const reset_reasons[] = {"overheat",    "fan-fault", "external-1", "external-2",
                                            "power-under", "watchdog",  "power-over"};

static void write_outcome(Collect *c, int error, const char *absent)
{
    ResultCode code = error < 0 ? result_code_from_errno(error) : RESULT_SUCCESS;

    json_write_string(c->writer, "result-code", result_code_to_string(code));
    if (error == -ENOENT)
        json_write_string(c->writer, "reason", absent);
    else if (error < 0)
        json_write_string(c->writer, "reason", strerror(-error));
}

static int write_watchdog(Collect *c, const char *name)
{
    char path[512];
    uint64_t status;
    Object o;
    int r;

    (void)snprintf(path, sizeof path, WATCHDOGS "/%s/bootstatus", name);
    r = collect_read_uint64(c->root_fd, path, 0, &status);
    object_begin(&o, c, NULL);
    json_write_bytes(c->writer, "name", name, strlen(name));
    if (r < 0)
        object_missing(&o, "boot-status", r);
    else {
        json_write_uint64(c->writer, "boot-status", status);
        json_begin_array(c->writer, "reset-reasons");
        for (unsigned bit = 0; bit < ELEMENTSOF(reset_reasons); bit++)
            if (status & UINT64_C(1) << bit)
                json_write_string(c->writer, NULL, reset_reasons[bit]);
        json_end_array(c->writer);
    }
    (void)snprintf(path, sizeof path, WATCHDOGS "/%s/identity", name);
    object_file_optional(&o, "identity", c->root_fd, path);
    (void)snprintf(path, sizeof path, WATCHDOGS "/%s/state", name);
    object_file_optional(&o, "state", c->root_fd, path);
    object_end(&o);
    return 0;
}

void reboot_write_watchdogs(Collect *c)
{
    _cleanup_(name_list_free) NameList names = {NULL, 0};
    int r = collect_list(c->root_fd, WATCHDOGS, WATCHDOGS_MAX, &names);

    if (r >= 0 && names.n == 0)
        r = -ENOENT;
    json_begin_object(c->writer, "watchdogs");
    json_begin_array(c->writer, "watchdogs");
    for (size_t i = 0; r >= 0 && i < names.n; i++)
        r = write_watchdog(c, names.names[i]);
    json_end_array(c->writer);
    write_outcome(c, r, "There is no watchdog");
    json_end_object(c->writer);
}

/* Records of the kernel's, or folders of them that systemd-pstore made: what is in them is not for
 * a dossier, that they are there is. */
static int write_records(Collect *c, const char *folder)
{
    _cleanup_(name_list_free) NameList names = {NULL, 0};
    int r = collect_list(c->root_fd, folder, RECORDS_MAX, &names);

    for (size_t i = 0; r >= 0 && i < names.n; i++) {
        char path[512];
        struct stat st;

        if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, names.names[i]) >= sizeof path ||
            fstatat(c->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        json_begin_object(c->writer, NULL);
        json_write_stringf(c->writer, "folder", "/%s", folder);
        json_write_bytes(c->writer, "name", names.names[i], strlen(names.names[i]));
        if (st.st_mtim.tv_sec >= 0)
            json_write_time(c->writer, "time",
                            (uint64_t)st.st_mtim.tv_sec * 1000000 +
                                (uint64_t)st.st_mtim.tv_nsec / 1000);
        json_end_object(c->writer);
    }
    return r;
}

void reboot_write_crash_records(Collect *c)
{
    int kernel, saved;

    json_begin_object(c->writer, "crash-records");
    json_begin_array(c->writer, "records");
    kernel = write_records(c, "sys/fs/pstore");
    saved = write_records(c, "var/lib/systemd/pstore");
    json_end_array(c->writer);
    write_outcome(c, kernel < 0 && (saved < 0 || kernel != -ENOENT) ? kernel : 0,
                  "The kernel keeps no records over a reboot (pstore)");
    json_end_object(c->writer);
}
