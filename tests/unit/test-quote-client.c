/* SPDX-License-Identifier: Apache-2.0 */
/* What chancery-quote answers is checked before it is believed; and what becomes of it in the
 * dossier. */
#include "fixture-tree.h"

#include <pthread.h>
#include <sys/socket.h>

#include "quote-client.h"

#define BANK                                                                                       \
    "{\"hash-algorithm\":\"sha256\",\"pcr\":[{\"index\":0,\"value\":\"00\"},{\"index\":1,"         \
    "\"value\":\"ff\"}]}"
#define QUOTE ",\"message\":\"AA==\",\"signature\":\"AQ==\",\"public-key\":\"Ag==\""
#define ANSWER(banks, rest) "{\"tpm-name\":\"tpmrm0\",\"banks\":[" banks "]" rest "}"

static int parse(const char *text)
{
    _cleanup_json_ json_object *o = NULL;

    return quote_parse(text, strlen(text), &o);
}

static void test_refuses(void **state)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"tpm-name\":\"tpmrm0\"}",
        "{\"tpm-name\":\"\",\"banks\":[]}",
        "{\"error\":0,\"reason\":\"none\"}",
        "{\"error\":2}",
        "{\"error\":2,\"reason\":\"x\",\"banks\":[]}",
        ANSWER("", ",\"more\":1"),
        ANSWER("1", ""),
        ANSWER("{\"hash-algorithm\":\"SHA 1\",\"pcr\":[]}", ""),
        ANSWER("{\"hash-algorithm\":\"sha1\",\"pcr\":[{\"index\":24,\"value\":\"00\"}]}", ""),
        ANSWER("{\"hash-algorithm\":\"sha1\",\"pcr\":[{\"index\":1,\"value\":\"00\"},{\"index\":1,"
               "\"value\":\"00\"}]}",
               ""),
        ANSWER("{\"hash-algorithm\":\"sha1\",\"pcr\":[{\"index\":1,\"value\":\"0g\"}]}", ""),
        ANSWER("{\"hash-algorithm\":\"sha1\",\"pcr\":[{\"index\":1,\"value\":\"\"}]}", ""),
        ANSWER("{\"hash-algorithm\":\"sha1\",\"pcr\":[7]}", ""),
        ANSWER(BANK "," BANK "," BANK "," BANK "," BANK "," BANK "," BANK "," BANK "," BANK, ""),
        ANSWER(BANK, ",\"message\":\"AA==\""),
        ANSWER(BANK, ",\"message\":\"AA==\",\"signature\":\"AQ==\",\"public-key\":\"\\n\""),
        ANSWER(BANK, QUOTE ",\"quote-reason\":\"none\""),
        ANSWER(BANK, QUOTE) "x",
    };

    for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
        if (parse(wrong[i]) != -EBADMSG)
            fail_msg("taken: %s", wrong[i]);
}

static void test_accepts(void **state)
{
    assert_int_equal(parse(ANSWER(BANK, QUOTE)), 0);
    assert_int_equal(parse(ANSWER(BANK "," BANK, "")), 0);
    assert_int_equal(parse(ANSWER("", ",\"quote-reason\":\"because\"")), 0);
    assert_int_equal(parse("{\"error\":2,\"reason\":\"There is none\"}"), 0);
}

/* --- In the dossier --------------------------------------------------------------------------- */

typedef struct Helper {
    int error;
    const char *answer;
    char question[64];
    ssize_t question_size;
    int fd;
    pthread_t thread;
} Helper;

static void *help(void *userdata)
{
    Helper *h = userdata;

    h->question_size = recv(h->fd, h->question, sizeof h->question, MSG_WAITALL);
    (void)send(h->fd, h->answer, strlen(h->answer), MSG_NOSIGNAL);
    (void)close(h->fd);
    return NULL;
}

static int connect_helper(void *userdata)
{
    Helper *h = userdata;
    int fds[2];

    if (h->error < 0)
        return h->error;
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), errno);
    h->fd = fds[1];
    assert_int_equal(pthread_create(&h->thread, NULL, help, h), 0);
    return fds[0];
}

static json_object *collect(const FixtureTree *t, Helper *h, const char *nonce)
{
    const CollectHost host = {.connect_tpm = connect_helper, .userdata = h};
    _cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(fd);
    Collect c = {
        .writer = w, .root_fd = t->fd, .host = &host, .nonce = nonce, .deadline_usec = UINT64_MAX};

    json_begin_object(w, NULL);
    collect_integrity(&c);
    json_end_object(w);
    assert_int_equal(json_writer_finish(w), 0);
    if (h->error == 0)
        assert_int_equal(pthread_join(h->thread, NULL), 0);
    return memory_json(fd);
}

static void check(const FixtureTree *t, Helper *h, const char *code, const char *reason)
{
    _cleanup_json_ json_object *o = collect(t, h, "1580");
    json_object *fact = json_fact(o, "platform-config-registers");

    assert_string_equal(json_text_at(fact, "result-code"), code);
    assert_non_null(strstr(json_text_at(fact, "reason"), reason));
}

static void test_facts_without_a_tpm(void **state)
{
    FixtureTree t;

    tree_new(&t);
    check(&t, &(Helper){.error = -ENOENT}, "Not available", "The kernel knows no TPM");
    check(&t, &(Helper){.answer = "{\"error\":2,\"reason\":\"none\"}"}, "Not available",
          "The kernel knows no TPM");
    check(&t, &(Helper){.answer = "{\"error\":5,\"reason\":\"broken\"}"}, "Failed", "broken");
    check(&t, &(Helper){.answer = ""}, "Failed", "chancery-quote: Bad message");
    check(&t, &(Helper){.error = -ECONNREFUSED}, "Failed", "chancery-quote: Connection refused");
    tree_file(&t, "sys/class/tpm/tpm0/pcr-sha256/0", "ABCD\n");
    check(&t, &(Helper){.answer = "{\"error\":5,\"reason\":\"broken\"}"}, "Partial",
          "The registers are not quoted: broken");
    tree_done(&t);
}

static void test_facts(void **state)
{
    uint8_t qualifying[QUOTE_QUALIFYING_SIZE];
    Helper h = {.answer = ANSWER(BANK, QUOTE)};
    json_object *o, *fact;
    FixtureTree t;

    tree_new(&t);
    o = collect(&t, &h, "1580");
    fact = json_fact(o, "platform-config-registers");
    assert_string_equal(json_text_at(fact, "result-code"), "Success");
    assert_string_equal(json_text_at(fact, "value/0/tpm-name"), "tpmrm0");
    assert_string_equal(json_text_at(fact, "value/0/platform-config-registers/0/pcr/1/value"),
                        "ff");
    assert_string_equal(json_text_at(fact, "value/0/pcr-quote-signature"), "AQ==");
    assert_int_equal(quote_qualifying("1580", qualifying), 0);
    assert_int_equal(h.question_size, sizeof qualifying);
    assert_memory_equal(h.question, qualifying, sizeof qualifying);
    json_object_put(o);
    h = (Helper){.answer = ANSWER(BANK, "")};
    o = collect(&t, &h, NULL);
    assert_int_equal(h.question_size, 0);
    assert_string_equal(json_text_at(json_fact(o, "platform-config-registers"), "result-code"),
                        "Success");
    json_object_put(o);
    check(&t, &(Helper){.answer = ANSWER(BANK, ",\"quote-reason\":\"no key\"")}, "Partial",
          "The registers are not quoted: no key");
    tree_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_facts_without_a_tpm),
        cmocka_unit_test(test_facts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
