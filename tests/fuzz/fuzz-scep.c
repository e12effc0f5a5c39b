/* SPDX-License-Identifier: Apache-2.0 */
/* What a SCEP server answers: capabilities, certificates, replies, envelopes. The first byte says
 * whether old algorithms pass. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "scep-message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nobody's signature is right, but whose name it is can be found. */
static void read_reply(const uint8_t *data, size_t size, X509 *ca, bool legacy)
{
    const ScepExpectation expected = {.transaction = "00",
                                      .nonce = (const uint8_t *)"0123456789abcdef",
                                      .signers = &ca,
                                      .n_signers = ca ? 1 : 0,
                                      .legacy = legacy};
    const char *reason = NULL;
    ScepEnvelope envelope;
    ReceivedList list;
    size_t n_crl;
    void *crl;
    ScepReply reply;

    if (scep_reply_parse(data, size, &expected, &reply, &reason) < 0 && !reason)
        abort();
    if (ca && scep_next_certificates_parse(data, size, ca, legacy, NULL, &list, &reason) >= 0)
        received_done(&list);
    if (scep_crl_parse(data, size, &crl, &n_crl, &reason) >= 0)
        free(crl);
    if (ca && scep_envelope_parse((DerSpan){data, size}, ca, legacy, &envelope, &reason) >= 0 &&
        (!envelope.ciphertext.data || !envelope.cipher))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *reason = NULL;
    ScepCapabilities c;
    ReceivedList list;
    bool legacy;

    if (size == 0)
        return 0;
    legacy = data[0] & 1;
    data++;
    size--;
    scep_capabilities_parse(data, size, &c);
    if (scep_certificates_parse(data, size, &list, &reason) < 0) {
        if (!reason)
            abort();
        read_reply(data, size, NULL, legacy);
    } else {
        read_reply(data, size, list.items[0].x509, legacy);
        received_done(&list);
    }
    return 0;
}
