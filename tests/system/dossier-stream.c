/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: callers of dossierd that do not behave. Prints how the job ended: "ok BYTES", or the
 * error's name and message. The first argument says what to do:
 *
 *     device, read-end, selector, nonce   arguments that are refused
 *     reader-gone, cancel                 a dossier that nobody reads
 *     many                                one collection more at a time than is allowed
 *     sign MEBIBYTES                      an envelope around that many zero bytes
 *     good                                a dossier in a memory file
 *     seal NONCE < payload                an envelope around any bytes, on standard output: what
 * anyone who holds crypto execute can have signed
 *     slow-seal NONCE < payload           the same, and says "Reading" on standard error as soon as
 * dossierd waits for the payload */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <systemd/sd-bus.h>

#include "cleanup.h"

#define NAME "org.chancery.Dossier1"
#define PATH "/org/chancery/Dossier1"
#define JOB_INTERFACE "org.chancery.Job1"

static sd_bus *bus;

static int report(const sd_bus_error *error)
{
    (void)printf("%s %s\n", error->name, error->message);
    return EXIT_SUCCESS;
}

/* The job's path, or NULL when the call was refused, which is printed. */
static char *start(sd_bus_message *call)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *job;

    if (sd_bus_call(bus, call, 0, &error, &reply) < 0) {
        (void)report(&error);
        return NULL;
    }
    return sd_bus_message_read(reply, "o", &job) < 0 ? NULL : strdup(job);
}

/* Nothing of ours holds the output afterwards: the message, which has a copy of it, is gone too. */
static char *collect(int output, const char *selector, const char *nonce)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;

    if (sd_bus_message_new_method_call(bus, &call, NAME, PATH, NAME, "Collect") < 0 ||
        sd_bus_message_append(call, "asa{sv}h", 1, selector, 1, "nonce", "s", nonce, output) < 0)
        return NULL;
    return start(call);
}

static int wait_job(const char *job)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *name;
    uint64_t bytes;

    if (!job)
        return EXIT_SUCCESS;
    if (sd_bus_call_method(bus, NAME, job, JOB_INTERFACE, "Wait", &error, &reply, "") < 0)
        return report(&error);
    /* The first entry; there may be more. */
    if (sd_bus_message_enter_container(reply, 'a', "{sv}") < 0 ||
        sd_bus_message_read(reply, "{sv}", &name, "t", &bytes) < 0 || !streq(name, "bytes"))
        return EXIT_FAILURE;
    (void)printf("ok %llu\n", (unsigned long long)bytes);
    return EXIT_SUCCESS;
}

static int unread(bool cancel)
{
    _cleanup_free_ char *job = NULL;
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return EXIT_FAILURE;
    /* A small dossier would fit into an ordinary pipe, and its job end without a reader. */
    (void)fcntl(fds[1], F_SETPIPE_SZ, 4096);
    if (!cancel)
        (void)close(fds[0]);
    job = collect(fds[1], "packages", "7");
    if (cancel && job)
        (void)sd_bus_call_method(bus, NAME, job, JOB_INTERFACE, "Cancel", NULL, NULL, "");
    return wait_job(job);
}

static int sign(const char *mebibytes)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    _cleanup_close_ int input = memfd_create("input", MFD_CLOEXEC),
                        output = memfd_create("output", MFD_CLOEXEC);
    _cleanup_free_ char *job = NULL;

    if (ftruncate(input, (off_t)strtoul(mebibytes, NULL, 10) << 20) < 0 ||
        sd_bus_message_new_method_call(bus, &call, NAME, PATH, NAME, "Sign") < 0 ||
        sd_bus_message_append(call, "ha{sv}h", input, 1, "nonce", "s", "7", output) < 0)
        return EXIT_FAILURE;
    job = start(call);
    return wait_job(job);
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    bool *is_reading = userdata;
    uint32_t percent;
    const char *text;

    if (sd_bus_message_is_signal(m, JOB_INTERFACE, "Progress") > 0 &&
        sd_bus_message_read(m, "us", &percent, &text) >= 0 && streq(text, "Reading"))
        *is_reading = true;
    return 0;
}

static int wait_reading(const bool *is_reading)
{
    while (!*is_reading) {
        int r = sd_bus_process(bus, NULL);

        if (r < 0 || (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0))
            return -EIO;
    }
    (void)fprintf(stderr, "Reading\n");
    return 0;
}

/* Standard input and output are pipes, as sshd's are: dossierd takes them as they are. */
static int seal(const char *nonce, bool is_slow)
{
    bool is_reading = false;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    _cleanup_free_ char *job = NULL;

    if (sd_bus_add_filter(bus, NULL, on_message, &is_reading) < 0 ||
        sd_bus_message_new_method_call(bus, &call, NAME, PATH, NAME, "Sign") < 0 ||
        sd_bus_message_append(call, "ha{sv}h", STDIN_FILENO, 2, "nonce", "s", nonce,
                              "include-certificate", "b", 1, STDOUT_FILENO) < 0)
        return EXIT_FAILURE;
    job = start(call);
    if (job && is_slow && wait_reading(&is_reading) < 0)
        return EXIT_FAILURE;
    if (job && sd_bus_call_method(bus, NAME, job, JOB_INTERFACE, "Wait", &error, NULL, "") >= 0)
        return EXIT_SUCCESS;
    if (job)
        (void)fprintf(stderr, "%s %s\n", error.name, error.message);
    return EXIT_FAILURE;
}

static int many(void)
{
    for (int i = 0; i < 17; i++) {
        _cleanup_free_ char *job = NULL;
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
            return EXIT_FAILURE;
        /* A small dossier would fit into an ordinary pipe, and its job end without a reader. */
        (void)fcntl(fds[1], F_SETPIPE_SZ, 4096);
        job = collect(fds[1], "packages", "7");
        if (!job)
            return EXIT_SUCCESS;
    }
    (void)printf("ok 0\n");
    return EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
    _cleanup_close_ int device = open("/dev/null", O_RDWR | O_CLOEXEC),
                        memory = memfd_create("output", MFD_CLOEXEC);
    const char *mode = argc > 1 ? argv[1] : "";
    _cleanup_free_ char *job = NULL;
    int fds[2];

    if (sd_bus_open_system(&bus) < 0 ||
        sd_bus_set_method_call_timeout(bus, 200 * UINT64_C(1000000)) < 0 ||
        pipe2(fds, O_CLOEXEC) < 0)
        return EXIT_FAILURE;
    /* As in many(). */
    (void)fcntl(fds[1], F_SETPIPE_SZ, 4096);
    if (streq(mode, "sign") && argc == 3)
        return sign(argv[2]);
    if ((streq(mode, "seal") || streq(mode, "slow-seal")) && argc == 3)
        return seal(argv[2], streq(mode, "slow-seal"));
    if (streq(mode, "many"))
        return many();
    if (streq(mode, "reader-gone") || streq(mode, "cancel"))
        return unread(streq(mode, "cancel"));
    if (streq(mode, "device"))
        job = collect(device, "packages", "7");
    else if (streq(mode, "read-end"))
        job = collect(fds[0], "packages", "7");
    else if (streq(mode, "selector"))
        job = collect(memory, "filesystem", "7");
    else if (streq(mode, "nonce"))
        job = collect(memory, "packages", "7\x1b[2J");
    else if (streq(mode, "good"))
        job = collect(memory, "packages", "7");
    else
        return EXIT_FAILURE;
    return wait_job(job);
}
