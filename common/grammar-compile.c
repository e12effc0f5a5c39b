/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns to program. A recursive descent that emits instructions as it reads; jumps whose target
 * is not known yet are chained through their target fields until it is. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "grammar-internal.h"

#define DEPTH_MAX 16U
#define ONCE_MAX 64U
#define CHAIN_END UINT32_MAX

typedef struct Compiler {
    Grammar *grammar;
    const char *at;          /* rest of the pattern */
    const char *const *help; /* rest of the help table */
    uint32_t n_once;
    unsigned depth;
} Compiler;

static int compile_alternatives(Compiler *c, char open);

static int emit(Compiler *c, GrammarOperation operation, uint32_t target, GrammarInstruction **ret)
{
    Grammar *g = c->grammar;

    if (g->n_program == g->n_allocated) {
        uint32_t n = g->n_allocated ? g->n_allocated * 2 : 64;
        GrammarInstruction *program = reallocarray(g->program, n, sizeof(*program));

        if (!program)
            return -ENOMEM;
        g->program = program;
        g->n_allocated = n;
    }
    g->program[g->n_program] = (GrammarInstruction){.operation = operation, .target = target};
    if (ret)
        *ret = &g->program[g->n_program];
    g->n_program++;
    return 0;
}

static int emit_once(Compiler *c)
{
    if (c->n_once >= ONCE_MAX)
        return -E2BIG;
    return emit(c, GRAMMAR_ONCE, c->n_once++, NULL);
}

static size_t word_length(const char *s)
{
    return strcspn(s, " <>()[]{}|:");
}

static const char *next_help(Compiler *c)
{
    return *c->help ? *c->help++ : NULL;
}

static int compile_keyword(Compiler *c)
{
    const char *help = next_help(c);
    GrammarInstruction *keyword;
    size_t length = word_length(c->at);

    if (length == 0 || !help)
        return -EINVAL;
    if (emit(c, GRAMMAR_KEYWORD, 0, &keyword) < 0)
        return -ENOMEM;
    keyword->text = strndup(c->at, length);
    keyword->help = strdup(help);
    c->at += length;
    return keyword->text && keyword->help ? 0 : -ENOMEM;
}

/* One value of <name:a|b|c>. help is either one description for all, or as many as there are
 * values. */
static int compile_value(Compiler *c, const char *name, size_t name_length, const char *value,
                         size_t length, const char *help, size_t help_length)
{
    GrammarInstruction *keyword;

    if (length == 0)
        return -EINVAL;
    if (emit(c, GRAMMAR_KEYWORD, 0, &keyword) < 0)
        return -ENOMEM;
    keyword->name = strndup(name, name_length);
    keyword->text = strndup(value, length);
    keyword->help = strndup(help, help_length);
    return keyword->name && keyword->text && keyword->help ? 0 : -ENOMEM;
}

static size_t count_bars(const char *s, size_t length)
{
    size_t n = 0;

    for (size_t i = 0; i < length; i++)
        n += s[i] == '|';
    return n;
}

static uint32_t patch_chain(Compiler *c, uint32_t chain, uint32_t target)
{
    while (chain != CHAIN_END) {
        uint32_t next = c->grammar->program[chain].target;

        c->grammar->program[chain].target = target;
        chain = next;
    }
    return target;
}

static int compile_enumeration(Compiler *c, const char *name, size_t name_length,
                               const char *values, size_t values_length, const char *help,
                               bool once_each)
{
    bool help_each = count_bars(help, strlen(help)) == count_bars(values, values_length);
    const char *end = values + values_length;
    uint32_t chain = CHAIN_END;
    int r;

    for (const char *value = values; value <= end;) {
        size_t length = strcspn(value, "|>"),
               help_length = help_each ? strcspn(help, "|") : strlen(help);
        uint32_t split = c->grammar->n_program;

        if ((r = emit(c, GRAMMAR_SPLIT, 0, NULL)) < 0 || (once_each && (r = emit_once(c)) < 0) ||
            (r = compile_value(c, name, name_length, value, length, help, help_length)) < 0 ||
            (r = emit(c, GRAMMAR_JUMP, chain, NULL)) < 0)
            return r;
        chain = c->grammar->n_program - 1;
        c->grammar->program[split].target = c->grammar->n_program;
        value += length + 1;
        if (help_each)
            help += help_length + (help[help_length] == '|');
    }
    if ((r = emit(c, GRAMMAR_FAIL, 0, NULL)) < 0)
        return r;
    patch_chain(c, chain, c->grammar->n_program);
    return 0;
}

/* A number that ends with this character. */
static int read_number(const char **at, char end, uint64_t *ret)
{
    char *stop;

    if (!isdigit((unsigned char)**at))
        return -EINVAL;
    errno = 0;
    *ret = strtoull(*at, &stop, 10);
    if (errno != 0 || *stop != end)
        return -EINVAL;
    *at = stop + 1;
    return 0;
}

/* "(1-100)" or nothing. */
static int read_range(const char **at, const GrammarType *type, GrammarInstruction *argument)
{
    argument->min = type->is_quoted ? 0 : 1;
    argument->max = GRAMMAR_LINE_MAX;
    if (**at != '(')
        return type->is_number ? -EINVAL : 0;
    ++*at;
    if (read_number(at, '-', &argument->min) < 0 || read_number(at, ')', &argument->max) < 0 ||
        argument->min > argument->max)
        return -EINVAL;
    return 0;
}

static int compile_typed(Compiler *c, const char *name, size_t name_length, const char *help)
{
    const GrammarType *type = grammar_type_find(c->at, word_length(c->at));
    GrammarInstruction *argument;

    if (!type)
        return -EINVAL;
    if (emit(c, GRAMMAR_ARGUMENT, 0, &argument) < 0)
        return -ENOMEM;
    c->at += word_length(c->at);
    argument->type = type;
    argument->name = strndup(name, name_length);
    argument->help = strdup(help);
    if (read_range(&c->at, type, argument) < 0 || *c->at != '>')
        return -EINVAL;
    c->at++;
    if (type->placeholder)
        argument->placeholder = strdup(type->placeholder);
    else if (asprintf(&argument->placeholder, "<%" PRIu64 "-%" PRIu64 ">", argument->min,
                      argument->max) < 0)
        argument->placeholder = NULL;
    return argument->name && argument->help && argument->placeholder ? 0 : -ENOMEM;
}

/* "<name:type>" or "<name:a|b|c>"; c->at is behind the "<". */
static int compile_argument(Compiler *c, bool once_each)
{
    const char *name = c->at, *help = next_help(c), *values;
    size_t name_length = word_length(name), values_length;

    if (name_length == 0 || name[name_length] != ':' || !help)
        return -EINVAL;
    values = c->at = name + name_length + 1;
    values_length = strcspn(values, ">");
    if (values[values_length] != '>')
        return -EINVAL;
    if (!memchr(values, '|', values_length))
        return compile_typed(c, name, name_length, help);
    c->at = values + values_length + 1;
    return compile_enumeration(c, name, name_length, values, values_length, help, once_each);
}

/* Items up to the end of the alternative. in_repeat: what is directly inside { }. */
static int compile_sequence(Compiler *c, bool in_repeat)
{
    int r;

    for (;;) {
        c->at += strspn(c->at, " ");
        if (*c->at == '\0' || strchr("|)]}", *c->at))
            return 0;
        if (strchr("([{", *c->at)) {
            r = compile_alternatives(c, *c->at++);
        } else if (*c->at == '<') {
            c->at++;
            r = compile_argument(c, in_repeat);
        } else {
            r = compile_keyword(c);
        }
        if (r < 0)
            return r;
    }
}

/* Inside { } an alternative that is one argument and nothing else may come again: each value of an
 * enumeration once, a free argument without limit. */
static bool is_lone_argument(const char *s)
{
    s += strspn(s, " ");
    if (*s != '<')
        return false;
    s += strcspn(s, ">");
    s += strspn(s, "> ");
    return *s == '|' || *s == '}';
}

static int compile_one_alternative(Compiler *c, char open, uint32_t *chain)
{
    bool lone = open == '{' && is_lone_argument(c->at);
    uint32_t split = c->grammar->n_program;
    int r;

    if ((r = emit(c, GRAMMAR_SPLIT, 0, NULL)) < 0 ||
        (open == '{' && !lone && (r = emit_once(c)) < 0) || (r = compile_sequence(c, lone)) < 0 ||
        (r = emit(c, GRAMMAR_JUMP, *chain, NULL)) < 0)
        return r;
    *chain = c->grammar->n_program - 1;
    c->grammar->program[split].target = c->grammar->n_program;
    return 0;
}

static int compile_alternatives(Compiler *c, char open)
{
    const char close = open == '(' ? ')' : open == '[' ? ']' : '}';
    uint32_t head = c->grammar->n_program, chain = CHAIN_END;
    int r;

    if (++c->depth > DEPTH_MAX)
        return -E2BIG;
    for (;;) {
        if ((r = compile_one_alternative(c, open, &chain)) < 0)
            return r;
        if (*c->at != '|')
            break;
        c->at++;
    }
    if (*c->at++ != close)
        return -EINVAL;
    if (open != '[' && (r = emit(c, GRAMMAR_FAIL, 0, NULL)) < 0)
        return r;
    patch_chain(c, chain, c->grammar->n_program);
    if (open == '{') {
        uint32_t tail = c->grammar->n_program;

        if ((r = emit(c, GRAMMAR_SPLIT, tail + 2, NULL)) < 0 ||
            (r = emit(c, GRAMMAR_JUMP, head, NULL)) < 0)
            return r;
    }
    c->depth--;
    return 0;
}

static int compile_command(Grammar *g, uint32_t i)
{
    static const char *const none[] = {NULL};
    const GrammarCommand *command = &g->commands[i];
    Compiler c = {
        .grammar = g, .at = command->pattern, .help = command->help ? command->help : none};
    int r;

    g->starts[i] = g->n_program;
    r = compile_sequence(&c, false);
    if (r < 0)
        return r;
    if (*c.at != '\0' || *c.help)
        return -EINVAL;
    return emit(&c, GRAMMAR_ACCEPT, i, NULL);
}

/* Not when one of the keywords that it begins with has another first letter than the line's word
 * there: then that word neither is the keyword nor is meant to be. *ret_words: how many keywords
 * before that are written out in the line. */
static bool may_be_meant(const char *pattern, const char *line, size_t *ret_words)
{
    for (*ret_words = 0;; ++*ret_words) {
        size_t length, typed;

        pattern += strspn(pattern, " ");
        line += strspn(line, " \t");
        length = word_length(pattern);
        typed = strcspn(line, " \t");
        if (length == 0 || typed == 0)
            return true;
        if (strncasecmp(pattern, line, 1) != 0)
            return false;
        if (length != typed || strncasecmp(pattern, line, length) != 0)
            return true;
        pattern += length;
        line += typed;
    }
}

Grammar *grammar_new(const GrammarCommand *commands)
{
    return grammar_new_for(commands, "");
}

/* What another command takes as well need not be there to be taken; else it is needed to say where
 * the line goes wrong. */
Grammar *grammar_new_for(const GrammarCommand *commands, const char *line)
{
    _cleanup_(grammar_freep) Grammar *g = calloc(1, sizeof(*g));
    size_t words, most = 0;

    if (!g)
        return NULL;
    g->commands = commands;
    for (; commands[g->n_commands].pattern; g->n_commands++)
        if (may_be_meant(commands[g->n_commands].pattern, line, &words) && words > most)
            most = words;
    g->starts = calloc(g->n_commands + 1, sizeof(*g->starts));
    if (!g->starts)
        return NULL;
    for (uint32_t i = 0; i < g->n_commands; i++)
        if (!may_be_meant(commands[i].pattern, line, &words) && words <= most)
            g->starts[i] = GRAMMAR_NO_START;
        else if (compile_command(g, i) < 0)
            return NULL;
    return TAKE_PTR(g);
}

Grammar *grammar_free(Grammar *g)
{
    if (!g)
        return NULL;
    for (uint32_t i = 0; i < g->n_program; i++) {
        free(g->program[i].text);
        free(g->program[i].name);
        free(g->program[i].placeholder);
        free(g->program[i].help);
    }
    free(g->program);
    free(g->starts);
    free(g);
    return NULL;
}
