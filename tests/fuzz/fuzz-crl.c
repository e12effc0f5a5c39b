/* SPDX-License-Identifier: Apache-2.0 */
/* What a server of CRLs answers: DER, PEM or the entry of a directory. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "crl-points.h"
#include "crl-reply.h"
#include "crl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_one(const void *der, size_t size)
{
    _cleanup_(X509_CRL_freep) X509_CRL *list = NULL;
    _cleanup_(X509_freep) X509 *nobody = X509_new();
    _cleanup_(crl_points_done) CrlPoints points = {0};
    const char *reason = NULL;
    Crl *crl = NULL;
    int r = crl_parse((DerSpan){der, size}, &list, &reason);

    if (r == -EBADMSG && !reason)
        abort();
    if (r < 0 || !nobody)
        return;
    /* Nobody is trusted, so nobody has signed it. */
    if (crl_find_signer(list, NULL))
        abort();
    (void)crl_points_read(NULL, list, NID_freshest_crl, "ldap://192.0.2.1", &points);
    if (crl_new((DerSpan){der, size}, nobody, "http://ca.example/", &crl, &reason) >= 0)
        crl_free(crl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(crl_reply_done) CrlReply reply = {0};
    const char *reason = NULL;
    int r = crl_reply_read((DerSpan){data, size}, &reply, &reason);

    if (r == -EBADMSG && !reason)
        abort();
    for (size_t i = 0; i < reply.n; i++)
        try_one(reply.data[i], reply.size[i]);
    return 0;
}
