/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate has to be for before the one who shows it is believed: "extended-key-usage
 * match" of a trustpoint. */
#pragma once

#include <openssl/types.h>
#include <stdbool.h>

typedef enum PeerUsage {
    PEER_USAGE_ANY, /* nothing is asked */
    PEER_USAGE_SERVER_AUTH,
    PEER_USAGE_CLIENT_AUTH,
    _PEER_USAGE_MAX,
} PeerUsage;

/* "server-auth", "client-auth"; NULL for any. */
const char *peer_usage_name(PeerUsage usage);
/* -EINVAL for what is none; any has no name. */
int peer_usage_from_name(const char *name, PeerUsage *ret);
/* Does the certificate name this usage? One without the extension, or for anything at all
 * (anyExtendedKeyUsage), does not. */
bool peer_usage_matches(PeerUsage usage, X509 *certificate);
/* The sentence, without its end, for one that does not. */
const char *peer_usage_reason(PeerUsage usage);
