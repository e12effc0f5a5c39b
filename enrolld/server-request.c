/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate requests that go to servers, signed by keys in keyd. */
#include "csr.h"
#include "enrolld.h"
#include "server-method.h"

static bool has_extension(const ServerWishes *wishes, int nid)
{
    return wishes && X509v3_get_ext_by_NID(wishes->extensions, nid, -1) >= 0;
}

static int build(Job *job, const ServerJob *j, const KeyName *name, const ServerWishes *wishes,
                 const char *challenge, X509_REQ **ret_request, void **ret, size_t *ret_size)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    int r = enrollment_load_key(job, j->manager, name, "certificate-request", &key);

    if (r < 0)
        return r;
    r = csr_build(
        &(CsrSpec){.context = j->manager->context,
                   .subject = wishes && wishes->subject ? wishes->subject : j->subject,
                   .key = key,
                   .digest = wishes && wishes->digest ? wishes->digest : j->digest,
                   .alternative_names =
                       has_extension(wishes, NID_subject_alt_name) ? NULL : j->alternative_names,
                   .key_usage =
                       has_extension(wishes, NID_key_usage) ? 0 : j->key_usages[name->pair],
                   .extensions = wishes ? wishes->extensions : NULL,
                   .challenge = challenge},
        ret_request, ret, ret_size);
    return r < 0 ? enrollment_sign_failed(job, r, "certificate request") : 0;
}

int server_make_request(Job *job, const ServerJob *j, EnrollmentMethod method, const KeyName *name,
                        const ServerWishes *wishes, Request **ret)
{
    _cleanup_(X509_REQ_freep) X509_REQ *x509 = NULL;
    _cleanup_free_ void *der = NULL;
    size_t size;
    int r = build(job, j, name, wishes, NULL, &x509, &der, &size);

    if (r >= 0)
        r = request_new_made(method, x509, der, size, name, ret);
    if (r < 0)
        return r;
    TAKE_PTR(x509);
    (*ret)->renewal = j->renew;
    return 0;
}

int server_build_request(Job *job, const ServerJob *j, const KeyName *name, const char *challenge,
                         void **ret, size_t *ret_size)
{
    return build(job, j, name, NULL, challenge, NULL, ret, ret_size);
}

int server_rebuild_request(Job *job, const ServerJob *j, const Request *kept, void **ret,
                           size_t *ret_size)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    int r = enrollment_load_key(job, j->manager, &kept->key, "certificate-request", &key);

    if (r < 0)
        return r;
    r = csr_with_challenge(kept->x509,
                           &(CsrSpec){.context = j->manager->context,
                                      .key = key,
                                      .digest = j->digest,
                                      .challenge = j->challenge},
                           ret, ret_size);
    return r < 0 ? enrollment_sign_failed(job, r, "certificate request") : 0;
}
