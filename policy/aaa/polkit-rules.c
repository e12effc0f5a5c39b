/* SPDX-License-Identifier: Apache-2.0 */
#include "polkit-rules.h"

#include <fcntl.h>
#include <stdio.h>

#include "atomic-file.h"
#include "json-util.h"
#include "names.h"

#define RULES_SIZE_MAX (8U << 20)

static const char rules_head[] = "// Made by chancery-policyd from the configuration (taskgroup, "
                                 "usergroup, username). Do not edit: see chancery-policyd(8).\n"
                                 "polkit.addRule((function() {\n";

/* Names are compared, never used as member names: an object has members that nobody put there. */
static const char rules_tail[] =
    "    var prefix = \"" TASK_ACTION_PREFIX "\";\n"
    "    var holds = function(group, task) {\n"
    "        for (var i = 0; i < groups.length; i++)\n"
    "            if (groups[i][0] === group)\n"
    "                return groups[i][1].indexOf(task) >= 0;\n"
    "        return false;\n"
    "    };\n"
    "    return function(action, subject) {\n"
    "        if (action.id.lastIndexOf(prefix, 0) !== 0) {\n"
    "            if (subject.user === \"" USER_PREFIX
    "policyd\" && hostname.indexOf(action.id) >= 0)\n"
    "                return polkit.Result.YES;\n"
    "            return polkit.Result.NOT_HANDLED;\n"
    "        }\n"
    "        var task = action.id.substring(prefix.length), i, j;\n"
    "        for (i = 0; i < users.length; i++)\n"
    "            if (users[i][0] === subject.user)\n"
    "                for (j = 0; j < users[i][1].length; j++)\n"
    "                    if (holds(users[i][1][j], task))\n"
    "                        return polkit.Result.YES;\n"
    "        // A user's own group, which has his name, makes him a member of nothing.\n"
    "        for (i = 0; i < groups.length; i++)\n"
    "            if (groups[i][1].indexOf(task) >= 0 && groups[i][0] !== subject.user &&\n"
    "                subject.isInGroup(groups[i][0]))\n"
    "                return polkit.Result.YES;\n"
    "        return polkit.Result.NOT_HANDLED;\n"
    "    };\n"
    "})());\n";

static const char rules_hostname[] =
    "    var hostname = [\"org.freedesktop.hostname1.set-hostname\", "
    "\"org.freedesktop.hostname1.set-static-hostname\"];\n";

/* --- Text ------------------------------------------------------------------------------------- */

/* The code point at *p, which is at the first byte of one in valid UTF-8. */
static uint32_t next_code_point(const unsigned char **p)
{
    uint32_t c = *(*p)++;
    unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

    if (more > 0)
        c &= 0x3fU >> more;
    for (; more > 0 && **p; more--)
        c = c << 6 | (*(*p)++ & 0x3fU);
    return c;
}

static void put_quoted(FILE *f, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    fputc('"', f);
    while (*p) {
        uint32_t c = next_code_point(&p);

        if (c > 0xffff)
            fprintf(f, "\\u%04x\\u%04x", 0xd800U + ((c - 0x10000U) >> 10),
                    0xdc00U + ((c - 0x10000U) & 0x3ffU));
        else if (c < ' ' || c > '~' || strchr("\"\\/<>&'", (int)c))
            fprintf(f, "\\u%04x", c);
        else
            fputc((int)c, f);
    }
    fputc('"', f);
}

int polkit_rules_quote(const char *text, char **ret)
{
    _cleanup_free_ char *quoted = NULL;
    size_t size;
    FILE *f;

    if (!utf8_is_valid(text, strlen(text)))
        return -EBADMSG;
    f = open_memstream(&quoted, &size);
    if (!f)
        return -ENOMEM;
    put_quoted(f, text);
    if (fclose(f) != 0)
        return -ENOMEM;
    *ret = TAKE_PTR(quoted);
    return 0;
}

static void put_grants(FILE *f, const Grants *grants)
{
    const char *separator = "";

    for (size_t i = 0; i < TASK_COUNT; i++)
        for (unsigned class = TASK_READ; class <= TASK_DEBUG; class <<= 1)
            if (grants->classes[i] & class) {
                fprintf(f, "%s\"%s.%s\"", separator, tasks[i].name, task_class_name(class));
                separator = ", ";
            }
    if (grants->root_lr)
        fprintf(f, "%s\"" TASK_ROOT_LR ".write\"", separator);
}

static const char rules_units_tail[] =
    "];\n"
    "    return function(action, subject) {\n"
    "        if (action.id !== \"org.freedesktop.systemd1.manage-units\" || subject.user !== "
    "\"" USER_PREFIX "enrolld\")\n"
    "            return polkit.Result.NOT_HANDLED;\n"
    "        return action.lookup(\"verb\") === \"reload-or-try-restart\" && "
    "units.indexOf(action.lookup(\"unit\")) >= 0\n"
    "            ? polkit.Result.YES : polkit.Result.NO;\n"
    "    };\n"
    "})());\n";

/* Services that use a trustpoint's certificate: to be reloaded, and nothing else. */
static void put_units(FILE *f, json_object *units)
{
    fputs("polkit.addRule((function() {\n    var units = [", f);
    for (size_t i = 0; i < (units ? json_object_array_length(units) : 0); i++) {
        fputs(i > 0 ? ", " : "", f);
        put_quoted(f, json_object_get_string(json_object_array_get_idx(units, i)));
    }
    fputs(rules_units_tail, f);
}

char *polkit_rules_render(const Aaa *aaa, json_object *units)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    fputs(rules_head, f);
    fputs("    var groups = [\n", f);
    for (size_t i = 0; i < aaa->n_groups; i++) {
        fputs("        [", f);
        put_quoted(f, aaa->groups[i].name);
        fputs(", [", f);
        put_grants(f, &aaa->groups[i].grants);
        fputs(i + 1 < aaa->n_groups ? "]],\n" : "]]\n", f);
    }
    fputs("    ];\n    var users = [\n", f);
    for (size_t i = 0; i < aaa->n_users; i++) {
        const char *separator = "";

        fputs("        [", f);
        put_quoted(f, aaa->users[i].name);
        fputs(", [", f);
        for (char **group = aaa->users[i].groups; *group; group++) {
            fputs(separator, f);
            put_quoted(f, *group);
            separator = ", ";
        }
        fputs(i + 1 < aaa->n_users ? "]],\n" : "]]\n", f);
    }
    fputs("    ];\n", f);
    fputs(rules_hostname, f);
    fputs(rules_tail, f);
    put_units(f, units);
    return fclose(f) == 0 ? TAKE_PTR(text) : NULL;
}

/* --- The file --------------------------------------------------------------------------------- */

static bool is_same(const char *path, const char *content)
{
    _cleanup_free_ void *data = NULL;
    size_t size;

    return read_file_at(AT_FDCWD, path, RULES_SIZE_MAX, &data, &size) >= 0 &&
           size == strlen(content) && memcmp(data, content, size) == 0;
}

int polkit_rules_write(const char *path, const char *content)
{
    _cleanup_close_ int fd = -EBADF;
    int r;

    if (is_same(path, content))
        return 0;
    fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    r = write_full(fd, content, strlen(content));
    if (r < 0) {
        /* Nothing is granted that was not said. */
        (void)(ftruncate(fd, 0) < 0);
        return r;
    }
    return fsync(fd) < 0 ? -errno : 1;
}
