/* SPDX-License-Identifier: Apache-2.0 */
#include "render-certificate.h"

#include "json-util.h"
#include "render-fields.h"

void render_new_certificate(FILE *f, const CertificateView *c)
{
    render_field(f, "Serial Number : ", c->serial_number);
    render_field(f, "Subject:\n", c->subject);
    render_field(f, "Issued By :\n", c->issuer);
    render_time_field(f, "Validity Start : ", c->not_before);
    render_time_field(f, "Validity End : ", c->not_after);
    render_field(f, "SHA1 Fingerprint:\n", c->sha1_fingerprint);
}

void render_trustpoint_head(FILE *f, const char *trustpoint)
{
    render_field(f, "Trustpoint : ", trustpoint);
    (void)fputs("=====\n", f);
}

static void crl_points_body(FILE *f, const CertificateView *c)
{
    if (c->crl_points[0])
        (void)fputs("CRL Distribution Point\n", f);
    for (size_t i = 0; c->crl_points[i]; i++)
        render_field(f, "    ", c->crl_points[i]);
}

static void certificate_body(FILE *f, const CertificateView *c)
{
    render_field(f, "Subject:\n    ", c->subject);
    render_field(f, "Issued By      :\n    ", c->issuer);
    render_time_field(f, "Validity Start : ", c->not_before);
    render_time_field(f, "Validity End   : ", c->not_after);
    crl_points_body(f, c);
    render_field(f, "SHA1 Fingerprint:\n    ", c->sha1_fingerprint);
}

/* The CA's serial number has one blank more before its colon than the router's, as on the router.
 */
void render_certificate(FILE *f, const CertificateView *c)
{
    if (streq(c->role, "ca") || streq(c->role, "rollover")) {
        (void)fputs(streq(c->role, "ca") ? "CA certificate\n" : "CA certificate (rollover)\n", f);
        render_field(f, "Serial Number   : ", c->serial_number);
    } else {
        (void)fputs("Router certificate\n", f);
        render_field(f, "Key usage      : ", c->key_usage);
        render_field(f, "Status         : ", c->status);
        render_field(f, "Serial Number  : ", c->serial_number);
    }
    certificate_body(f, c);
}

void render_trustpoint_foot(FILE *f, const char *trustpoint)
{
    render_field(f, "Associated Trustpoint: ", trustpoint);
}

static json_object *crl_points_json(const CertificateView *c)
{
    json_object *array = json_object_new_array();

    for (size_t i = 0; c->crl_points[i]; i++)
        (void)json_object_array_add(array, json_object_new_string(c->crl_points[i]));
    return array;
}

json_object *render_certificate_json(const CertificateView *c)
{
    json_object *o = json_object_new_object();

    render_json_string(o, "trustpoint", c->trustpoint);
    render_json_string(o, "role", c->role);
    render_json_string(o, "key-usage", c->key_usage);
    render_json_string(o, "status", c->status);
    render_json_string(o, "serial-number", c->serial_number);
    render_json_string(o, "subject", c->subject);
    render_json_string(o, "issuer", c->issuer);
    json_object_object_add(o, "not-before", json_object_new_int64(c->not_before));
    json_object_object_add(o, "not-after", json_object_new_int64(c->not_after));
    render_json_string(o, "sha1-fingerprint", c->sha1_fingerprint);
    render_json_string(o, "sha256-fingerprint", c->sha256_fingerprint);
    json_object_object_add(o, "crl-distribution-points", crl_points_json(c));
    render_json_base64(o, "certificate", c->data, c->data_size);
    return o;
}

#define PEM_LINE 64

void render_certificate_detail(FILE *f, const CertificateView *c)
{
    _cleanup_free_ char *text = base64_encode(c->data, c->data_size);
    size_t length = text ? strlen(text) : 0;

    render_field(f, "SHA256 Fingerprint:\n    ", c->sha256_fingerprint);
    (void)fputs("-----BEGIN CERTIFICATE-----\n", f);
    for (size_t i = 0; i < length; i += PEM_LINE)
        fprintf(f, "%.*s\n", PEM_LINE, text + i);
    (void)fputs("-----END CERTIFICATE-----\n", f);
}

void render_trustpoint(FILE *f, const TrustpointView *t)
{
    render_trustpoint_head(f, t->name);
    render_field(f, "Enrollment     : ", t->method);
    render_field(f, "State          : ", t->state);
    render_field(f, "Next step      : ", t->detail);
    if (t->warning && *t->warning)
        render_field(f, "Warning        : ", t->warning);
    if (t->next_attempt > 0)
        render_time_field(f,
                          streq(t->state, "enrolled") ? "Next renewal   : " : "Next attempt   : ",
                          t->next_attempt);
}

json_object *render_trustpoint_json(const TrustpointView *t)
{
    json_object *o = json_object_new_object();

    render_json_string(o, "trustpoint", t->name);
    render_json_string(o, "enrollment", t->method);
    render_json_string(o, "state", t->state);
    render_json_string(o, "next-step", t->detail);
    if (t->warning && *t->warning)
        render_json_string(o, "warning", t->warning);
    if (t->next_attempt > 0)
        json_object_object_add(o, "next-attempt", json_object_new_int64(t->next_attempt));
    return o;
}
