/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and CRLs that somebody wants verified: the first certificate is tried as an
 * authority of the pool too. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "bundle.h"
#include "verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const AuthorityRules any = {.allow_v1 = true, .allow_expired = true};
    VerifyRequest request = {.data = data,
                             .size = size,
                             .purpose = "tls-server",
                             .name = "host.example",
                             .time = 1700000000};
    _cleanup_(authority_list_freep) AuthorityList *list = NULL, *none = authority_list_new();
    const char *reason = NULL;
    VerifyVerdict verdict;
    int r;

    if (!none)
        return 0;
    r = verify_chain(&request, none, &verdict, &reason);
    /* Nobody is trusted, so nothing is valid; and what is refused is explained. */
    if (r < 0 ? !reason : verdict.valid || !verdict.reason)
        abort();
    if (bundle_parse(data, size, &any, &list, &reason) < 0)
        return 0;
    for (int i = VERIFY_REVOCATION_REQUIRED; i <= VERIFY_REVOCATION_NONE; i++) {
        request.revocation = (VerifyRevocation)i;
        (void)verify_chain(&request, list, &verdict, &reason);
    }
    return 0;
}
