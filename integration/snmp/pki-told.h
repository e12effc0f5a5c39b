/* SPDX-License-Identifier: Apache-2.0 */
/* Which notices of expiry have been sent, so that no restart repeats one, and none is lost that was
 * given while nobody listened. */
#pragma once

#include "json-util.h"
#include "pki-view.h"

#define PKI_TOLD_FILE "told"

typedef struct PkiTold {
    json_object
        *notices; /* TRUSTPOINT/SHA-256 of the certificate: the last that was sent; NULL for none */
} PkiTold;

/* Nothing is there before the first. -EBADMSG: the file was moved aside. */
int pki_told_load_at(PkiTold *told, int dirfd);
int pki_told_save_at(const PkiTold *told, int dirfd);
void pki_told_done(PkiTold *told);

/* Tells of the certificates of which a later notice has been given, and forgets those that are
 * gone. A notice that has been taken back is sent when it is given again. Returns > 0 when there is
 * something to save. */
int pki_told_update(PkiTold *told, const PkiView *view, void (*tell)(const PkiCertificate *c));
