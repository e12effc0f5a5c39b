/* SPDX-License-Identifier: Apache-2.0 */
#include "trustpoint-config.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <strings.h>

#include "cmp-message.h"
#include "consumer-names.h"
#include "csr.h"
#include "est-url.h"
#include "fetch-client.h"
#include "json-util.h"
#include "label.h"
#include "names.h"
#include "openssl-util.h"
#include "scep-url.h"
#include "tftp-client.h"
#include "x509-render.h"

#define TRUSTPOINTS_MAX 256
#define LINE_SIZE 1100U
#define DESCRIPTION_MAX 80U
#define SUBJECT_MAX 800U
#define QUERY_URL_MAX 800U
#define MINUTE 60U
#define RETRY_COUNT_MAX 100U
#define RETRY_COUNT_DEFAULT 10U
#define RETRY_PERIOD_MAX 60U
#define RETRY_PERIOD_DEFAULT 1U
#define LIFETIME_MIN 30U
#define LIFETIME_MAX 5474U
#define CA_LIFETIME_MAX 5475U
#define LIFETIME_DEFAULT 200U
#define CA_LIFETIME_DEFAULT 365U

/* --- Usages ----------------------------------------------------------------------------------- */

static const struct KeyUsageWord {
    const char *word; /* in the configuration */
    const char *name; /* RFC 5280 section 4.2.1.3 */
    unsigned bit;
    bool router, ca; /* where the word may stand */
} key_usage_words[] = {
    {"digitalsignature", "digitalSignature", KU_DIGITAL_SIGNATURE, true, true},
    {"nonrepudiation", "nonRepudiation", KU_NON_REPUDIATION, true, true},
    {"keyencipherment", "keyEncipherment", KU_KEY_ENCIPHERMENT, true, false},
    {"dataencipherment", "dataEncipherment", KU_DATA_ENCIPHERMENT, true, false},
    {"keyagreement", "keyAgreement", KU_KEY_AGREEMENT, true, false},
    {"keycertsign", "keyCertSign", KU_KEY_CERT_SIGN, false, true},
    {"crlsign", "cRLSign", KU_CRL_SIGN, false, true},
};

const char *key_usage_render(unsigned usage, char buffer[KEY_USAGE_TEXT_SIZE])
{
    size_t n = (size_t)snprintf(buffer, KEY_USAGE_TEXT_SIZE, "critical");

    for (size_t i = 0; i < ELEMENTSOF(key_usage_words) && n < KEY_USAGE_TEXT_SIZE; i++)
        if (usage & key_usage_words[i].bit)
            n += (size_t)snprintf(buffer + n, KEY_USAGE_TEXT_SIZE - n, ",%s",
                                  key_usage_words[i].name);
    return buffer;
}

unsigned key_usage_of_pair(const TrustpointConfig *config, KeyPair pair)
{
    const unsigned signature = KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION;
    unsigned given = config->key_usage_given ? config->key_usage : 0;

    if (pair == PAIR_SIGNATURE)
        return given & signature ? given & signature : KU_DIGITAL_SIGNATURE;
    if (pair == PAIR_ENCRYPTION)
        return given & ~signature ? given & ~signature : KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT;
    /* A CA elsewhere decides what goes without saying. */
    return config->method == METHOD_SELF ? config->key_usage : given;
}

/* --- Reading ---------------------------------------------------------------------------------- */

typedef struct Reader {
    const char *name; /* of the trustpoint */
    config_report_t report;
    void *userdata;
    int problems;
    int error; /* the first that is not about the configuration */
} Reader;

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

/* words and value: the line without its beginning; value may be NULL. */
static void _printf_(4, 5)
    problem(Reader *reader, const char *words, const char *value, const char *format, ...)
{
    _cleanup_free_ char *reason = NULL;
    char line[LINE_SIZE];
    va_list ap;
    int r;

    va_start(ap, format);
    r = vasprintf(&reason, format, ap);
    va_end(ap);
    if (r < 0) {
        reason = NULL;
        reader->error = -ENOMEM;
        return;
    }
    reader->problems++;
    if (!value || !is_plain(value))
        value = "";
    (void)snprintf(line, sizeof(line), "crypto ca trustpoint %.127s%s%s%s%.800s", reader->name,
                   words[0] ? " " : "", words, value[0] ? " " : "", value);
    r = reader->report(reader->userdata, line, reason);
    if (r < 0 && reader->error == 0)
        reader->error = r;
}

static const char *read_string(Reader *reader, json_object *o, const char *member,
                               const char *words, size_t max)
{
    const char *value;
    int r = json_get_string(o, member, &value);

    if (r == -ENOENT)
        return NULL;
    if (r < 0 || strlen(value) > max) {
        problem(reader, words, NULL, "must be text of at most %zu characters", max);
        return NULL;
    }
    return value;
}

static void copy_string(Reader *reader, const char *value, char **ret)
{
    if (!value)
        return;
    *ret = strdup(value);
    if (!*ret)
        reader->error = -ENOMEM;
}

/* An object that may be missing. */
static json_object *read_object(Reader *reader, json_object *o, const char *member,
                                const char *const *known)
{
    json_object *value = NULL;
    int r = json_get_object(o, member, &value);

    if (r == -ENOENT)
        return NULL;
    if (r < 0 || json_only_members(value, known) < 0) {
        problem(reader, member, NULL, "is not known in this form");
        return NULL;
    }
    return value;
}

static void read_retry(Reader *reader, json_object *o, const char *member, uint32_t unit,
                       uint32_t max, uint32_t *ret)
{
    uint64_t value;
    int r = json_get_uint64(o, member, &value);

    if (r == -ENOENT)
        return;
    if (r < 0 || value < 1 || value > max)
        problem(reader,
                streq(member, "retry-count") ? "enrollment retry count" : "enrollment retry period",
                NULL, "must be 1 to %u", max);
    else
        *ret = (uint32_t)value * unit;
}

/* What is spoken with a server. */
static EnrollmentMethod read_method(Reader *reader, json_object *o)
{
    const char *name = read_string(reader, o, "method", "method", LABEL_MAX);

    if (!name)
        return METHOD_SCEP;
    if (streq(name, "cmp"))
        return METHOD_CMP;
    if (!streq(name, "est"))
        problem(reader, "method", name, "must be 'est' or 'cmp'");
    return METHOD_EST;
}

static int url_check(EnrollmentMethod method, const char *url, const char **ret_reason)
{
    return method == METHOD_EST   ? est_url_check(url, ret_reason)
           : method == METHOD_CMP ? cmp_url_check(url, ret_reason)
                                  : scep_url_check(url, ret_reason);
}

/* Through which a server is reached: in its URL, or in a line of its own. */
static void read_vrf(Reader *reader, json_object *o, TrustpointConfig *config)
{
    const char *vrf = read_string(reader, o, "vrf", "vrf", LABEL_MAX);

    if (!vrf)
        return;
    if (!interface_name_is_valid(vrf))
        problem(reader, "vrf", vrf, "must be the name of the VRF's interface, 1 to 15 characters");
    else if (config->vrf[0] && !streq(config->vrf, vrf))
        problem(reader, "vrf", vrf, "the URL names another one");
    else if (!config->url)
        problem(reader, "vrf", vrf, "has an effect only with the URL of a server");
    else
        (void)snprintf(config->vrf, sizeof(config->vrf), "%s", vrf);
}

static void read_server(Reader *reader, json_object *o, const char *url, TrustpointConfig *config)
{
    const char *reason;
    int r;

    config->method = tftp_url_is(url) ? METHOD_TFTP : read_method(reader, o);
    r = config->method == METHOD_TFTP ? tftp_url_check(url, config->vrf, &reason)
                                      : url_check(config->method, url, &reason);
    if (r == -EINVAL)
        problem(reader, "enrollment url", url, "%s", reason);
    else if (r < 0)
        reader->error = r;
    else
        copy_string(reader, url, &config->url);
}

static void read_enrollment(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char *const known[] = {"url", "retry-count", "retry-period", "legacy", NULL};
    json_object *enrollment = read_object(reader, o, "enrollment", known);
    const char *url;

    if (!enrollment)
        return;
    read_retry(reader, enrollment, "retry-count", 1, RETRY_COUNT_MAX, &config->retry.count);
    read_retry(reader, enrollment, "retry-period", MINUTE, RETRY_PERIOD_MAX, &config->retry.period);
    (void)json_get_bool(enrollment, "legacy", &config->legacy);
    url = read_string(reader, enrollment, "url", "enrollment url", SUBJECT_MAX);
    if (!url)
        return;
    if (streq(url, "terminal"))
        config->method = METHOD_TERMINAL;
    else if (streq(url, "local"))
        config->method = METHOD_LOCAL;
    else if (!streq(url, "self"))
        read_server(reader, o, url, config);
    else if (!streq(config->name, SYSTEM_TRUSTPOINT))
        problem(reader, "enrollment url", url, "only " SYSTEM_TRUSTPOINT " can enroll with itself");
    else
        config->method = METHOD_SELF;
}

static void read_key(Reader *reader, json_object *o, const char *member, KeyName *ret)
{
    static const char *const known[] = {"algorithm", "label", NULL};
    json_object *key = read_object(reader, o, member, known);
    const char *algorithm, *label;

    if (!key)
        return;
    algorithm = read_string(reader, key, "algorithm", member, LABEL_MAX);
    label = read_string(reader, key, "label", member, LABEL_MAX);
    if (!algorithm || !label) {
        problem(reader, member, NULL, "needs an algorithm and a label");
        return;
    }
    if (key_algorithm_code(algorithm) == 0)
        problem(reader, member, algorithm, "there is no key algorithm '%.32s'", algorithm);
    else if (streq(algorithm, "dsa") && streq(member, "ca-keypair"))
        problem(reader, member, algorithm, "no certificate is signed with a dsa key");
    else if (!label_is_valid(label))
        problem(reader, member, algorithm,
                "a label has letters, digits, '.', '_' and '-', and begins with a letter or digit");
    else {
        copy_string(reader, algorithm, &ret->algorithm);
        copy_string(reader, label, &ret->label);
    }
}

/* The older way to name a key, and none at all. */
static void read_rsa_key(Reader *reader, json_object *o, TrustpointConfig *config)
{
    const char *label = read_string(reader, o, "rsakeypair", "rsakeypair", LABEL_MAX);

    if (label && config->keypair.label)
        problem(reader, "rsakeypair", label, "'keypair' names a key already: only one of the two");
    else if (label && !label_is_valid(label))
        problem(reader, "rsakeypair", NULL,
                "a label has letters, digits, '.', '_' and '-', and begins with a letter or digit");
    else if (!config->keypair.label &&
             (label || (config->method != METHOD_NONE && config->method != METHOD_SELF))) {
        copy_string(reader, "rsa", &config->keypair.algorithm);
        copy_string(reader, label ? label : DEFAULT_KEY_LABEL, &config->keypair.label);
    }
}

static void read_alternative_names(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char words[] = "subject-alternative-name";
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names = NULL;
    const char *text = read_string(reader, o, words, words, SUBJECT_MAX), *reason;
    int r;

    if (!text)
        return;
    r = alternative_names_parse(text, &names, &reason);
    if (r == -EINVAL)
        problem(reader, words, text, "%s", reason);
    else if (r < 0)
        reader->error = r;
    else
        copy_string(reader, text, &config->alternative_names);
}

static void read_subject(Reader *reader, json_object *o, const char *member, const char *words,
                         char **ret)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = NULL;
    const char *text = read_string(reader, o, member, words, SUBJECT_MAX), *reason = NULL;
    int r;

    if (!text)
        return;
    r = subject_parse(text, &name, &reason);
    if (r == -EINVAL)
        problem(reader, words, text, "is not a subject name: %s", reason);
    else if (r < 0)
        reader->error = r;
    else
        copy_string(reader, text, ret);
}

static bool key_usage_find(const char *word, bool ca, unsigned *ret)
{
    for (size_t i = 0; i < ELEMENTSOF(key_usage_words); i++)
        if (streq(key_usage_words[i].word, word) &&
            (ca ? key_usage_words[i].ca : key_usage_words[i].router)) {
            *ret |= key_usage_words[i].bit;
            return true;
        }
    return false;
}

static void read_usage(Reader *reader, json_object *o, const char *member, const char *words,
                       bool ca, unsigned *ret)
{
    unsigned usage = 0;
    json_object *list;
    int r = json_get_array(o, member, &list);

    if (r == -ENOENT)
        return;
    if (r < 0 || json_object_array_length(list) == 0) {
        problem(reader, words, NULL, "needs one or more usages");
        return;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (!json_object_is_type(item, json_type_string) ||
            !key_usage_find(json_object_get_string(item), ca, &usage)) {
            problem(reader, words, NULL, "a %s certificate can't be used for that",
                    ca ? "CA" : "router");
            return;
        }
    }
    if (ca && !(usage & KU_KEY_CERT_SIGN)) {
        problem(reader, words, NULL, "a CA certificate needs keycertsign");
        return;
    }
    *ret = usage;
}

static void read_usages(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char *const known[] = {"certificate", "ca-certificate", NULL};
    json_object *usages = read_object(reader, o, "key-usage", known);

    if (!usages)
        return;
    config->key_usage_given = json_object_object_get_ex(usages, "certificate", NULL);
    read_usage(reader, usages, "certificate", "key-usage certificate", false, &config->key_usage);
    read_usage(reader, usages, "ca-certificate", "key-usage ca-certificate", true,
               &config->ca_key_usage);
}

static void read_lifetime(Reader *reader, json_object *o, const char *member, const char *words,
                          unsigned max, unsigned *ret)
{
    uint64_t days;
    int r = json_get_uint64(o, member, &days);

    if (r == -ENOENT)
        return;
    if (r < 0 || days < LIFETIME_MIN || days > max)
        problem(reader, words, NULL, "must be %u to %u days", LIFETIME_MIN, max);
    else
        *ret = (unsigned)days;
}

static void read_lifetimes(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char *const known[] = {"certificate", "ca-certificate", NULL};
    json_object *lifetimes = read_object(reader, o, "lifetime", known);
    char days[16];

    if (lifetimes) {
        read_lifetime(reader, lifetimes, "certificate", "lifetime certificate", LIFETIME_MAX,
                      &config->lifetime);
        read_lifetime(reader, lifetimes, "ca-certificate", "lifetime ca-certificate",
                      CA_LIFETIME_MAX, &config->ca_lifetime);
    }
    (void)snprintf(days, sizeof(days), "%u", config->lifetime);
    if (config->lifetime >= config->ca_lifetime)
        problem(reader, "lifetime certificate", days,
                "the router certificate (%u days) must end before the CA certificate (%u days)",
                config->lifetime, config->ca_lifetime);
}

/* 80, or "80" with a new key. */
static void read_percent(Reader *reader, json_object *o, TrustpointConfig *config)
{
    json_object *value;
    int64_t percent;

    if (!json_object_object_get_ex(o, "auto-enroll", &value))
        return;
    percent = json_object_get_int64(value);
    config->regenerate = json_object_is_type(value, json_type_string);
    if (percent < 1 || percent > 99 ||
        (!config->regenerate && !json_object_is_type(value, json_type_int)) ||
        (config->regenerate && strspn(json_object_get_string(value), "0123456789") !=
                                   strlen(json_object_get_string(value))))
        problem(reader, "auto-enroll", NULL, "must be 1 to 99 percent");
    else
        config->auto_enroll = (unsigned)percent;
}

static void read_renewal(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char words[] = "renewal-message-type";
    const char *type = read_string(reader, o, words, words, LABEL_MAX);

    read_percent(reader, o, config);
    if (!type)
        return;
    config->renew_by_certificate = streq(type, "renewalreq");
    if (!config->renew_by_certificate && !streq(type, "pkcsreq"))
        problem(reader, words, type, "must be 'pkcsreq' or 'renewalreq'");
    else if (config->auto_enroll == 0)
        problem(reader, words, type, "has an effect only with 'auto-enroll'");
}

static void read_revocation(Reader *reader, json_object *o, TrustpointConfig *config)
{
    const char *url = read_string(reader, o, "query-url", "query url", QUERY_URL_MAX), *reason;

    (void)json_get_bool(o, "crl-optional", &config->crl_optional);
    if (!url)
        return;
    if (strncasecmp(url, "ldap://", STRLEN("ldap://")) != 0)
        problem(reader, "query url", url, "must begin with ldap://");
    else if (fetch_url_check_crl(url, &reason) < 0)
        problem(reader, "query url", url, "cannot be asked: %s", reason);
    else
        copy_string(reader, url, &config->query_url);
}

static void read_consumers(Reader *reader, json_object *o, const char *member,
                           bool (*is_valid)(const char *text), const char *words, const char *wrong,
                           char ***ret)
{
    json_object *renewal, *list;
    char **strings;
    size_t n = 0;

    if (json_get_object(o, "renewal", &renewal) < 0 || json_get_array(renewal, member, &list) < 0)
        return;
    if (json_object_array_length(list) > CONSUMERS_MAX) {
        problem(reader, words, NULL, "can be there %u times at most", CONSUMERS_MAX);
        return;
    }
    strings = *ret = calloc(CONSUMERS_MAX + 1, sizeof(*strings));
    for (size_t i = 0; strings && reader->error >= 0 && i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);
        const char *text = json_object_get_string(item);

        if (!json_object_is_type(item, json_type_string) || !is_valid(text))
            problem(reader, words, text, "%s", wrong);
        else if (!(strings[n++] = strdup(text)))
            reader->error = -ENOMEM;
    }
    if (!strings)
        reader->error = -ENOMEM;
}

static void read_digest(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char *const digests[] = {"sha256", "sha384", "sha512"};
    const char *text = read_string(reader, o, "message-digest", "message-digest", LABEL_MAX);

    if (!text)
        return;
    for (size_t i = 0; i < ELEMENTSOF(digests); i++)
        if (streq(digests[i], text)) {
            config->digest = digests[i];
            return;
        }
    problem(reader, "message-digest", text,
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
            problem(reader, "serial-number", NULL, "is followed by nothing or by 'none'");
    }
    text = read_string(reader, o, "ip-address", "ip-address", LABEL_MAX);
    if (!text)
        return;
    if (streq(text, "none"))
        config->ip_address = SUBJECT_OMIT;
    else if (inet_pton(AF_INET, text, &address) != 1)
        problem(reader, "ip-address", text, "must be an IPv4 address or 'none'");
    else {
        config->ip_address = SUBJECT_INCLUDE;
        copy_string(reader, text, &config->address);
    }
}

/* What only shows when the lines are seen together. */
static void check_self(Reader *reader, const TrustpointConfig *config)
{
    const KeyName *key = &config->keypair, *ca = &config->ca_keypair;
    char value[2 * LABEL_MAX];

    if (config->method != METHOD_SELF || reader->problems > 0)
        return;
    if (!key->label)
        problem(reader, "keypair", NULL,
                "'enrollment url self' needs a key pair for the router certificate");
    if (!ca->label)
        problem(reader, "ca-keypair", NULL,
                "'enrollment url self' needs a key pair for the CA certificate");
    if (key->label && key_name_equal(key, ca)) {
        (void)snprintf(value, sizeof(value), "%s %s", ca->algorithm, ca->label);
        problem(reader, "ca-keypair", value,
                "the CA and the router certificate need key pairs of their own");
    }
    if (streq_ptr(config->subject_name, config->ca_subject_name))
        problem(reader, "subject-name ca-certificate", config->ca_subject_name,
                "the CA and the router certificate need different subject names");
    if (config->alternative_names)
        problem(reader, "subject-alternative-name", config->alternative_names,
                "has no effect with 'enrollment url self'");
}

/* What only SCEP has. */
static void check_other_than_scep(Reader *reader, const TrustpointConfig *config)
{
    static const char reason[] = "has an effect only with a SCEP server";

    if (config->legacy)
        problem(reader, "enrollment legacy", NULL, "%s", reason);
    if (config->skip_challenge)
        problem(reader, "skip-challenge-password", NULL, "%s", reason);
    if (config->renew_by_certificate)
        problem(reader, "renewal-message-type", "renewalreq", "%s", reason);
}

/* What is there only for a server that is asked: for SCEP, EST and CMP. */
static void check_without_server(Reader *reader, json_object *o, const TrustpointConfig *config)
{
    static const char reason[] = "has an effect only with the http or https URL of a server";
    static const char *const lines[][2] = {{"retry-count", "enrollment retry count"},
                                           {"retry-period", "enrollment retry period"}};
    json_object *enrollment;

    if (json_object_object_get_ex(o, "method", NULL))
        problem(reader, "method", NULL, "%s", reason);
    if (!json_object_object_get_ex(o, "enrollment", &enrollment))
        return;
    for (size_t i = 0; i < ELEMENTSOF(lines); i++)
        if (json_object_object_get_ex(enrollment, lines[i][0], NULL))
            problem(reader, lines[i][1], NULL, "%s", reason);
    if (config->auto_enroll > 0 && config->method != METHOD_SELF)
        problem(reader, "auto-enroll", NULL, "%s, or with 'enrollment url self'", reason);
}

static void check_server(Reader *reader, json_object *o, const TrustpointConfig *config)
{
    if (config->method == METHOD_NONE)
        return;
    if (config->method != METHOD_SCEP)
        check_other_than_scep(reader, config);
    else if (!streq(config->keypair.algorithm, "rsa"))
        problem(reader, "keypair", config->keypair.algorithm,
                "SCEP servers encrypt their answers for RSA keys: keypair rsa LABEL");
    if (config->method == METHOD_CMP && !streq(config->keypair.algorithm, "rsa") &&
        strncmp(config->keypair.algorithm, "ecdsa", 5) != 0)
        problem(reader, "keypair", config->keypair.algorithm, "CMP is for rsa and ecdsa keys");
    if (!enrollment_method_has_server(config->method))
        check_without_server(reader, o, config);
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
            problem(reader, lines[i].words, NULL,
                    "has an effect with 'enrollment url self' only: a CA elsewhere decides that");
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
        "auto-enroll",
        "renewal-message-type",
        "crl-optional",
        "query-url",
        "renewal",
        "method",
        "vrf",
        NULL,
    };

    if (json_only_members(o, known) < 0)
        problem(reader, "", NULL, "has a line that this release does not know");
    (void)read_string(reader, o, "description", "description", DESCRIPTION_MAX);
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
    (void)json_get_bool(o, "skip-challenge-password", &config->skip_challenge);
    read_renewal(reader, o, config);
    read_revocation(reader, o, config);
    read_consumers(reader, o, "reload", consumer_unit_is_valid, "renewal reload",
                   "is not the name of a service, such as nginx.service", &config->reload);
    read_consumers(reader, o, "probe", consumer_address_is_valid, "renewal probe",
                   "is not HOST:PORT, such as www.example.com:443 or [2001:db8::1]:443",
                   &config->probe);
    check_self(reader, config);
    check_external(reader, o, config);
}

static int trustpoint_parse(Reader *reader, json_object *o, TrustpointConfig **ret)
{
    _cleanup_(trustpoint_config_freep) TrustpointConfig *config = NULL;

    if (!label_is_valid(reader->name))
        problem(reader, "", NULL,
                "a name has letters, digits, '.', '_' and '-', and begins with a letter or digit");
    else if (!json_object_is_type(o, json_type_object))
        problem(reader, "", NULL, "is not known in this form");
    if (reader->problems > 0)
        return reader->error;
    config = calloc(1, sizeof(*config));
    if (!config)
        return -ENOMEM;
    config->name = strdup(reader->name);
    config->json = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
    if (!config->name || !config->json)
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
    if (reader->problems == 0)
        *ret = TAKE_PTR(config);
    return 0;
}

int trustpoint_config_parse(json_object *section, config_report_t report, void *userdata,
                            TrustpointConfig **ret)
{
    static const char *const known[] = {"trustpoint", NULL};
    _cleanup_(trustpoint_config_list_freep) TrustpointConfig *list = NULL;
    TrustpointConfig **tail = &list;
    int problems = 0, r;
    json_object *all;

    r = json_get_object(section, "trustpoint", &all);
    if ((r < 0 && r != -ENOENT) || json_only_members(section, known) < 0)
        return report(userdata, "crypto ca trustpoint", "is not known in this form") < 0 ? -EIO : 1;
    if (r >= 0 && json_object_object_length(all) > TRUSTPOINTS_MAX)
        return report(userdata, "crypto ca trustpoint", "there can be at most 256 trustpoints") < 0
                   ? -EIO
                   : 1;
    if (r == -ENOENT) {
        *ret = NULL;
        return 0;
    }
    json_object_object_foreach(all, name, value)
    {
        Reader reader = {.name = name, .report = report, .userdata = userdata};

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

TrustpointConfig *trustpoint_config_free(TrustpointConfig *config)
{
    if (!config)
        return NULL;
    free(config->name);
    free(config->json);
    key_name_done(&config->keypair);
    key_name_done(&config->ca_keypair);
    free(config->subject_name);
    free(config->ca_subject_name);
    free(config->url);
    free(config->address);
    free(config->alternative_names);
    free(config->query_url);
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
