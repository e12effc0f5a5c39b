/* SPDX-License-Identifier: Apache-2.0 */
#include "render-pool.h"

#include <ctype.h>
#include <inttypes.h>
#include <time.h>

#include "json-util.h"
#include "render-fields.h"
#include "time-render.h"

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
        render_field(f, "Status : ", state);
    render_field(f, "Serial Number : ", member_string(certificate, "serial-number"));
    render_field(f, "Subject:\n    ", member_string(certificate, "subject"));
    render_field(f, "Issued By :\n    ", member_string(certificate, "issuer"));
    render_time_field(f, "Validity Start : ", member_time(certificate, "not-before"));
    render_time_field(f, "Validity End : ", member_time(certificate, "not-after"));
    render_field(f, "SHA1 Fingerprint:\n    ", member_string(certificate, "sha1-fingerprint"));
    if (detail) {
        render_field(f, "SHA256 Fingerprint:\n    ",
                     member_string(certificate, "sha256-fingerprint"));
        fprintf(f, "Key Strength : %" PRId64 " bits\n", member_time(certificate, "security-bits"));
        if (member_time(certificate, "distrust-after") != 0)
            render_time_field(f, "Distrusted After : ", member_time(certificate, "distrust-after"));
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
        render_field(f, ": ", subject);
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
    render_field(f, head, value && *value ? value : "not configured");
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
        render_field(f, "VRF: ", view->vrf);
    fprintf(f, "Exported to the System: %s\n", view->system_export ? "yes" : "no");
    if (view->description && *view->description)
        render_field(f, "Description: ", view->description);
    fprintf(f, "Certificates: %" PRIu32 " built-in, %" PRIu32 " downloaded, %" PRIu32 " active\n",
            view->built_in, view->downloaded, view->active);
    if (view->source && *view->source) {
        render_field(f, "Downloaded From: ", view->source);
        utc_field(f, "Downloaded At ", view->imported);
    }
    if (view->next_update != 0)
        utc_field(f, "Next Update At ", view->next_update);
}

/* As everywhere where somebody compares it. */
static void render_digest(FILE *f, const char *title, const char *hex)
{
    (void)fputs(title, f);
    for (; *hex; hex++)
        (void)fputc(toupper((unsigned char)*hex), f);
    (void)fputc('\n', f);
}

void render_crl(FILE *f, json_object *crl, bool detail)
{
    const char *number = member_string(crl, "number");

    (void)fputs("CRL Entry\n=====\n", f);
    render_field(f, "Issuer : ", member_string(crl, "issuer"));
    utc_field(f, "Last Update : ", member_time(crl, "this-update"));
    utc_field(f, "Next Update : ", member_time(crl, "next-update"));
    render_field(f, "CRL Distribution Point :\n    ", member_string(crl, "url"));
    if (!detail)
        return;
    render_field(f, "CRL Number : ", *number ? number : "none");
    fprintf(f, "Kind : %s%s\n", member_bool(crl, "indirect") ? "indirect, " : "",
            member_bool(crl, "delta") ? "delta" : "complete");
    fprintf(f, "Entries : %" PRId64 "\n", member_time(crl, "entries"));
    fprintf(f, "Size : %" PRId64 " bytes\n", member_time(crl, "size"));
    utc_field(f, "Fetched : ", member_time(crl, "fetched"));
    if (member_time(crl, "failures") > 0)
        fprintf(f, "Failed Tries Since : %" PRId64 "\n", member_time(crl, "failures"));
    render_digest(f, "SHA256 Fingerprint:\n    ", member_string(crl, "sha256-fingerprint"));
}

json_object *render_pool_policy_json(const PoolPolicyView *view)
{
    json_object *o = json_object_new_object();

    render_json_string(o, "cabundle-url", view->url);
    render_json_string(o, "cabundle-signer", view->signer);
    render_json_string(o, "cabundle-host-key", view->host_key);
    json_object_object_add(o, "cabundle-shrink-limit", json_object_new_int64(view->shrink_limit));
    json_object_object_add(o, "rsa-1024-disable", json_object_new_boolean(view->weak_refused));
    json_object_object_add(o, "crl-optional", json_object_new_boolean(view->crl_optional));
    render_json_string(o, "vrf", view->vrf);
    json_object_object_add(o, "export-system", json_object_new_boolean(view->system_export));
    render_json_string(o, "description", view->description);
    json_object_object_add(o, "built-in", json_object_new_int64(view->built_in));
    json_object_object_add(o, "downloaded", json_object_new_int64(view->downloaded));
    json_object_object_add(o, "active", json_object_new_int64(view->active));
    json_object_object_add(o, "earliest-expiry", json_object_new_int64(view->earliest_expiry));
    render_json_string(o, "source", view->source);
    json_object_object_add(o, "imported", json_object_new_int64(view->imported));
    json_object_object_add(o, "next-update", json_object_new_int64(view->next_update));
    return o;
}
