/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include "atomic-file.h"
#include "json-util.h"
#include "log.h"
#include "names.h"
#include "owners.h"
#include "transaction.h"

static void report_record(const char *name, int error, void *userdata)
{
    static const LogEvent corrupt = {LOG_STATE_CORRUPT}, unreadable = {LOG_STATE_UNREADABLE};
    static const char damaged[] = "is damaged and was moved aside; the commit before it counts",
                      unread[] = "cannot be read, and is left out until the next start";
    const bool is_damaged = error == -EBADMSG;
    _cleanup_free_ char *line = NULL, *reason = NULL;
    Policy *policy = userdata;

    log_event(is_damaged ? &corrupt : &unreadable, LOG_FIELDS("FILE", name),
              "The commit record %s %s%s%s", name, is_damaged ? damaged : unread,
              is_damaged ? "" : ": ", is_damaged ? "" : strerror(-error));
    if (asprintf(&line, "commit %.*s", (int)strcspn(name, "."), name) < 0)
        line = NULL;
    if (asprintf(&reason, "The record %s", is_damaged ? damaged : unread) < 0)
        reason = NULL;
    if (line && reason)
        (void)failures_add(&policy->startup, line, reason);
}

/* The newest is the running configuration. */
static int open_store(Policy *policy, int state_fd)
{
    int r = commit_store_open(state_fd, report_record, policy, &policy->store);

    return r < 0 ? log_error_errno(r, "Failed to read the commits, and which configuration is in "
                                      "force is not guessed: %m")
                 : 0;
}

static void on_hostname_changed(void *userdata)
{
    Policy *policy = userdata;

    (void)sd_bus_emit_properties_changed(server_bus(policy->server), POLICY_PATH, POLICY_NAME,
                                         "Hostname", NULL);
}

static int open_accounts(Policy *policy, int state_fd)
{
    const char *folder = getenv("CHANCERY_USERDB");
    bool corrupt;
    Uids *uids;
    int r = uids_open(state_fd, &corrupt, &uids);

    if (r < 0)
        return log_error_errno(r, "Failed to read the uids of users: %m");
    if (corrupt)
        log_event(&(const LogEvent){LOG_STATE_CORRUPT}, LOG_FIELDS("FILE", "uids.json"),
                  "The list of the users' uids is damaged and was moved aside; users get new uids");
    if (!folder)
        log_notice("CHANCERY_USERDB does not name a folder for user records: users of the "
                   "configuration have no accounts");
    return accounts_new(folder, "/etc/passwd", uids, &policy->accounts);
}

static int open_state(Policy *policy)
{
    _cleanup_close_ int state_fd = state_directory_open();
    int r;

    if (state_fd < 0)
        return log_error_errno(state_fd, "Failed to open the state directory: %m");
    r = remove_leftovers_at(state_fd);
    if (r < 0)
        log_warning_errno(r, "Leftovers in the state directory cannot be removed, ignoring: %m");
    r = open_accounts(policy, state_fd);
    if (r >= 0)
        r = open_store(policy, state_fd);
    return r < 0 ? r : trial_open(policy, TAKE_FD(state_fd), &policy->trial);
}

int policy_new(Server *server, Policy **ret)
{
    _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(*policy));
    int r;

    if (!policy)
        return -ENOMEM;
    policy->server = server;
    policy->parser = config_parser_new();
    if (!policy->parser)
        return -ENOMEM;
    r = open_state(policy);
    if (r >= 0)
        r = rules_new(server, &policy->rules);
    if (r >= 0)
        r = hostname_new(server, on_hostname_changed, policy, &policy->hostname);
    if (r >= 0)
        r = policy_bus_init(policy);
    if (r >= 0)
        r = session_bus_init(policy);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(policy);
    return 0;
}

Policy *policy_free(Policy *policy)
{
    if (!policy)
        return NULL;
    transactions_drop(policy);
    while (policy->sessions)
        session_bus_close(policy->sessions);
    hostname_free(policy->hostname);
    accounts_free(policy->accounts);
    rules_free(policy->rules);
    trial_free(policy->trial);
    commit_store_free(policy->store);
    config_parser_free(policy->parser);
    failures_clear(&policy->startup);
    free(policy);
    return NULL;
}

/* What was committed was checked; should it be wrong all the same, nobody is granted anything. */
int policy_compile_aaa(const Policy *policy, json_object **ret_section, Aaa **ret)
{
    _cleanup_json_ json_object *section =
                                   config_section(commit_store_running(policy->store), SECTION_AAA),
                               *nothing = json_object_new_object();
    int r;

    if (!section || !nothing)
        return -ENOMEM;
    r = aaa_compile(section, NULL, NULL, ret);
    if (r == -EINVAL) {
        log_error("The committed groups and users are not consistent: nobody holds a task by "
                  "configuration");
        r = aaa_compile(nothing, NULL, NULL, ret);
    }
    if (r >= 0 && ret_section)
        *ret_section = TAKE_PTR(section);
    return r;
}

/* Every "renewal reload" of the trustpoints, as an array; NULL when out of memory, which grants
 * nothing. */
static json_object *reload_units(json_object *running)
{
    _cleanup_json_ json_object *section = config_section(running, SECTION_TRUSTPOINTS);
    json_object *trustpoints, *units = json_object_new_array();

    if (!section || !units || json_get_object(section, "trustpoint", &trustpoints) < 0)
        return units;
    json_object_object_foreach(trustpoints, name, settings)
    {
        json_object *renewal, *list;

        (void)name;
        if (json_get_object(settings, "renewal", &renewal) < 0 ||
            json_get_array(renewal, "reload", &list) < 0)
            continue;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
            json_object *unit = json_object_array_get_idx(list, i);

            if (json_object_is_type(unit, json_type_string))
                (void)json_object_array_add(units, json_object_get(unit));
        }
    }
    return units;
}

int policy_apply_aaa(Policy *policy, rules_effective_t effective, void *userdata)
{
    _cleanup_json_ json_object *units = reload_units(commit_store_running(policy->store));
    _cleanup_(aaa_freep) Aaa *aaa = NULL;
    int r = policy_compile_aaa(policy, NULL, &aaa);

    policy->rules_made++;
    if (r < 0)
        return log_error_errno(r, "Failed to work out who holds which task: %m");
    r = accounts_apply(policy->accounts, aaa);
    if (r < 0)
        log_error_errno(r, "Failed to write the records of users, some have no account: %m");
    return rules_update(policy->rules, aaa, units, effective, userdata);
}

static int note_startup(const char *line, const char *reason, void *userdata)
{
    Policy *policy = userdata;

    return failures_add(&policy->startup, line, reason);
}

/* What was committed was checked then; the accounts of the system may have changed since. */
static int check_startup(Policy *policy)
{
    _cleanup_json_ json_object *section =
        config_section(commit_store_running(policy->store), SECTION_AAA);
    _cleanup_(aaa_freep) Aaa *aaa = NULL;
    int r = section ? aaa_compile(section, note_startup, policy, &aaa) : -ENOMEM;

    return r == -EINVAL ? 0 : r;
}

int policy_ready(Policy *policy)
{
    _cleanup_json_ json_object *system =
        config_section(commit_store_running(policy->store), SECTION_SYSTEM);
    const char *name = system ? hostname_configured(system) : NULL;
    int r;

    r = check_startup(policy);
    if (r >= 0)
        r = policy_apply_aaa(policy, NULL, NULL);
    if (r < 0)
        return r;
    if (name && !streq(name, hostname_get(policy->hostname)))
        (void)hostname_set(policy->hostname, name, NULL, NULL);
    r = hostname_fetch(policy->hostname);
    if (r < 0)
        log_warning_errno(r, "Failed to ask for the system's host name, ignoring: %m");
    /* Who committed last may have been killed between writing and telling the owners. */
    r = owners_reapply(server_bus(policy->server), policy->store);
    trial_ready(policy->trial);
    return r;
}

const char *policy_hostname(const Policy *policy)
{
    json_object *system = NULL;
    const char *name = NULL;

    if (json_get_object(commit_store_running(policy->store), SECTION_SYSTEM, &system) >= 0)
        name = hostname_configured(system);
    return name ? name : hostname_get(policy->hostname);
}

int policy_sender_name(Policy *policy, sd_bus_message *m, char **ret)
{
    const char *name;
    uid_t uid;
    int r = bus_sender_uid(m, &uid);

    if (r < 0)
        return r;
    name = accounts_name(policy->accounts, uid);
    if (!name)
        return bus_sender_name(m, ret);
    *ret = strdup(name);
    return *ret ? 0 : -ENOMEM;
}
