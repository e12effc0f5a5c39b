/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as the router prints them, and one summary that all daemons share. */
#pragma once

#include "openssl-util.h"

/* What is shown of a certificate. Strings are UTF-8 without control characters. */
typedef struct CertificateSummary {
    char *serial_number; /* "0B:62" */
    char *subject;       /* RFC 4514 order: last RDN first, separated by "," */
    char *issuer;
    int64_t not_before; /* seconds since the epoch; dates beyond year 9999 are refused */
    int64_t not_after;
    char sha1_fingerprint[41]; /* upper-case hex */
    char sha256_fingerprint[65];
} CertificateSummary;

int certificate_summarize(X509 *certificate, CertificateSummary *ret);
void certificate_summary_done(CertificateSummary *s);

/* The parts of it, for what is no certificate. The caller owns the texts. */
int x509_name_render(const X509_NAME *name, char **ret);
int x509_serial_render(const ASN1_INTEGER *serial, char **ret);
int x509_time_read(const ASN1_TIME *when, int64_t *ret);

/* Where the certificate says that its CRL is: URLs, and names in a directory, as texts in an array
 * that ends with NULL. At most X509_CRL_POINTS_MAX. */
#define X509_CRL_POINTS_MAX 16U
int x509_crl_points_render(const X509 *certificate, char ***ret);
void x509_crl_points_free(char **points);

/* Exactly one DER certificate of at most max bytes, nothing after it. -EBADMSG, -EMSGSIZE. */
#define CERTIFICATE_SIZE_MAX 65536U
int certificate_parse(const void *der, size_t size, X509 **ret);
int certificate_encode(X509 *certificate, void **ret_der, size_t *ret_size);

/* Parses a configured subject ("CN=lab1-ads,C=US,ST=CA,L=San Jose") into a name in that order; "\,"
 * is a comma. -EINVAL with *ret_reason (static) for what cannot be one: unknown attribute types,
 * empty values, values over their upper bounds (RFC 5280 appendix A.1), more than 64 RDNs. */
int subject_parse(const char *text, X509_NAME **ret, const char **ret_reason);
