/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Policy1: the configuration as it is, and its history. */
#include "org.chancery.Policy1.h"

#include "errors.h"
#include "history.h"
#include "json-util.h"
#include "memfd.h"
#include "names.h"
#include "policy.h"
#include "transfer.h"

#define SECTION_WORDS_MAX 16U

int policy_bus_memfd(const char *name, const char *text)
{
    return memfd_new_sealed(name, text, strlen(text));
}

/* --- Sessions --------------------------------------------------------------------------------- */

/* What ends up in the commit list: short, and no more than what a terminal shows. */
static bool is_printable(const char *s, size_t max)
{
    size_t n = 0;

    for (; s[n]; n++)
        if (n >= max || s[n] <= ' ' || s[n] > '~')
            return false;
    return true;
}

int policy1_method_open_session(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    SessionRequest request = {.line = "", .client = "", .process = ""};
    const char *path;
    const BusOption options[] = {
        {"exclusive", 'b', &request.exclusive, NULL},
        {"line", 's', &request.line, NULL},
        {"client", 's', &request.client, NULL},
        {"process", 's', &request.process, NULL},
    };
    int r;

    r = bus_read_options(m, options, ELEMENTSOF(options), reterr_error);
    if (r < 0)
        return r;
    if (!is_printable(request.line, 32))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "'line' has at most 32 printable characters without blanks");
    if (!is_printable(request.client, 16) || !is_printable(request.process, 16))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "'client' and 'process' have at most 16 printable characters "
                                 "without blanks");
    /* It keeps others from committing. */
    if (request.exclusive) {
        r = bus_authorize(m, (const char *const[]){"config-services.write", NULL}, NULL,
                          reterr_error);
        if (r <= 0)
            return r < 0 ? r : 1;
        r = session_check_exclusive(userdata, reterr_error);
        if (r < 0)
            return r;
    }
    r = session_bus_open(userdata, m, &request, &path, reterr_error);
    if (r < 0)
        return r;
    return sd_bus_reply_method_return(m, "o", path);
}

static int append_session(sd_bus_message *reply, const Session *session)
{
    const Policy *policy = session->policy;
    int r = sd_bus_message_open_container(reply, 'a', "{sv}");

    if (r < 0 || (r = bus_append_entry(reply, "number", "t", session->number)) < 0 ||
        (r = bus_append_entry(reply, "user", "s", session->user)) < 0 ||
        (r = bus_append_entry(reply, "line", "s", session->line)) < 0 ||
        (r = bus_append_entry(reply, "client", "s", session->client)) < 0 ||
        (r = bus_append_entry(reply, "time", "t", session->opened)) < 0 ||
        (r = bus_append_entry(reply, "process", "s", session->process)) < 0 ||
        (r = bus_append_entry(reply, "pid", "u", (uint32_t)session->pid)) < 0 ||
        (r = bus_append_entry(reply, "trial", "b", trial_of(policy->trial, session) > 0)) < 0 ||
        (r = bus_append_entry(reply, "exclusive", "b", session->exclusive)) < 0)
        return r;
    return sd_bus_message_close_container(reply);
}

int policy1_method_list_sessions(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const Policy *policy = userdata;
    int r = sd_bus_message_new_method_return(m, &reply);

    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "a{sv}");
    for (const Session *s = policy->sessions; r >= 0 && s; s = s->next)
        if (!s->closed)
            r = append_session(reply, s);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

/* --- The running configuration ---------------------------------------------------------------- */

static int reply_memfd(sd_bus_message *m, const char *name, const char *text)
{
    _cleanup_close_ int fd = -EBADF;

    if (!text)
        return -ENOMEM;
    fd = policy_bus_memfd(name, text);
    return fd < 0 ? fd : bus_reply_descriptor(m, fd);
}

static int find_part(json_object *running, char *const *words, json_object **ret,
                     sd_bus_error *reterr_error)
{
    int r;

    if (!words || !words[0]) {
        *ret = config_canonical(running);
        return *ret ? 0 : -ENOMEM;
    }
    r = config_filter(running, words, ret);
    if (r == -EINVAL)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "There is no configuration with these words");
    if (r == -ENOTUNIQ)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "More than one kind of configuration begins with these words");
    if (r == -ENOENT)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "No such configuration item(s)");
    return r;
}

static char **strings_free(char **strings)
{
    for (char **s = strings; s && *s; s++)
        free(*s);
    free(strings);
    return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(char **, strings_free);

static char *running_text(json_object *part, const char *format, bool may)
{
    _cleanup_json_ json_object *masked = NULL;

    if (streq(format, "sanitized"))
        return config_render(NULL, part, CONFIG_WHATEVER);
    if (streq(format, "text"))
        return config_render(NULL, part, may ? CONFIG_OPEN : CONFIG_HASHES);
    masked = may ? json_object_get(part) : config_masked(part);
    return masked ? config_canonical_text(masked) : NULL;
}

int policy1_method_get_running_configuration(sd_bus_message *m, void *userdata,
                                             sd_bus_error *reterr_error)
{
    Policy *policy = userdata;
    _cleanup_(strings_freep) char **words = NULL;
    _cleanup_json_ json_object *part = NULL;
    _cleanup_free_ char *text = NULL;
    const char *format;
    size_t n = 0;
    int r;

    r = sd_bus_message_read_strv(m, &words);
    if (r >= 0)
        r = sd_bus_message_read(m, "s", &format);
    if (r < 0)
        return r;
    while (words && words[n])
        if (++n > SECTION_WORDS_MAX)
            return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                     "A section has at most %u words", SECTION_WORDS_MAX);
    if (!streq(format, "text") && !streq(format, "json") && !streq(format, "sanitized"))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The format is 'text', 'sanitized' or 'json'");
    r = find_part(commit_store_running(policy->store), words, &part, reterr_error);
    if (r < 0)
        return r;
    text = running_text(part, format, bus_sender_may(m));
    return reply_memfd(m, "running-configuration", text);
}

int policy1_method_get_section(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    Policy *policy = userdata;
    static const char *const known[] = {SECTION_SYSTEM,    SECTION_AAA,      SECTION_TRUSTPOINTS,
                                        SECTION_TRUSTPOOL, SECTION_SERVICES, SECTION_GRANTS,
                                        SECTION_DOSSIER,   SECTION_ACCESS};
    _cleanup_json_ json_object *section = NULL;
    _cleanup_free_ char *text = NULL;
    _cleanup_close_ int fd = -EBADF;
    bool found = false;
    const char *name;
    int r;

    r = sd_bus_message_read(m, "s", &name);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ELEMENTSOF(known); i++)
        found = found || streq(known[i], name);
    if (!found)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT, "There is no section '%.64s'",
                                 name);
    section = config_section(commit_store_running(policy->store), name);
    text = section ? config_canonical_text(section) : NULL;
    if (!text)
        return -ENOMEM;
    fd = policy_bus_memfd(name, text);
    if (fd < 0)
        return fd;
    return sd_bus_reply_method_return(m, "th", commit_store_last_id(policy->store), fd);
}

int policy1_method_get_startup_failures(sd_bus_message *m, void *userdata,
                                        sd_bus_error *reterr_error)
{
    const Policy *policy = userdata;

    return policy_bus_reply_failures(m, &policy->startup);
}

int policy1_method_get_startup_failures_text(sd_bus_message *m, void *userdata,
                                             sd_bus_error *reterr_error)
{
    const Policy *policy = userdata;

    return policy_bus_reply_failures_text(m, &policy->startup);
}

/* --- History ---------------------------------------------------------------------------------- */

static int append_commit(sd_bus_message *reply, const Commit *commit)
{
    int r;

    r = sd_bus_message_open_container(reply, 'a', "{sv}");
    if (r < 0)
        return r;
    if ((r = bus_append_entry(reply, "id", "t", commit->id)) < 0 ||
        (r = bus_append_entry(reply, "user", "s", commit->user)) < 0 ||
        (r = bus_append_entry(reply, "line", "s", commit->line)) < 0 ||
        (r = bus_append_entry(reply, "client", "s", commit->client)) < 0 ||
        (r = bus_append_entry(reply, "time", "t", commit->time)) < 0 ||
        (commit->label && (r = bus_append_entry(reply, "label", "s", commit->label)) < 0) ||
        (commit->comment && (r = bus_append_entry(reply, "comment", "s", commit->comment)) < 0) ||
        (commit->warnings && (r = bus_append_entry(reply, "warnings", "s", commit->warnings)) < 0))
        return r;
    return sd_bus_message_close_container(reply);
}

int policy1_method_list_commits(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    Policy *policy = userdata;
    const Commit *commit;
    uint32_t max;
    int r;

    r = sd_bus_message_read(m, "u", &max);
    if (r >= 0)
        r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "a{sv}");
    for (size_t i = 0;
         r >= 0 && (max == 0 || i < max) && (commit = commit_store_get(policy->store, i)); i++)
        r = append_commit(reply, commit);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r < 0)
        return r;
    r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

static int reply_difference(sd_bus_message *m, json_object *old, json_object *new,
                            const char *format, sd_bus_error *reterr_error)
{
    _cleanup_free_ char *text = NULL;

    if (streq(format, "text"))
        text = config_render(old, new, bus_sender_may(m) ? CONFIG_OPEN : CONFIG_HASHES);
    else if (streq(format, "diff"))
        text = config_render_diff(old, new, bus_sender_may(m) ? CONFIG_OPEN : CONFIG_HASHES);
    else
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The format is 'text' or 'diff'");
    return reply_memfd(m, "changes", text);
}

int policy1_method_get_commit_changes(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_json_ json_object *old = NULL, *new = NULL;
    const Policy *policy = userdata;
    const char *kind, *which, *format;
    int r = sd_bus_message_read(m, "sss", &kind, &which, &format);

    if (r >= 0)
        r = history_changes(policy->store, kind, which, &old, &new, reterr_error);
    return r < 0 ? r : reply_difference(m, old, new, format, reterr_error);
}

int policy1_method_get_rollback_changes(sd_bus_message *m, void *userdata,
                                        sd_bus_error *reterr_error)
{
    _cleanup_json_ json_object *new = NULL;
    const Policy *policy = userdata;
    const char *kind, *which, *format;
    int r = sd_bus_message_read(m, "sss", &kind, &which, &format);

    if (r >= 0)
        r = history_rollback(policy->store, kind, which, &new, reterr_error);
    return r < 0 ? r
                 : reply_difference(m, commit_store_running(policy->store), new, format,
                                    reterr_error);
}

/* --- Properties ------------------------------------------------------------------------------- */

int policy1_get_last_commit(sd_bus *bus, const char *path, const char *interface,
                            const char *property, sd_bus_message *reply, void *userdata,
                            sd_bus_error *reterr_error)
{
    const Policy *policy = userdata;

    return sd_bus_message_append(reply, "t", commit_store_last_id(policy->store));
}

int policy1_get_last_commit_time(sd_bus *bus, const char *path, const char *interface,
                                 const char *property, sd_bus_message *reply, void *userdata,
                                 sd_bus_error *reterr_error)
{
    const Policy *policy = userdata;
    const Commit *last = commit_store_get(policy->store, 0);

    return sd_bus_message_append(reply, "t", last ? last->time : UINT64_C(0));
}

int policy1_get_last_commit_user(sd_bus *bus, const char *path, const char *interface,
                                 const char *property, sd_bus_message *reply, void *userdata,
                                 sd_bus_error *reterr_error)
{
    const Policy *policy = userdata;
    const Commit *last = commit_store_get(policy->store, 0);

    return sd_bus_message_append(reply, "s", last ? last->user : "");
}

int policy1_get_hostname(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    return sd_bus_message_append(reply, "s", policy_hostname(userdata));
}

/* The router's own, for where nothing is configured. */
#define EXEC_TIMEOUT_DEFAULT 600U

int policy1_get_exec_timeout(sd_bus *bus, const char *path, const char *interface,
                             const char *property, sd_bus_message *reply, void *userdata,
                             sd_bus_error *reterr_error)
{
    const Policy *policy = userdata;
    uint32_t seconds = EXEC_TIMEOUT_DEFAULT;
    json_object *line, *numbers;

    if (json_get_object(commit_store_running(policy->store), SECTION_LINE, &line) >= 0 &&
        json_get_object(line, "default", &line) >= 0 &&
        json_get_array(line, "exec-timeout", &numbers) >= 0 &&
        json_object_array_length(numbers) == 2)
        seconds = (uint32_t)(json_object_get_int64(json_object_array_get_idx(numbers, 0)) * 60 +
                             json_object_get_int64(json_object_array_get_idx(numbers, 1)));
    return sd_bus_message_append(reply, "u", seconds);
}

int policy1_get_session_timeout(sd_bus *bus, const char *path, const char *interface,
                                const char *property, sd_bus_message *reply, void *userdata,
                                sd_bus_error *reterr_error)
{
    const Policy *policy = userdata;
    uint64_t minutes = 0;
    json_object *line;

    if (json_get_object(commit_store_running(policy->store), SECTION_LINE, &line) < 0 ||
        json_get_object(line, "default", &line) < 0 ||
        json_get_uint64(line, "session-timeout", &minutes) < 0)
        minutes = 0;
    return sd_bus_message_append(reply, "u", (uint32_t)(minutes * 60));
}

int policy_bus_init(Policy *policy)
{
    int r = transfers_init(policy->server);

    return r < 0 ? r : server_add_object(policy->server, POLICY_PATH, &policy1_interface, policy);
}
