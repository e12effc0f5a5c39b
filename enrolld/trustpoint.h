/* SPDX-License-Identifier: Apache-2.0 */
/* Trustpoints: what is configured, what is kept, and what follows from both. No bus here. */
#pragma once

#include "clock-floor.h"
#include "received.h"
#include "record.h"

/* Is the key in keyd still the one that a certificate was made for? */
typedef enum KeyState {
    KEY_UNKNOWN, /* keyd has not answered */
    KEY_SAME,
    KEY_REPLACED,
    KEY_MISSING,
} KeyState;

/* The certificates of a CA elsewhere that somebody has still to believe. */
typedef struct AuthorityOffer {
    ReceivedList list; /* in the order of received_order_authority() */
} AuthorityOffer;

AuthorityOffer *authority_offer_free(AuthorityOffer *offer);
DEFINE_TRIVIAL_CLEANUP_FUNC(AuthorityOffer *, authority_offer_free);

typedef struct Trustpoint {
    const struct Trustpoints *set;
    char *name;
    TrustpointConfig *config; /* NULL: no longer configured */
    Record record;            /* record.name is NULL: no certificates */
    KeyState key_states[ROLE_MAX];
    bool busy;          /* a job is making a certificate */
    const void *asking; /* the data of that job, while it asks a CA */
    bool cancelled;     /* somebody does not want to know what the CA says */
    bool announced_expired[ROLE_MAX];
    AuthorityOffer *offer; /* in memory only */
    /* With what the open request has been made known to the CA; in memory only, and wiped. */
    char *identity, *secret;
    uint64_t poll_at;  /* microseconds of CLOCK_BOOTTIME; 0: to be set anew */
    uint64_t renew_at; /* the same */
    uint64_t rollover_at;
    unsigned failed_starts; /* of jobs that were due, one after the other */
    /* Why a renewal cannot take its place yet, and that it has proved itself; in memory only. */
    char *replacement_problem;
    bool replacement_proved;
    /* Why nobody can tell whether its certificates are revoked; in memory only. */
    char *revocation_problem;
    struct Trustpoint *next;
} Trustpoint;

typedef struct Trustpoints {
    int state_fd;
    Trustpoint *first;
    /* Records that can't be read now. The trustpoint of each, where there is one of that name, has
     * none, and is not to get one: it would take the place of what is there. */
    UnreadRecord *unread;
    size_t n_unread;
    ClockFloor clock;
} Trustpoints;

/* Reads what is kept. Takes over state_fd, on success only. */
int trustpoints_init(Trustpoints *t, int state_fd, int64_t built, state_report_t report);
void trustpoints_done(Trustpoints *t);
/* The time, as far as decisions go. */
int64_t trustpoints_now(const Trustpoints *t);

/* A record that was read: its trustpoint is there then. Takes it over on success. */
int trustpoint_take_record(Trustpoints *t, Record *record, Trustpoint **ret);
Trustpoint *trustpoint_find(const Trustpoints *t, const char *name);
StoredCertificate *trustpoint_certificate(const Trustpoint *t, CertificateRole role);

/* Replaces the configuration. Takes over the list. changed() is told of trustpoints that came,
 * changed, or are about to go. */
typedef enum TrustpointChange {
    TRUSTPOINT_ADDED,
    TRUSTPOINT_CHANGED,
    TRUSTPOINT_REMOVED,
} TrustpointChange;
typedef void (*trustpoint_changed_t)(void *userdata, Trustpoint *t, TrustpointChange change);
int trustpoints_configure(Trustpoints *t, TrustpointConfig *list, trustpoint_changed_t changed,
                          void *userdata);

/* unread-records.c: NULL, unless what is kept of it can't be read. */
const UnreadRecord *trustpoint_unread(const Trustpoint *t);
/* Tries once more what could not be read. changed() is told of trustpoints that came or changed
 * with that. */
int trustpoints_read_again(Trustpoints *t, state_report_t report, trustpoint_changed_t changed,
                           void *userdata);

/* Keeps a new certificate; the CA's replaces everything that was. On failure nothing has changed.
 */
int trustpoint_install(Trustpoints *t, Trustpoint *trustpoint, CertificateRole role,
                       const char *serial, const void *der, size_t size, const KeyName *key);
/* Keeps the router's new certificates, both or none. Without one for the encryption pair there is
 * none any more. Takes them over on success. */
int trustpoint_install_router(Trustpoints *t, Trustpoint *trustpoint, StoredCertificate *router,
                              StoredCertificate *encryption);
/* Takes a serial number, which is never given out again, whatever happens to its certificate. The
 * caller frees. */
int trustpoint_take_serial(Trustpoints *t, Trustpoint *trustpoint, char **ret);
/* The CA is elsewhere: the first is its certificate, the rest are kept beside it. Replaces
 * everything that was, and what was offered. */
int trustpoint_install_authority(Trustpoints *t, Trustpoint *trustpoint, const ReceivedList *list);
/* Takes over the offer, NULL for none. */
void trustpoint_offer(Trustpoint *trustpoint, AuthorityOffer *offer);
/* Writes down a request in place of the one that was, which may be the same; NULL: none any more.
 * Takes it over on success. */
int trustpoint_set_request(Trustpoints *t, Trustpoint *trustpoint, Request *request);
/* Writes down what has become of one of its requests. reason: one sentence without its end, or
 * NULL. pause: how many seconds the CA wishes to be left alone; 0 for none. */
int trustpoint_request_event(Trustpoints *t, Trustpoint *trustpoint, Request *request,
                             RequestEvent event, const char *reason, uint32_t pause);
/* Keeps copies for the polls of what is open, until that is over; NULL for nothing. */
int trustpoint_remember(Trustpoint *trustpoint, const char *identity, const char *secret);
/* Is it renewed by itself, and when? Seconds; -ENODATA when it isn't, or has nothing to renew. */
int64_t trustpoint_renewal_wait(const Trustpoint *t, int64_t now);
/* Writes down that a renewal came to nothing, and why: one sentence without its end. */
int trustpoint_renewal_failed(Trustpoints *t, Trustpoint *trustpoint, const char *reason);
/* Writes down that a certificate is revoked, and why, or, with NULL, that it is not. Returns 1 when
 * that is news. -EBUSY: a job has the record, and may be writing it down itself. */
int trustpoint_set_revoked(Trustpoints *t, Trustpoint *trustpoint, CertificateRole role,
                           const char *reason);
/* Writes down why a certificate that came was not taken; until one is. Returns 1 when that is
 * news. */
int trustpoint_set_refusal(Trustpoints *t, Trustpoint *trustpoint, const char *reason);
/* Forgets one of its requests, in memory only. */
void trustpoint_drop_request(Trustpoint *trustpoint, Request *request);
/* The certificate that one of its requests asked for: it is there and the request is over, in one
 * step. Only that for a general pair takes the place of those for usage keys. */
int trustpoint_install_answer(Trustpoints *t, Trustpoint *trustpoint, const Request *request,
                              const Received *answer);
/* --- A renewal takes its place ---------------------------------------------------------------- */

/* The router's certificate and its key change together, although the one is here and the other in
 * keyd: what is to come is written down here first, then keyd changes the key, then what was is
 * kept here as the previous one; whoever is killed in between finds in the record how to go on. */
typedef enum Replacement {
    REPLACEMENT_NONE,
    REPLACEMENT_STAGED, /* the key is to be changed, then trustpoint_replaced() */
    REPLACEMENT_TRIAL,  /* the new one has to prove itself, then one of the other two */
    REPLACEMENT_UNDO,   /* the key is to be changed back, then trustpoint_restored() */
} Replacement;

Replacement trustpoint_replacement(const Trustpoint *t);
/* Does the key change with the certificate? */
bool trustpoint_replaces_key(const Trustpoint *t);
/* The certificate that was asked for, for a general pair: the request, if any, is over. */
int trustpoint_stage(Trustpoints *t, Trustpoint *trustpoint, const void *der, size_t size,
                     const KeyName *key);
int trustpoint_replaced(Trustpoints *t, Trustpoint *trustpoint);
/* It has proved itself: nothing is kept. */
int trustpoint_finalized(Trustpoints *t, Trustpoint *trustpoint);
/* It has not: the previous one is the router's again at once, the key follows. keep_new: it does
 * not, the previous key is no longer there. */
int trustpoint_undo(Trustpoints *t, Trustpoint *trustpoint, const char *reason);
int trustpoint_restored(Trustpoints *t, Trustpoint *trustpoint, bool keep_new);
/* Nothing comes of what was staged. */
int trustpoint_unstage(Trustpoints *t, Trustpoint *trustpoint);

/* Forgets all certificates, and the request. */
int trustpoint_clear(Trustpoints *t, Trustpoint *trustpoint);
/* Frees a trustpoint that is neither configured nor has anything kept; true when it is gone. */
bool trustpoint_collect(Trustpoints *t, Trustpoint *trustpoint);

/* --- What is shown ---------------------------------------------------------------------------- */

/* Of the requests about which the CA is asked again, as it was asked and is configured still, the
 * one that is due first; NULL for none. */
Request *trustpoint_polled_request(const Trustpoint *t, int64_t now);
/* Does a request wait for a certificate? */
bool trustpoint_is_asking(const Trustpoint *t);
/* Has it all the certificates that its keys need? */
bool trustpoint_is_enrolled(const Trustpoint *t);
const char *trustpoint_state(const Trustpoint *t);
/* One sentence. The caller frees; NULL when out of memory. */
char *trustpoint_detail(const Trustpoint *t, int64_t now);
const char *certificate_status(const Trustpoint *t, CertificateRole role, int64_t now);

/* May the system trustpoint's key sign now? 0, -ENODATA, -EIO or -EKEYEXPIRED, with a sentence for
 * the caller in *ret_reason (static). */
int trustpoint_signer_check(const Trustpoint *t, int64_t now, const char **ret_reason);
