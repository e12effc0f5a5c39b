/* SPDX-License-Identifier: Apache-2.0 */
/* What callers get: the outcome of a line with its arguments, and what could follow a partial line.
 */
#include <strings.h>

#include "grammar-internal.h"

/* --- Results ---------------------------------------------------------------------------------- */

static char *copy_unquoted(char *to, const char *line, const GrammarCapture *c)
{
    for (size_t i = c->start + 1; i < c->end - 1; i++) {
        if (line[c->start] == '"' && line[i] == '\\' && strchr("\"\\", line[i + 1]))
            i++;
        *to++ = line[i];
    }
    *to++ = '\0';
    return to;
}

static char *copy_plain(char *to, const char *line, const GrammarCapture *c)
{
    memcpy(to, line + c->start, c->end - c->start);
    to[c->end - c->start] = '\0';
    return to + (c->end - c->start) + 1;
}

static int fill(const GrammarMatcher *m, uint32_t last, GrammarMatch *ret)
{
    char *to = ret->buffer = malloc(m->length + 2);
    size_t n = 0;

    if (!to)
        return -ENOMEM;
    for (uint32_t c = last; c != GRAMMAR_NO_CAPTURE; c = m->captures[c].previous)
        n++;
    ret->n_arguments = n;
    for (uint32_t c = last; c != GRAMMAR_NO_CAPTURE; c = m->captures[c].previous) {
        const GrammarCapture *capture = &m->captures[c];
        const GrammarInstruction *in = &m->grammar->program[capture->instruction];
        GrammarArgument *argument = &ret->arguments[--n];

        argument->name = in->name ? in->name : in->text;
        argument->is_keyword = !in->name;
        argument->value = in->text ? in->text : to;
        if (!in->text)
            to = capture->quoted ? copy_unquoted(to, m->line, capture)
                                 : copy_plain(to, m->line, capture);
    }
    return 0;
}

/* The first command of the table that may end here. */
static int finish(const GrammarMatcher *m, GrammarMatch *ret)
{
    for (size_t i = 0; i < m->now.n; i++) {
        const GrammarInstruction *in = grammar_thread_instruction(m, &m->now.items[i]);

        if (in->operation == GRAMMAR_ACCEPT) {
            ret->command = &m->grammar->commands[in->target];
            ret->status = GRAMMAR_OK;
            return fill(m, m->now.items[i].capture, ret);
        }
    }
    ret->status = GRAMMAR_INCOMPLETE;
    ret->column = m->length;
    return 0;
}

int grammar_parse(const Grammar *g, const char *line, GrammarMatch *ret)
{
    _cleanup_(grammar_matcher_freep) GrammarMatcher *m = grammar_matcher_new(g, line);
    int r;

    memset(ret, 0, sizeof(*ret));
    if (!m)
        return -ENOMEM;
    ret->status = grammar_check_text(m);
    grammar_skip_blanks(m);
    if (ret->status == GRAMMAR_OK && (m->at == m->length || m->line[m->at] == '!')) {
        ret->status = GRAMMAR_EMPTY;
        return 0;
    }
    while (ret->status == GRAMMAR_OK && m->at < m->length) {
        r = grammar_step(m, &ret->status);
        if (r < 0)
            return r;
        grammar_skip_blanks(m);
    }
    if (ret->status == GRAMMAR_OK)
        return finish(m, ret);
    ret->column = m->column;
    ret->rule = m->rule;
    return 0;
}

void grammar_match_done(GrammarMatch *m)
{
    free(m->buffer);
    memset(m, 0, sizeof(*m));
}

const char *grammar_argument(const GrammarMatch *m, const char *name)
{
    for (size_t i = 0; i < m->n_arguments; i++)
        if (!m->arguments[i].is_keyword && streq(m->arguments[i].name, name))
            return m->arguments[i].value;
    return NULL;
}

bool grammar_has(const GrammarMatch *m, const char *keyword)
{
    for (size_t i = 0; i < m->n_arguments; i++)
        if (m->arguments[i].is_keyword && streq(m->arguments[i].name, keyword))
            return true;
    return false;
}

/* --- Completion ------------------------------------------------------------------------------- */

typedef struct Candidate {
    const char *word, *help;
    size_t order;
} Candidate;

static int compare_candidates(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    int by_end = streq(x->word, "<cr>") - streq(y->word, "<cr>"),
        by_word = strcmp(x->word, y->word);

    return by_end ? by_end : by_word ? by_word : x->order < y->order ? -1 : x->order > y->order;
}

/* prefix is what has been typed of the word; NULL between words. */
static size_t list_keywords(const GrammarMatcher *m, const char *prefix, Candidate *candidates)
{
    size_t n = 0;

    for (size_t i = 0; i < m->now.n; i++) {
        const GrammarInstruction *in = grammar_thread_instruction(m, &m->now.items[i]);

        if (in->operation == GRAMMAR_KEYWORD &&
            (!prefix || strncasecmp(in->text, prefix, strlen(prefix)) == 0))
            candidates[n++] = (Candidate){in->text, in->help, i};
    }
    return n;
}

static size_t list_others(const GrammarMatcher *m, const char *prefix, Candidate *candidates)
{
    size_t n = 0;

    for (size_t i = 0; i < m->now.n; i++) {
        const GrammarInstruction *in = grammar_thread_instruction(m, &m->now.items[i]);

        if (in->operation == GRAMMAR_ARGUMENT && (!prefix || grammar_accepts(in, prefix)))
            candidates[n++] = (Candidate){in->placeholder, in->help, i};
        else if (in->operation == GRAMMAR_ACCEPT && !prefix)
            candidates[n++] = (Candidate){"<cr>", "", i};
    }
    return n;
}

static int report(GrammarMatcher *m, const char *prefix, grammar_completion_t callback,
                  void *userdata)
{
    _cleanup_free_ Candidate *candidates = calloc(m->now.n + 1, sizeof(*candidates));
    size_t n;

    if (!candidates)
        return -ENOMEM;
    n = list_keywords(m, prefix, candidates);
    if (!prefix || n == 0)
        n += list_others(m, prefix, candidates + n);
    qsort(candidates, n, sizeof(*candidates), compare_candidates);
    for (size_t i = 0; i < n; i++) {
        int r;

        if (i > 0 && streq(candidates[i].word, candidates[i - 1].word))
            continue;
        r = callback(candidates[i].word, candidates[i].help, userdata);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Where the word that touches the end of the line begins; the length of the line when a blank is
 * there. */
static size_t last_word(const GrammarMatcher *m)
{
    size_t start = m->length;

    while (start > 0 && !grammar_is_blank(m->line[start - 1]))
        start--;
    return start;
}

/* Goes on to there; 0 when what stands before does not parse, else 1. */
static int go_to_last_word(GrammarMatcher *m)
{
    GrammarStatus status = grammar_check_text(m);
    size_t end = last_word(m);

    for (grammar_skip_blanks(m); status == GRAMMAR_OK && m->at < end; grammar_skip_blanks(m)) {
        int r = grammar_step(m, &status);

        if (r < 0)
            return r;
    }
    return status == GRAMMAR_OK && m->at <= end;
}

int grammar_complete(const Grammar *g, const char *line, grammar_completion_t callback,
                     void *userdata)
{
    _cleanup_(grammar_matcher_freep) GrammarMatcher *m = grammar_matcher_new(g, line);
    int r;

    if (!m)
        return -ENOMEM;
    r = go_to_last_word(m);
    if (r <= 0)
        return r;
    if (m->at == m->length)
        return report(m, NULL, callback, userdata);
    grammar_read_bare(m, &(GrammarWord){0});
    return report(m, m->word, callback, userdata);
}

const char *grammar_typed(const Grammar *g, const char *line, const char *name)
{
    _cleanup_(grammar_matcher_freep) GrammarMatcher *m = grammar_matcher_new(g, line);

    if (!m || go_to_last_word(m) <= 0)
        return NULL;
    for (size_t i = 0; i < m->now.n; i++) {
        const GrammarInstruction *in = grammar_thread_instruction(m, &m->now.items[i]);

        if (in->operation == GRAMMAR_ARGUMENT && streq(in->name, name))
            return line + m->at;
    }
    return NULL;
}

int grammar_choices(const Grammar *g, const char *line, const char *name,
                    grammar_completion_t callback, void *userdata)
{
    _cleanup_(grammar_matcher_freep) GrammarMatcher *m = grammar_matcher_new(g, line);
    GrammarStatus status;
    int r = 0;

    if (!m)
        return -ENOMEM;
    status = grammar_check_text(m);
    for (grammar_skip_blanks(m); status == GRAMMAR_OK && m->at < m->length;
         grammar_skip_blanks(m)) {
        r = grammar_step(m, &status);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; status == GRAMMAR_OK && r >= 0 && i < m->now.n; i++) {
        const GrammarInstruction *in = grammar_thread_instruction(m, &m->now.items[i]);

        if (in->operation == GRAMMAR_KEYWORD && in->name && streq(in->name, name))
            r = callback(in->text, in->help, userdata);
    }
    return r < 0 ? r : 0;
}
