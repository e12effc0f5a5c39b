/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier as a whole, with the root that signed the corpus. Whatever it says of an envelope,
 * it says it in one of its verdicts. */
#include <openssl/pem.h>

#include "openssl-util.h"
#include "json-cost.h"
#include "verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char root_pem[] = "-----BEGIN CERTIFICATE-----\n"
                               "MIIBwTCCAUigAwIBAgIUQ7J5Nn6bARCbosVQGSfm7GElMgcwCgYIKoZIzj0EAwIw\n"
                               "DzENMAsGA1UEAwwEcm9vdDAgFw0yNjExMjEyMjQ5MzVaGA8yMTI2MTAyODIyNDkz\n"
                               "NVowDzENMAsGA1UEAwwEcm9vdDB2MBAGByqGSM49AgEGBSuBBAAiA2IABDxNLXuw\n"
                               "QZWdQvWSZlaueQgZNhHmg1BKFSvnKGONEJhlDnyDICK21C78x+KmmpWDk31gUfs7\n"
                               "yqEbeD8OJDt2vNGs/8/ELM6IdnOCjHpLkWYeNkAUfbVH/dSfeWhx+AbfwKNjMGEw\n"
                               "HQYDVR0OBBYEFHvNIOdm6bGCAdGD8LFOKp3JZiyKMB8GA1UdIwQYMBaAFHvNIOdm\n"
                               "6bGCAdGD8LFOKp3JZiyKMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEG\n"
                               "MAoGCCqGSM49BAMCA2cAMGQCMH+VpvZujs8zl17nkMKgFxiDptYkpXqJtC3yHZvA\n"
                               "kaZ7iCZ/xg8FqdbnRvAF1Nlk4gIwVOnd5hv+MnQUecKQE7HsBntaWlLpDEes3ge6\n"
                               "U+doOy3H/P974ml8bEjk+PPEXqeB\n"
                               "-----END CERTIFICATE-----\n";

static X509 *read_root(void)
{
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(root_pem, (int)STRLEN(root_pem));

    return PEM_read_bio_X509(bio, NULL, NULL, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static X509 *root;
    _cleanup_(verify_result_done) VerifyResult result = {.verdict = VERDICT_USAGE};
    VerifyRequest request = {.nonce = "1580", .max_age = -1, .at = 1800000000};
    PayloadInfo info;

    if (!root)
        root = read_root();
    request.root = root;
    (void)payload_scan(data, size, &info);
    if (json_cost(data, size) < size)
        abort();
    if (!root || verify_envelope(&request, (const char *)data, size, &result) < 0)
        return 0;
    if (result.verdict > VERDICT_NOT_COLLECTED ||
        (result.verdict == VERDICT_GOOD) != !result.reason[0])
        abort();
    return 0;
}
