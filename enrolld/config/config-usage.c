/* SPDX-License-Identifier: Apache-2.0 */
/* What the certificates of a trustpoint are for, and for how long. */
#include <openssl/x509v3.h>

#include "config-reader.h"
#include "json-util.h"

#define LIFETIME_MIN 30U
#define LIFETIME_MAX 5474U
#define CA_LIFETIME_MAX 5475U

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
        reader_problem(reader, words, NULL, "needs one or more usages");
        return;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (!json_object_is_type(item, json_type_string) ||
            !key_usage_find(json_object_get_string(item), ca, &usage)) {
            reader_problem(reader, words, NULL, "a %s certificate can't be used for that",
                           ca ? "CA" : "router");
            return;
        }
    }
    if (ca && !(usage & KU_KEY_CERT_SIGN)) {
        reader_problem(reader, words, NULL, "a CA certificate needs keycertsign");
        return;
    }
    *ret = usage;
}

void read_usages(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char *const known[] = {"certificate", "ca-certificate", NULL};
    json_object *usages = reader_object(reader, o, "key-usage", known);

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
        reader_problem(reader, words, NULL, "must be %u to %u days", LIFETIME_MIN, max);
    else
        *ret = (unsigned)days;
}

void read_lifetimes(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char *const known[] = {"certificate", "ca-certificate", NULL};
    json_object *lifetimes = reader_object(reader, o, "lifetime", known);
    char days[16];

    if (lifetimes) {
        read_lifetime(reader, lifetimes, "certificate", "lifetime certificate", LIFETIME_MAX,
                      &config->lifetime);
        read_lifetime(reader, lifetimes, "ca-certificate", "lifetime ca-certificate",
                      CA_LIFETIME_MAX, &config->ca_lifetime);
    }
    (void)snprintf(days, sizeof(days), "%u", config->lifetime);
    if (config->lifetime >= config->ca_lifetime)
        reader_problem(
            reader, "lifetime certificate", days,
            "the router certificate (%u days) must end before the CA certificate (%u days)",
            config->lifetime, config->ca_lifetime);
}
