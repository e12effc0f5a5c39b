/* SPDX-License-Identifier: Apache-2.0 */
#include "trustpoint-config.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <strings.h>

#include "config-reader.h"
#include "consumer-names.h"
#include "csr.h"
#include "fetch-url.h"
#include "json-util.h"
#include "label.h"
#include "names.h"
#include "openssl-util.h"
#include <openssl/sha.h>

#include "x509-render.h"

#define TRUSTPOINTS_MAX 1000
#define DESCRIPTION_MAX 80U
#define MINUTE 60U
#define RETRY_COUNT_DEFAULT 10U
#define RETRY_PERIOD_DEFAULT 1U
#define LIFETIME_DEFAULT 200U
#define CA_LIFETIME_DEFAULT 365U

/* --- Reading ---------------------------------------------------------------------------------- */

static void read_key(Reader *reader, json_object *o, const char *member, KeyName *ret)
{
    static const char *const known[] = {"algorithm", "label", NULL};
    json_object *key = reader_object(reader, o, member, known);
    const char *algorithm, *label;

    if (!key)
        return;
    algorithm = reader_string(reader, key, "algorithm", member, LABEL_MAX);
    label = reader_string(reader, key, "label", member, LABEL_MAX);
    if (!algorithm || !label) {
        reader_problem(reader, member, NULL, "needs an algorithm and a label");
        return;
    }
    if (key_algorithm_code(algorithm) == 0)
        reader_problem(reader, member, algorithm, "there is no key algorithm '%.32s'", algorithm);
    else if (streq(algorithm, "dsa") && streq(member, "ca-keypair"))
        reader_problem(reader, member, algorithm, "no certificate is signed with a dsa key");
    else if (!label_is_valid(label))
        reader_problem(
            reader, member, algorithm,
            "a label has letters, digits, '.', '_' and '-', and begins with a letter or digit");
    else {
        reader_copy(reader, algorithm, &ret->algorithm);
        reader_copy(reader, label, &ret->label);
    }
}

/* The older way to name a key, and none at all. */
static void read_rsa_key(Reader *reader, json_object *o, TrustpointConfig *config)
{
    const char *label = reader_string(reader, o, "rsakeypair", "rsakeypair", LABEL_MAX);

    if (label && config->keypair.label)
        reader_problem(reader, "rsakeypair", label,
                       "'keypair' names a key already: only one of the two");
    else if (label && !label_is_valid(label))
        reader_problem(
            reader, "rsakeypair", NULL,
            "a label has letters, digits, '.', '_' and '-', and begins with a letter or digit");
    else if (!config->keypair.label &&
             (label || (config->method != METHOD_NONE && config->method != METHOD_SELF))) {
        reader_copy(reader, "rsa", &config->keypair.algorithm);
        reader_copy(reader, label ? label : DEFAULT_KEY_LABEL, &config->keypair.label);
    }
}

static void read_alternative_names(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char words[] = "subject-alternative-name";
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names = NULL;
    const char *text = reader_string(reader, o, words, words, CONFIG_SUBJECT_MAX), *reason;
    int r;

    if (!text)
        return;
    r = alternative_names_parse(text, &names, &reason);
    if (r == -EINVAL)
        reader_problem(reader, words, text, "%s", reason);
    else if (r < 0)
        reader->error = r;
    else
        reader_copy(reader, text, &config->alternative_names);
}

static void read_subject(Reader *reader, json_object *o, const char *member, const char *words,
                         char **ret)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = NULL;
    const char *text = reader_string(reader, o, member, words, CONFIG_SUBJECT_MAX), *reason = NULL;
    int r;

    if (!text)
        return;
    r = subject_parse(text, &name, &reason);
    if (r == -EINVAL)
        reader_problem(reader, words, text, "is not a subject name: %s", reason);
    else if (r < 0)
        reader->error = r;
    else
        reader_copy(reader, text, ret);
}

static void read_revocation(Reader *reader, json_object *o, TrustpointConfig *config)
{
    const char *url = reader_string(reader, o, "query-url", "query url", CONFIG_URL_MAX), *reason;

    reader_bool(reader, o, "crl-optional", "crl optional", &config->crl_optional);
    if (!url)
        return;
    if (strncasecmp(url, "ldap://", STRLEN("ldap://")) != 0)
        reader_problem(reader, "query url", url, "must begin with ldap://");
    else if (fetch_url_check_crl(url, &reason) < 0)
        reader_problem(reader, "query url", url, "cannot be asked: %s", reason);
    else
        reader_copy(reader, url, &config->query_url);
}

static void read_peer_usage(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char member[] = "extended-key-usage", words[] = "extended-key-usage match";
    const char *text = reader_string(reader, o, member, words, LABEL_MAX);

    if (text && peer_usage_from_name(text, &config->peer_usage) < 0)
        reader_problem(reader, words, text, "is followed by 'server-auth' or 'client-auth'");
}

static void read_digest(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char *const digests[] = {"sha256", "sha384", "sha512"};
    const char *text = reader_string(reader, o, "message-digest", "message-digest", LABEL_MAX);

    if (!text)
        return;
    for (size_t i = 0; i < ELEMENTSOF(digests); i++)
        if (streq(digests[i], text)) {
            config->digest = digests[i];
            return;
        }
    reader_problem(reader, "message-digest", text,
                   "new signatures are made with sha256, sha384 or sha512");
}

static void read_subject_parts(Reader *reader, json_object *o, TrustpointConfig *config)
{
    struct in6_addr address;
    json_object *value;
    const char *text;

    if (json_object_object_get_ex(o, "serial-number", &value)) {
        if (json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value))
            config->serial_number = SUBJECT_INCLUDE;
        else if (json_object_is_type(value, json_type_string) &&
                 streq(json_object_get_string(value), "none"))
            config->serial_number = SUBJECT_OMIT;
        else
            reader_problem(reader, "serial-number", NULL, "is followed by nothing or by 'none'");
    }
    text = reader_string(reader, o, "ip-address", "ip-address", LABEL_MAX);
    if (!text)
        return;
    if (streq(text, "none"))
        config->ip_address = SUBJECT_OMIT;
    else if (inet_pton(AF_INET, text, &address) != 1)
        reader_problem(reader, "ip-address", text, "must be an IPv4 address or 'none'");
    else {
        config->ip_address = SUBJECT_INCLUDE;
        reader_copy(reader, text, &config->address);
    }
}

static void read_all(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char *const known[] = {
        "description",
        "enrollment",
        "keypair",
        "ca-keypair",
        "subject-name",
        "subject-name-ca-certificate",
        "key-usage",
        "lifetime",
        "message-digest",
        "serial-number",
        "ip-address",
        "rsakeypair",
        "subject-alternative-name",
        "skip-challenge-password",
        "challenge-password",
        "sftp-username",
        "sftp-password",
        "sftp-host-key",
        "auto-enroll",
        "renewal-message-type",
        "crl-optional",
        "extended-key-usage",
        "query-url",
        "renewal",
        "method",
        "vrf",
        "re-enrollment",
        "ssl-profile",
        NULL,
    };

    if (json_only_members(o, known) < 0)
        reader_problem(reader, "", NULL, "has a line that this release does not know");
    (void)reader_string(reader, o, "description", "description", DESCRIPTION_MAX);
    read_enrollment(reader, o, config);
    read_vrf(reader, o, config);
    read_key(reader, o, "keypair", &config->keypair);
    read_rsa_key(reader, o, config);
    read_key(reader, o, "ca-keypair", &config->ca_keypair);
    read_subject(reader, o, "subject-name", "subject-name", &config->subject_name);
    read_subject(reader, o, "subject-name-ca-certificate", "subject-name ca-certificate",
                 &config->ca_subject_name);
    read_usages(reader, o, config);
    read_lifetimes(reader, o, config);
    read_digest(reader, o, config);
    read_subject_parts(reader, o, config);
    read_alternative_names(reader, o, config);
    reader_bool(reader, o, "skip-challenge-password", "skip-challenge-password",
                &config->skip_challenge);
    reader_copy(reader,
                reader_string(reader, o, "challenge-password", "challenge-password", SEALED_MAX),
                &config->challenge);
    read_sftp(reader, o, config);
    read_renewal(reader, o, config);
    read_revocation(reader, o, config);
    read_peer_usage(reader, o, config);
    read_profiles(reader, o, config);
    check_together(reader, o, config);
}

static int take_fingerprint(TrustpointConfig *config)
{
    unsigned char md[SHA256_DIGEST_LENGTH];
    char *hex = malloc(2 * sizeof(md) + 1);

    if (!hex || EVP_Digest(config->fingerprint, strlen(config->fingerprint), md, NULL, EVP_sha256(),
                           NULL) != 1) {
        free(hex);
        return -ENOMEM;
    }
    for (size_t i = 0; i < sizeof(md); i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", md[i]);
    free(config->fingerprint);
    config->fingerprint = hex;
    return 0;
}

static int trustpoint_parse(Reader *reader, json_object *o, TrustpointConfig **ret)
{
    _cleanup_(trustpoint_config_freep) TrustpointConfig *config = NULL;
    int r;

    if (!label_is_valid(reader->name))
        reader_problem(
            reader, "", NULL,
            "a name has letters, digits, '.', '_' and '-', and begins with a letter or digit");
    else if (!json_object_is_type(o, json_type_object))
        reader_problem(reader, "", NULL, "is not known in this form");
    if (reader->problems > 0)
        return reader->error;
    config = calloc(1, sizeof(*config));
    if (!config)
        return -ENOMEM;
    config->name = strdup(reader->name);
    /* The text itself until all of it is there. */
    config->fingerprint = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
    if (!config->name || !config->fingerprint)
        return -ENOMEM;
    config->key_usage = KU_DIGITAL_SIGNATURE;
    config->ca_key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN;
    config->lifetime = LIFETIME_DEFAULT;
    config->ca_lifetime = CA_LIFETIME_DEFAULT;
    config->digest = "sha256";
    config->retry = (RequestRetry){RETRY_COUNT_DEFAULT, RETRY_PERIOD_DEFAULT * MINUTE};
    read_all(reader, o, config);
    if (reader->error < 0)
        return reader->error;
    if (reader->problems > 0)
        return 0;
    r = take_fingerprint(config);
    if (r >= 0)
        *ret = TAKE_PTR(config);
    return r;
}

int trustpoint_config_parse(json_object *section, config_report_t report, void *userdata,
                            TrustpointConfig **ret)
{
    static const char *const known[] = {"trustpoint", CLIENT_PROFILES, SSL_PROFILES, NULL};
    _cleanup_(trustpoint_config_list_freep) TrustpointConfig *list = NULL;
    TrustpointConfig **tail = &list;
    int problems = 0, r;
    json_object *all;

    r = json_get_object(section, "trustpoint", &all);
    if ((r < 0 && r != -ENOENT) || json_only_members(section, known) < 0)
        return report(userdata, "crypto ca trustpoint", "is not known in this form") < 0 ? -EIO : 1;
    if (r >= 0 && json_object_object_length(all) > TRUSTPOINTS_MAX)
        return report(userdata, "crypto ca trustpoint", "there can be at most 1000 trustpoints") < 0
                   ? -EIO
                   : 1;
    problems = check_profiles(section, report, userdata);
    if (problems < 0)
        return problems;
    if (r == -ENOENT) {
        *ret = NULL;
        return problems;
    }
    json_object_object_foreach(all, name, value)
    {
        Reader reader = {.name = name, .section = section, .report = report, .userdata = userdata};

        r = trustpoint_parse(&reader, value, tail);
        if (r < 0)
            return r;
        problems += reader.problems;
        if (*tail)
            tail = &(*tail)->next;
    }
    *ret = TAKE_PTR(list);
    return problems;
}

void client_profile_done(ClientProfile *profile)
{
    free(profile->user);
    free(profile->password);
}

TrustpointConfig *trustpoint_config_free(TrustpointConfig *config)
{
    if (!config)
        return NULL;
    free(config->name);
    free(config->fingerprint);
    key_name_done(&config->keypair);
    key_name_done(&config->ca_keypair);
    free(config->subject_name);
    free(config->ca_subject_name);
    free(config->url);
    free(config->address);
    free(config->alternative_names);
    free(config->query_url);
    free(config->challenge);
    free(config->sftp_user);
    free(config->sftp_password);
    free(config->sftp_host_key);
    client_profile_done(&config->enrollment);
    client_profile_done(&config->renewal);
    free(config->tls_trustpoint);
    consumers_free(config->reload);
    consumers_free(config->probe);
    free(config);
    return NULL;
}

TrustpointConfig *trustpoint_config_list_free(TrustpointConfig *config)
{
    while (config) {
        TrustpointConfig *next = config->next;

        trustpoint_config_free(config);
        config = next;
    }
    return NULL;
}
