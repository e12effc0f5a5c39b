/* SPDX-License-Identifier: Apache-2.0 */
/* Why a watchdog says that the machine was reset; and what the members of the reboot history have
 * in common. */
#include "reboot-traces.h"

#define WATCHDOGS "sys/class/watchdog"
#define WATCHDOGS_MAX 64U

/* WDIOF_* of the kernel's watchdog API, as they stand in bootstatus; the position is the bit. */
static const char *const reset_reasons[] = {"overheat",    "fan-fault", "external-1", "external-2",
                                            "power-under", "watchdog",  "power-over"};

void reboot_write_outcome(Collect *c, int error, const char *absent)
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
    reboot_write_outcome(c, r, "There is no watchdog");
    json_end_object(c->writer);
}

void reboot_write_kernel_errors(JsonWriter *w, const KernelErrors *e)
{
    json_begin_array(w, "kernel-errors");
    for (unsigned i = 0; i < e->n; i++) {
        const KernelError *error = &e->errors[i];

        json_begin_object(w, NULL);
        json_write_string(w, "kind", error->kind);
        if (error->usec > 0)
            json_write_time(w, "time", error->usec);
        json_write_bytes(w, "line", error->line, error->size);
        json_end_object(w);
    }
    json_end_array(w);
    if (e->all > e->n)
        json_write_uint64(w, "kernel-errors-in-all", e->all);
}
