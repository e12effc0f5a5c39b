/* SPDX-License-Identifier: Apache-2.0 */
#include "node-table.h"

#include <ctype.h>
#include <openssl/evp.h>

#include "json-util.h"
#include "label.h"
#include "ssh-wire.h"

#define MODE "dossier node"
#define TIMEOUT_DEFAULT 600U
#define TIMEOUT_MAX 3600U
#define HOST_KEYS_MAX 8U
#define HOST_KEY_MAX 800U

static const char *const members[] = {"host",    "port",      "user", "host-key",
                                      "timeout", "container", NULL};

/* --- Check ------------------------------------------------------------------------------------ */

typedef struct Check {
    ConfigProblems *problems;
    const char *node;
} Check;

static int problem(const Check *c, const char *line, const char *reason)
{
    char text[128];

    (void)snprintf(text, sizeof text, MODE " %.32s %s", c->node, line);
    return config_problem(c->problems, text, "%s", reason);
}

/* Goes to ssh as an argument: a name or an address, and never an option of it. */
static bool is_host(const char *host)
{
    if (!isalnum((unsigned char)host[0]) && host[0] != ':')
        return false;
    for (; *host; host++)
        if (!isalnum((unsigned char)*host) && !strchr(".:-_%", *host))
            return false;
    return true;
}

/* "TYPE BASE64 [COMMENT]", as sshd has it in a file. */
static bool is_host_key(const char *line)
{
    static const char *const types[] = {"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256",
                                        "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"};
    size_t type_size = strcspn(line, " "), size;
    const char *data = line + type_size + strspn(line + type_size, " ");
    uint8_t blob[HOST_KEY_MAX];
    DerSpan input, name;
    int n;

    size = strcspn(data, " ");
    if (strlen(line) > HOST_KEY_MAX || size == 0 || size % 4 != 0)
        return false;
    n = EVP_DecodeBlock(blob, (const unsigned char *)data, (int)size);
    if (n < 0)
        return false;
    input = (DerSpan){blob, (size_t)n};
    if (ssh_take_string(&input, &name) < 0)
        return false;
    for (size_t i = 0; i < ELEMENTSOF(types); i++)
        if (der_is(name, types[i]))
            return strlen(types[i]) == type_size && memcmp(line, types[i], type_size) == 0;
    return false;
}

static int check_host_keys(const Check *c, json_object *node)
{
    json_object *keys;

    if (json_get_array(node, "host-key", &keys) < 0 || json_object_array_length(keys) == 0)
        return problem(c, "host-key", "it is missing: without it, anybody could be the node");
    if (json_object_array_length(keys) > HOST_KEYS_MAX)
        return problem(c, "host-key", "there are more than 8");
    for (size_t i = 0; i < json_object_array_length(keys); i++) {
        const char *line = json_object_get_string(json_object_array_get_idx(keys, i));

        if (!line || !is_host_key(line))
            return problem(c, "host-key",
                           "it is no public key as in the files /etc/ssh/ssh_host_*_key.pub there");
    }
    return 0;
}

static int check_host(const Check *c, json_object *node)
{
    const char *host, *user;
    int r = 0;

    if (json_get_string(node, "host", &host) < 0)
        r = problem(c, "host", "it is missing, and there is no container");
    else if (!is_host(host))
        r = problem(c, "host", "it is no name or address of a host");
    if (r >= 0 && json_get_string(node, "user", &user) < 0)
        r = problem(c, "user", "it is missing: whom ssh logs in there");
    return r < 0 ? r : check_host_keys(c, node);
}

static int check_container(const Check *c, json_object *node, const char *container)
{
    static const char *const others[] = {"host", "port", "user", "host-key"};

    if (!hostname_is_valid(container))
        return problem(c, "container", "it is no name of a container");
    for (size_t i = 0; i < ELEMENTSOF(others); i++)
        if (json_object_object_get_ex(node, others[i], NULL))
            return problem(c, others[i], "a container is not reached over ssh");
    return 0;
}

static bool is_timeout(json_object *node, uint64_t *ret)
{
    int r = json_get_uint64(node, "timeout", ret);

    return r == -ENOENT || (r >= 0 && *ret > 0 && *ret <= TIMEOUT_MAX);
}

static int check_node(const Check *c, json_object *node)
{
    uint64_t timeout;
    const char *container;

    if (!node_name_is_valid(c->node))
        return problem(c, "", "a node's name has letters, digits, / . _ and -, at most 32");
    if (streq(c->node, NODE_SELF))
        return problem(c, "", "this is the name of this node");
    if (!json_object_is_type(node, json_type_object) || json_only_members(node, members) < 0)
        return problem(c, "", "there is something unknown in it");
    if (!is_timeout(node, &timeout))
        return problem(c, "timeout", "it is no number of seconds from 1 to 3600");
    if (json_get_string(node, "container", &container) >= 0)
        return check_container(c, node, container);
    return check_host(c, node);
}

int node_table_check(json_object *o, ConfigProblems *problems)
{
    Check c = {.problems = problems, .node = ""};

    if (!o)
        return 0;
    if (json_object_object_length(o) > (int)NODES_MAX)
        return problem(&c, "", "there are more than 16 nodes");
    json_object_object_foreach(o, name, node)
    {
        int r;

        c.node = name;
        r = check_node(&c, node);
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- Use -------------------------------------------------------------------------------------- */

bool node_table_has(json_object *o, const char *name)
{
    return json_object_object_get_ex(o, name, NULL);
}

static int add_text(json_object *o, const char *name, const char *text)
{
    return text ? json_add(o, name, json_object_new_string(text)) : 0;
}

int node_request_new(json_object *table, const char *name, json_object *selectors,
                     const char *nonce, const char *files, NodeRequest *ret)
{
    _cleanup_json_ json_object *question = json_object_new_object();
    uint64_t timeout = TIMEOUT_DEFAULT;
    json_object *node;
    int r;

    if (json_get_object(table, name, &node) < 0)
        return -ENOENT;
    if (!question)
        return -ENOMEM;
    if (!is_timeout(node, &timeout))
        return -ERANGE;
    r = json_add(question, "target", json_object_get(node));
    if (r >= 0)
        r = json_add(question, "selectors", json_object_get(selectors));
    if (r >= 0)
        r = add_text(question, "nonce", nonce);
    if (r >= 0)
        r = add_text(question, "filesystem-inventory-options", files);
    if (r < 0)
        return r;
    *ret = (NodeRequest){
        .is_container = json_object_object_get_ex(node, "container", NULL),
        .timeout_seconds = (unsigned)timeout,
        .question = strdup(json_object_to_json_string_ext(question, JSON_C_TO_STRING_PLAIN)),
    };
    (void)snprintf(ret->name, sizeof ret->name, "%s", name);
    return ret->question ? 0 : -ENOMEM;
}

void node_request_done(NodeRequest *r)
{
    free(r->question);
    r->question = NULL;
}
