/* SPDX-License-Identifier: Apache-2.0 */
#include "authorization-query.h"

#include "known-grants.h"
#include "log.h"
#include "names.h"

/* Longer than a busy machine keeps polkit from answering; together less than callers wait, who
 * give up after 25 seconds. */
#define POLKIT_TIMEOUT_USEC (12 * 1000000ULL)
#define POLKIT_AGAIN_TIMEOUT_USEC (8 * 1000000ULL)
#define POLKIT_INTERACTIVE_TIMEOUT_USEC (120 * 1000000ULL)
#define QUERIES_PER_USER_MAX 32U
#define QUERIES_MAX 1024U

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_FLAG_ALLOW_USER_INTERACTION 1U

struct AuthorizationQuery {
    Server *server;
    sd_bus_message *message;
    uid_t uid;
    char **tasks;     /* what is asked about, and what the grant is bound to */
    char **details;   /* alternating names and values */
    const char *asks; /* one more, which may be missing; of the generated table */
    bool may;
    size_t next; /* index of the task that polkit is being asked about; behind the last: asks */
    bool again;  /* polkit is asked for the second time, about that task */
    bool alone;  /* nobody else's answer will do */
    /* Who is asking polkit just that, for the same sender: a grant is good for both. */
    const AuthorizationQuery *leader;
    int result; /* 1 granted, 0 not known yet, negative refused */
    sd_bus_slot *slot;
    AuthorizationQuery *link;
};

static char **strings_free(char **list)
{
    for (char **p = list; p && *p; p++)
        free(*p);
    free(list);
    return NULL;
}

static size_t strings_length(const char *const *list)
{
    size_t n = 0;

    while (list && list[n])
        n++;
    return n;
}

static char **strings_copy(const char *const *list)
{
    size_t n = strings_length(list);
    char **copy = calloc(n + 1, sizeof *copy);

    for (size_t i = 0; copy && i < n; i++) {
        copy[i] = strdup(list[i]);
        if (!copy[i])
            return strings_free(copy);
    }
    return copy;
}

static bool strings_equal(char *const *a, const char *const *b)
{
    size_t n = strings_length(b);

    for (size_t i = 0; i < n; i++)
        if (!a[i] || !streq(a[i], b[i]))
            return false;
    return !a[n];
}

AuthorizationQuery *query_free(AuthorizationQuery *query)
{
    if (!query)
        return NULL;
    for (AuthorizationQuery **p = &query->server->queries; *p; p = &(*p)->link)
        if (*p == query) {
            *p = query->link;
            break;
        }
    sd_bus_slot_unref(query->slot);
    sd_bus_message_unref(query->message);
    strings_free(query->tasks);
    strings_free(query->details);
    free(query);
    return NULL;
}

AuthorizationQuery *query_find(Server *server, sd_bus_message *m)
{
    AuthorizationQuery *query = server->queries;

    while (query && query->message != m)
        query = query->link;
    return query;
}

static int query_ask_next(AuthorizationQuery *query);

/* When the object of a message has vanished while polkit was being asked, no handler comes for the
 * answer. Runs when the bus's queue is empty: what is answered and still here then, nobody waits
 * for. */
static int on_sweep(sd_event_source *s, void *userdata)
{
    Server *server = userdata;

    for (AuthorizationQuery *query = server->queries, *link; query; query = link) {
        link = query->link;
        if (query->result != 0)
            query_free(query);
    }
    return 0;
}

static void query_finish(AuthorizationQuery *query, int result)
{
    int r;

    query->result = result;
    query->slot = sd_bus_slot_unref(query->slot);
    (void)sd_event_source_set_enabled(query->server->query_sweep, SD_EVENT_ONESHOT);
    r = sd_bus_message_rewind(query->message, true);
    if (r >= 0)
        r = sd_bus_enqueue_for_read(query->server->bus, query->message);
    if (r < 0) {
        (void)sd_bus_reply_method_errnof(query->message, EACCES, "The call could not be resumed");
        query_free(query);
    }
}

static const char *query_task(const AuthorizationQuery *query)
{
    return query->tasks[query->next] ? query->tasks[query->next] : query->asks;
}

/* Nobody types a password only to see more. */
static bool query_is_interactive(const AuthorizationQuery *query)
{
    return query->tasks[query->next] &&
           sd_bus_message_get_allow_interactive_authorization(query->message) > 0;
}

/* polkit was started anew while it was being asked, or one of us was late: that is no answer. Where
 * nobody would have to type a password twice, it gets a second chance. */
static bool query_ask_again(AuthorizationQuery *query, sd_bus_message *reply)
{
    if (!sd_bus_message_is_method_error(reply, NULL) || query->again || query_is_interactive(query))
        return false;
    log_notice("polkit did not answer about %s, it is asked once more: %s", query_task(query),
               sd_bus_message_get_error(reply)->message);
    query->again = true;
    return query_ask_next(query) >= 0;
}

/* A clock that nobody sets, and that goes on while the machine sleeps. */
static uint64_t now_usec(const Server *server)
{
    uint64_t now;

    return sd_event_now(server->event, CLOCK_BOOTTIME, &now) < 0 ? 0 : now;
}

/* What was granted as such: to nobody's password, for no particular thing, for no limited time,
 * which polkit would tell in its details. */
static void keep_grant(const AuthorizationQuery *query, sd_bus_message *reply)
{
    if (query->details[0] || query_is_interactive(query) ||
        sd_bus_message_enter_container(reply, 'a', "{ss}") < 0 ||
        sd_bus_message_at_end(reply, false) <= 0)
        return;
    known_grants_add(query->server->grants, sd_bus_message_get_sender(query->message),
                     query_task(query), now_usec(query->server));
}

/* 0, -EACCES, or why that cannot be told. */
static int read_polkit_reply(const AuthorizationQuery *query, sd_bus_message *reply)
{
    int authorized = 0, challenge = 0, r;

    if (sd_bus_message_is_method_error(reply, NULL)) {
        log_warning("polkit did not answer about %s: %s", query_task(query),
                    sd_bus_message_get_error(reply)->message);
        return -EHOSTUNREACH;
    }
    r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
    if (r > 0)
        r = sd_bus_message_read(reply, "bb", &authorized, &challenge);
    if (r < 0)
        return -EHOSTUNREACH;
    if (!authorized)
        return -EACCES;
    keep_grant(query, reply);
    return 0;
}

/* With the answer about its task. */
static void query_proceed(AuthorizationQuery *query, int answer)
{
    bool is_last = !query->tasks[query->next];
    int r = answer;

    query->again = query->alone = false;
    if (is_last)
        query->may = answer >= 0;
    else if (r >= 0)
        query->next++;
    if (is_last || (r >= 0 && !query_task(query))) {
        query_finish(query, 1);
        return;
    }
    if (r >= 0)
        r = query_ask_next(query);
    if (r < 0)
        query_finish(query, r);
}

/* A grant that is kept is good for those who wait for it too; else each of them asks. */
static void followers_proceed(const AuthorizationQuery *leader)
{
    Server *server = leader->server;
    uint64_t now = now_usec(server);
    int r;

    for (AuthorizationQuery *query = server->queries, *link; query; query = link) {
        link = query->link;
        if (query->leader != leader)
            continue;
        query->leader = NULL;
        query->alone = !known_grants_has(server->grants, sd_bus_message_get_sender(query->message),
                                         query_task(query), now);
        r = query->alone ? query_ask_next(query) : 0;
        if (r < 0 || !query->alone)
            query_proceed(query, r);
    }
}

static int on_polkit_reply(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    AuthorizationQuery *query = userdata;
    int r;

    if (query_ask_again(query, reply))
        return 1;
    r = read_polkit_reply(query, reply);
    query->slot = sd_bus_slot_unref(query->slot); /* nobody follows it any more */
    followers_proceed(query);
    query_proceed(query, r);
    return 1;
}

static int append_subject_and_action(sd_bus_message *call, const char *sender, const char *task)
{
    _cleanup_free_ char *action = NULL;

    if (asprintf(&action, TASK_ACTION_PREFIX "%s", task) < 0) {
        action = NULL;
        return -ENOMEM;
    }
    /* The subject is the connection, not a process: process IDs are reused, connection names never.
     */
    return sd_bus_message_append(call, "(sa{sv})s", "system-bus-name", 1, "name", "s", sender,
                                 action);
}

/* What is granted for no particular thing, and to nobody's password. */
static bool query_is_common(const AuthorizationQuery *query)
{
    return !query->details[0] && !query_is_interactive(query);
}

static const AuthorizationQuery *query_find_leader(const AuthorizationQuery *query)
{
    const AuthorizationQuery *other = query->server->queries;
    const char *sender = sd_bus_message_get_sender(query->message);

    if (query->again || query->alone || !query_is_common(query))
        return NULL;
    while (other && (other == query || !other->slot || other->result != 0 ||
                     !query_is_common(other) || !streq(query_task(other), query_task(query)) ||
                     !streq(sd_bus_message_get_sender(other->message), sender)))
        other = other->link;
    return other;
}

static int query_ask_next(AuthorizationQuery *query)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    const char *sender = sd_bus_message_get_sender(query->message);
    bool interactive = query_is_interactive(query);
    int r;

    if (!sender)
        return -EACCES;
    query->slot = sd_bus_slot_unref(query->slot);
    query->leader = query_find_leader(query);
    if (query->leader)
        return 0;
    r = sd_bus_message_new_method_call(
        query->server->bus, &call, POLKIT_NAME, "/org/freedesktop/PolicyKit1/Authority",
        "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
    if (r >= 0)
        r = append_subject_and_action(call, sender, query_task(query));
    if (r >= 0)
        r = sd_bus_message_open_container(call, 'a', "{ss}");
    for (char **detail = query->details; r >= 0 && detail[0] && detail[1]; detail += 2)
        r = sd_bus_message_append(call, "{ss}", detail[0], detail[1]);
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    if (r >= 0)
        r = sd_bus_message_append(call, "us", interactive ? POLKIT_FLAG_ALLOW_USER_INTERACTION : 0U,
                                  "");
    if (r < 0)
        return r;
    return sd_bus_call_async(query->server->bus, &query->slot, call, on_polkit_reply, query,
                             interactive    ? POLKIT_INTERACTIVE_TIMEOUT_USEC
                             : query->again ? POLKIT_AGAIN_TIMEOUT_USEC
                                            : POLKIT_TIMEOUT_USEC);
}

static int query_limits(Server *server, uid_t uid)
{
    unsigned all = 0, of_user = 0;

    for (AuthorizationQuery *query = server->queries; query; query = query->link) {
        all++;
        of_user += query->uid == uid;
    }
    return all >= QUERIES_MAX || of_user >= QUERIES_PER_USER_MAX ? -EDQUOT : 0;
}

int query_start(Server *server, sd_bus_message *m, const char *const *tasks,
                const char *const *details, const char *asks)
{
    _cleanup_(query_freep) AuthorizationQuery *query = calloc(1, sizeof *query);
    int r;

    if (!query)
        return -ENOMEM;
    query->server = server;
    query->asks = asks;
    r = bus_sender_uid(m, &query->uid);
    if (r < 0)
        return -EACCES;
    r = query_limits(server, query->uid);
    if (r < 0)
        return r;
    query->tasks = strings_copy(tasks);
    query->details = strings_copy(details);
    if (!query->tasks || !query->details)
        return -ENOMEM;
    query->message = sd_bus_message_ref(m);
    r = query_ask_next(query);
    if (r < 0)
        return r;
    query->link = server->queries;
    server->queries = TAKE_PTR(query);
    return 0;
}

bool query_is_needless(const Server *server, sd_bus_message *m, const char *const *tasks,
                       const char *asks)
{
    const char *sender = sd_bus_message_get_sender(m);
    uint64_t now = now_usec(server);

    if (!sender || now == 0)
        return false;
    for (; *tasks; tasks++)
        if (!known_grants_has(server->grants, sender, *tasks, now))
            return false;
    return !asks || known_grants_has(server->grants, sender, asks, now);
}

int query_result(const AuthorizationQuery *query, const char *const *tasks,
                 const char *const *details, const char **ret_task)
{
    *ret_task = tasks[0];
    if (query->result == 0)
        return 0;
    if (!strings_equal(query->tasks, tasks) || !strings_equal(query->details, details))
        return -ESTALE;
    if (query->result < 0)
        *ret_task = query_task(query);
    return query->result;
}

bool query_may(const AuthorizationQuery *query)
{
    return query->may;
}

int queries_init(Server *server)
{
    int r;

    r = known_grants_new(server->bus, &server->grants);
    if (r < 0)
        return r;
    r = sd_event_add_defer(server->event, &server->query_sweep, on_sweep, server);
    if (r >= 0)
        r = sd_event_source_set_priority(server->query_sweep, SD_EVENT_PRIORITY_IDLE);
    if (r >= 0)
        r = sd_event_source_set_enabled(server->query_sweep, SD_EVENT_OFF);
    return r;
}

void queries_done(Server *server)
{
    while (server->queries)
        query_free(server->queries);
    server->query_sweep = sd_event_source_unref(server->query_sweep);
    server->grants = known_grants_free(server->grants);
}
