/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict for people and for programs. Everything from the envelope that is shown has been
 * reduced to harmless characters before. */
#include <inttypes.h>
#include <time.h>

#include "json-util.h"
#include "verify.h"
#include "x509-render.h"

#define TIME_SIZE 32U

static const char *render_utc(int64_t seconds, char buffer[TIME_SIZE])
{
    time_t t = (time_t)seconds;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || strftime(buffer, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        (void)snprintf(buffer, TIME_SIZE, "%lld", (long long)seconds);
    return buffer;
}

static const char *payload_kind(const VerifyResult *result)
{
    if (result->info.is_dossier)
        return result->envelope.is_collected_dossier ? "dossier" : "unvouched-dossier";
    return result->info.is_json ? "json" : "other";
}

/* What has not been verified is not shown as if it had been. */
static bool is_unreliable(const VerifyResult *result)
{
    switch (result->verdict) {
    case VERDICT_BAD_SIGNATURE:
    case VERDICT_UNTRUSTED:
    case VERDICT_MALFORMED:
    case VERDICT_REVOKED:
    case VERDICT_REVOCATION_UNKNOWN:
        return true;
    case VERDICT_GOOD:
    case VERDICT_USAGE:
    case VERDICT_NONCE:
    case VERDICT_EXPIRED:
    case VERDICT_STALE:
    case VERDICT_VALID_WHEN_SIGNED:
    case VERDICT_BAD_PAYLOAD:
    case VERDICT_NOT_COLLECTED:
    case VERDICT_DIFFERS:
    case VERDICT_NOT_AS_REFERENCE:
    case VERDICT_BROKEN_INVENTORY:
    case VERDICT_BAD_NODE:
    default:
        return false;
    }
}

static void report_certificate(FILE *f, const char *title, X509 *certificate)
{
    CertificateSummary summary;
    char from[TIME_SIZE], to[TIME_SIZE];

    if (certificate_summarize(certificate, &summary) < 0)
        return;
    (void)fprintf(f, "%-12s%s\n%-12sserial %s, valid %s to %s\n%-12sSHA-256 %s\n", title,
                  summary.subject, "", summary.serial_number, render_utc(summary.not_before, from),
                  render_utc(summary.not_after, to), "", summary.sha256_fingerprint);
    certificate_summary_done(&summary);
}

static char sign_of(json_object *difference)
{
    static const struct {
        const char *change;
        char sign;
    } signs[] = {{"added", '+'}, {"removed", '-'}, {"changed", '~'}, {"not-compared", '?'}};
    const char *change = "";

    (void)json_get_string(difference, "change", &change);
    for (size_t i = 0; i < ELEMENTSOF(signs); i++)
        if (streq(signs[i].change, change))
            return signs[i].sign;
    return ' ';
}

/* One line for each; what is in a dossier is printed as JSON, which has no control characters. */
static void report_differences(FILE *f, json_object *differences)
{
    for (size_t i = 0; i < json_object_array_length(differences); i++) {
        json_object *d = json_object_array_get_idx(differences, i), *old = NULL, *new = NULL;
        json_object *path = json_object_object_get(d, "path");
        const char *node;

        (void)json_object_object_get_ex(d, "old", &old);
        (void)json_object_object_get_ex(d, "new", &new);
        (void)fprintf(f, "%c %s", sign_of(d),
                      json_object_to_json_string_ext(path, JSON_C_TO_STRING_NOSLASHESCAPE));
        if (json_get_string(d, "node", &node) >= 0)
            (void)fprintf(f, " (node %s)", node);
        if (old)
            (void)fprintf(f, " %s",
                          json_object_to_json_string_ext(old, JSON_C_TO_STRING_NOSLASHESCAPE));
        if (new)
            (void)fprintf(f, "%s %s", old ? " ->" : "",
                          json_object_to_json_string_ext(new, JSON_C_TO_STRING_NOSLASHESCAPE));
        (void)fputc('\n', f);
    }
}

static void report_list(FILE *f, const char *title, json_object *list)
{
    for (size_t i = 0; i < json_object_array_length(list); i++)
        (void)fprintf(f, "%s%s\n", title,
                      json_object_to_json_string_ext(json_object_array_get_idx(list, i),
                                                     JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* That it was looked for is to be seen, too. */
static void report_none(FILE *f, const char *title, const Findings *findings, const char *text)
{
    if (json_object_array_length(findings->list) == 0)
        (void)fprintf(f, "%-12s%s\n", title, text);
}

static void report_more(FILE *f, const Findings *findings, const char *what)
{
    if (findings->n_more > 0)
        (void)fprintf(f, "and %" PRIu64 " more %s, which --list-max left out\n", findings->n_more,
                      what);
}

static void report_inventory(FILE *f, json_object *inventory)
{
    json_object *nodes, *problems;

    if (json_get_array(inventory, "nodes", &nodes) >= 0)
        report_list(f, "Inventory:  ", nodes);
    if (json_get_array(inventory, "problems", &problems) >= 0)
        report_list(f, "! ", problems);
}

void report_text(FILE *f, const VerifyRequest *request, const VerifyResult *result)
{
    const Envelope *e = &result->envelope;
    char at[TIME_SIZE];

    (void)fprintf(f, "%-12s%s\n", "Verdict:", verdict_to_string(result->verdict));
    if (result->reason[0])
        (void)fprintf(f, "%-12s%s\n", "Reason:", result->reason);
    if (result->warning)
        (void)fprintf(f, "%-12s%s\n", "Warning:", result->warning);
    if (!result->has_envelope)
        return;
    if (is_unreliable(result)) {
        (void)fprintf(f, "Nothing in this envelope can be relied upon.\n");
        return;
    }
    report_certificate(f, "Signer:", result->signer);
    report_certificate(f, "Root:", request->root);
    (void)fprintf(f, "%-12s%s, %s", "Signed:", render_utc(e->issued_at, at), e->algorithm);
    (void)fprintf(f, "%s%s\n", e->format == FORMAT_ENVELOPE ? "" : ", ",
                  e->format == FORMAT_ENVELOPE ? "" : envelope_format_to_string(e->format));
    (void)fprintf(f, "%-12s%s (%s)\n", "Nonce:", e->nonce[0] ? e->nonce : "none",
                  !request->nonce                        ? "not checked"
                  : envelope_nonce_is(e, request->nonce) ? "as expected"
                                                         : "another one was expected");
    (void)fprintf(f, "%-12s%s, %zu bytes\n", "Payload:", payload_kind(result),
                  result->payload_size);
    (void)fprintf(f, "%-12s%s\n", "Revocation:", request->crls ? "checked" : "not checked");
    if (result->nodes)
        report_list(f, "Node:       ", result->nodes);
    if (result->inventory)
        report_inventory(f, result->inventory);
    if (result->deviations.list) {
        report_none(f, "Reference:", &result->deviations, "all is as it has it");
        report_list(f, "! ", result->deviations.list);
        report_more(f, &result->deviations, "deviations");
    }
    if (result->differences.list) {
        report_none(f, "Previous:", &result->differences, "nothing differs");
        report_differences(f, result->differences.list);
        report_more(f, &result->differences, "differences");
    }
}

static void write_certificate(JsonWriter *w, const char *name, X509 *certificate)
{
    CertificateSummary summary;

    if (certificate_summarize(certificate, &summary) < 0)
        return;
    json_begin_object(w, name);
    json_write_string(w, "subject", summary.subject);
    json_write_string(w, "issuer", summary.issuer);
    json_write_string(w, "serial-number", summary.serial_number);
    json_write_int64(w, "not-before", summary.not_before);
    json_write_int64(w, "not-after", summary.not_after);
    json_write_string(w, "sha256-fingerprint", summary.sha256_fingerprint);
    json_end_object(w);
    certificate_summary_done(&summary);
}

static void write_verified(JsonWriter *w, const VerifyRequest *request, const VerifyResult *result)
{
    const Envelope *e = &result->envelope;

    write_certificate(w, "signer", result->signer);
    write_certificate(w, "root", request->root);
    json_write_string(w, "format", envelope_format_to_string(e->format));
    json_write_int64(w, "signed-at", e->issued_at);
    json_write_string(w, "algorithm", e->algorithm);
    json_write_string(w, "nonce", e->nonce[0] ? e->nonce : NULL);
    json_write_bool(w, "nonce-checked", request->nonce != NULL);
    json_write_bool(w, "revocation-checked", request->crls != NULL);
    json_begin_object(w, "payload");
    json_write_string(w, "kind", payload_kind(result));
    json_write_uint64(w, "bytes", result->payload_size);
    json_end_object(w);
    if (result->deviations.list) {
        json_write_object(w, "deviations", result->deviations.list);
        json_write_uint64(w, "more-deviations", result->deviations.n_more);
    }
    if (result->nodes)
        json_write_object(w, "nodes", result->nodes);
    if (result->inventory)
        json_write_object(w, "inventory", result->inventory);
    if (result->differences.list) {
        json_write_object(w, "differences", result->differences.list);
        json_write_uint64(w, "more-differences", result->differences.n_more);
    }
}

int report_json_error(int fd, const char *id, const char *reason)
{
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(fd);

    if (!w)
        return -ENOMEM;
    json_begin_object(w, NULL);
    if (id)
        json_write_bytes(w, "id", id, strlen(id));
    json_write_string(w, "verdict", "not-verified");
    json_write_uint64(w, "status", VERDICT_USAGE);
    json_write_string(w, "reason", reason);
    json_end_object(w);
    return json_writer_finish(w);
}

int report_json(int fd, const char *id, const VerifyRequest *request, const VerifyResult *result)
{
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(fd);

    if (!w)
        return -ENOMEM;
    json_begin_object(w, NULL);
    if (id)
        json_write_bytes(w, "id", id, strlen(id));
    json_write_string(w, "verdict", verdict_to_string(result->verdict));
    json_write_uint64(w, "status", result->verdict);
    if (result->reason[0])
        json_write_string(w, "reason", result->reason);
    if (result->warning)
        json_write_string(w, "warning", result->warning);
    json_write_int64(w, "verified-at", request->at);
    if (result->has_envelope && !is_unreliable(result))
        write_verified(w, request, result);
    json_end_object(w);
    return json_writer_finish(w);
}
