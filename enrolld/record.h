/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a trustpoint: its certificates, the request that waits for one, and the last
 * serial number given out, in one file, so that they are always of the same moment. A certificate
 * remembers the key that it was made for. */
#pragma once

#include "label.h"
#include "received.h"
#include "renewal.h"
#include "request.h"
#include "shared-certificate.h"
#include "trustpoint-config.h"
#include "x509-render.h"

typedef enum CertificateRole {
    ROLE_CA,
    ROLE_ROUTER,     /* of usage keys, that of the signature pair */
    ROLE_ENCRYPTION, /* of usage keys, that of the encryption pair */
    ROLE_NEXT_CA,    /* rollover.h */
    ROLE_MAX,
} CertificateRole;

const char *certificate_role_name(CertificateRole role); /* "ca", "router", ... */
/* Where the certificate for a pair goes. */
CertificateRole certificate_role_of_pair(KeyPair pair);

typedef struct StoredCertificate {
    const SharedCertificate *shared;
    const CertificateBrief *brief; /* its */
    KeyName key;                   /* empty for the certificate of a CA elsewhere */
    /* Whose signature is on it and whose is not: the last of which that was asked. */
    const SharedCertificate *signer, *stranger;
    char
        *revoked; /* why it is good for nothing: a sentence without its end; NULL when it is good */
    uint64_t judged; /* the round in which that was answered (revocation-watch.c); not written */
} StoredCertificate;

/* Copies the bytes; key may be NULL. -EBADMSG for what is no certificate. */
int stored_certificate_new(const void *der, size_t size, const KeyName *key,
                           StoredCertificate **ret);
/* The same for one that was read just now. */
int stored_certificate_new_received(const Received *received, const KeyName *key,
                                    StoredCertificate **ret);
StoredCertificate *stored_certificate_free(StoredCertificate *c);
/* See shared-certificate.h: to be released, NULL when out of memory. */
static inline X509 *stored_certificate_x509(const StoredCertificate *c)
{
    return shared_certificate_x509(c->shared);
}
/* Is it signed by this one, whose subject is its issuer? Not for workers. */
bool stored_certificate_is_by(StoredCertificate *c, const StoredCertificate *ca);
DEFINE_TRIVIAL_CLEANUP_FUNC(StoredCertificate *, stored_certificate_free);

#define RECORD_CHAIN_MAX 16U
#define RECORD_FILE_NAME_SIZE (LABEL_FILE_NAME_SIZE + STRLEN(".json"))

typedef struct Record {
    char *name;   /* of the trustpoint */
    char *serial; /* upper-case hex, as many digits as bytes need; NULL: the CA is elsewhere */
    /* The CA's is always there; the others may be NULL. */
    StoredCertificate *certificates[ROLE_MAX];
    /* What else a CA elsewhere showed: those of its registration authority, those above it. */
    StoredCertificate **chain;
    size_t n_chain; /* at most RECORD_CHAIN_MAX */
    /* The same of the CA certificate that is to take over, or that one has taken over from. */
    StoredCertificate **next_chain;
    size_t n_next_chain;
    Renewal rollover; /* how often the next CA certificate has been asked for in vain */
    char *rollover_reason; /* why it cannot be had: a sentence without its end; NULL without one */
    Request *request; /* NULL when none waits */
    /* Why the last certificate that came was not taken: a sentence without its end; NULL when the
     * last one was. */
    char *refusal;
    /* A renewal that is being put in place: what is to replace the router's certificate, with the
     * next key or with the same; then what it has replaced, until the new one has proved itself. */
    StoredCertificate *staged, *previous;
    bool undo; /* it has not, and they have changed places again: the key is to go back as well */
    Renewal renewal;
    char *renewal_reason; /* of the last failure: a sentence without its end; NULL without one */
} Record;

void record_done(Record *record);
/* The certificates that came with that of a CA. */
StoredCertificate **stored_chain_free(StoredCertificate **chain, size_t n);

/* The next serial number. The caller frees. */
int serial_next(const char *serial, char **ret);
/* The first one of a new CA: 9 random octets, positive and without leading zeros, so that no
 * successor ever is negative or longer than the 20 octets of RFC 5280. */
int serial_first(char **ret);

/* On success the file is the new one, whatever happens afterwards. Borrows everything. */
int record_write_at(int dirfd, const Record *record);
int record_remove_at(int dirfd, const char *name);

/* What is told of a file (by whoever reads state; it may be NULL): -EBADMSG, it does not parse and
 * was moved aside; another error, it can't be read now, and stays; 0, it can be again. */
typedef void (*state_report_t)(const char *file, int error);

/* A record that can't be read now. Whose it is nobody knows who does not know the name: the file's
 * is made of it, and tells nothing. */
typedef struct UnreadRecord {
    char file[RECORD_FILE_NAME_SIZE];
    int error;
} UnreadRecord;

typedef struct RecordList {
    Record *items;
    size_t n;
    UnreadRecord *unread;
    size_t n_unread;
} RecordList;

void record_list_done(RecordList *list);
/* Where the record of that trustpoint is. */
int record_file_name(const char *name, char ret[RECORD_FILE_NAME_SIZE]);
/* Reads one, which was found in the folder. What does not parse is moved aside: -EBADMSG. */
int record_read_at(int dirfd, const char *file, Record *ret);
/* Reads all records of the folder. Leftovers of a killed process are removed. One that does not
 * parse, or can't be read, is left out and reported; the others are there all the same. */
int records_read_at(int dirfd, state_report_t report, RecordList *ret);
