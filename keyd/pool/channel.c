/* SPDX-License-Identifier: Apache-2.0 */
#include "channel.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "channel-frame.h"
#include "log.h"
#include "memfd.h"

/* How many packets one system call takes from a channel before it is the next one's turn. */
#define BATCH 16U
#define PACKET_MAX (CHANNEL_HEADER_SIZE + CHANNEL_INLINE_MAX)
#define FDS_MAX 2U /* one more than is allowed, to be seen */

/* Held by the list, and by each request under way. */
typedef struct Channel {
    LIST_ENTRY(Channel) entry;
    atomic_uint references;
    struct Channels *channels;
    int fd;
    uid_t uid;
    char *user;
    FairSource source;
    TypedSign what;        /* with neither input nor cancelled */
    atomic_uint in_flight; /* read, and not answered */
    atomic_bool paused;    /* nothing more is read until some are answered */
    atomic_bool ended;
} Channel;

/* One request. */
typedef struct Request {
    SignTask task; /* first */
    Channel *channel;
    uint32_t id;
    Digest digest;
    void *mapping; /* NULL: the input is inline */
    size_t input_size;
    uint8_t input[];
} Request;

/* One answer, until it is sent. */
typedef struct Answer {
    uint8_t header[CHANNEL_HEADER_SIZE];
    struct iovec parts[2];
    uint8_t *signature; /* owned; NULL for a refusal */
} Answer;

/* Where packets are read into; one for the thread. */
typedef struct Batch {
    struct mmsghdr headers[BATCH];
    struct iovec vectors[BATCH];
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
    } control[BATCH];
    uint8_t packets[BATCH][PACKET_MAX + 1];
} Batch;

struct Channels {
    SignPool *pool;
    int epoll_fd;
    int stop_fd;
    pthread_t thread;
    bool started;
    Batch *batch;
    bool alone; /* the request that is taken is the only one of this round */

    pthread_mutex_t lock; /* what follows */
    LIST_HEAD(ChannelList, Channel) list;
};

/* --- One channel ------------------------------------------------------------------------------ */

static void channel_unref(Channel *c)
{
    if (!c || atomic_fetch_sub(&c->references, 1) > 1)
        return;
    sign_pool_source_done(c->channels->pool, &c->source);
    typed_sign_done(&c->what);
    closep(&c->fd);
    free(c->user);
    free(c);
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Channel *, channel_unref);

/* From any thread: the reading thread sees the end of the connection, and takes it off the list. */
static void channel_end(Channel *c)
{
    if (!atomic_exchange(&c->ended, true))
        (void)shutdown(c->fd, SHUT_RDWR);
}

static void channel_listen(Channel *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};

    (void)epoll_ctl(c->channels->epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

static void channel_resume(Channel *c)
{
    if (atomic_load(&c->in_flight) <= CHANNEL_IN_FLIGHT_MAX / 2 &&
        atomic_exchange(&c->paused, false))
        channel_listen(c, EPOLLIN);
}

/* Whoever answers next resumes, unless the last one has answered before he could see the pause. */
static void channel_pause(Channel *c)
{
    channel_listen(c, 0);
    atomic_store(&c->paused, true);
    channel_resume(c);
}

/* --- Answers, in a worker thread -------------------------------------------------------------- */

static unsigned refusal_code(int error)
{
    switch (-error) {
    case EBADMSG:
    case EBADFD:
        return CHANNEL_MALFORMED;
    case EPERM:
    case EINVAL:
        return CHANNEL_REFUSED;
    case EMSGSIZE:
        return CHANNEL_TOO_LARGE;
    default:
        return CHANNEL_FAILED;
    }
}

static void answer_set(Answer *a, unsigned type, unsigned detail, uint32_t id, const void *data,
                       size_t size)
{
    channel_header(a->header, type, detail, id);
    a->parts[0] = (struct iovec){a->header, sizeof a->header};
    a->parts[1] = (struct iovec){(void *)(uintptr_t)data, size};
}

static void answer_refuse(Answer *a, const Channel *c, uint32_t id, int error, const char *reason)
{
    static const LogEvent event = {LOG_KEY_REFUSED};
    const char *purpose = purpose_to_string(c->what.purpose);
    const Key *key = c->what.key;

    if (reason)
        log_event(&event,
                  LOG_FIELDS("ALGORITHM", key->algorithm->name, "LABEL", key->label, "PURPOSE",
                             purpose, "USER", c->user),
                  "Refused %s a signature with the %s key %s as %s: %s", c->user,
                  key->algorithm->name, key->label, purpose, reason);
    else
        reason = strerrordesc_np(-error);
    answer_set(a, CHANNEL_REFUSAL, refusal_code(error), id, reason, strlen(reason));
}

/* Who leaves so many answers unread that there is no room for these has nothing to wait for. */
static void channel_answer(Channel *c, Answer *answers, size_t n)
{
    struct mmsghdr messages[FAIR_TURN_MAX];

    for (size_t i = 0; i < n; i++)
        messages[i] = (struct mmsghdr){
            {.msg_iov = answers[i].parts, .msg_iovlen = ELEMENTSOF(answers[i].parts)}};
    if (n > 0 && sendmmsg(c->fd, messages, (unsigned)n, MSG_DONTWAIT | MSG_NOSIGNAL) != (int)n)
        channel_end(c);
}

static void request_sign(const Request *q, Answer *a)
{
    Channel *c = q->channel;
    const char *reason = NULL;
    TypedSign t = c->what; /* borrows all that it holds */
    size_t size;
    int r;

    t.digest = q->digest;
    t.input = q->mapping ? q->mapping : q->input;
    t.input_size = q->input_size;
    t.cancelled = &c->ended;
    r = typed_sign(&t, &a->signature, &size, &reason);
    if (r < 0)
        answer_refuse(a, c, q->id, r, reason);
    else
        answer_set(a, CHANNEL_SIGNATURE, 0, q->id, a->signature, size);
}

/* All are answered at once: who waits for them is woken once. */
static void requests_run(SignTask *const tasks[], size_t n, const atomic_bool *cancelled)
{
    Channel *c = ((Request *)tasks[0])->channel;
    Answer answers[FAIR_TURN_MAX] = {0};

    for (size_t i = 0; i < n && !atomic_load(cancelled) && !atomic_load(&c->ended); i++)
        request_sign((const Request *)tasks[i], &answers[i]);
    if (!atomic_load(cancelled) && !atomic_load(&c->ended))
        channel_answer(c, answers, n);
    for (size_t i = 0; i < n; i++)
        free(answers[i].signature);
}

static void request_release(SignTask *task)
{
    Request *q = (Request *)task;

    atomic_fetch_sub(&q->channel->in_flight, 1);
    channel_resume(q->channel);
    channel_unref(q->channel);
    if (q->mapping)
        (void)munmap(q->mapping, q->input_size);
    free(q);
}

/* --- Requests, in the reading thread ---------------------------------------------------------- */

/* Some signatures of an rsa key of 2048 bits last as long as one with 4096 bits. */
static unsigned key_weight(const Key *key)
{
    if (key->algorithm->is_quick)
        return 1;
    return EVP_PKEY_get_bits(key->pkey) <= 2048 ? 2 : FAIR_TURN_MAX;
}

static int request_new(Channel *c, const ChannelRequest *parsed, int fd, Request **ret)
{
    const void *mapping = NULL;
    size_t size = parsed->input.size;
    Request *q;
    int r;

    if (parsed->in_file) {
        r = memfd_map(fd, purpose_size_max(c->what.purpose), &mapping, &size);
        if (r < 0)
            return r;
    }
    q = malloc(sizeof *q + (mapping ? 0 : size));
    if (!q) {
        if (mapping)
            (void)munmap((void *)(uintptr_t)mapping, size);
        return -ENOMEM;
    }
    *q = (Request){.task = {.fair = {.weight = mapping ? FAIR_TURN_MAX : key_weight(c->what.key)},
                            .run = requests_run,
                            .release = request_release},
                   .channel = c,
                   .id = parsed->id,
                   .digest = parsed->digest,
                   .mapping = (void *)(uintptr_t)mapping,
                   .input_size = size};
    if (!mapping && size > 0)
        memcpy(q->input, parsed->input.data, size);
    *ret = q;
    return 0;
}

/* *ret is NULL when the request is answered already. */
static int channel_take(Channel *c, const uint8_t *packet, size_t size, const int *fds,
                        size_t n_fds, Request **ret)
{
    ChannelRequest parsed;
    Request *q;
    int r;

    r = channel_request_parse(packet, size, n_fds, &parsed);
    if (r < 0)
        return r;
    r = request_new(c, &parsed, n_fds > 0 ? fds[0] : -EBADF, &q);
    if (r < 0) {
        Answer answer = {0};

        answer_refuse(&answer, c, parsed.id, r,
                      r == -EBADFD ? "what is to be signed is not in a sealed memory file" : NULL);
        channel_answer(c, &answer, 1);
        *ret = NULL;
        return 0;
    }
    atomic_fetch_add(&c->references, 1);
    atomic_fetch_add(&c->in_flight, 1);
    *ret = q;
    return 0;
}

static size_t message_take_fds(struct msghdr *m, int fds[static FDS_MAX])
{
    size_t n = 0;

    for (struct cmsghdr *part = CMSG_FIRSTHDR(m); part; part = CMSG_NXTHDR(m, part)) {
        size_t size = part->cmsg_len - CMSG_LEN(0);

        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        memcpy(fds, CMSG_DATA(part), size);
        n = size / sizeof(int);
    }
    return n;
}

/* Descriptors are taken out of every message, also of those that come after a bad one. */
static int channel_take_message(Channel *c, struct mmsghdr *m, int r, Request **ret)
{
    const struct iovec *vector = m->msg_hdr.msg_iov;
    int fds[FDS_MAX];
    size_t n_fds = message_take_fds(&m->msg_hdr, fds);

    if (r >= 0)
        r = m->msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)
                ? -EBADMSG
                : channel_take(c, vector->iov_base, m->msg_len, fds, n_fds, ret);
    for (size_t i = 0; i < n_fds; i++)
        closep(&fds[i]);
    return r;
}

static void batch_prepare(Batch *b)
{
    for (size_t i = 0; i < BATCH; i++) {
        b->vectors[i] = (struct iovec){b->packets[i], sizeof b->packets[i]};
        b->headers[i].msg_hdr = (struct msghdr){.msg_iov = &b->vectors[i],
                                                .msg_iovlen = 1,
                                                .msg_control = &b->control[i],
                                                .msg_controllen = sizeof b->control[i]};
    }
}

static void channel_put(Channel *c, SignTask *const tasks[], size_t n)
{
    SignPool *pool = c->channels->pool;

    if (n == 1 && c->channels->alone && tasks[0]->fair.weight == 1)
        sign_pool_run(pool, &c->source, tasks[0]);
    else if (n > 0)
        sign_pool_put(pool, &c->source, tasks, n);
}

/* Takes what is there, as far as it may; the other channels have their turn in between. */
static int channel_read(Channel *c)
{
    Batch *b = c->channels->batch;
    unsigned room = CHANNEL_IN_FLIGHT_MAX - atomic_load(&c->in_flight);
    SignTask *tasks[BATCH];
    size_t n_tasks = 0;
    int n, r = 0;

    batch_prepare(b);
    n = recvmmsg(c->fd, b->headers, room < BATCH ? room : BATCH, MSG_DONTWAIT | MSG_CMSG_CLOEXEC,
                 NULL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    c->channels->alone = c->channels->alone && n == 1;
    for (int i = 0; i < n; i++) {
        Request *q = NULL;

        /* Nothing: the other end is closed, or sends nothings, which are no requests either. */
        r = channel_take_message(c, &b->headers[i], b->headers[i].msg_len == 0 ? -EBADMSG : r, &q);
        if (q)
            tasks[n_tasks++] = &q->task;
    }
    channel_put(c, tasks, n_tasks);
    if (r >= 0 && atomic_load(&c->in_flight) >= CHANNEL_IN_FLIGHT_MAX)
        channel_pause(c);
    return r;
}

static void channel_remove(Channel *c)
{
    Channels *s = c->channels;

    channel_end(c);
    (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    (void)pthread_mutex_lock(&s->lock);
    LIST_REMOVE(c, entry);
    (void)pthread_mutex_unlock(&s->lock);
    channel_unref(c);
}

static void on_event(const struct epoll_event *event)
{
    Channel *c = event->data.ptr;

    if (event->events & (EPOLLHUP | EPOLLERR) || atomic_load(&c->ended) || channel_read(c) < 0)
        channel_remove(c);
}

static void *reader(void *data)
{
    struct epoll_event events[BATCH];
    Channels *s = data;

    for (;;) {
        int n = epoll_wait(s->epoll_fd, events, ELEMENTSOF(events), -1);

        for (int i = 0; i < n; i++) {
            if (!events[i].data.ptr)
                return NULL;
            s->alone = n == 1;
            on_event(&events[i]);
        }
    }
}

/* --- All channels ----------------------------------------------------------------------------- */

int channels_new(SignPool *pool, Channels **ret)
{
    struct epoll_event event = {.events = EPOLLIN};
    Channels *s = calloc(1, sizeof *s);

    if (!s)
        return -ENOMEM;
    s->pool = pool;
    (void)pthread_mutex_init(&s->lock, NULL);
    LIST_INIT(&s->list);
    s->batch = calloc(1, sizeof *s->batch);
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!s->batch || s->epoll_fd < 0 || s->stop_fd < 0 ||
        epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->stop_fd, &event) < 0) {
        int r = s->batch ? -errno : -ENOMEM;

        channels_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

int channels_start(Channels *s)
{
    int r = pthread_create(&s->thread, NULL, reader, s);

    if (r > 0)
        return -r;
    s->started = true;
    return 0;
}

void channels_stop(Channels *s)
{
    if (!s)
        return;
    if (s->started) {
        (void)!write(s->stop_fd, &(uint64_t){1}, sizeof(uint64_t));
        (void)pthread_join(s->thread, NULL);
        s->started = false;
    }
    while (!LIST_EMPTY(&s->list))
        channel_remove(LIST_FIRST(&s->list));
}

Channels *channels_free(Channels *s)
{
    if (!s)
        return NULL;
    channels_stop(s);
    closep(&s->epoll_fd);
    closep(&s->stop_fd);
    (void)pthread_mutex_destroy(&s->lock);
    free(s->batch);
    free(s);
    return NULL;
}

static bool is_full(Channels *s, uid_t uid)
{
    unsigned all = 0, of_user = 0;
    Channel *c;

    (void)pthread_mutex_lock(&s->lock);
    LIST_FOREACH (c, &s->list, entry) {
        all++;
        of_user += c->uid == uid;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return all >= CHANNELS_MAX || of_user >= CHANNELS_PER_USER_MAX;
}

static int channel_new(Channels *s, uid_t uid, const char *user, Channel **ret)
{
    _cleanup_(channel_unrefp) Channel *c = calloc(1, sizeof *c);
    int r;

    if (!c)
        return -ENOMEM;
    atomic_init(&c->references, 1);
    c->channels = s;
    c->fd = -EBADF;
    c->uid = uid;
    c->user = strdup(user);
    if (!c->user)
        return -ENOMEM;
    r = sign_pool_source_init(s->pool, uid, &c->source);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(c);
    return 0;
}

static void channel_add(Channel *c, TypedSign *t)
{
    Channels *s = c->channels;

    c->what = *t;
    *t = (TypedSign){0};
    (void)pthread_mutex_lock(&s->lock);
    LIST_INSERT_HEAD(&s->list, c, entry);
    (void)pthread_mutex_unlock(&s->lock);
}

int channels_open(Channels *s, uid_t uid, const char *user, TypedSign *t, int *ret_fd)
{
    _cleanup_(channel_unrefp) Channel *c = NULL;
    _cleanup_close_ int theirs = -EBADF;
    struct epoll_event event = {.events = EPOLLIN};
    int fds[2], r;

    if (is_full(s, uid))
        return -EDQUOT;
    r = channel_new(s, uid, user, &c);
    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    c->fd = fds[0];
    theirs = fds[1];
    event.data.ptr = c;
    channel_add(c, t);
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0) {
        r = -errno;
        channel_remove(TAKE_PTR(c));
        return r;
    }
    c = NULL; /* the list's */
    *ret_fd = TAKE_FD(theirs);
    return 0;
}

void channels_check(Channels *s, bool (*is_valid)(const TypedSign *t, void *userdata),
                    void *userdata)
{
    Channel *c;

    (void)pthread_mutex_lock(&s->lock);
    LIST_FOREACH (c, &s->list, entry)
        if (!is_valid(&c->what, userdata))
            channel_end(c);
    (void)pthread_mutex_unlock(&s->lock);
}

size_t channels_count(Channels *s)
{
    size_t n = 0;
    Channel *c;

    (void)pthread_mutex_lock(&s->lock);
    LIST_FOREACH (c, &s->list, entry)
        n++;
    (void)pthread_mutex_unlock(&s->lock);
    return n;
}
