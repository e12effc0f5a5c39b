/* SPDX-License-Identifier: Apache-2.0 */
/* CA certificates, and ordered lists of them. An Authority never changes after it was made. */
#pragma once

#include <stdbool.h>

#include "openssl-util.h"
#include "x509-render.h"

typedef struct Authority {
    CertificateSummary summary;
    void *der;
    size_t der_size;
    X509_NAME *subject;
    unsigned long subject_hash; /* of the canonical form: unequal hashes are unequal names */
} Authority;

/* Why a certificate is not taken. */
typedef enum AuthorityRejection {
    AUTHORITY_MALFORMED,
    AUTHORITY_NOT_CA,
    AUTHORITY_EXPIRED,
    AUTHORITY_DUPLICATE,
    _AUTHORITY_REJECTION_MAX,
} AuthorityRejection;

/* "expired" and the like, for a sentence with a number before it. */
const char *authority_rejection_to_string(AuthorityRejection rejection);

typedef struct AuthorityRules {
    bool allow_v1;      /* self-signed version 1 roots, which cannot say that they are CAs */
    bool allow_expired;
    int64_t now;        /* seconds since the epoch */
} AuthorityRules;

/* Returns 1 with *ret, 0 with *ret_rejection, or -ENOMEM. */
int authority_new(const void *der, size_t size, const AuthorityRules *rules, Authority **ret,
                  AuthorityRejection *ret_rejection);
Authority *authority_free(Authority *authority);
DEFINE_TRIVIAL_CLEANUP_FUNC(Authority *, authority_free);

bool authority_same_subject(const Authority *a, const Authority *b);

typedef struct AuthorityList {
    Authority **items;
    size_t n;
    size_t rejected[_AUTHORITY_REJECTION_MAX];
} AuthorityList;

AuthorityList *authority_list_new(void);
AuthorityList *authority_list_free(AuthorityList *list);
DEFINE_TRIVIAL_CLEANUP_FUNC(AuthorityList *, authority_list_free);

/* Adds the certificate, or counts why not. Returns 0 or -ENOMEM. */
int authority_list_add(AuthorityList *list, const void *der, size_t size, const AuthorityRules *rules);
/* Moves all items that are new to list from the other one, which keeps the rest. Returns 0 or -ENOMEM. */
int authority_list_take(AuthorityList *list, AuthorityList *from);
size_t authority_list_rejected(const AuthorityList *list);
/* "3 expired, 1 no CA certificate"; empty when none was rejected. The caller owns the text; NULL when out of memory. */
char *authority_list_describe_rejected(const AuthorityList *list);
