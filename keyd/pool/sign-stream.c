/* SPDX-License-Identifier: Apache-2.0 */
#include "sign-stream.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "typed-stream.h"

#define READ_SIZE 65536U
/* After so many it is somebody else's turn. */
#define TURN_SIZE (8U << 20)

/* In turn the main loop's, which waits until there is something, and a thread's, which takes it. */
typedef struct SignStream {
    SignTask task; /* first */
    LIST_ENTRY(SignStream) entry;
    STAILQ_ENTRY(SignStream) back;
    SignStreams *streams;
    FairSource source;
    uid_t uid;
    int fd;
    sd_event_source *readable;
    sd_bus_message *message;
    TypedSign work;
    TypedStream state;
    atomic_bool cancelled;
    bool with_thread; /* main loop only */
    bool finished;
    SignOutcome outcome;
    uint8_t *signature;
} SignStream;

struct SignStreams {
    SignPool *pool;
    sd_event *event;
    sign_done_t done;
    sd_event_source *wake;
    int wake_fd;
    LIST_HEAD(SignStreamList, SignStream) list;
    size_t n;

    pthread_mutex_t lock; /* what follows */
    STAILQ_HEAD(SignStreamQueue, SignStream) back;
};

/* --- In a worker thread ----------------------------------------------------------------------- */

static void finish(SignStream *s, int result)
{
    s->finished = true;
    s->outcome.result = result;
}

static bool is_cancelled(const SignStream *s, const atomic_bool *cancelled)
{
    return atomic_load(cancelled) || atomic_load(&s->cancelled);
}

/* false: there is no more, for now or for ever. */
static bool take_piece(SignStream *s, uint8_t *buffer)
{
    ssize_t n = read(s->fd, buffer, READ_SIZE);
    int r = 0;

    if (n < 0 && errno == EINTR)
        return true;
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n < 0)
        r = -errno;
    else if (n > 0)
        r = typed_stream_add(&s->state, &s->work, (DerSpan){buffer, (size_t)n}, &s->outcome.reason);
    else
        r = typed_stream_finish(&s->state, &s->work, &s->signature, &s->outcome.signature_size,
                                &s->outcome.reason);
    if (n <= 0 || r < 0)
        finish(s, r);
    return !s->finished;
}

static void stream_run(SignTask *const tasks[], size_t n, const atomic_bool *cancelled)
{
    _cleanup_free_ uint8_t *buffer = malloc(READ_SIZE);

    for (size_t i = 0; i < n; i++) {
        SignStream *s = (SignStream *)tasks[i];
        size_t pieces = TURN_SIZE / READ_SIZE;

        while (buffer && pieces > 0 && !is_cancelled(s, cancelled) && take_piece(s, buffer))
            pieces--;
        if (!buffer || (!s->finished && is_cancelled(s, cancelled)))
            finish(s, buffer ? -ECANCELED : -ENOMEM);
        s->outcome.signature = s->signature;
    }
}

static void stream_release(SignTask *task)
{
    SignStream *stream = (SignStream *)task;
    SignStreams *s = stream->streams;
    bool wakes;

    (void)pthread_mutex_lock(&s->lock);
    wakes = STAILQ_EMPTY(&s->back);
    STAILQ_INSERT_TAIL(&s->back, stream, back);
    if (wakes)
        (void)!write(s->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)pthread_mutex_unlock(&s->lock);
}

/* --- In the main loop ------------------------------------------------------------------------- */

static void stream_free(SignStream *stream)
{
    SignStreams *s = stream->streams;

    LIST_REMOVE(stream, entry);
    s->n--;
    sign_pool_source_done(s->pool, &stream->source);
    sd_event_source_disable_unref(stream->readable);
    closep(&stream->fd);
    sd_bus_message_unref(stream->message);
    typed_stream_done(&stream->state);
    typed_sign_done(&stream->work);
    free(stream->signature);
    free(stream);
}

/* Whoever lost the right meanwhile does not get what has been signed either. */
static void stream_answer(SignStream *stream)
{
    static const SignOutcome ended = {.result = -ECANCELED};

    stream->streams->done(stream->message, &stream->work,
                          atomic_load(&stream->cancelled) ? &ended : &stream->outcome);
    stream_free(stream);
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    SignStream *stream = userdata;
    SignTask *task = &stream->task;

    stream->with_thread = true;
    sign_pool_put(stream->streams->pool, &stream->source, &task, 1);
    return 0;
}

static void stream_came_back(SignStream *stream)
{
    int r = 0;

    stream->with_thread = false;
    if (!stream->finished && !atomic_load(&stream->cancelled))
        r = sd_event_source_set_enabled(stream->readable, SD_EVENT_ONESHOT);
    if (r < 0)
        finish(stream, r);
    if (stream->finished || atomic_load(&stream->cancelled))
        stream_answer(stream);
}

static SignStream *take_back(SignStreams *s)
{
    SignStream *stream;

    (void)pthread_mutex_lock(&s->lock);
    stream = STAILQ_FIRST(&s->back);
    if (stream)
        STAILQ_REMOVE_HEAD(&s->back, back);
    (void)pthread_mutex_unlock(&s->lock);
    return stream;
}

static int on_wake(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    SignStreams *s = userdata;
    SignStream *stream;
    uint64_t count;

    (void)!read(fd, &count, sizeof count);
    while ((stream = take_back(s)))
        stream_came_back(stream);
    return 0;
}

bool sign_stream_is_pipe(int fd)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && !(flags & O_PATH) && (flags & O_ACCMODE) == O_RDONLY &&
           fstat(fd, &st) >= 0 && S_ISFIFO(st.st_mode);
}

static bool is_full(const SignStreams *s, uid_t uid)
{
    unsigned of_user = 0;
    const SignStream *stream;

    LIST_FOREACH (stream, &s->list, entry)
        of_user += stream->uid == uid;
    return s->n >= STREAMS_MAX || of_user >= STREAMS_PER_USER_MAX;
}

static int stream_listen(SignStream *stream, int fd)
{
    int flags, r;

    stream->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (stream->fd < 0)
        return -errno;
    flags = fcntl(stream->fd, F_GETFL);
    if (flags < 0 || fcntl(stream->fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    r = sd_event_add_io(stream->streams->event, &stream->readable, stream->fd, EPOLLIN, on_readable,
                        stream);
    return r < 0 ? r : sd_event_source_set_enabled(stream->readable, SD_EVENT_ONESHOT);
}

int sign_streams_submit(SignStreams *s, sd_bus_message *m, uid_t uid, TypedSign *t, int fd)
{
    SignStream *stream;
    int r;

    if (is_full(s, uid))
        return -EDQUOT;
    stream = calloc(1, sizeof *stream);
    if (!stream)
        return -ENOMEM;
    r = sign_pool_source_init(s->pool, uid, &stream->source);
    if (r < 0) {
        free(stream);
        return r;
    }
    stream->task =
        (SignTask){.fair = {.weight = FAIR_TURN_MAX}, .run = stream_run, .release = stream_release};
    stream->streams = s;
    stream->uid = uid;
    stream->fd = -EBADF;
    LIST_INSERT_HEAD(&s->list, stream, entry);
    s->n++;
    r = stream_listen(stream, fd);
    if (r < 0) {
        stream_free(stream);
        return r;
    }
    stream->message = sd_bus_message_ref(m);
    stream->work = *t;
    *t = (TypedSign){0};
    return 0;
}

void sign_streams_check(SignStreams *s, bool (*is_valid)(const TypedSign *t, void *userdata),
                        void *userdata)
{
    SignStream *stream, *next;

    for (stream = LIST_FIRST(&s->list); stream; stream = next) {
        next = LIST_NEXT(stream, entry);
        if (is_valid(&stream->work, userdata))
            continue;
        atomic_store(&stream->cancelled, true);
        /* Else it is answered as soon as it comes back. */
        if (!stream->with_thread)
            stream_answer(stream);
    }
}

size_t sign_streams_count(const SignStreams *s)
{
    return s->n;
}

int sign_streams_new(sd_event *event, SignPool *pool, sign_done_t done, SignStreams **ret)
{
    SignStreams *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return -ENOMEM;
    *s = (SignStreams){.pool = pool, .event = event, .done = done};
    (void)pthread_mutex_init(&s->lock, NULL);
    LIST_INIT(&s->list);
    STAILQ_INIT(&s->back);
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r = s->wake_fd < 0 ? -errno : sd_event_add_io(event, &s->wake, s->wake_fd, EPOLLIN, on_wake, s);
    if (r < 0) {
        sign_streams_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

SignStreams *sign_streams_free(SignStreams *s)
{
    if (!s)
        return NULL;
    while (!LIST_EMPTY(&s->list))
        stream_free(LIST_FIRST(&s->list));
    sd_event_source_disable_unref(s->wake);
    closep(&s->wake_fd);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
    return NULL;
}
