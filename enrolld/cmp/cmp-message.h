/* SPDX-License-Identifier: Apache-2.0 */
/* CMP (RFC 4210, RFC 9483) over HTTP: where a server is, and which of its answers are handed to
 * OpenSSL. No network, no state. */
#pragma once

#include <stdbool.h>

#include "der.h"

#define CMP_URL_MAX 800U
#define CMP_REPLY_MAX (256U << 10)

/* Could that be a server? -EINVAL with *ret_reason (static). */
int cmp_url_check(const char *url, const char **ret_reason);
/* With a host only, the path is /.well-known/cmp. The caller frees. */
int cmp_url_new(const char *url, char **ret);

/* Is it one message, protected in a way that is good enough, that a CA sends to this client in
 * answer to what it asked, with nothing in it that contradicts that or itself? type: the content
 * type; NULL for none; request: the message as it was sent, which is believed. Whether the
 * protection is right, and whose, is left to OpenSSL. -EBADMSG, -EMSGSIZE or -EKEYREJECTED with
 * *ret_reason (static). */
int cmp_reply_check(const char *type, DerSpan request, DerSpan reply, int64_t now,
                    const char **ret_reason);

/* RFC 4210 section 5.2.3: the bits of PKIFailureInfo. */
#define CMP_FAILURES 27U
extern const char *const cmp_failures[CMP_FAILURES];

/* Of a message that says no and is not protected: why. That is nobody's word, for the eyes of
 * somebody who has no other, and not printable yet. False: it is something else. */
bool cmp_reply_hearsay(DerSpan reply, char *ret, size_t size);
