/* SPDX-License-Identifier: Apache-2.0 */
/* What firmware, hardware and kernel say about the last reset, beside watchdogs and pstore. Each
 * source has its own outcome: most machines have one or two of them. */
#include <fcntl.h>
#include <sys/stat.h>

#include "boot-error.h"
#include "reboot-traces.h"
#include "smbios.h"

#define DMI_TABLE "sys/firmware/dmi/tables/DMI"
#define DMI_MAX 1048576U
#define BERT_DATA "sys/firmware/acpi/tables/data/BERT"
#define BERT_MAX 1048576U
#define KERNEL_REBOOT "sys/kernel/reboot"
#define VALUE_SIZE 257U
#define FOLDERS_MAX 4096U
#define NAMES_MAX 4096U
#define ATTRIBUTES_MAX 256U

static void write_firmware(Collect *c)
{
    _cleanup_free_ void *data = NULL;
    const char *wake_up;
    unsigned status;
    size_t size = 0;
    Object o;
    int r = collect_read_all(c->root_fd, DMI_TABLE, DMI_MAX, &data, &size);

    object_begin(&o, c, "firmware");
    if (r >= 0) {
        int q = smbios_wake_up_type(data, size, &wake_up);

        if (q >= 0)
            json_write_string(c->writer, "wake-up-type", wake_up);
        else
            object_missing(&o, "wake-up-type", q);
        q = smbios_boot_status(data, size, &status);
        if (q >= 0)
            json_write_uint64(c->writer, "boot-status", status);
        else
            object_missing(&o, "boot-status", q);
    }
    reboot_write_outcome(c, r, "The firmware has no tables (SMBIOS)");
    object_end(&o);
}

/* An empty block says that there was no error, and the table may be there without one. */
static void write_boot_error(Collect *c)
{
    _cleanup_free_ void *data = NULL;
    BootError error = {.entries = 0};
    size_t size = 0;
    int r = collect_read_all(c->root_fd, BERT_DATA, BERT_MAX, &data, &size);

    if (r >= 0)
        r = boot_error_parse(data, size, &error);
    json_begin_object(c->writer, "boot-error");
    if (r >= 0) {
        json_write_uint64(c->writer, "entries", error.entries);
        json_write_string(c->writer, "severity", error.severity);
    } else if (r == -ENODATA) {
        json_write_uint64(c->writer, "entries", 0);
        r = 0;
    }
    reboot_write_outcome(c, r, "The firmware hands over no boot errors (ACPI BERT)");
    json_end_object(c->writer);
}

/* How the kernel restarts the machine, and on which processor. */
static void write_kernel(Collect *c)
{
    static const char *const names[] = {"mode", "type", "cpu", "force"};
    bool is_there = faccessat(c->root_fd, KERNEL_REBOOT, F_OK, 0) >= 0;
    Object o;

    object_begin(&o, c, "kernel");
    for (size_t i = 0; is_there && i < ELEMENTSOF(names); i++) {
        char path[64];

        (void)snprintf(path, sizeof path, KERNEL_REBOOT "/%s", names[i]);
        object_file_optional(&o, names[i], c->root_fd, path);
    }
    reboot_write_outcome(c, is_there ? 0 : -ENOENT, "The kernel has no /" KERNEL_REBOOT);
    object_end(&o);
}

/* --- Attributes of drivers and bootloaders ---------------------------------------------------- */

typedef struct Search {
    Collect *c;
    unsigned folders, found;
    bool is_cut;    /* there is more than is looked at */
    bool any_reset; /* whatever begins with "reset_" counts */
} Search;

static bool is_attribute(const Search *search, const char *name)
{
    static const char *const names[] = {
        "power_on_reason", "reset_reason", "reset_cause",   "reset_source", "last_reset_reason",
        "boot_reason",     "reset-source", "reboot_reason", "reset-reason",
    };

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (streq(name, names[i]))
            return true;
    return search->any_reset && strncmp(name, "reset_", STRLEN("reset_")) == 0;
}

static void write_attribute(Search *search, const char *path)
{
    Collect *c = search->c;
    char value[VALUE_SIZE];
    int n = collect_read(c->root_fd, path, value, sizeof value);
    Object o;

    if (search->found >= ATTRIBUTES_MAX) {
        search->is_cut = true;
        return;
    }
    search->found++;
    object_begin(&o, c, NULL);
    json_write_stringf(c->writer, "source", "/%s", path);
    /* The device tree's texts end with a zero byte. */
    while (n > 0 && (value[n - 1] == 0 || value[n - 1] == ' '))
        n--;
    if (n < 0)
        object_missing(&o, "value", n);
    else
        json_write_bytes(c->writer, "value", value, (size_t)n);
    object_end(&o);
}

/* Nothing, when there is no such folder. */
static void list(Search *search, const char *folder, NameList *ret)
{
    int r = collect_list(search->c->root_fd, folder, NAMES_MAX, ret);

    if (r < 0 && r != -ENOENT && r != -ENOTDIR)
        search->is_cut = true;
}

/* depth: so many levels below it are looked at too. */
static void search_folder(Search *search, const char *folder, unsigned depth)
{
    _cleanup_(name_list_free) NameList names = {NULL, 0};
    Collect *c = search->c;

    if (search->folders++ >= FOLDERS_MAX || collect_should_stop(c)) {
        search->is_cut = true;
        return;
    }
    list(search, folder, &names);
    for (size_t i = 0; i < names.n; i++) {
        char path[512];
        struct stat st;

        if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, names.names[i]) >= sizeof path) {
            search->is_cut = true;
            continue;
        }
        if ((depth == 0 && !is_attribute(search, names.names[i])) ||
            fstatat(c->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (S_ISREG(st.st_mode) && is_attribute(search, names.names[i]))
            write_attribute(search, path);
        else if (S_ISDIR(st.st_mode) && depth > 0)
            search_folder(search, path, depth - 1);
    }
}

/* The members of a class are links to the devices. */
static void search_class(Search *search, const char *class)
{
    _cleanup_(name_list_free) NameList names = {NULL, 0};

    list(search, class, &names);
    for (size_t i = 0; i < names.n; i++) {
        char path[512];

        if ((size_t)snprintf(path, sizeof path, "%s/%s", class, names.names[i]) < sizeof path)
            search_folder(search, path, 0);
    }
}

static void write_attributes(Collect *c)
{
    Search search = {.c = c};

    json_begin_object(c->writer, "attributes");
    json_begin_array(c->writer, "attributes");
    search_folder(&search, "sys/devices/platform", 3);
    search_folder(&search, "sys/firmware/devicetree/base/chosen", 0);
    /* The programmable logic of switches has one attribute for each cause. */
    search.any_reset = true;
    search_class(&search, "sys/class/hwmon");
    json_end_array(c->writer);
    if (search.is_cut) {
        json_write_string(c->writer, "result-code", result_code_to_string(RESULT_PARTIAL));
        json_write_string(c->writer, "reason", "There is more than could be looked at");
    } else
        reboot_write_outcome(c, search.found > 0 ? 0 : -ENOENT,
                             "No driver and no bootloader says why the machine was reset");
    json_end_object(c->writer);
}

void reboot_write_reset_sources(Collect *c)
{
    json_begin_object(c->writer, "reset-sources");
    write_firmware(c);
    write_boot_error(c);
    write_attributes(c);
    write_kernel(c);
    json_end_object(c->writer);
}
