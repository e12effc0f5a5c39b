/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include "json-util.h"

#define FAILURES_MAX 256U

Session *session_new(uint64_t number, json_object *base, uint64_t base_id)
{
    Session *session = calloc(1, sizeof(*session));

    if (!session)
        return NULL;
    session->number = number;
    session->base = json_object_get(base);
    session->base_id = base_id;
    return session;
}

Session *session_free(Session *session)
{
    if (!session)
        return NULL;
    session_clear_failures(session);
    config_place_done(&session->place);
    json_object_put(session->base);
    json_object_put(session->candidate);
    free(session->user);
    free(session->line);
    free(session->client);
    free(session->peer);
    free(session);
    return NULL;
}

json_object *session_view(const Session *session)
{
    return session->candidate ? session->candidate : session->base;
}

static int stop_at_first(ConfigEvent event, const ConfigLine *line, void *userdata)
{
    return event == CONFIG_EVENT_CONTEXT || event == CONFIG_EVENT_END ? 0 : -EEXIST;
}

bool session_is_changed(const Session *session)
{
    return session->candidate &&
           config_compare(session->base, session->candidate, stop_at_first, NULL) == -EEXIST;
}

static int measure(json_object *root, size_t *ret)
{
    _cleanup_free_ char *text = config_canonical_text(root);

    if (!text)
        return -ENOMEM;
    *ret = strlen(text);
    return 0;
}

/* Room for one more line of this size? Exact only when it gets tight. */
static int reserve(Session *session, size_t size)
{
    int r;

    if (!session->candidate) {
        session->candidate = config_canonical(session->base);
        if (!session->candidate)
            return -ENOMEM;
        r = measure(session->candidate, &session->candidate_size);
        if (r < 0)
            return r;
    }
    if (session->candidate_size + size > CANDIDATE_SIZE_MAX) {
        r = measure(session->candidate, &session->candidate_size);
        if (r < 0)
            return r;
    }
    if (session->candidate_size + size > CANDIDATE_SIZE_MAX)
        return -EDQUOT;
    session->candidate_size += size;
    return 0;
}

int session_accept(Session *session, ConfigParsed *parsed)
{
    _cleanup_free_ char *text = config_line_absolute_text(&parsed->line);
    int r;

    if (!text)
        return -ENOMEM;
    /* Twice: member names, quotes and braces come on top of a short line. */
    r = reserve(session, parsed->line.remove ? 0 : 2 * strlen(text));
    if (r < 0)
        return r;
    r = config_apply(session->candidate, &parsed->line);
    if (r < 0)
        return r;
    config_place_done(&session->place);
    session->place = parsed->next;
    parsed->next.name = NULL;
    return 0;
}

bool session_up(Session *session)
{
    if (session->place.mode == CONFIG_MODE_TOP)
        return false;
    config_place_done(&session->place);
    session->place.mode = CONFIG_MODE_TOP;
    return true;
}

void session_reset(Session *session, json_object *base, uint64_t base_id)
{
    json_object *old = session->base;

    session->base = json_object_get(base);
    session->base_id = base_id;
    json_object_put(old);
    json_object_put(session->candidate);
    session->candidate = NULL;
}

int session_rebase(const Session *session, json_object *running, json_object **ret)
{
    return config_replay(session->base, session_view(session), running, ret);
}

void session_clear_failures(Session *session)
{
    for (size_t i = 0; i < session->n_failures; i++) {
        free(session->failures[i].line);
        free(session->failures[i].reason);
    }
    free(session->failures);
    session->failures = NULL;
    session->n_failures = 0;
}

int session_add_failure(Session *session, const char *line, const char *reason)
{
    Failure *failures;

    if (session->n_failures >= FAILURES_MAX)
        return 0;
    failures = reallocarray(session->failures, session->n_failures + 1, sizeof(*failures));
    if (!failures)
        return -ENOMEM;
    session->failures = failures;
    failures[session->n_failures] = (Failure){strdup(line), strdup(reason)};
    if (!failures[session->n_failures].line || !failures[session->n_failures].reason) {
        free(failures[session->n_failures].line);
        free(failures[session->n_failures].reason);
        return -ENOMEM;
    }
    session->n_failures++;
    return 0;
}
