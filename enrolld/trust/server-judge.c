/* SPDX-License-Identifier: Apache-2.0 */
#include "server-judge.h"

#include <openssl/x509_vfy.h>
#include <systemd/sd-bus.h>

#include "bus-call.h"
#include "cleanup.h"
#include "memfd.h"
#include "names.h"
#include "worker-bus.h"

/* poold gives itself a minute, and more where CRLs are given more. */
#define CALL_TIMEOUT_USEC (FETCH_JUDGE_SECONDS * UINT64_C(1000000))

#define NO_CRL "unable to get certificate CRL, and 'crl optional' is not configured"

static int append_staple(sd_bus_message *m, const FetchServer *server)
{
    int r;

    if (!server->staple)
        return 0;
    r = sd_bus_message_open_container(m, 'e', "sv");
    if (r >= 0)
        r = sd_bus_message_append(m, "s", "ocsp");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'v', "ay");
    if (r >= 0)
        r = sd_bus_message_append_array(m, 'y', server->staple, server->staple_size);
    if (r >= 0)
        r = sd_bus_message_close_container(m);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int make_call(sd_bus *bus, const char *trustpoint, const FetchServer *server,
                     sd_bus_message **ret)
{
    _cleanup_close_ int fd =
        memfd_new_sealed("server", server->certificates, server->certificates_size);
    int r = fd < 0 ? fd
                   : sd_bus_message_new_method_call(bus, ret, TRUSTPOOL_NAME, TRUSTPOOL_PATH,
                                                    TRUSTPOOL_NAME, "Verify");

    if (r >= 0)
        r = sd_bus_message_append(*ret, "h", fd);
    if (r >= 0)
        r = sd_bus_message_open_container(*ret, 'a', "{sv}");
    if (r >= 0)
        r = sd_bus_message_append(*ret, "{sv}{sv}{sv}", "purpose", "s", "tls-server", "trustpoint",
                                  "s", trustpoint, "lenient", "b", 1);
    if (r >= 0)
        r = append_staple(*ret, server);
    return r < 0 ? r : sd_bus_message_close_container(*ret);
}

/* Borrowed from the message. */
static int read_verdict(sd_bus_message *m, int *ret_valid, const char **ret_reason,
                        const char **ret_problem)
{
    const char *name;
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
            return r;
        if (streq(name, "valid"))
            r = sd_bus_message_read(m, "v", "b", ret_valid);
        else if (streq(name, "reason"))
            r = sd_bus_message_read(m, "v", "s", ret_reason);
        else if (streq(name, "problem"))
            r = sd_bus_message_read(m, "v", "s", ret_problem);
        else
            r = sd_bus_message_skip(m, "v");
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r;
}

static int refuse(char **ret_reason, const char *reason, const char *problem)
{
    int r = problem ? asprintf(ret_reason, "%s (%s)", reason, problem)
                    : asprintf(ret_reason, "%s", reason);

    return r < 0 ? -ENOMEM : 0;
}

/* Asks, and waits for the job that answers. */
static int ask(sd_bus *bus, const char *trustpoint, const FetchServer *server, int cancel_fd,
               sd_bus_message **ret, sd_bus_error *error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL, *wait = NULL;
    uint64_t end = bus_call_end(CALL_TIMEOUT_USEC);
    const char *job;
    int r = make_call(bus, trustpoint, server, &call);

    if (r >= 0)
        r = bus_call(bus, call, cancel_fd, end, error, &reply);
    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &job);
    if (r >= 0)
        r = sd_bus_message_new_method_call(bus, &wait, TRUSTPOOL_NAME, job, JOB_INTERFACE, "Wait");
    return r < 0 ? r : bus_call(bus, wait, cancel_fd, end, error, ret);
}

int server_judge(void *userdata, const FetchServer *server, int cancel_fd, char **ret_reason)
{
    _cleanup_(worker_bus_givep) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *verdict = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    const char *reason = "the verdict is not known", *problem = NULL;
    int valid = 0, r;

    r = worker_bus_take(&bus);
    if (r < 0)
        return r;
    r = ask(bus, userdata, server, cancel_fd, &verdict, &error);
    if (r == -ECANCELED)
        return r;
    if (r >= 0)
        r = read_verdict(verdict, &valid, &reason, &problem);
    if (r < 0)
        return refuse(ret_reason, error.message ?: strerror(-r), NULL);
    if (!valid && streq(reason, X509_verify_cert_error_string(X509_V_ERR_UNABLE_TO_GET_CRL)))
        reason = NO_CRL;
    return valid ? 1 : refuse(ret_reason, reason, problem);
}
