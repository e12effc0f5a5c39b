/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as they were parsed, each once: many trustpoints have the same CA, and a parsed
 * certificate takes several kilobytes. */
#pragma once

#include "openssl-util.h"
#include "x509-render.h"

typedef struct SharedCertificate {
    X509 *x509;
    void *der;
    size_t size;
    CertificateSummary summary;
} SharedCertificate;

/* The certificate with these bytes, which nobody changes: the same for all who ask for the same
 * bytes. From any thread. -EBADMSG for what is no certificate. */
int shared_certificate_get(const void *der, size_t size, const SharedCertificate **ret);
/* To be called by each of them. */
void shared_certificate_put(const SharedCertificate *certificate);
