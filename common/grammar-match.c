/* SPDX-License-Identifier: Apache-2.0 */
/* Lines against the compiled table. All commands that still fit are followed at the same time, word
 * by word, so that the cost of a line does not depend on the order or the likeness of the patterns,
 * and "which words could stand here" is always known: that is what abbreviation, the error column
 * and completion are made of. */
#include <strings.h>

#include "grammar-internal.h"

const GrammarInstruction *grammar_thread_instruction(const GrammarMatcher *m,
                                                     const GrammarThread *t)
{
    return &m->grammar->program[t->instruction];
}

static int threads_add(GrammarThreads *threads, const GrammarThread *thread)
{
    for (size_t i = 0; i < threads->n; i++)
        if (threads->items[i].instruction == thread->instruction &&
            threads->items[i].once == thread->once)
            return 0;
    if (threads->n == threads->n_allocated) {
        size_t n = threads->n_allocated ? threads->n_allocated * 2 : 64;
        GrammarThread *items = reallocarray(threads->items, n, sizeof(*items));

        if (!items)
            return -ENOMEM;
        threads->items = items;
        threads->n_allocated = n;
    }
    threads->items[threads->n++] = *thread;
    return 0;
}

/* Adds the instructions that take a word (or accept) and are reachable from here without one. Ends
 * because every way back to the head of a { } passes a word or a ONCE. */
static int follow(GrammarMatcher *m, GrammarThreads *threads, GrammarThread t)
{
    for (;;) {
        const GrammarInstruction *i = grammar_thread_instruction(m, &t);
        GrammarThread other = t;
        int r;

        switch (i->operation) {
        case GRAMMAR_KEYWORD:
        case GRAMMAR_ARGUMENT:
        case GRAMMAR_ACCEPT:
            return threads_add(threads, &t);
        case GRAMMAR_FAIL:
            return 0;
        case GRAMMAR_JUMP:
            t.instruction = i->target;
            break;
        case GRAMMAR_SPLIT:
            other.instruction++;
            r = follow(m, threads, other);
            if (r < 0)
                return r;
            t.instruction = i->target;
            break;
        case GRAMMAR_ONCE:
            if (t.once & (UINT64_C(1) << i->target))
                return 0;
            t.once |= UINT64_C(1) << i->target;
            t.instruction++;
            break;
        }
    }
}

GrammarMatcher *grammar_matcher_free(GrammarMatcher *m)
{
    if (!m)
        return NULL;
    free(m->now.items);
    free(m->next.items);
    free(m->captures);
    free(m);
    return NULL;
}

GrammarMatcher *grammar_matcher_new(const Grammar *g, const char *line)
{
    _cleanup_(grammar_matcher_freep) GrammarMatcher *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    m->grammar = g;
    m->line = line;
    m->length = strnlen(line, GRAMMAR_LINE_MAX + 1);
    for (uint32_t i = 0; i < g->n_commands; i++)
        if (g->starts[i] != GRAMMAR_NO_START &&
            follow(m, &m->now,
                   (GrammarThread){.instruction = g->starts[i], .capture = GRAMMAR_NO_CAPTURE}) < 0)
            return NULL;
    return TAKE_PTR(m);
}

GrammarStatus grammar_check_text(GrammarMatcher *m)
{
    for (size_t i = 0; i < m->length; i++)
        if (((unsigned char)m->line[i] < ' ' && m->line[i] != '\t') || m->line[i] == 0x7f) {
            m->column = i;
            return GRAMMAR_INVALID;
        }
    if (m->length > GRAMMAR_LINE_MAX) {
        m->column = GRAMMAR_LINE_MAX;
        return GRAMMAR_INVALID;
    }
    return GRAMMAR_OK;
}

static bool wants_line(const GrammarMatcher *m)
{
    for (size_t i = 0; i < m->now.n; i++) {
        const GrammarInstruction *in = grammar_thread_instruction(m, &m->now.items[i]);

        if (in->operation == GRAMMAR_ARGUMENT && in->type->is_line)
            return true;
    }
    return false;
}

static bool wants_quoted(const GrammarMatcher *m)
{
    for (size_t i = 0; i < m->now.n; i++) {
        const GrammarInstruction *in = grammar_thread_instruction(m, &m->now.items[i]);

        if (in->operation == GRAMMAR_ARGUMENT && in->type->is_quoted)
            return true;
    }
    return false;
}

/* Double quotes with \" and \\ inside, or single quotes without escapes. */
static GrammarStatus read_quoted(GrammarMatcher *m, GrammarWord *ret)
{
    const char quote = m->line[m->at];
    size_t i, n = 0;

    ret->start = m->at;
    ret->quoted = true;
    for (i = m->at + 1; i < m->length && m->line[i] != quote; i++) {
        if (quote == '"' && m->line[i] == '\\' && i + 1 < m->length &&
            strchr("\"\\", m->line[i + 1]))
            i++;
        m->word[n++] = m->line[i];
    }
    m->word[n] = '\0';
    if (i >= m->length) {
        m->column = m->at;
        return GRAMMAR_UNMATCHED_QUOTE;
    }
    ret->end = m->at = i + 1;
    if (m->at < m->length && !grammar_is_blank(m->line[m->at])) {
        m->column = m->at;
        return GRAMMAR_INVALID;
    }
    return GRAMMAR_OK;
}

void grammar_read_bare(GrammarMatcher *m, GrammarWord *ret)
{
    ret->start = m->at;
    ret->quoted = false;
    while (m->at < m->length && !grammar_is_blank(m->line[m->at]))
        m->at++;
    ret->end = m->at;
    memcpy(m->word, m->line + ret->start, ret->end - ret->start);
    m->word[ret->end - ret->start] = '\0';
}

/* The rest of the line, without the blanks at its end. */
static void read_rest(GrammarMatcher *m, GrammarWord *word)
{
    size_t end = m->length;

    while (end > word->start && grammar_is_blank(m->line[end - 1]))
        end--;
    word->end = end;
    word->quoted = false;
    m->at = m->length;
    memcpy(m->word, m->line + word->start, end - word->start);
    m->word[end - word->start] = '\0';
}

static GrammarStatus read_word(GrammarMatcher *m, GrammarWord *ret)
{
    char c = m->line[m->at];

    if ((c == '"' || c == '\'') && wants_quoted(m) && !wants_line(m))
        return read_quoted(m, ret);
    grammar_read_bare(m, ret);
    return GRAMMAR_OK;
}

static size_t common_prefix(const char *a, const char *b)
{
    size_t n = 0;

    while (a[n] && strncasecmp(a + n, b + n, 1) == 0)
        n++;
    return n;
}

/* The keyword that the word stands for: itself, or the only one that it is a prefix of. NULL when
 * there is none; *ret_prefix is then how many of its characters fit some keyword. */
static GrammarStatus find_keyword(const GrammarMatcher *m, const char **ret, size_t *ret_prefix)
{
    size_t length = strlen(m->word);
    bool ambiguous = false;

    *ret = NULL;
    *ret_prefix = 0;
    for (size_t i = 0; i < m->now.n; i++) {
        const GrammarInstruction *in = grammar_thread_instruction(m, &m->now.items[i]);
        size_t n;

        if (in->operation != GRAMMAR_KEYWORD)
            continue;
        n = common_prefix(m->word, in->text);
        if (n > *ret_prefix)
            *ret_prefix = n;
        if (n < length)
            continue;
        if (in->text[n] == '\0') {
            *ret = in->text;
            return GRAMMAR_OK;
        }
        ambiguous = ambiguous || (*ret && !streq(*ret, in->text));
        *ret = in->text;
    }
    return ambiguous ? GRAMMAR_AMBIGUOUS : GRAMMAR_OK;
}

static int take_word(GrammarMatcher *m, const GrammarThread *thread, const GrammarWord *word)
{
    GrammarThread t = *thread;

    if (m->n_captures == m->n_captures_allocated) {
        uint32_t n = m->n_captures_allocated ? m->n_captures_allocated * 2 : 64;
        GrammarCapture *captures = reallocarray(m->captures, n, sizeof(*captures));

        if (!captures)
            return -ENOMEM;
        m->captures = captures;
        m->n_captures_allocated = n;
    }
    m->captures[m->n_captures] = (GrammarCapture){.instruction = t.instruction,
                                                  .previous = t.capture,
                                                  .start = word->start,
                                                  .end = word->end,
                                                  .quoted = word->quoted};
    t.capture = m->n_captures++;
    t.instruction++;
    return follow(m, &m->next, t);
}

static int take_keyword(GrammarMatcher *m, const char *keyword, const GrammarWord *word)
{
    for (size_t i = 0; i < m->now.n; i++) {
        const GrammarInstruction *in = grammar_thread_instruction(m, &m->now.items[i]);
        int r;

        if (in->operation == GRAMMAR_KEYWORD && streq(in->text, keyword)) {
            r = take_word(m, &m->now.items[i], word);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int take_argument(GrammarMatcher *m, const GrammarWord *word, bool line)
{
    for (size_t i = 0; i < m->now.n; i++) {
        const GrammarInstruction *in = grammar_thread_instruction(m, &m->now.items[i]);
        int r;

        if (in->operation == GRAMMAR_ARGUMENT && in->type->is_line == line &&
            (!word->quoted || in->type->is_quoted) && grammar_accepts(in, m->word)) {
            r = take_word(m, &m->now.items[i], word);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* Of the argument that the word would have been. */
static const char *find_rule(const GrammarMatcher *m)
{
    for (size_t i = 0; i < m->now.n; i++) {
        const GrammarInstruction *in = grammar_thread_instruction(m, &m->now.items[i]);

        if (in->operation == GRAMMAR_ARGUMENT && in->type->rule)
            return in->type->rule;
    }
    return NULL;
}

/* Goes on by one word: a keyword before an argument, an argument of one word before a line. */
int grammar_step(GrammarMatcher *m, GrammarStatus *ret)
{
    const char *keyword = NULL;
    size_t prefix = 0;
    GrammarWord word;
    int r;

    m->next.n = 0;
    m->column = m->at;
    *ret = m->n_words++ < GRAMMAR_ARGUMENTS_MAX || wants_line(m) ? read_word(m, &word)
                                                                 : GRAMMAR_INVALID;
    if (*ret == GRAMMAR_OK && !word.quoted)
        *ret = find_keyword(m, &keyword, &prefix);
    if (*ret != GRAMMAR_OK)
        return 0;

    if (keyword)
        r = take_keyword(m, keyword, &word);
    else
        r = take_argument(m, &word, false);
    if (r >= 0 && m->next.n == 0 && !word.quoted) {
        read_rest(m, &word);
        r = take_argument(m, &word, true);
    }
    if (r < 0)
        return r;

    if (m->next.n == 0) {
        m->column = word.start + prefix;
        m->rule = find_rule(m);
        *ret = GRAMMAR_INVALID;
        return 0;
    }
    GrammarThreads swap = m->now;
    m->now = m->next;
    m->next = swap;
    return 0;
}

void grammar_skip_blanks(GrammarMatcher *m)
{
    while (m->at < m->length && grammar_is_blank(m->line[m->at]))
        m->at++;
}
