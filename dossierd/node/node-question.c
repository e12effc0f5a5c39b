/* SPDX-License-Identifier: Apache-2.0 */
#include "node-question.h"

#include "json-util.h"

#define PORT_DEFAULT 22U

void question_done(Question *q)
{
    json_object_put(q->object);
    *q = (Question){0};
}

static int read_list(json_object *o, const char *name, size_t max, const char **ret, size_t *ret_n)
{
    json_object *list;
    size_t n;

    if (json_get_array(o, name, &list) < 0)
        return -EBADMSG;
    n = json_object_array_length(list);
    if (n == 0 || n > max)
        return -EBADMSG;
    for (size_t i = 0; i < n; i++) {
        json_object *one = json_object_array_get_idx(list, i);

        if (!json_object_is_type(one, json_type_string))
            return -EBADMSG;
        ret[i] = json_object_get_string(one);
    }
    *ret_n = n;
    return 0;
}

static int read_optional(json_object *o, const char *name, const char **ret)
{
    int r = json_get_string(o, name, ret);

    return r == -ENOENT ? 0 : r;
}

static int read_target(json_object *o, Question *q)
{
    static const char *const members[] = {"host",    "port",      "user", "host-key",
                                          "timeout", "container", NULL};
    uint64_t port = PORT_DEFAULT;
    int r = json_only_members(o, members);

    if (r >= 0)
        r = read_optional(o, "container", &q->container);
    if (r < 0 || q->container)
        return r;
    r = json_get_uint64(o, "port", &port);
    if (r == -ENOENT)
        r = 0;
    if (r < 0 || port < 1 || port > 65535)
        return -EBADMSG;
    q->port = (unsigned)port;
    if (json_get_string(o, "host", &q->host) < 0 || json_get_string(o, "user", &q->user) < 0 ||
        q->host[0] == '-' || q->user[0] == '-')
        return -EBADMSG;
    return read_list(o, "host-key", QUESTION_HOST_KEYS_MAX, q->host_keys, &q->n_host_keys);
}

int question_parse(const char *text, size_t size, Question *ret)
{
    static const char *const members[] = {"target", "selectors", "nonce",
                                          "filesystem-inventory-options", NULL};
    Question q = {0};
    json_object *target;
    int r = json_parse(text, size, &q.object);

    if (r >= 0 && !json_object_is_type(q.object, json_type_object))
        r = -EBADMSG;
    if (r >= 0)
        r = json_only_members(q.object, members);
    if (r >= 0)
        r = json_get_object(q.object, "target", &target);
    if (r >= 0)
        r = read_target(target, &q);
    if (r >= 0)
        r = read_list(q.object, "selectors", QUESTION_SELECTORS_MAX, q.selectors, &q.n_selectors);
    if (r >= 0)
        r = read_optional(q.object, "nonce", &q.nonce);
    if (r >= 0)
        r = read_optional(q.object, "filesystem-inventory-options", &q.files);
    if (r < 0) {
        question_done(&q);
        return -EBADMSG;
    }
    *ret = q;
    return 0;
}
