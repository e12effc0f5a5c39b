/* SPDX-License-Identifier: Apache-2.0 */
/* One measurement of one signer, for tests/bench/sign; not installed, and no part of ./check.
 *     bench-sign SIGNER ALGORITHM CLIENTS SECONDS [ARGUMENT...]
 * Each client is a process of its own. What is signed is a CertificationRequestInfo. Prints the
 * signatures made per second, or with SIGNER channel-latency the median and the 99th percentile of
 * one signature's time in microseconds. */
#include "bench-sign.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define CLIENTS_MAX 64
#define LATENCIES_MAX 200000U

/* Between the clients. */
typedef struct Shared {
    atomic_int ready;
    atomic_bool go;
    atomic_ulong count;
} Shared;

static const BenchSigner *const signers[] = {&bench_openssl, &bench_bus,   &bench_channel,
                                             &bench_latency, &bench_agent, &bench_pkcs11};

void bench_fail(const char *what)
{
    fprintf(stderr, "bench-sign: %s\n", what);
    exit(EXIT_FAILURE);
}

double bench_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void bench_make_request(EVP_PKEY *key, BenchInput *ret)
{
    X509_REQ *request = X509_REQ_new();
    X509_NAME *name = X509_REQ_get_subject_name(request);
    uint8_t *tbs = NULL;
    int size;

    if (X509_REQ_set_version(request, 0) != 1 || X509_REQ_set_pubkey(request, key) != 1 ||
        X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const uint8_t *)"Example", -1, -1,
                                   0) != 1 ||
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)"router.example", -1,
                                   -1, 0) != 1)
        bench_fail("no request");
    size = i2d_re_X509_REQ_tbs(request, &tbs);
    if (size <= 0)
        bench_fail("no request");
    X509_REQ_free(request);
    *ret = (BenchInput){tbs, (size_t)size};
}

EVP_PKEY *bench_generate(const char *algorithm)
{
    if (strcmp(algorithm, "rsa2048") == 0)
        return EVP_RSA_gen(2048);
    if (strcmp(algorithm, "rsa4096") == 0)
        return EVP_RSA_gen(4096);
    if (strcmp(algorithm, "p256") == 0)
        return EVP_EC_gen("P-256");
    return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

/* --- The loop --------------------------------------------------------------------------------- */

static void client(const BenchSigner *signer, const BenchTask *task, Shared *shared, double seconds)
{
    void *state = signer->open(task);
    unsigned long count = 0;
    double end;

    for (int i = 0; i < 3; i++)
        (void)signer->sign(state);
    atomic_fetch_add(&shared->ready, 1);
    while (!atomic_load(&shared->go))
        usleep(100);
    end = bench_now() + seconds;
    while (bench_now() < end)
        count += signer->sign(state);
    atomic_fetch_add(&shared->count, count);
    if (signer->close)
        signer->close(state);
}

/* Of the clients that have ended; what was made before them is not theirs. */
static double clients_time(void)
{
    struct rusage used;

    (void)getrusage(RUSAGE_CHILDREN, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* Prints signatures per second, and microseconds of the clients' processor time for each. */
static void measure(const BenchSigner *signer, const BenchTask *task, int clients, double seconds)
{
    Shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool failed = false;
    double begin;
    int status;

    for (int i = 0; i < clients; i++)
        if (fork() == 0) {
            client(signer, task, shared, seconds);
            _exit(EXIT_SUCCESS);
        }
    while (atomic_load(&shared->ready) < clients && waitpid(-1, &status, WNOHANG) == 0)
        usleep(1000);
    begin = bench_now();
    atomic_store(&shared->go, true);
    while (wait(&status) > 0)
        failed |= status != 0;
    if (failed || atomic_load(&shared->count) == 0)
        bench_fail("a client failed");
    printf("%.1f %.1f\n", (double)atomic_load(&shared->count) / (bench_now() - begin),
           clients_time() / (double)atomic_load(&shared->count) * 1e6);
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void measure_latency(const BenchSigner *signer, const BenchTask *task, double seconds)
{
    double *latencies = calloc(LATENCIES_MAX, sizeof *latencies), end, begin;
    void *state = signer->open(task);
    size_t n = 0;

    end = bench_now() + seconds;
    while ((begin = bench_now()) < end && n < LATENCIES_MAX) {
        (void)signer->sign(state);
        latencies[n++] = bench_now() - begin;
        /* As callers come, not back to back. */
        usleep(1000);
    }
    qsort(latencies, n, sizeof *latencies, compare);
    printf("%.0f %.0f\n", latencies[n / 2] * 1e6, latencies[n * 99 / 100] * 1e6);
    free(latencies);
}

int main(int argc, char *argv[])
{
    BenchTask task = {0};
    int clients;

    if (argc < 5)
        bench_fail("usage: SIGNER ALGORITHM CLIENTS SECONDS [ARGUMENT...]");
    signal(SIGPIPE, SIG_IGN);
    task.algorithm = argv[2];
    task.arguments = argv + 5;
    task.n_arguments = argc - 5;
    clients = atoi(argv[3]);
    for (size_t i = 0; i < sizeof signers / sizeof signers[0]; i++) {
        if (strcmp(signers[i]->name, argv[1]) != 0)
            continue;
        if (task.n_arguments < signers[i]->n_arguments || clients < 1 || clients > CLIENTS_MAX)
            bench_fail("an argument is missing");
        if (signers[i]->prepare)
            signers[i]->prepare(&task);
        if (strcmp(signers[i]->name, bench_latency.name) == 0)
            measure_latency(signers[i], &task, atof(argv[4]));
        else
            measure(signers[i], &task, clients, atof(argv[4]));
        return EXIT_SUCCESS;
    }
    bench_fail("there is no such signer");
}
