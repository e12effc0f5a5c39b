/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers: each has at most one end that its caller writes to and one that it reads from; an end
 * that is not there has been given to a method, or never was. Waiting is a turn of the event loop,
 * with the call kept until it can be answered. */
#include "transfer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "atomic-file.h"
#include "cleanup.h"
#include "errors.h"
#include "memfd.h"
#include "names.h"
#include "org.chancery.Transfer1.h"
#include "server-internal.h"

#define PIECE_MAX (1U << 20)
#define CONTENT_MAX (UINT64_C(48) << 20)
#define CONTENT_PER_USER_MAX (UINT64_C(64) << 20)
#define CONTENT_OF_ALL_MAX (UINT64_C(192) << 20)
#define TRANSFERS_PER_USER_MAX 16U
#define TRANSFERS_MAX 256U
#define PREFIX_SIZE 64U

typedef struct Transfer {
    TransferManager *manager;
    struct Transfer *next;
    uint64_t number;
    uid_t uid;
    char *owner; /* unique bus name */
    sd_bus_track *track;
    bool is_content; /* a memory file: what is written is read when it is ended */
    bool sealed;
    uint64_t size; /* of that */
    int write_fd;  /* the caller's end for writing */
    int read_fd;   /* ... for reading */
    /* Calls that wait for the other end. */
    sd_bus_message *writing, *reading;
    sd_event_source *writable, *readable;
    size_t written; /* of the piece */
    size_t wanted;
} Transfer;

struct TransferManager {
    Server *server;
    Transfer *transfers;
    uint64_t last_number;
    char prefix[PREFIX_SIZE];
};

static TransferManager *the_manager; /* one daemon, one bus */

/* Nobody is left waiting for an answer. */
static void end_call(sd_bus_message **call, sd_event_source **source)
{
    *source = sd_event_source_disable_unref(*source);
    if (*call)
        (void)sd_bus_reply_method_errorf(*call, ERROR_CANCELLED, "The transfer was closed");
    *call = sd_bus_message_unref(*call);
}

static Transfer *transfer_free(Transfer *t)
{
    if (!t)
        return NULL;
    for (Transfer **at = &t->manager->transfers; *at; at = &(*at)->next)
        if (*at == t) {
            *at = t->next;
            break;
        }
    end_call(&t->writing, &t->writable);
    end_call(&t->reading, &t->readable);
    sd_bus_track_unref(t->track);
    closep(&t->write_fd);
    closep(&t->read_fd);
    free(t->owner);
    free(t);
    return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Transfer *, transfer_free);

static int on_owner_gone(sd_bus_track *track, void *userdata)
{
    transfer_free(userdata);
    return 1;
}

static const char *transfer_path(const Transfer *t, char *buffer, size_t size)
{
    (void)snprintf(buffer, size, "%s/%" PRIu64, t->manager->prefix, t->number);
    return buffer;
}

static Transfer *find_transfer(TransferManager *manager, const char *path, const char *sender)
{
    for (Transfer *t = manager->transfers; sender && t; t = t->next) {
        char buffer[PREFIX_SIZE + 24];

        if (streq(t->owner, sender) && streq(transfer_path(t, buffer, sizeof buffer), path))
            return t;
    }
    return NULL;
}

static int check_limits(const TransferManager *manager, uid_t uid)
{
    unsigned all = 0, of_user = 0;

    for (const Transfer *t = manager->transfers; t; t = t->next) {
        all++;
        of_user += t->uid == uid;
    }
    return all >= TRANSFERS_MAX || of_user >= TRANSFERS_PER_USER_MAX ? -EDQUOT : 0;
}

static int check_content(const Transfer *t, size_t more)
{
    uint64_t all = more, of_user = more;

    for (const Transfer *other = t->manager->transfers; other; other = other->next) {
        uint64_t size = other->is_content ? other->size : 0;

        all += size;
        of_user += other->uid == t->uid ? size : 0;
    }
    if (t->size + more > CONTENT_MAX)
        return -EMSGSIZE;
    return all > CONTENT_OF_ALL_MAX || of_user > CONTENT_PER_USER_MAX ? -EDQUOT : 0;
}

/* Belongs to the sender of m, in whose list it is. */
static int transfer_new(TransferManager *manager, sd_bus_message *m, Transfer **ret)
{
    const char *sender = sd_bus_message_get_sender(m);
    _cleanup_(transfer_freep) Transfer *t = NULL;
    uid_t uid;
    int r = sender ? bus_sender_uid(m, &uid) : -EINVAL;

    if (r >= 0)
        r = check_limits(manager, uid);
    if (r < 0)
        return r;
    t = calloc(1, sizeof *t);
    if (!t)
        return -ENOMEM;
    t->manager = manager;
    t->read_fd = t->write_fd = -EBADF;
    t->uid = uid;
    t->number = ++manager->last_number;
    t->owner = strdup(sender);
    if (!t->owner)
        return -ENOMEM;
    r = sd_bus_track_new(server_bus(manager->server), &t->track, on_owner_gone, t);
    if (r >= 0)
        r = sd_bus_track_add_sender(t->track, m);
    if (r < 0)
        return r;
    t->next = manager->transfers;
    manager->transfers = t;
    *ret = TAKE_PTR(t);
    return 0;
}

#define LIMIT_TEXT "Too much is being transferred already; try again later"

static int say_limit(int r, sd_bus_error *reterr_error)
{
    if (r == -EDQUOT)
        return sd_bus_error_setf(reterr_error, ERROR_LIMIT_EXCEEDED, LIMIT_TEXT);
    if (r == -EMSGSIZE)
        return sd_bus_error_setf(reterr_error, ERROR_TOO_LARGE,
                                 "The content of a transfer is at most %" PRIu64 " MiB",
                                 CONTENT_MAX >> 20);
    return r;
}

/* --- What methods get and give ---------------------------------------------------------------- */

static bool is_plain(sd_bus_message *m)
{
    static const char end[] = ".Plain";
    const char *interface = sd_bus_message_get_interface(m);
    size_t length = interface ? strlen(interface) : 0;

    return length > STRLEN(end) && streq(interface + length - STRLEN(end), end);
}

static int take_copy(int fd, int *ret)
{
    int copy;

    if (fd < 0)
        return -EINVAL;
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return -errno;
    *ret = copy;
    return 0;
}

static int take_content(const Transfer *t, int access_mode, int *ret)
{
    return access_mode == O_RDONLY && t->sealed ? take_copy(t->read_fd, ret) : -EINVAL;
}

static int take_end(Transfer *t, int access_mode, int *ret)
{
    if (t->is_content)
        return take_content(t, access_mode, ret);
    if (access_mode == O_RDONLY) {
        /* Whoever writes has to notice when the method stops reading. */
        if (t->read_fd < 0 || t->reading)
            return -EINVAL;
        *ret = TAKE_FD(t->read_fd);
        return 0;
    }
    /* The end of the input comes when the caller has ended it too, as with a descriptor. */
    return take_copy(t->write_fd, ret);
}

static int read_plain(sd_bus_message *m, int access_mode, int *ret, sd_bus_error *reterr_error)
{
    const char *path;
    Transfer *t;
    int r = sd_bus_message_read_basic(m, 'o', &path);

    if (r <= 0)
        return r < 0 ? r : -ENXIO;
    t = find_transfer(the_manager, path, sd_bus_message_get_sender(m));
    if (!t)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT, "There is no transfer %.128s",
                                 path);
    r = take_end(t, access_mode, ret);
    if (r == -EINVAL)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "This transfer cannot be used for %s here%s",
                                 access_mode == O_RDONLY ? "reading" : "writing",
                                 t->is_content && !t->sealed ? "; it has to be ended first" : "");
    return r;
}

int bus_read_descriptor(sd_bus_message *m, int access_mode, int *ret, sd_bus_error *reterr_error)
{
    int fd, r;

    if (is_plain(m))
        return read_plain(m, access_mode, ret, reterr_error);
    r = sd_bus_message_read_basic(m, 'h', &fd);
    if (r <= 0)
        return r < 0 ? r : -ENXIO;
    /* The message's own ones are closed with it. */
    return take_copy(fd, ret);
}

int bus_append_descriptor(sd_bus_message *reply, sd_bus_message *m, int fd)
{
    _cleanup_(transfer_freep) Transfer *t = NULL;
    char path[PREFIX_SIZE + 24];
    int r;

    if (!is_plain(m))
        return sd_bus_message_append_basic(reply, 'h', &fd);
    r = transfer_new(the_manager, m, &t);
    if (r < 0)
        return r;
    t->read_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (t->read_fd < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    r = sd_bus_message_append_basic(reply, 'o', transfer_path(t, path, sizeof path));
    if (r >= 0)
        TAKE_PTR(t);
    return r;
}

int bus_reply_descriptor(sd_bus_message *m, int fd)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(m, &reply);

    if (r >= 0)
        r = bus_append_descriptor(reply, m, fd);
    if (r == -EDQUOT)
        return sd_bus_reply_method_errorf(m, ERROR_LIMIT_EXCEEDED, LIMIT_TEXT);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

/* --- The interface ---------------------------------------------------------------------------- */

int transfer1_method_new(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(transfer_freep) Transfer *t = NULL;
    char path[PREFIX_SIZE + 24];
    int fds[2], r;
    const char *kind;

    r = sd_bus_message_read(m, "s", &kind);
    if (r < 0)
        return r;
    if (!streq(kind, "content") && !streq(kind, "pipe"))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The kind is 'content' or 'pipe'");
    r = transfer_new(userdata, m, &t);
    if (r < 0)
        return say_limit(r, reterr_error);
    t->is_content = streq(kind, "content");
    if (t->is_content) {
        t->write_fd = memfd_new("transfer");
        if (t->write_fd < 0)
            return t->write_fd;
    } else {
        if (pipe2(fds, O_CLOEXEC) < 0)
            return -errno;
        t->read_fd = fds[0];
        t->write_fd = fds[1];
    }
    r = sd_bus_reply_method_return(m, "o", transfer_path(t, path, sizeof path));
    if (r >= 0)
        TAKE_PTR(t);
    return r;
}

static int set_nonblocking(int fd)
{
    return fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* Waits for the end once more; the call is kept. */
static int wait_end(Transfer *t, int fd, uint32_t events, sd_event_io_handler_t handler,
                    sd_event_source **source)
{
    if (*source)
        return sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT);
    if (sd_event_add_io(server_event(t->manager->server), source, fd, events, handler, t) < 0)
        return -ENOMEM;
    return sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT);
}

/* 1 when all of the piece is written, 0 when the reader has to take some first. */
static int write_piece(Transfer *t, const uint8_t *data, size_t size)
{
    while (t->written < size) {
        ssize_t n = write(t->write_fd, data + t->written, size - t->written);

        if (n >= 0)
            t->written += (size_t)n;
        else if (errno == EAGAIN)
            return 0;
        else if (errno != EINTR)
            return errno == EPIPE ? -ECANCELED : -errno;
    }
    return 1;
}

static int on_writable(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    Transfer *t = userdata;
    const void *data;
    size_t size;
    int r = sd_bus_message_rewind(t->writing, true);

    if (r >= 0)
        r = sd_bus_message_read_array(t->writing, 'y', &data, &size);
    if (r >= 0)
        r = write_piece(t, data, size);
    if (r == 0)
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
    call = TAKE_PTR(t->writing);
    t->writable = sd_event_source_disable_unref(t->writable);
    (void)(r < 0 ? sd_bus_reply_method_errno(call, r, NULL)
                 : sd_bus_reply_method_return(call, NULL));
    return 0;
}

static int write_content(Transfer *t, const void *data, size_t size, sd_bus_error *reterr_error)
{
    int r = check_content(t, size);

    if (r >= 0)
        r = write_full(t->write_fd, data, size);
    if (r < 0)
        return say_limit(r, reterr_error);
    t->size += size;
    return 1;
}

static int write_pipe(Transfer *t, sd_bus_message *m, const void *data, size_t size)
{
    int r = set_nonblocking(t->write_fd);

    t->written = 0;
    if (r >= 0)
        r = write_piece(t, data, size);
    if (r != 0)
        return r;
    r = wait_end(t, t->write_fd, EPOLLOUT, on_writable, &t->writable);
    if (r >= 0)
        t->writing = sd_bus_message_ref(m);
    return r < 0 ? r : 0;
}

int transfer1_transfer_method_write(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    Transfer *t = userdata;
    const void *data;
    size_t size;
    int r = sd_bus_message_read_array(m, 'y', &data, &size);

    if (r < 0)
        return r;
    if (t->write_fd < 0)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "This transfer is not, or no longer, for writing");
    if (t->writing)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY, "The piece before is not taken yet");
    if (size > PIECE_MAX)
        return sd_bus_error_setf(reterr_error, ERROR_TOO_LARGE, "A piece is at most %u bytes",
                                 PIECE_MAX);
    r = t->is_content ? write_content(t, data, size, reterr_error) : write_pipe(t, m, data, size);
    if (r == -ECANCELED)
        return sd_bus_error_setf(reterr_error, ERROR_CANCELLED, "Nobody reads this any more");
    return r > 0 ? sd_bus_reply_method_return(m, NULL) : r < 0 ? r : 1;
}

int transfer1_transfer_method_end(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    Transfer *t = userdata;
    int r = 0;

    if (t->write_fd < 0 || t->writing)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "This transfer is not, or no longer, for writing");
    if (t->is_content) {
        r = lseek(t->write_fd, 0, SEEK_SET) < 0 ? -errno : memfd_seal(t->write_fd);
        if (r >= 0)
            t->read_fd = TAKE_FD(t->write_fd);
        t->sealed = r >= 0;
    }
    if (r < 0)
        return r;
    closep(&t->write_fd);
    t->write_fd = -EBADF;
    return sd_bus_reply_method_return(m, NULL);
}

/* 1 when the call is answered, 0 when there is nothing yet. At the end the transfer is gone. */
static int read_piece(Transfer *t, sd_bus_message *call, size_t max)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    void *data;
    ssize_t n;
    int r = sd_bus_message_new_method_return(call, &reply);
    _cleanup_free_ uint8_t *buffer = malloc(max);

    if (r < 0 || !buffer)
        return r < 0 ? r : -ENOMEM;
    do
        n = read(t->read_fd, buffer, max);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : -errno;
    r = sd_bus_message_append_array_space(reply, 'y', (size_t)n, &data);
    if (r < 0)
        return r;
    if (n > 0)
        memcpy(data, buffer, (size_t)n);
    r = sd_bus_send(NULL, reply, NULL);
    if (n == 0)
        transfer_free(t);
    return r < 0 ? r : 1;
}

static int on_readable(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    Transfer *t = userdata;
    int r;

    /* At the end of the input there is no transfer any more. */
    call = TAKE_PTR(t->reading);
    t->readable = sd_event_source_disable_unref(t->readable);
    r = read_piece(t, call, t->wanted);
    if (r == 0) {
        r = wait_end(t, t->read_fd, EPOLLIN, on_readable, &t->readable);
        if (r >= 0)
            t->reading = TAKE_PTR(call);
    }
    if (r < 0)
        (void)sd_bus_reply_method_errno(call, r, NULL);
    return 0;
}

int transfer1_transfer_method_read(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    Transfer *t = userdata;
    uint32_t max;
    int r = sd_bus_message_read(m, "u", &max);

    if (r < 0)
        return r;
    if (t->read_fd < 0)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "This transfer is not, or no longer, for reading");
    if (t->reading)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY, "A call before waits for a piece");
    if (max == 0 || max > PIECE_MAX)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT, "A piece has 1 to %u bytes",
                                 PIECE_MAX);
    r = set_nonblocking(t->read_fd);
    if (r >= 0)
        r = read_piece(t, m, max);
    if (r != 0)
        return r;
    t->wanted = max;
    r = wait_end(t, t->read_fd, EPOLLIN, on_readable, &t->readable);
    if (r < 0)
        return r;
    t->reading = sd_bus_message_ref(m);
    return 1;
}

int transfer1_transfer_method_close(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    transfer_free(userdata);
    return sd_bus_reply_method_return(m, NULL);
}

static int find_object(sd_bus *bus, const char *path, const char *interface, void *userdata,
                       void **ret_found, sd_bus_error *reterr_error)
{
    sd_bus_message *m = sd_bus_get_current_message(bus);
    Transfer *t = m ? find_transfer(userdata, path, sd_bus_message_get_sender(m)) : NULL;

    if (!t)
        return 0;
    *ret_found = t;
    return 1;
}

int transfers_init(Server *server)
{
    TransferManager *manager = calloc(1, sizeof *manager);
    int r;

    if (!manager)
        return -ENOMEM;
    manager->server = server;
    server->transfers = the_manager = manager;
    (void)snprintf(manager->prefix, sizeof manager->prefix, "%s/transfer",
                   server_root_path(server));
    r = server_add_object(server, server_root_path(server), &transfer1_interface, manager);
    if (r >= 0)
        r = server_add_objects(server, manager->prefix, &transfer1_transfer_interface, find_object,
                               NULL, manager);
    return r;
}

void transfers_done(Server *server)
{
    TransferManager *manager = TAKE_PTR(server->transfers);

    while (manager && manager->transfers)
        transfer_free(manager->transfers);
    free(manager);
    the_manager = NULL;
}
