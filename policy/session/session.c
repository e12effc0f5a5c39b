/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include "json-util.h"

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
    failures_clear(&session->failures);
    failures_clear(&session->warnings);
    config_place_done(&session->place);
    json_object_put(session->base);
    json_object_put(session->candidate);
    json_object_put(session->entered);
    free(session->user);
    free(session->line);
    free(session->client);
    free(session->process);
    free(session->peer);
    free(session);
    return NULL;
}

json_object *session_view(const Session *session)
{
    return session->candidate ? session->candidate : session->base;
}

json_object *session_entered(const Session *session)
{
    return session->entered ? config_canonical(session->entered) : json_object_new_object();
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
        _cleanup_json_ json_object *entered = json_object_new_object(),
                                   *candidate = config_canonical(session->base);

        if (!entered || !candidate)
            return -ENOMEM;
        session->entered = TAKE_PTR(entered);
        session->candidate = TAKE_PTR(candidate);
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

int session_enter(Session *session, const ConfigLine *line)
{
    _cleanup_free_ char *text = config_line_absolute_text(line);
    int r;

    if (!text)
        return -ENOMEM;
    /* Twice: member names, quotes and braces come on top of a short line. */
    r = reserve(session, line->remove ? 0 : 2 * strlen(text));
    if (r < 0)
        return r;
    r = config_apply(session->candidate, line);
    return r < 0 ? r : config_apply(session->entered, line);
}

Session *session_copy_changes(const Session *session)
{
    _cleanup_(session_freep) Session *copy = session_new(0, session->base, session->base_id);

    if (!copy || !session->candidate)
        return TAKE_PTR(copy);
    copy->candidate = config_canonical(session->candidate);
    copy->entered = config_canonical(session->entered);
    copy->candidate_size = session->candidate_size;
    return copy->candidate && copy->entered ? TAKE_PTR(copy) : NULL;
}

void session_take_changes(Session *session, Session *copy)
{
    json_object_put(session->candidate);
    json_object_put(session->entered);
    session->candidate = TAKE_PTR(copy->candidate);
    session->entered = TAKE_PTR(copy->entered);
    session->candidate_size = copy->candidate_size;
    (void)session_up(session);
}

int session_accept(Session *session, ConfigParsed *parsed)
{
    int r = session_enter(session, &parsed->line);

    if (r < 0)
        return r;
    config_place_done(&session->place);
    session->place = parsed->next;
    parsed->next.name = NULL;
    return 0;
}

char *session_place_text(const Session *session)
{
    const ConfigRow *row = config_mode_row(session->place.mode);
    _cleanup_json_ json_object *name =
        session->place.name ? json_object_new_string(session->place.name) : NULL;

    if (!row)
        return strdup("");
    return session->place.name && !name
               ? NULL
               : config_line_text(&(const ConfigLine){.row = row, .value = name});
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
    json_object_put(session->entered);
    session->candidate = session->entered = NULL;
}

int session_rebase(const Session *session, json_object *running, json_object **ret)
{
    return config_replay(session->base, session_view(session), running, ret);
}
