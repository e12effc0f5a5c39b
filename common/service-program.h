/* SPDX-License-Identifier: Apache-2.0 */
/* How the programs begin that systemd starts and nobody types: --help and --version are all that
 * they understand. The helpers among them answer one connection, which is standard input, or listen
 * on a socket that systemd has made. */
#pragma once

/* Ends with 0 after having printed what was asked for, with -EINVAL after having complained; 1: go
 * on. page: the manual page's name without its section, if it differs from chancery-NAME. */
int service_arguments(const char *name, const char *page, const char *description, int argc,
                      char *argv[]);

/* Whether standard input is a local connection of this type (SOCK_STREAM, SOCK_SEQPACKET). Says
 * so in the log, and gives -ENOTSOCK, if it is not: somebody has started the program by hand. */
int service_connection(const char *name, int type);

/* The one socket on which the program is to listen, or -ENOTSOCK, said in the log. */
int service_listener(const char *name);
