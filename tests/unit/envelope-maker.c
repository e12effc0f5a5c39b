/* SPDX-License-Identifier: Apache-2.0 */
/* envelope-maker KEY.pem CHAIN.pem ALGORITHM DIGEST NONCE [CONTENT-TYPE [FORMAT]] < payload >
 * envelope: an envelope by the code of dossierd with a key from a file, for tests of other
 * programs; or as FORMAT, eat-jwt or eat-cwt. */
#include <openssl/pem.h>
#include <time.h>

#include "atomic-file.h"
#include "eat-token.h"
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

static int read_payload(EnvelopePayload *payload)
{
    char buffer[4096];
    ssize_t n;

    while ((n = read_full(STDIN_FILENO, buffer, sizeof buffer)) > 0) {
        int r = envelope_payload_add(payload, buffer, (size_t)n);

        if (r < 0)
            return r;
    }
    return (int)n;
}

static int make_envelope(EVP_PKEY *key, const EnvelopeSigner *signer, const char *content_type,
                         const char *nonce)
{
    _cleanup_(envelope_payload_freep) EnvelopePayload *payload = envelope_payload_new();
    _cleanup_free_ char *header = NULL, *signature = NULL;
    const char *text;
    size_t size;
    int r = payload ? read_payload(payload) : -ENOMEM;

    if (r >= 0)
        r = envelope_payload_finish(payload, &text, &size);
    if (r >= 0)
        r = envelope_header(signer, content_type, nonce, (int64_t)time(NULL), true, &header);
    if (r >= 0)
        r = envelope_sign(NULL, key, signer, header, payload, &signature);
    return r < 0 ? r : envelope_write(write_out, NULL, header, text, size, signature);
}

static int make_token(EVP_PKEY *key, const EnvelopeSigner *signer, const char *content_type,
                      const char *nonce, EatForm form)
{
    _cleanup_(envelope_payload_freep) EnvelopePayload *payload =
        envelope_payload_new_encoded(eat_encoding(form));
    _cleanup_(eat_token_done) EatToken token = {.form = form};
    EatClaims claims = {.issued_at = (int64_t)time(NULL),
                        .is_dossier = streq(content_type, ENVELOPE_CONTENT_DOSSIER),
                        .has_ueid = true,
                        .has_sueid = true,
                        .ueid = {EAT_UEID_RANDOM, 1, 2},
                        .sueid = {EAT_UEID_RANDOM, 3, 4},
                        .uptime = 12345,
                        .software = "Debian \"GNU\"/Linux \xc3\xbc",
                        .version = "12"};
    _cleanup_free_ void *signature = NULL;
    size_t size, signature_size;
    const char *text;
    int r = payload ? read_payload(payload) : -ENOMEM;

    if (r >= 0)
        r = envelope_payload_finish(payload, &text, &size);
    if (r >= 0)
        r = eat_nonce_from_text(nonce, claims.nonce, &claims.nonce_size);
    if (r >= 0)
        r = eat_token_begin(form, signer, &claims, true, envelope_payload_size(payload), &token);
    if (r >= 0)
        r = eat_token_sign(&token, NULL, key, signer, payload, &signature, &signature_size);
    return r < 0 ? r
                 : eat_token_write(&token, write_out, NULL, text, size, signature, signature_size);
}

int main(int argc, char *argv[])
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    _cleanup_(chain_done) EnvelopeSigner signer = {.n_chain = 0};
    int r;

    if (argc < 6 || argc > 8)
        return EXIT_FAILURE;
    key = read_key(argv[1]);
    if (!key || read_chain(argv[2], &signer) < 0)
        return EXIT_FAILURE;
    signer.algorithm = argv[3];
    signer.digest = argv[4];
    if (argc < 8)
        r = make_envelope(key, &signer, argv[6], argv[5]);
    else
        r = make_token(key, &signer, argv[6], argv[5],
                       streq(argv[7], "eat-cwt") ? EAT_CWT : EAT_JWT);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
