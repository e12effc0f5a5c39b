/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates that a key of keyd's is compared with: while keyd is asked, others may take
 * their place, and its answer says nothing about those. */
#pragma once

#include "trustpoint.h"

typedef struct KeyView {
    const SharedCertificate *certificate;        /* NULL for none */
    const SharedCertificate *staged, *undone_to; /* of a replacement that has begun; the same */
} KeyView;

/* Keeps them, so that no later one can be taken for one of them. */
KeyView key_view_take(const Trustpoint *t, CertificateRole role);
void key_view_done(KeyView *v);
/* Are they still those of the trustpoint? */
bool key_view_is_current(const KeyView *v, const Trustpoint *t, CertificateRole role);
