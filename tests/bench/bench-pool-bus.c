/* SPDX-License-Identifier: Apache-2.0 */
/* The trustpool measured from outside, over the bus. */
#include "bench-pool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "cleanup.h"
#include "memfd.h"

#define NAME "org.chancery.TrustPool1"
#define PATH "/org/chancery/TrustPool1"
/* An import of thousands may take longer than the bus waits by default. */
#define WAIT_USEC (300 * 1000000ULL)

static sd_bus *open_bus(void)
{
    sd_bus *bus;

    bench_check(sd_bus_open_system(&bus), "the system bus");
    bench_check(sd_bus_set_method_call_timeout(bus, WAIT_USEC), "the system bus");
    return bus;
}

static sd_bus_message *call(sd_bus *bus, sd_bus_message *m)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply;

    if (sd_bus_call(bus, m, 0, &error, &reply) < 0) {
        (void)fprintf(stderr, "%s: %s\n", sd_bus_message_get_member(m), error.message);
        exit(EXIT_FAILURE);
    }
    sd_bus_message_unref(m);
    return reply;
}

static sd_bus_message *method(sd_bus *bus, const char *path, const char *interface,
                              const char *member)
{
    sd_bus_message *m;

    bench_check(sd_bus_message_new_method_call(bus, &m, NAME, path, interface, member), member);
    return m;
}

/* The answer to the wait for the job that m starts. */
static sd_bus_message *run_job(sd_bus *bus, sd_bus_message *m)
{
    sd_bus_message *reply = call(bus, m), *result;
    const char *path;

    bench_check(sd_bus_message_read(reply, "o", &path), "the job");
    result = call(bus, method(bus, path, "org.chancery.Job1", "Wait"));
    sd_bus_message_unref(reply);
    return result;
}

static void print_job(sd_bus *bus, sd_bus_message *m)
{
    double start = bench_now();

    sd_bus_message_unref(run_job(bus, m));
    printf("%.0f\n", bench_now() - start);
    sd_bus_flush_close_unref(bus);
}

int bench_import(const char *url)
{
    sd_bus *bus = open_bus();
    sd_bus_message *m = method(bus, PATH, NAME, "Import");

    bench_check(sd_bus_message_append(m, "sa{sv}", url, 1, "force", "b", 1), "Import");
    print_job(bus, m);
    return EXIT_SUCCESS;
}

static int make_file(const void *data, size_t size)
{
    int fd = memfd_new("bench");

    bench_check(write(fd, data, size) == (ssize_t)size ? 0 : -EIO, "memory file");
    bench_check(memfd_seal(fd), "memory file");
    return fd;
}

int bench_import_data(const void *data, size_t size)
{
    _cleanup_close_ int fd = make_file(data, size);
    sd_bus *bus = open_bus();
    sd_bus_message *m = method(bus, PATH, NAME, "ImportData");

    bench_check(sd_bus_message_append(m, "ha{sv}", fd, 1, "force", "b", 1), "ImportData");
    print_job(bus, m);
    return EXIT_SUCCESS;
}

int bench_list(const char *fingerprint, unsigned rounds)
{
    sd_bus *bus = open_bus();
    double start = bench_now();

    for (unsigned i = 0; i < rounds; i++) {
        sd_bus_message *m = method(bus, PATH, NAME, "List");

        bench_check(*fingerprint
                        ? sd_bus_message_append(m, "a{sv}", 1, "fingerprint", "s", fingerprint)
                        : sd_bus_message_append(m, "a{sv}", 0),
                    "List");
        sd_bus_message_unref(call(bus, m));
    }
    printf("%.0f\n", (bench_now() - start) / rounds);
    sd_bus_flush_close_unref(bus);
    return EXIT_SUCCESS;
}

/* The list of CRLs, of which there are none. */
int bench_nothing(unsigned rounds)
{
    sd_bus *bus = open_bus();
    double start = bench_now();

    for (unsigned i = 0; i < rounds; i++)
        sd_bus_message_unref(call(bus, method(bus, PATH, NAME, "ListCrls")));
    printf("%.0f\n", (bench_now() - start) / rounds);
    sd_bus_flush_close_unref(bus);
    return EXIT_SUCCESS;
}

/* number: makes it another question each time, so that nothing is known; 0: always the same. */
static bool verify_once(sd_bus *bus, int fd, unsigned number)
{
    sd_bus_message *m = method(bus, PATH, NAME, "Verify"), *reply;
    char host[32];
    const char *name;
    int valid;

    (void)snprintf(host, sizeof host, "%u.bench.example", number);
    bench_check(
        sd_bus_message_append(m, "ha{sv}", fd, 2, "revocation", "s", "none", "name", "s", host),
        "Verify");
    reply = run_job(bus, m);
    bench_check(sd_bus_message_enter_container(reply, 'a', "{sv}"), "the verdict");
    bench_check(sd_bus_message_enter_container(reply, 'e', "sv"), "the verdict");
    bench_check(sd_bus_message_read(reply, "sv", &name, "b", &valid), "the verdict");
    sd_bus_message_unref(reply);
    return streq(name, "valid") && valid;
}

int bench_bus_verify(const void *data, size_t size, double seconds, bool known)
{
    double start = bench_now(), end = start + seconds * 1e6;
    _cleanup_close_ int fd = make_file(data, size);
    sd_bus *bus = open_bus();
    unsigned n = 0;

    for (; bench_now() < end; n++)
        bench_check(verify_once(bus, fd, known ? 0 : n + 1) ? 0 : -EKEYREJECTED, "verdict");
    printf("%.1f\n", n / (bench_now() - start) * 1e6);
    sd_bus_flush_close_unref(bus);
    return EXIT_SUCCESS;
}
