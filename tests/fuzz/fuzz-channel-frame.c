/* SPDX-License-Identifier: Apache-2.0 */
/* A packet of a channel: the first byte says how many descriptors came along. What is taken for a
 * request is exactly what the sender would have written for it. */
#include <stdlib.h>
#include <string.h>

#include "channel-frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t header[CHANNEL_HEADER_SIZE];
    ChannelRequest request;

    if (size == 0 || channel_request_parse(data + 1, size - 1, data[0], &request) < 0)
        return 0;
    channel_header(header, request.in_file ? CHANNEL_SIGN_FILE : CHANNEL_SIGN,
                   (unsigned)request.digest, request.id);
    if (memcmp(header, data + 1, sizeof header) != 0)
        abort();
    if (request.in_file ? data[0] != 1 || size - 1 != sizeof header
                        : data[0] != 0 || request.input.size != size - 1 - sizeof header ||
                              request.input.size > CHANNEL_INLINE_MAX)
        abort();
    return 0;
}
