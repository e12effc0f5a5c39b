/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration language: the table is sound, every line gives what it should, and rendering is
 * the inverse of parsing. */
#include "config-parser-fixture.h"

#include <stdio.h>

#include "aaa.h"
#include "json-util.h"
#include "secret.h"

/* Enters one line as a session does. */
static GrammarStatus enter(json_object *root, ConfigPlace *place, const char *line)
{
    ConfigParsed parsed;
    GrammarStatus status;

    assert_int_equal(config_parse(parser, place, line, &parsed), 0);
    status = parsed.status;
    if (status == GRAMMAR_OK) {
        assert_int_equal(config_apply(root, &parsed.line), 0);
        config_place_done(place);
        *place = parsed.next;
        parsed.next.name = NULL;
    }
    config_parsed_done(&parsed);
    return status;
}

static void enter_text(json_object *root, const char *text)
{
    ConfigPlace place = {CONFIG_MODE_TOP, NULL};
    _cleanup_free_ char *copy = strdup(text);
    char *rest = copy;

    for (char *line; (line = strsep(&rest, "\n"));) {
        GrammarStatus status = enter(root, &place, line);

        if (status != GRAMMAR_OK && status != GRAMMAR_EMPTY)
            fail_msg("not accepted: %s", line);
    }
    config_place_done(&place);
}

static json_object *tree_of(const char *text)
{
    json_object *root = json_object_new_object();

    assert_non_null(root);
    enter_text(root, text);
    return root;
}

static void assert_tree(json_object *root, const char *json)
{
    _cleanup_json_ json_object *expected = NULL;
    _cleanup_free_ char *have = config_canonical_text(root), *want = NULL;

    assert_int_equal(json_parse(json, strlen(json), &expected), 0);
    want = config_canonical_text(expected);
    assert_string_equal(have, want);
}

static const char sample[] =
    "hostname ios\n"
    "domain name cisco.com\n"
    "taskgroup alltasks-dossier\n"
    " task read basic-services\n"
    " task read config-services\n"
    " task read pkg-mgmt\n"
    " task read sysmgr\n"
    " task read system\n"
    " task execute basic-services\n"
    " task execute crypto\n"
    "!\n"
    "usergroup dossier-group\n"
    " taskgroup alltasks-dossier\n"
    "!\n"
    "username dossier-user\n"
    " group dossier-group\n"
    "!\n"
    "crypto ca trustpoint system-trustpoint\n"
    " keypair rsa system-enroll-key\n"
    " ca-keypair rsa system-root-key\n"
    " subject-name CN=lab1-ads,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR\n"
    " subject-name ca-certificate CN=lab1-ca,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR\n"
    " enrollment url self\n"
    " key-usage certificate digitalsignature keyagreement dataencipherment\n"
    " lifetime certificate 300\n"
    " message-digest sha256\n"
    " key-usage ca-certificate digitalsignature keycertsign crlsign\n"
    " lifetime ca-certificate 367\n"
    "!\n";

/* What the router's guide prints comes back as it is printed there. */
static void test_sample(void **state)
{
    _cleanup_json_ json_object *root = tree_of(sample);
    _cleanup_free_ char *text = config_render(NULL, root, CONFIG_OPEN);

    assert_string_equal(text, sample);
    assert_tree(
        root, "{\"system\":{\"hostname\":\"ios\",\"domain\":{\"name\":\"cisco.com\"}},"
              "\"aaa\":{\"taskgroup\":{\"alltasks-dossier\":{\"task\":{\"read\":[\"basic-"
              "services\",\"config-services\","
              "\"pkg-mgmt\",\"sysmgr\",\"system\"],\"execute\":[\"basic-services\",\"crypto\"]}}},"
              "\"usergroup\":{\"dossier-group\":{\"taskgroup\":[\"alltasks-dossier\"]}},"
              "\"username\":{\"dossier-user\":{\"group\":[\"dossier-group\"]}}},"
              "\"trustpoints\":{\"trustpoint\":{\"system-trustpoint\":{"
              "\"keypair\":{\"algorithm\":\"rsa\",\"label\":\"system-enroll-key\"},"
              "\"ca-keypair\":{\"algorithm\":\"rsa\",\"label\":\"system-root-key\"},"
              "\"subject-name\":\"CN=lab1-ads,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR\","
              "\"subject-name-ca-certificate\":\"CN=lab1-ca,C=US,ST=CA,L=San Jose,O=cisco "
              "systems,OU=ASR\","
              "\"enrollment\":{\"url\":\"self\"},"
              "\"key-usage\":{\"certificate\":[\"digitalsignature\",\"keyagreement\","
              "\"dataencipherment\"],"
              "\"ca-certificate\":[\"digitalsignature\",\"keycertsign\",\"crlsign\"]},"
              "\"lifetime\":{\"certificate\":300,\"ca-certificate\":367},\"message-digest\":"
              "\"sha256\"}}}}");
}

/* As the guide types it: without blanks, "domain name" at the end, submode lines after one
 * another. */
static void test_auto_pop_and_one_line(void **state)
{
    _cleanup_json_ json_object *root =
        tree_of("crypto ca trustpoint a\nkeypair ed25519 k\ndomain name x.org\ncrypto ca "
                "trustpoint b lifetime certificate 30\n"
                "hostname h\ncry ca trustpoi a\nip-address 10.1.1.1\nserial-number none\ntaskgroup "
                "t\ntask w aaa");

    assert_tree(root, "{\"trustpoints\":{\"trustpoint\":{\"a\":{\"keypair\":{\"algorithm\":"
                      "\"ed25519\",\"label\":\"k\"},"
                      "\"ip-address\":\"10.1.1.1\",\"serial-number\":\"none\"},"
                      "\"b\":{\"lifetime\":{\"certificate\":30}}}},\"system\":{\"domain\":{"
                      "\"name\":\"x.org\"},\"hostname\":\"h\"},"
                      "\"aaa\":{\"taskgroup\":{\"t\":{\"task\":{\"write\":[\"aaa\"]}}}}}");
}

static void test_modes(void **state)
{
    _cleanup_json_ json_object *root = json_object_new_object();
    ConfigPlace place = {CONFIG_MODE_TOP, NULL};

    assert_int_equal(enter(root, &place, "crypto ca trustpoint a"), GRAMMAR_OK);
    assert_string_equal(config_mode_name(place.mode), "config-trustp");
    assert_string_equal(place.name, "a");
    assert_int_equal(enter(root, &place, "no description"), GRAMMAR_OK);
    assert_int_equal(place.mode, CONFIG_MODE_TRUSTPOINT);
    assert_int_equal(enter(root, &place, "crypto ca trustpool policy"), GRAMMAR_OK);
    assert_string_equal(config_mode_name(place.mode), "config-trustpool");
    assert_null(place.name);
    assert_int_equal(enter(root, &place, "hostname x"), GRAMMAR_OK);
    assert_int_equal(place.mode, CONFIG_MODE_TOP);
    assert_int_equal(enter(root, &place, "username alice group root-lr"), GRAMMAR_OK);
    assert_int_equal(place.mode, CONFIG_MODE_TOP);
    config_place_done(&place);
}

/* Lines that are others in other words: they are shown as those, and remove them. */
static void test_aliases(void **state)
{
    static const char *const lines[][2] = {
        {"crypto ca trustpoint a enrollment url terminal",
         "crypto ca trustpoint a\n enrollment terminal\n!\n"},
        {"crypto ca trustpoint a enrollment self",
         "crypto ca trustpoint a\n enrollment url self\n!\n"},
        {"crypto ca source-interface ipv6 lo0", "crypto ca source interface ipv6 lo0\n"},
    };

    for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
        _cleanup_json_ json_object *root = json_object_new_object();
        _cleanup_free_ char *text = NULL, *no = NULL;

        enter_text(root, lines[i][0]);
        text = config_render(NULL, root, CONFIG_OPEN);
        assert_string_equal(text, lines[i][1]);
        assert_true(asprintf(&no, "no %s\nno crypto ca trustpoint a", lines[i][0]) > 0);
        enter_text(root, no);
        assert_tree(root, "{}");
    }
}

/* What removes leaves nothing behind, not even empty objects; removing what is not there is no
 * error. */
static void test_no(void **state)
{
    _cleanup_json_ json_object *root = tree_of(sample);

    enter_text(
        root,
        "no hostname\nno domain name other.org\nno taskgroup alltasks-dossier\nno usergroup "
        "dossier-group\n"
        "no username dossier-user group dossier-group\nno username dossier-user\nno username "
        "nobody\n"
        "crypto ca trustpoint system-trustpoint\nno keypair\nno ca-keypair rsa x\nno subject-name\n"
        "no subject-name ca-certificate\nno enrollment url self\nno key-usage certificate\nno "
        "lifetime certificate 31\n"
        "no message-digest\nno key-usage ca-certificate crlsign\nno crypto ca trustpoint absent "
        "description\n"
        "no crypto ca trustpoint system-trustpoint lifetime ca-certificate");
    assert_tree(root, "{\"trustpoints\":{\"trustpoint\":{\"system-trustpoint\":{}}}}");
    enter_text(root, "no crypto ca trustpoint system-trustpoint\nno crypto ca trustpool policy");
    assert_tree(root, "{}");
}

static void test_refused(void **state)
{
    static const struct {
        const char *line;
        GrammarStatus status;
        size_t column;
    } rows[] = {
        {"hostname", GRAMMAR_INCOMPLETE, 8},
        {"hostname a b", GRAMMAR_INVALID, 11},
        {"hostname -a", GRAMMAR_INVALID, 9},
        {"hostname a..b", GRAMMAR_INVALID, 9},
        {"crypto ca trust", GRAMMAR_AMBIGUOUS, 10},
        {"crypto ca trustpoint ../x", GRAMMAR_INVALID, 21},
        {"crypto ca trustpoint a/b", GRAMMAR_INVALID, 21},
        {"crypto ca trustpoint .", GRAMMAR_INVALID, 21},
        {"crypto ca trustpoint a lifetime certificate 29", GRAMMAR_INVALID, 44},
        {"crypto ca trustpoint a lifetime certificate 5475", GRAMMAR_INVALID, 44},
        {"crypto ca trustpoint a lifetime ca-certificate 5476", GRAMMAR_INVALID, 47},
        {"crypto ca trustpoint a keypair gost x", GRAMMAR_INVALID, 31},
        {"crypto ca trustpoint a ca-keypair dsa x", GRAMMAR_INVALID, 34},
        {"crypto ca trustpoint a key-usage certificate", GRAMMAR_INCOMPLETE, 44},
        {"crypto ca trustpoint a key-usage certificate crlsign", GRAMMAR_INVALID, 45},
        {"crypto ca trustpoint a enrollment url not-a-url", GRAMMAR_INVALID, 38},
        {"crypto ca trustpoint a message-digest md5", GRAMMAR_INVALID, 38},
        {"crypto ca trustpoint a ip-address 10.1.1", GRAMMAR_INVALID, 34},
        {"crypto ca trustpool policy cabundle url ftp", GRAMMAR_INVALID, 40},
        {"taskgroup t task read all", GRAMMAR_INVALID, 23},
        {"username u secret 5 x", GRAMMAR_INVALID, 20},
        {"hostname a\x1b", GRAMMAR_INVALID, 10},
        {"crypto ca trustpoint a description x\xc2\x9by", GRAMMAR_INVALID, 36},
        {"nonsense", GRAMMAR_INVALID, 2},
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        ConfigParsed parsed;

        assert_int_equal(
            config_parse(parser, &(ConfigPlace){CONFIG_MODE_TOP, NULL}, rows[i].line, &parsed), 0);
        if (parsed.status != rows[i].status ||
            (parsed.status != GRAMMAR_INCOMPLETE && parsed.column != rows[i].column))
            fail_msg("%s: status %d column %zu", rows[i].line, (int)parsed.status, parsed.column);
        config_parsed_done(&parsed);
    }
}

static void assert_reason(const char *line, const char *reason)
{
    ConfigParsed parsed;

    assert_int_equal(config_parse(parser, &(ConfigPlace){CONFIG_MODE_TOP, NULL}, line, &parsed), 0);
    assert_int_equal(parsed.status, reason ? GRAMMAR_INVALID : GRAMMAR_OK);
    if (reason)
        assert_string_equal(parsed.reason, reason);
    config_parsed_done(&parsed);
}

static void test_names(void **state)
{
    assert_reason("taskgroup root-lr", "This group is predefined and cannot be changed");
    assert_reason("usergroup operator taskgroup x",
                  "This group is predefined and cannot be changed");
    assert_reason("username 4711", "A user name cannot be a number");
    assert_reason("username x", "A user name has 2 to 31 characters");
    assert_reason("username abcdefghijklmnopqrstuvwxyz012345",
                  "A user name has 2 to 31 characters");
    assert_reason("crypto ca trustpoint a message-digest md5",
                  "Nobody believes what is signed with MD5, which is broken: sha256, sha384 or "
                  "sha512");
    assert_reason("crypto ca trustpoint a  mess  sha1",
                  "Nobody believes what is signed with SHA-1, which is broken: sha256, sha384 or "
                  "sha512");
    assert_reason("crypto ca trustpoint a message-digest sha256", NULL);
    assert_reason("username chancery-keyd", "User names that begin with 'chancery-' are reserved");
    assert_reason("username root-lr", "This is the name of a predefined group");
    assert_reason("username ok", NULL);
    assert_reason("username ok shell-type bash", NULL);
    assert_reason("username ok directory /home/ok", NULL);
    assert_reason("username ok directory home", "The path of a home folder begins with '/'");
}

/* What other routers have, and this one does not: with the reason, in whichever words and place. */
static void test_gone(void **state)
{
    static const struct {
        ConfigMode mode;
        const char *line, *reason;
    } rows[] = {
        {CONFIG_MODE_TOP, "username ok secret 5 $1$a$b", "Hashes of type 5 (MD5)"},
        {CONFIG_MODE_USERNAME, "sec 8 $8$a$b", "The system cannot check hashes of type 8"},
        {CONFIG_MODE_USERNAME, "secret 9 $9$a$b", "The system cannot check hashes of type 9"},
        {CONFIG_MODE_USERNAME, "password\t7  094F", "A password of type 7 can be read"},
        {CONFIG_MODE_USERNAME, "policy strict", "There are no policies for passwords"},
        {CONFIG_MODE_TOP, "usern ok password-policy strict password x", "There are no policies"},
        {CONFIG_MODE_USERNAME, "login-history enable", "Who logged in is in the system's journal"},
        {CONFIG_MODE_TASKGROUP, "task execute root-lr", "This is no task to be given away"},
        {CONFIG_MODE_TOP, "taskgroup t task r universal", "This is no task to be given away"},
        {CONFIG_MODE_TOP, "aaa default-taskgroup operator", "Users are those of 'username'"},
        {CONFIG_MODE_TOP, "crypto ca openssh trustpoint a", "Certificates of OpenSSH"},
        {CONFIG_MODE_TRUSTPOINT, "crypto ca openssh trustpoint a", "Certificates of OpenSSH"},
        {CONFIG_MODE_TOP, "http client secure-verify-peer disable", "A server that is not"},
        {CONFIG_MODE_TOP, "domain ipv4 host a 192.0.2.1 192.0.2.2 unicast", "An address stands"},
        {CONFIG_MODE_TOP, "domain ipv6 host a 2001:db8::1 multicast", "An address stands"},
        {CONFIG_MODE_TOP, "security-template a cc-mode", "There are no templates"},
        {CONFIG_MODE_TRUSTPOINT, "message-digest md5", "Nobody believes what is signed with MD5"},
        /* The same words elsewhere were never anything. */
        {CONFIG_MODE_TRUSTPOINT, "policy strict", NULL},
        {CONFIG_MODE_TOP, "login-history enable", NULL},
        {CONFIG_MODE_TASKGROUP, "task read all", NULL},
        {CONFIG_MODE_USERNAME, "secret two words", NULL},
        {CONFIG_MODE_USERNAME, "pol strict", NULL},
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        ConfigParsed parsed;
        char name[] = "some";

        assert_int_equal(
            config_parse(parser, &(ConfigPlace){rows[i].mode, name}, rows[i].line, &parsed), 0);
        assert_int_equal(parsed.status, GRAMMAR_INVALID);
        if (!rows[i].reason != !parsed.reason ||
            (parsed.reason && strncmp(parsed.reason, rows[i].reason, strlen(rows[i].reason)) != 0))
            fail_msg("%s: %s", rows[i].line, parsed.reason ? parsed.reason : "no reason");
        config_parsed_done(&parsed);
    }
}

static void test_more_names(void **state)
{
    assert_reason("no username x", NULL);
}

static void test_lengths(void **state)
{
    char line[1024] = "crypto ca trustpoint a description ";
    size_t n = strlen(line);

    memset(line + n, 'x', 80);
    assert_reason(line, NULL);
    line[n + 80] = 'x';
    line[n + 81] = '\0';
    {
        ConfigParsed parsed;

        assert_int_equal(config_parse(parser, &(ConfigPlace){CONFIG_MODE_TOP, NULL}, line, &parsed),
                         0);
        assert_int_equal(parsed.status, GRAMMAR_INVALID);
        config_parsed_done(&parsed);
    }
}

/* The column of the error is that of the place where more of the line fits. */
static void test_column_in_mode(void **state)
{
    const ConfigPlace place = {CONFIG_MODE_TRUSTPOINT, (char[]){"a"}};
    ConfigParsed parsed;

    assert_int_equal(config_parse(parser, &place, "lifetime certificate x", &parsed), 0);
    assert_int_equal(parsed.status, GRAMMAR_INVALID);
    assert_int_equal(parsed.column, 21);
    config_parsed_done(&parsed);
    assert_int_equal(config_parse(parser, &place, "crypto ca bad", &parsed), 0);
    assert_int_equal(parsed.status, GRAMMAR_INVALID);
    assert_int_equal(parsed.column, 10);
    config_parsed_done(&parsed);
    assert_int_equal(config_parse(parser, &place, "lifetime certificate", &parsed), 0);
    assert_int_equal(parsed.status, GRAMMAR_INCOMPLETE);
    config_parsed_done(&parsed);
}

/* Every path can be followed, every row has a task of the list and stands in a mode that can be
 * entered. */
static void test_table(void **state)
{
    for (size_t i = 0; i < config_n_rows; i++) {
        const ConfigRow *row = &config_rows[i];

        assert_int_equal(row->mode == CONFIG_MODE_TOP, row->section != NULL);
        assert_int_equal(row->kind == CONFIG_CONSTANT, row->constant != NULL);
        assert_true(row->mode == CONFIG_MODE_TOP ||
                    config_mode_row(row->mode)->mode == CONFIG_MODE_TOP);
        assert_non_null(row->task);
        for (const char *p = row->path; *p; p += strcspn(p, "/"), p += *p == '/')
            assert_in_range(strcspn(p, "/"), 1, 63);
        for (const char *const *help = row->help; *help; help++)
            assert_true(**help);
    }
    for (ConfigMode mode = 0; mode < _CONFIG_MODE_MAX; mode++)
        assert_non_null(config_mode_name(mode));
}

/* --- Rendering is the inverse of parsing ------------------------------------------------------ */

static uint32_t random_state = 1;

static uint32_t roll(uint32_t n)
{
    random_state = random_state * 1664525U + 1013904223U;
    return (random_state >> 8) % n;
}

static json_object *random_named(const ConfigRow *row)
{
    static const char *const addresses[] = {"192.0.2.1", "192.0.2.7", "198.51.100.255"},
                             *const addresses6[] = {"2001:db8::1", "2001:db8::7", "::1"};
    const bool ipv6 = strstr(row->tail, "<value:ipv6>");
    const char *name = strstr(row->tail, "<name:ipv4>") ? addresses[roll(3)]
                                                        : (const char *[]){"ca", "b-1.x"}[roll(2)];
    json_object *o = json_object_new_object(), *list = NULL;

    if (row->kind == CONFIG_NAMED) {
        json_object_object_add(o, name, json_object_new_string(roll(2) ? "public" : "RO"));
        return o;
    }
    list = json_object_new_array();
    for (uint32_t n = 1 + roll(3); n > 0; n--)
        json_object_array_add(list,
                              json_object_new_string((ipv6 ? addresses6 : addresses)[roll(3)]));
    json_object_object_add(o, name, list);
    return o;
}

static json_object *random_parts(const ConfigRow *row)
{
    static const struct {
        const char *name, *values[2];
    } parts[] = {{"algorithm", {"rsa", "ecdsanistp384"}},
                 {"label", {"a", "x.y_z"}},
                 {"family", {"ipv4", "ipv6"}},
                 {"interface", {"eth0", "bond0.7"}},
                 {"host", {"proxy.example", "::1"}},
                 {"port", {"1", "65535"}}};
    json_object *o = json_object_new_object();

    for (size_t i = 0; i < ELEMENTSOF(parts); i++)
        if (config_row_has_part(row, parts[i].name))
            json_object_object_add(o, parts[i].name,
                                   json_object_new_string(parts[i].values[roll(2)]));
    return o;
}

static json_object *random_value(const ConfigRow *row)
{
    static const char *const labels[] = {"a", "Core-1", "x.y_z", "constructor", "root-key"};
    static const char *const lines[] = {"CN=a,O=b c", "text with \"quotes\" and | pipe",
                                        "\xc3\xa9t\xc3\xa9 \xe2\x82\xac", "no", "! bang"};
    static const char *const hashes[] = {
        "$y$j9T$L48uA6BUg9a3re9BWD6hV.$Iz90y/OUq31JQ4kPDgzWxi4Ukb8AQIkzsEpxOoEJdHB", "$6$salt$X"};
    static const char sealed[] = "AYx-_09";
    const char *values = strchr(row->tail, ':');
    unsigned low, high;
    json_object *o;

    switch (row->kind) {
    case CONFIG_ENTER:
        return config_row_is_named(row)
                   ? json_object_new_string((const char *[]){"aa", "b-1", "c.d"}[roll(3)])
                   : NULL;
    case CONFIG_NUMBER:
        assert_int_equal(sscanf(row->tail, "<value:number(%u-%u)>", &low, &high), 2);
        return json_object_new_int64(low + roll(high - low + 1));
    case CONFIG_CONSTANT:
        return json_object_new_string(row->constant);
    case CONFIG_TRUE:
        return json_object_new_boolean(true);
    case CONFIG_PARTS:
        return random_parts(row);
    case CONFIG_WORDS:
        o = json_object_new_array();
        for (const char *p = values; p && strchr(":|", *p);) {
            size_t n = strcspn(++p, "|>");

            if (roll(2) || (p[n] == '>' && json_object_array_length(o) == 0))
                json_object_array_add(o, json_object_new_string_len(p, (int)n));
            p += n;
        }
        return o;
    case CONFIG_NUMBERS:
        o = json_object_new_array();
        json_object_array_add(o, json_object_new_int64(roll(60)));
        json_object_array_add(o, json_object_new_int64(roll(60)));
        return o;
    case CONFIG_NAMED:
    case CONFIG_NAMED_LIST:
        return random_named(row);
    case CONFIG_SECRET:
        return json_object_new_string(row->sealed ? sealed : hashes[roll(2)]);
    case CONFIG_STRING:
        if (row->refuse == secret_refuse_sealed)
            return json_object_new_string(sealed);
        if (row->refuse == aaa_refuse_directory)
            return json_object_new_string("/home/a");
        if (row->refuse == secret_refuse_hash)
            return json_object_new_string(hashes[roll(2)]);
        break;
    case CONFIG_ITEM:
        break;
    }
    if (strstr(values, ":number"))
        return json_object_new_string((const char *[]){"1", "80"}[roll(2)]);
    if (strstr(values, ":line"))
        return json_object_new_string(lines[roll(ELEMENTSOF(lines))]);
    if (strstr(values, ":url") || strstr(values, ":place"))
        return json_object_new_string("http://ca.example/b%20c?x=|y");
    if (strstr(values, ":ipv4"))
        return json_object_new_string("192.0.2.1");
    if (strchr(values, '|')) {
        size_t skip = roll(3);

        for (values++; skip > 0 && strcspn(values, "|>") < strcspn(values, ">"); skip--)
            values += strcspn(values, "|") + 1;
        return json_object_new_string_len(values, (int)strcspn(values, "|>"));
    }
    return json_object_new_string(labels[roll(ELEMENTSOF(labels))]);
}

static json_object *random_tree(void)
{
    json_object *root = json_object_new_object();

    for (unsigned n = roll(60); n > 0; n--) {
        const ConfigRow *row = &config_rows[roll((uint32_t)config_n_rows)];
        const ConfigRow *enter_row = config_mode_row(row->mode);
        _cleanup_json_ json_object *name = enter_row ? random_value(enter_row) : NULL,
                                   *value = random_value(row);
        const ConfigLine line = {
            .row = row, .name = name ? json_object_get_string(name) : NULL, .value = value};

        assert_int_equal(config_apply(root, &line), 0);
    }
    return root;
}

/* Sections that have become empty say the same as sections that were never there. */
static void drop_empty_sections(json_object *root)
{
    for (size_t i = 0; i < config_n_rows; i++) {
        json_object *section;

        if (config_rows[i].section &&
            json_object_object_get_ex(root, config_rows[i].section, &section) &&
            json_object_object_length(section) == 0)
            json_object_object_del(root, config_rows[i].section);
    }
}

static void assert_same(json_object *a, json_object *b, const char *text)
{
    _cleanup_free_ char *x = NULL, *y = NULL;

    drop_empty_sections(a);
    drop_empty_sections(b);
    x = config_canonical_text(a);
    y = config_canonical_text(b);
    if (!streq(x, y))
        fail_msg("differs:\n%s\n%s\n%s", x, y, text);
}

static void test_parse_inverts_render(void **state)
{
    for (unsigned i = 0; i < 500; i++) {
        _cleanup_json_ json_object *tree = random_tree(), *parsed = NULL;
        _cleanup_free_ char *text = config_render(NULL, tree, CONFIG_OPEN);

        parsed = tree_of(text);
        assert_same(tree, parsed, text);
    }
}

#define HASH "$y$j9T$L48uA6BUg9a3re9BWD6hV.$Iz90y/OUq31JQ4kPDgzWxi4Ukb8AQIkzsEpxOoEJdH"

/* Who may not see secrets sees that there is one, and that it changed, and cannot enter what he
 * sees. */
static void test_masked(void **state)
{
    _cleanup_json_ json_object *old = tree_of("username alice\n secret 10 " HASH "1\n"),
                               *new = tree_of("username alice\n secret 10 " HASH
                                              "2\n group root-lr\n"),
                               *masked = config_masked(new);
    _cleanup_free_ char *whole = config_render(NULL, new, CONFIG_HASHES),
                        *change = config_render(old, new, CONFIG_HASHES),
                        *marked = config_render_diff(old, new, CONFIG_HASHES),
                        *gone = config_render(new, NULL, CONFIG_HASHES),
                        *json = masked ? config_canonical_text(masked) : NULL;

    assert_string_equal(whole, "username alice\n group root-lr\n secret 10 <removed>\n!\n");
    assert_string_equal(change, "username alice\n group root-lr\n secret 10 <removed>\n!\n");
    assert_string_equal(marked, "   username alice\n+   group root-lr\n-   secret 10 <removed>\n"
                                "+   secret 10 <removed>\n   !\n");
    assert_string_equal(gone, "no username alice\n");
    assert_string_equal(json,
                        "{\"aaa\":{\"username\":{\"alice\":{\"group\":[\"root-lr\"],\"secret\":"
                        "\"<removed>\"}}}}");
    assert_non_null(secret_refuse_hash(CONFIG_MASK));
}

/* What is passed on has no communities either; a look at one's own router has. */
static void test_sanitized(void **state)
{
    _cleanup_json_ json_object *root =
        tree_of("username alice\n secret 10 " HASH "1\n!\nsnmp-server community one RO\n"
                "snmp-server host 192.0.2.1 traps version 2c two\n");
    _cleanup_free_ char *masked = config_render(NULL, root, CONFIG_HASHES),
                        *all = config_render(NULL, root, CONFIG_WHATEVER);

    assert_non_null(strstr(masked, "snmp-server community one RO\n"));
    assert_string_equal(
        all, "username alice\n secret 10 <removed>\n!\nsnmp-server community <removed> RO\n"
             "snmp-server host 192.0.2.1 traps version 2c <removed>\n");
}

/* The difference of two configurations, entered into the first, gives the second. */
static void test_compare_inverts_enter(void **state)
{
    for (unsigned i = 0; i < 500; i++) {
        _cleanup_json_ json_object *old = random_tree(), *new = random_tree(),
                                   *copy = config_canonical(old);
        _cleanup_free_ char *text = config_render(old, new, CONFIG_OPEN),
                            *none = config_render(new, new, CONFIG_OPEN);

        enter_text(copy, text);
        assert_same(new, copy, text);
        assert_string_equal(none, "");
    }
}

static int enter_absolute(ConfigEvent event, const ConfigLine *line, void *userdata)
{
    _cleanup_free_ char *text = config_line_absolute_text(line);

    if (event != CONFIG_EVENT_END)
        enter_text(userdata, text);
    return 0;
}

static void test_absolute_lines(void **state)
{
    for (unsigned i = 0; i < 200; i++) {
        _cleanup_json_ json_object *old = random_tree(), *new = random_tree(),
                                   *copy = config_canonical(old);

        assert_int_equal(config_compare(old, new, enter_absolute, copy), 0);
        assert_same(new, copy, "");
    }
}

static void test_hash(void **state)
{
    _cleanup_json_ json_object *a = tree_of("hostname a\ndomain name b"),
                               *b = tree_of("domain name b\nhostname a"),
                               *c = tree_of("domain name b\nhostname c");
    char x[CONFIG_HASH_SIZE], y[CONFIG_HASH_SIZE], z[CONFIG_HASH_SIZE];

    assert_int_equal(config_hash(a, x), 0);
    assert_int_equal(config_hash(b, y), 0);
    assert_int_equal(config_hash(c, z), 0);
    assert_string_equal(x, y);
    assert_string_not_equal(x, z);
}

static void test_set_is_bounded(void **state)
{
    _cleanup_json_ json_object *root = json_object_new_object();
    ConfigParsed parsed;
    char line[64];

    for (unsigned i = 0; i <= CONFIG_ITEMS_MAX; i++) {
        (void)snprintf(line, sizeof(line), "usergroup g taskgroup t%u", i);
        assert_int_equal(config_parse(parser, &(ConfigPlace){CONFIG_MODE_TOP, NULL}, line, &parsed),
                         0);
        assert_int_equal(config_apply(root, &parsed.line), i < CONFIG_ITEMS_MAX ? 0 : -EDQUOT);
        config_parsed_done(&parsed);
    }
}

/* --- Sections --------------------------------------------------------------------------------- */

static int filter(json_object *root, const char *words, char **ret)
{
    _cleanup_free_ char *copy = strdup(words);
    _cleanup_json_ json_object *part = NULL;
    char *list[8] = {NULL}, *rest = copy;
    int r;

    for (size_t i = 0; i < 7 && rest && *rest; i++)
        list[i] = strsep(&rest, " ");
    r = config_filter(root, list, &part);
    if (r >= 0)
        *ret = config_render(NULL, part, CONFIG_OPEN);
    return r;
}

static void test_filter(void **state)
{
    static const struct {
        const char *words;
        int result;
        const char *text;
    } rows[] = {
        {"host", 0, "hostname h\n"},
        {"domain name", 0, "domain name d\n"},
        {"username", 0, "username ann\n group operator\n!\nusername bob\n!\n"},
        {"user bob", -ENOTUNIQ, NULL},
        {"usern bob", 0, "username bob\n!\n"},
        {"username carl", -ENOENT, NULL},
        {"username bob x", -EINVAL, NULL},
        {"cry ca trustpoint", 0,
         "crypto ca trustpoint t\n serial-number\n!\ncrypto ca trustpoint u\n!\n"},
        {"crypto ca trustpoint u", 0, "crypto ca trustpoint u\n!\n"},
        {"crypto ca trustpoint t", 0, "crypto ca trustpoint t\n serial-number\n!\n"},
        {"crypto ca trustpool policy", -ENOENT, NULL},
        {"crypto ca trust", -ENOTUNIQ, NULL},
        {"crypto ca", 0, "crypto ca trustpoint t\n serial-number\n!\ncrypto ca trustpoint u\n!\n"},
        {"taskgroup", -ENOENT, NULL},
        {"hostname h", 0, "hostname h\n"},
        {"hostname x", -ENOENT, NULL},
        {"domain ipv4 host", 0, "domain ipv4 host a 192.0.2.1\ndomain ipv4 host b 192.0.2.2\n"},
        {"dom ipv4 host b", 0, "domain ipv4 host b 192.0.2.2\n"},
        {"domain ipv4 host c", -ENOENT, NULL},
        {"username ann gr", 0, "username ann\n group operator\n!\n"},
        {"username ann group operator", 0, "username ann\n group operator\n!\n"},
        {"username ann group oper", -ENOENT, NULL},
        {"username bob group", -ENOENT, NULL},
        {"crypto ca trustpoint t serial", 0, "crypto ca trustpoint t\n serial-number\n!\n"},
        {"crypto ca trustpoint t subject", -ENOENT, NULL},
        {"crypto ca trustpoint t bgp", -EINVAL, NULL},
        {"crypto ca trustpool policy description", -ENOENT, NULL},
        {"crypto ca trustpool policy bgp", -EINVAL, NULL},
        {"snmp-server traps pki x", -EINVAL, NULL},
        {"bgp", -EINVAL, NULL},
    };
    _cleanup_json_ json_object *root =
        tree_of("hostname h\ndomain name d\ndomain ipv4 host a 192.0.2.1\n"
                "domain ipv4 host b 192.0.2.2\nusername bob\nusername ann group operator\n"
                "crypto ca trustpoint t serial-number\ncrypto ca trustpoint u");

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_free_ char *text = NULL;
        int r = filter(root, rows[i].words, &text);

        if (r != rows[i].result || !streq_ptr(text, rows[i].text))
            fail_msg("%s: %d %s", rows[i].words, r, text ? text : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_auto_pop_and_one_line),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_no),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_more_names),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_column_in_mode),
        cmocka_unit_test(test_parse_inverts_render),
        cmocka_unit_test(test_compare_inverts_enter),
        cmocka_unit_test(test_masked),
        cmocka_unit_test(test_sanitized),
        cmocka_unit_test(test_absolute_lines),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_set_is_bounded),
        cmocka_unit_test(test_filter),
    };

    return cmocka_run_group_tests(tests, parser_setup, parser_teardown);
}
