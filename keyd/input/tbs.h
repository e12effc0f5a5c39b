/* SPDX-License-Identifier: Apache-2.0 */
/* Strict reading of what certificates and requests are signed over. Spans point into the input.
 * Both return 0 or -EBADMSG with a static reason. */
#pragma once

#include "x509-syntax.h"

#define TBS_SIZE_MAX 65536U

/* CertificationRequestInfo, RFC 2986. */
typedef struct TbsRequest {
    DerSpan subject;
    DerSpan public_key;
} TbsRequest;

int tbs_request_parse(DerSpan input, TbsRequest *ret, const char **ret_reason);

/* TBSCertificate, RFC 5280, version 3. */
typedef struct TbsCertificate {
    DerSpan signature_algorithm; /* AlgorithmIdentifier with tag and length */
    DerSpan issuer, subject;
    DerSpan public_key;
    X509Extensions extensions;
} TbsCertificate;

int tbs_certificate_parse(DerSpan input, TbsCertificate *ret, const char **ret_reason);
