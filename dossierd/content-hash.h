/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of all bytes of something that comes in pieces, and of how it begins: by that it is known
 * again before its end. */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTENT_HASH_SIZE 32U
/* Of the begin. What is smaller has none. */
#define CONTENT_BEGIN_SIZE 65536U

/* To be zeroed. */
typedef struct ContentHash {
    EVP_MD_CTX *all;
    uint64_t size;
    uint8_t begin[CONTENT_HASH_SIZE];
} ContentHash;

int content_hash_init(ContentHash *h);
int content_hash_add(ContentHash *h, const void *data, size_t size);
/* NULL: not that much has come yet. */
const uint8_t *content_hash_begin(const ContentHash *h);
/* Once. */
int content_hash_finish(ContentHash *h, uint8_t ret[CONTENT_HASH_SIZE]);
void content_hash_done(ContentHash *h);
