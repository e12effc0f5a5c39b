/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdarg.h>
#include <sys/stat.h>

#include "chain-check.h"
#include "compare.h"
#include "input.h"
#include "inventory-check.h"
#include "json-cost.h"
#include "nodes-check.h"
#include "openssl-util.h"

static int fail(char reason[CHECK_REASON_SIZE], const char *path, int error)
{
    const char *text = strerror(-error);

    if (error == -EBADMSG)
        text = "There is nothing in PEM in it that it should have";
    else if (error == -E2BIG)
        text = "Too much in it";
    (void)snprintf(reason, CHECK_REASON_SIZE, "%s: %s", path, text);
    return error;
}

static int read_authorities(Check *c, char reason[CHECK_REASON_SIZE])
{
    const CheckOptions *o = &c->options;
    int r;

    r = input_certificates(o->root, &c->roots);
    if (r < 0)
        return fail(reason, o->root, r);
    if (sk_X509_num(c->roots) != 1) {
        (void)snprintf(reason, CHECK_REASON_SIZE,
                       "%s: There has to be exactly one certificate in it", o->root);
        return -EINVAL;
    }
    r = o->chain ? input_certificates(o->chain, &c->chain) : 0;
    if (r < 0)
        return fail(reason, o->chain, r);
    r = o->crl ? input_crls(o->crl, &c->crls) : 0;
    return r < 0 ? fail(reason, o->crl, r) : 0;
}

/* --- Memory ----------------------------------------------------------------------------------- */

/* The text and what is decoded of it, once or twice. */
static uint64_t cost_of_text(uint64_t size)
{
    return size * 5 / 2;
}

/* In its turn when it is large. *ret_cost is to be given back when it is released. */
static int read_input(Check *c, const char *path, char **ret, size_t *ret_size, uint64_t *ret_cost)
{
    struct stat st;
    uint64_t expected = 0;
    int r;

    if (stat(path, &st) >= 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        expected = (uint64_t)st.st_size < ENVELOPE_SIZE_MAX ? (uint64_t)st.st_size : 0;
    *ret_cost = cost_of_text(expected);
    (void)memory_take(&c->memory, *ret_cost, true);
    r = input_read(path, ENVELOPE_SIZE_MAX, ret, ret_size);
    if (r >= 0 && *ret_size > expected) {
        uint64_t more = cost_of_text(*ret_size - expected);

        (void)memory_take(&c->memory, more, true);
        *ret_cost += more;
    }
    return r;
}

/* Is there room for it? If not, that is the verdict. */
static bool may_build(Check *c, const char *path, uint64_t cost)
{
    if (memory_take(&c->memory, cost, false) >= 0)
        return true;
    verify_refuse(&c->result, VERDICT_BAD_PAYLOAD,
                  "%.200s%sthe dossier has so many parts that it would take %llu MiB of memory to "
                  "look at them; --memory allows %llu",
                  path ? path : "", path ? ": " : "", (unsigned long long)(cost >> 20),
                  (unsigned long long)(c->memory.memory->max >> 20));
    return false;
}

/* --- Other nodes ------------------------------------------------------------------------------ */

/* path: of another envelope than the one that is judged, or NULL. */
static int check_nodes(Check *c, const char *path, const VerifyResult *result, json_object **ret,
                       char reason[CHECK_REASON_SIZE])
{
    char wrong[NODES_REASON_SIZE];
    int r = nodes_check(&result->envelope, result->payload, result->payload_size, ret, wrong);

    if (r == -EBADMSG)
        verify_refuse(&c->result, VERDICT_BAD_PAYLOAD, "%.200s%sthe list of other nodes is none",
                      path ? path : "", path ? ": " : "");
    else if (r < 0)
        return fail(reason, path ? path : c->options.envelope, r);
    else if (wrong[0])
        verify_refuse(&c->result, VERDICT_BAD_NODE, "%.200s%s%s", path ? path : "",
                      path ? ": " : "", wrong);
    return 0;
}

/* what: of the list, for the reason; nothing is refused when the list is empty. */
static void refuse_found(Check *c, Verdict verdict, const Findings *found, const char *what)
{
    uint64_t n = json_object_array_length(found->list) + found->n_more;
    char more[64] = "";

    if (found->n_nodes > 0)
        (void)snprintf(more, sizeof more, ", %" PRIu64 " of them of other nodes", found->n_nodes);
    if (n > 0)
        verify_refuse(&c->result, verdict, "%" PRIu64 " %s%s", n, what, more);
}

/* --- Other envelopes of the same router ------------------------------------------------------- */

typedef struct Other {
    char *input;
    VerifyResult result;
    MemoryUse *memory; /* whose cost it is */
    uint64_t cost;
} Other;

static void other_done(Other *o)
{
    verify_result_done(&o->result);
    free(o->input);
    if (o->memory)
        memory_give(o->memory, o->cost);
}

/* It counts what the router did say: time and nonce were another question's, and a certificate may
 * have expired since. Returns 1 with its dossier, 0 when the verdict is given already. */
static int read_other(Check *c, const char *path, const char *what, Other *ret,
                      char reason[CHECK_REASON_SIZE])
{
    VerifyRequest request = c->request;
    size_t size;
    int r;

    request.nonce = NULL;
    request.max_age = -1;
    ret->memory = &c->memory;
    r = read_input(c, path, &ret->input, &size, &ret->cost);
    if (r >= 0)
        r = verify_envelope(&request, ret->input, size, &ret->result);
    if (r < 0)
        return fail(reason, path, r);
    if (ret->result.verdict != VERDICT_GOOD && ret->result.verdict != VERDICT_VALID_WHEN_SIGNED)
        verify_refuse(&c->result, ret->result.verdict, "the %s envelope: %.400s", what,
                      ret->result.reason);
    else if (!ret->result.info.is_dossier)
        verify_refuse(&c->result, VERDICT_BAD_PAYLOAD, "the %s envelope has no dossier", what);
    else {
        r = check_nodes(c, path, &ret->result, &ret->result.nodes, reason);
        if (r < 0)
            return r;
    }
    return c->result.verdict == VERDICT_GOOD;
}

static int compare_previous(Check *c, const Other *previous, char reason[CHECK_REASON_SIZE])
{
    const VerifyResult *old = &previous->result, *new = &c->result;
    uint64_t cost =
        json_cost(old->payload, old->payload_size) + json_cost(new->payload, new->payload_size);
    int r;

    /* Half as much again for the lists that are compared by name. */
    if (!may_build(c, NULL, cost + cost / 2))
        return 0;
    r = compare_dossiers(old->payload, old->payload_size, new->payload, new->payload_size,
                         c->options.list_max, &c->result.differences);
    if (r == -EBADMSG)
        verify_refuse(&c->result, VERDICT_BAD_PAYLOAD, "the previous envelope has no dossier");
    else if (r < 0)
        return fail(reason, c->options.previous, r);
    else
        refuse_found(c, VERDICT_DIFFERS, &c->result.differences,
                     "differences from the previous dossier");
    return 0;
}

/* --- The inventory's chain of blocks ---------------------------------------------------------- */

typedef struct Addition {
    InventoryCheck *chain;
    const char *path;
    int64_t time;
} Addition;

static int add_blocks_of_node(const char *name, const void *dossier, size_t size, void *userdata)
{
    const Addition *a = userdata;

    return inventory_check_add_node(a->chain, name, a->path, a->time, dossier, size);
}

/* Those of other nodes are a chain of their own, which goes on from page to page as well. Without
 * pages they have been looked at already. */
static int add_blocks(Check *c, InventoryCheck *chain, const char *path, const VerifyResult *result,
                      char reason[CHECK_REASON_SIZE])
{
    Addition addition = {chain, path, result->envelope.issued_at};
    int r = inventory_check_add(chain, path, addition.time, result->payload, result->payload_size);

    if (r >= 0 && c->options.pages && result->nodes)
        r = nodes_visit(result->payload, result->payload_size, add_blocks_of_node, &addition);
    if (r == -EBADMSG || r == -E2BIG) {
        verify_refuse(&c->result, VERDICT_BAD_PAYLOAD, "%.300s%sthe filesystem inventory is %s",
                      path ? path : "", path ? ": " : "", r == -E2BIG ? "too large" : "none");
        return 0;
    }
    return r < 0 ? fail(reason, path ? path : c->options.envelope, r) : 0;
}

static int add_page(Check *c, InventoryCheck *chain, const char *path,
                    char reason[CHECK_REASON_SIZE])
{
    _cleanup_(other_done) Other page = {.input = NULL};
    int r = read_other(c, path, path, &page, reason);
    uint64_t cost;

    if (r <= 0)
        return r;
    r = add_blocks(c, chain, path, &page.result, reason);
    if (r < 0 || !c->reference || c->result.verdict != VERDICT_GOOD ||
        !reference_has_files(c->options.reference))
        return r;
    cost = json_cost(page.result.payload, page.result.payload_size);
    if (!may_build(c, path, cost))
        return 0;
    r = reference_check_add(c->reference, page.result.payload, page.result.payload_size);
    /* What stays are the paths and their digests. */
    memory_give(&c->memory, cost - cost / 4);
    if (r == -EBADMSG)
        verify_refuse(&c->result, VERDICT_BAD_PAYLOAD, "%.300s: the dossier is ambiguous", path);
    return r == -EBADMSG ? 0 : r < 0 ? fail(reason, path, r) : 0;
}

static void judge_blocks(Check *c)
{
    json_object *problems, *first;
    const char *problem = "";
    uint64_t block = 0;
    size_t n;

    if (json_get_array(c->result.inventory, "problems", &problems) < 0)
        return;
    n = json_object_array_length(problems);
    if (n == 0)
        return;
    first = json_object_array_get_idx(problems, 0);
    (void)json_get_string(first, "problem", &problem);
    (void)json_get_uint64(first, "block", &block);
    verify_refuse(&c->result, VERDICT_BROKEN_INVENTORY,
                  "%zu%s problems with blocks of the filesystem inventory; the first: block %llu "
                  "%s",
                  n, n < INVENTORY_PROBLEMS_MAX ? "" : " or more", (unsigned long long)block,
                  problem);
}

/* previous: NULL when there is none. */
static int check_inventory(Check *c, const Other *previous, char reason[CHECK_REASON_SIZE])
{
    _cleanup_(inventory_check_freep) InventoryCheck *chain = inventory_check_new();
    const char *const *pages = c->options.pages;
    int r = 0;

    if (!chain)
        return fail(reason, c->options.envelope, -ENOMEM);
    if (previous)
        r = add_blocks(c, chain, c->options.previous, &previous->result, reason);
    for (size_t i = 0; r >= 0 && pages && pages[i] && c->result.verdict == VERDICT_GOOD; i++)
        r = add_page(c, chain, pages[i], reason);
    if (r >= 0)
        r = add_blocks(c, chain, NULL, &c->result, reason);
    if (r < 0 || c->result.verdict != VERDICT_GOOD)
        return r;
    r = inventory_check_finish(chain, pages != NULL, &c->result.inventory);
    if (r < 0)
        return fail(reason, c->options.envelope, r);
    if (c->result.inventory)
        judge_blocks(c);
    else if (pages)
        verify_refuse(&c->result, VERDICT_BAD_PAYLOAD, "none of the dossiers has an inventory");
    return 0;
}

/* --- The list of what should be there --------------------------------------------------------- */

static int compare_reference(Check *c, char reason[CHECK_REASON_SIZE])
{
    int r;

    if (!may_build(c, NULL, json_cost(c->result.payload, c->result.payload_size)))
        return 0;
    r = reference_check_finish(c->reference, c->result.payload, c->result.payload_size,
                               c->options.list_max, &c->result.deviations);
    if (r == -EBADMSG)
        verify_refuse(&c->result, VERDICT_BAD_PAYLOAD, "the dossier has packages that are none");
    else if (r < 0)
        return fail(reason, c->options.envelope, r);
    else
        refuse_found(c, VERDICT_NOT_AS_REFERENCE, &c->result.deviations,
                     "packages or files are not as the reference has them");
    return 0;
}

/* What is said of a good dossier besides. */
static int judge_content(Check *c, char reason[CHECK_REASON_SIZE])
{
    _cleanup_(other_done) Other previous = {.input = NULL};
    const CheckOptions *o = &c->options;
    int r = 0;

    if (c->result.verdict != VERDICT_GOOD)
        return 0;
    if (!c->result.info.is_dossier) {
        if (o->reference || o->previous || o->pages)
            verify_refuse(&c->result, VERDICT_BAD_PAYLOAD,
                          "the payload is no dossier, so there is nothing to compare");
        return 0;
    }
    if (o->reference && !(c->reference = reference_check_new(o->reference)))
        return fail(reason, o->envelope, -ENOMEM);
    r = check_nodes(c, NULL, &c->result, &c->result.nodes, reason);
    if (r < 0 || c->result.verdict != VERDICT_GOOD)
        return r;
    if (o->previous)
        r = read_other(c, o->previous, "previous", &previous, reason);
    if (r < 0 || c->result.verdict != VERDICT_GOOD)
        return r;
    if (o->previous && previous.result.envelope.issued_at > c->result.envelope.issued_at)
        c->result.warning = "the previous envelope was signed after this one";
    r = check_inventory(c, o->previous ? &previous : NULL, reason);
    if (r >= 0 && o->reference && c->result.verdict == VERDICT_GOOD)
        r = compare_reference(c, reason);
    if (r >= 0 && o->previous && c->result.verdict != VERDICT_BROKEN_INVENTORY &&
        c->result.verdict != VERDICT_BAD_PAYLOAD)
        r = compare_previous(c, &previous, reason);
    return r;
}

int check_run(const CheckOptions *options, Check *ret, char reason[CHECK_REASON_SIZE])
{
    uint64_t cost;
    size_t size;
    int r;

    *ret = (Check){
        .options = *options, .result.verdict = VERDICT_USAGE, .memory.memory = options->memory};
    r = read_authorities(ret, reason);
    if (r < 0)
        return r;
    ret->request = (VerifyRequest){
        .root = sk_X509_value(ret->roots, 0),
        .chain = ret->chain,
        .crls = ret->crls,
        .nonce = options->nonce,
        .max_age = options->max_age,
        .at = options->at,
    };
    r = read_input(ret, options->envelope, &ret->input, &size, &cost);
    if (r >= 0)
        r = verify_envelope(&ret->request, ret->input, size, &ret->result);
    return r < 0 ? fail(reason, options->envelope, r) : judge_content(ret, reason);
}

void check_done(Check *c)
{
    verify_result_done(&c->result);
    (void)reference_check_free(c->reference);
    x509_stack_freep(&c->roots);
    x509_stack_freep(&c->chain);
    crl_stack_freep(&c->crls);
    free(c->input);
    memory_use_done(&c->memory);
    *c = (Check){.input = NULL};
}
