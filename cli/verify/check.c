/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdarg.h>

#include "chain-check.h"
#include "compare.h"
#include "input.h"
#include "openssl-util.h"

static int fail(char reason[CHECK_REASON_SIZE], const char *path, int error)
{
    const char *text = strerror(-error);

    if (error == -EBADMSG)
        text = "Not what it should be";
    else if (error == -E2BIG)
        text = "Too much in it";
    (void)snprintf(reason, CHECK_REASON_SIZE, "%s: %s", path, text);
    return error;
}

static int read_authorities(Check *c, char reason[CHECK_REASON_SIZE])
{
    const CheckOptions *o = &c->options;
    int r;

    r = input_certificates(o->root, &c->roots);
    if (r < 0)
        return fail(reason, o->root, r);
    if (sk_X509_num(c->roots) != 1) {
        (void)snprintf(reason, CHECK_REASON_SIZE,
                       "%s: There has to be exactly one certificate in it", o->root);
        return -EINVAL;
    }
    r = o->chain ? input_certificates(o->chain, &c->chain) : 0;
    if (r < 0)
        return fail(reason, o->chain, r);
    r = o->crl ? input_crls(o->crl, &c->crls) : 0;
    return r < 0 ? fail(reason, o->crl, r) : 0;
}

/* Compared is with what the router did say: time and nonce were another question's, and a
 * certificate may have expired since. */
static int compare_previous(Check *c, char reason[CHECK_REASON_SIZE])
{
    const char *path = c->options.previous;
    _cleanup_free_ char *input = NULL;
    _cleanup_(verify_result_done) VerifyResult old = {.verdict = VERDICT_USAGE};
    VerifyRequest request = c->request;
    size_t size;
    int r;

    request.nonce = NULL;
    request.max_age = -1;
    r = input_read(path, ENVELOPE_SIZE_MAX, &input, &size);
    if (r >= 0)
        r = verify_envelope(&request, input, size, &old);
    if (r < 0)
        return fail(reason, path, r);
    if (old.verdict != VERDICT_GOOD && old.verdict != VERDICT_VALID_WHEN_SIGNED) {
        verify_refuse(&c->result, old.verdict, "the previous envelope: %.400s", old.reason);
        return 0;
    }
    r = old.info.is_dossier ? compare_dossiers(old.payload, old.payload_size, c->result.payload,
                                               c->result.payload_size, &c->result.differences)
                            : -EBADMSG;
    if (r == -EBADMSG)
        verify_refuse(&c->result, VERDICT_BAD_PAYLOAD, "the previous envelope has no dossier");
    else if (r < 0)
        return fail(reason, path, r);
    else if (json_object_array_length(c->result.differences) > 0)
        verify_refuse(&c->result, VERDICT_DIFFERS, "%zu differences from the previous dossier",
                      json_object_array_length(c->result.differences));
    return 0;
}

static int compare_reference(Check *c, char reason[CHECK_REASON_SIZE])
{
    size_t n;
    int r;

    r = reference_check(c->options.reference, c->result.payload, c->result.payload_size,
                        &c->result.deviations);
    if (r == -EBADMSG)
        verify_refuse(&c->result, VERDICT_BAD_PAYLOAD, "the dossier has packages that are none");
    else if (r < 0)
        return fail(reason, c->options.envelope, r);
    else if ((n = json_object_array_length(c->result.deviations)) > 0)
        verify_refuse(&c->result, VERDICT_NOT_AS_REFERENCE,
                      "%zu packages or files are not as the reference has them", n);
    return 0;
}

/* What is said of a good dossier besides. */
static int judge_content(Check *c, char reason[CHECK_REASON_SIZE])
{
    int r = 0;

    if (c->result.verdict != VERDICT_GOOD || (!c->options.reference && !c->options.previous))
        return 0;
    if (!c->result.info.is_dossier) {
        verify_refuse(&c->result, VERDICT_BAD_PAYLOAD,
                      "the payload is no dossier, so there is nothing to compare");
        return 0;
    }
    if (c->options.reference)
        r = compare_reference(c, reason);
    if (r >= 0 && c->options.previous)
        r = compare_previous(c, reason);
    return r;
}

int check_run(const CheckOptions *options, Check *ret, char reason[CHECK_REASON_SIZE])
{
    size_t size;
    int r;

    *ret = (Check){.options = *options, .result.verdict = VERDICT_USAGE};
    r = read_authorities(ret, reason);
    if (r < 0)
        return r;
    ret->request = (VerifyRequest){
        .root = sk_X509_value(ret->roots, 0),
        .chain = ret->chain,
        .crls = ret->crls,
        .nonce = options->nonce,
        .max_age = options->max_age,
        .at = options->at,
    };
    r = input_read(options->envelope, ENVELOPE_SIZE_MAX, &ret->input, &size);
    if (r >= 0)
        r = verify_envelope(&ret->request, ret->input, size, &ret->result);
    return r < 0 ? fail(reason, options->envelope, r) : judge_content(ret, reason);
}

void check_done(Check *c)
{
    verify_result_done(&c->result);
    x509_stack_freep(&c->roots);
    x509_stack_freep(&c->chain);
    crl_stack_freep(&c->crls);
    free(c->input);
    *c = (Check){.input = NULL};
}
