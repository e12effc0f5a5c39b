/* SPDX-License-Identifier: Apache-2.0 */
#include "commit-warnings.h"

#include "aaa.h"
#include "json-util.h"

int warn_of_users(json_object *section, FailureList *warnings)
{
    json_object *users;

    if (json_get_object(section, "username", &users) < 0)
        return 0;
    json_object_object_foreach(users, name, user)
    {
        _cleanup_free_ char *line = NULL;
        json_object *groups;
        int r;

        if (json_get_array(user, "group", &groups) >= 0 && json_object_array_length(groups) > 0)
            continue;
        if (asprintf(&line, "username %s", name) < 0) {
            line = NULL;
            return -ENOMEM;
        }
        r = failures_add(warnings, line, "The user is in no 'group', and holds no task by that");
        if (r < 0)
            return r;
    }
    return 0;
}

typedef struct Touched {
    const FailureList *warnings;
    bool *keep;
} Touched;

static const char *without_no(const char *text)
{
    return strncmp(text, "no ", STRLEN("no ")) == 0 ? text + STRLEN("no ") : text;
}

/* In a mode it is the mode that counts: what is wrong with one line may come of another. */
static int look(ConfigEvent event, const ConfigLine *line, void *userdata)
{
    const Touched *touched = userdata;
    _cleanup_free_ char *text = NULL;
    const char *changed;

    if (event == CONFIG_EVENT_END ||
        (event == CONFIG_EVENT_LINE && line->row->mode != CONFIG_MODE_TOP))
        return 0;
    text = config_line_absolute_text(line);
    if (!text)
        return -ENOMEM;
    changed = without_no(text);
    for (size_t i = 0; i < touched->warnings->n; i++) {
        const char *warned = without_no(touched->warnings->items[i].line);

        if (config_words_begin(changed, warned) || config_words_begin(warned, changed))
            touched->keep[i] = true;
    }
    return 0;
}

int warnings_keep_changed(FailureList *warnings, json_object *running, json_object *candidate)
{
    _cleanup_free_ bool *keep = calloc(warnings->n + 1, sizeof(*keep));
    Touched touched = {.warnings = warnings, .keep = keep};
    size_t n = 0;
    int r;

    if (!keep)
        return -ENOMEM;
    r = config_compare(running, candidate, look, &touched);
    if (r < 0)
        return r;
    for (size_t i = 0; i < warnings->n; i++) {
        Failure *item = &warnings->items[i];

        if (keep[i]) {
            warnings->items[n++] = *item;
            continue;
        }
        free(item->line);
        free(item->reason);
    }
    warnings->n = n;
    return 0;
}
