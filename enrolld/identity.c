/* SPDX-License-Identifier: Apache-2.0 */
#include "identity.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <systemd/sd-id128.h>

#include "cleanup.h"
#include "label.h"

#define SERIAL_NUMBER_SIZE 65U

static const char *const serial_number_files[] = {
    "/sys/class/dmi/id/product_serial",
    "/sys/firmware/devicetree/base/serial-number",
};

bool serial_number_is_sane(const char *text)
{
    static const char *const placeholders[] = {"0123456789", "123456789", "1234567890", "12345678"};
    size_t n = strlen(text), digits = 0;

    if (n < 4 || n >= SERIAL_NUMBER_SIZE || strspn(text, (const char[]){text[0], '\0'}) == n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!isascii(text[i]) || (!isalnum((unsigned char)text[i]) && !strchr("-./:", text[i])))
            return false;
        digits += isdigit((unsigned char)text[i]) != 0;
    }
    for (size_t i = 0; i < ELEMENTSOF(placeholders); i++)
        if (streq(placeholders[i], text))
            return false;
    /* "None", "Unknown", "N/A", "Default" */
    return digits > 0;
}

static int read_serial_number(const char *path, char **ret)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char text[SERIAL_NUMBER_SIZE + 1];
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = read(fd, text, sizeof(text) - 1);
    if (n < 0)
        return -errno;
    text[n] = '\0';
    for (n = (ssize_t)strlen(text); n > 0 && isspace((unsigned char)text[n - 1]); n--)
        text[n - 1] = '\0';
    if (!serial_number_is_sane(text))
        return -ENODATA;
    *ret = strdup(text);
    return *ret ? 0 : -ENOMEM;
}

int router_serial_number(char **ret)
{
    static const sd_id128_t application =
        SD_ID128_MAKE(8d, a1, 42, 8a, 5f, 0e, 4c, 67, b0, 31, 93, 7c, 5c, e0, 14, d2);
    char text[SD_ID128_STRING_MAX];
    sd_id128_t id;
    int r;

    for (size_t i = 0; i < ELEMENTSOF(serial_number_files); i++)
        if (read_serial_number(serial_number_files[i], ret) >= 0)
            return 0;
    r = sd_id128_get_machine_app_specific(application, &id);
    if (r < 0)
        return r;
    *ret = strndup(sd_id128_to_string(id, text), 8);
    return *ret ? 0 : -ENOMEM;
}

int router_fqdn(const char *hostname, const char *domain, char **ret)
{
    char system[HOST_NAME_MAX + 1] = "";
    char *fqdn;

    if (!domain)
        return -ENODATA;
    if (!hostname) {
        if (gethostname(system, sizeof(system) - 1) < 0)
            return -errno;
        system[strcspn(system, ".")] = '\0';
        hostname = system;
    }
    if (asprintf(&fqdn, "%s.%s", hostname, domain) < 0)
        return -ENOMEM;
    if (!hostname_is_valid(fqdn)) {
        free(fqdn);
        return -EINVAL;
    }
    *ret = fqdn;
    return 0;
}
