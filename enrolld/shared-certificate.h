/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as they are kept: each once, because many trustpoints have the same CA, and as they
 * came, because a parsed one takes ten times as much, and of most of them nobody asks more than how
 * long they live. Those that were last parsed stay so for a while. */
#pragma once

#include <stdbool.h>

#include "openssl-util.h"
#include "x509-render.h"

/* What is asked for constantly. */
typedef struct CertificateBrief {
    int64_t not_before, not_after;
    char sha256_fingerprint[65];
    bool is_root; /* it has issued itself */
} CertificateBrief;

typedef struct SharedCertificate {
    const void *der;
    size_t size;
    CertificateBrief brief;
} SharedCertificate;

/* The certificate with these bytes, which nobody changes: the same for all who ask for the same
 * bytes. x509: what certificate_parse() has made of them, where somebody has read them already;
 * else NULL. From any thread. -EBADMSG for what is no certificate. */
int shared_certificate_get(const void *der, size_t size, X509 *x509, const SharedCertificate **ret);
/* For somebody else to have; NULL passes. */
const SharedCertificate *shared_certificate_ref(const SharedCertificate *certificate);
/* To be called by each of them. */
void shared_certificate_put(const SharedCertificate *certificate);

/* As it was parsed, for the caller to release; NULL when out of memory. */
X509 *shared_certificate_x509(const SharedCertificate *certificate);
/* The same for those who read what is written in it and ask nothing of its key, which is nine
 * tenths of the work. */
X509 *shared_certificate_words(const SharedCertificate *certificate);
/* Everything that is shown of it; certificate_summary_done(). */
int shared_certificate_summarize(const SharedCertificate *certificate, CertificateSummary *ret);
/* Nothing stays parsed that nobody has: after work with many of them. */
void shared_certificates_rest(void);
