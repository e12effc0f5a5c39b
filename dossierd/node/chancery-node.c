/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-node: asks another node's dossierd once, for the dossierd of this one, which has no
 * network. Started by chancery-node.socket (over ssh) or chancery-node-container.socket, one
 * process for each question; it is two programs, because only the second has privileges, which it
 * gives up before it hears anything from there. It owns nothing; what it reads from there it only
 * carries, and what it means is for chancery-dossierd to find out. */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "atomic-file.h"
#include "json-util.h"
#include "log.h"
#include "node-bus.h"
#include "node-protocol.h"
#include "node-ssh.h"
#include "sandbox.h"
#include "service-program.h"

#define QUESTION_TIMEOUT_MS 30000

static const Sandbox sandbox = {.name = "node", .files_max = 64};

static int read_question(char buffer[static NODE_QUESTION_MAX + 1], size_t *ret_size)
{
    size_t size = 0;

    for (;;) {
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
        int ready = poll(&p, 1, QUESTION_TIMEOUT_MS);
        ssize_t n;

        if (ready <= 0)
            return ready < 0 ? -errno : -ETIMEDOUT;
        n = read(STDIN_FILENO, buffer + size, NODE_QUESTION_MAX + 1 - size);
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        size += (size_t)n;
        if (size > NODE_QUESTION_MAX)
            return -EMSGSIZE;
    }
    *ret_size = size;
    return 0;
}

static int answer(const NodeOutcome *outcome)
{
    static const uint8_t no_more[4] = {0};
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(STDIN_FILENO);
    int r;

    if (!w)
        return -ENOMEM;
    r = write_full(STDIN_FILENO, no_more, sizeof no_more);
    if (r < 0)
        return r;
    json_begin_object(w, NULL);
    if (outcome->code) {
        json_write_string(w, "result-code", outcome->code);
        json_write_string(w, "reason", outcome->reason);
    }
    json_end_object(w);
    return json_writer_finish(w);
}

static int open_ssh(const Question *q, sd_bus *bus, int *ret_errors)
{
    _cleanup_close_ int fd = -EBADF;
    int r = ssh_start(q, &fd, ret_errors);

    if (r >= 0)
        r = sd_bus_set_fd(bus, fd, fd);
    if (r < 0)
        return r;
    (void)TAKE_FD(fd);
    r = sd_bus_set_bus_client(bus, 1);
    /* The bridge would pass descriptors on when its own ends are sockets, and ssh then lose them.
     */
    return r < 0 ? r : sd_bus_negotiate_fds(bus, 0);
}

static void say_unreachable(const Question *q, int errors, NodeOutcome *outcome)
{
    char said[NODE_REASON_SIZE - 64] = "";

    if (errors >= 0)
        ssh_last_words(errors, said, sizeof said);
    outcome->code = "Failed";
    (void)snprintf(outcome->reason, sizeof outcome->reason, "%.40s cannot be reached%s%s",
                   q->container ? q->container : q->host, *said ? ": " : "", said);
}

static int serve(const Question *q)
{
    _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
    _cleanup_close_ int errors = -EBADF;
    NodeOutcome outcome = {.code = NULL};
    int r;

    if (q->container)
        r = sd_bus_open_system_machine(&bus, q->container);
    else {
        r = sd_bus_new(&bus);
        if (r >= 0)
            r = open_ssh(q, bus, &errors);
    }
    if (r < 0) {
        (void)log_error_errno(r, "Failed to start a connection: %m");
        say_unreachable(q, errors, &outcome);
        return answer(&outcome);
    }
    r = sandbox_enter(&sandbox);
    if (r < 0)
        return log_error_errno(r, "Failed to enter the sandbox: %m");
    if (!q->container)
        r = sd_bus_start(bus);
    if (r >= 0)
        r = node_exchange(bus, q, STDIN_FILENO, &outcome);
    if (r == -ECANCELED)
        return r;
    if (r < 0)
        say_unreachable(q, errors, &outcome);
    return answer(&outcome);
}

static int run(void)
{
    char text[NODE_QUESTION_MAX + 1];
    struct stat st;
    Question question;
    size_t size = 0;
    int r;

    if (fstat(STDIN_FILENO, &st) < 0 || !S_ISSOCK(st.st_mode)) {
        log_error("Standard input is no connection of chancery-" NODE_KIND
                  ".socket, which starts this program; see chancery-" NODE_KIND "@(8)");
        return -ENOTSOCK;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    r = read_question(text, &size);
    if (r >= 0)
        r = question_parse(text, size, &question);
    if (r >= 0 && (question.container != NULL) != NODE_IS_CONTAINER) {
        question_done(&question);
        r = -EBADMSG;
    }
    if (r < 0)
        return log_error_errno(r, "Failed to read the question: %m");
    r = serve(&question);
    question_done(&question);
    return r;
}

int main(int argc, char *argv[])
{
    int r = service_arguments(NODE_KIND, "chancery-" NODE_KIND "@",
                              "Asks another node once, for chancery-dossierd.", argc, argv);

    if (r <= 0)
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    log_open(NODE_KIND);
    return run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
