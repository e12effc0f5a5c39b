/* SPDX-License-Identifier: Apache-2.0 */
/* The channel of keyd/PROTOCOL.md: what both ends know of it, and the client's end. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CHANNEL_HEADER_SIZE 8U
#define CHANNEL_INLINE_MAX 8192U
#define CHANNEL_SIGNATURE_MAX 1024U
#define CHANNEL_IN_FLIGHT_MAX 64U
#define CHANNEL_REASON_SIZE 256U

enum {
    CHANNEL_SIGN = 1,
    CHANNEL_SIGN_FILE = 2,
    CHANNEL_SIGNATURE = 101,
    CHANNEL_REFUSAL = 102,
};

/* The second byte of a refusal. */
enum {
    CHANNEL_FAILED = 1,
    CHANNEL_MALFORMED = 2,
    CHANNEL_REFUSED = 3,
    CHANNEL_TOO_LARGE = 4,
};

static inline void channel_header(uint8_t header[static CHANNEL_HEADER_SIZE], unsigned type,
                                  unsigned detail, uint32_t id)
{
    header[0] = (uint8_t)type;
    header[1] = (uint8_t)detail;
    header[2] = header[3] = 0;
    header[4] = (uint8_t)(id >> 24);
    header[5] = (uint8_t)(id >> 16);
    header[6] = (uint8_t)(id >> 8);
    header[7] = (uint8_t)id;
}

/* The byte that stands for a digest in a request; -1 for what is none. */
static inline int channel_digest(const char *name)
{
    static const char *const names[] = {"",           "sha256",     "sha384",    "sha512",
                                        "sha256-pss", "sha384-pss", "sha512-pss"};

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

static inline uint32_t channel_id(const uint8_t header[static CHANNEL_HEADER_SIZE])
{
    return (uint32_t)header[4] << 24 | (uint32_t)header[5] << 16 | (uint32_t)header[6] << 8 |
           header[7];
}

/* For a client that has one request under way at a time: has the content of a memory file signed,
 * and waits for it. digest: as on the bus. The caller owns *ret_signature. -ECONNRESET: the channel
 * has ended; -EPERM: keyd refuses; -ETIMEDOUT, after which the channel is to be closed; -EINVAL,
 * -EBADMSG, -ENOMEM. Then reason says why. */
int channel_sign(int fd, const char *digest, int to_be_signed, void **ret_signature,
                 size_t *ret_size, char reason[static CHANNEL_REASON_SIZE]);
