/* SPDX-License-Identifier: Apache-2.0 */
#include "config-load.h"

#include <ctype.h>

#include "json-util.h"

#define TOO_LARGE "The configuration would become too large"
#define CLEAR_SECRET "A text has no secret in clear: use 'secret 10' and its hash"

struct ConfigLoader {
    const ConfigParser *parser;
    const char *text; /* what is left */
    size_t size;
    config_load_line_t accept;
    void *userdata;
    ConfigPlace place;
    unsigned number;
    bool stop;
    ConfigLoad *load;
};

static int add_error(ConfigLoader *l, size_t column, const char *message)
{
    l->load->errors[l->load->n_errors++] =
        (ConfigLoadError){.line = l->number, .column = column, .message = message};
    l->stop = l->stop || l->load->n_errors == CONFIG_LOAD_ERRORS_MAX;
    return 0;
}

/* "Sun Nov 22 01:09:19.123 UTC": d is a digit, a a letter, ? a digit or a blank. */
static bool is_time_line(const char *line)
{
    static const char form[] = "aaa aaa ?d dd:dd:dd.ddd a";

    for (size_t i = 0; form[i]; i++) {
        unsigned char c = (unsigned char)line[i];
        bool fits = form[i] == 'a'   ? isalpha(c)
                    : form[i] == 'd' ? isdigit(c)
                    : form[i] == '?' ? isdigit(c) || c == ' '
                                     : c == (unsigned char)form[i];

        if (!fits)
            return false;
    }
    return true;
}

static int take_parsed(ConfigLoader *l, ConfigParsed *parsed)
{
    int r;

    if (parsed->status == GRAMMAR_EMPTY)
        return 0;
    if (parsed->status != GRAMMAR_OK)
        return add_error(l, parsed->column, config_parsed_message(parsed));
    if (parsed->line.row->kind == CONFIG_SECRET && !parsed->line.remove)
        return add_error(l, 0, CLEAR_SECRET);
    r = l->accept(parsed, l->userdata);
    if (r == -EDQUOT) {
        l->stop = true;
        return add_error(l, 0, TOO_LARGE);
    }
    if (r < 0)
        return r;
    l->load->n_lines++;
    config_place_done(&l->place);
    l->place = parsed->next;
    parsed->next.name = NULL;
    return 0;
}

static int take_line(ConfigLoader *l, const char *line)
{
    ConfigParsed parsed;
    int r;

    if (l->number == 1 && is_time_line(line))
        return 0;
    if (streq(line, "!")) {
        config_place_done(&l->place);
        l->place.mode = CONFIG_MODE_TOP;
        return 0;
    }
    if (streq(line, "end")) {
        l->stop = true;
        return 0;
    }
    r = config_parse(l->parser, &l->place, line, &parsed);
    if (r >= 0)
        r = take_parsed(l, &parsed);
    config_parsed_done(&parsed);
    return r;
}

/* Blanks at its end are not of the line, nor is what other systems put there. */
static size_t trimmed(const char *line, size_t length)
{
    while (length > 0 && strchr(" \t\r", line[length - 1]))
        length--;
    return length;
}

static int take_bytes(ConfigLoader *l, const char *bytes, size_t length)
{
    char line[GRAMMAR_LINE_MAX + 1];

    l->number++;
    length = trimmed(bytes, length);
    if (length > GRAMMAR_LINE_MAX)
        return add_error(l, 0, "The line is too long");
    if (!utf8_is_valid(bytes, length) || memchr(bytes, 0, length))
        return add_error(l, 0, "The line is not text in UTF-8");
    if (l->number > CONFIG_LOAD_LINES_MAX) {
        l->stop = true;
        return add_error(l, 0, "There are too many lines");
    }
    memcpy(line, bytes, length);
    line[length] = '\0';
    return take_line(l, line);
}

int config_loader_step(ConfigLoader *l, unsigned lines)
{
    while (lines-- > 0 && l->size > 0 && !l->stop) {
        const char *end = memchr(l->text, '\n', l->size), *line = l->text;
        size_t length = end ? (size_t)(end - line) : l->size, step = length + (end ? 1 : 0);
        int r;

        l->text += step;
        l->size -= step;
        r = take_bytes(l, line, length);
        if (r < 0)
            return r;
    }
    return l->size > 0 && !l->stop;
}

int config_loader_new(const ConfigParser *p, const char *text, size_t size,
                      config_load_line_t accept, void *userdata, ConfigLoad *ret,
                      ConfigLoader **ret_loader)
{
    ConfigLoader *l;

    memset(ret, 0, sizeof(*ret));
    if (size > CONFIG_LOAD_SIZE_MAX)
        return -EFBIG;
    l = malloc(sizeof(*l));
    if (!l)
        return -ENOMEM;
    *l = (ConfigLoader){.parser = p,
                        .text = text,
                        .size = size,
                        .accept = accept,
                        .userdata = userdata,
                        .load = ret};
    *ret_loader = l;
    return 0;
}

ConfigLoader *config_loader_free(ConfigLoader *l)
{
    if (!l)
        return NULL;
    config_place_done(&l->place);
    free(l);
    return NULL;
}

int config_load(const ConfigParser *p, const char *text, size_t size, config_load_line_t accept,
                void *userdata, ConfigLoad *ret)
{
    _cleanup_(config_loader_freep) ConfigLoader *l = NULL;
    int r = config_loader_new(p, text, size, accept, userdata, ret, &l);

    while (r >= 0 && (r = config_loader_step(l, CONFIG_LOAD_LINES_MAX)) > 0)
        ;
    return r;
}
