/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds which task: show aaa, show user. What policyd answers is JSON, and | json is that. */
#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-transfer.h"
#include "cli-trustpool.h"
#include "json-util.h"
#include "names.h"
#include "render-fields.h"

static int read_json(Cli *cli, sd_bus_message *reply, json_object **ret)
{
    _cleanup_free_ void *data = NULL;
    size_t size;
    int r = cli_read_document(cli, reply, &data, &size);

    if (r < 0)
        return r;
    r = json_parse(data, size, ret);
    return r < 0 ? cli_error(cli, r, "The answer is not understood.") : 0;
}

/* --- Pieces of the layouts -------------------------------------------------------------------- */

static bool has_class(json_object *classes, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(classes); i++)
        if (streq(json_object_get_string(json_object_array_get_idx(classes, i)), name))
            return true;
    return false;
}

/* "Task:       basic-services  : READ    WRITE    EXECUTE    DEBUG": what is not held leaves its
 * column blank. */
static void print_task(FILE *f, const char *indent, const char *task, json_object *classes)
{
    static const struct {
        const char *name, *shown;
        int width;
    } columns[] = {{"read", "READ", 8},
                   {"write", "WRITE", 9},
                   {"execute", "EXECUTE", 11},
                   {"debug", "DEBUG", 0}};
    char line[64] = "";
    size_t n = 0;

    for (size_t i = 0; i < ELEMENTSOF(columns); i++)
        n += (size_t)snprintf(line + n, sizeof(line) - n, "%-*s", columns[i].width,
                              has_class(classes, columns[i].name) ? columns[i].shown : "");
    while (n > 0 && line[n - 1] == ' ')
        line[--n] = '\0';
    fprintf(f, "%sTask: ", indent);
    for (size_t length = strlen(task); length < 20; length++)
        (void)fputc(' ', f);
    render_text(f, task);
    fprintf(f, "  : %s\n", line);
}

static void print_tasks(FILE *f, const char *indent, json_object *o, const char *member)
{
    json_object *all;

    if (json_get_object(o, member, &all) < 0)
        return;
    json_object_object_foreach(all, task, classes)
    {
        if (json_object_is_type(classes, json_type_array))
            print_task(f, indent, task, classes);
    }
}

static const char *string_of(json_object *o, const char *name)
{
    const char *s;

    return json_get_string(o, name, &s) < 0 ? "" : s;
}

/* One line for each element: "  Inherits from task group 'x'". */
static void print_each(FILE *f, json_object *o, const char *member, const char *before,
                       const char *after)
{
    json_object *array;

    if (json_get_array(o, member, &array) < 0)
        return;
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        (void)fputs(before, f);
        render_text(f, json_object_get_string(json_object_array_get_idx(array, i)));
        (void)fputs(after, f);
    }
}

static void print_named(FILE *f, const char *before, const char *name, const char *after)
{
    (void)fputs(before, f);
    render_text(f, name);
    (void)fputs(after, f);
}

static void print_description(FILE *f, json_object *o)
{
    if (*string_of(o, "description"))
        print_named(f, "  Description: ", string_of(o, "description"), "\n");
}

#define COMBINED                                                                                   \
    "' has the following combined set\n  of task IDs (including all inherited groups):\n"

static void print_taskgroup(FILE *f, json_object *o)
{
    print_named(f, "Task group '", string_of(o, "name"), "'\n");
    print_description(f, o);
    print_each(f, o, "inherits", "  Inherits from task group '", "'\n");
    (void)fputs("  Task IDs included directly by this group:\n", f);
    print_tasks(f, "    ", o, "direct");
    print_named(f, "\nTask group '", string_of(o, "name"), COMBINED);
    print_tasks(f, "    ", o, "tasks");
}

static void print_usergroup(FILE *f, json_object *o)
{
    json_object *predefined;

    print_named(f, "User group '", string_of(o, "name"), "'\n");
    print_description(f, o);
    if (json_object_object_get_ex(o, "predefined", &predefined) &&
        json_object_get_boolean(predefined))
        print_named(f, "  Inherits from task group '", string_of(o, "name"), "'\n");
    print_each(f, o, "taskgroups", "  Inherits from task group '", "'\n");
    print_each(f, o, "inherits", "  Inherits from user group '", "'\n");
    print_named(f, "\nUser group '", string_of(o, "name"), COMBINED);
    print_tasks(f, "    ", o, "tasks");
}

static void print_user(FILE *f, json_object *o)
{
    print_named(f, "Username ", string_of(o, "name"), "\n");
    print_each(f, o, "groups", "User group ", "\n");
}

/* --- show aaa --------------------------------------------------------------------------------- */

typedef struct Kind {
    const char *keyword, *kind;
    void (*print)(FILE *f, json_object *o);
} Kind;

int cli_show_aaa(Cli *cli, const GrammarMatch *m)
{
    static const Kind kinds[] = {
        {"taskgroup", "taskgroup", print_taskgroup},
        {"usergroup", "usergroup", print_usergroup},
        {"userdb", "user", print_user},
    };
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_json_ json_object *groups = NULL;
    const char *name = grammar_argument(m, "name");
    const Kind *kind = kinds;
    int r;

    while (!grammar_has(m, kind->keyword))
        kind++;
    r = cli_call(cli, POLICY_NAME, POLICY_PATH, cli_documents(cli, POLICY_NAME), "ListGroups",
                 &error, &reply, "ss", kind->kind, name ? name : "");
    if (r < 0)
        return cli_bus_error(cli, &error, r);
    r = read_json(cli, reply, &groups);
    if (r >= 0 && !json_object_is_type(groups, json_type_array))
        r = cli_error(cli, EBADMSG, "The answer is not understood.");
    if (r < 0 || cli->json)
        return r < 0 ? r : cli_print_json(cli, TAKE_PTR(groups));
    for (size_t i = 0; i < json_object_array_length(groups); i++) {
        if (i > 0)
            (void)fputc('\n', cli->out);
        kind->print(cli->out, json_object_array_get_idx(groups, i));
    }
    return 0;
}

int cli_show_tasks(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *task, *description;
    int r = cli_call(cli, POLICY_NAME, POLICY_PATH, POLICY_NAME, "ListTasks", &error, &reply, NULL);

    if (r < 0)
        return cli_bus_error(cli, &error, r);
    r = sd_bus_message_enter_container(reply, 'a', "(ss)");
    while (r >= 0 && (r = sd_bus_message_read(reply, "(ss)", &task, &description)) > 0)
        print_named(cli->out, "", task, "\n");
    return r < 0 ? cli_error(cli, r, "The answer cannot be read: %s", strerror(-r)) : 0;
}

/* --- show user -------------------------------------------------------------------------------- */

static void print_own_groups(FILE *f, json_object *o)
{
    json_object *groups;

    if (json_get_array(o, "groups", &groups) < 0)
        return;
    for (size_t i = 0; i < json_object_array_length(groups); i++)
        print_named(f, i > 0 ? ", " : "",
                    json_object_get_string(json_object_array_get_idx(groups, i)), "");
    (void)fputc('\n', f);
}

int cli_show_user(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_json_ json_object *o = NULL;
    bool all = grammar_has(m, "all");
    int r = cli_call(cli, POLICY_NAME, POLICY_PATH, cli_documents(cli, POLICY_NAME), "GetOwnRights",
                     &error, &reply, NULL);

    if (r < 0)
        return cli_bus_error(cli, &error, r);
    r = read_json(cli, reply, &o);
    if (r < 0 || cli->json)
        return r < 0 ? r : cli_print_json(cli, TAKE_PTR(o));
    if (all) {
        print_named(cli->out, "Username: ", string_of(o, "name"), "\nGroups: ");
        print_own_groups(cli->out, o);
        print_named(cli->out, "User ", string_of(o, "name"), " has the following Task ID(s):\n\n");
        print_tasks(cli->out, "", o, "tasks");
    } else if (grammar_has(m, "tasks")) {
        print_tasks(cli->out, "", o, "tasks");
    } else if (grammar_has(m, "group")) {
        print_own_groups(cli->out, o);
    } else {
        print_named(cli->out, "", string_of(o, "name"), "\n");
    }
    return 0;
}
