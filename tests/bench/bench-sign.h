/* SPDX-License-Identifier: Apache-2.0 */
/* Signers that are measured. */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct BenchInput {
    uint8_t *data;
    size_t size;
} BenchInput;

typedef struct BenchTask {
    const char *algorithm; /* rsa2048, rsa4096, p256, ed25519 */
    char **arguments;
    int n_arguments;
    BenchInput input;
    EVP_PKEY *key; /* of bench_openssl */
} BenchTask;

typedef struct BenchSigner {
    const char *name;
    int n_arguments;
    void (*prepare)(BenchTask *task); /* before the clients are forked */
    void *(*open)(const BenchTask *task);
    unsigned long (*sign)(void *state); /* how many signatures came */
    void (*close)(void *state);
} BenchSigner;

extern const BenchSigner bench_openssl;
extern const BenchSigner bench_bus, bench_channel, bench_latency; /* argument: keyd's label */
extern const BenchSigner bench_agent;  /* arguments: socket, file with the SSH public key blob */
extern const BenchSigner bench_pkcs11; /* arguments: module, PIN, label */

_Noreturn void bench_fail(const char *what);
double bench_now(void);
EVP_PKEY *bench_generate(const char *algorithm);
void bench_make_request(EVP_PKEY *key, BenchInput *ret);
