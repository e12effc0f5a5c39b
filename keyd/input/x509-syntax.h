/* SPDX-License-Identifier: Apache-2.0 */
/* What is common to the things that X.509 signs: names, public keys, extensions, times. Syntax
 * only, from bounded DER; *ret_reason is a static text that completes "... : ". All return 0 or
 * -EBADMSG. */
#pragma once

#include "der.h"

#define X509_DEPTH_MAX 16U
#define X509_RDNS_MAX 64U

/* The whole of an element: nesting and lengths, to X509_DEPTH_MAX. Comes before everything else. */
int x509_check_element(DerSpan element, const char **ret_reason);

/* Name; *ret_content is what is inside the SEQUENCE. */
int x509_read_name(DerSpan *input, DerSpan *ret_content, const char **ret_reason);

/* SubjectPublicKeyInfo; *ret_element includes tag and length. */
int x509_read_public_key(DerSpan *input, DerSpan *ret_element, const char **ret_reason);

/* Exactly one time, as RFC 5280 section 4.1.2.5 writes it. */
bool x509_is_time(DerSpan input);
/* Validity: two times as RFC 5280 section 4.1.2.5 writes them, in order. */
int x509_read_validity(DerSpan *input, const char **ret_reason);

typedef struct X509Extensions {
    bool is_ca;        /* basicConstraints says so */
    bool signs_others; /* keyUsage has keyCertSign or cRLSign */
} X509Extensions;

/* The content of Extensions. Each at most once, and none that we don't know. */
int x509_check_extensions(DerSpan content, X509Extensions *ret, const char **ret_reason);
