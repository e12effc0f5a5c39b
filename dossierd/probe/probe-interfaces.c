/* SPDX-License-Identifier: Apache-2.0 */
/* Network interfaces: what the driver says of the adapter, and the transceiver that is plugged in.
 */
#include <dirent.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "module-eeprom.h"
#include "probe.h"

#define INTERFACES_MAX 65536U
#define ADDRESS_MAX 32U

static int ask_driver(int fd, const char *name, void *question)
{
    struct ifreq request = {.ifr_data = question};

    (void)snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    return ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

static void write_text(JsonWriter *w, const char *id, const char *text, size_t size)
{
    size_t length = strnlen(text, size);

    if (length > 0)
        json_write_bytes(w, id, text, length);
}

static void write_driver(JsonWriter *w, int fd, const char *name)
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

    if (ask_driver(fd, name, &info) < 0)
        return;
    write_text(w, "driver-version", info.version, sizeof info.version);
    write_text(w, "firmware-version", info.fw_version, sizeof info.fw_version);
    write_text(w, "expansion-rom-version", info.erom_version, sizeof info.erom_version);
    write_text(w, "bus", info.bus_info, sizeof info.bus_info);
}

/* The address that the adapter was made with, whatever it has been given since. */
static void write_address(JsonWriter *w, int fd, const char *name)
{
    union {
        struct ethtool_perm_addr head;
        uint8_t space[sizeof(struct ethtool_perm_addr) + ADDRESS_MAX];
    } question = {.head = {.cmd = ETHTOOL_GPERMADDR, .size = ADDRESS_MAX}};
    const uint8_t *p = question.space + sizeof question.head;
    bool is_set = false;

    if (ask_driver(fd, name, &question) < 0 || question.head.size != 6)
        return;
    for (unsigned i = 0; i < 6; i++)
        is_set = is_set || p[i] != 0;
    if (is_set)
        json_write_stringf(w, "permanent-mac-address", "%02x:%02x:%02x:%02x:%02x:%02x", p[0], p[1],
                           p[2], p[3], p[4], p[5]);
}

static void write_module(JsonWriter *w, const Module *m)
{
    json_begin_object(w, "transceiver");
    json_write_string(w, "type", m->type);
    json_write_uint64(w, "identifier", m->identifier);
    json_write_bytes(w, "vendor", m->vendor.data, m->vendor.size);
    json_write_stringf(w, "vendor-oui", "%02x:%02x:%02x", m->oui[0], m->oui[1], m->oui[2]);
    json_write_bytes(w, "part-number", m->part.data, m->part.size);
    json_write_bytes(w, "revision", m->revision.data, m->revision.size);
    json_write_bytes(w, "serial", m->serial.data, m->serial.size);
    json_write_bytes(w, "date-code", m->date.data, m->date.size);
    json_write_bool(w, "checksum-good", m->is_checksum_good);
    json_end_object(w);
}

static int read_module(int fd, const char *name, uint8_t *data, size_t *ret_size)
{
    struct ethtool_modinfo info = {.cmd = ETHTOOL_GMODULEINFO};
    union {
        struct ethtool_eeprom head;
        uint8_t space[sizeof(struct ethtool_eeprom) + MODULE_EEPROM_SIZE];
    } question = {.head = {.cmd = ETHTOOL_GMODULEEEPROM}};
    int r = ask_driver(fd, name, &info);

    if (r < 0)
        return r;
    question.head.len = info.eeprom_len < MODULE_EEPROM_SIZE ? info.eeprom_len : MODULE_EEPROM_SIZE;
    r = ask_driver(fd, name, &question);
    if (r < 0)
        return r;
    if (question.head.len > MODULE_EEPROM_SIZE)
        return -EBADMSG;
    memcpy(data, question.space + sizeof question.head, question.head.len);
    *ret_size = question.head.len;
    return 0;
}

static void write_transceiver(JsonWriter *w, int fd, const char *name)
{
    uint8_t data[MODULE_EEPROM_SIZE];
    size_t size = 0;
    Module module;
    int r = read_module(fd, name, data, &size);

    /* Most interfaces have no place for one. */
    if (r == -EOPNOTSUPP || r == -ENODEV)
        return;
    if (r >= 0)
        r = module_parse(data, size, &module);
    if (r < 0)
        json_write_uint64(w, "transceiver-error", (uint64_t)-r);
    else
        write_module(w, &module);
}

int probe_interfaces(DIR *folder, Answer *a, char reason[static PROBE_REASON_SIZE])
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const struct dirent *entry;

    if (fd < 0)
        return -errno;
    for (unsigned n = 0; n < INTERFACES_MAX && (entry = readdir(folder)); n++) {
        JsonWriter *w;

        if (answer_is_unwanted(a))
            break;
        if (entry->d_name[0] == '.' || strlen(entry->d_name) >= IFNAMSIZ)
            continue;
        w = answer_begin(a);
        if (w) {
            json_write_bytes(w, "name", entry->d_name, strlen(entry->d_name));
            write_driver(w, fd, entry->d_name);
            write_address(w, fd, entry->d_name);
            write_transceiver(w, fd, entry->d_name);
        }
        answer_end(a, w);
    }
    return 0;
}
