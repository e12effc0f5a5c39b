/* SPDX-License-Identifier: Apache-2.0 */
/* Who may call what. A filter in front of all handlers looks up the member in the generated tables;
 * polkit decides about tasks, asynchronously: the message waits in a query, is put back into the
 * bus's queue when the answer is there, and is then looked at again from the top. Whatever is
 * unknown, unanswered or in doubt is refused. */
#include "authorization-query.h"
#include "errors.h"
#include "log.h"
#include "names.h"

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

/* The message that a handler is about to get, and whether its sender holds the task beside. */
static struct {
    sd_bus_message *message;
    bool may;
} asked;

bool bus_sender_may(sd_bus_message *m)
{
    return asked.message == m && asked.may;
}

static Server *authorizing_server;

static int authorize(sd_bus_message *m, const char *const *tasks, const char *const *details,
                     const char *asks, sd_bus_error *reterr_error)
{
    static const char *const no_details[] = {NULL};
    _cleanup_(query_freep) AuthorizationQuery *query = query_find(authorizing_server, m);
    const char *task;
    int r;

    if (!details)
        details = no_details;
    if (!tasks || (!tasks[0] && !asks))
        return sd_bus_error_setf(reterr_error, ERROR_NOT_AUTHORIZED,
                                 "No task ID is known for this call");
    if (!query && !details[0] && query_is_needless(authorizing_server, m, tasks, asks)) {
        asked.may = asks;
        return 1;
    }
    if (!query) {
        r = query_start(authorizing_server, m, tasks, details, asks);
        return r < 0 ? refuse(m, tasks[0] ? tasks[0] : asks, r, reterr_error) : 0;
    }
    r = query_result(query, tasks, details, &task);
    if (r == 0)
        TAKE_PTR(query);
    if (r <= 0)
        return r < 0 ? refuse(m, task, r, reterr_error) : 0;
    asked.may = query_may(query);
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
    senders_init();
    r = queries_init(server);
    return r < 0 ? r : sd_bus_add_filter(server->bus, NULL, on_message, server);
}

void authorize_done(Server *server)
{
    queries_done(server);
}
