/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that nobody sits at end by themselves: "line default". Only those at a terminal; a
 * command over ssh ends when it is done. */
#include "cli-timeout.h"

#include <inttypes.h>
#include <poll.h>
#include <sys/signalfd.h>

#include "cli-bus.h"
#include "cli-output.h"
#include "clock.h"
#include "names.h"

static uint32_t get_seconds(Cli *cli, const char *property, uint32_t fallback)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    uint32_t seconds;

    if (cli_call(cli, POLICY_NAME, POLICY_PATH, "org.freedesktop.DBus.Properties", "Get", &error,
                 &reply, "ss", POLICY_NAME, property) < 0 ||
        sd_bus_message_read(reply, "v", "u", &seconds) < 0)
        return fallback;
    return seconds;
}

void cli_timeouts_update(Cli *cli)
{
    if (!cli->interactive)
        return;
    cli->exec_timeout = get_seconds(cli, "ExecTimeout", cli->exec_timeout);
    cli->session_timeout = get_seconds(cli, "SessionTimeout", cli->session_timeout);
    if (cli->last_input == 0)
        cli->last_input = clock_usec(CLOCK_MONOTONIC);
}

/* Said later: in the middle of a page there is no place for it. */
static int end_session(Cli *cli, const char *timeout)
{
    cli->leave = true;
    cli->timed_out = timeout;
    return -ETIMEDOUT;
}

void cli_timeout_say(Cli *cli)
{
    if (!cli->timed_out)
        return;
    cli_say(cli, "\n");
    (void)cli_error(cli, ETIMEDOUT, "There was no input for too long (line default %s): good bye",
                    cli->timed_out);
}

/* Until when the session may be without input. */
static uint64_t session_deadline(const Cli *cli)
{
    return cli->interactive && cli->session_timeout > 0
               ? cli->last_input + cli->session_timeout * USEC_PER_SEC
               : UINT64_MAX;
}

uint64_t cli_timeout_left(const Cli *cli)
{
    const uint64_t deadline = session_deadline(cli), now = clock_usec(CLOCK_MONOTONIC);

    return deadline == UINT64_MAX ? UINT64_MAX : deadline > now ? deadline - now : 0;
}

int cli_timeout_check(Cli *cli)
{
    return cli_timeout_left(cli) > 0 || cli->leave ? 0 : end_session(cli, "session-timeout");
}

/* In milliseconds for poll(), rounded up; in steps, so that nothing overflows. */
static int poll_time(uint64_t deadline, uint64_t now)
{
    const uint64_t left = deadline > now ? (deadline - now + 999U) / 1000U : 0;

    return deadline == UINT64_MAX ? -1 : left > 60000U ? 60000 : (int)left;
}

int cli_wait_input(Cli *cli)
{
    const uint64_t exec_deadline =
                       cli->interactive && cli->exec_timeout > 0
                           ? clock_usec(CLOCK_MONOTONIC) + cli->exec_timeout * USEC_PER_SEC
                           : UINT64_MAX,
                   session = session_deadline(cli),
                   deadline = exec_deadline < session ? exec_deadline : session;
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = cli->resize_fd > 0 ? cli->resize_fd : -1, .events = POLLIN}};

    for (;;) {
        const uint64_t now = clock_usec(CLOCK_MONOTONIC);
        int r = poll(fds, ELEMENTSOF(fds), poll_time(deadline, now));

        if (r > 0 && fds[1].revents) {
            struct signalfd_siginfo si;

            if (read(cli->resize_fd, &si, sizeof(si)) >= 0)
                return 1;
            cli->resize_fd = 0;
            continue;
        }
        if (r > 0) {
            cli->last_input = clock_usec(CLOCK_MONOTONIC);
            return 0;
        }
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r == 0 && clock_usec(CLOCK_MONOTONIC) >= deadline)
            return end_session(cli, exec_deadline < session ? "exec-timeout" : "session-timeout");
    }
}
