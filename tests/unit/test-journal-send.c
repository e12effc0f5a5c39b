/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"
#include "journal-send.h"
#include "memfd.h"

static char folder[] = "/tmp/test-journal-XXXXXX", path[64];
static int journal;

static int set_up(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof path, "%s/socket", folder);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return journal < 0 ? -1 : bind(journal, (struct sockaddr *)&address, sizeof address);
}

static int tear_down(void **state)
{
    (void)close(journal);
    return unlink(path) < 0 || rmdir(folder) < 0 ? -1 : 0;
}

static struct iovec field(const char *text)
{
    return (struct iovec){(char *)(uintptr_t)text, strlen(text)};
}

static void test_lines(void **state)
{
    static const char expected[] = "MESSAGE=one line\nPRIORITY=6\nEMPTY=\n";
    struct iovec fields[] = {field("MESSAGE=one line"), field("PRIORITY=6"), field("EMPTY=")};
    char buffer[256];

    assert_int_equal(journal_send(path, fields, ELEMENTSOF(fields)), 0);
    assert_int_equal(recv(journal, buffer, sizeof buffer, 0), STRLEN(expected));
    assert_memory_equal(buffer, expected, STRLEN(expected));
}

/* A second line is no field of its own, whatever is in it. */
static void test_several_lines(void **state)
{
    static const char expected[] = "MESSAGE\n\x0d\0\0\0\0\0\0\0one\nPRIORITY=\nPRIORITY=6\n";
    struct iovec fields[] = {field("MESSAGE=one\nPRIORITY="), field("PRIORITY=6")};
    char buffer[256];

    assert_int_equal(journal_send(path, fields, ELEMENTSOF(fields)), 0);
    assert_int_equal(recv(journal, buffer, sizeof buffer, 0), STRLEN(expected));
    assert_memory_equal(buffer, expected, STRLEN(expected));
}

static int receive_file(void)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *c;
    int fd = -EBADF;

    assert_int_equal(recvmsg(journal, &message, MSG_CMSG_CLOEXEC), 0);
    c = CMSG_FIRSTHDR(&message);
    assert_non_null(c);
    assert_int_equal(c->cmsg_type, SCM_RIGHTS);
    memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

/* What no message can hold is in a file that is sealed. */
static void test_large(void **state)
{
    const size_t size = 4U << 20;
    _cleanup_free_ char *text = malloc(size);
    struct iovec fields[] = {{text, size}, field("PRIORITY=6")};
    _cleanup_close_ int fd = -EBADF;
    _cleanup_free_ void *data = NULL;
    size_t length;

    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text, "MESSAGE=", STRLEN("MESSAGE="));
    assert_int_equal(journal_send(path, fields, ELEMENTSOF(fields)), 0);
    fd = receive_file();
    assert_int_equal(memfd_read(fd, size * 2, &data, &length), 0);
    assert_int_equal(length, size + STRLEN("\nPRIORITY=6\n"));
    assert_memory_equal(data, text, size);
    assert_memory_equal((char *)data + size, "\nPRIORITY=6\n", STRLEN("\nPRIORITY=6\n"));
}

static void test_nobody_listens(void **state)
{
    struct iovec fields[] = {field("MESSAGE=lost")};
    char elsewhere[80], large[256];

    (void)snprintf(elsewhere, sizeof elsewhere, "%s/nobody", folder);
    assert_int_equal(journal_send(elsewhere, fields, 1), -ENOENT);
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    assert_int_equal(journal_send(large, fields, 1), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_several_lines),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_nobody_listens),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
