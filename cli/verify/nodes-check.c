/* SPDX-License-Identifier: Apache-2.0 */
#include "nodes-check.h"

#include <stdarg.h>

#include "inventory-check.h"
#include "json-scan.h"
#include "payload-scan.h"

#define NODE_NAME_MAX 32U
#define CODE_MAX 32U
#define SUCCESS "Success"
#define TEXT_MAX 512U

/* One element of the list, as it is read. */
typedef struct Entry {
    char name[NODE_NAME_MAX + 1], code[CODE_MAX + 1];
    json_object *reason; /* as the router has it */
    const uint8_t *dossier;
    size_t dossier_size; /* 0: there is none */
} Entry;

typedef struct Walk {
    const Envelope *envelope;
    json_object *list;
    bool seen;
    int error;
    unsigned n_wrong;
    char reason[NODES_REASON_SIZE];
} Walk;

/* --- Reading ---------------------------------------------------------------------------------- */

/* Names and codes are plain words: an escape in one is not of our writing. */
static bool take_word(JsonScan *s, char *buffer, size_t size)
{
    const uint8_t *text;
    size_t n;

    if (buffer[0] || !json_scan_string(s, &text, &n) || n == 0 || n >= size)
        return false;
    for (size_t i = 0; i < n; i++)
        if (text[i] < ' ' || text[i] > '~' || text[i] == '\\')
            return false;
    memcpy(buffer, text, n);
    buffer[n] = 0;
    return true;
}

static bool take_reason(JsonScan *s, Entry *e)
{
    const uint8_t *text;
    size_t n;

    if (e->reason || !json_scan_string(s, &text, &n) || n > TEXT_MAX)
        return false;
    return json_parse((const char *)text - 1, n + 2, &e->reason) >= 0;
}

static bool take_dossier(JsonScan *s, Entry *e)
{
    json_scan_blanks(s);
    if (e->dossier)
        return false;
    e->dossier = s->position;
    if (!json_scan_value(s))
        return false;
    e->dossier_size = (size_t)(s->position - e->dossier);
    return true;
}

static bool on_entry_member(JsonScan *s, const uint8_t *name, size_t size, void *userdata)
{
    Entry *e = userdata;

    if (json_scan_equals(name, size, "node-location"))
        return take_word(s, e->name, sizeof e->name);
    if (json_scan_equals(name, size, "result-code"))
        return take_word(s, e->code, sizeof e->code);
    if (json_scan_equals(name, size, "reason"))
        return take_reason(s, e);
    return json_scan_equals(name, size, "dossier") && take_dossier(s, e);
}

/* --- Judging ---------------------------------------------------------------------------------- */

typedef struct Judgement {
    const char *verdict;
    char reason[NODES_REASON_SIZE];
    char nonce[PAYLOAD_NONCE_MAX];
    json_object *inventory;
} Judgement;

static void judge(Judgement *j, const char *verdict, const char *format, ...) _printf_(3, 4);

static void judge(Judgement *j, const char *verdict, const char *format, ...)
{
    va_list ap;

    j->verdict = verdict;
    va_start(ap, format);
    (void)vsnprintf(j->reason, sizeof j->reason, format, ap);
    va_end(ap);
}

/* What there is of it is an answer to this question, or it is none. */
static void judge_nonce(const Envelope *envelope, bool is_whole, Judgement *j)
{
    if (j->nonce[0] && !envelope_nonce_is(envelope, j->nonce))
        judge(j, "nonce-mismatch", "its nonce is %.159s, the envelope's is %s", j->nonce,
              envelope->nonce[0] ? envelope->nonce : "absent");
    else if (is_whole && !j->nonce[0] && envelope->nonce[0])
        judge(j, "nonce-mismatch", "it has no nonce, the envelope has %s", envelope->nonce);
}

static int judge_inventory(const Entry *e, const Envelope *envelope, Judgement *j)
{
    _cleanup_(inventory_check_freep) InventoryCheck *chain = inventory_check_new();
    json_object *problems;
    int r;

    if (!chain)
        return -ENOMEM;
    r = inventory_check_add(chain, NULL, envelope->issued_at, e->dossier, e->dossier_size);
    if (r == -EBADMSG || r == -E2BIG) {
        judge(j, "bad-payload", "its filesystem inventory is %s",
              r == -E2BIG ? "too large" : "none");
        return 0;
    }
    if (r >= 0)
        r = inventory_check_finish(chain, false, &j->inventory);
    if (r >= 0 && j->inventory && json_get_array(j->inventory, "problems", &problems) >= 0 &&
        json_object_array_length(problems) > 0)
        judge(j, "broken-inventory", "%zu%s problems with blocks of its filesystem inventory",
              json_object_array_length(problems),
              json_object_array_length(problems) < INVENTORY_PROBLEMS_MAX ? "" : " or more");
    return r;
}

static int judge_dossier(const Entry *e, const Envelope *envelope, bool is_whole, Judgement *j)
{
    PayloadInfo info;
    int r = payload_scan(e->dossier, e->dossier_size, &info);

    if (r < 0)
        return r;
    memcpy(j->nonce, info.nonce, sizeof j->nonce);
    /* The first bytes of one that was cut off may not say yet what it is. */
    if (info.is_doubtful || (is_whole && !info.is_dossier)) {
        judge(j, "bad-payload", "what it sent is no dossier, or an ambiguous one");
        return 0;
    }
    judge_nonce(envelope, is_whole, j);
    /* Blocks that are cut off would all be problems, and the reason is known. */
    return j->verdict || !is_whole ? 0 : judge_inventory(e, envelope, j);
}

static bool is_told(json_object *list, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *other;

        if (json_get_string(json_object_array_get_idx(list, i), "node-location", &other) >= 0 &&
            streq(other, name))
            return true;
    }
    return false;
}

static int judge_entry(const Walk *w, const Entry *e, Judgement *j)
{
    bool is_whole = streq(e->code, SUCCESS);
    int r = 0;

    if (is_told(w->list, e->name))
        judge(j, "bad-payload", "it is there twice");
    else if (is_whole && e->dossier_size == 0)
        judge(j, "bad-payload", "it has no dossier");
    else if (!is_whole && !e->reason)
        judge(j, "bad-payload", "it does not say why it is not whole");
    else if (e->dossier_size > 0)
        r = judge_dossier(e, w->envelope, is_whole, j);
    if (!j->verdict)
        j->verdict = is_whole ? "good" : "incomplete";
    return r;
}

/* --- Telling ---------------------------------------------------------------------------------- */

static int tell(json_object *list, const Entry *e, const Judgement *j)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    int r;

    if (!o)
        return -ENOMEM;
    r = json_add(o, "node-location", json_object_new_string(e->name));
    if (r >= 0)
        r = json_add(o, "verdict", json_object_new_string(j->verdict));
    if (r >= 0)
        r = json_add(o, "result-code", json_object_new_string(e->code));
    if (r >= 0 && (j->reason[0] || e->reason))
        r = json_add(o, "reason",
                     j->reason[0] ? json_object_new_string(j->reason) : json_object_get(e->reason));
    if (r >= 0 && j->nonce[0])
        r = json_add(o, "nonce", json_object_new_string(j->nonce));
    if (r >= 0 && e->dossier_size > 0)
        r = json_add(o, "bytes", json_object_new_uint64(e->dossier_size));
    if (r >= 0 && j->inventory)
        r = json_add(o, "inventory", json_object_get(j->inventory));
    if (r >= 0 && json_object_array_add(list, o) < 0)
        r = -ENOMEM;
    if (r >= 0)
        (void)TAKE_PTR(o);
    return r;
}

static bool add_entry(Walk *w, const Entry *e)
{
    Judgement j = {.verdict = NULL};
    int r = judge_entry(w, e, &j);

    if (r >= 0)
        r = tell(w->list, e, &j);
    json_object_putp(&j.inventory);
    /* Its own reason is the router's word; ours is that the router's word cannot hold. */
    if (r >= 0 && j.reason[0] && w->n_wrong++ == 0)
        (void)snprintf(w->reason, sizeof w->reason, "node %s: %.200s", e->name, j.reason);
    w->error = r;
    return r >= 0;
}

static bool on_entry(JsonScan *s, void *userdata)
{
    Walk *w = userdata;
    Entry e = {.reason = NULL};
    bool good = json_object_array_length(w->list) < NODES_CHECK_MAX &&
                json_scan_object(s, on_entry_member, &e) && e.name[0] && e.code[0] &&
                add_entry(w, &e);

    json_object_putp(&e.reason);
    return good;
}

static bool on_member(JsonScan *s, const uint8_t *name, size_t size, void *userdata)
{
    Walk *w = userdata;

    if (!json_scan_equals(name, size, "nodes"))
        return json_scan_value(s);
    if (w->seen)
        return false;
    w->seen = true;
    return json_scan_array(s, on_entry, w);
}

int nodes_check(const Envelope *envelope, const void *payload, size_t size, json_object **ret,
                char reason[NODES_REASON_SIZE])
{
    _cleanup_json_ json_object *list = json_object_new_array();
    Walk w = {.envelope = envelope, .list = list};
    JsonScan s = {payload, (const uint8_t *)payload + size};

    if (!list)
        return -ENOMEM;
    if (!json_scan_object(&s, on_member, &w))
        return w.error < 0 ? w.error : -EBADMSG;
    (void)snprintf(reason, NODES_REASON_SIZE, "%s", w.reason);
    *ret = w.seen ? TAKE_PTR(list) : NULL;
    return 0;
}

/* --- Those that are whole, one after the other ------------------------------------------------ */

typedef struct Visit {
    nodes_visit_t visit;
    void *userdata;
    int error;
} Visit;

static bool visit_entry(JsonScan *s, void *userdata)
{
    Visit *v = userdata;
    Entry e = {.reason = NULL};
    bool good = json_scan_object(s, on_entry_member, &e) && e.name[0];

    if (good && streq(e.code, SUCCESS) && e.dossier_size > 0)
        v->error = v->visit(e.name, e.dossier, e.dossier_size, v->userdata);
    json_object_putp(&e.reason);
    return good && v->error >= 0;
}

static bool visit_member(JsonScan *s, const uint8_t *name, size_t size, void *userdata)
{
    return json_scan_equals(name, size, "nodes") ? json_scan_array(s, visit_entry, userdata)
                                                 : json_scan_value(s);
}

int nodes_visit(const void *payload, size_t size, nodes_visit_t visit, void *userdata)
{
    Visit v = {.visit = visit, .userdata = userdata};
    JsonScan s = {payload, (const uint8_t *)payload + size};

    return json_scan_object(&s, visit_member, &v) ? 0 : v.error < 0 ? v.error : -EBADMSG;
}
