/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict.h"

#include <openssl/pem.h>

DEFINE_TRIVIAL_CLEANUP_FUNC(BIO *, BIO_free);

static int take_text(BIO *bio, char **ret)
{
    char *text;
    long size = BIO_get_mem_data(bio, &text);

    *ret = size > 0 ? strndup(text, (size_t)size) : NULL;
    return *ret ? 0 : -ENOMEM;
}

int verdict_pem(X509 *certificate, X509 *const *others, size_t n, char **ret)
{
    _cleanup_(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());

    if (!bio || PEM_write_bio_X509(bio, certificate) != 1)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (others[i] && PEM_write_bio_X509(bio, others[i]) != 1)
            return -ENOMEM;
    return take_text(bio, ret);
}

int verdict_pem_shared(const SharedCertificate *const *certificates, size_t n, char **ret)
{
    _cleanup_(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());

    for (size_t i = 0; i < n; i++)
        if (!bio || PEM_write_bio(bio, PEM_STRING_X509, "", certificates[i]->der,
                                  (long)certificates[i]->size) <= 0)
            return -ENOMEM;
    return bio ? take_text(bio, ret) : -ENOMEM;
}

/* Whose revocation it is decides on what is to be done. */
static const char *revoked_words(unsigned depth)
{
    return depth == 0 ? "its CA has revoked it" : "a CA above it is revoked";
}

int verdict_set(Verdict *verdict, const char *word, const char *reason, unsigned depth,
                const char *problem)
{
    static const char *const words[] = {[VERDICT_GOOD] = "good",
                                        [VERDICT_REVOKED] = "revoked",
                                        [VERDICT_UNKNOWN] = "unknown",
                                        [VERDICT_BAD] = "bad"};
    VerdictKind kind = VERDICT_GOOD;

    while (!streq(word, words[kind]))
        if (++kind > VERDICT_BAD)
            return -EBADMSG;
    *verdict = (Verdict){.kind = kind, .unreachable = kind == VERDICT_UNKNOWN && problem};
    if (kind == VERDICT_REVOKED)
        reason = revoked_words(depth);
    else if (verdict->unreachable)
        reason = problem;
    if (kind != VERDICT_GOOD)
        (void)snprintf(verdict->reason, sizeof(verdict->reason), "%s", reason);
    return 0;
}
