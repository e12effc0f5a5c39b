/* SPDX-License-Identifier: Apache-2.0 */
/* nodes: the dossiers of other nodes, each as that node makes it, or the reason why it is not here.
 */
#include "dossier.h"
#include "node-client.h"

static uint64_t stalled_usec(const CollectHost *host)
{
    return host && host->stalled_usec ? host->stalled_usec(host->userdata) : 0;
}

static void ask(const DossierRequest *request, const NodeRequest *node, JsonCopy *copy, Collect *c)
{
    const CollectHost *host = request->host;
    _cleanup_close_ int fd = host && host->connect_node
                                 ? host->connect_node(host->userdata, node->is_container)
                                 : -EOPNOTSUPP;

    if (fd < 0)
        collect_result_errno(c, fd, "chancery-node");
    else
        node_ask(fd, node, copy, c);
}

static int write_node(const DossierRequest *request, const NodeRequest *node, JsonWriter *w)
{
    _cleanup_(json_copy_freep) JsonCopy *copy = json_copy_new(w, "dossier");
    Collect c = {
        .writer = w,
        .host = request->host,
        .deadline_usec = monotonic_usec() - stalled_usec(request->host) +
                         UINT64_C(1000000) * node->timeout_seconds,
    };
    ResultCode code;

    if (!copy)
        return -ENOMEM;
    json_begin_object(w, NULL);
    json_write_string(w, "node-location", node->name);
    ask(request, node, copy, &c);
    json_copy_end(copy);
    code = collect_outcome(&c);
    if (code == RESULT_FAILED && json_copy_has_begun(copy))
        code = RESULT_PARTIAL;
    json_write_string(w, "result-code", result_code_to_string(code));
    if (code != RESULT_SUCCESS)
        json_write_string(w, "reason", c.reason);
    json_end_object(w);
    return 0;
}

int dossier_write_nodes(JsonWriter *w, const DossierRequest *request)
{
    int r = 0;

    json_begin_array(w, "nodes");
    for (size_t i = 0; r >= 0 && i < request->n_nodes; i++) {
        const CollectHost *host = request->host;

        if (host && host->is_cancelled && host->is_cancelled(host->userdata))
            return -ECANCELED;
        if (request->progress)
            request->progress(request->host->userdata, (unsigned)(100 * i / request->n_nodes),
                              request->nodes[i].name);
        r = write_node(request, &request->nodes[i], w);
    }
    json_end_array(w);
    return r;
}
