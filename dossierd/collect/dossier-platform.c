/* SPDX-License-Identifier: Apache-2.0 */
/* license-udi, version and platform: which machine this is and what runs on it, as text for
 * people. */
#include "dossier.h"

#define TEXT_SIZE 4096U

static void write_text(JsonWriter *w, const char *name, const char *text, const char *reason)
{
    json_begin_object(w, name);
    json_write_string(w, "result-code",
                      result_code_to_string(text ? RESULT_SUCCESS : RESULT_NOT_AVAILABLE));
    if (text && utf8_is_valid(text, strlen(text)))
        json_write_string(w, name, text);
    else if (text)
        json_write_bytes(w, name, text, strlen(text));
    else
        json_write_string(w, "reason", reason);
    json_end_object(w);
}

/* The first of the files that says something. Returns false when none does. */
static bool read_first(int root_fd, const char *const *files, char *buffer, size_t size)
{
    for (; *files; files++) {
        int n = collect_read(root_fd, *files, buffer, size);

        if (n < 0)
            continue;
        n = (int)strnlen(buffer, (size_t)n);
        while (n > 0 && (buffer[n - 1] == ' ' || buffer[n - 1] == '\n'))
            n--;
        buffer[n] = 0;
        if (n > 0)
            return true;
    }
    return false;
}

static bool read_product(int root_fd, char *buffer, size_t size)
{
    static const char *const files[] = {"sys/class/dmi/id/product_name",
                                        "sys/firmware/devicetree/base/model", NULL};

    return read_first(root_fd, files, buffer, size);
}

static void write_udi(JsonWriter *w, int root_fd)
{
    static const char *const files[] = {"sys/class/dmi/id/product_serial",
                                        "sys/firmware/devicetree/base/serial-number", NULL};
    char product[512], serial[512], text[TEXT_SIZE];
    bool has_product = read_product(root_fd, product, sizeof product);
    bool has_serial = read_first(root_fd, files, serial, sizeof serial);

    (void)snprintf(text, sizeof text, "UDI: PID:%s,SN:%s\n", product, serial);
    write_text(w, "license-udi", has_product && has_serial ? text : NULL,
               has_product ? "The firmware names no serial number of the product"
                           : "The firmware does not name the product");
}

bool read_os_release(int root_fd, const char *key, char *buffer, size_t size)
{
    _cleanup_fclose_ FILE *f = NULL;
    size_t n, key_size = strlen(key);
    char line[1024];
    bool truncated;

    if (collect_open(root_fd, "etc/os-release", &f) < 0 &&
        collect_open(root_fd, "usr/lib/os-release", &f) < 0)
        return false;
    while (read_line_bytes(f, line, sizeof line, &n, &truncated) > 0) {
        char *value = line + key_size + 1;

        if (strncmp(line, key, key_size) != 0 || line[key_size] != '=')
            continue;
        n = strlen(value);
        if (n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n - 1] == value[0]) {
            value[n - 1] = 0;
            value++;
        }
        return (size_t)snprintf(buffer, size, "%s", value) < size && *value;
    }
    return false;
}

static void write_version(JsonWriter *w, int root_fd)
{
    static const char *const release[] = {"proc/sys/kernel/osrelease", NULL},
                             *const build[] = {"proc/sys/kernel/version", NULL};
    char os[512], kernel[256], kernel_build[512], text[TEXT_SIZE];
    bool complete = read_os_release(root_fd, "PRETTY_NAME", os, sizeof os) &&
                    read_first(root_fd, release, kernel, sizeof kernel) &&
                    read_first(root_fd, build, kernel_build, sizeof kernel_build);

    (void)snprintf(text, sizeof text, "%s\nKernel        : %s %s\nChancery      : %s\n", os, kernel,
                   kernel_build, VERSION);
    write_text(w, "version", complete ? text : NULL,
               "os-release or the kernel's version could not be read");
}

static void write_platform(JsonWriter *w, int root_fd)
{
    static const char *const hostname[] = {"proc/sys/kernel/hostname", NULL},
                             *const architecture[] = {"proc/sys/kernel/arch", NULL};
    char product[512], node[256], machine[64], text[TEXT_SIZE];

    if (!read_first(root_fd, hostname, node, sizeof node)) {
        write_text(w, "platform", NULL, "The host name could not be read");
        return;
    }
    if (!read_product(root_fd, product, sizeof product))
        (void)snprintf(product, sizeof product, "(not named by the firmware)");
    if (!read_first(root_fd, architecture, machine, sizeof machine))
        (void)snprintf(machine, sizeof machine, "%s", "-");
    (void)snprintf(text, sizeof text,
                   "Node              Type                                     Architecture\n"
                   "----------------------------------------------------------------------\n"
                   "%-17s %-40s %s\n",
                   node, product, machine);
    write_text(w, "platform", text, NULL);
}

void dossier_write_platform(JsonWriter *w, int root_fd)
{
    write_udi(w, root_fd);
    write_version(w, root_fd);
    write_platform(w, root_fd);
}
