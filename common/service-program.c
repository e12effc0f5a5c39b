/* SPDX-License-Identifier: Apache-2.0 */
#include "service-program.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

static void print_help(const char *name, const char *page, const char *description)
{
    (void)printf("chancery-%s [--help | --version]\n\n%s\n\nStarted by systemd; see ", name,
                 description);
    (void)(page ? printf("%s(8).\n", page) : printf("chancery-%s(8).\n", name));
}

int service_arguments(const char *name, const char *page, const char *description, int argc,
                      char *argv[])
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {NULL, 0, NULL, 0}};

    switch (getopt_long(argc, argv, "hV", options, NULL)) {
    case 'h':
        print_help(name, page, description);
        return 0;
    case 'V':
        (void)printf("chancery-%s %s\n", name, VERSION);
        return 0;
    case -1:
        if (optind == argc)
            return 1;
        (void)fprintf(stderr, "chancery-%s: there are no arguments; see --help\n", name);
        return -EINVAL;
    default:
        return -EINVAL;
    }
}

int service_connection(const char *name, int type)
{
    int found, domain;
    socklen_t size = sizeof found, domain_size = sizeof domain;

    if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &found, &size) >= 0 && found == type &&
        getsockopt(STDIN_FILENO, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) >= 0 &&
        domain == AF_UNIX)
        return 0;
    log_error("Standard input is no connection of chancery-%s.socket, which starts this program; "
              "see chancery-%s@(8)",
              name, name);
    return -ENOTSOCK;
}

/* A number in the environment, which is taken out of it; -1 without one. */
static long take_number(const char *name)
{
    const char *text = getenv(name);
    long number = -1;
    char *end;

    if (text && *text) {
        number = strtol(text, &end, 10);
        if (*end)
            number = -1;
    }
    (void)unsetenv(name);
    return number;
}

int service_sockets(void)
{
    const long pid = take_number("LISTEN_PID"), n = take_number("LISTEN_FDS");

    (void)unsetenv("LISTEN_FDNAMES");
    if (pid != getpid() || n <= 0 || n > SERVICE_SOCKETS_MAX)
        return 0;
    for (int fd = SERVICE_FIRST_SOCKET; fd < SERVICE_FIRST_SOCKET + (int)n; fd++)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            return -errno;
    return (int)n;
}

static bool is_listening(int fd)
{
    int listening, domain;
    socklen_t size = sizeof listening, domain_size = sizeof domain;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) >= 0 && listening &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) >= 0 && domain == AF_UNIX;
}

int service_listener(const char *name)
{
    if (service_sockets() == 1 && is_listening(SERVICE_FIRST_SOCKET))
        return SERVICE_FIRST_SOCKET;
    log_error("There is no socket of chancery-%s.socket, which starts this program; see "
              "chancery-%s(8)",
              name, name);
    return -ENOTSOCK;
}
