/* SPDX-License-Identifier: Apache-2.0 */
/* The checks in their order: form, signature, root, nonce, payload, time. The first that fails is
 * the verdict. */
#include "verify.h"

#include <stdarg.h>

#include "chain-check.h"
#include "openssl-util.h"
#include "signature-check.h"

const char *verdict_to_string(Verdict verdict)
{
    switch (verdict) {
    case VERDICT_GOOD:
        return "good";
    case VERDICT_MALFORMED:
        return "malformed";
    case VERDICT_BAD_SIGNATURE:
        return "bad-signature";
    case VERDICT_UNTRUSTED:
        return "untrusted";
    case VERDICT_NONCE:
        return "nonce-mismatch";
    case VERDICT_EXPIRED:
        return "expired";
    case VERDICT_STALE:
        return "stale";
    case VERDICT_VALID_WHEN_SIGNED:
        return "valid-when-signed";
    case VERDICT_BAD_PAYLOAD:
        return "bad-payload";
    case VERDICT_NOT_COLLECTED:
        return "not-collected";
    case VERDICT_REVOKED:
        return "revoked";
    case VERDICT_REVOCATION_UNKNOWN:
        return "revocation-unknown";
    case VERDICT_DIFFERS:
        return "differs";
    case VERDICT_NOT_AS_REFERENCE:
        return "not-as-reference";
    case VERDICT_BROKEN_INVENTORY:
        return "broken-inventory";
    case VERDICT_BAD_NODE:
        return "bad-node";
    case VERDICT_USAGE:
    default:
        return "usage";
    }
}

static bool refuse(VerifyResult *r, Verdict verdict, const char *format, ...) _printf_(3, 4);

/* Always false, so that a check can end with it. */
static bool refuse(VerifyResult *r, Verdict verdict, const char *format, ...)
{
    va_list ap;

    r->verdict = verdict;
    va_start(ap, format);
    (void)vsnprintf(r->reason, sizeof r->reason, format, ap);
    va_end(ap);
    return false;
}

void verify_refuse(VerifyResult *r, Verdict verdict, const char *format, ...)
{
    va_list ap;

    if (r->verdict != VERDICT_GOOD)
        return;
    r->verdict = verdict;
    va_start(ap, format);
    (void)vsnprintf(r->reason, sizeof r->reason, format, ap);
    va_end(ap);
}

static bool has_thumbprint(X509 *certificate, const uint8_t thumbprint[32])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size;

    return X509_digest(certificate, EVP_sha256(), digest, &size) == 1 && size == 32 &&
           memcmp(digest, thumbprint, 32) == 0;
}

static bool check_signer(const VerifyRequest *request, VerifyResult *r)
{
    const Envelope *e = &r->envelope;

    if (sk_X509_num(e->chain) > 0) {
        X509 *leaf = sk_X509_value(e->chain, 0);

        if (!has_thumbprint(leaf, e->thumbprint))
            return refuse(r, VERDICT_BAD_SIGNATURE,
                          "the certificate in the envelope is not the one that its header names");
        r->signer = leaf;
        return true;
    }
    for (int i = 0; i < sk_X509_num(request->chain); i++)
        if (has_thumbprint(sk_X509_value(request->chain, i), e->thumbprint))
            r->signer = sk_X509_value(request->chain, i);
    if (!r->signer)
        return refuse(r, VERDICT_UNTRUSTED,
                      "the envelope has no certificate, and none of --chain is the one that its "
                      "header names");
    return true;
}

static bool check_signature(VerifyResult *r)
{
    int q = signature_check(&r->envelope, r->signer);

    if (q == -EOPNOTSUPP)
        return refuse(r, VERDICT_BAD_SIGNATURE,
                      "the algorithm %.15s is not allowed, or not with this key",
                      r->envelope.algorithm);
    if (q < 0)
        return refuse(r, VERDICT_BAD_SIGNATURE,
                      "the signature does not match payload, header and certificate");
    return true;
}

/* Time is looked at last, so that what only expired is told from what was never good. */
static STACK_OF(X509) * others_of(const VerifyRequest *request, const VerifyResult *r)
{
    return sk_X509_num(r->envelope.chain) > 0 ? r->envelope.chain : request->chain;
}

static ChainStatus check_chain_at(const VerifyRequest *request, VerifyResult *r, int64_t at,
                                  char reason[CHAIN_REASON_SIZE])
{
    return chain_check(request->root, r->signer, others_of(request, r), at, reason);
}

static bool check_root(const VerifyRequest *request, VerifyResult *r)
{
    char reason[CHAIN_REASON_SIZE];

    switch (check_chain_at(request, r, r->envelope.issued_at, reason)) {
    case CHAIN_GOOD:
        return true;
    case CHAIN_EXPIRED:
    case CHAIN_NOT_YET_VALID:
        return refuse(r, VERDICT_EXPIRED,
                      "it was signed outside the validity of its certificates: %s", reason);
    case CHAIN_UNFIT:
        return refuse(r, VERDICT_UNTRUSTED, "%s", reason);
    case CHAIN_UNTRUSTED:
    case CHAIN_REVOKED:
    case CHAIN_REVOCATION_UNKNOWN:
    default:
        return refuse(r, VERDICT_UNTRUSTED, "the certificates do not lead to the root: %s", reason);
    }
}

/* When it was revoked does not matter: the time of signing is the word of whoever has the key, and
 * that is in doubt. */
static bool check_revocation(const VerifyRequest *request, VerifyResult *r)
{
    char reason[CHAIN_REASON_SIZE];
    ChainStatus status;

    if (!request->crls)
        return true;
    status = chain_check_revocation(request->root, r->signer, others_of(request, r), request->crls,
                                    request->at, reason);
    if (status == CHAIN_REVOKED)
        return refuse(r, VERDICT_REVOKED, "%s", reason);
    if (status != CHAIN_GOOD)
        return refuse(r, VERDICT_REVOCATION_UNKNOWN,
                      "the lists of revoked certificates do not say: %s", reason);
    return true;
}

static bool check_nonce(const VerifyRequest *request, VerifyResult *r)
{
    const Envelope *e = &r->envelope;

    if (!request->nonce || envelope_nonce_is(e, request->nonce))
        return true;
    if (!e->nonce[0])
        return refuse(r, VERDICT_NONCE, "the envelope has no nonce");
    return refuse(r, VERDICT_NONCE, "the envelope's nonce is %s", e->nonce);
}

static bool check_payload(VerifyResult *r)
{
    const Envelope *e = &r->envelope;

    if (!r->info.is_dossier && !e->is_collected_dossier)
        return true;
    if (!r->info.is_dossier)
        return refuse(r, VERDICT_BAD_PAYLOAD,
                      "the payload is not the dossier that the header says it is");
    /* Whoever may sign may have any bytes signed. */
    if (!e->is_collected_dossier)
        return refuse(r, VERDICT_NOT_COLLECTED,
                      "the payload looks like a dossier, but the device does not say that it "
                      "collected it: a user had it signed");
    if (r->info.is_doubtful)
        return refuse(r, VERDICT_BAD_PAYLOAD,
                      "the payload is a dossier that is cut short or ambiguous");
    if (r->info.nonce[0] ? envelope_nonce_is(e, r->info.nonce) : !e->nonce[0])
        return true;
    if (!r->info.nonce[0])
        return refuse(r, VERDICT_NONCE, "the dossier has no nonce, its envelope has %s", e->nonce);
    return refuse(r, VERDICT_NONCE, "the dossier's nonce is %.159s, its envelope's is %s",
                  r->info.nonce, e->nonce[0] ? e->nonce : "absent");
}

static bool check_time(const VerifyRequest *request, VerifyResult *r)
{
    int64_t age = request->at - r->envelope.issued_at;
    char reason[CHAIN_REASON_SIZE];

    if (age < -CLOCK_TOLERANCE_SECONDS)
        return refuse(r, VERDICT_STALE, "it was signed %lld seconds in the future",
                      (long long)-age);
    if (request->max_age >= 0 && age > request->max_age)
        return refuse(r, VERDICT_STALE, "it was signed %lld seconds ago", (long long)age);
    /* The other way round, a certificate that was valid at signing and is not yet now, is a clock
     * within the tolerance. */
    if (age > 0 && check_chain_at(request, r, request->at, reason) != CHAIN_GOOD)
        return refuse(r, VERDICT_VALID_WHEN_SIGNED,
                      "it was good when it was signed; since then: %s", reason);
    return true;
}

/* All that a payload makes no difference to, and then the payload. */
static int judge(const VerifyRequest *request, VerifyResult *r)
{
    int q;

    if (!check_signer(request, r) || !check_signature(r) || !check_root(request, r) ||
        !check_revocation(request, r))
        return 0;
    q = payload_scan(r->payload, r->payload_size, &r->info);
    if (q >= 0)
        (void)(check_nonce(request, r) && check_payload(r) && check_time(request, r));
    return q;
}

int verify_envelope(const VerifyRequest *request, const char *input, size_t size, VerifyResult *ret)
{
    VerifyResult r = {.verdict = VERDICT_GOOD};
    const char *reason = NULL;
    int q = envelope_read(input, size, &r.envelope, &reason);

    if (q == -EBADMSG) {
        (void)refuse(&r, VERDICT_MALFORMED, "%s", reason);
        *ret = r;
        return 0;
    }
    if (q < 0)
        return q;
    r.has_envelope = true;
    q = envelope_payload(&r.envelope, &r.payload, &r.payload_size, &reason);
    if (q == -EBADMSG) {
        (void)refuse(&r, VERDICT_MALFORMED, "%s", reason);
        q = 0;
    } else if (q >= 0)
        q = judge(request, &r);
    if (q < 0) {
        verify_result_done(&r);
        return q;
    }
    *ret = r;
    return 0;
}

void verify_result_done(VerifyResult *r)
{
    if (r->has_envelope)
        envelope_done(&r->envelope);
    r->has_envelope = false;
    free(r->payload);
    r->payload = NULL;
    findings_done(&r->differences);
    findings_done(&r->deviations);
    json_object_putp(&r->inventory);
    json_object_putp(&r->nodes);
    r->inventory = r->nodes = NULL;
}
