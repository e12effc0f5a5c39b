/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as a whole: identity from firmware tables, processors, memory. */
#include <fcntl.h>

#include "inventory.h"

#define DMI_FOLDER "sys/class/dmi/id"
#define DEVICE_TREE_FOLDER "sys/firmware/devicetree/base"

static void write_dmi(Object *o, int dmi_fd)
{
    static const struct {
        const char *id, *file;
    } expected[] =
        {
            {"vendor", "sys_vendor"},
            {"product-name", "product_name"},
            {"product-serial", "product_serial"},
            {"product-uuid", "product_uuid"},
        },
      optional[] = {
          {"product-version", "product_version"},
          {"product-family", "product_family"},
          {"product-sku", "product_sku"},
          {"board-vendor", "board_vendor"},
          {"board-name", "board_name"},
          {"board-version", "board_version"},
          {"board-serial", "board_serial"},
          {"board-asset-tag", "board_asset_tag"},
          {"chassis-vendor", "chassis_vendor"},
          {"chassis-type", "chassis_type"},
          {"chassis-version", "chassis_version"},
          {"chassis-serial", "chassis_serial"},
          {"chassis-asset-tag", "chassis_asset_tag"},
          {"firmware-vendor", "bios_vendor"},
          {"firmware-version", "bios_version"},
          {"firmware-release", "bios_release"},
          {"firmware-date", "bios_date"},
          {"controller-firmware-release", "ec_firmware_release"},
      };

    for (size_t i = 0; i < ELEMENTSOF(expected); i++)
        object_file(o, expected[i].id, dmi_fd, expected[i].file);
    for (size_t i = 0; i < ELEMENTSOF(optional); i++)
        object_file_optional(o, optional[i].id, dmi_fd, optional[i].file);
}

/* Strings of the device tree end with a zero byte. */
static void write_device_tree(Object *o, int root_fd)
{
    static const struct {
        const char *id, *path;
    } entries[] = {
        {"product-name", DEVICE_TREE_FOLDER "/model"},
        {"product-serial", DEVICE_TREE_FOLDER "/serial-number"},
    };

    for (size_t i = 0; i < ELEMENTSOF(entries); i++) {
        char value[COLLECT_VALUE_SIZE];
        int n = collect_read(root_fd, entries[i].path, value, sizeof value);

        if (n < 0) {
            object_missing(o, entries[i].id, n);
            o->collect->n_bad++;
            continue;
        }
        json_write_bytes(o->collect->writer, entries[i].id, value, strnlen(value, (size_t)n));
        o->collect->n_good++;
    }
}

void inventory_chassis(Collect *c)
{
    _cleanup_close_ int dmi_fd = openat(c->root_fd, DMI_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    Object o;

    object_begin(&o, c, "chassis");
    if (dmi_fd >= 0) {
        json_write_string(c->writer, "source", "dmi");
        write_dmi(&o, dmi_fd);
    } else if (faccessat(c->root_fd, DEVICE_TREE_FOLDER, F_OK, 0) >= 0) {
        json_write_string(c->writer, "source", "device-tree");
        write_device_tree(&o, c->root_fd);
    } else {
        static const char *const ids[] = {"vendor", "product-name", "product-serial"};

        for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
            object_missing(&o, ids[i], -ENOENT);
            c->n_bad++;
        }
    }
    object_end(&o);
}

typedef struct CpuField {
    const char *key, *id;
    char value[256];
    size_t size;
} CpuField;

static void take_cpu_line(CpuField *fields, size_t n, const char *line, size_t size)
{
    const char *colon = memchr(line, ':', size);
    const char *end = line + size, *value;
    size_t key;

    if (!colon)
        return;
    for (key = (size_t)(colon - line); key > 0 && (line[key - 1] == '\t' || line[key - 1] == ' ');
         key--)
        ;
    for (value = colon + 1; value < end && *value == ' '; value++)
        ;
    for (size_t i = 0; i < n; i++) {
        CpuField *f = &fields[i];

        if (f->size > 0 || strlen(f->key) != key || strncmp(f->key, line, key) != 0)
            continue;
        f->size = (size_t)(end - value);
        if (f->size >= sizeof f->value)
            f->size = sizeof f->value - 1;
        memcpy(f->value, value, f->size);
    }
}

/* The first processor stands for all: what differs between them is counted, not listed. */
void inventory_processors(Collect *c)
{
    CpuField fields[] = {
        {"vendor_id", "vendor", "", 0},
        {"model name", "model-name", "", 0},
        {"cpu family", "family", "", 0},
        {"model", "model", "", 0},
        {"stepping", "stepping", "", 0},
        {"microcode", "microcode", "", 0},
        {"CPU implementer", "implementer", "", 0},
        {"CPU part", "part", "", 0},
        {"CPU revision", "revision", "", 0},
        {"Serial", "serial", "", 0},
    };
    _cleanup_fclose_ FILE *f = NULL;
    char line[4096];
    size_t size;
    bool truncated;
    uint64_t count = 0;
    Object o;
    int r;

    object_begin(&o, c, "processors");
    r = collect_open(c->root_fd, "proc/cpuinfo", &f);
    while (r >= 0 && (r = read_line_bytes(f, line, sizeof line, &size, &truncated)) > 0) {
        count += strncmp(line, "processor", STRLEN("processor")) == 0;
        take_cpu_line(fields, ELEMENTSOF(fields), line, size);
    }
    if (r < 0) {
        object_missing(&o, "count", r);
        c->n_bad++;
    } else {
        json_write_uint64(c->writer, "count", count);
        c->n_good++;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
            if (fields[i].size > 0)
                json_write_bytes(c->writer, fields[i].id, fields[i].value, fields[i].size);
    }
    object_file_optional(&o, "online", c->root_fd, "sys/devices/system/cpu/online");
    object_file_optional(&o, "present", c->root_fd, "sys/devices/system/cpu/present");
    object_end(&o);
}

static int read_meminfo(int root_fd, const char *key, uint64_t *ret_kib)
{
    _cleanup_fclose_ FILE *f = NULL;
    char line[256];
    size_t size;
    bool truncated;
    int r = collect_open(root_fd, "proc/meminfo", &f);

    if (r < 0)
        return r;
    while ((r = read_line_bytes(f, line, sizeof line, &size, &truncated)) > 0) {
        char *end;

        if (strncmp(line, key, strlen(key)) != 0 || line[strlen(key)] != ':')
            continue;
        errno = 0;
        *ret_kib = strtoull(line + strlen(key) + 1, &end, 10);
        return errno != 0 || !streq(end, " kB") ? -EBADMSG : 0;
    }
    return r < 0 ? r : -ENODATA;
}

void inventory_memory(Collect *c)
{
    static const struct {
        const char *id, *key;
    } entries[] = {{"total-bytes", "MemTotal"}, {"swap-bytes", "SwapTotal"}};
    Object o;

    object_begin(&o, c, "memory");
    for (size_t i = 0; i < ELEMENTSOF(entries); i++) {
        uint64_t kib;
        int r = read_meminfo(c->root_fd, entries[i].key, &kib);

        if (r < 0) {
            object_missing(&o, entries[i].id, r);
            c->n_bad++;
            continue;
        }
        json_write_uint64(c->writer, entries[i].id, kib * 1024);
        c->n_good++;
    }
    object_end(&o);
}
