/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: makes the calls that standard input names, one a line, on one connection, and does not
 * wait for an answer before the next: NUMBER DESTINATION PATH INTERFACE MEMBER [ARGUMENT...]. An
 * argument is s=TEXT, o=PATH, u=NUMBER, y=SIZE (so many bytes, counting up) or v= (no options).
 * Prints its process ID, and the answers as they come: NUMBER, and the error's name, or "ok" and
 * the string or the size of the bytes that were answered, and a sum of those. */
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>

#include "cleanup.h"

static int append_bytes(sd_bus_message *m, size_t size)
{
    _cleanup_free_ uint8_t *data = malloc(size + 1);

    for (size_t i = 0; data && i < size; i++)
        data[i] = (uint8_t)(i % 251);
    return data ? sd_bus_message_append_array(m, 'y', data, size) : -ENOMEM;
}

static int append_argument(sd_bus_message *m, const char *argument)
{
    const char *value = argument + STRLEN("s=");

    switch (argument[0]) {
    case 's':
    case 'o':
        return sd_bus_message_append_basic(m, argument[0], value);
    case 'u':
        return sd_bus_message_append(m, "u", (uint32_t)strtoul(value, NULL, 10));
    case 'y':
        return append_bytes(m, strtoul(value, NULL, 10));
    default:
        return sd_bus_message_append(m, "a{sv}", 0);
    }
}

static int print_bytes(sd_bus_message *reply)
{
    unsigned long sum = 0;
    const void *data;
    size_t size;
    int r = sd_bus_message_read_array(reply, 'y', &data, &size);

    for (size_t i = 0; r >= 0 && i < size; i++)
        sum += ((const uint8_t *)data)[i];
    printf(" %zu %lu", size, sum);
    return r;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    const char *text;
    char type;

    printf("%s ", (char *)userdata);
    if (sd_bus_message_is_method_error(reply, NULL)) {
        printf("%s", sd_bus_message_get_error(reply)->name);
    } else {
        printf("ok");
        (void)sd_bus_message_peek_type(reply, &type, NULL);
        if (type == 'a')
            (void)print_bytes(reply);
        else if ((type == 's' || type == 'o') && sd_bus_message_read_basic(reply, type, &text) > 0)
            printf(" %s", text);
    }
    putchar('\n');
    (void)fflush(stdout);
    free(userdata);
    return 0;
}

static int make_call(sd_bus *bus, char *line)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
    char *save = NULL, *number = strdup(strtok_r(line, " \n", &save)),
         *destination = strtok_r(NULL, " \n", &save), *path = strtok_r(NULL, " \n", &save),
         *interface = strtok_r(NULL, " \n", &save), *member = strtok_r(NULL, " \n", &save);
    int r = sd_bus_message_new_method_call(bus, &m, destination, path, interface, member);

    for (const char *argument; r >= 0 && (argument = strtok_r(NULL, " \n", &save));)
        r = append_argument(m, argument);
    return r < 0 ? r : sd_bus_call_async(bus, NULL, m, on_answer, number, UINT64_MAX);
}

static int on_input(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
    char line[1024];
    ssize_t n;

    /* The test writes a line at a time and waits for what it says, or writes the next. */
    for (size_t length = 0; length + 1 < sizeof(line);) {
        n = read(fd, line + length, 1);
        if (n <= 0)
            return sd_event_exit(sd_event_source_get_event(s), 0);
        if (line[length++] != '\n')
            continue;
        line[length] = '\0';
        return make_call(userdata, line);
    }
    return -EMSGSIZE;
}

int main(void)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    _cleanup_(sd_event_unrefp) sd_event *event = NULL;
    int r = sd_event_new(&event);

    if (r >= 0)
        r = sd_bus_open_system(&bus);
    if (r >= 0)
        r = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
    if (r >= 0)
        r = sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_input, bus);
    printf("%d\n", getpid());
    (void)fflush(stdout);
    if (r >= 0)
        r = sd_event_loop(event);
    if (r < 0)
        fprintf(stderr, "transfer-client: %s\n", strerror(-r));
    return r < 0;
}
