/* SPDX-License-Identifier: Apache-2.0 */
/* Who may call what. A filter in front of all handlers looks up the member in the generated tables;
 * polkit decides about tasks, asynchronously: the message waits in a query, is put back into the
 * bus's queue when the answer is there, and is then looked at again from the top. Whatever is
 * unknown, unanswered or in doubt is refused. */
#include "server-internal.h"

#include <fcntl.h>
#include <pwd.h>

#include "atomic-file.h"
#include "errors.h"
#include "json-util.h"
#include "known-grants.h"
#include "log.h"
#include "names.h"

/* Longer than a busy machine keeps polkit from answering, shorter than callers wait (25 s). */
/* Together less than callers wait, who give up after 25 seconds. */
#define POLKIT_TIMEOUT_USEC (12 * 1000000ULL)
#define POLKIT_AGAIN_TIMEOUT_USEC (8 * 1000000ULL)
#define POLKIT_INTERACTIVE_TIMEOUT_USEC (120 * 1000000ULL)
#define QUERIES_PER_USER_MAX 32U
#define QUERIES_MAX 1024U
#define USER_RECORD_SIZE_MAX 65536U

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_FLAG_ALLOW_USER_INTERACTION 1U

const char *const daemon_names[DAEMON_COUNT] = {"keyd",     "enrolld", "poold",
                                                "dossierd", "policyd", "hostd"};
static uid_t daemon_uids[DAEMON_COUNT];

typedef struct AuthorizationQuery {
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
    const struct AuthorizationQuery *leader;
    int result; /* 1 granted, 0 not known yet, negative refused */
    sd_bus_slot *slot;
    struct AuthorizationQuery *link;
} AuthorizationQuery;

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

static AuthorizationQuery *query_free(AuthorizationQuery *query)
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
DEFINE_TRIVIAL_CLEANUP_FUNC(AuthorizationQuery *, query_free);

static AuthorizationQuery *query_find(Server *server, sd_bus_message *m)
{
    AuthorizationQuery *query = server->queries;

    while (query && query->message != m)
        query = query->link;
    return query;
}

/* Whom the last unique names belong to: the bus gives a name to one connection and never again, and
 * knows its user from the moment of connecting, so that one question is enough for each. Main loop
 * only. */
static struct {
    char name[32];
    uid_t uid;
} known_senders[64];
static size_t next_known_sender;

static bool known_sender_find(const char *name, uid_t *ret)
{
    for (size_t i = 0; i < ELEMENTSOF(known_senders); i++)
        if (streq(known_senders[i].name, name)) {
            *ret = known_senders[i].uid;
            return true;
        }
    return false;
}

static void known_sender_add(const char *name, uid_t uid)
{
    if (strlen(name) >= sizeof known_senders[0].name)
        return;
    memcpy(known_senders[next_known_sender].name, name, strlen(name) + 1);
    known_senders[next_known_sender].uid = uid;
    next_known_sender = (next_known_sender + 1) % ELEMENTSOF(known_senders);
}

int bus_sender_uid(sd_bus_message *m, uid_t *ret)
{
    _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
    const char *sender = sd_bus_message_get_sender(m);
    uid_t uid;
    int r;

    if (sender && sender[0] == ':' && known_sender_find(sender, ret))
        return 0;
    r = sd_bus_query_sender_creds(m, SD_BUS_CREDS_EUID, &creds);
    if (r >= 0)
        r = sd_bus_creds_get_euid(creds, &uid);
    if (r < 0)
        return r;
    if (sender && sender[0] == ':')
        known_sender_add(sender, uid);
    *ret = uid;
    return 0;
}

/* The users of the configuration have a record in /run/userdb (systemd's drop-in JSON user
 * records). Read directly, because the NSS module for them needs more than the sandbox allows. */
static int userdb_name(uid_t uid, char **ret)
{
    _cleanup_close_ int dirfd = open("/run/userdb", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_json_ json_object *record = NULL;
    _cleanup_free_ void *text = NULL;
    char file[32];
    const char *name;
    size_t size;
    int r;

    if (dirfd < 0)
        return -errno;
    (void)snprintf(file, sizeof file, "%u.user", uid);
    r = read_file_at(dirfd, file, USER_RECORD_SIZE_MAX, &text, &size);
    if (r < 0)
        return r;
    r = json_parse(text, size, &record);
    if (r >= 0)
        r = json_get_string(record, "userName", &name);
    if (r < 0)
        return r;
    *ret = strdup(name);
    return *ret ? 0 : -ENOMEM;
}

int bus_sender_name(sd_bus_message *m, char **ret)
{
    char buffer[4096];
    struct passwd entry, *found = NULL;
    char *name = NULL;
    uid_t uid;
    int r;

    r = bus_sender_uid(m, &uid);
    if (r < 0)
        return r;
    if (userdb_name(uid, &name) >= 0) {
        *ret = name;
        return 0;
    }
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found)
        name = strdup(found->pw_name);
    else if (asprintf(&name, "%u", uid) < 0)
        name = NULL;
    if (!name)
        return -ENOMEM;
    *ret = name;
    return 0;
}

static bool list_has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *p = list; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");

        if (n == length && memcmp(p, word, n) == 0)
            return true;
        p += n;
    }
    return false;
}

bool bus_sender_is_daemon(sd_bus_message *m, const char *daemons)
{
    uid_t uid;

    if (!daemons || bus_sender_uid(m, &uid) < 0 || uid == 0)
        return false;
    for (size_t i = 0; i < DAEMON_COUNT; i++)
        if (daemon_uids[i] == uid && list_has_word(daemons, daemon_names[i]))
            return true;
    return false;
}

/* The daemons' users are looked up before the sandbox closes; root stands for "there is no such
 * user". */
static void find_daemon_users(void)
{
    for (size_t i = 0; i < DAEMON_COUNT; i++) {
        char buffer[4096], name[sizeof USER_PREFIX + 16];
        struct passwd entry, *found = NULL;

        (void)snprintf(name, sizeof name, USER_PREFIX "%s", daemon_names[i]);
        if (getpwnam_r(name, &entry, buffer, sizeof buffer, &found) == 0 && found)
            daemon_uids[i] = found->pw_uid;
    }
}

/* "crypto.execute" -> "crypto (EXECUTE)", as the router writes it. */
static void task_text(const char *task, char *buffer, size_t size)
{
    const char *dot = strrchr(task, '.');
    size_t n;

    if (!dot) {
        (void)snprintf(buffer, size, "%s", task);
        return;
    }
    (void)snprintf(buffer, size, "%.*s (%s)", (int)(dot - task), task, dot + 1);
    n = strlen(buffer);
    for (char *p = strrchr(buffer, '('); p && p < buffer + n; p++)
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
}

static int refuse(sd_bus_message *m, const char *task, int error, sd_bus_error *reterr_error)
{
    static const LogEvent event = {LOG_NOT_AUTHORIZED};
    _cleanup_free_ char *user = NULL;
    char text[128];

    task_text(task, text, sizeof text);
    (void)bus_sender_name(m, &user);
    log_event(&event,
              LOG_FIELDS("USER", user ? user : "unknown", "TASK", task, "MEMBER",
                         sd_bus_message_get_member(m)),
              "User '%s' was refused %s: task ID %s %s", user ? user : "unknown",
              sd_bus_message_get_member(m), text,
              error == -EACCES   ? "is missing"
              : error == -ESTALE ? "was granted for something else"
              : error == -EDQUOT ? "was not asked about, too many calls are waiting"
                                 : "could not be asked about");
    if (error == -ESTALE)
        return sd_bus_error_setf(reterr_error, ERROR_CONFLICT,
                                 "What was authorised is not what is asked for now; try again");
    if (error == -EDQUOT)
        return sd_bus_error_setf(
            reterr_error, ERROR_LIMIT_EXCEEDED,
            "Too many calls of this user wait for authorization; try again later");
    if (error != -EACCES)
        return sd_bus_error_setf(
            reterr_error, ERROR_NOT_AUTHORIZED,
            "Task ID %s is needed, and polkit could not be asked whether you hold it", text);
    return sd_bus_error_setf(reterr_error, ERROR_NOT_AUTHORIZED, "Task ID %s is missing", text);
}

static int query_ask_next(AuthorizationQuery *query);

/* The message that a handler is about to get, and whether its sender holds the task beside. */
static struct {
    sd_bus_message *message;
    bool may;
} asked;

bool bus_sender_may(sd_bus_message *m)
{
    return asked.message == m && asked.may;
}

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

static int query_start(Server *server, sd_bus_message *m, const char *const *tasks,
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

static Server *authorizing_server;

/* Does polkit not have to be asked again? */
static bool is_granted(const Server *server, sd_bus_message *m, const char *const *tasks,
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

static int authorize(sd_bus_message *m, const char *const *tasks, const char *const *details,
                     const char *asks, sd_bus_error *reterr_error)
{
    static const char *const no_details[] = {NULL};
    _cleanup_(query_freep) AuthorizationQuery *query = query_find(authorizing_server, m);
    int r;

    if (!details)
        details = no_details;
    if (!tasks || (!tasks[0] && !asks))
        return sd_bus_error_setf(reterr_error, ERROR_NOT_AUTHORIZED,
                                 "No task ID is known for this call");
    if (!query && !details[0] && is_granted(authorizing_server, m, tasks, asks)) {
        asked.may = asks;
        return 1;
    }
    if (!query) {
        r = query_start(authorizing_server, m, tasks, details, asks);
        return r < 0 ? refuse(m, tasks[0] ? tasks[0] : asks, r, reterr_error) : 0;
    }
    if (query->result == 0) {
        TAKE_PTR(query);
        return 0;
    }
    if (!strings_equal(query->tasks, tasks) || !strings_equal(query->details, details))
        return refuse(m, tasks[0], -ESTALE, reterr_error);
    if (query->result < 0)
        return refuse(m, query->tasks[query->next], query->result, reterr_error);
    asked.may = query->may;
    return 1;
}

int bus_authorize(sd_bus_message *m, const char *const *tasks, const char *const *details,
                  sd_bus_error *reterr_error)
{
    return authorize(m, tasks, details, NULL, reterr_error);
}

static int refuse_unknown(sd_bus_message *m, sd_bus_error *reterr_error)
{
    const char *interface = sd_bus_message_get_interface(m);

    return sd_bus_error_setf(
        reterr_error, SD_BUS_ERROR_UNKNOWN_METHOD, "There is no method %s.%s here",
        interface ? interface : "(no interface)", sd_bus_message_get_member(m));
}

/* 0 lets the message through, 1 keeps it, negative refuses it. */
static int check_member(sd_bus_message *m, const BusMember *member, sd_bus_error *reterr_error)
{
    const char *const tasks[] = {member->task, NULL};
    int r;

    asked.message = m;
    asked.may = false;
    switch (member->access) {
    case BUS_ACCESS_OPEN:
    case BUS_ACCESS_OWNER:
        if (!member->asks)
            return 0;
        r = authorize(m, tasks, NULL, member->asks, reterr_error);
        return r < 0 ? r : !r;
    case BUS_ACCESS_DYNAMIC:
        return 0;
    case BUS_ACCESS_DAEMONS:
        if (bus_sender_is_daemon(m, member->callers))
            return 0;
        return sd_bus_error_setf(reterr_error, ERROR_NOT_AUTHORIZED, "%s is not for this caller",
                                 sd_bus_message_get_member(m));
    case BUS_ACCESS_TASK:
        if (bus_sender_is_daemon(m, member->callers))
            return 0;
        r = authorize(m, tasks, NULL, member->asks, reterr_error);
        /* Granted: on to the handler. Being asked: the message is ours until the answer comes. */
        return r < 0 ? r : !r;
    default:
        return refuse_unknown(m, reterr_error);
    }
}

static const BusInterface *find_interface(Server *server, const char *name)
{
    for (Registration *reg = server->interfaces; reg; reg = reg->next)
        if (streq(reg->interface->name, name))
            return reg->interface;
    return NULL;
}

static const BusMember *find_member(const BusMember *members, const char *name)
{
    while (members->name && !streq(members->name, name))
        members++;
    return members->name ? members : NULL;
}

static int check_log_control(sd_bus_message *m, sd_bus_error *reterr_error)
{
    uid_t uid;

    if (bus_sender_uid(m, &uid) >= 0 && uid == 0)
        return 0;
    return sd_bus_error_setf(reterr_error, ERROR_NOT_AUTHORIZED,
                             "Only root may see or change the log level");
}

static int check_properties(Server *server, sd_bus_message *m, sd_bus_error *reterr_error)
{
    const char *name, *property = NULL, *method = sd_bus_message_get_member(m);
    const BusInterface *interface;
    const BusMember *member = NULL;
    int r;

    r = sd_bus_message_read(m, "s", &name);
    if (r > 0 && streq(method, "Get"))
        r = sd_bus_message_read(m, "s", &property);
    if (r <= 0)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The interface of the properties is to be named");
    if (streq(name, "org.freedesktop.LogControl1")) {
        r = check_log_control(m, reterr_error);
    } else {
        interface = find_interface(server, name);
        if (!interface || !(streq(method, "Get") || streq(method, "GetAll")))
            return refuse_unknown(m, reterr_error);
        if (property)
            member = find_member(interface->properties, property);
        r = check_member(m, member ? member : &interface->read, reterr_error);
    }
    if (r == 0)
        r = sd_bus_message_rewind(m, true) < 0 ? -EBADMSG : 0;
    return r;
}

static int check_standard(Server *server, const char *interface, sd_bus_message *m,
                          sd_bus_error *reterr_error)
{
    const BusInterface *main_interface = find_interface(server, server->description->bus_name);

    if (streq(interface, "org.freedesktop.DBus.Peer") ||
        streq(interface, "org.freedesktop.DBus.Introspectable"))
        return 0;
    if (streq(interface, "org.freedesktop.DBus.Properties"))
        return check_properties(server, m, reterr_error);
    if (streq(interface, "org.freedesktop.DBus.ObjectManager") && main_interface)
        return check_member(m, &main_interface->read, reterr_error);
    return refuse_unknown(m, reterr_error);
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    Server *server = userdata;
    const char *name = sd_bus_message_get_interface(m);
    const BusInterface *interface;
    const BusMember *member;
    uint8_t type;

    if (sd_bus_message_get_type(m, &type) < 0 || type != SD_BUS_MESSAGE_METHOD_CALL)
        return 0;
    if (!name)
        return refuse_unknown(m, reterr_error);
    interface = find_interface(server, name);
    if (!interface)
        return check_standard(server, name, m, reterr_error);
    member = find_member(interface->methods, sd_bus_message_get_member(m));
    if (!member)
        return refuse_unknown(m, reterr_error);
    return check_member(m, member, reterr_error);
}

int authorize_init(Server *server)
{
    int r;

    authorizing_server = server;
    find_daemon_users();
    r = known_grants_new(server->bus, &server->grants);
    if (r < 0)
        return r;
    r = sd_event_add_defer(server->event, &server->query_sweep, on_sweep, server);
    if (r >= 0)
        r = sd_event_source_set_priority(server->query_sweep, SD_EVENT_PRIORITY_IDLE);
    if (r >= 0)
        r = sd_event_source_set_enabled(server->query_sweep, SD_EVENT_OFF);
    if (r < 0)
        return r;
    return sd_bus_add_filter(server->bus, NULL, on_message, server);
}

void authorize_done(Server *server)
{
    while (server->queries)
        query_free(server->queries);
    server->query_sweep = sd_event_source_unref(server->query_sweep);
    server->grants = known_grants_free(server->grants);
}
