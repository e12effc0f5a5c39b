/* SPDX-License-Identifier: Apache-2.0 */
/* CA certificates, and ordered lists of them. An Authority never changes after it was made, so that
 * several lists, and several threads, may hold it; nor does a list that more than one holds. */
#pragma once

#include <stdbool.h>

#include "openssl-util.h"
#include "x509-render.h"

#define AUTHORITY_DIGEST_SIZE 32U

typedef struct Authority {
    CertificateSummary summary;
    void *der;
    size_t der_size;
    X509 *certificate;                         /* the same; NULL where memory counts */
    uint8_t digest[AUTHORITY_DIGEST_SIZE];     /* SHA-256 of the certificate */
    uint8_t key_digest[AUTHORITY_DIGEST_SIZE]; /* SHA-256 of its subjectPublicKeyInfo */
    X509_NAME *subject;
    unsigned long subject_hash; /* of the canonical form: unequal hashes are unequal names */
    unsigned rsa_bits;          /* 0 when the key is of another kind */
    unsigned security_bits;     /* of the key, 0 when unknown */
    bool is_ca, is_v1_root;
    /* What it has issued for servers after this moment is not believed; 0: all of it is. Set while
     * the built-in ones are read, and never again. */
    int64_t distrust_after;
    unsigned references; /* atomic */
} Authority;

/* Why a certificate is not taken. */
typedef enum AuthorityRejection {
    AUTHORITY_MALFORMED,
    AUTHORITY_NOT_CA,
    AUTHORITY_EXPIRED,
    AUTHORITY_WEAK,
    AUTHORITY_DUPLICATE,
    _AUTHORITY_REJECTION_MAX,
} AuthorityRejection;

/* "expired" and the like, for a sentence with a number before it; and for programs. */
const char *authority_rejection_to_string(AuthorityRejection rejection);
const char *authority_rejection_to_word(AuthorityRejection rejection);

typedef struct AuthorityList AuthorityList;

typedef struct AuthorityRules {
    bool allow_v1; /* self-signed version 1 roots, which cannot say that they are CAs */
    bool allow_expired;
    bool refuse_weak;           /* see authority_is_weak() */
    int64_t now;                /* seconds since the epoch */
    const AuthorityList *known; /* need not be parsed again; may be NULL */
} AuthorityRules;

/* Returns 0, -ENOMEM, or -EBADMSG for what is no certificate. */
int authority_new(const void *der, size_t size, Authority **ret);
/* Its certificate, for the caller to free. */
int authority_parse(const Authority *authority, X509 **ret);
Authority *authority_ref(Authority *authority);
Authority *authority_free(Authority *authority);
DEFINE_TRIVIAL_CLEANUP_FUNC(Authority *, authority_free);

bool authority_same_subject(const Authority *a, const Authority *b);
/* "crypto ca rsa 1024 disable": an RSA modulus of 1024 bits or less. */
bool authority_is_weak(const Authority *authority);

/* One certificate that was not taken. */
typedef struct AuthorityReport {
    AuthorityRejection reason;
    size_t number;        /* of the certificate in its bundle, from 1 */
    Authority *authority; /* NULL when it does not parse */
} AuthorityReport;

/* How many of them are kept; the rest is counted only. */
#define AUTHORITY_REPORTS_MAX 1000U

struct AuthorityList {
    Authority **items;
    size_t n, n_allocated;
    uint32_t *slots; /* open hash of item numbers + 1, by digest */
    size_t n_slots;
    /* Chains of item numbers + 1, by subject: as many may share one as a bundle likes. */
    uint32_t *subject_heads, *subject_next;
    size_t seen;
    size_t rejected[_AUTHORITY_REJECTION_MAX];
    AuthorityReport *reports;
    size_t n_reports;
    unsigned references; /* atomic */
};

AuthorityList *authority_list_new(void);
/* Nobody changes the list from then on. */
const AuthorityList *authority_list_ref(const AuthorityList *list);
/* For one of several holders; NULL is fine. */
const AuthorityList *authority_list_unref(const AuthorityList *list);
DEFINE_TRIVIAL_CLEANUP_FUNC(const AuthorityList *, authority_list_unref);
AuthorityList *authority_list_free(AuthorityList *list);
DEFINE_TRIVIAL_CLEANUP_FUNC(AuthorityList *, authority_list_free);

/* Adds the certificate, or counts and reports why not. Returns 0 or -ENOMEM. */
int authority_list_add(AuthorityList *list, const void *der, size_t size,
                       const AuthorityRules *rules);
/* The same for one that is parsed and not to be parsed again: the list holds it, too. */
int authority_list_add_parsed(AuthorityList *list, X509 *certificate, const AuthorityRules *rules);
/* Counts one that cannot even be read. Returns 0 or -ENOMEM. */
int authority_list_add_malformed(AuthorityList *list);
/* Takes one that has been judged elsewhere; 0 also when it is there already. */
int authority_list_append(AuthorityList *list, const Authority *authority);
/* Adds all items of the other list that are not there yet; both hold them then. Returns 0 or
 * -ENOMEM. */
int authority_list_join(AuthorityList *list, const AuthorityList *other);
Authority *authority_list_find(const AuthorityList *list,
                               const uint8_t digest[AUTHORITY_DIGEST_SIZE]);
/* Those with this subject, one after the other: *at is 0 at first, and the place afterwards. hash:
 * of the name, see authority_hash_name(). NULL behind the last. */
const Authority *authority_list_next_named(const AuthorityList *list, const X509_NAME *name,
                                           unsigned long hash, size_t *at);
/* 0 or -ENOMEM. */
int authority_hash_name(const X509_NAME *name, unsigned long *ret);
size_t authority_list_rejected(const AuthorityList *list);
/* "3 expired, 1 without CA rights"; empty when none was rejected. The caller owns the text; NULL
 * when out of memory. */
char *authority_list_describe_rejected(const AuthorityList *list);
