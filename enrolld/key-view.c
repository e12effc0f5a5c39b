/* SPDX-License-Identifier: Apache-2.0 */
#include "key-view.h"

static X509 *x509_of(const StoredCertificate *c)
{
    return c ? c->x509 : NULL;
}

static KeyView present(const Trustpoint *t, CertificateRole role)
{
    return (KeyView){x509_of(trustpoint_certificate(t, role)), x509_of(t->record.staged),
                     t->record.undo ? x509_of(t->record.previous) : NULL};
}

static void keep(X509 *certificate)
{
    if (certificate)
        (void)X509_up_ref(certificate);
}

KeyView key_view_take(const Trustpoint *t, CertificateRole role)
{
    KeyView v = present(t, role);

    keep(v.certificate);
    keep(v.staged);
    keep(v.undone_to);
    return v;
}

void key_view_done(KeyView *v)
{
    X509_free(v->certificate);
    X509_free(v->staged);
    X509_free(v->undone_to);
    *v = (KeyView){NULL};
}

bool key_view_is_current(const KeyView *v, const Trustpoint *t, CertificateRole role)
{
    const KeyView now = present(t, role);

    return v->certificate == now.certificate && v->staged == now.staged &&
           v->undone_to == now.undone_to;
}
