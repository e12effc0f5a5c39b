/* SPDX-License-Identifier: Apache-2.0 */
#include "key-view.h"

static const SharedCertificate *shared_of(const StoredCertificate *c)
{
    return c ? c->shared : NULL;
}

static KeyView present(const Trustpoint *t, CertificateRole role)
{
    return (KeyView){shared_of(trustpoint_certificate(t, role)), shared_of(t->record.staged),
                     t->record.undo ? shared_of(t->record.previous) : NULL};
}

KeyView key_view_take(const Trustpoint *t, CertificateRole role)
{
    const KeyView v = present(t, role);

    return (KeyView){shared_certificate_ref(v.certificate), shared_certificate_ref(v.staged),
                     shared_certificate_ref(v.undone_to)};
}

void key_view_done(KeyView *v)
{
    shared_certificate_put(v->certificate);
    shared_certificate_put(v->staged);
    shared_certificate_put(v->undone_to);
    *v = (KeyView){NULL};
}

bool key_view_is_current(const KeyView *v, const Trustpoint *t, CertificateRole role)
{
    const KeyView now = present(t, role);

    return v->certificate == now.certificate && v->staged == now.staged &&
           v->undone_to == now.undone_to;
}
