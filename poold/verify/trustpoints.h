/* SPDX-License-Identifier: Apache-2.0 */
/* The trustpoints as enrolld knows them, as far as verification goes: whose CA is trusted, and what
 * their policy is. */
#pragma once

#include "authority.h"
#include "certificate-table.h"
#include "crl-questions.h"
#include "fetch-client.h"
#include "peer-usage.h"

#define TRUSTPOINTS_MAX 1024U
/* "crypto ca trustpoint Trustpool" says how the pool is used, and has no CA of its own. */
#define TRUSTPOINT_OF_POOL "Trustpool"

typedef struct PeerTrustpoint {
    char *name;
    char *query_url;  /* the directory that has CRLs; may be NULL */
    char *server_url; /* its https server, which CAs of the pool are good for too; may be NULL */
    char vrf[INTERFACE_NAME_SIZE]; /* through which that is reached; empty: none */
    bool crl_optional, has_ca;
    char *scep_server; /* where enrolld asks its CA for its list, and by which VRF; NULL: nowhere */
    PeerUsage peer_usage; /* what certificates of its CA have to be for */
    uint8_t ca[AUTHORITY_DIGEST_SIZE];
    STACK_OF(X509) * certificates; /* the CA's, what it came with; the router's, as they were */
    X509 *next; /* that the CA has named as the one that it goes on with; may be NULL */
} PeerTrustpoint;

typedef struct Trustpoints {
    PeerTrustpoint *items;
    size_t n;
    AuthorityList *authorities; /* their CAs */
    CertificateTable *parsed;   /* all their certificates */
    unsigned references;        /* atomic: it never changes after it was read */
} Trustpoints;

/* The document of org.chancery.Enrollment1.GetTrustpoints. former: those of an earlier document,
 * most of whose certificates will be in this one too; may be NULL. */
int trustpoints_parse(const char *text, size_t size, const Trustpoints *former, Trustpoints **ret);
/* Asks enrolld, and waits for the answer: for worker threads only. -ECANCELED. */
int trustpoints_ask(const Trustpoints *former, int cancel_fd, Trustpoints **ret);
/* Who would ask its CA for its list; nobody if it cannot. Borrows. */
CrlAsker trustpoint_asker(const PeerTrustpoint *t);
/* Has enrolld ask the CA of a trustpoint for its revocation list. As fetch();
 * -ENODATA: it has no certificate to ask with. */
int trustpoints_get_crl(const char *name, int cancel_fd, FetchReply *reply);
Trustpoints *trustpoints_ref(Trustpoints *trustpoints);
Trustpoints *trustpoints_free(Trustpoints *trustpoints);
DEFINE_TRIVIAL_CLEANUP_FUNC(Trustpoints *, trustpoints_free);

const PeerTrustpoint *trustpoints_find(const Trustpoints *trustpoints, const char *name);
/* The first one with this CA, which is one in the combined list. */
const PeerTrustpoint *trustpoints_of(const Trustpoints *trustpoints,
                                     const uint8_t ca[AUTHORITY_DIGEST_SIZE]);
