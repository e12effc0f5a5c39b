/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware beside what the chassis says of its own: how the machine was started, and what can be
 * updated (the ESRT of UEFI). And the modules of memory, as the firmware's tables have them. */
#include <fcntl.h>

#include "inventory.h"
#include "smbios.h"

#define EFI_FOLDER "sys/firmware/efi"
#define ESRT_FOLDER EFI_FOLDER "/esrt/entries"
#define DMI_ENTRIES "sys/firmware/dmi/entries"
#define ENTRIES_MAX 4096U
#define RAW_MAX 65536U

/* --- Firmware --------------------------------------------------------------------------------- */

static void write_resource(Collect *c, int folder_fd, const char *name)
{
    static const struct {
        const char *id, *file;
        bool is_number;
    } members[] = {
        {"class", "fw_class", false},
        {"type", "fw_type", true},
        {"version", "fw_version", true},
        {"lowest-supported-version", "lowest_supported_fw_version", true},
        {"last-attempt-version", "last_attempt_version", true},
        {"last-attempt-status", "last_attempt_status", true},
    };
    _cleanup_close_ int fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    Object o;

    object_begin(&o, c, NULL);
    json_write_bytes(c->writer, "name", name, strlen(name));
    if (fd < 0)
        object_missing(&o, "class", -errno);
    for (size_t i = 0; fd >= 0 && i < ELEMENTSOF(members); i++)
        if (members[i].is_number)
            object_file_uint64(&o, members[i].id, fd, members[i].file);
        else
            object_file(&o, members[i].id, fd, members[i].file);
    object_end(&o);
}

static void write_resources(Object *o)
{
    _cleanup_(name_list_free) NameList names = {NULL, 0};
    Collect *c = o->collect;
    _cleanup_close_ int fd = openat(c->root_fd, ESRT_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -errno : collect_list(fd, ".", ENTRIES_MAX, &names);

    if (r < 0) {
        object_missing(o, "system-resources", r);
        return;
    }
    json_begin_array(c->writer, "system-resources");
    for (size_t i = 0; i < names.n && !collect_should_stop(c); i++)
        write_resource(c, fd, names.names[i]);
    json_end_array(c->writer);
}

void inventory_firmware(Collect *c)
{
    Object o;

    object_begin(&o, c, "firmware");
    if (faccessat(c->root_fd, EFI_FOLDER, F_OK, 0) >= 0) {
        json_write_string(c->writer, "interface", "uefi");
        object_file_uint64(&o, "bits", c->root_fd, EFI_FOLDER "/fw_platform_size");
        write_resources(&o);
    } else
        object_missing(&o, "interface", -ENOENT);
    object_end(&o);
}

/* --- Modules of memory ------------------------------------------------------------------------ */

static void write_module(Object *o, const MemoryModule *m)
{
    JsonWriter *w = o->collect->writer;

    if (m->size_bytes > 0)
        json_write_uint64(w, "size-bytes", m->size_bytes);
    else
        object_missing(o, "size-bytes", -ENODATA);
    if (m->speed > 0)
        json_write_uint64(w, "speed", m->speed);
    for (size_t i = 0; i < MEMORY_TEXTS; i++)
        if (m->texts[i].size > 0)
            json_write_bytes(w, memory_text_names[i], m->texts[i].data, m->texts[i].size);
}

static void write_entry(Collect *c, int folder_fd, const char *name)
{
    _cleanup_free_ void *data = NULL;
    MemoryModule module;
    size_t size;
    char path[64];
    Object o;
    int r;

    (void)snprintf(path, sizeof path, "%.32s/raw", name);
    r = collect_read_all(folder_fd, path, RAW_MAX, &data, &size);
    if (r >= 0)
        r = smbios_memory_module(data, size, &module);
    if (r == -ENODATA)
        return; /* an empty slot */
    object_begin(&o, c, NULL);
    json_write_bytes(c->writer, "name", name, strlen(name));
    if (r < 0)
        object_missing(&o, "module", r);
    else
        write_module(&o, &module);
    object_end(&o);
}

/* "17-0", "17-1", ... are those of the type memory device (SMBIOS 7.18). */
void inventory_memory_modules(Collect *c)
{
    _cleanup_(name_list_free) NameList names = {NULL, 0};
    _cleanup_close_ int fd = openat(c->root_fd, DMI_ENTRIES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -errno : collect_list(fd, ".", ENTRIES_MAX, &names);

    json_begin_array(c->writer, "memory-modules");
    for (size_t i = 0; r >= 0 && i < names.n && !collect_should_stop(c); i++)
        if (strncmp(names.names[i], "17-", 3) == 0)
            write_entry(c, fd, names.names[i]);
    json_end_array(c->writer);
    if (r < 0 && r != -ENOENT)
        collect_result(c, RESULT_PARTIAL, "/" DMI_ENTRIES ": %s", strerror(-r));
}
