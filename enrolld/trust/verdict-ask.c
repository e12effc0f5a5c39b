/* SPDX-License-Identifier: Apache-2.0 */
/* Asks poold, over a connection of the workers': the main loop goes on, and answers poold's
 * question about whom the trustpoints trust meanwhile. */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <systemd/sd-bus.h>

#include "bus-call.h"
#include "memfd.h"
#include "names.h"
#include "verdict.h"
#include "worker-bus.h"

/* poold gives itself a minute to fetch what it lacks. Where somebody waits, he does not wait for
 * that: less than a call over the bus may take. */
#define TIMEOUT_USEC (UINT64_C(90) * 1000000)
#define SHORT_TIMEOUT_USEC (UINT64_C(20) * 1000000)
/* So many questions at once: what one user may ask of poold is limited. */
#define QUESTIONS_MAX 8U

typedef struct Conversation {
    sd_bus *bus;
    int cancel_fd;
    uint64_t end;
} Conversation;

/* --- Turns ------------------------------------------------------------------------------------ */

static int turns = -EBADF;

static void turns_init(void)
{
    turns = eventfd(QUESTIONS_MAX, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK);
}

static int turn_take(const Conversation *c)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct pollfd fds[2];
    uint64_t one;

    if (pthread_once(&once, turns_init) != 0 || turns < 0)
        return -ENOMEM;
    fds[0] = (struct pollfd){.fd = turns, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = c->cancel_fd, .events = POLLIN};
    while (read(turns, &one, sizeof(one)) < 0) {
        uint64_t now = bus_call_end(0);

        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        if (now >= c->end)
            return -ETIMEDOUT;
        if (poll(fds, 2, (int)((c->end - now) / 1000) + 1) < 0 && errno != EINTR)
            return -errno;
        if (fds[1].revents)
            return -ECANCELED;
    }
    return 0;
}

static void turn_give(void)
{
    const uint64_t one = 1;

    while (write(turns, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* --- The conversation ------------------------------------------------------------------------- */

/* The answer, or the error that it is, with what it says in reason. */
static int call(const Conversation *c, sd_bus_message *message, sd_bus_message **ret, char *reason)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    /* Nobody starts poold for this. */
    int r = sd_bus_message_set_auto_start(message, 0);

    if (r >= 0)
        r = bus_call(c->bus, message, c->cancel_fd, c->end, &error, ret);
    if (error.name)
        (void)snprintf(reason, VERDICT_REASON_SIZE, "%s",
                       error.message ? error.message : error.name);
    return r;
}

static int append_question(sd_bus_message *m, const VerdictQuestion *question)
{
    _cleanup_close_ int fd = memfd_new_sealed("certificates", question->pem, strlen(question->pem));
    int r = fd < 0 ? fd : sd_bus_message_append(m, "h", fd);

    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "{sv}");
    if (r >= 0)
        r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}", "trustpoint", "s", question->trustpoint,
                                  "own", "s", question->is_received ? "received" : "held",
                                  "lenient", "b", 1, "legacy", "b", question->legacy);
    if (r >= 0 && question->at > 0)
        r = sd_bus_message_append(m, "{sv}", "time", "t", (uint64_t)question->at);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int start(const Conversation *c, const VerdictQuestion *question, char **ret, char *reason)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *reply = NULL;
    const char *job;
    int r;

    r = sd_bus_message_new_method_call(c->bus, &message, TRUSTPOOL_NAME, TRUSTPOOL_PATH,
                                       TRUSTPOOL_NAME, "Verify");
    if (r >= 0)
        r = append_question(message, question);
    if (r >= 0)
        r = call(c, message, &reply, reason);
    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &job);
    if (r < 0)
        return r;
    *ret = strdup(job);
    return *ret ? 0 : -ENOMEM;
}

static int read_result(sd_bus_message *m, Verdict *ret)
{
    const char *name, *word = "", *reason = "", *problem = NULL, *type;
    uint32_t depth = 0;
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        r = sd_bus_message_read_basic(m, 's', &name);
        if (r >= 0)
            r = sd_bus_message_peek_type(m, NULL, &type);
        if (r < 0)
            break;
        if (streq(name, "verdict") && streq(type, "s"))
            r = sd_bus_message_read(m, "v", "s", &word);
        else if (streq(name, "reason") && streq(type, "s"))
            r = sd_bus_message_read(m, "v", "s", &reason);
        else if (streq(name, "problem") && streq(type, "s"))
            r = sd_bus_message_read(m, "v", "s", &problem);
        else if (streq(name, "depth") && streq(type, "u"))
            r = sd_bus_message_read(m, "v", "u", &depth);
        else
            r = sd_bus_message_skip(m, "v");
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r < 0 ? r : verdict_set(ret, word, reason, depth, problem);
}

static int wait_for_job(const Conversation *c, const char *job, Verdict *ret, char *reason)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *reply = NULL;
    int r = sd_bus_message_new_method_call(c->bus, &message, TRUSTPOOL_NAME, job, JOB_INTERFACE,
                                           "Wait");

    if (r >= 0)
        r = call(c, message, &reply, reason);
    return r < 0 ? r : read_result(reply, ret);
}

static int converse(const Conversation *c, const VerdictQuestion *question, Verdict *ret,
                    char *reason)
{
    _cleanup_free_ char *job = NULL;
    int r = start(c, question, &job, reason);

    return r < 0 ? r : wait_for_job(c, job, ret, reason);
}

static int ask(Conversation *c, const VerdictQuestion *question, Verdict *ret, char *reason)
{
    _cleanup_(worker_bus_givep) sd_bus *bus = NULL;
    int r = worker_bus_take(&bus);

    c->bus = bus;
    return r < 0 ? r : converse(c, question, ret, reason);
}

int verdict_ask(const VerdictQuestion *question, int cancel_fd, Verdict *ret, char *reason)
{
    Conversation c = {.cancel_fd = cancel_fd,
                      .end =
                          bus_call_end(question->is_received ? SHORT_TIMEOUT_USEC : TIMEOUT_USEC)};
    int r;

    reason[0] = '\0';
    r = turn_take(&c);
    if (r >= 0) {
        r = ask(&c, question, ret, reason);
        turn_give();
    }
    if (r < 0 && !reason[0])
        (void)snprintf(reason, VERDICT_REASON_SIZE, "%s", strerror(-r));
    return r < 0 ? r : 0;
}
