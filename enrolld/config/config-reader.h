/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of a trustpoint's lines have this in common: whose they are, and where problems go.
 * Each reads some members of the trustpoint's object into its configuration. */
#pragma once

#include "trustpoint-config.h"

#define CONFIG_URL_MAX 800U
#define CONFIG_SUBJECT_MAX 800U
#define SEALED_MAX 500U

typedef struct Reader {
    const char *name;     /* of the trustpoint */
    json_object *section; /* that it is in, with the profiles */
    config_report_t report;
    void *userdata;
    int problems;
    int error; /* the first that is not about the configuration */
} Reader;

/* words and value: the line without its beginning; value may be NULL. */
void _printf_(4, 5)
    reader_problem(Reader *reader, const char *words, const char *value, const char *format, ...);
/* NULL when it is not there, or not good. */
const char *reader_string(Reader *reader, json_object *o, const char *member, const char *words,
                          size_t max);
/* Stays what it is when it is not there, or not good. */
void reader_bool(Reader *reader, json_object *o, const char *member, const char *words, bool *ret);
/* value may be NULL. */
void reader_copy(Reader *reader, const char *value, char **ret);
/* An object that may be missing. */
json_object *reader_object(Reader *reader, json_object *o, const char *member,
                           const char *const *known);

/* config-enrollment.c */
void read_enrollment(Reader *reader, json_object *o, TrustpointConfig *config);
/* With what the router logs in at an sftp server, and how it knows it. */
void read_sftp(Reader *reader, json_object *o, TrustpointConfig *config);
/* Through which a server is reached: in its URL, or in a line of its own. */
void read_vrf(Reader *reader, json_object *o, TrustpointConfig *config);
void read_renewal(Reader *reader, json_object *o, TrustpointConfig *config);

/* config-usage.c */
void read_usages(Reader *reader, json_object *o, TrustpointConfig *config);
void read_lifetimes(Reader *reader, json_object *o, TrustpointConfig *config);

/* config-profiles.c */
#define CLIENT_PROFILES "client-authentication-profile"
#define SSL_PROFILES "ssl-profile"
/* Those that the trustpoint names; after all that decides what may name some. */
void read_profiles(Reader *reader, json_object *o, TrustpointConfig *config);
/* All of the section, whoever names them. Returns the number of problems or a negative errno. */
int check_profiles(json_object *section, config_report_t report, void *userdata);

/* config-check.c: what only shows when the lines are seen together. */
void check_together(Reader *reader, json_object *o, const TrustpointConfig *config);
