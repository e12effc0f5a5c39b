/* SPDX-License-Identifier: Apache-2.0 */
/* The table gives four forms of each line: as it stands, with "no" in front, and both with the
 * words that enter its mode in front, so that it can be given from the top. */
#include "config-parse.h"

#include <malloc.h>
#include <stdio.h>
#include <strings.h>

#include "config-gone.h"
#include "json-util.h"

#define COMMANDS_MAX 384U
#define HELP_MAX 16U

/* What a pattern was made of. */
typedef struct Form {
    const ConfigRow *enter; /* the mode's words stand in front; NULL for none */
    const ConfigRow *row;
    bool remove;
    char *pattern;
    const char *help[HELP_MAX + 1];
} Form;

typedef struct ModeGrammar {
    GrammarCommand commands[COMMANDS_MAX + 1];
    Form *forms[COMMANDS_MAX];
    size_t n;
    Grammar *grammar;
} ModeGrammar;

struct ConfigParser {
    ModeGrammar modes[_CONFIG_MODE_MAX];
};

static int append_help(Form *form, const char *const *help)
{
    size_t n = 0;

    while (form->help[n])
        n++;
    for (; *help; help++) {
        if (n >= HELP_MAX)
            return -E2BIG;
        form->help[n++] = *help;
    }
    return 0;
}

/* Removing needs to be told which one; not what is lost, nor how that was written. */
static char *row_pattern(const ConfigRow *row, bool remove)
{
    bool optional = remove && row->kind != CONFIG_ENTER;
    size_t which = config_row_is_one_of_many(row) ? strcspn(row->tail, " ") : 0;
    const char *how = strrchr(row->head, ' ');
    char *pattern;

    if (optional && row->sealed && how)
        return asprintf(&pattern, "%.*s [%s [%s]]", (int)(how - row->head), row->head, how + 1,
                        row->tail) < 0
                   ? NULL
                   : pattern;

    if (!row->tail[0])
        return strdup(row->head);
    if (optional && which > 0)
        return asprintf(&pattern, row->tail[which] ? "%s %.*s [%s]" : "%s %.*s", row->head,
                        (int)which, row->tail, row->tail + which + 1) < 0
                   ? NULL
                   : pattern;
    if (asprintf(&pattern, optional ? "%s [%s]" : "%s %s", row->head, row->tail) < 0)
        return NULL;
    return pattern;
}

static Form *form_free(Form *form)
{
    if (form)
        free(form->pattern);
    free(form);
    return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Form *, form_free);

static int add_form(ModeGrammar *g, const ConfigRow *enter, const ConfigRow *row, bool remove)
{
    static const char *const negate[] = {"Negate a command", NULL};
    _cleanup_free_ char *front = enter ? row_pattern(enter, false) : strdup(""),
                        *pattern = row_pattern(row, remove);
    _cleanup_(form_freep) Form *form = calloc(1, sizeof(*form));
    int r;

    if (!form || !front || !pattern)
        return -ENOMEM;
    if (g->n >= COMMANDS_MAX)
        return -E2BIG;
    if ((remove && (r = append_help(form, negate)) < 0) ||
        (enter && (r = append_help(form, enter->help)) < 0) ||
        (r = append_help(form, row->help)) < 0)
        return r;
    if (asprintf(&form->pattern, "%s%s%s%s", remove ? "no " : "", front, enter ? " " : "",
                 pattern) < 0) {
        form->pattern = NULL;
        return -ENOMEM;
    }
    form->enter = enter;
    form->row = row;
    form->remove = remove;
    g->commands[g->n] =
        (GrammarCommand){.pattern = form->pattern, .help = form->help, .data = form};
    g->forms[g->n++] = TAKE_PTR(form);
    return 0;
}

static int add_forms(ModeGrammar *g, const ConfigRow *enter, ConfigMode mode)
{
    for (size_t i = 0; i < config_n_rows; i++) {
        const ConfigRow *row = &config_rows[i];
        int r;

        if (row->mode != mode)
            continue;
        if ((r = add_form(g, enter, row, false)) < 0 || (r = add_form(g, enter, row, true)) < 0)
            return r;
        if (row->kind == CONFIG_ENTER) {
            r = add_forms(g, row, row->enters);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

ConfigParser *config_parser_new(void)
{
    _cleanup_(config_parser_freep) ConfigParser *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    for (ConfigMode mode = 0; mode < _CONFIG_MODE_MAX; mode++) {
        ModeGrammar *g = &p->modes[mode];

        if (add_forms(g, NULL, mode) < 0)
            return NULL;
        g->grammar = grammar_new(g->commands);
        if (!g->grammar)
            return NULL;
    }
    return TAKE_PTR(p);
}

ConfigParser *config_parser_free(ConfigParser *p)
{
    if (!p)
        return NULL;
    for (ConfigMode mode = 0; mode < _CONFIG_MODE_MAX; mode++) {
        grammar_free(p->modes[mode].grammar);
        for (size_t i = 0; i < p->modes[mode].n; i++)
            form_free(p->modes[mode].forms[i]);
    }
    free(p);
    return NULL;
}

void config_place_done(ConfigPlace *place)
{
    free(place->name);
    place->name = NULL;
}

/* --- Values ----------------------------------------------------------------------------------- */

static json_object *parts_value(const ConfigRow *row, const GrammarMatch *m)
{
    _cleanup_json_ json_object *parts = json_object_new_object();

    for (size_t i = 0; parts && i < m->n_arguments; i++) {
        const char *name = m->arguments[i].name;
        json_object *member;

        if (!config_row_has_part(row, name))
            continue;
        member = json_object_new_string(m->arguments[i].value);
        if (!member || json_object_object_add(parts, name, member) < 0) {
            json_object_put(member);
            return NULL;
        }
    }
    return parts && json_object_object_length(parts) > 0 ? TAKE_PTR(parts) : NULL;
}

static bool is_given(const GrammarMatch *m, const char *word, size_t length)
{
    for (size_t i = 0; i < m->n_arguments; i++)
        if (streq(m->arguments[i].name, "value") && strlen(m->arguments[i].value) == length &&
            strncmp(m->arguments[i].value, word, length) == 0)
            return true;
    return false;
}

/* The words that were given, in the order of the row's "{<value:a|b|c>}". */
static json_object *words_value(const ConfigRow *row, const GrammarMatch *m)
{
    _cleanup_json_ json_object *words = json_object_new_array();
    const char *word = strchr(row->tail, ':');

    while (words && word && strchr(":|", *word)) {
        size_t length = strcspn(++word, "|>");

        if (is_given(m, word, length)) {
            json_object *element = json_object_new_string_len(word, (int)length);

            if (!element || json_object_array_add(words, element) < 0) {
                json_object_put(element);
                return NULL;
            }
        }
        word += length;
    }
    return TAKE_PTR(words);
}

static json_object *argument_value(const char *text, bool is_number)
{
    return is_number ? json_object_new_int64(strtoll(text, NULL, 10))
                     : json_object_new_string(text);
}

/* All arguments "value". */
static json_object *list_value(const GrammarMatch *m, bool numbers)
{
    _cleanup_json_ json_object *list = json_object_new_array();

    for (size_t i = 0; list && i < m->n_arguments; i++) {
        json_object *element;

        if (!streq(m->arguments[i].name, "value"))
            continue;
        element = argument_value(m->arguments[i].value, numbers);
        if (!element || json_object_array_add(list, element) < 0) {
            json_object_put(element);
            return NULL;
        }
    }
    return TAKE_PTR(list);
}

/* One member; null when a line that removes does not say what is lost. */
static json_object *named_value(const ConfigRow *row, const GrammarMatch *m)
{
    const char *name = grammar_argument(m, "name"), *value = grammar_argument(m, "value");
    _cleanup_json_ json_object *named = json_object_new_object();
    json_object *member = NULL;

    if (value)
        member =
            row->kind == CONFIG_NAMED_LIST ? list_value(m, false) : argument_value(value, false);
    if (!named || (value && !member) || json_object_object_add(named, name, member) < 0) {
        json_object_put(member);
        return NULL;
    }
    return TAKE_PTR(named);
}

/* NULL only when out of memory, or when there is no value in a line that removes. */
static json_object *line_value(const ConfigRow *row, const GrammarMatch *m)
{
    const char *value = grammar_argument(m, row->kind == CONFIG_ENTER ? "name" : "value");

    switch (row->kind) {
    case CONFIG_ENTER:
    case CONFIG_STRING:
    case CONFIG_SECRET:
    case CONFIG_ITEM:
        return value ? json_object_new_string(value) : NULL;
    case CONFIG_NUMBER:
        return value ? argument_value(value, true) : NULL;
    case CONFIG_NUMBERS:
        return value ? list_value(m, true) : NULL;
    case CONFIG_NAMED:
    case CONFIG_NAMED_LIST:
        return named_value(row, m);
    case CONFIG_CONSTANT:
        return json_object_new_string(row->constant);
    case CONFIG_TRUE:
        return json_object_new_boolean(true);
    case CONFIG_WORDS:
        return words_value(row, m);
    case CONFIG_PARTS:
        return parts_value(row, m);
    }
    return NULL;
}

static bool needs_value(const ConfigLine *line)
{
    if (line->row->kind == CONFIG_ENTER)
        return config_row_is_named(line->row);
    return !line->remove || config_row_is_one_of_many(line->row);
}

/* --- Lines ------------------------------------------------------------------------------------ */

/* U+0080 to U+009F, which terminals may take for commands. The grammar has refused the others. */
static const char *find_control(const char *line)
{
    for (const char *p = line; *p; p++)
        if ((unsigned char)p[0] == 0xc2 && (unsigned char)p[1] >= 0x80 &&
            (unsigned char)p[1] <= 0x9f)
            return p;
    return NULL;
}

static const char *refusal(const ConfigRow *row, const char *value)
{
    return row && row->refuse && value ? row->refuse(value) : NULL;
}

static int take_name(ConfigParsed *ret, const char *name)
{
    if (!name)
        return 0;
    ret->name = strdup(name);
    ret->line.name = ret->name;
    return ret->name ? 0 : -ENOMEM;
}

/* Where one stands after the line, if it is accepted: in the mode that it enters; where it was
 * given, else. */
static int take_next(ConfigParsed *ret, const Form *form, const ConfigPlace *place)
{
    bool enters = form->row->kind == CONFIG_ENTER && !form->remove;
    const char *name = !enters           ? place->name
                       : ret->line.value ? json_object_get_string(ret->line.value)
                                         : NULL;

    ret->next.mode = enters ? form->row->enters : place->mode;
    ret->next.name = name ? strdup(name) : NULL;
    return name && !ret->next.name ? -ENOMEM : 0;
}

static int take_match(ConfigParsed *ret, const ConfigPlace *place, const GrammarMatch *m)
{
    const Form *form = m->command->data;
    const char *name = grammar_argument(m, "name");
    int r;

    ret->line.row = form->row;
    ret->line.remove = form->remove;
    ret->line.value = line_value(form->row, m);
    if (!ret->line.value && needs_value(&ret->line))
        return -ENOMEM;
    r = take_name(ret, form->enter ? name : form->row->kind == CONFIG_ENTER ? NULL : place->name);
    if (r < 0)
        return r;
    ret->reason = form->remove ? NULL : refusal(form->enter ? form->enter : form->row, name);
    if (!ret->reason && !form->remove)
        ret->reason = refusal(form->row, grammar_argument(m, "value"));
    if (ret->reason)
        ret->status = GRAMMAR_INVALID;
    return take_next(ret, form, place);
}

static int parse_at(const ConfigParser *p, const ConfigPlace *place, const char *line,
                    ConfigParsed *ret)
{
    GrammarMatch match;
    int r;

    memset(ret, 0, sizeof(*ret));
    r = grammar_parse(p->modes[place->mode].grammar, line, &match);
    if (r >= 0) {
        ret->status = match.status;
        ret->column = match.column;
        if (match.status == GRAMMAR_OK)
            r = take_match(ret, place, &match);
        else if (match.status == GRAMMAR_INVALID)
            ret->reason = config_why_gone(place->mode, line, match.column);
        if (ret->line.row && ret->line.row->kind == CONFIG_SECRET && match.buffer)
            explicit_bzero(match.buffer, malloc_usable_size(match.buffer));
    }
    grammar_match_done(&match);
    return r;
}

int config_parse(const ConfigParser *p, const ConfigPlace *place, const char *line,
                 ConfigParsed *ret)
{
    const char *control = find_control(line);
    ConfigParsed top;
    int r;

    if (control) {
        *ret = (ConfigParsed){.status = GRAMMAR_INVALID, .column = (size_t)(control - line)};
        return 0;
    }
    r = parse_at(p, place, line, ret);
    if (r < 0 || ret->status != GRAMMAR_INVALID || ret->reason || place->mode == CONFIG_MODE_TOP)
        return r;
    r = parse_at(p, &(ConfigPlace){.mode = CONFIG_MODE_TOP}, line, &top);
    /* When it fits nowhere, the place where more of it fits gives the error. */
    if (r >= 0 && top.status == GRAMMAR_INVALID && !top.reason && top.column <= ret->column) {
        config_parsed_done(&top);
        return 0;
    }
    config_parsed_done(ret);
    *ret = top;
    return r;
}

const char *config_parsed_message(const ConfigParsed *parsed)
{
    switch (parsed->status) {
    case GRAMMAR_OK:
    case GRAMMAR_EMPTY:
        return "";
    case GRAMMAR_INVALID:
        return parsed->reason ? parsed->reason : "Invalid input detected at '^' marker.";
    case GRAMMAR_INCOMPLETE:
        return "Incomplete command.";
    case GRAMMAR_AMBIGUOUS:
        return "Ambiguous command";
    case GRAMMAR_UNMATCHED_QUOTE:
        return "Unmatched quote";
    }
    return "";
}

/* The value is in memory that is used again. */
void config_parsed_wipe(ConfigParsed *parsed)
{
    const char *clear = parsed->line.value ? json_object_get_string(parsed->line.value) : NULL;

    if (parsed->line.row && parsed->line.row->kind == CONFIG_SECRET && clear)
        explicit_bzero((char *)(uintptr_t)clear, strlen(clear));
}

void config_parsed_done(ConfigParsed *parsed)
{
    config_parsed_wipe(parsed);
    json_object_put(parsed->line.value);
    free(parsed->name);
    config_place_done(&parsed->next);
    memset(parsed, 0, sizeof(*parsed));
}

/* Where the next word begins and ends; false behind the last. */
static bool next_word(const char *line, size_t *start, size_t *end)
{
    *start = *end + strspn(line + *end, " \t");
    *end = *start + strcspn(line + *start, " \t");
    return *end > *start;
}

static bool abbreviates(const char *line, size_t start, size_t end, const char *keyword)
{
    return strncasecmp(line + start, keyword, end - start) == 0;
}

static size_t hides_after(const char *line, size_t start, size_t end, const char *keyword)
{
    return abbreviates(line, start, end, keyword) && line[end] ? end : strlen(line);
}

/* The same of a user: his secret has more than one name. */
static size_t hides_of_user(const char *line, size_t start, size_t end)
{
    static const char *const keywords[] = {"secret", "password", "password-policy"};
    size_t length = strlen(line);

    for (size_t i = 0; i < ELEMENTSOF(keywords); i++)
        if (hides_after(line, start, end, keywords[i]) < length)
            return end;
    return length;
}

/* The same of a trustpoint, and of the profile of a client. */
static size_t hides_of_trustpoint(const char *line, size_t start, size_t end)
{
    static const char *const keywords[] = {"challenge-password", "sftp-password", "password"};
    size_t length = strlen(line);

    for (size_t i = 0; i < ELEMENTSOF(keywords); i++)
        if (hides_after(line, start, end, keywords[i]) < length)
            return end;
    return length;
}

/* crypto ca trustpoint NAME, client-authentication profile NAME */
#define CRYPTO_WORDS 4U
#define CLIENT_WORDS 3U

/* The same behind further words; at most what is given. */
static size_t hides_behind(const char *line, size_t start, size_t end, unsigned words, size_t most)
{
    size_t hidden;

    while (words-- > 0)
        if (!next_word(line, &start, &end))
            return most;
    hidden = hides_of_trustpoint(line, start, end);
    return hidden < most ? hidden : most;
}

/* Goes by the words alone, generously: whoever mistypes a line has a secret too. */
size_t config_public_length(const ConfigPlace *place, const char *line)
{
    size_t start, end = 0, hidden;

    if (!next_word(line, &start, &end))
        return strlen(line);
    if (abbreviates(line, start, end, "no") && !next_word(line, &start, &end))
        return strlen(line);
    if (abbreviates(line, start, end, "username")) {
        /* His name, and what there is to say of him. */
        for (unsigned i = 0; i < 2; i++)
            if (!next_word(line, &start, &end))
                return strlen(line);
        return hides_of_user(line, start, end);
    }
    if (place->mode == CONFIG_MODE_USERNAME)
        return hides_of_user(line, start, end);
    hidden = hides_of_trustpoint(line, start, end);
    /* From the top, which may be abbreviated to what is both. */
    if (abbreviates(line, start, end, "crypto"))
        hidden = hides_behind(line, start, end, CRYPTO_WORDS, hidden);
    if (abbreviates(line, start, end, "client-authentication"))
        hidden = hides_behind(line, start, end, CLIENT_WORDS, hidden);
    return hidden;
}

/* Would the line, with this name as its last word, enter an instance of the row's mode, or remove
 * it? */
static int is_for_row(const ConfigParser *p, const ConfigPlace *place, const ConfigRow *row,
                      const char *line, size_t typed, const char *name)
{
    _cleanup_free_ char *whole = NULL;
    ConfigParsed parsed;
    int r;

    if (asprintf(&whole, "%.*s%s", (int)(strlen(line) - typed), line, name) < 0) {
        whole = NULL;
        return -ENOMEM;
    }
    r = config_parse(p, place, whole, &parsed);
    if (r >= 0)
        r = parsed.status == GRAMMAR_OK && parsed.line.row == row;
    config_parsed_done(&parsed);
    return r;
}

static int complete_names(const ConfigParser *p, const ConfigPlace *place, const ConfigRow *row,
                          json_object *root, const char *line, grammar_completion_t callback,
                          void *userdata)
{
    json_object *instances = config_instances(root, row);
    const char *blank = strpbrk(line, " \t"), *typed = line;
    bool known = false;
    int r;

    for (; blank; blank = strpbrk(typed, " \t"))
        typed = blank + 1;
    if (!instances)
        return 0;
    json_object_object_foreach(instances, name, instance)
    {
        (void)instance;
        if (strncmp(name, typed, strlen(typed)) != 0)
            continue;
        /* What it is for one, it is for all. */
        if (!known && (r = is_for_row(p, place, row, line, strlen(typed), name)) <= 0)
            return r;
        known = true;
        r = callback(name, "", userdata);
        if (r < 0)
            return r;
    }
    return 0;
}

int config_complete(const ConfigParser *p, const ConfigPlace *place, json_object *root,
                    const char *line, grammar_completion_t callback, void *userdata)
{
    int r = grammar_complete(p->modes[place->mode].grammar, line, callback, userdata);

    if (r >= 0 && place->mode != CONFIG_MODE_TOP)
        r = grammar_complete(p->modes[CONFIG_MODE_TOP].grammar, line, callback, userdata);
    for (size_t i = 0; r >= 0 && i < config_n_rows; i++)
        if (config_row_is_named(&config_rows[i]))
            r = complete_names(p, place, &config_rows[i], root, line, callback, userdata);
    return r;
}
