/* SPDX-License-Identifier: Apache-2.0 */
/* Each way in which a dossier can be wrong about other nodes. */
#include "test-common.h"

#include "nodes-check.h"

#define DOSSIER(nonce) "{\"model-name\":\"urn:chancery:dossier\"" nonce "}"
#define NONCE ",\"nonce\":\"1580\""
#define NODE(more) "{\"node-location\":\"0/1/CPU0\"," more "}"
#define SUCCESS "\"result-code\":\"Success\""
#define FAILED "\"result-code\":\"Failed\""
#define LIST(nodes) "{\"nodes\":[" nodes "]}"

static int check(const char *text, const char *nonce, json_object **ret, char *reason)
{
    Envelope envelope = {.format = FORMAT_ENVELOPE};

    (void)snprintf(envelope.nonce, sizeof envelope.nonce, "%s", nonce);
    return nodes_check(&envelope, text, strlen(text), ret, reason);
}

static void test_verdicts(void **state)
{
    static const struct {
        const char *text, *nonce, *verdict, *reason;
    } cases[] = {
        {LIST(NODE(SUCCESS ",\"dossier\":" DOSSIER(NONCE))), "1580", "good", NULL},
        {LIST(NODE(SUCCESS ",\"dossier\":" DOSSIER(""))), "", "good", NULL},
        {LIST(NODE("\"dossier\" : " DOSSIER(NONCE) " ," SUCCESS)), "1580", "good", NULL},
        {LIST(NODE(SUCCESS ",\"dossier\":" DOSSIER(NONCE))), "1581", "nonce-mismatch", "1581"},
        {LIST(NODE(SUCCESS ",\"dossier\":" DOSSIER(NONCE))), "", "nonce-mismatch", "absent"},
        {LIST(NODE(SUCCESS ",\"dossier\":" DOSSIER(""))), "1580", "nonce-mismatch", "no nonce"},
        {LIST(NODE(SUCCESS ",\"dossier\":{\"nonce\":\"1580\"}")), "1580", "bad-payload", "is no"},
        {LIST(NODE(SUCCESS ",\"dossier\":" DOSSIER(NONCE NONCE))), "1580", "bad-payload", "ambig"},
        {LIST(NODE(SUCCESS ",\"dossier\":[]")), "1580", "bad-payload", "is no dossier"},
        {LIST(NODE(SUCCESS)), "1580", "bad-payload", "has no dossier"},
        {LIST(NODE(FAILED)), "1580", "bad-payload", "does not say why"},
        {LIST(NODE(FAILED ",\"reason\":\"down\"")), "1580", "incomplete", NULL},
        {LIST(NODE(FAILED ",\"reason\":\"cut\",\"dossier\":{\"a\":1}")), "1580", "incomplete",
         NULL},
        {LIST(NODE(FAILED ",\"reason\":\"cut\",\"dossier\":{\"model-name\":"
                          "\"urn:chancery:dossier\",\"nonce\":\"7\"}")),
         "1580", "nonce-mismatch", "its nonce is 7"},
        {LIST(NODE(SUCCESS ",\"dossier\":{\"model-name\":\"urn:chancery:dossier\",\"nonce\":"
                           "\"1580\",\"filesystem-inventory\":{\"filesystem-inventory\":{"
                           "\"nodes\":7}}}")),
         "1580", "bad-payload", "filesystem inventory is none"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_json_ json_object *nodes = NULL;
        char reason[NODES_REASON_SIZE] = "none";
        json_object *node;
        const char *verdict;

        assert_int_equal(check(cases[i].text, cases[i].nonce, &nodes, reason), 0);
        assert_int_equal(json_object_array_length(nodes), 1);
        node = json_object_array_get_idx(nodes, 0);
        assert_int_equal(json_get_string(node, "verdict", &verdict), 0);
        if (!streq(verdict, cases[i].verdict))
            fail_msg("case %zu: %s", i, verdict);
        if (cases[i].reason ? !strstr(reason, cases[i].reason) : reason[0] != 0)
            fail_msg("case %zu: %s", i, reason);
    }
}

/* Nobody else may stand in for a node; and the first that is wrong is told. */
static void test_twice(void **state)
{
    _cleanup_json_ json_object *nodes = NULL;
    char reason[NODES_REASON_SIZE];
    const char *verdict;

    assert_int_equal(
        check(LIST(NODE(FAILED ",\"reason\":\"down\"") "," NODE(
                  SUCCESS ",\"dossier\":" DOSSIER(NONCE)) ",{\"node-location\":\"b\"," SUCCESS "}"),
              "1580", &nodes, reason),
        0);
    assert_string_equal(reason, "node 0/1/CPU0: it is there twice");
    assert_int_equal(json_get_string(json_object_array_get_idx(nodes, 0), "verdict", &verdict), 0);
    assert_string_equal(verdict, "incomplete");
    assert_int_equal(json_object_array_length(nodes), 3);
}

static void test_no_list(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{\"nodes\":7}",
        "{\"nodes\":{}}",
        LIST("7"),
        LIST("{}"),
        LIST("{" SUCCESS "}"),
        LIST("{\"node-location\":\"0/1/CPU0\"}"),
        LIST(NODE(SUCCESS ",\"dossier\":{},\"dossier\":{}")),
        LIST(NODE(SUCCESS "," SUCCESS)),
        LIST(NODE(SUCCESS ",\"more\":1")),
        LIST(NODE("\"result-code\":7")),
        LIST(NODE(FAILED ",\"reason\":7")),
        LIST("{\"node-location\":\"0\\u002f1\"," SUCCESS "}"),
        LIST("{\"node-location\":\"\"," SUCCESS "}"),
        LIST("{\"node-location\":\"0123456789012345678901234567890123\"," SUCCESS "}"),
        "{\"nodes\":[],\"nodes\":[]}",
    };
    json_object *nodes = NULL;
    char reason[NODES_REASON_SIZE];

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        if (check(bad[i], "1580", &nodes, reason) != -EBADMSG)
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(check(DOSSIER(NONCE), "1580", &nodes, reason), 0);
    assert_null(nodes);
    assert_string_equal(reason, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_no_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
