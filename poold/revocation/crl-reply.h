/* SPDX-License-Identifier: Apache-2.0 */
/* What servers of CRLs answer: DER, PEM, or the entries of a directory as the network worker writes
 * them down (LDIF, with values in base64). */
#pragma once

#include "der.h"

#define CRL_REPLY_MAX 8U

/* The caller owns all that is in it. */
typedef struct CrlReply {
    void *data[CRL_REPLY_MAX];
    size_t size[CRL_REPLY_MAX];
    size_t n;
} CrlReply;

/* The lists of the answer, which are not looked at. Returns 0 with at least one, -ENOMEM, or
 * -EBADMSG with *ret_reason (static). */
int crl_reply_read(DerSpan body, CrlReply *ret, const char **ret_reason);
void crl_reply_done(CrlReply *reply);
