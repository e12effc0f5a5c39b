/* SPDX-License-Identifier: Apache-2.0 */
/* Other nodes in a dossier: whatever comes from there, or does not, the rest stays as it is, and
 * the node's entry says why. And what chancery-node takes for a question. */
#include "fixture-tree.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "dossier.h"
#include "node-client.h"
#include "node-protocol.h"
#include "node-question.h"

#define SUCCESS "\0\0\0\0{}"
#define FRAME(length, text) "\0\0\0" length text

/* Who answers in the place of chancery-node: for the n-th node the n-th answer. */
typedef struct Answer {
    const char *data; /* NULL: there is nobody */
    size_t size;
    bool stays; /* the connection is open until the client closes it */
} Answer;

typedef struct Worker {
    const Answer *answers;
    unsigned n;
    struct {
        pthread_t thread;
        int fd;
        const Answer *answer;
        char question[256];
    } connections[4];
} Worker;

static void *serve(void *userdata)
{
    typeof(((Worker *)NULL)->connections[0]) *c = userdata;
    size_t size = 0;
    ssize_t n;

    while ((n = read(c->fd, c->question + size, sizeof c->question - 1 - size)) > 0)
        size += (size_t)n;
    (void)!write(c->fd, c->answer->data, c->answer->size);
    if (c->answer->stays) {
        struct pollfd p = {.fd = c->fd};

        (void)poll(&p, 1, -1);
    }
    (void)close(c->fd);
    return NULL;
}

static int connect_worker(void *userdata, bool is_container)
{
    Worker *w = userdata;
    const Answer *answer = &w->answers[w->n];
    int fds[2];

    if (!answer->data) {
        w->connections[w->n++].fd = -1;
        return -ECONNREFUSED;
    }
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), errno);
    w->connections[w->n].fd = fds[1];
    w->connections[w->n].answer = answer;
    assert_int_equal(
        pthread_create(&w->connections[w->n].thread, NULL, serve, &w->connections[w->n]), 0);
    w->n++;
    return fds[0];
}

static const char *first_member(json_object *node)
{
    json_object *dossier, *a;

    return json_get_object(node, "dossier", &dossier) >= 0 &&
                   json_object_object_get_ex(dossier, "a", &a)
               ? json_object_get_string(a)
               : "(not there)";
}

/* A dossier with the answers of two nodes; of the first one the entry. */
static json_object *ask(const Answer *answer, unsigned timeout, json_object **ret_document)
{
    static char question[] = "{\"target\":{}}";
    static const Answer good = {FRAME("\x07", "{\"a\":1}") SUCCESS, STRLEN("....{\"a\":1}....{}"),
                                false};
    const Answer answers[] = {*answer, good};
    NodeRequest nodes[] = {
        {.name = "0/RP1/CPU0", .timeout_seconds = timeout, .question = question},
        {.name = "0/RP2/CPU0", .timeout_seconds = 3600, .question = question},
    };
    Worker worker = {.answers = answers};
    const CollectHost host = {.connect_node = connect_worker, .userdata = &worker};
    _cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
    DossierRequest request = {.host = &host, .nodes = nodes, .n_nodes = 2, .snapshots_fd = -1};
    json_object *list, *second;
    FixtureTree t;

    tree_new(&t);
    request.root_fd = t.fd;
    assert_int_equal(dossier_write(&request, fd), 0);
    *ret_document = memory_json(fd);
    for (unsigned i = 0; i < worker.n; i++)
        if (worker.connections[i].fd >= 0) {
            assert_int_equal(pthread_join(worker.connections[i].thread, NULL), 0);
            assert_string_equal(worker.connections[i].question, question);
        }
    tree_done(&t);
    assert_int_equal(json_get_array(*ret_document, "nodes", &list), 0);
    assert_int_equal(json_object_array_length(list), 2);
    second = json_object_array_get_idx(list, 1);
    assert_string_equal(json_text_at(second, "node-location"), "0/RP2/CPU0");
    assert_string_equal(json_text_at(second, "result-code"), "Success");
    assert_string_equal(first_member(second), "1");
    return json_object_array_get_idx(list, 0);
}

static void test_answers(void **state)
{
#define ANSWER(text)                                                                               \
    {                                                                                              \
        text, sizeof text - 1, false                                                               \
    }
    static const struct {
        Answer answer;
        const char *code, *reason, *first;
    } cases[] = {
        {ANSWER(FRAME("\x03", "{\"a") FRAME("\x04", "\":1}") SUCCESS), "Success", NULL, "1"},
        {ANSWER(FRAME("\x08", "{\"a\":1}\n") SUCCESS), "Success", NULL, "1"},
        {{NULL, 0, false}, "Failed", "Connection refused", NULL},
        {ANSWER(""), "Failed", "ended too early", NULL},
        {ANSWER("\0\0"), "Failed", "ended too early", NULL},
        {ANSWER(FRAME("\x20", "{\"a\":1")), "Failed", "ended too early", NULL},
        {ANSWER(FRAME("\x07", "{\"a\":1,")), "Partial", "ended too early", "1"},
        {ANSWER(FRAME("\x07", "{\"a\":1,") SUCCESS), "Partial", "is no dossier", "1"},
        {ANSWER(FRAME("\x07", "{\"a\":1}")), "Partial", "ended too early", "1"},
        {ANSWER(FRAME("\x07", "{\"a\":1}") "\0\0\0\0"
                                           "[]"),
         "Partial", "ended too early", "1"},
        {ANSWER("\xff\xff\xff\xff"), "Failed", "ended too early", NULL},
        {ANSWER(FRAME("\x07", "rubbish") SUCCESS), "Failed", "is no dossier", NULL},
        {ANSWER(FRAME("\x0c", "{\"a\":1}{\"b\"}") SUCCESS), "Partial", "is no dossier", "1"},
        {ANSWER(FRAME("\x0d", "{\"a\":1,\"a\":2") SUCCESS), "Partial", "is no dossier", "1"},
        {ANSWER(SUCCESS), "Failed", "is no dossier", NULL},
        {ANSWER("\0\0\0\0{\"result-code\":\"Not available\",\"reason\":\"The node says: no\"}"),
         "Not available", "The node says: no", NULL},
        {ANSWER("\0\0\0\0{\"result-code\":\"Success\",\"reason\":\"none\"}"), "Failed",
         "ended too early", NULL},
        {ANSWER(FRAME("\x07",
                      "{\"a\":1,") "\0\0\0\0{\"result-code\":\"Timeout\",\"reason\":\"Slow\"}"),
         "Timeout", "Slow", "1"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_json_ json_object *document = NULL;
        json_object *node = ask(&cases[i].answer, 3600, &document);

        if (!streq(json_text_at(node, "result-code"), cases[i].code))
            fail_msg("answer %zu: %s", i, json_text_at(node, "result-code"));
        if (cases[i].reason && !strstr(json_text_at(node, "reason"), cases[i].reason))
            fail_msg("answer %zu: %s", i, json_text_at(node, "reason"));
        if (cases[i].first)
            assert_string_equal(first_member(node), cases[i].first);
        else
            assert_false(json_object_object_get_ex(node, "dossier", NULL));
    }
}

/* A node that says nothing is given up. */
static void test_silence(void **state)
{
    _cleanup_json_ json_object *document = NULL;
    json_object *node = ask(&(Answer){"", 0, true}, 0, &document);

    assert_string_equal(json_text_at(node, "result-code"), "Timeout");
}

/* A node that does not end is cut off, by the count of its bytes. */
static void test_flood(void **state)
{
    _cleanup_json_ json_object *document = NULL;
    size_t size = UINT64_C(66) << 20, n = 0;
    char *data = malloc(size);
    json_object *node;

    assert_non_null(data);
    memset(data, ' ', size);
    for (; n + 4 + NODE_PIECE_MAX <= size; n += 4 + NODE_PIECE_MAX)
        memcpy(data + n, "\0\4\0", 4);
    data[4] = '{';
    node = ask(&(Answer){data, n, false}, 3600, &document);
    assert_string_equal(json_text_at(node, "result-code"), "Partial");
    assert_non_null(strstr(json_text_at(node, "reason"), "more than 64 MiB"));
    free(data);
}

#define TARGET "\"target\":{\"host\":\"h\",\"user\":\"u\",\"host-key\":[\"k\"]}"
#define SELECTORS "\"selectors\":[\"packages\"]"

static void test_questions(void **state)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{" TARGET "}",
        "{" SELECTORS "}",
        "{" TARGET "," SELECTORS ",\"more\":1}",
        "{" TARGET ",\"selectors\":[]}",
        "{" TARGET ",\"selectors\":[1]}",
        "{" TARGET "," SELECTORS ",\"nonce\":1}",
        "{\"target\":{\"host\":\"-oProxyCommand=x\",\"user\":\"u\",\"host-key\":[\"k\"]}," SELECTORS
        "}",
        "{\"target\":{\"host\":\"h\",\"user\":\"-l\",\"host-key\":[\"k\"]}," SELECTORS "}",
        "{\"target\":{\"host\":\"h\",\"user\":\"u\",\"host-key\":[]}," SELECTORS "}",
        "{\"target\":{\"host\":\"h\",\"user\":\"u\"}," SELECTORS "}",
        "{\"target\":{\"host\":\"h\",\"user\":\"u\",\"host-key\":[\"k\"],\"port\":0}," SELECTORS
        "}",
        "{\"target\":{\"host\":\"h\",\"user\":\"u\",\"host-key\":[\"k\"],\"vrf\":\"x\"}," SELECTORS
        "}",
    };
    static const char good[] = "{" TARGET "," SELECTORS ",\"nonce\":\"1580\"}",
                      container[] = "{\"target\":{\"container\":\"box\"}," SELECTORS "}";
    Question q;

    for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
        if (question_parse(wrong[i], strlen(wrong[i]), &q) != -EBADMSG)
            fail_msg("taken: %s", wrong[i]);
    assert_int_equal(question_parse(good, strlen(good), &q), 0);
    assert_string_equal(q.host, "h");
    assert_int_equal(q.port, 22);
    assert_string_equal(q.nonce, "1580");
    assert_null(q.container);
    question_done(&q);
    assert_int_equal(question_parse(container, strlen(container), &q), 0);
    assert_string_equal(q.container, "box");
    question_done(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_questions),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
