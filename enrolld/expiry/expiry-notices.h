/* SPDX-License-Identifier: Apache-2.0 */
/* Which notices of expiry have been given, so that no restart repeats one and no kill loses one. */
#pragma once

#include "expiry-schedule.h"
#include "trustpoint.h"

#define EXPIRY_NOTICES_MAX 4096U

#define EXPIRY_KEY_SIZE 200U

typedef struct ExpiryNotice {
    char key[EXPIRY_KEY_SIZE]; /* TRUSTPOINT/SHA-256 of the certificate */
    unsigned step;             /* the last that was given */
    bool seen;                 /* its certificate is still there */
} ExpiryNotice;

typedef struct ExpiryNotices {
    ExpiryNotice *items;
    size_t n;
} ExpiryNotices;

/* Nothing is there before the first notice. -EBADMSG: the file was moved aside. */
int expiry_notices_load_at(ExpiryNotices *notices, int dirfd);
int expiry_notices_save_at(const ExpiryNotices *notices, int dirfd);
void expiry_notices_done(ExpiryNotices *notices);

/* A notice is about what the certificate is used for: a router certificate, and the CA's that it
 * hangs on. A CA certificate alone is none of the router's; and, as on the router, nothing is said
 * about certificates of usage keys. */
bool expiry_is_watched(const Trustpoint *t, CertificateRole role);

/* A notice; of step 0: none, but what a clock that ran ahead has given does not count any more. */
typedef void (*expiry_notice_t)(void *userdata, const Trustpoint *t, CertificateRole role,
                                unsigned step);

/* The step of the last notice that was given of a certificate that is there; 0 for none. */
unsigned expiry_notices_given(const ExpiryNotices *notices, const Trustpoint *t,
                              CertificateRole role);

/* Gives the notices that are due, and forgets those of certificates that are gone. Returns > 0 when
 * there is something to save. */
int expiry_notices_run(ExpiryNotices *notices, const Trustpoints *trustpoints, int64_t now,
                       expiry_notice_t give, void *userdata);
