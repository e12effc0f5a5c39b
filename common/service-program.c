/* SPDX-License-Identifier: Apache-2.0 */
#include "service-program.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
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

int service_listener(const char *name)
{
    if (sd_listen_fds(1) == 1 && sd_is_socket_unix(SD_LISTEN_FDS_START, 0, 1, NULL, 0) > 0)
        return SD_LISTEN_FDS_START;
    log_error("There is no socket of chancery-%s.socket, which starts this program; see "
              "chancery-%s(8)",
              name, name);
    return -ENOTSOCK;
}
