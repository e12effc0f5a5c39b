/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL in the process itself: the context is kept, as a program that signs often does. */
#include "bench-sign.h"

typedef struct State {
    const BenchTask *task;
    EVP_MD_CTX *context;
    const EVP_MD *md;
} State;

static void prepare(BenchTask *task)
{
    task->key = bench_generate(task->algorithm);
    if (!task->key)
        bench_fail("no key");
    bench_make_request(task->key, &task->input);
}

static void *state_new(const BenchTask *task)
{
    State *s = calloc(1, sizeof *s);

    s->task = task;
    s->context = EVP_MD_CTX_new();
    s->md = strcmp(task->algorithm, "ed25519") == 0 ? NULL : EVP_sha256();
    return s;
}

static unsigned long state_sign(void *data)
{
    State *s = data;
    uint8_t signature[1024];
    size_t size = sizeof signature;

    if (EVP_DigestSignInit(s->context, NULL, s->md, NULL, s->task->key) != 1 ||
        EVP_DigestSign(s->context, signature, &size, s->task->input.data, s->task->input.size) != 1)
        bench_fail("OpenSSL does not sign");
    return 1;
}

const BenchSigner bench_openssl = {"openssl", 0, prepare, state_new, state_sign, NULL};
