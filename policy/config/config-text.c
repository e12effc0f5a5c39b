/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and whole configurations as text. */
#include <inttypes.h>
#include <stdio.h>

#include "config-tree.h"
#include "json-util.h"

bool config_words_begin(const char *words, const char *line)
{
    size_t n = strlen(words);

    return strncmp(words, line, n) == 0 && (line[n] == '\0' || line[n] == ' ');
}

static const char *string_at(json_object *o, const char *name)
{
    const char *s;

    return json_get_string(o, name, &s) < 0 ? "" : s;
}

static void print_list(FILE *f, json_object *list)
{
    for (size_t i = 0; i < json_object_array_length(list); i++)
        fprintf(f, " %s", json_object_get_string(json_object_array_get_idx(list, i)));
}

/* The row's arguments as they were given, its keywords between them. */
static void print_tail(FILE *f, const ConfigRow *row, const char *name, json_object *value,
                       bool is_hidden)
{
    for (const char *at = row->tail; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");

        if (strncmp(at, "<name:", STRLEN("<name:")) == 0)
            fprintf(f, " %s", name);
        else if (!value)
            break;
        else if (is_hidden && (*at == '{' || *at == '<'))
            (void)fputs(" " CONFIG_MASK, f);
        else if (*at == '{')
            print_list(f, value);
        else if (*at == '<')
            fprintf(f, " %s", json_object_get_string(value));
        else
            fprintf(f, " %.*s", (int)length, at);
        at += length;
    }
}

/* The same for arguments that have a member each. */
static void print_parts(FILE *f, const ConfigRow *row, json_object *parts)
{
    char name[64];

    for (const char *at = row->tail; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");

        if (config_part_name(at, name, sizeof(name)))
            fprintf(f, " %s", string_at(parts, name));
        else
            fprintf(f, " %.*s", (int)length, at);
        at += length;
    }
}

static void print_named(FILE *f, const ConfigRow *row, json_object *named, bool is_hidden)
{
    json_object_object_foreach(named, name, value)
    {
        print_tail(f, row, name, value, is_hidden);
    }
}

static void print_value(FILE *f, const ConfigRow *row, json_object *value, bool is_hidden)
{
    switch (row->kind) {
    case CONFIG_ITEM:
        print_tail(f, row, NULL, value, is_hidden);
        break;
    case CONFIG_NAMED:
    case CONFIG_NAMED_LIST:
        print_named(f, row, value, is_hidden);
        break;
    case CONFIG_STRING:
        if (strchr(row->tail, ' ')) {
            print_tail(f, row, NULL, value, is_hidden);
            break;
        }
        fprintf(f, " %s", is_hidden ? CONFIG_MASK : json_object_get_string(value));
        break;
    case CONFIG_ENTER:
        fprintf(f, " %s", is_hidden ? CONFIG_MASK : json_object_get_string(value));
        break;
    case CONFIG_NUMBER:
        fprintf(f, " %" PRId64, json_object_get_int64(value));
        break;
    case CONFIG_NUMBERS:
    case CONFIG_WORDS:
        print_list(f, value);
        break;
    case CONFIG_PARTS:
        print_parts(f, row, value);
        break;
    case CONFIG_CONSTANT:
    case CONFIG_TRUE:
    case CONFIG_SECRET:
        break;
    }
}

static void print_line(FILE *f, const ConfigLine *line, ConfigSecret masked)
{
    const ConfigRow *row = line->row;

    fprintf(f, "%s%s", line->remove ? "no " : "", row->head);
    if (line->value &&
        (!line->remove || row->kind == CONFIG_ENTER || config_row_is_one_of_many(row)))
        print_value(f, row, line->value, row->secret != CONFIG_OPEN && masked >= row->secret);
}

static char *print_to_text(void (*print)(FILE *f, const ConfigLine *line, ConfigSecret masked),
                           const ConfigLine *line)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    print(f, line, CONFIG_OPEN);
    return fclose(f) == 0 ? TAKE_PTR(text) : NULL;
}

char *config_line_text(const ConfigLine *line)
{
    return print_to_text(print_line, line);
}

static void print_absolute_line(FILE *f, const ConfigLine *line, ConfigSecret masked)
{
    const ConfigRow *enter = config_mode_row(line->row->mode);
    ConfigLine relative = *line;

    if (enter) {
        fprintf(f, "%s%s", line->remove ? "no " : "", enter->head);
        if (line->name)
            fprintf(f, " %s", line->name);
        fputc(' ', f);
        relative.remove = false;
        if (line->remove && line->row->kind != CONFIG_ITEM)
            relative.value = NULL;
    }
    print_line(f, &relative, masked);
}

char *config_line_absolute_text(const ConfigLine *line)
{
    return print_to_text(print_absolute_line, line);
}

typedef struct Rendering {
    FILE *f;
    int depth;
    ConfigSecret masked;
} Rendering;

void config_print_event(FILE *f, int depth, ConfigEvent event, const ConfigLine *line,
                        ConfigSecret masked)
{
    fprintf(f, "%*s", depth, "");
    if (event == CONFIG_EVENT_END)
        fputc('!', f);
    else
        print_line(f, line, masked);
    fputc('\n', f);
}

static int render_event(ConfigEvent event, const ConfigLine *line, void *userdata)
{
    Rendering *rendering = userdata;

    if (event == CONFIG_EVENT_END)
        rendering->depth--;
    config_print_event(rendering->f, rendering->depth, event, line, rendering->masked);
    if (event == CONFIG_EVENT_NEW || event == CONFIG_EVENT_CONTEXT)
        rendering->depth++;
    return 0;
}

char *config_render(json_object *old, json_object *new, ConfigSecret masked)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    Rendering rendering = {.f = open_memstream(&text, &size), .masked = masked};
    int r;

    if (!rendering.f)
        return NULL;
    r = config_compare(old, new, render_event, &rendering);
    if (fclose(rendering.f) != 0 || r < 0)
        return NULL;
    return TAKE_PTR(text);
}

static int mask_event(ConfigEvent event, const ConfigLine *line, void *userdata)
{
    _cleanup_json_ json_object *mask = NULL;
    ConfigLine masked = *line;

    if (event != CONFIG_EVENT_LINE || line->row->secret != CONFIG_HASHES)
        return 0;
    masked.value = mask = json_object_new_string(CONFIG_MASK);
    return mask ? config_apply(userdata, &masked) : -ENOMEM;
}

json_object *config_masked(json_object *root)
{
    _cleanup_json_ json_object *copy = config_canonical(root);

    return copy && config_compare(NULL, root, mask_event, copy) >= 0 ? TAKE_PTR(copy) : NULL;
}
