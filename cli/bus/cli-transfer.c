/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to and comes from a daemon beside a message: through descriptors, or, where the
 * connection cannot pass them, in pieces (org.chancery.Transfer1). Nothing else knows which. */
#include "cli-transfer.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include "cli-bus.h"
#include "cli-job.h"
#include "cli-pump.h"
#include "cli-remote.h"
#include "errors.h"
#include "memfd.h"
#include "names.h"

#define PIECE 262144U
#define PIPE_ROOM 262144

const char *cli_documents(Cli *cli, const char *interface)
{
    static const char *const twins[][2] = {
        {POLICY_NAME, POLICY_NAME PLAIN_SUFFIX},
        {POLICY_SESSION_INTERFACE, POLICY_SESSION_INTERFACE PLAIN_SUFFIX},
        {DOSSIER_NAME, DOSSIER_NAME PLAIN_SUFFIX},
        {TRUSTPOOL_NAME, TRUSTPOOL_NAME PLAIN_SUFFIX},
    };
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;

    /* Only a connection knows; without one the call that follows says so. */
    if (!cli_is_remote(cli) || cli_bus_open(cli, &error) < 0 || !cli->plain)
        return interface;
    for (size_t i = 0; i < ELEMENTSOF(twins); i++)
        if (streq(twins[i][0], interface))
            return twins[i][1];
    return interface;
}

/* --- Transfers -------------------------------------------------------------------------------- */

/* The object where transfers of a daemon are made: /org/chancery/Policy1 for org.chancery.Policy1.
 */
static void root_path(const char *name, char *buffer, size_t size)
{
    (void)snprintf(buffer, size, "/%s", name);
    for (char *p = buffer; *p; p++)
        if (*p == '.')
            *p = '/';
}

static int transfer_new(Cli *cli, const char *name, const char *kind, char **ret)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *path;
    char root[64];
    int r;

    root_path(name, root, sizeof(root));
    r = cli_call(cli, name, root, TRANSFER_INTERFACE, "New", &error, &reply, "s", kind);
    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &path);
    if (r < 0)
        return cli_bus_error(cli, &error, r);
    *ret = strdup(path);
    return *ret ? 0 : cli_error(cli, ENOMEM, "Out of memory");
}

static int transfer_write(Cli *cli, const char *name, const char *path, const char *data,
                          size_t size, sd_bus_error *error)
{
    int r = 0;

    for (size_t n; size > 0 && r >= 0; data += n, size -= n) {
        _cleanup_message_ sd_bus_message *m = NULL;

        n = size < PIECE ? size : PIECE;
        r = cli_new_call(cli, name, path, TRANSFER_TRANSFER_INTERFACE, "Write", &m);
        if (r >= 0)
            r = sd_bus_message_append_array(m, 'y', data, n);
        if (r >= 0)
            r = cli_call_message(cli, m, error, NULL);
    }
    return r;
}

static int transfer_end(Cli *cli, const char *name, const char *path, const char *member,
                        sd_bus_error *error)
{
    return cli_call(cli, name, path, TRANSFER_TRANSFER_INTERFACE, member, error, NULL, NULL);
}

/* --- Whole files ------------------------------------------------------------------------------ */

static int append_transfer(Cli *cli, sd_bus_message *call, int fd)
{
    const char *name = sd_bus_message_get_destination(call);
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_free_ char *path = NULL;
    _cleanup_free_ void *data = NULL;
    size_t size = 0;
    int r = memfd_read(fd, CLI_DOCUMENT_MAX, &data, &size);

    if (r < 0)
        return cli_error(cli, r, "The data cannot be read: %s", strerror(-r));
    r = transfer_new(cli, name, "content", &path);
    if (r < 0)
        return r;
    r = transfer_write(cli, name, path, data, size, &error);
    explicit_bzero(data, size);
    if (r >= 0)
        r = transfer_end(cli, name, path, "End", &error);
    if (r < 0)
        return cli_bus_error(cli, &error, r);
    return sd_bus_message_append(call, "o", path);
}

int cli_append_document(Cli *cli, sd_bus_message *call, int fd)
{
    int r = cli->plain ? append_transfer(cli, call, fd) : sd_bus_message_append(call, "h", fd);

    if (r < 0 && !cli->said)
        (void)cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    return r;
}

static int read_transfer(Cli *cli, const char *name, const char *path, void **ret, size_t *ret_size)
{
    _cleanup_free_ char *all = NULL;
    size_t size = 0;

    for (;;) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        const void *data;
        char *more;
        size_t n;
        int r = cli_call(cli, name, path, TRANSFER_TRANSFER_INTERFACE, "Read", &error, &reply, "u",
                         PIECE);

        if (r >= 0)
            r = sd_bus_message_read_array(reply, 'y', &data, &n);
        if (r < 0)
            return cli_bus_error(cli, &error, r);
        if (size + n > CLI_DOCUMENT_MAX)
            return cli_error(cli, EMSGSIZE, "The answer is too large.");
        more = realloc(all, size + n + 1);
        if (!more)
            return cli_error(cli, ENOMEM, "Out of memory");
        all = more;
        if (n > 0)
            memcpy(all + size, data, n);
        size += n;
        all[size] = '\0';
        if (n == 0)
            break;
    }
    *ret = TAKE_PTR(all);
    *ret_size = size;
    return 0;
}

int cli_read_document(Cli *cli, sd_bus_message *reply, void **ret_data, size_t *ret_size)
{
    const char *path;
    int fd, r;

    if (sd_bus_message_verify_type(reply, 'o', NULL) > 0) {
        r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
            return read_transfer(cli, sd_bus_message_get_sender(reply), path, ret_data, ret_size);
    } else {
        r = sd_bus_message_read(reply, "h", &fd);
    }
    if (r >= 0)
        r = memfd_read(fd, CLI_DOCUMENT_MAX, ret_data, ret_size);
    return r < 0 ? cli_error(cli, r, "The answer cannot be read: %s", strerror(-r)) : 0;
}

/* --- Pipes ------------------------------------------------------------------------------------ */

int cli_pipe_new(Cli *cli, const char *name, CliPipe *ret)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    int fds[2], r = cli_bus_open(cli, &error);

    *ret = (CliPipe){.name = name, .read_fd = -EBADF, .write_fd = -EBADF};
    if (r < 0)
        return cli_bus_error(cli, &error, r);
    if (cli->plain)
        return transfer_new(cli, name, "pipe", &ret->transfer);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return cli_error(cli, errno, "No pipe: %s", strerror(errno));
    /* What goes through may be large; with less room the two sides take turns more often. */
    (void)fcntl(fds[1], F_SETPIPE_SZ, PIPE_ROOM);
    ret->read_fd = fds[0];
    ret->write_fd = fds[1];
    return 0;
}

int cli_pipe_append(const CliPipe *p, sd_bus_message *call, bool for_writing)
{
    if (p->transfer)
        return sd_bus_message_append(call, "o", p->transfer);
    return sd_bus_message_append(call, "h", for_writing ? p->write_fd : p->read_fd);
}

void cli_pipe_give_input(CliPipe *p)
{
    closep(&p->read_fd);
    p->read_fd = -EBADF;
}

static int on_writable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    return 0; /* the turn of the loop was what was waited for */
}

static int wait_writable(Cli *cli, int fd)
{
    sd_event_source *source = NULL;
    int r = sd_event_add_io(cli->event, &source, fd, EPOLLOUT, on_writable, NULL);

    if (r >= 0)
        r = cli_wait(cli);
    sd_event_source_disable_unref(source);
    return r < 0 ? r : 0;
}

static int write_descriptor(Cli *cli, int fd, const char *data, size_t size)
{
    /* A job that reads slowly must not keep the loop from turning. The flag belongs to the pipe's
     * end, which nobody else has. */
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        int r;

        if (n >= 0) {
            data += n;
            size -= (size_t)n;
        } else if (errno == EAGAIN) {
            r = wait_writable(cli, fd);
            if (r < 0)
                return r;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int cli_pipe_write(Cli *cli, const CliPipe *p, const char *data, size_t size)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    int r;

    if (!p->transfer)
        return write_descriptor(cli, p->write_fd, data, size);
    r = transfer_write(cli, p->name, p->transfer, data, size, &error);
    return sd_bus_error_has_name(&error, ERROR_CANCELLED) ? -EPIPE : r;
}

void cli_pipe_end(Cli *cli, CliPipe *p)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;

    if (p->transfer)
        (void)transfer_end(cli, p->name, p->transfer, "End", &error);
    closep(&p->write_fd);
    p->write_fd = -EBADF;
}

int cli_pipe_pump(Cli *cli, CliPipe *p, Sink *to, Pump **ret)
{
    if (p->transfer)
        return cli_pump_transfer(cli, p->name, p->transfer, to, ret);
    return cli_pump_new(cli, TAKE_FD(p->read_fd), to, ret);
}

int cli_carry(Cli *cli, CliJob *job, const Pump *pump)
{
    int r = cli_job_wait(cli, job);

    if (cli_pump_state(pump) == -ECANCELED)
        return 0; /* no more is wanted, and the job may complain about that */
    if (r < 0)
        return cli_job_finish(cli, job, NULL);
    while (r >= 0 && cli_pump_state(pump) == 0)
        r = cli_wait(cli);
    if (r == -EINTR)
        return cli_error(cli, r, "Interrupted.");
    r = cli_pump_state(pump);
    if (r == -EPIPE || r == -ECANCELED || r >= 0)
        return r == -EPIPE ? r : 0;
    return cli_error(cli, r, "The output cannot be written: %s", strerror(-r));
}

/* The rest is not wanted; also by whoever writes or reads at the other end. */
void cli_pipe_done(Cli *cli, CliPipe *p)
{
    if (p->transfer && cli->bus)
        (void)sd_bus_call_method_async(cli->bus, NULL, p->name, p->transfer,
                                       TRANSFER_TRANSFER_INTERFACE, "Close", NULL, NULL, NULL);
    free(p->transfer);
    closep(&p->read_fd);
    closep(&p->write_fd);
    *p = (CliPipe){.read_fd = -EBADF, .write_fd = -EBADF};
}
