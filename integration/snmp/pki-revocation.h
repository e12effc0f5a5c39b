/* SPDX-License-Identifier: Apache-2.0 */
/* What poold keeps about revocation, as far as the MIB tells it. */
#pragma once

#include "pki-view.h"

/* The CRLs that poold keeps. */
typedef struct PkiCrl {
    char *issuer, *number; /* the number may be NULL */
    int64_t this_update, next_update;
    uint32_t size;
    bool delta;
} PkiCrl;

typedef struct PkiCrls {
    PkiCrl *items;
    size_t n;
} PkiCrls;

#define PKI_LIST_SIZE_MAX (8U << 20)
/* Reads the document of ListCrls. -EBADMSG for what is none, -E2BIG beyond PKI_ITEMS_MAX. */
int pki_crls_read(const char *text, size_t size, PkiCrls *ret);
void pki_crls_done(PkiCrls *crls);
/* The newest of the CA of the trustpoint, a complete one before a delta; NULL for none. */
const PkiCrl *pki_crl_of_trustpoint(const PkiCrls *crls, const PkiView *view,
                                    const char *trustpoint);

/* The answers of OCSP responders that are still good. */
typedef struct PkiAnswer {
    char *certificate; /* the fingerprint of the one that it is about */
    char *responder;
    int64_t this_update, next_update;
} PkiAnswer;

typedef struct PkiAnswers {
    PkiAnswer *items;
    size_t n;
} PkiAnswers;

/* Reads the document of ListOcspAnswers. The same errors. */
int pki_answers_read(const char *text, size_t size, PkiAnswers *ret);
void pki_answers_done(PkiAnswers *answers);
/* The one about the router certificate of the trustpoint; NULL for none. */
const PkiAnswer *pki_answer_of_trustpoint(const PkiAnswers *answers, const PkiView *view,
                                          const char *trustpoint);
