/* SPDX-License-Identifier: Apache-2.0 */
/* Trustpoints and their certificates, as the router shows them. */
#pragma once

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

#define RENDER_CRL_POINTS_MAX 16U

typedef struct CertificateView {
    const char *trustpoint, *role, *key_usage, *status;
    const char *serial_number, *subject, *issuer, *sha1_fingerprint, *sha256_fingerprint;
    int64_t not_before, not_after;
    const char *crl_points[RENDER_CRL_POINTS_MAX + 1]; /* up to the first NULL */
    const uint8_t *data;
    size_t data_size;
} CertificateView;

/* What authenticate and enroll print. */
void render_new_certificate(FILE *f, const CertificateView *c);
/* show crypto ca certificates: heading, certificates, foot. */
void render_trustpoint_head(FILE *f, const char *trustpoint);
void render_certificate(FILE *f, const CertificateView *c);
void render_trustpoint_foot(FILE *f, const char *trustpoint);
json_object *render_certificate_json(const CertificateView *c);

/* What detail adds. */
void render_certificate_detail(FILE *f, const CertificateView *c);

typedef struct TrustpointView {
    const char *name, *method, *state, *detail, *warning;
    int64_t next_attempt; /* seconds; 0 for none */
} TrustpointView;
void render_trustpoint(FILE *f, const TrustpointView *t);
json_object *render_trustpoint_json(const TrustpointView *t);
