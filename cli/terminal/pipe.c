/* SPDX-License-Identifier: Apache-2.0 */
#include "pipe.h"

#include "output.h"

#define LINES_DEFAULT 10U

#define UTILITY "Further programs"
#define HELP(...) ((const char *const[]){__VA_ARGS__, NULL})

static const GrammarCommand stages[] = {
    {"begin <text:line>", HELP("Begin with the line that matches", "Regular expression"),
     PIPE_BEGIN, NULL},
    {"count [<text:line>]",
     HELP("Count the lines", "Only those that match this regular expression"), PIPE_COUNT, NULL},
    {"exclude <text:line>", HELP("Exclude lines that match", "Regular expression"), PIPE_EXCLUDE,
     NULL},
    {"file <text:line>", HELP("Save the output to a file", "Path of the file"), PIPE_FILE, NULL},
    {"include <text:line>", HELP("Include lines that match", "Regular expression"), PIPE_INCLUDE,
     NULL},
    {"json", HELP("Show the data as JSON"), PIPE_JSON, NULL},
    {"section <text:line>",
     HELP("Lines that match, each with what is indented below it", "Regular expression"),
     PIPE_SECTION, NULL},
    {"utility head [(count|-n) <count:number(1-100000)>]",
     HELP(UTILITY, "First lines of the output", "How many lines (10)", "The same", "Number"),
     PIPE_HEAD, NULL},
    {"utility sign [{nonce <text:nonce>|include-certificate|eat-jwt|eat-cwt}]",
     HELP(UTILITY, "Sign the output with the system's key", "Bind a nonce to the signature",
          "Decimal digits, or 0x and hexadecimal digits", "Include the certificate chain",
          "As an entity attestation token in JSON (JWT)",
          "As an entity attestation token in CBOR (CWT), for a file or a program"),
     PIPE_SIGN, NULL},
    {"utility sort [{reverse|-r|numeric|-n|unique|-u}]",
     HELP(UTILITY, "Sort the lines", "The last first", "The same", "By the number at their begin",
          "The same", "Equal lines once", "The same"),
     PIPE_SORT, NULL},
    {"utility tail [(count|-n) <count:number(1-100000)>]",
     HELP(UTILITY, "Last lines of the output", "How many lines (10)", "The same", "Number"),
     PIPE_TAIL, NULL},
    {"utility wc [{lines|-l|words|-w|characters|-c}]",
     HELP(UTILITY, "Count", "Lines", "The same", "Words", "The same", "Bytes", "The same"), PIPE_WC,
     NULL},
    {0},
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The next bar at or after at. */
static size_t find_bar(const char *line, size_t at, bool needs_blanks)
{
    for (size_t i = at; line[i]; i++) {
        bool starts_word = i == 0 || is_blank(line[i - 1]);

        if ((line[i] == '"' || line[i] == '\'') && starts_word) {
            const char *end = strchr(line + i + 1, line[i]);

            if (end)
                i = (size_t)(end - line);
        } else if (line[i] == '|' &&
                   (!needs_blanks || (starts_word && (is_blank(line[i + 1]) || !line[i + 1])))) {
            return i;
        }
    }
    return at + strlen(line + at);
}

size_t pipe_command_length(const char *line)
{
    return find_bar(line, 0, false);
}

/* A regex or path may stand in quotes, to keep blanks at its ends or bars inside. */
static char *without_quotes(const char *s)
{
    size_t n = strlen(s);

    if (n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n - 1] == s[0])
        return strndup(s + 1, n - 2);
    return strdup(s);
}

static unsigned stage_flags(const GrammarMatch *m)
{
    static const struct {
        const char *keyword;
        unsigned sort, wc;
    } flags[] = {
        {"reverse", SORT_REVERSE, 0}, {"-r", SORT_REVERSE, 0},     {"numeric", SORT_NUMERIC, 0},
        {"-n", SORT_NUMERIC, 0},      {"unique", SORT_UNIQUE, 0},  {"-u", SORT_UNIQUE, 0},
        {"lines", 0, WC_LINES},       {"-l", 0, WC_LINES},         {"words", 0, WC_WORDS},
        {"-w", 0, WC_WORDS},          {"characters", 0, WC_BYTES}, {"-c", 0, WC_BYTES},
    };
    unsigned value = 0;

    for (size_t i = 0; i < ELEMENTSOF(flags); i++)
        if (grammar_has(m, flags[i].keyword))
            value |= m->command->id == PIPE_SORT ? flags[i].sort : flags[i].wc;
    return value;
}

static const char *stage_format(const GrammarMatch *m)
{
    return grammar_has(m, "eat-jwt") ? "eat-jwt" : grammar_has(m, "eat-cwt") ? "eat-cwt" : NULL;
}

static int stage_parse(const Grammar *g, const char *text, Pipe *pipe)
{
    PipeStage *ret = &pipe->stages[pipe->n_stages];
    const char *value, *count;
    GrammarMatch m;
    int r = grammar_parse(g, text, &m);

    if (r < 0)
        return r;
    /* One token is not two. */
    if (m.status != GRAMMAR_OK || (grammar_has(&m, "eat-jwt") && grammar_has(&m, "eat-cwt"))) {
        pipe->column = m.column;
        pipe->rule = m.rule;
        grammar_match_done(&m);
        return -EINVAL;
    }
    value = grammar_argument(&m, "text");
    count = grammar_argument(&m, "count");
    *ret = (PipeStage){.kind = (PipeKind)m.command->id,
                       .text = value ? without_quotes(value) : NULL,
                       .count = count ? strtoul(count, NULL, 10) : LINES_DEFAULT,
                       .flags = stage_flags(&m),
                       .include_certificate = grammar_has(&m, "include-certificate"),
                       .format = stage_format(&m)};
    r = value && !ret->text ? -ENOMEM : 0;
    grammar_match_done(&m);
    return r;
}

static int check_order(const Pipe *p)
{
    size_t n_sign = 0;

    for (size_t i = 0; i < p->n_stages; i++) {
        if (p->stages[i].kind == PIPE_JSON && i != 0)
            return -EINVAL;
        if (p->stages[i].kind == PIPE_FILE && i != p->n_stages - 1)
            return -EINVAL;
        n_sign += p->stages[i].kind == PIPE_SIGN;
    }
    return n_sign <= 1 ? 0 : -EINVAL;
}

int pipe_parse(const char *line, Pipe *ret)
{
    _cleanup_(grammar_freep) Grammar *g = NULL;
    size_t at = pipe_command_length(line);
    int r = 0;

    memset(ret, 0, sizeof(*ret));
    if (line[at] && !(g = grammar_new(stages)))
        return -ENOMEM;
    while (line[at] == '|' && r >= 0) {
        size_t end = find_bar(line, at + 1, true);
        _cleanup_free_ char *text = strndup(line + at + 1, end - at - 1);

        if (!text)
            r = -ENOMEM;
        else if (ret->n_stages == PIPE_STAGES_MAX)
            r = -E2BIG;
        else
            r = stage_parse(g, text, ret);
        if (r >= 0)
            ret->n_stages++;
        else
            ret->column += at + 1;
        at = end;
    }
    if (r >= 0)
        r = check_order(ret);
    if (r < 0)
        pipe_done(ret);
    return r;
}

void pipe_done(Pipe *p)
{
    for (size_t i = 0; i < p->n_stages; i++)
        free(p->stages[i].text);
    memset(p->stages, 0, sizeof p->stages);
    p->n_stages = 0;
}

int pipe_complete(const char *line, grammar_completion_t callback, void *userdata)
{
    _cleanup_(grammar_freep) Grammar *g = grammar_new(stages);
    size_t at = pipe_command_length(line);

    if (!g)
        return -ENOMEM;
    for (;;) {
        size_t next = find_bar(line, at + 1, true);

        if (!line[next])
            return grammar_complete(g, line + at + 1, callback, userdata);
        at = next;
    }
}
