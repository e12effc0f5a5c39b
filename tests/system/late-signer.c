/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: what a dossierd that has been taken over could do, run as its user.
 *
 *     late-signer SECONDS NONCE < payload > envelope
 *
 * An envelope with the router's own key and certificates that says that it was made that many
 * seconds from now, without asking whether the certificate is still valid then. */
#include <time.h>

#include "atomic-file.h"
#include "envelope.h"
#include "keyd-client.h"
#include "openssl-util.h"
#include "signer.h"

static int write_out(void *userdata, const void *data, size_t size)
{
    return write_full(STDOUT_FILENO, data, size);
}

static int seal(OSSL_LIB_CTX *context, const Signer *s, int64_t at, const char *nonce)
{
    _cleanup_(envelope_payload_freep) EnvelopePayload *payload = envelope_payload_new();
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    _cleanup_free_ char *header = NULL, *signature = NULL;
    const EnvelopeSigner *e = &s->envelope;
    const char *text;
    char buffer[4096];
    size_t size;
    ssize_t n;
    int r = payload ? 0 : -ENOMEM;

    while (r >= 0 && (n = read_full(STDIN_FILENO, buffer, sizeof buffer)) > 0)
        r = envelope_payload_add(payload, buffer, (size_t)n);
    if (r >= 0)
        r = envelope_payload_finish(payload, &text, &size);
    if (r >= 0)
        r = envelope_header(e, NULL, nonce, at, true, &header);
    if (r >= 0)
        r = keyd_key_new(context, e->algorithm, s->label, "envelope", e->chain[0].der,
                         e->chain[0].size, &key);
    if (r >= 0)
        r = envelope_sign(context, key, e, header, payload, &signature);
    return r < 0 ? r : envelope_write(write_out, NULL, header, text, size, signature);
}

int main(int argc, char *argv[])
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    OSSL_LIB_CTX *context = keyd_provider_context();
    Signer signer;
    int r;

    if (argc != 3 || !context)
        return EXIT_FAILURE;
    if (signer_get(&signer, &error) < 0) {
        (void)fprintf(stderr, "%s\n", error.message);
        return EXIT_FAILURE;
    }
    r = seal(context, &signer, (int64_t)time(NULL) + strtoll(argv[1], NULL, 10), argv[2]);
    if (r < 0)
        (void)fprintf(stderr, "%s\n", keyd_last_error());
    signer_done(&signer);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
