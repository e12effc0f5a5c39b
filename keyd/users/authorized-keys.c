/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-authorized-keys: what sshd asks for a user's imported keys (AuthorizedKeysCommand). It
 * runs as a user of its own, and reads one file that keyd writes for everybody: no bus, no question
 * to polkit, no waiting while somebody logs in. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cleanup.h"
#include "user-keys.h"

#ifndef AUTHORIZED_KEYS_FILE
#define AUTHORIZED_KEYS_FILE "/run/chancery-keyd/" USER_KEYS_EXPORT
#endif

/* root is no user of the router, under whatever name. */
static bool uid_is_users(const char *text)
{
    unsigned long uid;
    char *end;

    errno = 0;
    uid = strtoul(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && text[0] != '-' && uid > 0;
}

static int print_keys(FILE *f, const char *user)
{
    size_t length = strlen(user), allocated = 0;
    _cleanup_free_ char *line = NULL;

    while (getline(&line, &allocated, f) >= 0)
        if (strncmp(line, user, length) == 0 && line[length] == ' ' &&
            fputs(line + length + 1, stdout) < 0)
            return EX_IOERR;
    return fflush(stdout) == 0 && !ferror(f) ? EXIT_SUCCESS : EX_IOERR;
}

int main(int argc, char *argv[])
{
    FILE *f;
    int status;

    if (argc != 3) {
        (void)fputs("Usage: chancery-authorized-keys USER UID\n", stderr);
        return EX_USAGE;
    }
    if (!user_key_name_is_valid(argv[1]) || !uid_is_users(argv[2]))
        return EXIT_SUCCESS; /* has none */
    f = fopen(AUTHORIZED_KEYS_FILE, "re");
    if (!f)
        return errno == ENOENT ? EXIT_SUCCESS : EX_NOINPUT;
    status = print_keys(f, argv[1]);
    (void)fclose(f);
    return status;
}
