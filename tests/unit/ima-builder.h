/* SPDX-License-Identifier: Apache-2.0 */
/* Writes measurement lists as the kernel does. */
#pragma once

#include "test-common.h"

#include <stdbool.h>

typedef struct ImaBuilder {
    uint8_t data[8192];
    size_t size;
} ImaBuilder;

static inline void ima_put(ImaBuilder *b, const void *data, size_t size)
{
    assert_true(size <= sizeof b->data - b->size);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static inline void ima_put_number(ImaBuilder *b, uint32_t value)
{
    ima_put(b, &value, sizeof value);
}

static inline void ima_put_fill(ImaBuilder *b, int fill, size_t size)
{
    uint8_t bytes[64];

    memset(bytes, fill, size);
    ima_put(b, bytes, size);
}

/* One event with a digest of 32 bytes, a name with its zero byte, and for ima-sig a signature of 4
 * bytes. */
static inline void ima_put_event(ImaBuilder *b, const char *template, const char *algorithm,
                                 const char *name, bool violation)
{
    uint32_t digest_size = (uint32_t)strlen(algorithm) + 2 + 32,
             name_size = (uint32_t)strlen(name) + 1;
    uint32_t signature_size = streq(template, "ima-sig") ? 8 : 0;

    ima_put_number(b, 10);
    ima_put_fill(b, violation ? 0 : 0x22, 20);
    ima_put_number(b, (uint32_t)strlen(template));
    ima_put(b, template, strlen(template));
    ima_put_number(b, 4 + digest_size + 4 + name_size + signature_size);
    ima_put_number(b, digest_size);
    ima_put(b, algorithm, strlen(algorithm));
    ima_put(b, ":\0", 2);
    ima_put_fill(b, 0x33, 32);
    ima_put_number(b, name_size);
    ima_put(b, name, name_size);
    if (signature_size > 0) {
        ima_put_number(b, 4);
        ima_put(b, "\3\2\4\1", 4);
    }
}
