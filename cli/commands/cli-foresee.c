/* SPDX-License-Identifier: Apache-2.0 */
/* test crypto ca at: what would be then. */
#include <time.h>

#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-transfer.h"
#include "cli-trustpool.h"
#include "errors.h"
#include "json-util.h"
#include "names.h"
#include "time-render.h"

typedef struct Event {
    int64_t when;
    const char *kind, *trustpoint, *text; /* borrowed */
} Event;

typedef struct Events {
    Event *items;
    size_t n;
} Events;

/* 2027-03-01, and 2027-03-01T12:30:00Z; UTC. A 30th of February is no date. */
static int parse_time(const char *text, int64_t *ret)
{
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"};

    for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
        struct tm tm = {.tm_mday = 1}, given;
        const char *end = strptime(text, formats[i], &tm);

        if (!end || *end)
            continue;
        given = tm;
        *ret = timegm(&tm);
        return tm.tm_mday == given.tm_mday && tm.tm_sec == given.tm_sec ? 0 : -EINVAL;
    }
    return -EINVAL;
}

static int add(Events *events, const Event *event)
{
    Event *grown = reallocarray(events->items, events->n + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    events->items = grown;
    events->items[events->n++] = *event;
    return 0;
}

static int read_events(sd_bus_message *reply, Events *events)
{
    Event e;
    int r = sd_bus_message_enter_container(reply, 'a', "(xsss)");

    while (r >= 0 &&
           (r = sd_bus_message_read(reply, "(xsss)", &e.when, &e.kind, &e.trustpoint, &e.text)) > 0)
        r = add(events, &e);
    return r;
}

/* A CRL that is fetched in time is no news; one that is not is. */
static int add_crl(json_object *crl, int64_t at, json_object *texts, Events *events)
{
    _cleanup_free_ char *text = NULL;
    uint64_t next, failures;
    const char *issuer;
    json_object *kept;

    if (json_get_string(crl, "issuer", &issuer) < 0 ||
        json_get_uint64(crl, "next-update", &next) < 0 ||
        json_get_uint64(crl, "failures", &failures) < 0 || next == 0 || (int64_t)next > at)
        return 0;
    if (asprintf(
            &text,
            failures > 0
                ? "The CRL of %s ends, and to fetch the next one has failed %ju times in a row."
                : "The CRL of %s ends; the next one is fetched before, if it can be had.",
            issuer, (uintmax_t)failures) < 0) {
        text = NULL;
        return -ENOMEM;
    }
    kept = json_object_new_string(text);
    if (!kept || json_object_array_add(texts, kept) != 0)
        return -ENOMEM;
    return add(events, &(Event){(int64_t)next, failures > 0 ? "break" : "crl", "",
                                json_object_get_string(kept)});
}

/* Who may not ask about CRLs, or has no trustpool, hears of the rest. */
static int add_crls(Cli *cli, int64_t at, json_object *texts, Events *events)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_json_ json_object *list = NULL;
    _cleanup_free_ void *data = NULL;
    size_t size;
    int r;

    if (cli_call(cli, TRUSTPOOL_NAME, TRUSTPOOL_PATH, TRUSTPOOL_NAME, "ListCrls", &error, &reply,
                 NULL) < 0)
        return 0;
    r = cli_read_document(cli, reply, &data, &size);
    if (r < 0)
        return r;
    if (json_parse(data, size, &list) < 0 || !json_object_is_type(list, json_type_array))
        return cli_error(cli, EBADMSG, "The answer is no list of CRLs.");
    for (size_t i = 0; r >= 0 && i < json_object_array_length(list); i++)
        r = add_crl(json_object_array_get_idx(list, i), at, texts, events);
    return r;
}

/* The same for the CAs of the pool. reply: what the events are borrowed from. */
static int add_pool(Cli *cli, int64_t at, sd_bus_message **reply, Events *events)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    Event e = {.trustpoint = ""};
    int r = cli_call(cli, TRUSTPOOL_NAME, TRUSTPOOL_PATH, TRUSTPOOL_NAME, "Foresee", &error, reply,
                     "x", at);

    if (r < 0)
        return sd_bus_error_has_name(&error, ERROR_TOO_LARGE) ? cli_bus_error(cli, &error, r) : 0;
    r = sd_bus_message_enter_container(*reply, 'a', "(xss)");
    while (r >= 0 && (r = sd_bus_message_read(*reply, "(xss)", &e.when, &e.kind, &e.text)) > 0)
        r = add(events, &e);
    return r < 0 ? cli_error(cli, r, "The answer cannot be read: %s", strerror(-r)) : 0;
}

static int compare(const void *a, const void *b)
{
    const Event *x = a, *y = b;

    if (x->when != y->when)
        return x->when < y->when ? -1 : 1;
    return strcmp(x->trustpoint, y->trustpoint);
}

static json_object *to_json(const Events *events)
{
    json_object *list = json_object_new_array();

    for (size_t i = 0; list && i < events->n; i++) {
        const Event *e = &events->items[i];
        json_object *o = json_object_new_object();

        json_object_object_add(o, "time", json_object_new_int64(e->when));
        json_object_object_add(o, "kind", json_object_new_string(e->kind));
        if (*e->trustpoint)
            json_object_object_add(o, "trustpoint", json_object_new_string(e->trustpoint));
        json_object_object_add(o, "text", json_object_new_string(e->text));
        json_object_array_add(list, o);
    }
    return list;
}

static int print(Cli *cli, const Events *events, int64_t at)
{
    char text[TIME_TEXT_SIZE];
    size_t breaks = 0;

    if (cli->json)
        return cli_print_json(cli, to_json(events));
    for (size_t i = 0; i < events->n; i++) {
        const Event *e = &events->items[i];
        bool is_break = streq(e->kind, "break");

        breaks += is_break;
        fprintf(cli->out, "%s  %-7s  %s%s%s\n", time_render(e->when, text),
                is_break ? "BREAKS" : e->kind, e->trustpoint, *e->trustpoint ? ": " : "", e->text);
    }
    if (breaks == 0)
        fprintf(cli->out, "Nothing breaks until %s.\n", time_render(at, text));
    else
        fprintf(cli->out, "%zu thing%s break%s until %s.\n", breaks, breaks == 1 ? "" : "s",
                breaks == 1 ? "s" : "", time_render(at, text));
    return 0;
}

int cli_foresee(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL, *pool = NULL;
    _cleanup_json_ json_object *texts = json_object_new_array();
    Events events = {.n = 0};
    int64_t at;
    int r;

    if (parse_time(grammar_argument(m, "date"), &at) < 0)
        return cli_error(cli, EINVAL, "The date is like 2027-03-01, or 2027-03-01T12:30:00Z");
    r = cli_call(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_NAME, "Foresee", &error, &reply,
                 "x", at);
    if (r < 0)
        return cli_bus_error(cli, &error, r);
    r = texts ? read_events(reply, &events) : -ENOMEM;
    if (r >= 0)
        r = add_crls(cli, at, texts, &events);
    if (r < 0)
        cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    else
        r = add_pool(cli, at, &pool, &events);
    if (r >= 0) {
        if (events.n > 0)
            qsort(events.items, events.n, sizeof(events.items[0]), compare);
        r = print(cli, &events, at);
    }
    free(events.items);
    return r;
}
