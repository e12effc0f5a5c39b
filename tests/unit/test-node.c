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
#include "node-table.h"

#define SUCCESS "\0\0\0\0{}"
#define FRAME(length, text) "\0\0\0" length text

/* Who answers in the place of chancery-node: the question of the n-th node is its number, and its
 * answer the n-th. */
typedef struct Answer {
    const char *data; /* NULL: there is nobody */
    size_t size;
    bool stays; /* the connection is open until the client closes it */
} Answer;

#define CONNECTIONS_MAX 16U

typedef struct Worker {
    const Answer *answers;
    pthread_mutex_t lock;
    pthread_barrier_t *all; /* nobody answers before so many have been asked; NULL: at once */
    unsigned n, n_scratch;
    bool is_full; /* there is nowhere to keep anything */
    pthread_t threads[CONNECTIONS_MAX];
} Worker;

typedef struct Connection {
    Worker *worker;
    int fd;
} Connection;

static void *serve(void *userdata)
{
    Connection *c = userdata;
    const Answer *answer;
    char question[16] = "";
    size_t size = 0;
    ssize_t n;

    while ((n = read(c->fd, question + size, sizeof question - 1 - size)) > 0)
        size += (size_t)n;
    answer = &c->worker->answers[strtoul(question, NULL, 10)];
    if (c->worker->all)
        (void)pthread_barrier_wait(c->worker->all);
    if (answer->data)
        (void)!write(c->fd, answer->data, answer->size);
    if (answer->stays) {
        struct pollfd p = {.fd = c->fd};

        (void)poll(&p, 1, -1);
    }
    (void)close(c->fd);
    free(c);
    return NULL;
}

static int connect_worker(void *userdata, bool is_container)
{
    Worker *w = userdata;
    Connection *c;
    int fds[2];

    if (is_container)
        return -ECONNREFUSED;
    c = malloc(sizeof *c);
    assert_non_null(c);
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), errno);
    *c = (Connection){w, fds[1]};
    (void)pthread_mutex_lock(&w->lock);
    assert_in_range(w->n, 0, CONNECTIONS_MAX - 1);
    assert_int_equal(pthread_create(&w->threads[w->n++], NULL, serve, c), 0);
    (void)pthread_mutex_unlock(&w->lock);
    return fds[0];
}

static int open_scratch(void *userdata)
{
    Worker *w = userdata;

    (void)pthread_mutex_lock(&w->lock);
    w->n_scratch++;
    (void)pthread_mutex_unlock(&w->lock);
    return w->is_full ? -EROFS : memfd_create("scratch", MFD_CLOEXEC);
}

/* The list "nodes" of a dossier with as many of them. */
static json_object *ask_all(Worker *worker, const NodeRequest *nodes, size_t n,
                            json_object **ret_document)
{
    const CollectHost host = {
        .connect_node = connect_worker, .open_scratch = open_scratch, .userdata = worker};
    _cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
    DossierRequest request = {.host = &host, .nodes = nodes, .n_nodes = n, .snapshots_fd = -1};
    json_object *list;
    FixtureTree t;

    (void)pthread_mutex_init(&worker->lock, NULL);
    tree_new(&t);
    request.root_fd = t.fd;
    assert_int_equal(dossier_write(&request, fd), 0);
    *ret_document = memory_json(fd);
    for (unsigned i = 0; i < worker->n; i++)
        assert_int_equal(pthread_join(worker->threads[i], NULL), 0);
    tree_done(&t);
    (void)pthread_mutex_destroy(&worker->lock);
    assert_int_equal(json_get_array(*ret_document, "nodes", &list), 0);
    assert_int_equal(json_object_array_length(list), n);
    return list;
}

static const char *first_member(json_object *node)
{
    json_object *dossier, *a;

    return json_get_object(node, "dossier", &dossier) >= 0 &&
                   json_object_object_get_ex(dossier, "a", &a)
               ? json_object_get_string(a)
               : "(not there)";
}

#define ANSWER(text)                                                                               \
    {                                                                                              \
        text, sizeof text - 1, false                                                               \
    }
#define GOOD ANSWER(FRAME("\x07", "{\"a\":1}") SUCCESS)

/* A dossier with the answers of two nodes, of which the second is good; of the first one the entry.
 */
static json_object *ask(const Answer *answer, unsigned timeout, json_object **ret_document)
{
    static char zero[] = "0", one[] = "1";
    const Answer answers[] = {*answer, GOOD};
    const NodeRequest nodes[] = {
        {.name = "0/RP1/CPU0",
         .timeout_seconds = timeout,
         .question = zero,
         .is_container = !answer->data},
        {.name = "0/RP2/CPU0", .timeout_seconds = 3600, .question = one},
    };
    Worker worker = {.answers = answers};
    json_object *list = ask_all(&worker, nodes, 2, ret_document);
    json_object *second = json_object_array_get_idx(list, 1);

    assert_string_equal(json_text_at(second, "node-location"), "0/RP2/CPU0");
    assert_string_equal(json_text_at(second, "result-code"), "Success");
    assert_string_equal(first_member(second), "1");
    return json_object_array_get_idx(list, 0);
}

static void test_answers(void **state)
{
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
    assert_string_equal(json_text_at(node, "reason"),
                        "The node said nothing within the 0 seconds of its timeout");
}

/* Nobody answers before all of them have been asked; and the order is that of the table, not the
 * one in which they come, whatever some of them do. */
static void test_at_once(void **state)
{
    enum { N = 8 };
    static char questions[N][2];
    static const Answer answers[N] = {{"", 0, true}, GOOD, ANSWER(""), GOOD,
                                      {"", 0, true}, GOOD, GOOD,       GOOD};
    static const char *const codes[N] = {"Timeout", "Success", "Failed",  "Success",
                                         "Timeout", "Success", "Success", "Success"};
    NodeRequest nodes[N];
    pthread_barrier_t all;
    Worker worker = {.answers = answers, .all = &all};
    _cleanup_json_ json_object *document = NULL;
    json_object *list;

    assert_int_equal(pthread_barrier_init(&all, NULL, N), 0);
    for (unsigned i = 0; i < N; i++) {
        (void)snprintf(questions[i], sizeof questions[i], "%u", i);
        nodes[i] =
            (NodeRequest){.timeout_seconds = answers[i].stays ? 1 : 3600, .question = questions[i]};
        (void)snprintf(nodes[i].name, sizeof nodes[i].name, "0/%u/CPU0", N - i);
    }
    list = ask_all(&worker, nodes, N, &document);
    for (unsigned i = 0; i < N; i++) {
        json_object *node = json_object_array_get_idx(list, i);

        assert_string_equal(json_text_at(node, "node-location"), nodes[i].name);
        assert_string_equal(json_text_at(node, "result-code"), codes[i]);
        assert_int_equal(json_object_object_get_ex(node, "dossier", NULL),
                         streq(codes[i], "Success"));
    }
    assert_int_equal(pthread_barrier_destroy(&all), 0);
}

/* More than are asked at a time: all have their turn, behind one that says nothing too. */
static void test_many(void **state)
{
    enum { N = NODES_MAX };
    static char questions[N][3];
    static const Answer answers[] = {GOOD, {"", 0, true}};
    NodeRequest nodes[N];
    Worker worker = {.answers = answers};
    _cleanup_json_ json_object *document = NULL;
    json_object *list;

    for (unsigned i = 0; i < N; i++) {
        (void)snprintf(questions[i], sizeof questions[i], "%d", i == 0);
        nodes[i] = (NodeRequest){.timeout_seconds = i == 0 ? 1 : 3600, .question = questions[i]};
        (void)snprintf(nodes[i].name, sizeof nodes[i].name, "0/%u/CPU0", i);
    }
    list = ask_all(&worker, nodes, N, &document);
    for (unsigned i = 0; i < N; i++)
        assert_string_equal(json_text_at(json_object_array_get_idx(list, i), "result-code"),
                            i == 0 ? "Timeout" : "Success");
    assert_int_equal(worker.n_scratch, N);
}

/* Where nothing can be kept, the node's entry says so. */
static void test_no_scratch(void **state)
{
    static char zero[] = "0";
    static const Answer answers[] = {GOOD};
    const NodeRequest node = {.name = "0/RP1/CPU0", .timeout_seconds = 3600, .question = zero};
    Worker worker = {.answers = answers, .is_full = true};
    _cleanup_json_ json_object *document = NULL;
    json_object *list = ask_all(&worker, &node, 1, &document);
    json_object *entry = json_object_array_get_idx(list, 0);

    assert_string_equal(json_text_at(entry, "result-code"), "Failed");
    assert_non_null(strstr(json_text_at(entry, "reason"), "cannot be kept: Read-only"));
    assert_false(json_object_object_get_ex(entry, "dossier", NULL));
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

/* What is no time of waiting makes no request, rather than one that waits for something else. */
static void test_timeouts(void **state)
{
    static const char *const wrong[] = {"0",     "-1", "3601", "4294967297", "18446744073709551615",
                                        "\"1\"", "1.5"};
    char text[128];
    NodeRequest request;

    for (size_t i = 0; i <= ELEMENTSOF(wrong); i++) {
        _cleanup_json_ json_object *table = NULL;

        (void)snprintf(text, sizeof text, "{\"0/1\":{\"container\":\"c\",\"timeout\":%s}}",
                       i < ELEMENTSOF(wrong) ? wrong[i] : "3600");
        assert_return_code(json_parse(text, strlen(text), &table), 0);
        if (i < ELEMENTSOF(wrong)) {
            if (node_request_new(table, "0/1", table, NULL, NULL, &request) != -ERANGE)
                fail_msg("taken: %s", wrong[i]);
            continue;
        }
        assert_return_code(node_request_new(table, "0/1", table, NULL, NULL, &request), 0);
        assert_int_equal(request.timeout_seconds, 3600);
        node_request_done(&request);
    }
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
        cmocka_unit_test(test_timeouts), cmocka_unit_test(test_answers),
        cmocka_unit_test(test_silence),  cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_many),     cmocka_unit_test(test_no_scratch),
        cmocka_unit_test(test_flood),    cmocka_unit_test(test_questions),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
