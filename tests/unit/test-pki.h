/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes signed with keys and certificates made on the spot. */
#pragma once

#include "test-certificates.h"

#include "envelope.h"

typedef struct TestText {
    char *data;
    size_t size;
} TestText;

static inline int pki_append(void *userdata, const void *data, size_t size)
{
    TestText *t = userdata;

    t->data = realloc(t->data, t->size + size + 1);
    memcpy(t->data + t->size, data, size);
    t->size += size;
    t->data[t->size] = 0;
    return 0;
}

typedef struct TestEnvelopeSpec {
    const char *algorithm, *digest, *nonce;
    int64_t issued_at;
    bool include_certificate;
    const char *header; /* base64url, in place of the one that would be made */
    const char *content_type;
} TestEnvelopeSpec;

static inline char *pki_envelope(const TestCertificate *leaf, const TestCertificate *root,
                                 const TestEnvelopeSpec *spec, const void *payload,
                                 size_t payload_size)
{
    _cleanup_(envelope_payload_freep) EnvelopePayload *p = envelope_payload_new();
    _cleanup_free_ char *header = NULL, *signature = NULL;
    EnvelopeSigner signer = {
        .algorithm = spec->algorithm,
        .digest = spec->digest,
        .chain = {{leaf->der, (size_t)leaf->der_size}, {root->der, (size_t)root->der_size}},
        .n_chain = 2,
    };
    TestText text = {NULL, 0};
    const char *payload64;
    size_t size;

    assert_int_equal(envelope_payload_add(p, payload, payload_size), 0);
    assert_int_equal(envelope_payload_finish(p, &payload64, &size), 0);
    if (spec->header)
        header = strdup(spec->header);
    else
        assert_int_equal(envelope_header(&signer, spec->content_type, spec->nonce, spec->issued_at,
                                         spec->include_certificate, &header),
                         0);
    assert_int_equal(envelope_sign(NULL, leaf->key, &signer, header, p, &signature), 0);
    assert_int_equal(envelope_write(pki_append, &text, header, payload64, size, signature), 0);
    return text.data;
}
