/* SPDX-License-Identifier: Apache-2.0 */
/* What lies between two configurations: shown with marks, or done to a third one. */
#include "config-tree.h"
#include "json-util.h"

/* --- Shown ------------------------------------------------------------------------------------ */

typedef struct Diff {
    FILE *f;
    int depth;
    char mark; /* of everything, within what is wholly new or wholly gone; else ' ' */
    int marked_depth;
    ConfigSecret masked;
} Diff;

static int print_event(ConfigEvent event, const ConfigLine *line, void *userdata);

static void print(const Diff *d, char mark, ConfigEvent event, const ConfigLine *line)
{
    fprintf(d->f, "%c  ", mark);
    config_print_event(d->f, d->depth, event, line, d->masked);
}

/* The whole of an object that is there no more. */
static int print_gone(Diff *d, const ConfigLine *line)
{
    const char *name = line->value ? json_object_get_string(line->value) : NULL;
    ConfigLine there = *line;
    int r;

    there.remove = false;
    print(d, '-', CONFIG_EVENT_NEW, &there);
    d->depth++;
    d->mark = '-';
    r = config_compare_mode(line->row->enters, name, NULL, line->old, print_event, d);
    d->mark = ' ';
    d->depth--;
    print(d, '-', CONFIG_EVENT_END, &there);
    return r;
}

/* What stood there may have been the line of another row that has the same place. */
static const ConfigRow *old_row(const ConfigLine *line)
{
    for (size_t i = 0; i < config_n_rows; i++) {
        const ConfigRow *row = &config_rows[i];

        if (row->mode == line->row->mode && row->kind != CONFIG_ENTER &&
            streq(row->path, line->row->path) && config_row_renders(row, line->old))
            return row;
    }
    return line->row;
}

static void print_value(const Diff *d, const ConfigLine *line)
{
    ConfigLine old = *line;

    if (d->mark != ' ') {
        print(d, d->mark, CONFIG_EVENT_LINE, line);
        return;
    }
    if (line->old) {
        old.row = old_row(line);
        old.value = line->old;
    }
    old.remove = false;
    if (line->old || line->remove)
        print(d, '-', CONFIG_EVENT_LINE, &old);
    if (!line->remove)
        print(d, '+', CONFIG_EVENT_LINE, line);
}

static int print_event(ConfigEvent event, const ConfigLine *line, void *userdata)
{
    Diff *d = userdata;

    switch (event) {
    case CONFIG_EVENT_LINE:
        if (line->remove && line->row->kind == CONFIG_ENTER)
            return print_gone(d, line);
        print_value(d, line);
        return 0;
    case CONFIG_EVENT_NEW:
        if (d->mark == ' ') {
            d->mark = '+';
            d->marked_depth = d->depth;
        }
        print(d, d->mark, event, line);
        d->depth++;
        return 0;
    case CONFIG_EVENT_CONTEXT:
        print(d, d->mark, event, line);
        d->depth++;
        return 0;
    case CONFIG_EVENT_END:
        d->depth--;
        print(d, d->mark, event, line);
        if (d->mark == '+' && d->depth == d->marked_depth)
            d->mark = ' ';
        return 0;
    }
    return -EINVAL;
}

char *config_render_diff(json_object *old, json_object *new, ConfigSecret masked)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    Diff diff = {.f = open_memstream(&text, &size), .mark = ' ', .masked = masked};
    int r;

    if (!diff.f)
        return NULL;
    r = config_compare(old, new, print_event, &diff);
    if (fclose(diff.f) != 0 || r < 0)
        return NULL;
    return TAKE_PTR(text);
}

/* --- Done to a third -------------------------------------------------------------------------- */

static int apply_event(ConfigEvent event, const ConfigLine *line, void *userdata)
{
    return event == CONFIG_EVENT_LINE || event == CONFIG_EVENT_NEW ? config_apply(userdata, line)
                                                                   : 0;
}

int config_replay(json_object *old, json_object *new, json_object *onto, json_object **ret)
{
    _cleanup_json_ json_object *result = config_canonical(onto);
    int r;

    if (!result)
        return -ENOMEM;
    r = config_compare(old, new, apply_event, result);
    if (r < 0)
        return r;
    *ret = config_canonical(result);
    return *ret ? 0 : -ENOMEM;
}
