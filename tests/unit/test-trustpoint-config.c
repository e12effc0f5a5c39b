/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include <openssl/x509v3.h>

#include "json-util.h"
#include "tftp-url.h"
#include "trustpoint-config.h"

/* The seed's configuration. */
#define SEED_KEYS                                                                                  \
    "'keypair':{'algorithm':'rsa','label':'system-enroll-key'},'ca-keypair':{'algorithm':'rsa','"  \
    "label':'system-root-key'},"
#define SEED_NAMES                                                                                 \
    "'subject-name':'CN=lab1-ads,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR',"                   \
    "'subject-name-ca-certificate':'CN=lab1-ca,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR',"
#define SEED                                                                                       \
    SEED_KEYS SEED_NAMES                                                                           \
        "'enrollment':{'url':'self'},'key-usage':{'certificate':['digitalsignature','"             \
        "keyagreement','dataencipherment'],"                                                       \
        "'ca-certificate':['digitalsignature','keycertsign','crlsign']},"                          \
        "'lifetime':{'certificate':300,'ca-certificate':367},'message-digest':'sha256'"

static char first_line[512], first_reason[512];

static int report(void *userdata, const char *line, const char *reason)
{
    if (!first_line[0]) {
        (void)snprintf(first_line, sizeof(first_line), "%s", line);
        (void)snprintf(first_reason, sizeof(first_reason), "%s", reason);
    }
    return 0;
}

static int parse_section(const char *quoted, TrustpointConfig **ret)
{
    _cleanup_json_ json_object *section = NULL;
    _cleanup_free_ char *text = strdup(quoted);

    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    assert_int_equal(json_parse(text, strlen(text), &section), 0);
    first_line[0] = first_reason[0] = '\0';
    *ret = NULL;
    return trustpoint_config_parse(section, report, NULL, ret);
}

static int parse(const char *members, const char *name, TrustpointConfig **ret)
{
    _cleanup_free_ char *text = NULL;

    assert_true(asprintf(&text, "{'trustpoint':{'%s':{%s}}}", name, members) > 0);
    return parse_section(text, ret);
}

static void test_seed(void **state)
{
    _cleanup_(trustpoint_config_list_freep) TrustpointConfig *c = NULL;
    char usage[KEY_USAGE_TEXT_SIZE];

    assert_int_equal(parse(SEED, "system-trustpoint", &c), 0);
    assert_non_null(c);
    assert_null(c->next);
    assert_int_equal(c->method, METHOD_SELF);
    assert_string_equal(c->keypair.label, "system-enroll-key");
    assert_string_equal(c->ca_keypair.label, "system-root-key");
    assert_string_equal(c->subject_name,
                        "CN=lab1-ads,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR");
    assert_string_equal(c->digest, "sha256");
    assert_int_equal(c->lifetime, 300);
    assert_int_equal(c->ca_lifetime, 367);
    assert_int_equal(c->serial_number, SUBJECT_ASK);
    assert_int_equal(c->ip_address, SUBJECT_ASK);
    assert_string_equal(key_usage_render(c->key_usage, usage),
                        "critical,digitalSignature,dataEncipherment,keyAgreement");
    assert_string_equal(key_usage_render(c->ca_key_usage, usage),
                        "critical,digitalSignature,keyCertSign,cRLSign");
}

static void test_defaults(void **state)
{
    _cleanup_(trustpoint_config_list_freep) TrustpointConfig *c = NULL;

    assert_int_equal(
        parse(SEED_KEYS SEED_NAMES "'enrollment':{'url':'self'}", "system-trustpoint", &c), 0);
    assert_int_equal(c->lifetime, 200);
    assert_int_equal(c->ca_lifetime, 365);
    assert_int_equal(c->key_usage, KU_DIGITAL_SIGNATURE);
    assert_int_equal(c->ca_key_usage, KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_string_equal(c->digest, "sha256");
}

/* As many as there may be, and one more. */
static void test_many(void **state)
{
    for (size_t more = 0; more < 2; more++) {
        _cleanup_(trustpoint_config_list_freep) TrustpointConfig *list = NULL;
        size_t n = 0, n_wanted = 1000 + more;
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        (void)fputs("{'trustpoint':{", f);
        for (size_t i = 0; i < n_wanted; i++)
            fprintf(f, "%s'many-%zu':{'enrollment':{'url':'terminal'}}", i > 0 ? "," : "", i);
        (void)fputs("}}", f);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(parse_section(text, &list), more);
        for (const TrustpointConfig *c = list; c; c = c->next)
            n++;
        assert_int_equal(n, more > 0 ? 0 : n_wanted);
        if (more > 0)
            assert_string_equal(first_reason, "there can be at most 1000 trustpoints");
    }
}

static void test_subject_parts(void **state)
{
    _cleanup_(trustpoint_config_list_freep) TrustpointConfig *c = NULL, *none = NULL;

    assert_int_equal(
        parse(SEED ",'serial-number':true,'ip-address':'10.1.1.1'", "system-trustpoint", &c), 0);
    assert_int_equal(c->serial_number, SUBJECT_INCLUDE);
    assert_int_equal(c->ip_address, SUBJECT_INCLUDE);
    assert_string_equal(c->address, "10.1.1.1");
    assert_int_equal(
        parse(SEED ",'serial-number':'none','ip-address':'none'", "system-trustpoint", &none), 0);
    assert_int_equal(none->serial_number, SUBJECT_OMIT);
    assert_int_equal(none->ip_address, SUBJECT_OMIT);
}

static void test_revocation(void **state)
{
    _cleanup_(trustpoint_config_freep) TrustpointConfig *c = NULL, *none = NULL;

    assert_int_equal(parse("'crl-optional':true,'query-url':'ldap://192.0.2.1'", "core", &c), 0);
    assert_true(c->crl_optional);
    assert_string_equal(c->query_url, "ldap://192.0.2.1");
    assert_int_equal(parse("'description':'x'", "core", &none), 0);
    assert_false(none->crl_optional);
    assert_null(none->query_url);
}

static void test_peer_usage(void **state)
{
    _cleanup_(trustpoint_config_freep) TrustpointConfig *server = NULL, *client = NULL,
                                                        *none = NULL;

    assert_int_equal(parse("'extended-key-usage':'server-auth'", "core", &server), 0);
    assert_int_equal(server->peer_usage, PEER_USAGE_SERVER_AUTH);
    assert_int_equal(parse("'extended-key-usage':'client-auth'", "core", &client), 0);
    assert_int_equal(client->peer_usage, PEER_USAGE_CLIENT_AUTH);
    assert_int_equal(parse("'description':'x'", "core", &none), 0);
    assert_int_equal(none->peer_usage, PEER_USAGE_ANY);
}

static void test_empty(void **state)
{
    TrustpointConfig *c;

    assert_int_equal(parse_section("{}", &c), 0);
    assert_null(c);
    assert_int_equal(parse_section("{'trustpoint':{}}", &c), 0);
    assert_null(c);
}

/* A trustpoint that only has a name yet, and one that is wrong: the good one counts. */
static void test_several(void **state)
{
    _cleanup_(trustpoint_config_list_freep) TrustpointConfig *c = NULL;

    assert_int_equal(
        parse_section(
            "{'trustpoint':{'core':{'description':'to do'},'bad':{'subject-name':'CN'},'edge':{}}}",
            &c),
        1);
    assert_string_equal(first_line, "crypto ca trustpoint bad subject-name CN");
    assert_string_equal(c->name, "core");
    assert_int_equal(c->method, METHOD_NONE);
    assert_string_equal(c->next->name, "edge");
    assert_null(c->next->next);
}

typedef struct Refusal {
    const char *members, *words, *reason; /* parts of the line and of the reason */
} Refusal;

static void check_refused(const Refusal *refusal)
{
    _cleanup_(trustpoint_config_list_freep) TrustpointConfig *c = NULL;
    _cleanup_free_ char *line = NULL;

    assert_true(asprintf(&line, "crypto ca trustpoint system-trustpoint%s%s",
                         refusal->words[0] ? " " : "", refusal->words) > 0);
    if (parse(refusal->members, "system-trustpoint", &c) <= 0)
        fail_msg("accepted: %s", refusal->members);
    assert_null(c);
    /* The line, with its value where that is known. */
    assert_int_equal(strncmp(first_line, line, strlen(line)), 0);
    assert_true(first_line[strlen(line)] == '\0' || first_line[strlen(line)] == ' ');
    if (!strstr(first_reason, refusal->reason))
        fail_msg("'%s' does not say '%s'", first_reason, refusal->reason);
}

static void test_refused(void **state)
{
    static const Refusal cases[] = {
        {"'enrollment':{'url':5}", "enrollment url", "text"},
        {"'enrollment':{'url':'self'}", "keypair", "needs a key pair"},
        {SEED_NAMES "'enrollment':{'url':'self'},'keypair':{'algorithm':'rsa','label':'a'}",
         "ca-keypair", "needs a key pair"},
        {SEED_NAMES "'enrollment':{'url':'self'},'keypair':{'algorithm':'rsa','label':'a'},'ca-"
                    "keypair':{'algorithm':'rsa','label':'a'}",
         "ca-keypair", "of their own"},
        {SEED_KEYS "'enrollment':{'url':'self'}", "subject-name ca-certificate",
         "different subject names"},
        {SEED_KEYS
         "'enrollment':{'url':'self'},'subject-name':'CN=a','subject-name-ca-certificate':'CN=a'",
         "subject-name ca-certificate", "different subject names"},
        {"'keypair':{'algorithm':'dss','label':'a'}", "keypair", "no key algorithm 'dss'"},
        {"'ca-keypair':{'algorithm':'dsa','label':'a'}", "ca-keypair", "signed with a dsa key"},
        {"'keypair':{'algorithm':'rsa','label':'../a'}", "keypair", "letters, digits"},
        {"'keypair':{'algorithm':'rsa'}", "keypair", "label"},
        {"'keypair':'rsa a'", "keypair", "not known"},
        {"'subject-name':'CN=a+OU=b'", "subject-name", "backslash"},
        {"'subject-name-ca-certificate':'C=USA'", "subject-name ca-certificate", "two letters"},
        {"'lifetime':{'certificate':365,'ca-certificate':365}", "lifetime certificate",
         "must end before"},
        {"'lifetime':{'certificate':365}", "lifetime certificate", "must end before"},
        {"'lifetime':{'certificate':29}", "lifetime certificate", "30 to 5474"},
        {"'lifetime':{'ca-certificate':5476}", "lifetime ca-certificate", "30 to 5475"},
        {"'lifetime':{'certificate':-1}", "lifetime certificate", "30 to 5474"},
        {"'message-digest':'md5'", "message-digest", "sha256"},
        {"'message-digest':'sha1'", "message-digest", "sha256"},
        {"'key-usage':{'certificate':['keycertsign']}", "key-usage certificate", "router"},
        {"'key-usage':{'certificate':[]}", "key-usage certificate", "one or more"},
        {"'key-usage':{'ca-certificate':['digitalsignature']}", "key-usage ca-certificate",
         "keycertsign"},
        {"'key-usage':{'ca-certificate':['keyagreement','keycertsign']}",
         "key-usage ca-certificate", "CA"},
        {"'serial-number':'some'", "serial-number", "none"},
        {"'serial-number':false", "serial-number", "none"},
        {"'ip-address':'10.1.1'", "ip-address", "IPv4"},
        {"'extended-key-usage':'code-signing'", "extended-key-usage match code-signing",
         "'server-auth' or 'client-auth'"},
        {SEED ",'extended-key-usage':'server-auth'", "extended-key-usage match", "no others"},
        {"'query-uri':'ldap://x'", "", "does not know"},
        {"'query-url':'http://x'", "query url http://x", "must begin with ldap://"},
        {"'query-url':'ldap:///x'", "query url ldap:///x", "no host"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++)
        check_refused(&cases[i]);
}

static void test_external_refused(void **state)
{
    static const Refusal cases[] = {
        {"'enrollment':{'url':'https://ca/'}", "enrollment url", "http://"},
        {"'enrollment':{'url':'http://a:b@ca/'}", "enrollment url", "password"},
        {"'enrollment':{'url':'http://ca/'},'keypair':{'algorithm':'ed25519','label':'a'}",
         "keypair", "only rsa and ecdsa keys can read"},
        {"'enrollment':{'url':'http://ca/','retry-count':101}", "enrollment retry count",
         "1 to 100"},
        {"'enrollment':{'url':'http://ca/','retry-period':0}", "enrollment retry period",
         "1 to 60"},
        {"'enrollment':{'url':'http://ca/'},'lifetime':{'certificate':300}", "lifetime certificate",
         "a CA elsewhere"},
        {"'enrollment':{'url':'terminal','retry-count':5}", "enrollment retry count",
         "of a server"},
        {"'enrollment':{'url':'terminal','legacy':true}", "enrollment legacy", "a SCEP server"},
        {"'enrollment':{'url':'terminal'},'skip-challenge-password':true",
         "skip-challenge-password", "a SCEP server"},
        {"'enrollment':{'url':'terminal'},'ca-keypair':{'algorithm':'rsa','label':'a'}",
         "ca-keypair", "a CA elsewhere"},
        {"'enrollment':{'url':'terminal'},'rsakeypair':'a','keypair':{'algorithm':'rsa','label':'a'"
         "}",
         "rsakeypair", "only one"},
        {"'enrollment':{'url':'terminal'},'auto-enroll':80", "auto-enroll", "of a server"},
        {"'enrollment':{'url':'tftp://ca/x','retry-count':5}", "enrollment retry count",
         "of a server"},
        {"'enrollment':{'url':'tftp://ca/x','retry-period':5}", "enrollment retry period",
         "of a server"},
        {"'enrollment':{'url':'tftp://ca/x'},'auto-enroll':80", "auto-enroll", "of a server"},
        {"'enrollment':{'url':'tftp://ca/x'},'method':'est'", "method", "of a server"},
        {"'enrollment':{'url':'tftp://ca/x','legacy':true}", "enrollment legacy", "a SCEP server"},
        {"'enrollment':{'url':'tftp://ca/x'},'skip-challenge-password':true",
         "skip-challenge-password", "a SCEP server"},
        {"'enrollment':{'url':'http://ca/'},'auto-enroll':100", "auto-enroll", "1 to 99"},
        {"'enrollment':{'url':'http://ca/'},'auto-enroll':'100'", "auto-enroll", "1 to 99"},
        {"'enrollment':{'url':'http://ca/','legacy':'yes'}", "enrollment legacy", "true or false"},
        {"'enrollment':{'url':'http://ca/','legacy':1}", "enrollment legacy", "true or false"},
        {"'enrollment':{'url':'http://ca/'},'skip-challenge-password':'true'",
         "skip-challenge-password", "true or false"},
        {"'enrollment':{'url':'http://ca/'},'crl-optional':1", "crl optional", "true or false"},
        {"'renewal':['a.service']", "renewal", "not known in this form"},
        {"'renewal':{'restart':['a.service']}", "renewal", "not known in this form"},
        {"'renewal':{'reload':'a.service'}", "renewal reload", "must be a list"},
        {"'renewal':{'probe':{'a:443':true}}", "renewal probe", "must be a list"},
        {"'renewal':{'reload':['a.socket']}", "renewal reload", "not the name of a service"},
        {"'renewal':{'reload':['a/b.service']}", "renewal reload", "not the name of a service"},
        {"'renewal':{'reload':['chancery-keyd.service']}", "renewal reload", "not the name"},
        {"'renewal':{'reload':['a.service','b']}", "renewal reload", "not the name of a service"},
        {"'renewal':{'probe':['a']}", "renewal probe", "not HOST:PORT"},
        {"'renewal':{'probe':['a:0']}", "renewal probe", "not HOST:PORT"},
        {"'renewal':{'probe':['a:65536']}", "renewal probe", "not HOST:PORT"},
        {"'renewal':{'probe':['a:443/x']}", "renewal probe", "not HOST:PORT"},
        {"'renewal':{'probe':['u@a:443']}", "renewal probe", "not HOST:PORT"},
        {"'renewal':{'probe':['2001:db8::1:443']}", "renewal probe", "not HOST:PORT"},
        {"'renewal':{'probe':['1:1','2:1','3:1','4:1','5:1','6:1','7:1','8:1','9:1']}",
         "renewal probe", "8 times at most"},
        {"'enrollment':{'url':'http://ca/'},'auto-enroll':'8x'", "auto-enroll", "1 to 99"},
        {"'enrollment':{'url':'http://ca/'},'auto-enroll':true", "auto-enroll", "1 to 99"},
        {"'enrollment':{'url':'http://ca/'},'renewal-message-type':'renewalreq'",
         "renewal-message-type", "only with 'auto-enroll'"},
        {"'enrollment':{'url':'http://ca/'},'auto-enroll':80,'renewal-message-type':'x'",
         "renewal-message-type", "'pkcsreq'"},
        {"'subject-alternative-name':'DNS:a b'", "subject-alternative-name", "host name"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++)
        check_refused(&cases[i]);
}

/* A CA elsewhere: what is configured, and what stands for what is not. */
static void test_external(void **state)
{
    _cleanup_(trustpoint_config_list_freep) TrustpointConfig *c = NULL, *d = NULL;

    assert_int_equal(parse("'enrollment':{'url':'http://ca/x','retry-count':3,'retry-period':2,"
                           "'legacy':true},'rsakeypair':'k','subject-alternative-name':'DNS:a',"
                           "'skip-challenge-password':true",
                           "core", &c),
                     0);
    assert_int_equal(c->method, METHOD_SCEP);
    assert_string_equal(c->url, "http://ca/x");
    assert_int_equal(c->retry.count, 3);
    assert_int_equal(c->retry.period, 120);
    assert_true(c->legacy && c->skip_challenge);
    assert_string_equal(c->keypair.algorithm, "rsa");
    assert_string_equal(c->keypair.label, "k");
    assert_string_equal(c->alternative_names, "DNS:a");
    assert_false(c->key_usage_given);
    assert_int_equal(parse("'enrollment':{'url':'terminal'},'key-usage':{'certificate':["
                           "'digitalsignature']}",
                           "core", &d),
                     0);
    assert_int_equal(d->method, METHOD_TERMINAL);
    assert_string_equal(d->keypair.label, "the_default");
    assert_int_equal(d->retry.count, 10);
    assert_int_equal(d->retry.period, 60);
    assert_false(d->legacy || d->skip_challenge);
    assert_true(d->key_usage_given);
}

/* What is spoken with a server decides what its URL is like, and which lines have a meaning. */
static void test_est(void **state)
{
    static const Refusal refusals[] = {
        {"'enrollment':{'url':'http://ca/'}", "enrollment url http://ca/", "https://"},
        {"'enrollment':{'url':'https://ca/?x'}", "enrollment url https://ca/?x", "query"},
        {"'enrollment':{'url':'https://ca/','legacy':true}", "enrollment legacy", "SCEP"},
        {"'enrollment':{'url':'https://ca/'},'skip-challenge-password':true",
         "skip-challenge-password", "SCEP"},
        {"'enrollment':{'url':'https://ca/'},'auto-enroll':50,'renewal-message-type':'renewalreq'",
         "renewal-message-type", "SCEP"},
        {"'enrollment':{'url':'terminal'}", "method", "URL of a server"},
    };
    _cleanup_(trustpoint_config_list_freep) TrustpointConfig *c = NULL, *none = NULL;
    char members[256];

    for (size_t i = 0; i < ELEMENTSOF(refusals); i++) {
        (void)snprintf(members, sizeof(members), "'method':'est',%s", refusals[i].members);
        check_refused(&(Refusal){members, refusals[i].words, refusals[i].reason});
    }
    assert_int_equal(
        parse("'method':'telepathy','enrollment':{'url':'https://ca/'}", "core", &none), 1);
    assert_int_equal(parse("'method':'est','enrollment':{'url':'https://ca/'},'keypair':{"
                           "'algorithm':'ed25519','label':'k'},'auto-enroll':50",
                           "core", &c),
                     0);
    assert_int_equal(c->method, METHOD_EST);
    assert_string_equal(c->url, "https://ca/");
    assert_string_equal(c->keypair.algorithm, "ed25519");
}

/* --- Profiles --------------------------------------------------------------------------------- */

#define CLIENT "'client-authentication-profile':{'ca':{'username':'bob','client-password':'Zm9v'}}"
#define SSL "'ssl-profile':{'first':{'certificate':'factory'}}"
#define FACTORY "'factory':{'enrollment':{'url':'terminal'}}"
#define EST "'method':'est'"

static void check_profile_refused(const char *section, const char *line, const char *reason)
{
    _cleanup_(trustpoint_config_list_freep) TrustpointConfig *c = NULL;

    if (parse_section(section, &c) <= 0)
        fail_msg("accepted: %s", section);
    assert_string_equal(first_line, line);
    if (!strstr(first_reason, reason))
        fail_msg("'%s' does not say '%s'", first_reason, reason);
}

/* Profiles by themselves, whoever names them. */
static void test_profiles_refused(void **state)
{
    static const char profile[] = "client-authentication profile ca";

    check_profile_refused("{'client-authentication-profile':[]}", "client-authentication profile",
                          "at most 1000");
    check_profile_refused("{'client-authentication-profile':{'ca':5}}", profile, "not known");
    check_profile_refused("{'client-authentication-profile':{'ca':{'user':'a'}}}", profile,
                          "not known");
    check_profile_refused("{'client-authentication-profile':{'../ca':{}}}",
                          "client-authentication profile ../ca", "not known");
    check_profile_refused("{'client-authentication-profile':{'ca':{'username':'a:b'}}}",
                          "client-authentication profile ca username", "colon");
    check_profile_refused("{'client-authentication-profile':{'ca':{'username':'a\\u0007'}}}",
                          "client-authentication profile ca username", "control characters");
    check_profile_refused("{'client-authentication-profile':{'ca':{'username':''}}}",
                          "client-authentication profile ca username", "1 to 256");
    check_profile_refused("{'client-authentication-profile':{'ca':{'client-password':5}}}",
                          "client-authentication profile ca password", "sealed");
    check_profile_refused("{'ssl-profile':{'first':{'certificate':'factory'}}}",
                          "ssl profile first certificate factory", "no such trustpoint");
    check_profile_refused("{'trustpoint':{" FACTORY
                          "},'ssl-profile':{'first':{'certificate':'a b'}}}",
                          "ssl profile first certificate", "not the name");
    check_profile_refused("{'ssl-profile':{'first':{'trustpoint':'factory'}}}", "ssl profile first",
                          "not known");
}

/* Trustpoints that name some. */
static void test_profiles_named(void **state)
{
    static const struct {
        const char *members, *words, *reason;
    } cases[] = {
        {"'enrollment':{'url':'http://ca/','authentication-profile':'ca'}",
         "enrollment authentication-profile ca", "only with 'method est' or 'method cmp'"},
        {"'enrollment':{'url':'terminal','authentication-profile':'ca'}",
         "enrollment authentication-profile ca", "only with 'method est' or 'method cmp'"},
        {"'enrollment':{'authentication-profile':'ca'}", "enrollment authentication-profile ca",
         "only with 'method est' or 'method cmp'"},
        {EST ",'enrollment':{'url':'https://ca/','authentication-profile':'other'}",
         "enrollment authentication-profile other",
         "there is no 'client-authentication profile other'"},
        {EST ",'enrollment':{'url':'https://ca/','authentication-profile':'half'}",
         "enrollment authentication-profile half", "needs both 'username' and 'password'"},
        {"'method':'cmp','enrollment':{'url':'http://ca/'},'auto-enroll':50,"
         "'re-enrollment':{'authentication-profile':'ca'}",
         "re-enrollment authentication-profile ca", "only with 'method est'"},
        {EST ",'enrollment':{'url':'https://ca/'},'re-enrollment':{'authentication-profile':'ca'}",
         "re-enrollment authentication-profile ca", "only with 'auto-enroll'"},
        {EST ",'enrollment':{'url':'https://ca/'},'re-enrollment':{'retry':1}", "re-enrollment",
         "not known"},
        {"'enrollment':{'url':'terminal'},'ssl-profile':'first'", "ssl-profile first",
         "only with 'method est'"},
        {EST ",'enrollment':{'url':'https://ca/'},'ssl-profile':'second'", "ssl-profile second",
         "there is no 'ssl profile second'"},
        {EST ",'enrollment':{'url':'https://ca/'},'ssl-profile':'empty'", "ssl-profile empty",
         "needs 'certificate'"},
        {EST ",'enrollment':{'url':'https://ca/'},'ssl-profile':'itself'", "ssl-profile itself",
         "names this trustpoint"},
        {EST ",'enrollment':{'url':'https://ca/'},'ssl-profile':'dsa'", "ssl-profile dsa", "DSA"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_free_ char *section = NULL, *line = NULL;

        assert_true(
            asprintf(&section,
                     "{'trustpoint':{" FACTORY ",'dsa':{'enrollment':{'url':'terminal'},"
                     "'keypair':{'algorithm':'dsa','label':'k'}},'core':{%s}},"
                     "'client-authentication-profile':{'ca':{'username':'bob','client-password':"
                     "'Zm9v'},'half':{'username':'bob'}},'ssl-profile':{'first':{'certificate':"
                     "'factory'},'empty':{},'itself':{'certificate':'core'},'dsa':{'certificate':"
                     "'dsa'}}}",
                     cases[i].members) > 0);
        assert_true(asprintf(&line, "crypto ca trustpoint core %s", cases[i].words) > 0);
        check_profile_refused(section, line, cases[i].reason);
    }
}

static const TrustpointConfig *find(const TrustpointConfig *c, const char *name)
{
    while (c && !streq(c->name, name))
        c = c->next;
    assert_non_null(c);
    return c;
}

/* With another password it is another configuration, and without a name it is not. */
static void test_profiles(void **state)
{
    static const char text[] =
        "{'trustpoint':{" FACTORY ",'core':{" EST ",'enrollment':{'url':'https://ca/',"
        "'authentication-profile':'ca'},'re-enrollment':{'authentication-profile':'ca'},"
        "'auto-enroll':50,'ssl-profile':'first'}}," SSL
        ",'client-authentication-profile':{'ca':{'username':'bob','client-password':'%s'}}}";
    _cleanup_(trustpoint_config_list_freep) TrustpointConfig *a = NULL, *b = NULL, *cmp = NULL;
    char section[1024];

    (void)snprintf(section, sizeof(section), text, "Zm9v");
    assert_int_equal(parse_section(section, &a), 0);
    assert_string_equal(find(a, "core")->enrollment.user, "bob");
    assert_string_equal(find(a, "core")->enrollment.password, "Zm9v");
    assert_string_equal(find(a, "core")->renewal.user, "bob");
    assert_string_equal(find(a, "core")->renewal.password, "Zm9v");
    assert_string_equal(find(a, "core")->tls_trustpoint, "factory");
    assert_null(find(a, "factory")->enrollment.user);
    (void)snprintf(section, sizeof(section), text, "YmFy");
    assert_int_equal(parse_section(section, &b), 0);
    assert_string_not_equal(find(a, "core")->fingerprint, find(b, "core")->fingerprint);
    assert_string_equal(find(a, "factory")->fingerprint, find(b, "factory")->fingerprint);
    assert_int_equal(parse_section("{'trustpoint':{'core':{'method':'cmp','enrollment':{'url':"
                                   "'http://ca/','authentication-profile':'ca'}}}," CLIENT "}",
                                   &cmp),
                     0);
    assert_string_equal(cmp->enrollment.user, "bob");
    assert_null(cmp->renewal.user);
    assert_null(cmp->tls_trustpoint);
}

/* --- By files --------------------------------------------------------------------------------- */

static void test_sftp_urls(void **state)
{
    static const char *const bad[] = {
        "sftp://",       "sftp:///a",     "sftp://u@ca/core",   "sftp://u:p@ca/core",
        "sftp://ca/a b", "sftp://ca/a?b", "sftp://ca;red/core", "sftp://ca/core#x"};
    const char *reason = NULL;
    char *url;

    assert_int_equal(sftp_url_check("sftp://[2001:db8::1]:22/srv/ca/core", &reason), 0);
    assert_int_equal(sftp_url_check("SFTP://ca/", &reason), 0);
    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        reason = NULL;
        assert_int_equal(sftp_url_check(bad[i], &reason), -EINVAL);
        assert_non_null(reason);
    }
    assert_int_equal(
        tftp_url_new("sftp://ca:2222/srv/core", "bob", "ios", PAIR_GENERAL, "ca", &url), 0);
    assert_string_equal(url, "sftp://bob@ca:2222/srv/core.ca");
    free(url);
    assert_int_equal(tftp_url_new("sftp://ca/srv/", "bob", "ios", PAIR_ENCRYPTION, "req", &url), 0);
    assert_string_equal(url, "sftp://bob@ca/srv/ios-encr.req");
    free(url);
    assert_true(sftp_user_is_valid("a.b_c-1") && sftp_user_is_valid("Z"));
    assert_false(sftp_user_is_valid("") || sftp_user_is_valid("a b") || sftp_user_is_valid("a:b") ||
                 sftp_user_is_valid("a@b"));
}

static void test_tftp_urls(void **state)
{
    static const struct {
        const char *base, *vrf, *request; /* of the signature pair */
    } good[] = {
        {"tftp://ca", "", "tftp://ca/ios.example-sign.req"},
        {"tftp://ca/", "", "tftp://ca/ios.example-sign.req"},
        {"tftp://ca/lab/", "", "tftp://ca/lab/ios.example-sign.req"},
        {"TFTP://ca:6969/lab/core", "", "tftp://ca:6969/lab/core-sign.req"},
        {"tftp://ca;red/core", "red", "tftp://ca/core-sign.req"},
        {"192.0.2.1;red/core", "red", "tftp://192.0.2.1/core-sign.req"},
        {"[2001:db8::1];red/core", "red", "tftp://[2001:db8::1]/core-sign.req"},
    };
    static const char *const bad[] = {
        "tftp://",          "tftp:///core",  "tftp://ca;/core",  "tftp://ca;0123456789012345/core",
        "tftp://ca;a;b/c",  ";red/core",     "tftp://ca/a;b",    "tftp://ca/a?b",
        "tftp://u@ca/core", "tftp://ca/a b", "tftp://ca/<core>",
    };
    char vrf[INTERFACE_NAME_SIZE];
    const char *reason;

    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        _cleanup_free_ char *url = NULL;

        assert_true(tftp_url_is(good[i].base));
        assert_int_equal(tftp_url_check(good[i].base, vrf, &reason), 0);
        assert_string_equal(vrf, good[i].vrf);
        assert_int_equal(
            tftp_url_new(good[i].base, NULL, "ios.example", PAIR_SIGNATURE, "req", &url), 0);
        assert_string_equal(url, good[i].request);
    }
    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        reason = NULL;
        assert_int_equal(tftp_url_check(bad[i], vrf, &reason), -EINVAL);
        assert_non_null(reason);
    }
    assert_false(tftp_url_is("http://ca;red/core"));
    assert_false(tftp_url_is("ca/core"));
}

static void test_vrf(void **state)
{
    TrustpointConfig *c;

    assert_int_equal(parse("'enrollment':{'url':'tftp://ca;red/x'},'vrf':'blue'", "core", &c), 1);
    assert_string_equal(first_line, "crypto ca trustpoint core vrf blue");
    assert_int_equal(parse("'enrollment':{'url':'terminal'},'vrf':'red'", "core", &c), 1);
    assert_int_equal(parse("'enrollment':{'url':'http://ca/'},'vrf':'a/b'", "core", &c), 1);
    assert_int_equal(parse("'enrollment':{'url':'tftp://ca;red/x'},'vrf':'red'", "core", &c), 0);
    assert_int_equal(c->method, METHOD_TFTP);
    assert_string_equal(c->vrf, "red");
    assert_string_equal(c->keypair.label, "the_default");
    c = trustpoint_config_list_free(c);
    assert_int_equal(parse("'enrollment':{'url':'local'}", "core", &c), 0);
    assert_int_equal(c->method, METHOD_LOCAL);
    (void)trustpoint_config_list_free(c);
}

static void test_other_trustpoints(void **state)
{
    TrustpointConfig *c;

    assert_int_equal(parse(SEED, "core", &c), 1);
    assert_string_equal(first_line, "crypto ca trustpoint core enrollment url self");
    assert_int_equal(parse("", "../core", &c), 1);
    assert_int_equal(parse_section("{'trustpoint':[]}", &c), 1);
    assert_int_equal(parse_section("{'trustpoint':{'core':5}}", &c), 1);
    assert_int_equal(parse_section("{'other':{}}", &c), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seed),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_subject_parts),
        cmocka_unit_test(test_external),
        cmocka_unit_test(test_revocation),
        cmocka_unit_test(test_peer_usage),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_external_refused),
        cmocka_unit_test(test_est),
        cmocka_unit_test(test_profiles_refused),
        cmocka_unit_test(test_profiles_named),
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_tftp_urls),
        cmocka_unit_test(test_sftp_urls),
        cmocka_unit_test(test_vrf),
        cmocka_unit_test(test_other_trustpoints),
    };

    return cmocka_run_group_tests_name("trustpoint-config", tests, NULL, NULL);
}
