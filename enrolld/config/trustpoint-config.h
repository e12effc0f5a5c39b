/* SPDX-License-Identifier: Apache-2.0 */
/* One trustpoint as configured: the JSON section "trustpoints" read into plain values, with a
 * reason for everything that can't work. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "cleanup.h"
#include "fetch-route.h"
#include "lifecycle.h"
#include "peer-usage.h"

/* Usage keys are two pairs of one label, each with a certificate of its own. */
typedef enum KeyPair {
    PAIR_GENERAL, /* one pair for everything */
    PAIR_SIGNATURE,
    PAIR_ENCRYPTION,
    PAIR_NEXT, /* for everything, and to come with its certificate: see the bus interface Rotation
                */
    _PAIR_MAX,
} KeyPair;

/* "general", "signature", "encryption", "next" */
const char *key_pair_name(KeyPair pair);
/* -EINVAL for what is none. */
int key_pair_from_name(const char *name, KeyPair *ret);

/* A key of keyd. */
typedef struct KeyName {
    char *algorithm;
    char *label;
    KeyPair pair; /* of a configured one not known: general */
} KeyName;

void key_name_done(KeyName *key);
int key_name_copy(const KeyName *from, KeyName *to);
/* Whatever the pair. */
bool key_name_equal(const KeyName *a, const KeyName *b);
/* The code that the router prints for an algorithm: rsa 1, ... ; 0 when there is no such algorithm.
 */
uint32_t key_algorithm_code(const char *algorithm);
/* Those that more can be done with than signing: something can be encrypted for them. */
bool key_algorithm_is_rsa_or_ecdsa(const char *algorithm);

/* How a trustpoint comes by its certificates. */
typedef enum EnrollmentMethod {
    METHOD_NONE, /* not configured */
    METHOD_SELF,
    METHOD_TERMINAL, /* the operator carries request and certificates */
    METHOD_TFTP,     /* the same by files on a server */
    METHOD_SFTP,     /* the same, where somebody has to log in */
    METHOD_LOCAL,    /* the same by the operator's files */
    METHOD_SCEP,
    METHOD_EST,
    METHOD_CMP,
    _METHOD_MAX,
} EnrollmentMethod;

/* "none", "self", "terminal", "tftp", "sftp", "local", "scep", "est", "cmp" */
const char *enrollment_method_name(EnrollmentMethod method);
/* Is there a server that is asked? */
static inline bool enrollment_method_has_server(EnrollmentMethod method)
{
    return method >= METHOD_SCEP;
}
/* Are there files on a server? */
static inline bool enrollment_method_has_files(EnrollmentMethod method)
{
    return method == METHOD_TFTP || method == METHOD_SFTP;
}
/* -EINVAL for what is none. */
int enrollment_method_from_name(const char *name, EnrollmentMethod *ret);

/* A part of the subject about which the operator may be asked. */
typedef enum SubjectPart {
    SUBJECT_ASK,
    SUBJECT_INCLUDE,
    SUBJECT_OMIT,
} SubjectPart;

/* A client-authentication profile: with what the CA knows the router. */
typedef struct ClientProfile {
    char *user;     /* NULL: no profile is named */
    char *password; /* as keyd has sealed it */
} ClientProfile;

void client_profile_done(ClientProfile *profile);

typedef struct TrustpointConfig {
    char *name;
    /* Of the configuration as it was, with that of the profiles that it names, to see whether it
     * changes: its SHA-256, in hexadecimal. */
    char *fingerprint;
    EnrollmentMethod method;
    char *url;                     /* of the server; NULL otherwise */
    char vrf[INTERFACE_NAME_SIZE]; /* through which it is reached; empty: none */
    bool legacy;                   /* SHA-1, Triple DES and DES pass */
    bool skip_challenge;
    char *challenge;                 /* as keyd has sealed it; NULL when not configured */
    char *sftp_user, *sftp_password; /* of an sftp server; the password as keyd has sealed it */
    char *sftp_host_key;
    ClientProfile enrollment, renewal; /* of a CA that asks for a user */
    char *tls_trustpoint;              /* whose certificate TLS shows to the CA; NULL: its own */
    unsigned auto_enroll;              /* percent of the lifetime; 0: not renewed by itself */
    bool regenerate;                   /* with a new key */
    char **reload, **probe;    /* units, and HOST:PORT, when there is another certificate; NULL or
                                  ended    by NULL */
    bool renew_by_certificate; /* the certificate that is there signs the request for the next */
    RequestRetry retry;
    KeyName keypair, ca_keypair;          /* without a line, of the one: the default RSA key */
    char *subject_name, *ca_subject_name; /* NULL when not configured */
    unsigned key_usage, ca_key_usage;     /* KU_* */
    unsigned lifetime, ca_lifetime;       /* days */
    const char *digest;
    SubjectPart serial_number, ip_address;
    char *address;           /* with SUBJECT_INCLUDE */
    char *alternative_names; /* "DNS:a,IP:192.0.2.1,email:c@d"; NULL when not configured */
    bool key_usage_given;
    bool crl_optional;    /* what its CA has issued is good without a CRL when none can be had */
    PeerUsage peer_usage; /* what the certificates of others have to be for */
    char *query_url;      /* the LDAP server that has its CRLs; NULL when not configured */
    struct TrustpointConfig *next;
} TrustpointConfig;

/* line: the configuration line that is wrong. */
typedef int (*config_report_t)(void *userdata, const char *line, const char *reason);

/* Reads the whole section. Every problem is reported; trustpoints without one are in *ret, a list
 * in the order of the section. Returns the number of problems or a negative errno. */
int trustpoint_config_parse(json_object *section, config_report_t report, void *userdata,
                            TrustpointConfig **ret);
/* What is to be said about it, at commits that touch it and wherever it is shown; NULL: nothing. */
static inline const char *trustpoint_config_warning(const TrustpointConfig *config)
{
    return config->legacy
               ? "SHA-1, Triple DES and DES protect nothing any more; remove it as soon as "
                 "the server can do better"
               : NULL;
}

TrustpointConfig *trustpoint_config_free(TrustpointConfig *config);      /* one */
TrustpointConfig *trustpoint_config_list_free(TrustpointConfig *config); /* and those after it */
DEFINE_TRIVIAL_CLEANUP_FUNC(TrustpointConfig *, trustpoint_config_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(TrustpointConfig *, trustpoint_config_list_free);

/* "critical,digitalSignature,keyAgreement": the bits by their names in RFC 5280, in the order of
 * the bits. */
#define KEY_USAGE_TEXT_SIZE 160U
const char *key_usage_render(unsigned usage, char buffer[KEY_USAGE_TEXT_SIZE]);

/* Which of the configured usages, or of those that go without saying, are a pair's. */
unsigned key_usage_of_pair(const TrustpointConfig *config, KeyPair pair);
