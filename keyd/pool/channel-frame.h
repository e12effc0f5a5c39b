/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one packet of a client on a channel; see PROTOCOL.md. */
#pragma once

#include <stdbool.h>

#include "algorithm.h"
#include "keyd-channel.h"

typedef struct ChannelRequest {
    uint32_t id;
    Digest digest;
    bool in_file;  /* what is to be signed is in the descriptor */
    DerSpan input; /* else it is here, inside the packet */
} ChannelRequest;

/* -EBADMSG when it is not a request, after which nothing of this client can be believed. */
int channel_request_parse(const uint8_t *packet, size_t size, size_t n_fds, ChannelRequest *ret);
