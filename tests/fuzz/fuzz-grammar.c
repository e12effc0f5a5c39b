/* SPDX-License-Identifier: Apache-2.0 */
/* Lines from people and scripts: the input up to the first NUL, parsed and completed against a
 * table that uses every construct. */
#include <assert.h>
#include <stdint.h>

#include "grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const help_key[] = {"k", "k", "k", "one|two", "l", NULL};
static const char *const help_dossier[] = {"s", "d", "i", "a", "b", "c", "n", "n", "o", "q", NULL};
static const char *const help_repeat[] = {"u", "e", "d", "w", "w", NULL};
static const char *const help_address[] = {"a", "4", "6", "u", "u", "h", "h", NULL};
static const char *const help_line[] = {"c", "l", "l", "c", "t", NULL};

static const GrammarCommand commands[] = {
    {"crypto key generate <type:rsa|ed25519> [<label:label>]", help_key, 1, NULL},
    {"show dossier [include {alpha|beta|gamma}] [nonce <n:number(0-65535)>] [options "
     "<json:quoted>]",
     help_dossier, 2, NULL},
    {"usage {<usage:encrypt|sign|wrap>} [dump {<word:word(1-16)>}] [while]", help_repeat, 3, NULL},
    {"address (<a4:ipv4>|<a6:ipv6>|url <url:url(1-80)>|host <h:hostname>)", help_address, 4, NULL},
    {"commit [label <label:label>] [comment <text:line(1-60)>]", help_line, 5, NULL},
    {0},
};

/* A table for one line says of it what the whole one says. */
static void parse_alone(const char *line, const GrammarMatch *expected)
{
    _cleanup_(grammar_freep) Grammar *alone = grammar_new_for(commands, line);
    GrammarMatch match;

    assert(alone && grammar_parse(alone, line, &match) == 0);
    assert(match.status == expected->status && match.column == expected->column &&
           match.command == expected->command && match.rule == expected->rule &&
           match.n_arguments == expected->n_arguments);
    grammar_match_done(&match);
}

static int count(const char *word, const char *help, void *userdata)
{
    size_t *n = userdata;

    assert(word && help);
    ++*n;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Grammar *grammar;
    _cleanup_free_ char *line = strndup((const char *)data, size);
    GrammarMatch match;
    size_t n = 0;

    if (!grammar)
        grammar = grammar_new(commands);
    assert(grammar && line);

    assert(grammar_parse(grammar, line, &match) == 0);
    if (match.status == GRAMMAR_OK) {
        assert(match.command && match.n_arguments > 0 &&
               match.n_arguments <= GRAMMAR_ARGUMENTS_MAX);
        for (size_t i = 0; i < match.n_arguments; i++)
            assert(strlen(match.arguments[i].name) > 0 &&
                   strlen(match.arguments[i].value) <= GRAMMAR_LINE_MAX);
    } else {
        assert(match.column <= strlen(line));
    }
    parse_alone(line, &match);
    grammar_match_done(&match);

    assert(grammar_complete(grammar, line, count, &n) == 0);
    return 0;
}
