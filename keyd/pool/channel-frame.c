/* SPDX-License-Identifier: Apache-2.0 */
#include "channel-frame.h"

#include <errno.h>

static int read_digest(uint8_t code, Digest *ret)
{
    static const Digest digests[] = {DIGEST_NONE,      DIGEST_SHA256,     DIGEST_SHA384,
                                     DIGEST_SHA512,    DIGEST_SHA256_PSS, DIGEST_SHA384_PSS,
                                     DIGEST_SHA512_PSS};

    if (code >= sizeof digests / sizeof digests[0])
        return -EBADMSG;
    *ret = digests[code];
    return 0;
}

int channel_request_parse(const uint8_t *packet, size_t size, size_t n_fds, ChannelRequest *ret)
{
    ChannelRequest request = {0};

    if (size < CHANNEL_HEADER_SIZE || packet[2] != 0 || packet[3] != 0 ||
        read_digest(packet[1], &request.digest) < 0)
        return -EBADMSG;
    request.id = channel_id(packet);
    request.input = (DerSpan){packet + CHANNEL_HEADER_SIZE, size - CHANNEL_HEADER_SIZE};
    switch (packet[0]) {
    case CHANNEL_SIGN:
        if (n_fds != 0 || request.input.size == 0 || request.input.size > CHANNEL_INLINE_MAX)
            return -EBADMSG;
        break;
    case CHANNEL_SIGN_FILE:
        if (n_fds != 1 || request.input.size != 0)
            return -EBADMSG;
        request.in_file = true;
        request.input = (DerSpan){0};
        break;
    default:
        return -EBADMSG;
    }
    *ret = request;
    return 0;
}
