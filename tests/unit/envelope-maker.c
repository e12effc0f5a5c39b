/* SPDX-License-Identifier: Apache-2.0 */
/* envelope-maker KEY.pem CHAIN.pem ALGORITHM DIGEST NONCE [CONTENT-TYPE] < payload > envelope: an
 * envelope by the code of dossierd with a key from a file, for tests of other programs. */
#include <openssl/pem.h>
#include <time.h>

#include "atomic-file.h"
#include "envelope.h"
#include "openssl-util.h"

static int read_chain(const char *path, EnvelopeSigner *signer)
{
    FILE *f = fopen(path, "re");
    X509 *certificate;

    if (!f)
        return -errno;
    while ((certificate = PEM_read_X509(f, NULL, NULL, NULL)) &&
           signer->n_chain < ENVELOPE_CHAIN_MAX) {
        uint8_t *der = NULL;
        int size = i2d_X509(certificate, &der);

        X509_free(certificate);
        if (size < 0)
            return -EBADMSG;
        signer->chain[signer->n_chain++] = (EnvelopeCertificate){der, (size_t)size};
    }
    (void)fclose(f);
    return signer->n_chain > 0 ? 0 : -EBADMSG;
}

static void chain_done(EnvelopeSigner *signer)
{
    for (size_t i = 0; i < signer->n_chain; i++)
        OPENSSL_free((void *)(uintptr_t)signer->chain[i].der);
}

static EVP_PKEY *read_key(const char *path)
{
    _cleanup_fclose_ FILE *f = fopen(path, "re");

    return f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
}

static int write_out(void *userdata, const void *data, size_t size)
{
    return write_full(STDOUT_FILENO, data, size);
}

int main(int argc, char *argv[])
{
    _cleanup_(envelope_payload_freep) EnvelopePayload *payload = envelope_payload_new();
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    _cleanup_free_ char *header = NULL, *signature = NULL;
    _cleanup_(chain_done) EnvelopeSigner signer = {.n_chain = 0};
    const char *text;
    char buffer[4096];
    size_t size;
    ssize_t n;

    if (argc < 6 || argc > 7 || !payload)
        return EXIT_FAILURE;
    key = read_key(argv[1]);
    if (!key || read_chain(argv[2], &signer) < 0)
        return EXIT_FAILURE;
    signer.algorithm = argv[3];
    signer.digest = argv[4];
    while ((n = read_full(STDIN_FILENO, buffer, sizeof buffer)) > 0)
        if (envelope_payload_add(payload, buffer, (size_t)n) < 0)
            return EXIT_FAILURE;
    if (n < 0 || envelope_payload_finish(payload, &text, &size) < 0 ||
        envelope_header(&signer, argv[6], argv[5], (int64_t)time(NULL), true, &header) < 0 ||
        envelope_sign(NULL, key, &signer, header, text, size, &signature) < 0 ||
        envelope_write(write_out, NULL, header, text, size, signature) < 0)
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
