/* SPDX-License-Identifier: Apache-2.0 */
#include "config-reader.h"
#include "json-util.h"
#include "label.h"

/* The line with it, as it was entered. */
static void keypair_problem(Reader *reader, const char *words, const KeyName *key,
                            const char *reason)
{
    char value[2 * LABEL_MAX];

    (void)snprintf(value, sizeof(value), "%s %s", key->algorithm, key->label);
    reader_problem(reader, words, value, "%s", reason);
}

static void check_self(Reader *reader, const TrustpointConfig *config)
{
    const KeyName *key = &config->keypair, *ca = &config->ca_keypair;

    if (config->method != METHOD_SELF || reader->problems > 0)
        return;
    if (!key->label)
        reader_problem(reader, "keypair", NULL,
                       "'enrollment url self' needs a key pair for the router certificate");
    if (!ca->label)
        reader_problem(reader, "ca-keypair", NULL,
                       "'enrollment url self' needs a key pair for the CA certificate");
    if (key->label && key_name_equal(key, ca))
        keypair_problem(reader, "ca-keypair", ca,
                        "the CA and the router certificate need key pairs of their own");
    if (streq_ptr(config->subject_name, config->ca_subject_name))
        reader_problem(reader, "subject-name ca-certificate", config->ca_subject_name,
                       "the CA and the router certificate need different subject names");
    if (config->alternative_names)
        reader_problem(reader, "subject-alternative-name", config->alternative_names,
                       "has no effect with 'enrollment url self'");
    if (config->peer_usage != PEER_USAGE_ANY)
        reader_problem(reader, "extended-key-usage match", peer_usage_name(config->peer_usage),
                       "has no effect with 'enrollment url self': there are no others");
}

/* What only SCEP has. */
static void check_other_than_scep(Reader *reader, const TrustpointConfig *config)
{
    static const char reason[] = "has an effect only with a SCEP server";

    if (config->legacy)
        reader_problem(reader, "enrollment legacy", NULL, "%s", reason);
    if (config->skip_challenge)
        reader_problem(reader, "skip-challenge-password", NULL, "%s", reason);
    if (config->challenge)
        reader_problem(reader, "challenge-password", NULL, "%s", reason);
    if (config->renew_by_certificate)
        reader_problem(reader, "renewal-message-type", "renewalreq", "%s", reason);
}

/* What is there only for a server that is asked: for SCEP, EST and CMP. */
static void check_without_server(Reader *reader, json_object *o, const TrustpointConfig *config)
{
    static const char reason[] = "has an effect only with the http or https URL of a server";
    static const char *const lines[][2] = {{"retry-count", "enrollment retry count"},
                                           {"retry-period", "enrollment retry period"}};
    json_object *enrollment;

    if (json_object_object_get_ex(o, "method", NULL))
        reader_problem(reader, "method", NULL, "%s", reason);
    if (!json_object_object_get_ex(o, "enrollment", &enrollment))
        return;
    for (size_t i = 0; i < ELEMENTSOF(lines); i++)
        if (json_object_object_get_ex(enrollment, lines[i][0], NULL))
            reader_problem(reader, lines[i][1], NULL, "%s", reason);
    if (config->auto_enroll > 0 && config->method != METHOD_SELF)
        reader_problem(reader, "auto-enroll", NULL, "%s, or with 'enrollment url self'", reason);
}

static void check_server(Reader *reader, json_object *o, const TrustpointConfig *config)
{
    if (config->method == METHOD_NONE)
        return;
    if (config->method != METHOD_SCEP)
        check_other_than_scep(reader, config);
    else if (!key_algorithm_is_rsa_or_ecdsa(config->keypair.algorithm) && !config->challenge)
        keypair_problem(reader, "keypair", &config->keypair,
                        "SCEP servers encrypt their answers for the key, which only rsa and ecdsa "
                        "keys can read, or under the challenge password, which has to be "
                        "configured then: challenge-password clear PASSWORD");
    if (config->method == METHOD_EST && !config->tls_trustpoint &&
        streq(config->keypair.algorithm, "dsa"))
        keypair_problem(reader, "keypair", &config->keypair,
                        "EST servers know the router by its certificate in TLS, for which a DSA "
                        "key is none: configure another key pair, or an ssl-profile");
    if (config->method == METHOD_CMP && !key_algorithm_is_rsa_or_ecdsa(config->keypair.algorithm))
        keypair_problem(reader, "keypair", &config->keypair,
                        "CMP is for rsa and ecdsa keys: no others sign its messages, as each "
                        "renewal needs");
    if (!enrollment_method_has_server(config->method))
        check_without_server(reader, o, config);
}

/* Who logs in has to be known; who is not asked logs in nowhere. */
static void check_sftp(Reader *reader, json_object *o, const TrustpointConfig *config)
{
    static const char *const lines[] = {"sftp-username", "sftp-password", "sftp-host-key"};

    for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
        bool there = json_object_object_get_ex(o, lines[i], NULL);

        if (config->method == METHOD_SFTP && !there)
            reader_problem(reader, "enrollment url", config->url, "needs '%s'", lines[i]);
        else if (config->method != METHOD_SFTP && there)
            reader_problem(reader, lines[i], NULL,
                           "has an effect only with the sftp URL of a server");
    }
}

/* What a CA elsewhere decides by itself. */
static void check_external(Reader *reader, json_object *o, const TrustpointConfig *config)
{
    static const struct {
        const char *member, *child, *words;
    } lines[] = {
        {"ca-keypair", NULL, "ca-keypair"},
        {"subject-name-ca-certificate", NULL, "subject-name ca-certificate"},
        {"key-usage", "ca-certificate", "key-usage ca-certificate"},
        {"lifetime", "certificate", "lifetime certificate"},
        {"lifetime", "ca-certificate", "lifetime ca-certificate"},
    };

    check_server(reader, o, config);
    if (config->method == METHOD_SELF || config->method == METHOD_NONE)
        return;
    for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
        json_object *value;

        if (json_object_object_get_ex(o, lines[i].member, &value) &&
            (!lines[i].child || json_object_object_get_ex(value, lines[i].child, NULL)))
            reader_problem(
                reader, lines[i].words, NULL,
                "has an effect with 'enrollment url self' only: a CA elsewhere decides that");
    }
}

void check_together(Reader *reader, json_object *o, const TrustpointConfig *config)
{
    if (config->challenge && config->skip_challenge)
        reader_problem(reader, "challenge-password", NULL,
                       "'skip-challenge-password' says to send none: only one of the two");
    check_self(reader, config);
    check_external(reader, o, config);
    check_sftp(reader, o, config);
}
