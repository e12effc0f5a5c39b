/* SPDX-License-Identifier: Apache-2.0 */
#include "render.h"

#include <inttypes.h>
#include <openssl/core_names.h>
#include <time.h>

#include "json-util.h"
#include "openssl-util.h"
#include "output.h"
#include "x509-render.h"

#define HEX_GROUP 4U
#define HEX_LINE 32U

void render_text(FILE *f, const char *text)
{
    _cleanup_free_ char *escaped = NULL;
    size_t size = text ? strlen(text) : 0, partial, n;

    if (!text || !(escaped = malloc(size * 4 + 1)))
        return;
    n = escape_text(escaped, text, size, true, &partial);
    for (size_t i = 0; i < n; i++) {
        if (escaped[i] == '\n')
            (void)fputs("\\x0a", f);
        else if (escaped[i] == '\t')
            (void)fputs("\\x09", f);
        else
            (void)fputc(escaped[i], f);
    }
}

static void field(FILE *f, const char *head, const char *value)
{
    (void)fputs(head, f);
    render_text(f, value);
    (void)fputc('\n', f);
}

static void time_field(FILE *f, const char *head, int64_t seconds)
{
    char text[TIME_TEXT_SIZE];

    fprintf(f, "%s%s\n", head, time_render(seconds, text));
}

/* --- Keys ------------------------------------------------------------------------------------- */

void render_hex(FILE *f, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (i % HEX_LINE == 0 && i > 0)
            (void)fputc('\n', f);
        else if (i % HEX_GROUP == 0 && i > 0)
            (void)fputc(' ', f);
        fprintf(f, "%02X", data[i]);
    }
    if (size > 0)
        (void)fputc('\n', f);
}

/* As in "Type      : RSA General purpose". */
static const char *rsa_usage(const char *usage)
{
    if (streq(usage, "general"))
        return "General purpose";
    if (streq(usage, "signature"))
        return "Signature";
    return streq(usage, "encryption") ? "Encryption" : usage;
}

static bool is_ssh_client(const KeyView *key)
{
    return streq(key->algorithm, "authentication-ssh-rsa");
}

/* "ssh-rsa AAAA...", for ~/.ssh/authorized_keys elsewhere. NULL for what is no RSA key. */
static char *openssh_line(const KeyView *key)
{
    static const char name[] = "ssh-rsa";
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
    _cleanup_(BN_freep) BIGNUM *e = NULL, *n = NULL;
    _cleanup_free_ char *text = NULL;
    const uint8_t *p = key->data;
    uint8_t blob[2048], *q = blob;
    char *line;

    pkey = d2i_PUBKEY(NULL, &p, (long)key->data_size);
    if (!pkey || EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1 ||
        EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
        BN_num_bytes(e) + BN_num_bytes(n) > (int)sizeof blob - 64) {
        ERR_clear_error();
        return NULL;
    }
    /* RFC 4253 section 6.6; an mpint is what BN_bn2mpi() writes. */
    memcpy(q, (const uint8_t[]){0, 0, 0, STRLEN(name)}, 4);
    memcpy(q + 4, name, STRLEN(name));
    q += 4 + STRLEN(name);
    q += BN_bn2mpi(e, q);
    q += BN_bn2mpi(n, q);
    text = base64_encode(blob, (size_t)(q - blob));
    return text && asprintf(&line, "%s %s", name, text) >= 0 ? line : NULL;
}

static void key_type(FILE *f, const KeyView *key)
{
    const char *curve = strncmp(key->algorithm, "ecdsanistp", 10) == 0 ? key->algorithm + 10 : NULL;

    (void)fputs("Type      : ", f);
    if (streq(key->algorithm, "rsa") || is_ssh_client(key)) {
        (void)fputs("RSA ", f);
        render_text(f, rsa_usage(key->usage));
    } else if (curve) {
        (void)fputs("ECDSA General Curve Nistp", f);
        render_text(f, curve);
    } else if (streq(key->algorithm, "ed25519")) {
        (void)fputs("ED25519", f);
    } else if (streq(key->algorithm, "dsa")) {
        (void)fputs("DSA", f);
    } else {
        render_text(f, key->algorithm);
    }
    (void)fputc('\n', f);
}

void render_key(FILE *f, const KeyView *key)
{
    field(f, "Key label: ", key->label);
    key_type(f, key);
    fprintf(f, "Size      : %" PRIu32 "\n", key->size);
    time_field(f, "Created   : ", (int64_t)(key->created / 1000000));
    if (key->exportable)
        (void)fputs("Exportable: wrapped\n", f);
    (void)fputs("Data      :\n", f);
    render_hex(f, key->data, key->data_size);
    if (is_ssh_client(key)) {
        _cleanup_free_ char *line = openssh_line(key);

        (void)fputs("OpenSSH   :\n", f);
        render_text(f, line ? line : "");
        (void)fputc(' ', f);
        render_text(f, key->label);
        (void)fputc('\n', f);
    }
}

static void json_add_string(json_object *o, const char *name, const char *value)
{
    json_object_object_add(o, name, value ? json_object_new_string(value) : NULL);
}

static void json_add_base64(json_object *o, const char *name, const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = base64_encode(data, size);

    json_add_string(o, name, text);
}

json_object *render_key_json(const KeyView *key)
{
    json_object *o = json_object_new_object();

    json_add_string(o, "label", key->label);
    json_add_string(o, "algorithm", key->algorithm);
    json_add_string(o, "usage", key->usage);
    json_object_object_add(o, "size", json_object_new_int64(key->size));
    json_object_object_add(o, "created", json_object_new_uint64(key->created / 1000000));
    json_object_object_add(o, "exportable", json_object_new_boolean(key->exportable));
    json_add_base64(o, "public-key", key->data, key->data_size);
    if (is_ssh_client(key)) {
        _cleanup_free_ char *line = openssh_line(key);

        json_add_string(o, "openssh-public-key", line);
    }
    return o;
}

void render_user_key(FILE *f, const UserKeyView *key)
{
    static const char *const names[] = {"", "", " second", " third", " fourth"};

    (void)fputs("Key label: ", f);
    render_text(f, key->user);
    fprintf(f, "%s\n", key->slot < ELEMENTSOF(names) ? names[key->slot] : "");
    (void)fputs("Type     : RSA public key authentication\n", f);
    fprintf(f, "Size     : %" PRIu32 "\n", key->size);
    time_field(f, "Imported : ", (int64_t)(key->imported / 1000000));
    (void)fputs("Data     : \n ", f);
    render_hex(f, key->data, key->data_size);
}

json_object *render_user_key_json(const UserKeyView *key)
{
    json_object *o = json_object_new_object();

    json_add_string(o, "user", key->user);
    json_object_object_add(o, "slot", json_object_new_int64(key->slot));
    json_object_object_add(o, "size", json_object_new_int64(key->size));
    json_object_object_add(o, "imported", json_object_new_uint64(key->imported / 1000000));
    json_add_base64(o, "public-key", key->data, key->data_size);
    return o;
}

/* --- Certificates ----------------------------------------------------------------------------- */

void render_new_certificate(FILE *f, const CertificateView *c)
{
    field(f, "Serial Number : ", c->serial_number);
    field(f, "Subject:\n", c->subject);
    field(f, "Issued By :\n", c->issuer);
    time_field(f, "Validity Start : ", c->not_before);
    time_field(f, "Validity End : ", c->not_after);
    field(f, "SHA1 Fingerprint:\n", c->sha1_fingerprint);
}

void render_trustpoint_head(FILE *f, const char *trustpoint)
{
    field(f, "Trustpoint : ", trustpoint);
    (void)fputs("=====\n", f);
}

/* NULL: it cannot be said. */
static char **crl_points(const CertificateView *c)
{
    _cleanup_(X509_freep) X509 *certificate = NULL;
    char **points = NULL;

    if (certificate_parse(c->data, c->data_size, &certificate) < 0 ||
        x509_crl_points_render(certificate, &points) < 0)
        return NULL;
    return points;
}

static void crl_points_body(FILE *f, const CertificateView *c)
{
    char **points = crl_points(c);

    if (points && points[0])
        (void)fputs("CRL Distribution Point\n", f);
    for (size_t i = 0; points && points[i]; i++)
        field(f, "    ", points[i]);
    x509_crl_points_free(points);
}

static void certificate_body(FILE *f, const CertificateView *c)
{
    field(f, "Subject:\n    ", c->subject);
    field(f, "Issued By      :\n    ", c->issuer);
    time_field(f, "Validity Start : ", c->not_before);
    time_field(f, "Validity End   : ", c->not_after);
    crl_points_body(f, c);
    field(f, "SHA1 Fingerprint:\n    ", c->sha1_fingerprint);
}

/* The CA's serial number has one blank more before its colon than the router's, as on the router.
 */
void render_certificate(FILE *f, const CertificateView *c)
{
    if (streq(c->role, "ca") || streq(c->role, "rollover")) {
        (void)fputs(streq(c->role, "ca") ? "CA certificate\n" : "CA certificate (rollover)\n", f);
        field(f, "Serial Number   : ", c->serial_number);
    } else {
        (void)fputs("Router certificate\n", f);
        field(f, "Key usage      : ", c->key_usage);
        field(f, "Status         : ", c->status);
        field(f, "Serial Number  : ", c->serial_number);
    }
    certificate_body(f, c);
}

void render_trustpoint_foot(FILE *f, const char *trustpoint)
{
    field(f, "Associated Trustpoint: ", trustpoint);
}

static json_object *crl_points_json(const CertificateView *c)
{
    json_object *array = json_object_new_array();
    char **points = crl_points(c);

    for (size_t i = 0; points && points[i]; i++)
        (void)json_object_array_add(array, json_object_new_string(points[i]));
    x509_crl_points_free(points);
    return array;
}

json_object *render_certificate_json(const CertificateView *c)
{
    json_object *o = json_object_new_object();

    json_add_string(o, "trustpoint", c->trustpoint);
    json_add_string(o, "role", c->role);
    json_add_string(o, "key-usage", c->key_usage);
    json_add_string(o, "status", c->status);
    json_add_string(o, "serial-number", c->serial_number);
    json_add_string(o, "subject", c->subject);
    json_add_string(o, "issuer", c->issuer);
    json_object_object_add(o, "not-before", json_object_new_int64(c->not_before));
    json_object_object_add(o, "not-after", json_object_new_int64(c->not_after));
    json_add_string(o, "sha1-fingerprint", c->sha1_fingerprint);
    json_add_string(o, "sha256-fingerprint", c->sha256_fingerprint);
    json_object_object_add(o, "crl-distribution-points", crl_points_json(c));
    json_add_base64(o, "certificate", c->data, c->data_size);
    return o;
}

#define PEM_LINE 64

void render_certificate_detail(FILE *f, const CertificateView *c)
{
    _cleanup_free_ char *text = base64_encode(c->data, c->data_size);
    size_t length = text ? strlen(text) : 0;

    field(f, "SHA256 Fingerprint:\n    ", c->sha256_fingerprint);
    (void)fputs("-----BEGIN CERTIFICATE-----\n", f);
    for (size_t i = 0; i < length; i += PEM_LINE)
        fprintf(f, "%.*s\n", PEM_LINE, text + i);
    (void)fputs("-----END CERTIFICATE-----\n", f);
}

void render_trustpoint(FILE *f, const TrustpointView *t)
{
    render_trustpoint_head(f, t->name);
    field(f, "Enrollment     : ", t->method);
    field(f, "State          : ", t->state);
    field(f, "Next step      : ", t->detail);
    if (t->warning && *t->warning)
        field(f, "Warning        : ", t->warning);
    if (t->next_attempt > 0)
        time_field(f, "Next attempt   : ", t->next_attempt);
}

json_object *render_trustpoint_json(const TrustpointView *t)
{
    json_object *o = json_object_new_object();

    json_add_string(o, "trustpoint", t->name);
    json_add_string(o, "enrollment", t->method);
    json_add_string(o, "state", t->state);
    json_add_string(o, "next-step", t->detail);
    if (t->warning && *t->warning)
        json_add_string(o, "warning", t->warning);
    if (t->next_attempt > 0)
        json_object_object_add(o, "next-attempt", json_object_new_int64(t->next_attempt));
    return o;
}

static const char *member_string(json_object *o, const char *name)
{
    const char *value;

    return json_get_string(o, name, &value) < 0 ? "" : value;
}

static int64_t member_time(json_object *o, const char *name)
{
    json_object *value;

    return json_object_object_get_ex(o, name, &value) ? json_object_get_int64(value) : 0;
}

static bool member_bool(json_object *o, const char *name)
{
    bool value;

    return json_get_bool(o, name, &value) >= 0 && value;
}

static const char *pool_state(json_object *certificate)
{
    const char *state = member_string(certificate, "state");

    if (streq_ptr(state, "superseded"))
        return "Inactive, a downloaded certificate has the same subject";
    if (streq_ptr(state, "weak"))
        return "Inactive, its RSA key has 1024 bits or less";
    return "Active";
}

void render_pool_certificate(FILE *f, json_object *certificate, bool detail)
{
    const char *state = pool_state(certificate);

    fprintf(f, "Trustpool: %s\n",
            streq(member_string(certificate, "source"), "downloaded") ? "Downloaded" : "Built-In");
    (void)fputs("CA certificate\n", f);
    if (detail || !streq(state, "Active"))
        field(f, "Status : ", state);
    field(f, "Serial Number : ", member_string(certificate, "serial-number"));
    field(f, "Subject:\n    ", member_string(certificate, "subject"));
    field(f, "Issued By :\n    ", member_string(certificate, "issuer"));
    time_field(f, "Validity Start : ", member_time(certificate, "not-before"));
    time_field(f, "Validity End : ", member_time(certificate, "not-after"));
    field(f, "SHA1 Fingerprint:\n    ", member_string(certificate, "sha1-fingerprint"));
    if (detail) {
        field(f, "SHA256 Fingerprint:\n    ", member_string(certificate, "sha256-fingerprint"));
        fprintf(f, "Key Strength : %" PRId64 " bits\n", member_time(certificate, "security-bits"));
        if (member_time(certificate, "distrust-after") != 0)
            time_field(f, "Distrusted After : ", member_time(certificate, "distrust-after"));
    }
}

void render_pool_rejection(FILE *f, json_object *entry)
{
    static const char *const reasons[][2] = {{"malformed", "does not parse"},
                                             {"not-a-ca", "has no CA rights"},
                                             {"expired", "has expired"},
                                             {"weak", "has an RSA key of 1024 bits or less"},
                                             {"duplicate", "is in the bundle twice"}};
    const char *reason = member_string(entry, "reason"), *subject = member_string(entry, "subject");

    for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
        if (streq_ptr(reason, reasons[i][0]))
            reason = reasons[i][1];
    fprintf(f, "Certificate %" PRId64 " rejected, it ", member_time(entry, "number"));
    render_text(f, reason);
    if (subject && *subject)
        field(f, ": ", subject);
    else
        (void)fputc('\n', f);
}

/* "+" for what comes, "-" for what goes, "~" for what takes the place of another one. */
/* The CA of a trustpoint is trusted there, whatever the pool holds: it is others that would not. */
static void render_loss(FILE *f, const char *trustpoint, const char *peer, const char *reason)
{
    bool is_trustpoint = trustpoint && *trustpoint;

    fprintf(f, "! %s", is_trustpoint ? "Trustpoint " : "");
    render_text(f, is_trustpoint ? trustpoint : peer);
    fprintf(f, " would stop validating%s: ",
            is_trustpoint ? " wherever the pool alone is trusted" : "");
    render_text(f, reason);
    (void)fputc('\n', f);
}

void render_pool_change(FILE *f, json_object *entry)
{
    const char *change = member_string(entry, "change");
    bool renewed = streq_ptr(change, "renewed") || streq_ptr(change, "weakened"), same_key = false;
    int64_t bits = member_time(entry, "security-bits");
    int64_t was = member_time(entry, "was-security-bits");
    char text[TIME_TEXT_SIZE];

    if (streq_ptr(change, "trustpoint-lost") || streq_ptr(change, "peer-lost")) {
        render_loss(f, member_string(entry, "trustpoint"), member_string(entry, "peer"),
                    member_string(entry, "reason"));
        return;
    }
    (void)fputs(renewed ? "~ " : streq_ptr(change, "added") ? "+ " : "- ", f);
    render_text(f, member_string(entry, "subject"));
    fprintf(f, ", expires %s", time_render(member_time(entry, "not-after"), text));
    if (renewed) {
        (void)json_get_bool(entry, "same-key", &same_key);
        fprintf(f, " instead of %s, %s key", time_render(member_time(entry, "was-not-after"), text),
                same_key ? "the same" : "another");
        if (bits < was)
            fprintf(f, ", weaker: %" PRId64 " bits instead of %" PRId64, bits, was);
    }
    (void)fputc('\n', f);
}

/* As the router has its own times in this place. */
static void utc_field(FILE *f, const char *head, int64_t seconds)
{
    char text[TIME_TEXT_SIZE];
    time_t t = (time_t)seconds;
    struct tm tm;

    if (gmtime_r(&t, &tm) && strftime(text, sizeof text, "[UTC] %a %b %e %H:%M:%S %Y", &tm) > 0)
        fprintf(f, "%s%s\n", head, text);
}

static void given_field(FILE *f, const char *head, const char *value)
{
    field(f, head, value && *value ? value : "not configured");
}

void render_pool_policy(FILE *f, const PoolPolicyView *view)
{
    (void)fputs("Trustpool Policy\n", f);
    if (view->earliest_expiry != 0)
        utc_field(f, "Trustpool CA certificates will expire ", view->earliest_expiry);
    given_field(f, "CA Bundle Location: ", view->url);
    given_field(f, "CA Bundle Signer: ", view->signer);
    given_field(f, "CA Bundle Host Key: ", view->host_key);
    fprintf(f, "CA Bundle Shrink Limit: %" PRIu32 "%%\n", view->shrink_limit);
    fprintf(f, "RSA Keys of 1024 Bits or Less: %s\n", view->weak_refused ? "refused" : "accepted");
    fprintf(f, "Revocation: %s\n", view->crl_optional ? "CRL optional" : "CRL required");
    if (view->vrf && *view->vrf)
        field(f, "VRF: ", view->vrf);
    fprintf(f, "Exported to the System: %s\n", view->system_export ? "yes" : "no");
    if (view->description && *view->description)
        field(f, "Description: ", view->description);
    fprintf(f, "Certificates: %" PRIu32 " built-in, %" PRIu32 " downloaded, %" PRIu32 " active\n",
            view->built_in, view->downloaded, view->active);
    if (view->source && *view->source) {
        field(f, "Downloaded From: ", view->source);
        utc_field(f, "Downloaded At ", view->imported);
    }
    if (view->next_update != 0)
        utc_field(f, "Next Update At ", view->next_update);
}

void render_crl(FILE *f, json_object *crl, bool detail)
{
    const char *number = member_string(crl, "number");

    (void)fputs("CRL Entry\n=====\n", f);
    field(f, "Issuer : ", member_string(crl, "issuer"));
    utc_field(f, "Last Update : ", member_time(crl, "this-update"));
    utc_field(f, "Next Update : ", member_time(crl, "next-update"));
    field(f, "CRL Distribution Point :\n    ", member_string(crl, "url"));
    if (!detail)
        return;
    field(f, "CRL Number : ", *number ? number : "none");
    fprintf(f, "Kind : %s%s\n", member_bool(crl, "indirect") ? "indirect, " : "",
            member_bool(crl, "delta") ? "delta" : "complete");
    fprintf(f, "Entries : %" PRId64 "\n", member_time(crl, "entries"));
    fprintf(f, "Size : %" PRId64 " bytes\n", member_time(crl, "size"));
    utc_field(f, "Fetched : ", member_time(crl, "fetched"));
    if (member_time(crl, "failures") > 0)
        fprintf(f, "Failed Tries Since : %" PRId64 "\n", member_time(crl, "failures"));
    field(f, "SHA256 Fingerprint:\n    ", member_string(crl, "sha256-fingerprint"));
}

json_object *render_pool_policy_json(const PoolPolicyView *view)
{
    json_object *o = json_object_new_object();

    json_add_string(o, "cabundle-url", view->url);
    json_add_string(o, "cabundle-signer", view->signer);
    json_add_string(o, "cabundle-host-key", view->host_key);
    json_object_object_add(o, "cabundle-shrink-limit", json_object_new_int64(view->shrink_limit));
    json_object_object_add(o, "rsa-1024-disable", json_object_new_boolean(view->weak_refused));
    json_object_object_add(o, "crl-optional", json_object_new_boolean(view->crl_optional));
    json_add_string(o, "vrf", view->vrf);
    json_object_object_add(o, "export-system", json_object_new_boolean(view->system_export));
    json_add_string(o, "description", view->description);
    json_object_object_add(o, "built-in", json_object_new_int64(view->built_in));
    json_object_object_add(o, "downloaded", json_object_new_int64(view->downloaded));
    json_object_object_add(o, "active", json_object_new_int64(view->active));
    json_object_object_add(o, "earliest-expiry", json_object_new_int64(view->earliest_expiry));
    json_add_string(o, "source", view->source);
    json_object_object_add(o, "imported", json_object_new_int64(view->imported));
    json_object_object_add(o, "next-update", json_object_new_int64(view->next_update));
    return o;
}

/* --- Commits ---------------------------------------------------------------------------------- */

#define LINE_MAX_SHOWN 18U

void render_commit_head(FILE *f)
{
    (void)fputs("SNo. Label/ID    User      Line                Client      Time Stamp\n"
                "~~~~ ~~~~~~~~    ~~~~      ~~~~                ~~~~~~      ~~~~~~~~~~\n",
                f);
}

/* A value and blanks up to the next column; at least one. */
static void column(FILE *f, const char *value, size_t width)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);

    if (!memory)
        return;
    render_text(memory, value ? value : "");
    (void)fclose(memory);
    fprintf(f, "%-*s%s", (int)width, text, size >= width ? " " : "");
    free(text);
}

static void time_text(uint64_t usec, char when[TIME_TEXT_SIZE])
{
    time_t seconds = (time_t)(usec / 1000000);
    struct tm tm;

    if (!localtime_r(&seconds, &tm) ||
        strftime(when, TIME_TEXT_SIZE, "%a %b %e %H:%M:%S %Y", &tm) == 0)
        memcpy(when, "-", 2);
}

void render_commit(FILE *f, unsigned number, const CommitView *commit)
{
    char when[TIME_TEXT_SIZE], id[24], line[LINE_MAX_SHOWN + 1];

    (void)snprintf(id, sizeof(id), "%" PRIu64, commit->id);
    (void)snprintf(line, sizeof(line), "%s", commit->line ? commit->line : "");
    time_text(commit->time, when);
    fprintf(f, "%-4u ", number);
    column(f, commit->label ? commit->label : id, 12);
    column(f, commit->user, 10);
    column(f, line, 20);
    column(f, commit->client, 12);
    fprintf(f, "%s\n", when);
}

/* Each on a line of its own, behind a heading. */
static void print_warnings(FILE *f, const char *warnings)
{
    for (const char *at = warnings; at && *at;) {
        size_t length = strcspn(at, "\n");
        _cleanup_free_ char *one = strndup(at, length);

        (void)fputs("      Warning:  ", f);
        render_text(f, one ? one : "");
        (void)fputc('\n', f);
        at += length + (at[length] == '\n');
    }
}

void render_commit_detail(FILE *f, unsigned number, const CommitView *commit)
{
    char when[TIME_TEXT_SIZE], id[24];

    (void)snprintf(id, sizeof(id), "%" PRIu64, commit->id);
    time_text(commit->time, when);
    fprintf(f, "%s%4u) CommitId: ", number > 1 ? "\n" : "", number);
    column(f, id, 26);
    (void)fputs("Label: ", f);
    render_text(f, commit->label ? commit->label : "NONE");
    (void)fputs("\n      UserId:   ", f);
    column(f, commit->user, 26);
    (void)fputs("Line:  ", f);
    render_text(f, commit->line);
    (void)fputs("\n      Client:   ", f);
    column(f, commit->client, 26);
    fprintf(f, "Time:  %s\n      Comment:  ", when);
    render_text(f, commit->comment ? commit->comment : "NONE");
    (void)fputc('\n', f);
    print_warnings(f, commit->warnings);
}

void render_event_head(FILE *f)
{
    (void)fputs("Sno.  Event      Info                                 Time Stamp\n"
                "~~~~  ~~~~~      ~~~~                                 ~~~~~~~~~~\n",
                f);
}

static const char *event_name(const CommitView *commit)
{
    return commit->client && streq(commit->client, "Rollback") ? "rollback" : "commit";
}

void render_event(FILE *f, unsigned number, const CommitView *commit)
{
    char when[TIME_TEXT_SIZE], info[32];

    (void)snprintf(info, sizeof(info), "id %" PRIu64, commit->id);
    time_text(commit->time, when);
    fprintf(f, "%-5u %-10s %-36s %s\n", number, event_name(commit), info, when);
}

void render_event_detail(FILE *f, unsigned number, const CommitView *commit)
{
    char when[TIME_TEXT_SIZE], id[24];

    (void)snprintf(id, sizeof(id), "%" PRIu64, commit->id);
    time_text(commit->time, when);
    fprintf(f, "%u) Event: %-10s Time: %s\n      Commit ID: ", number, event_name(commit), when);
    column(f, id, 14);
    (void)fputs("Label: ", f);
    render_text(f, commit->label ? commit->label : "");
    (void)fputs("\n      User: ", f);
    column(f, commit->user, 19);
    (void)fputs("Line: ", f);
    render_text(f, commit->line);
    (void)fputs("\n      Client: ", f);
    column(f, commit->client, 17);
    (void)fputs("Comment: ", f);
    render_text(f, commit->comment ? commit->comment : "");
    (void)fputc('\n', f);
}

void render_session(FILE *f, const char *id, const SessionView *session)
{
    char when[TIME_TEXT_SIZE];

    time_text(session->time, when);
    column(f, id, 31);
    column(f, session->line, 11);
    column(f, session->user, 11);
    fprintf(f, "%s%s\n", when, session->exclusive ? " *" : "");
}

/* "01:02:03" since then, by a clock that may have been set meanwhile. */
static void print_elapsed(FILE *f, uint64_t usec)
{
    struct timespec now;
    uint64_t seconds;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    seconds = (uint64_t)now.tv_sec > usec / 1000000 ? (uint64_t)now.tv_sec - usec / 1000000 : 0;
    fprintf(f, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600, seconds / 60 % 60,
            seconds % 60);
}

void render_session_detail(FILE *f, unsigned number, const char *id, const SessionView *session)
{
    char pid[16];

    (void)snprintf(pid, sizeof(pid), "%" PRIu32, session->pid);
    fprintf(f, "%s%4u) Session: ", number > 1 ? "\n" : "", number);
    column(f, id, 35);
    (void)fputs("Line: ", f);
    render_text(f, session->line);
    (void)fputs("\n      Lock:    ", f);
    column(f, session->exclusive ? "Reserved" : "None", 35);
    (void)fputs("User: ", f);
    render_text(f, session->user);
    (void)fputs("\n      Client:  ", f);
    column(f, session->trial ? "commit-confirm" : session->client, 35);
    (void)fputs("Process: ", f);
    render_text(f, session->process);
    (void)fputs("\n      PID:     ", f);
    column(f, session->pid > 0 ? pid : "unknown", 35);
    (void)fputs("Node: 0/RP0/CPU0\n      Elapsed Time: ", f);
    print_elapsed(f, session->time);
    (void)fputs(" (hh:mm:ss)\n", f);
}

json_object *render_commit_json(const CommitView *commit)
{
    json_object *o = json_object_new_object();

    json_object_object_add(o, "commit-id", json_object_new_uint64(commit->id));
    json_add_string(o, "user-id", commit->user);
    json_add_string(o, "line", commit->line);
    json_add_string(o, "client-name", commit->client);
    json_object_object_add(o, "timestamp", json_object_new_uint64(commit->time / 1000000));
    if (commit->label)
        json_add_string(o, "label", commit->label);
    if (commit->comment)
        json_add_string(o, "comment", commit->comment);
    if (commit->warnings)
        json_add_string(o, "warnings", commit->warnings);
    return o;
}

/* --- Messages of the log ---------------------------------------------------------------------- */

static const char *log_text(json_object *o, const char *name, const char *fallback)
{
    json_object *value;

    return json_object_object_get_ex(o, name, &value) ? json_object_get_string(value) : fallback;
}

/* RP/0/RP0/CPU0:Sep 25 23:25:30.045 UTC: keyd[363]: %GROUP-FACILITY-6-MNEMONIC : text. What has no
 * mnemonic of its own gets the one of its severity, as the router does for its Linux processes. */
void render_log(FILE *f, json_object *message)
{
    static const char *const levels[] = {"EMERG",   "ALERT",  "CRIT", "ERR",
                                         "WARNING", "NOTICE", "INFO", "DEBUG"};
    const char *mnemonic = log_text(message, "mnemonic", NULL);
    char when[32] = "", zone[16] = "";
    json_object *value = NULL;
    int64_t milliseconds;
    unsigned severity;
    time_t seconds;
    struct tm tm;

    (void)json_object_object_get_ex(message, "time", &value);
    milliseconds = (int64_t)(json_object_get_double(value) * 1000);
    seconds = (time_t)(milliseconds / 1000);
    if (localtime_r(&seconds, &tm)) {
        (void)strftime(when, sizeof(when), "%b %e %H:%M:%S", &tm);
        (void)strftime(zone, sizeof(zone), "%Z", &tm);
    }
    (void)json_object_object_get_ex(message, "severity", &value);
    severity = (unsigned)json_object_get_int(value) & 7;
    fprintf(f, "RP/0/RP0/CPU0:%s.%03d %s: ", when, (int)(milliseconds % 1000), zone);
    render_text(f, log_text(message, "process", "unknown"));
    (void)fputc('[', f);
    render_text(f, log_text(message, "pid", "0"));
    (void)fputs("]: %", f);
    if (mnemonic)
        render_text(f, mnemonic);
    else
        fprintf(f, "OS-SYSLOG-%u-LOG_%s", severity, levels[severity]);
    (void)fputs(" : ", f);
    render_text(f, log_text(message, "text", log_text(message, "text-base64", "")));
    (void)fputc('\n', f);
}
