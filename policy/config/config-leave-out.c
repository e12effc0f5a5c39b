/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a candidate without what was refused. Who refuses names a line, the beginning of
 * one (an object), or a line that nobody changed but that does not go with the changes. */
#include "config-leave-out.h"

#include "json-util.h"

typedef struct Refused {
    const char *text;
    const char *section; /* all its changes go, when no changed line is the one that was named */
    bool is_line;
} Refused;

typedef struct Choice {
    Refused *refused;
    size_t n;
    json_object *to;
    size_t n_left, n_dropped;
} Choice;

static const char *without_no(const char *text)
{
    return strncmp(text, "no ", STRLEN("no ")) == 0 ? text + STRLEN("no ") : text;
}

static const char *line_section(const ConfigLine *line)
{
    const ConfigRow *enter = config_mode_row(line->row->mode);

    return (enter ? enter : line->row)->section;
}

/* Of the line that was named; owners that fail as a whole name their section. */
static const char *text_section(const char *text)
{
    for (size_t i = 0; i < config_n_rows; i++)
        if (config_rows[i].mode == CONFIG_MODE_TOP &&
            (config_words_begin(config_rows[i].head, text) || streq(config_rows[i].section, text)))
            return config_rows[i].section;
    return NULL;
}

static int look_event(ConfigEvent event, const ConfigLine *line, void *userdata)
{
    Choice *choice = userdata;
    _cleanup_free_ char *text = NULL;

    if (event != CONFIG_EVENT_LINE && event != CONFIG_EVENT_NEW)
        return 0;
    text = config_line_absolute_text(line);
    if (!text)
        return -ENOMEM;
    for (size_t i = 0; i < choice->n; i++)
        if (config_words_begin(choice->refused[i].text, without_no(text)))
            choice->refused[i].is_line = true;
    return 0;
}

static bool is_refused(const Refused *refused, const ConfigLine *line, const char *text)
{
    if (refused->is_line)
        return config_words_begin(refused->text, without_no(text));
    return !refused->section || streq(refused->section, line_section(line));
}

static int apply_event(ConfigEvent event, const ConfigLine *line, void *userdata)
{
    Choice *choice = userdata;
    _cleanup_free_ char *text = NULL;

    if (event != CONFIG_EVENT_LINE && event != CONFIG_EVENT_NEW)
        return 0;
    text = config_line_absolute_text(line);
    if (!text)
        return -ENOMEM;
    for (size_t i = 0; i < choice->n; i++)
        if (is_refused(&choice->refused[i], line, text)) {
            choice->n_dropped++;
            return 0;
        }
    choice->n_left++;
    return config_apply(choice->to, line);
}

int config_leave_out(json_object *running, json_object *candidate, const char *const *refused,
                     size_t n, json_object **ret)
{
    _cleanup_free_ Refused *items = calloc(n + 1, sizeof(*items));
    _cleanup_json_ json_object *to = config_canonical(running);
    Choice choice = {.refused = items, .n = n, .to = to};
    int r;

    if (!items || !to)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        items[i].text = without_no(refused[i]);
        items[i].section = text_section(items[i].text);
    }
    r = config_compare(running, candidate, look_event, &choice);
    if (r >= 0)
        r = config_compare(running, candidate, apply_event, &choice);
    if (r < 0)
        return r;
    if (choice.n_dropped == 0 || choice.n_left == 0)
        return -ENODATA;
    *ret = config_canonical(to);
    return *ret ? 0 : -ENOMEM;
}
