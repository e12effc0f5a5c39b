/* SPDX-License-Identifier: Apache-2.0 */
/* The template of a request (RFC 9908 section 3.4): what an EST server wants in it, with what the
 * router is to fill in left out. No network, no state. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "der.h"
#include "openssl-util.h"

#define EST_TEMPLATE_REASON_SIZE 256U

typedef struct EstTemplate EstTemplate;

/* -EBADMSG for what is none. */
int est_template_new(DerSpan value, EstTemplate **ret);
EstTemplate *est_template_free(EstTemplate *template);
/* challengePassword: of the TLS connection that the request comes over. */
bool est_template_wants_binding(const EstTemplate *template);

/* What the router has, as it is configured. */
typedef struct EstOwn {
    const char *algorithm; /* of keyd */
    uint64_t bits;
    const X509_NAME *subject;
    const char *alternative_names; /* NULL for none */
    unsigned key_usage;            /* KU_*; 0: none is configured */
} EstOwn;

/* The subject and the extensions of the request, which the caller frees. What the server gives is
 * taken, what it leaves open is filled in, and what is configured besides stays. -EOPNOTSUPP with a
 * reason, which says what to configure, when the two contradict each other. */
int est_template_fill(const EstTemplate *template, const EstOwn *own, X509_NAME **ret_subject,
                      STACK_OF(X509_EXTENSION) * *ret_extensions,
                      char reason[EST_TEMPLATE_REASON_SIZE]);
