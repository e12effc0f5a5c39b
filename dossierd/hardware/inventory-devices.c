/* SPDX-License-Identifier: Apache-2.0 */
/* Devices from sysfs. Attributes differ from driver to driver: only those that every device of its
 * kind must have count as missing. */
#include <fcntl.h>

#include "device-facts.h"
#include "inventory.h"
#include "probe-client.h"

#define DEVICES_MAX 65536U
#define USB_FOLDER "sys/bus/usb/devices"
#define DEVICE_DATABASE "run/udev/data"
#define SECTOR_SIZE 512U

/* name: of the folder; more: what else is known of devices of the kind, by their names. */
typedef void (*write_device_t)(Object *o, int device_fd, const char *name, json_object *more);

/* A router without udev has no such database. */
static void write_facts(Object *o, const char *subsystem, const char *name)
{
    static const char *const members[] = {"vendor-name", "model-name", "path"};
    const CollectHost *host = o->collect->host;
    DeviceFacts facts;
    int r;

    if (!host || !host->read_device || faccessat(o->collect->root_fd, DEVICE_DATABASE, F_OK, 0) < 0)
        return;
    r = host->read_device(host->userdata, subsystem, name, &facts);
    if (r < 0) {
        object_missing(o, "model-name", r);
        return;
    }
    for (size_t i = 0; i < ELEMENTSOF(members); i++)
        if (facts.values[i][0])
            json_write_bytes(o->collect->writer, members[i], facts.values[i],
                             strlen(facts.values[i]));
}

/* One array with an object for each entry of a folder of sysfs. subsystem: as udev calls it; NULL
 * for what it has nothing to say about. */
static void write_class(Collect *c, const char *member, const char *folder, const char *subsystem,
                        write_device_t write_device, json_object *more)
{
    _cleanup_(name_list_free) NameList names = {NULL, 0};
    _cleanup_close_ int folder_fd = openat(c->root_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = folder_fd < 0 ? -errno : collect_list(folder_fd, ".", DEVICES_MAX, &names);

    json_begin_array(c->writer, member);
    for (size_t i = 0; r >= 0 && i < names.n && !collect_should_stop(c); i++) {
        _cleanup_close_ int fd =
            openat(folder_fd, names.names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        Object o;

        if (strchr(names.names[i], ':') && streq(folder, USB_FOLDER))
            continue; /* an interface of a device */
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
            continue; /* gone meanwhile, or a control file such as bonding_masters */
        object_begin(&o, c, NULL);
        json_write_bytes(c->writer, "name", names.names[i], strlen(names.names[i]));
        if (fd < 0)
            object_missing(&o, "device", -errno);
        else
            write_device(&o, fd, names.names[i], more);
        if (fd >= 0 && subsystem)
            write_facts(&o, subsystem, names.names[i]);
        object_end(&o);
    }
    json_end_array(c->writer);
    /* A machine without that kind of device has no such folder; then the array is empty and that is
     * all there is to say. */
    if (r < 0 && r != -ENOENT)
        collect_result(c, RESULT_PARTIAL, "/%s: %s", folder, strerror(-r));
}

static void write_pci_device(Object *o, int fd, const char *name, json_object *more)
{
    object_file(o, "vendor-id", fd, "vendor");
    object_file(o, "device-id", fd, "device");
    object_file(o, "class", fd, "class");
    object_file_optional(o, "revision", fd, "revision");
    object_file_optional(o, "subsystem-vendor-id", fd, "subsystem_vendor");
    object_file_optional(o, "subsystem-device-id", fd, "subsystem_device");
    object_link_optional(o, "driver", fd, "driver");
}

void inventory_pci_devices(Collect *c)
{
    write_class(c, "pci-devices", "sys/bus/pci/devices", "pci", write_pci_device, NULL);
}

/* Besides the devices, the folder has their interfaces ("1-1:1.0"). */
static void write_usb_device(Object *o, int fd, const char *name, json_object *more)
{
    object_file(o, "vendor-id", fd, "idVendor");
    object_file(o, "device-id", fd, "idProduct");
    object_file(o, "class", fd, "bDeviceClass");
    object_file_optional(o, "revision", fd, "bcdDevice");
    object_file_optional(o, "usb-version", fd, "version");
    object_file_optional(o, "manufacturer", fd, "manufacturer");
    object_file_optional(o, "product-name", fd, "product");
    object_file_optional(o, "serial", fd, "serial");
    object_file_optional(o, "speed", fd, "speed");
    object_file_optional(o, "removable", fd, "removable");
    object_link_optional(o, "driver", fd, "driver");
}

void inventory_usb_devices(Collect *c)
{
    write_class(c, "usb-devices", USB_FOLDER, "usb", write_usb_device, NULL);
}

/* "speed" is -1 or an error while the link is down and for devices that have none. */
static void write_speed(Object *o, int fd)
{
    char text[64], *end;
    long long speed;
    int n = collect_read(fd, "speed", text, sizeof text);

    if (n == -ENOENT)
        return;
    if (n < 0) {
        object_missing(o, "speed", n == -EINVAL ? -ENODATA : n);
        return;
    }
    speed = strtoll(text, &end, 10);
    if (end == text || *end)
        object_missing(o, "speed", -EBADMSG);
    else if (speed <= 0)
        object_missing(o, "speed", -ENODATA);
    else
        json_write_uint64(o->collect->writer, "speed", (uint64_t)speed);
}

/* What the driver says, by chancery-probe. */
static void write_adapter(Object *o, const char *name, json_object *adapters)
{
    json_object *adapter, *failure;
    uint64_t error;

    if (json_object_object_get_ex(adapters, "", &failure))
        object_missing(o, "transceiver", json_object_get_int(failure));
    if (!json_object_object_get_ex(adapters, name, &adapter))
        return;
    json_object_object_foreach(adapter, id, value)
    {
        if (!streq(id, "name") && !streq(id, "transceiver-error"))
            json_write_object(o->collect->writer, id, value);
    }
    if (json_get_uint64(adapter, "transceiver-error", &error) >= 0 && error < 4096)
        object_missing(o, "transceiver", -(int)error);
}

static void write_interface(Object *o, int fd, const char *name, json_object *more)
{
    object_file(o, "mac-address", fd, "address");
    object_file(o, "oper-state", fd, "operstate");
    object_file_uint64(o, "mtu", fd, "mtu");
    object_file_uint64(o, "type", fd, "type");
    object_link_optional(o, "driver", fd, "device/driver");
    object_link_optional(o, "device", fd, "device");
    object_file_optional(o, "description", fd, "ifalias");
    object_file_optional(o, "physical-port", fd, "phys_port_name");
    write_speed(o, fd);
    write_adapter(o, name, more);
}

typedef struct Adapters {
    Collect *collect;
    json_object *by_name; /* of interfaces; under "" an error */
} Adapters;

static void take_adapter(void *userdata, json_object *line)
{
    const Adapters *a = userdata;
    const char *name;

    if (json_get_string(line, "name", &name) >= 0 && *name &&
        json_object_object_add(a->by_name, name, json_object_get(line)) < 0)
        json_object_put(line);
}

static bool adapters_stop(void *userdata)
{
    const Adapters *a = userdata;

    return collect_should_stop(a->collect);
}

static int ask_adapters(Adapters *a)
{
    const CollectHost *host = a->collect->host;
    const ProbeReader reader = {PROBE_INTERFACES, adapters_stop, take_adapter, a};
    _cleanup_close_ int fd = host && host->connect_probe
                                 ? host->connect_probe(host->userdata, PROBE_INTERFACES)
                                 : -ENOENT;
    _cleanup_json_ json_object *end = NULL;
    uint64_t error;
    int r;

    if (fd < 0)
        return fd;
    r = probe_ask(fd, &reader, &end);
    if (r >= 0 && json_get_uint64(end, "error", &error) >= 0)
        r = error < 4096 ? -(int)error : -EIO;
    return r;
}

void inventory_interfaces(Collect *c)
{
    _cleanup_json_ json_object *by_name = json_object_new_object();
    Adapters adapters = {c, by_name};
    int r = by_name ? ask_adapters(&adapters) : -ENOMEM;

    if (by_name && r < 0)
        (void)json_object_object_add(by_name, "", json_object_new_int(r));
    write_class(c, "interfaces", "sys/class/net", "net", write_interface, by_name);
}

static void write_first_of(Object *o, const char *id, int fd, const char *const *files)
{
    char value[COLLECT_VALUE_SIZE];
    int n = -ENOENT;

    for (size_t i = 0; files[i] && n == -ENOENT; i++)
        n = collect_read(fd, files[i], value, sizeof value);
    while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\n'))
        n--;
    if (n < 0)
        object_missing(o, id, n);
    else
        json_write_bytes(o->collect->writer, id, value, (size_t)n);
}

static void write_block_device(Object *o, int fd, const char *name, json_object *more)
{
    static const char *const serial[] = {"device/serial", "serial", NULL};
    uint64_t sectors;
    int r;

    /* Whatever the device's own block size, this file counts in units of 512 bytes. */
    r = collect_read_uint64(fd, "size", 10, &sectors);
    if (r < 0)
        object_missing(o, "size-bytes", r);
    else
        json_write_uint64(o->collect->writer, "size-bytes", sectors * SECTOR_SIZE);
    object_file(o, "removable", fd, "removable");
    object_file(o, "read-only", fd, "ro");
    object_file_optional(o, "vendor", fd, "device/vendor");
    object_file_optional(o, "model", fd, "device/model");
    object_file_optional(o, "firmware-revision", fd, "device/firmware_rev");
    object_file_optional(o, "revision", fd, "device/rev");
    object_file_optional(o, "wwid", fd, "wwid");
    object_link_optional(o, "driver", fd, "device/driver");
    write_first_of(o, "serial", fd, serial);
}

void inventory_block_devices(Collect *c)
{
    write_class(c, "block-devices", "sys/block", "block", write_block_device, NULL);
}

static bool is_sensor_input(const char *name)
{
    static const char *const kinds[] = {"temp", "fan", "in", "curr", "power", "energy", "humidity"};
    const char *tail = strrchr(name, '_');

    if (!tail || (!streq(tail, "_input") && !streq(tail, "_average")))
        return false;
    for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
        if (strncmp(name, kinds[i], strlen(kinds[i])) == 0)
            return true;
    return false;
}

/* Units are those of the kernel's hwmon interface: millidegrees, millivolts, milliamperes,
 * microwatts, rounds per minute. */
static void write_reading(Collect *c, int fd, const char *input)
{
    char label[300], value[64], text[256], *end;
    size_t stem = (size_t)(strrchr(input, '_') - input);
    long long number;
    Object o;
    int n;

    object_begin(&o, c, NULL);
    json_write_bytes(c->writer, "sensor", input, stem);
    (void)snprintf(label, sizeof label, "%.*s_label", (int)stem, input);
    n = collect_read(fd, label, text, sizeof text);
    if (n >= 0)
        json_write_bytes(c->writer, "label", text, (size_t)n);
    n = collect_read(fd, input, value, sizeof value);
    errno = 0;
    number = n < 0 ? 0 : strtoll(value, &end, 10);
    if (n < 0)
        object_missing(&o, "value", n);
    else if (errno != 0 || end == value || *end)
        object_missing(&o, "value", -EBADMSG);
    else
        json_write_int64(c->writer, "value", number);
    object_end(&o);
}

static void write_hwmon(Object *o, int fd, const char *name, json_object *more)
{
    _cleanup_(name_list_free) NameList names = {NULL, 0};
    int r = collect_list(fd, ".", 4096, &names);

    object_file_optional(o, "chip", fd, "name");
    if (r < 0) {
        object_missing(o, "readings", r);
        return;
    }
    json_begin_array(o->collect->writer, "readings");
    for (size_t i = 0; i < names.n && !collect_should_stop(o->collect); i++)
        if (is_sensor_input(names.names[i]))
            write_reading(o->collect, fd, names.names[i]);
    json_end_array(o->collect->writer);
}

void inventory_sensors(Collect *c)
{
    write_class(c, "sensors", "sys/class/hwmon", NULL, write_hwmon, NULL);
}
