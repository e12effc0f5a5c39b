/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon as a whole: what the bus side and the jobs share. */
#pragma once

#include <openssl/types.h>

#include "expiry-notices.h"
#include "job.h"
#include "server.h"
#include "trustpoint.h"

#define TRUSTPOINT_PREFIX "/org/chancery/Enrollment1/trustpoint"

typedef struct RevocationWatch RevocationWatch;

typedef struct Manager {
    Server *server;
    OSSL_LIB_CTX *context; /* has keyd's provider */
    Trustpoints trustpoints;
    ExpiryNotices notices;
    int runtime_fd;          /* where services find certificates; negative: nowhere */
    FetchAccess access;      /* how CAs are reached */
    char *serial_number;     /* the router's */
    char *hostname, *domain; /* NULL when not configured */
    sd_event_source *tick, *recheck, *trim;
    sd_event_source *due, *look; /* schedule.c */
    sd_bus_slot *keys_changed;
    RevocationWatch *revocations;
} Manager;

/* unread.c: state that cannot be read now */

/* As state_report_t. */
void state_report(const char *file, int error);
/* Tries again, and announces what is there then. */
void manager_read_again(Manager *m);

/* trim.c: memory that something has left behind goes back to the system when it has been quiet for
 * a while. */
void manager_trim_soon(Manager *m);

/* enrollment.c: what all enrolments have in common, and self enrolment */

typedef struct EnrollOptions {
    bool include_serial_number;
    const char *address;   /* NULL for none */
    const char *challenge; /* the same */
    const char *identity;  /* with what the CA knows the operator, or the router; the same */
    const char *secret;    /* the same */
} EnrollOptions;

/* The trustpoint of that name, or an error that says that there is none, or that what is kept of it
 * can't be read: every command begins here, and none may go on without that. */
int trustpoint_get(Manager *m, const char *name, Trustpoint **ret, sd_bus_error *reterr_error);
/* One that is configured. */
int trustpoint_get_configured(Manager *m, const char *name, Trustpoint **ret,
                              sd_bus_error *reterr_error);
/* Would it work, as far as is known without asking keyd? Fills reterr_error. The FQDN is the
 * caller's to free. */
int enrollment_check(Manager *m, const char *trustpoint, CertificateRole role, Trustpoint **ret,
                     char **ret_fqdn, sd_bus_error *reterr_error);
/* For a trustpoint that passed the check; fqdn may be NULL. */
int enrollment_start_self(Manager *m, Trustpoint *t, CertificateRole role, const char *fqdn,
                          const EnrollOptions *options, sd_bus_message *message,
                          sd_bus_error *reterr_error);
/* Nobody asked: an enrolment anew under the router's own root. */
int enrollment_renew_self(Manager *m, Trustpoint *t);
/* A certificate has come, and is not taken: that is kept, and said once. */
void enrollment_refused(Manager *m, Trustpoint *t, const char *reason);
/* A renewal came to nothing. */
void enrollment_renewal_failed(Manager *m, Trustpoint *t, const char *reason);
/* The router's own subject, as configured and as answered. -EINVAL with *ret_reason. */
int enrollment_subject_new(const Manager *m, const TrustpointConfig *config, CertificateRole role,
                           const char *fqdn, const EnrollOptions *options, X509_NAME **ret,
                           const char **ret_reason);
/* In workers: a key of keyd, and why signing with it failed. What they return is said. */
int enrollment_load_key(Job *job, const Manager *m, const KeyName *name, const char *purpose,
                        EVP_PKEY **ret);
/* What the configured name stands for: one pair, or the two of usage keys. The caller releases
 * them. */
int enrollment_pairs(Job *job, const Manager *m, const KeyName *name, KeyName ret[REQUESTS_MAX],
                     size_t *ret_n);
/* The same for a new key that is made for it, beside the one of that name. */
int enrollment_next_pair(Job *job, const KeyName *name, KeyName ret[REQUESTS_MAX], size_t *ret_n);
int enrollment_sign_failed(Job *job, int r, const char *what);
/* Afterwards, when a certificate is in place: journal, signals. existed: it replaces another one.
 */
#define ENROLLMENT_RENEWER "enrolld"
void enrollment_certificate_installed(Manager *m, Trustpoint *t, CertificateRole role, bool existed,
                                      const char *user);
/* The same for whoever does not announce the trustpoint himself, when all has been done for it. */
void enrollment_installed(Manager *m, Trustpoint *t, CertificateRole role, bool existed,
                          const char *user);

/* Which way its server is reached. */
FetchRoute enrollment_route(const Manager *m, const TrustpointConfig *config);
/* Into the result of a job. */
int enrollment_report(Job *job, const Trustpoint *t, CertificateRole role);
/* What a certificate is, for whoever has asked for it. */
int enrollment_report_summary(Job *job, const CertificateSummary *s);
/* What has changed of the CAs of a trustpoint since then is announced. */
typedef struct AuthoritiesView {
    const StoredCertificate *ca, *next;
} AuthoritiesView;
AuthoritiesView enrollment_view_authorities(const Trustpoint *t);
void enrollment_announce_authorities(Manager *m, Trustpoint *t, AuthoritiesView before);
/* Says which certificates were there and are no more. */
void enrollment_announce_gone(Manager *m, const Trustpoint *t, const bool existed[ROLE_MAX]);

/* external.c: a CA elsewhere. Both start jobs. */

typedef struct AuthenticateOptions {
    struct iovec certificates; /* empty: not given */
    const char *fingerprint;   /* NULL: somebody is asked */
} AuthenticateOptions;

int external_authenticate(Manager *m, Trustpoint *t, const AuthenticateOptions *options,
                          sd_bus_message *message, sd_bus_error *reterr_error);
int external_enroll(Manager *m, Trustpoint *t, const char *fqdn, const EnrollOptions *options,
                    sd_bus_message *message, sd_bus_error *reterr_error);
/* Is it the answer to one of the open requests? -EKEYREJECTED or -EKEYEXPIRED with *ret_reason
 * (static). ret may be NULL; borrowed from the list. */
int external_check_answer(const Manager *m, const Trustpoint *t, const Request *request,
                          const ReceivedList *list, const Received **ret, const char **ret_reason);
/* The same, and installs it. Returns 1 when it
 * is a renewal, which takes its place in a job of its own. */
int external_take_answer(Manager *m, Trustpoint *t, const Request *request,
                         const ReceivedList *list, const char **ret_reason);
/* For handlers: an idle trustpoint with an open request. */
int external_find_requested(Manager *m, const char *trustpoint, Trustpoint **ret,
                            sd_bus_error *reterr_error);
/* Handlers */
int external_accept(Manager *m, const char *trustpoint, const char *fingerprint,
                    sd_bus_message *message, sd_bus_error *reterr_error);
int external_retrieve(Manager *m, const char *trustpoint, sd_bus_message *message,
                      sd_bus_error *reterr_error);
int external_retrieve_by_serial(Manager *m, const char *trustpoint, const char *serial,
                                sd_bus_message *message, sd_bus_error *reterr_error);
int external_cancel(Manager *m, const char *trustpoint, sd_bus_message *message,
                    sd_bus_error *reterr_error);

/* import.c: handler; the answer comes when poold has been asked. */
int external_import(Manager *m, const char *trustpoint, const void *data, size_t size,
                    sd_bus_message *message, sd_bus_error *reterr_error);

/* tftp-enroll.c: by files on a server. suffix: "ca", "req" or "crt". */
int tftp_file_url(const Manager *m, const TrustpointConfig *config, KeyPair pair,
                  const char *suffix, char **ret);
/* Handler: starts a job that fetches the certificates of the open requests. */
int tftp_retrieve(Manager *m, Trustpoint *t, sd_bus_message *message, sd_bus_error *reterr_error);

/* server-enroll.c: a CA with a server. Starts a job. */
int server_enroll(Manager *m, Trustpoint *t, const char *fqdn, const EnrollOptions *options,
                  sd_bus_message *message, sd_bus_error *reterr_error);
/* Nobody asked: again for the request that waits, or anew for the certificate that is there. */
int server_poll(Manager *m, Trustpoint *t);
int server_renew(Manager *m, Trustpoint *t);

/* schedule.c: starts jobs when their time has come. */
int schedule_init(Manager *m);
void schedule_done(Manager *m);

/* lookup.c: starts a job that asks the CA for the certificate of that number, for the open request.
 */
int lookup_certificate(Manager *m, Trustpoint *t, const char *serial, sd_bus_message *message,
                       sd_bus_error *reterr_error);
/* With what the CA would be asked for its revocation list; NULL when it cannot be. */
const StoredCertificate *lookup_signer(const Trustpoint *t);

/* rollover-job.c: the next certificates of CAs. The time is of CLOCK_BOOTTIME, in microseconds. */
uint64_t rollover_time(Manager *m, Trustpoint *t, uint64_t now);
/* True when something was due. */
bool rollover_start_due(Manager *m, Trustpoint *t, uint64_t now);

/* For the services that use it: writes the files that they read. After each change. */
void export_certificates(Manager *m, const Trustpoint *t);
/* At the start: all of them, and no others. */
void export_all_certificates(Manager *m);
/* The same, and they are reloaded and looked at, when the router's certificate has come in another
 * way than by renewal. */
void replacement_tell(Manager *m, Trustpoint *t);

/* replacement.c: a renewed certificate takes its place; or goes on to, after a restart. */
int replacement_start(Manager *m, Trustpoint *t);

/* key-watch.c: are the keys in keyd still those of the certificates? */

int key_watch_init(Manager *m);
/* Asks keyd, asynchronously, and announces what changes. */
void key_watch_check(Manager *m);

/* revocation-watch.c: are the router's certificates revoked? */

int revocation_watch_init(Manager *m);
RevocationWatch *revocation_watch_free(RevocationWatch *watch);
/* There is something to ask poold about, or to be told by it: it is asked soon. */
void revocation_watch_check(Manager *m);
/* The same, and what it has said so far counts as long as the certificate is the same. */
void revocation_watch_check_new(Manager *m);

/* expiry-watch.c: gives the notices of expiry that are due. To be called now and then, and when a
 * certificate is new. */
void expiry_watch_run(Manager *m);

/* enrolld-bus.c, trustpoint-bus.c */

int manager_bus_init(Manager *m);
int trustpoint_bus_init(Manager *m);
int trustpoint_path(const Trustpoint *t, char **ret);
int certificate_path(const Trustpoint *t, CertificateRole role, char **ret);

/* What poold is told may be something else now. The functions for certificates say so too. */
void announce_trustpoints_changed(Manager *m);
void announce_trustpoint_added(Manager *m, const Trustpoint *t);
void announce_trustpoint_changed(Manager *m, const Trustpoint *t);
void announce_trustpoint_removed(Manager *m, const Trustpoint *t);
void announce_certificate_added(Manager *m, const Trustpoint *t, CertificateRole role);
/* replaced: another certificate; else only its status. */
void announce_certificate_changed(Manager *m, const Trustpoint *t, CertificateRole role,
                                  bool replaced);
void announce_certificate_removed(Manager *m, const Trustpoint *t, CertificateRole role);
