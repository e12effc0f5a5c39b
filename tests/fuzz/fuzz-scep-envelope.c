/* SPDX-License-Identifier: Apache-2.0 */
/* The encrypted half of what a SCEP server answers, for a key that it is for: the first byte says
 * whether old algorithms pass, and whether the key is RSA, one of an elliptic curve, or good for
 * signatures only. */
#include <stdlib.h>

#include "key-agreement.h"
#include "scep-message.h"

/* So that there is time for many. */
#define WORK_MAX 10000U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* CN=a, number 1: what the corpus is for. Nobody has signed it, and nobody asks. */
static X509 *recipient_new(EVP_PKEY *key)
{
    X509 *x = X509_new();

    if (!x || !key || ASN1_INTEGER_set(X509_get_serialNumber(x), 1) != 1 ||
        X509_NAME_add_entry_by_txt(X509_get_issuer_name(x), "CN", MBSTRING_UTF8,
                                   (const unsigned char *)"a", -1, -1, 0) != 1 ||
        X509_set_pubkey(x, key) != 1)
        abort();
    return x;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static X509 *recipients[3];
    const char *reason = NULL;
    unsigned char key[16];
    ScepEnvelope e;
    unsigned kind;

    if (size == 0)
        return 0;
    if (!recipients[0]) {
        recipients[0] = recipient_new(EVP_EC_gen("P-256"));
        recipients[1] = recipient_new(EVP_RSA_gen(2048));
        recipients[2] = recipient_new(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    }
    kind = data[0] & 4 ? 2 : data[0] & 2 ? 1 : 0;
    if (scep_envelope_parse((DerSpan){data + 1, size - 1}, recipients[kind], data[0] & 1, &e,
                            &reason) < 0) {
        if (!reason)
            abort();
    } else if (e.by_password != (kind == 2) || !e.ciphertext.data || !e.cipher ||
               !e.encrypted_key.data ||
               (!e.by_password && e.encrypted_key.data[0] == KEY_AGREEMENT_TAG && e.key_size < 16))
        abort();
    else if (e.by_password && e.password.iterations < WORK_MAX)
        (void)scep_password_unwrap(&e.password, NULL, "secret", key, sizeof(key));
    return 0;
}
