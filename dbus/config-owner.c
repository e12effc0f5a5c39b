/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.ConfigOwner1, and the questions to policyd at start. */
#include "config-owner.h"

#include <stdarg.h>

#include "errors.h"
#include "json-util.h"
#include "log.h"
#include "memfd.h"
#include "names.h"
#include "org.chancery.ConfigOwner1.h"
#include "server-internal.h"

#define SECTION_SIZE_MAX (4U * 1024 * 1024)
#define PROBLEMS_MAX 100U
#define WARNINGS_MAX 32U
#define FETCH_TIMEOUT_USEC (10 * 1000000ULL)
#define RETRY_MIN_USEC (1 * 1000000ULL)
#define RETRY_MAX_USEC (60 * 1000000ULL)

typedef struct SectionState {
    struct ConfigOwner *owner;
    const ConfigSection *section;
    bool known;
    uint64_t commit;
    sd_bus_slot *slot;
} SectionState;

typedef struct ConfigOwner {
    Server *server;
    void *userdata;
    SectionState *sections;
    size_t n;
    sd_event_source *retry;
    uint64_t retry_usec;
    sd_bus_message *applying; /* the call that has yet to be answered, while a section is applied */
} ConfigOwner;

typedef struct ConfigWarning {
    char *line, *reason;
} ConfigWarning;

struct ConfigProblems {
    sd_bus_message *call, *reply;
    unsigned count;
    bool later;
    /* They come behind all problems. */
    ConfigWarning warnings[WARNINGS_MAX];
    unsigned n_warnings;
};

struct ConfigApplied {
    sd_bus_message *call;
};

int config_problem(ConfigProblems *problems, const char *line, const char *format, ...)
{
    _cleanup_free_ char *reason = NULL;
    va_list ap;
    int r;

    if (++problems->count > PROBLEMS_MAX)
        return 0;
    va_start(ap, format);
    r = vasprintf(&reason, format, ap);
    va_end(ap);
    if (r < 0)
        return -ENOMEM;
    return sd_bus_message_append(problems->reply, "(ss)", line, reason);
}

int config_warning(ConfigProblems *problems, const char *line, const char *format, ...)
{
    ConfigWarning *w = &problems->warnings[problems->n_warnings];
    va_list ap;
    int r;

    if (problems->n_warnings == WARNINGS_MAX)
        return 0;
    va_start(ap, format);
    r = vasprintf(&w->reason, format, ap);
    va_end(ap);
    if (r < 0) {
        w->reason = NULL;
        return -ENOMEM;
    }
    w->line = strdup(line);
    if (!w->line) {
        free(w->reason);
        return -ENOMEM;
    }
    problems->n_warnings++;
    return 0;
}

static ConfigProblems *problems_free(ConfigProblems *problems)
{
    if (!problems)
        return NULL;
    for (unsigned i = 0; i < problems->n_warnings; i++) {
        free(problems->warnings[i].line);
        free(problems->warnings[i].reason);
    }
    sd_bus_message_unref(problems->reply);
    sd_bus_message_unref(problems->call);
    free(problems);
    return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(ConfigProblems *, problems_free);

static int problems_new(sd_bus_message *call, ConfigProblems **ret)
{
    _cleanup_(problems_freep) ConfigProblems *problems = calloc(1, sizeof *problems);
    int r;

    if (!problems)
        return -ENOMEM;
    problems->call = sd_bus_message_ref(call);
    r = sd_bus_message_new_method_return(call, &problems->reply);
    if (r >= 0)
        r = sd_bus_message_open_container(problems->reply, 'a', "(ss)");
    if (r < 0)
        return r;
    *ret = TAKE_PTR(problems);
    return 0;
}

void config_problems_later(ConfigProblems *problems)
{
    problems->later = true;
}

void config_problems_answer(ConfigProblems *problems, int r)
{
    if (r >= 0)
        r = sd_bus_message_close_container(problems->reply);
    if (r >= 0)
        r = sd_bus_message_open_container(problems->reply, 'a', "(ss)");
    for (unsigned i = 0; r >= 0 && i < problems->n_warnings; i++)
        r = sd_bus_message_append(problems->reply, "(ss)", problems->warnings[i].line,
                                  problems->warnings[i].reason);
    if (r >= 0)
        r = sd_bus_message_close_container(problems->reply);
    if (r >= 0)
        r = sd_bus_send(NULL, problems->reply, NULL);
    if (r < 0) {
        log_error_errno(r, "Failed to check a section: %m");
        r = sd_bus_reply_method_errno(problems->call, r, NULL);
    }
    if (r < 0)
        log_warning_errno(r, "Failed to answer policyd, ignoring: %m");
    problems_free(problems);
}

ConfigApplied *config_applied_later(Server *server)
{
    ConfigOwner *owner = server->config_owner;
    ConfigApplied *applied = owner->applying ? calloc(1, sizeof *applied) : NULL;

    if (applied)
        applied->call = TAKE_PTR(owner->applying);
    return applied;
}

void config_applied_answer(ConfigApplied *applied)
{
    int r = sd_bus_reply_method_return(applied->call, NULL);

    if (r < 0)
        log_warning_errno(r, "Failed to answer policyd, ignoring: %m");
    config_applied_free(applied);
}

ConfigApplied *config_applied_free(ConfigApplied *applied)
{
    if (!applied)
        return NULL;
    sd_bus_message_unref(applied->call);
    free(applied);
    return NULL;
}

static SectionState *section_find(ConfigOwner *owner, const char *name)
{
    for (size_t i = 0; i < owner->n; i++)
        if (streq(owner->sections[i].section->name, name))
            return &owner->sections[i];
    return NULL;
}

static int section_parse(int fd, json_object **ret)
{
    _cleanup_free_ void *text = NULL;
    size_t size;
    int r;

    r = memfd_read(fd, SECTION_SIZE_MAX, &text, &size);
    if (r < 0)
        return r;
    r = json_parse(text, size, ret);
    if (r >= 0 && !json_object_is_type(*ret, json_type_object)) {
        json_object_put(*ret);
        return -EBADMSG;
    }
    return r;
}

static int section_read(ConfigOwner *owner, const char *name, int fd, SectionState **ret_state,
                        json_object **ret_text, sd_bus_error *reterr_error)
{
    int r;

    *ret_state = section_find(owner, name);
    if (!*ret_state)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "Section '%.64s' is not kept here", name);
    r = section_parse(fd, ret_text);
    if (r < 0)
        return sd_bus_error_setf(reterr_error, error_name_from_errno(r),
                                 "The section is not a sealed JSON object");
    return 0;
}

int config_owner1_method_check(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(problems_freep) ConfigProblems *problems = NULL;
    _cleanup_json_ json_object *candidate = NULL;
    ConfigOwner *owner = userdata;
    SectionState *state;
    const char *name;
    int fd, r;

    r = sd_bus_message_read(m, "sh", &name, &fd);
    if (r < 0)
        return r;
    r = section_read(owner, name, fd, &state, &candidate, reterr_error);
    if (r < 0)
        return r;
    r = problems_new(m, &problems);
    if (r >= 0 && state->section->check)
        r = state->section->check(owner->userdata, candidate, problems);
    if (r < 0)
        return r;
    if (problems->later)
        TAKE_PTR(problems);
    else
        config_problems_answer(TAKE_PTR(problems), 0);
    return 1;
}

static int section_apply(SectionState *state, uint64_t commit, json_object *configuration)
{
    int r;

    /* The answer to the question at start may come in after a newer commit. */
    if (state->known && commit < state->commit)
        return 0;
    r = state->section->apply(state->owner->userdata, commit, configuration);
    if (r < 0)
        return log_error_errno(r, "Failed to apply section %s of commit %llu: %m",
                               state->section->name, (unsigned long long)commit);
    state->known = true;
    state->commit = commit;
    log_debug("Section %s of commit %llu is in effect", state->section->name,
              (unsigned long long)commit);
    return 0;
}

int config_owner1_method_apply(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_json_ json_object *configuration = NULL;
    ConfigOwner *owner = userdata;
    SectionState *state;
    const char *name;
    uint64_t commit;
    int fd, r;

    r = sd_bus_message_read(m, "sth", &name, &commit, &fd);
    if (r < 0)
        return r;
    r = section_read(owner, name, fd, &state, &configuration, reterr_error);
    if (r < 0)
        return r;
    owner->applying = sd_bus_message_ref(m);
    r = section_apply(state, commit, configuration);
    if (r >= 0 && owner->applying)
        r = sd_bus_reply_method_return(m, NULL);
    owner->applying = sd_bus_message_unref(owner->applying);
    return r < 0 ? r : 1;
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
    ConfigOwner *owner = userdata;

    return config_owner_fetch(owner->server);
}

static void schedule_retry(ConfigOwner *owner)
{
    int r;

    owner->retry_usec = owner->retry_usec ? owner->retry_usec * 2 : RETRY_MIN_USEC;
    if (owner->retry_usec > RETRY_MAX_USEC)
        owner->retry_usec = RETRY_MAX_USEC;
    owner->retry = sd_event_source_unref(owner->retry);
    r = sd_event_add_time_relative(owner->server->event, &owner->retry, CLOCK_BOOTTIME,
                                   owner->retry_usec, 0, on_retry, owner);
    if (r < 0)
        log_error_errno(r, "Failed to arrange another question to policyd: %m");
}

static int on_section(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_json_ json_object *configuration = NULL;
    SectionState *state = userdata;
    uint64_t commit;
    int fd, r;

    state->slot = sd_bus_slot_unref(state->slot);
    if (sd_bus_message_is_method_error(reply, NULL)) {
        log_warning("No configuration from policyd yet (%s), asking again later",
                    sd_bus_message_get_error(reply)->message);
        schedule_retry(state->owner);
        return 1;
    }
    r = sd_bus_message_read(reply, "th", &commit, &fd);
    if (r >= 0)
        r = section_parse(fd, &configuration);
    if (r < 0) {
        log_error_errno(r, "policyd's section %s does not parse, going on without: %m",
                        state->section->name);
        return 1;
    }
    (void)section_apply(state, commit, configuration);
    return 1;
}

int config_owner_fetch(Server *server)
{
    ConfigOwner *owner = server->config_owner;
    int r;

    for (size_t i = 0; i < owner->n; i++) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        SectionState *state = &owner->sections[i];

        if (state->known || state->slot)
            continue;
        r = sd_bus_message_new_method_call(server->bus, &call, POLICY_NAME, POLICY_PATH,
                                           POLICY_NAME, "GetSection");
        if (r >= 0)
            r = sd_bus_message_append(call, "s", state->section->name);
        if (r >= 0)
            r = sd_bus_call_async(server->bus, &state->slot, call, on_section, state,
                                  FETCH_TIMEOUT_USEC);
        if (r < 0)
            return log_error_errno(r, "Failed to ask policyd for the configuration: %m");
    }
    return 0;
}

int config_owner_init(Server *server, const ConfigSection *sections, void *userdata)
{
    ConfigOwner *owner = calloc(1, sizeof *owner);

    if (!owner)
        return -ENOMEM;
    server->config_owner = owner;
    owner->server = server;
    owner->userdata = userdata;
    while (sections[owner->n].name)
        owner->n++;
    owner->sections = calloc(owner->n, sizeof *owner->sections);
    if (!owner->sections)
        return -ENOMEM;
    for (size_t i = 0; i < owner->n; i++)
        owner->sections[i] = (SectionState){.owner = owner, .section = &sections[i]};
    return server_add_object(server, server->description->root_path, &config_owner1_interface,
                             owner);
}

void config_owner_done(Server *server)
{
    ConfigOwner *owner = server->config_owner;

    if (!owner)
        return;
    sd_event_source_unref(owner->retry);
    for (size_t i = 0; i < owner->n; i++)
        sd_bus_slot_unref(owner->sections[i].slot);
    free(owner->sections);
    free(owner);
    server->config_owner = NULL;
}
