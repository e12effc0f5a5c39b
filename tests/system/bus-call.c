/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: calls one method with plausible arguments made up from its signature, descriptors
 * included, and prints how it ended: bus-call DESTINATION PATH INTERFACE MEMBER SIGNATURE
 * [STRING...] The strings are used for the strings and object paths among the arguments, in order;
 * "x" and "/" where they run out. Prints "ok", or the error's name and message separated by a
 * blank. With BUS_CALL_DROP set it sends the call and is gone. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "cleanup.h"

static int append_memory_file(sd_bus_message *m)
{
    _cleanup_close_ int fd = memfd_create("argument", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || write(fd, "{}", 2) != 2 || lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    return sd_bus_message_append(m, "h", fd);
}

/* Length of the complete type at the front of a signature. */
static size_t type_length(const char *signature)
{
    int depth = 0;

    if (*signature == 'a')
        return 1 + type_length(signature + 1);
    if (*signature != '(' && *signature != '{')
        return 1;
    for (size_t i = 0; signature[i]; i++) {
        depth += (signature[i] == '(' || signature[i] == '{') -
                 (signature[i] == ')' || signature[i] == '}');
        if (depth == 0)
            return i + 1;
    }
    return strlen(signature);
}

static int append_array(sd_bus_message *m, const char *signature, size_t length, char ***strings)
{
    _cleanup_free_ char *contents = strndup(signature + 1, length - 1);
    int r;

    if (!contents)
        return -ENOMEM;
    r = sd_bus_message_open_container(m, 'a', contents);
    /* A list of strings takes all that are left; every other array stays empty. */
    while (r >= 0 && streq(contents, "s") && **strings)
        r = sd_bus_message_append(m, "s", *(*strings)++);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_arguments(sd_bus_message *m, const char *signature, char **strings)
{
    for (size_t length; *signature; signature += length) {
        int r;

        length = type_length(signature);
        if (*signature == 's' || *signature == 'o')
            r = sd_bus_message_append_basic(m, *signature,
                                            *strings            ? *strings++
                                            : *signature == 's' ? "x"
                                                                : "/");
        else if (*signature == 'h')
            r = append_memory_file(m);
        else if (*signature == 'a')
            r = append_array(m, signature, length, &strings);
        else
            r = sd_bus_message_append_basic(m, *signature, &(uint64_t){0});
        if (r < 0)
            return r;
    }
    return 0;
}

int main(int argc, char *argv[])
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r;

    if (argc < 6)
        return 2;
    r = sd_bus_open_system(&bus);
    if (r >= 0)
        r = sd_bus_message_new_method_call(bus, &call, argv[1], argv[2], argv[3], argv[4]);
    if (r >= 0)
        r = append_arguments(call, argv[5], argv + 6);
    if (r < 0) {
        fprintf(stderr, "bus-call: %s\n", strerror(-r));
        return 2;
    }
    if (getenv("BUS_CALL_DROP")) {
        r = sd_bus_send(bus, call, NULL);
        return r < 0 || sd_bus_flush(bus) < 0 ? 2 : 0;
    }
    r = sd_bus_call(bus, call, 60 * 1000000ULL, &error, NULL);
    if (r >= 0)
        puts("ok");
    else
        printf("%s %s\n", error.name ? error.name : "none",
               error.message ? error.message : strerror(-r));
    return 0;
}
