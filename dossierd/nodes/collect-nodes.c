/* SPDX-License-Identifier: Apache-2.0 */
/* nodes: the dossiers of other nodes, each as that node makes it, or the reason why it is not here.
 *
 * They are asked at once, each by a thread that keeps what comes in a file without a name: a node
 * that is slow, or says nothing, delays no other. They are written in the order of the
 * configuration. */
#include "dossier.h"

#include <pthread.h>

#include "clock.h"
#include "node-client.h"

/* At a time; the next begins when one of them has ended. */
#define THREADS_MAX 8U

typedef struct Answer {
    int fd; /* what has come of its dossier */
    bool is_done, has_begun;
    ResultCode code;
    char reason[COLLECT_REASON_SIZE];
} Answer;

struct NodesRun {
    const DossierRequest *request;
    CollectHost host;
    pthread_mutex_t lock; /* of what follows; an answer that is not done is its thread's */
    pthread_cond_t changed;
    size_t next;
    bool is_ended;
    Answer answers[NODES_MAX];
    size_t n_threads;
    pthread_t threads[THREADS_MAX];
};

/* --- Asking ----------------------------------------------------------------------------------- */

static bool is_cancelled(void *userdata)
{
    NodesRun *run = userdata;
    const CollectHost *host = run->request->host;
    bool is_ended;

    (void)pthread_mutex_lock(&run->lock);
    is_ended = run->is_ended;
    (void)pthread_mutex_unlock(&run->lock);
    return is_ended || (host && host->is_cancelled && host->is_cancelled(host->userdata));
}

static void ask_connected(const NodeRequest *node, int fd, Answer *answer, Collect *c)
{
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(answer->fd);
    _cleanup_(json_copy_freep) JsonCopy *copy = w ? json_copy_new(w, NULL) : NULL;
    int r;

    if (!copy) {
        collect_result_errno(c, -ENOMEM, "chancery-node");
        return;
    }
    node_ask(fd, node, copy, answer->fd, c);
    json_copy_end(copy);
    answer->has_begun = json_copy_has_begun(copy);
    r = answer->has_begun ? json_writer_finish(w) : 0;
    if (r >= 0)
        return;
    /* Half of it would be no JSON. */
    answer->has_begun = false;
    c->is_fixed = false;
    collect_result_errno(c, r, "What the node sends cannot be kept");
}

static void ask_node(NodesRun *run, const NodeRequest *node, Answer *answer, Collect *c)
{
    const CollectHost *host = run->request->host;
    _cleanup_close_ int fd = -EBADF;

    if (collect_should_stop(c))
        return;
    answer->fd = host && host->open_scratch ? host->open_scratch(host->userdata) : -EOPNOTSUPP;
    if (answer->fd < 0) {
        collect_result_errno(c, answer->fd, "What the node sends cannot be kept");
        return;
    }
    fd = host->connect_node ? host->connect_node(host->userdata, node->is_container) : -EOPNOTSUPP;
    if (fd < 0)
        collect_result_errno(c, fd, "chancery-node");
    else
        ask_connected(node, fd, answer, c);
}

static void ask(NodesRun *run, const NodeRequest *node, Answer *answer)
{
    Collect c = {
        .host = &run->host,
        .deadline_usec = clock_usec(CLOCK_MONOTONIC) + USEC_PER_SEC * node->timeout_seconds,
    };

    ask_node(run, node, answer, &c);
    answer->code = collect_outcome(&c);
    if (answer->code == RESULT_FAILED && answer->has_begun)
        answer->code = RESULT_PARTIAL;
    memcpy(answer->reason, c.reason, sizeof answer->reason);
    if (!answer->has_begun && streq(c.reason, COLLECT_TOO_LONG))
        (void)snprintf(answer->reason, sizeof answer->reason,
                       "The node said nothing within the %u seconds of its timeout",
                       node->timeout_seconds);
}

static void *ask_in_turn(void *userdata)
{
    NodesRun *run = userdata;

    (void)pthread_mutex_lock(&run->lock);
    while (run->next < run->request->n_nodes) {
        size_t i = run->next++;

        (void)pthread_mutex_unlock(&run->lock);
        ask(run, &run->request->nodes[i], &run->answers[i]);
        (void)pthread_mutex_lock(&run->lock);
        run->answers[i].is_done = true;
        (void)pthread_cond_broadcast(&run->changed);
    }
    (void)pthread_mutex_unlock(&run->lock);
    return NULL;
}

int nodes_begin(const DossierRequest *request, NodesRun **ret)
{
    _cleanup_(nodes_freep) NodesRun *run = NULL;

    if (request->n_nodes == 0)
        return 0;
    if (request->n_nodes > NODES_MAX)
        return -E2BIG;
    run = calloc(1, sizeof *run);
    if (!run)
        return -ENOMEM;
    run->request = request;
    /* The reader of the dossier may be slow: these do not wait for it. */
    run->host = (CollectHost){.is_cancelled = is_cancelled, .userdata = run};
    (void)pthread_mutex_init(&run->lock, NULL);
    (void)pthread_cond_init(&run->changed, NULL);
    for (size_t i = 0; i < NODES_MAX; i++)
        run->answers[i].fd = -EBADF;
    for (; run->n_threads < THREADS_MAX && run->n_threads < request->n_nodes; run->n_threads++) {
        int r = pthread_create(&run->threads[run->n_threads], NULL, ask_in_turn, run);

        if (r != 0)
            return -r;
    }
    *ret = TAKE_PTR(run);
    return 0;
}

NodesRun *nodes_free(NodesRun *run)
{
    if (!run)
        return NULL;
    (void)pthread_mutex_lock(&run->lock);
    run->is_ended = true;
    (void)pthread_mutex_unlock(&run->lock);
    for (size_t i = 0; i < run->n_threads; i++)
        (void)pthread_join(run->threads[i], NULL);
    for (size_t i = 0; i < NODES_MAX; i++)
        closep(&run->answers[i].fd);
    (void)pthread_cond_destroy(&run->changed);
    (void)pthread_mutex_destroy(&run->lock);
    free(run);
    return NULL;
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* Its thread is done with it, cancelled or not: afterwards it is ours. */
static void wait_for_answer(NodesRun *run, const Answer *answer)
{
    (void)pthread_mutex_lock(&run->lock);
    while (!answer->is_done)
        (void)pthread_cond_wait(&run->changed, &run->lock);
    (void)pthread_mutex_unlock(&run->lock);
}

static void write_answer(JsonWriter *w, const NodeRequest *node, Answer *answer)
{
    json_begin_object(w, NULL);
    json_write_string(w, "node-location", node->name);
    if (answer->has_begun)
        json_write_file(w, "dossier", answer->fd);
    json_write_string(w, "result-code", result_code_to_string(answer->code));
    if (answer->code != RESULT_SUCCESS)
        json_write_string(w, "reason", answer->reason);
    json_end_object(w);
    /* The space of it is wanted by those to come. */
    closep(&answer->fd);
    answer->fd = -EBADF;
}

int nodes_write(NodesRun *run, JsonWriter *w)
{
    const DossierRequest *request = run->request;

    json_begin_array(w, "nodes");
    for (size_t i = 0; i < request->n_nodes; i++) {
        if (request->progress)
            request->progress(request->host->userdata, (unsigned)(100 * i / request->n_nodes),
                              request->nodes[i].name);
        wait_for_answer(run, &run->answers[i]);
        if (is_cancelled(run))
            return -ECANCELED;
        write_answer(w, &request->nodes[i], &run->answers[i]);
    }
    json_end_array(w);
    return 0;
}
