/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory-check.h"

#include "inventory-read.h"

#define NODES_MAX 256U
#define BLOCKS_MAX 1000000U

typedef struct Block {
    uint64_t number, base, n_files;
    bool has_digests; /* else it is known that it was there */
    uint8_t digest[INVENTORY_DIGEST_SIZE], previous[INVENTORY_DIGEST_SIZE];
} Block;

/* Of another node: how the router calls it, and what it calls itself if that is not the same. */
#define NAME_MAX_OF_ALL (INVENTORY_NODE_MAX + 64)

typedef struct Node {
    char name[NAME_MAX_OF_ALL];
    bool is_other;
    bool has_range;
    uint64_t first, last; /* as the newest dossier has them */
    int64_t time;         /* of that dossier */
    Block *blocks;        /* by number */
    size_t n, allocated;
} Node;

struct InventoryCheck {
    Node *nodes[NODES_MAX];
    size_t n_nodes;
    json_object *problems;
    size_t n_problems;
    /* while a dossier is read */
    const char *source, *of;
    int64_t time;
    Node *node;
    bool has_last;
    uint64_t last;
};

InventoryCheck *inventory_check_new(void)
{
    InventoryCheck *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->problems = json_object_new_array();
    return c->problems ? c : inventory_check_free(c);
}

InventoryCheck *inventory_check_free(InventoryCheck *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; i < c->n_nodes; i++) {
        free(c->nodes[i]->blocks);
        free(c->nodes[i]);
    }
    json_object_put(c->problems);
    free(c);
    return NULL;
}

/* --- What is found ---------------------------------------------------------------------------- */

/* number: NULL when it is not about one block. */
static int note(InventoryCheck *c, const Node *node, const uint64_t *number, const char *problem,
                const char *reason)
{
    json_object *o;
    int r;

    if (c->n_problems++ >= INVENTORY_PROBLEMS_MAX)
        return 0;
    o = json_object_new_object();
    if (!o)
        return -ENOMEM;
    r = node ? json_add(o, "node", json_object_new_string(node->name)) : 0;
    if (r >= 0 && number)
        r = json_add(o, "block", json_object_new_uint64(*number));
    if (r >= 0)
        r = json_add(o, "problem", json_object_new_string(problem));
    if (r >= 0)
        r = json_add(o, "reason", json_object_new_string(reason));
    if (r >= 0 && c->source)
        r = json_add(o, "envelope", json_object_new_string(c->source));
    if (r < 0 || json_object_array_add(c->problems, o) < 0) {
        json_object_put(o);
        return -ENOMEM;
    }
    return 0;
}

/* --- One block by itself ---------------------------------------------------------------------- */

/* What is wrong with it; NULL when nothing is. */
static const char *judge_block(const ReadBlock *b, const char **ret_problem)
{
    uint8_t own[INVENTORY_DIGEST_SIZE];

    *ret_problem = "altered";
    if (!b->has_about) {
        if (streq(b->reason, INVENTORY_REASON_GONE))
            *ret_problem = "removed";
        return b->reason[0] ? b->reason : "what it says about itself is not what a block says";
    }
    if (b->n_files < b->about.n_records) {
        *ret_problem = "truncated";
        return "it has fewer files than it was written with";
    }
    if (b->n_files > b->about.n_records)
        return "it has more files than it was written with";
    if (b->has_odd_file)
        return "it has a file that is none";
    if (memcmp(b->content, b->about.content, sizeof b->content) != 0)
        return "its files are not those that its digest is over";
    if (inventory_block_digest(&b->about, own) < 0 || memcmp(own, b->digest, sizeof own) != 0)
        return "what it says about itself is not what its digest is over";
    if (b->about.base > b->about.number)
        return "it builds on a later block";
    if (b->is_success)
        return NULL;
    return b->reason[0] ? b->reason : "the device says that it is not whole";
}

/* --- Blocks by number ------------------------------------------------------------------------- */

/* Where it is, or where it would be. */
static size_t find_place(const Node *node, uint64_t number)
{
    size_t begin = 0, end = node->n;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;

        if (node->blocks[middle].number < number)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

static int insert(Node *node, size_t at, const Block *block)
{
    if (node->n == BLOCKS_MAX)
        return -E2BIG;
    if (node->n == node->allocated) {
        size_t n = node->allocated ? 2 * node->allocated : 64;
        Block *larger = reallocarray(node->blocks, n, sizeof *larger);

        if (!larger)
            return -ENOMEM;
        node->blocks = larger;
        node->allocated = n;
    }
    memmove(node->blocks + at + 1, node->blocks + at, (node->n - at) * sizeof *block);
    node->blocks[at] = *block;
    node->n++;
    return 0;
}

static int know(InventoryCheck *c, const ReadBlock *b)
{
    Node *node = c->node;
    size_t at = find_place(node, b->about.number);
    bool is_known = at < node->n && node->blocks[at].number == b->about.number;
    Block block = {.number = b->about.number,
                   .base = b->about.base,
                   .n_files = b->n_files,
                   .has_digests = b->has_about};

    memcpy(block.digest, b->digest, sizeof block.digest);
    memcpy(block.previous, b->about.previous, sizeof block.previous);
    /* Placing blocks that come in another order takes long, and what is told is full already. */
    if (!is_known)
        return c->n_problems > INVENTORY_PROBLEMS_MAX ? 0 : insert(node, at, &block);
    if (!b->has_about)
        return 0;
    if (node->blocks[at].has_digests &&
        memcmp(node->blocks[at].digest, block.digest, sizeof block.digest) != 0)
        return note(c, node, &block.number, "rewritten",
                    "it is not the block that was collected under this number before");
    node->blocks[at] = block;
    return 0;
}

/* --- Reading one dossier ---------------------------------------------------------------------- */

static int on_node(const ReadNode *read, void *userdata)
{
    InventoryCheck *c = userdata;
    char name[NAME_MAX_OF_ALL];
    Node *node = NULL;
    int r = 0;

    if (c->of && !streq(c->of, read->name))
        (void)snprintf(name, sizeof name, "%.60s: %s", c->of, read->name);
    else
        (void)snprintf(name, sizeof name, "%s", read->name);
    for (size_t i = 0; i < c->n_nodes; i++)
        if (streq(c->nodes[i]->name, name) && c->nodes[i]->is_other == (c->of != NULL))
            node = c->nodes[i];
    if (!node) {
        if (c->n_nodes == NODES_MAX)
            return -E2BIG;
        node = calloc(1, sizeof *node);
        if (!node)
            return -ENOMEM;
        (void)snprintf(node->name, sizeof node->name, "%s", name);
        node->is_other = c->of != NULL;
        c->nodes[c->n_nodes++] = node;
    }
    /* Of two that were collected at once either may be the older one. */
    if (read->has_range && node->has_range && read->last < node->last && c->time > node->time)
        r = note(c, node, &node->last, "removed",
                 "an earlier dossier had blocks up to this one, a later one has not");
    if (read->has_range) {
        node->has_range = true;
        node->first = read->first;
        node->last = read->last;
        node->time = c->time;
    }
    c->node = node;
    c->has_last = false;
    return r;
}

static int check_place(InventoryCheck *c, uint64_t number)
{
    int r = 0;

    if (c->has_last && number == c->last)
        r = note(c, c->node, &number, "reordered", "it is there twice");
    else if (c->has_last && number < c->last)
        r = note(c, c->node, &number, "reordered", "it stands behind a later one");
    else if (c->has_last)
        for (uint64_t gone = c->last + 1; r >= 0 && gone < number; gone++) {
            /* A number that is far away is one that is wrong. */
            if (gone - c->last > INVENTORY_PROBLEMS_MAX)
                break;
            r = note(c, c->node, &gone, "removed", "it is not between its neighbours");
        }
    if (!c->has_last || number > c->last)
        c->last = number;
    c->has_last = true;
    return r;
}

static int on_block(const ReadBlock *b, void *userdata)
{
    InventoryCheck *c = userdata;
    const char *problem = NULL, *reason;
    int r;

    if (!b->has_number)
        return note(c, c->node, NULL, "altered", "a block has no number");
    r = check_place(c, b->about.number);
    reason = judge_block(b, &problem);
    if (r >= 0 && reason)
        r = note(c, c->node, &b->about.number, problem, reason);
    return r < 0 ? r : know(c, b);
}

int inventory_check_add_node(InventoryCheck *c, const char *node, const char *source, int64_t time,
                             const void *payload, size_t size)
{
    int r;

    c->of = node;
    r = inventory_check_add(c, source, time, payload, size);
    c->of = NULL;
    return r;
}

int inventory_check_add(InventoryCheck *c, const char *source, int64_t time, const void *payload,
                        size_t size)
{
    const InventoryReader reader = {.node = on_node, .block = on_block, .userdata = c};
    int r;

    c->source = source;
    c->time = time;
    r = inventory_read(payload, size, &reader);
    c->source = NULL;
    c->node = NULL;
    return r;
}

/* --- All of them together --------------------------------------------------------------------- */

static int check_link(InventoryCheck *c, const Node *node, const Block *a, const Block *b)
{
    if (!a->has_digests || !b->has_digests)
        return 0;
    if (memcmp(a->digest, b->previous, sizeof a->digest) != 0)
        return note(c, node, &b->number, "unchained",
                    "the block before it is not the one that it was written after");
    if (b->base != b->number && b->base != a->base)
        return note(c, node, &b->number, "altered",
                    "it does not build on what the block before builds on");
    return 0;
}

/* From there to before there nothing is here. */
static int note_missing(InventoryCheck *c, const Node *node, uint64_t from, uint64_t to)
{
    char reason[96];

    if (to - from > 1)
        (void)snprintf(reason, sizeof reason, "none of the envelopes has it, nor those up to %llu",
                       (unsigned long long)to - 1);
    else
        (void)snprintf(reason, sizeof reason, "none of the envelopes has it");
    return note(c, node, &from, "missing", reason);
}

/* wanted: what is missing is a problem. ret_whole: is everything here that the device has? */
static int check_node(InventoryCheck *c, const Node *node, bool wanted, bool *ret_whole)
{
    uint64_t next = node->has_range ? node->first : node->n > 0 ? node->blocks[0].number : 0;
    bool is_whole = true;
    int r = 0;

    for (size_t i = 0; r >= 0 && i < node->n; i++) {
        const Block *b = &node->blocks[i];

        if (b->number > next) {
            is_whole = false;
            r = wanted ? note_missing(c, node, next, b->number) : 0;
        }
        if (r >= 0 && i > 0 && b[-1].number + 1 == b->number)
            r = check_link(c, node, b - 1, b);
        if (b->number >= next)
            next = b->number + 1;
    }
    if (r >= 0 && node->has_range && next <= node->last) {
        is_whole = false;
        r = wanted ? note_missing(c, node, next, node->last + 1) : 0;
    }
    *ret_whole = is_whole;
    return r;
}

static int add_node(json_object *list, const Node *node, bool is_whole)
{
    json_object *o = json_object_new_object();
    uint64_t files = 0;
    int r;

    if (!o)
        return -ENOMEM;
    for (size_t i = 0; i < node->n; i++)
        files += node->blocks[i].n_files;
    r = json_add(o, "node", json_object_new_string(node->name));
    if (r >= 0 && node->has_range) {
        r = json_add(o, "first-block", json_object_new_uint64(node->first));
        if (r >= 0)
            r = json_add(o, "last-block", json_object_new_uint64(node->last));
    }
    if (r >= 0 && node->n > 0) {
        r = json_add(o, "from", json_object_new_uint64(node->blocks[0].number));
        if (r >= 0)
            r = json_add(o, "to", json_object_new_uint64(node->blocks[node->n - 1].number));
    }
    if (r >= 0)
        r = json_add(o, "blocks", json_object_new_uint64(node->n));
    if (r >= 0)
        r = json_add(o, "files", json_object_new_uint64(files));
    if (r >= 0)
        r = json_add(o, "whole", json_object_new_boolean(is_whole));
    if (r < 0 || json_object_array_add(list, o) < 0) {
        json_object_put(o);
        return -ENOMEM;
    }
    return 0;
}

int inventory_check_finish(InventoryCheck *c, bool whole, json_object **ret)
{
    _cleanup_json_ json_object *result = json_object_new_object();
    json_object *nodes = json_object_new_array();
    int r = result ? json_add(result, "nodes", nodes) : -ENOMEM;

    for (size_t i = 0; r >= 0 && i < c->n_nodes; i++) {
        bool is_whole;

        r = check_node(c, c->nodes[i], whole, &is_whole);
        if (r >= 0)
            r = add_node(nodes, c->nodes[i], is_whole);
    }
    if (r >= 0)
        r = json_add(result, "problems", json_object_get(c->problems));
    if (r >= 0)
        *ret = c->n_nodes > 0 ? TAKE_PTR(result) : NULL;
    return r;
}
