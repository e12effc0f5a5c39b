/* SPDX-License-Identifier: Apache-2.0 */
#include "crl-questions.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>

#include "clock.h"

#define SECONDS_KEPT 60U /* as long as a worker takes */

/* What is known about one server of a CA. */
typedef struct Question {
    uint8_t ca[CRL_CA_SIZE];
    char *server;
    int done_fd; /* of whom is asking: readable afterwards; -EBADF: nobody is */
    CrlList lists;
    uint64_t came, failed; /* when, in microseconds of CLOCK_BOOTTIME */
    unsigned failures;     /* since the last pause */
} Question;

struct CrlQuestions {
    pthread_mutex_t lock;
    Question items[CRL_QUESTIONS_MAX];
    size_t n;
};

CrlQuestions *crl_questions_new(void)
{
    CrlQuestions *questions = calloc(1, sizeof *questions);

    if (questions)
        (void)pthread_mutex_init(&questions->lock, NULL);
    return questions;
}

static void question_done(Question *q)
{
    closep(&q->done_fd);
    crl_list_done(&q->lists);
    free(q->server);
}

CrlQuestions *crl_questions_free(CrlQuestions *questions)
{
    if (questions) {
        for (size_t i = 0; i < questions->n; i++)
            question_done(&questions->items[i]);
        (void)pthread_mutex_destroy(&questions->lock);
        free(questions);
    }
    return NULL;
}

/* --- With the lock held ----------------------------------------------------------------------- */

static bool is_past(uint64_t since, uint64_t now, unsigned seconds)
{
    return now - since >= seconds * USEC_PER_SEC;
}

static void remove_at(CrlQuestions *questions, size_t i)
{
    question_done(&questions->items[i]);
    questions->items[i] = questions->items[--questions->n];
}

static bool are_current(const CrlList *lists)
{
    const char *reason;

    for (size_t i = 0; i < lists->n; i++)
        if (crl_check_time(lists->items[i], time(NULL), &reason) < 0)
            return false;
    return true;
}

/* What is past counts no more. */
static void expire(CrlQuestions *questions, uint64_t now)
{
    for (size_t i = questions->n; i-- > 0;) {
        Question *q = &questions->items[i];

        if (is_past(q->came, now, SECONDS_KEPT) || !are_current(&q->lists))
            crl_list_done(&q->lists);
        if (is_past(q->failed, now, CRL_SERVER_PAUSE_SECONDS))
            q->failures = 0;
        if (q->done_fd < 0 && q->lists.n == 0 && q->failures == 0)
            remove_at(questions, i);
    }
}

static Question *find_server(CrlQuestions *questions, const CrlAsker *asker)
{
    for (size_t i = 0; i < questions->n; i++)
        if (memcmp(questions->items[i].ca, asker->ca, CRL_CA_SIZE) == 0 &&
            streq(questions->items[i].server, asker->server))
            return &questions->items[i];
    return NULL;
}

static int add(CrlQuestions *questions, const CrlAsker *asker, Question **ret)
{
    Question *q = &questions->items[questions->n];

    if (questions->n == CRL_QUESTIONS_MAX)
        return -ENOSPC;
    *q = (Question){.server = strdup(asker->server), .done_fd = -EBADF};
    if (!q->server)
        return -ENOMEM;
    memcpy(q->ca, asker->ca, CRL_CA_SIZE);
    questions->n++;
    *ret = q;
    return 0;
}

static int ask(CrlQuestions *questions, const CrlAsker *asker)
{
    Question *q = find_server(questions, asker);
    int r = q ? 0 : add(questions, asker, &q);

    if (r < 0)
        return r == -ENOSPC ? 1 : r;
    q->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return q->done_fd < 0 ? -errno : 1;
}

static int copy_lists(const CrlList *from, CrlList *to)
{
    for (size_t i = 0; i < from->n; i++)
        if (crl_list_append(to, crl_ref(from->items[i])) < 0) {
            crl_free(from->items[i]);
            return -ENOMEM;
        }
    return 0;
}

/* As crl_question_begin(), or -EAGAIN with a descriptor to wait for. */
static int look(CrlQuestions *questions, const CrlAsker *asker, CrlList *ret, int *ret_fd)
{
    const Question *server = find_server(questions, asker);

    for (size_t i = 0; i < questions->n; i++) {
        const Question *q = &questions->items[i];

        if (memcmp(q->ca, asker->ca, CRL_CA_SIZE) != 0)
            continue;
        if (q->done_fd >= 0) {
            *ret_fd = fcntl(q->done_fd, F_DUPFD_CLOEXEC, 3);
            return *ret_fd < 0 ? -errno : -EAGAIN;
        }
        if (q->lists.n > 0)
            return copy_lists(&q->lists, ret);
    }
    if (server && server->failures >= CRL_SERVER_TRIES)
        return -EHOSTDOWN;
    return ask(questions, asker);
}

/* --- Without it ------------------------------------------------------------------------------- */

static int wait_until(int fd, int cancel_fd, uint64_t end)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = cancel_fd, .events = POLLIN}};
    uint64_t now = clock_usec(CLOCK_BOOTTIME);
    int r;

    if (now >= end)
        return -ETIMEDOUT;
    r = poll(fds, ELEMENTSOF(fds), (int)((end - now) / USEC_PER_MSEC) + 1);
    if (r < 0)
        return errno == EINTR ? 0 : -errno;
    return fds[1].revents ? -ECANCELED : 0;
}

int crl_question_begin(CrlQuestions *questions, const CrlAsker *asker, int cancel_fd, uint64_t end,
                       CrlList *ret)
{
    for (;;) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        (void)pthread_mutex_lock(&questions->lock);
        expire(questions, clock_usec(CLOCK_BOOTTIME));
        r = look(questions, asker, ret, &fd);
        (void)pthread_mutex_unlock(&questions->lock);
        if (r != -EAGAIN)
            return r;
        r = wait_until(fd, cancel_fd, end);
        if (r < 0)
            return r;
    }
}

void crl_question_end(CrlQuestions *questions, const CrlAsker *asker, CrlOutcome outcome,
                      const CrlList *lists)
{
    uint64_t now = clock_usec(CLOCK_BOOTTIME);
    Question *q;

    (void)pthread_mutex_lock(&questions->lock);
    q = find_server(questions, asker);
    if (q && q->done_fd >= 0) {
        (void)eventfd_write(q->done_fd, 1);
        closep(&q->done_fd);
        q->done_fd = -EBADF;
        crl_list_done(&q->lists);
        if (outcome == CRL_CAME) {
            (void)copy_lists(lists, &q->lists);
            q->came = now;
            q->failures = 0;
        } else if (outcome == CRL_FAILED) {
            q->failed = now;
            q->failures++;
        }
    }
    (void)pthread_mutex_unlock(&questions->lock);
}

void crl_questions_forget(CrlQuestions *questions)
{
    (void)pthread_mutex_lock(&questions->lock);
    for (size_t i = questions->n; i-- > 0;) {
        Question *q = &questions->items[i];

        crl_list_done(&q->lists);
        q->failures = 0;
        if (q->done_fd < 0)
            remove_at(questions, i);
    }
    (void)pthread_mutex_unlock(&questions->lock);
}
