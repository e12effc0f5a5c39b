/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration as somebody may type it: each line of the input is completed, parsed and entered,
 * as in a session. What was accepted is rendered, and entering that again must give the same. */
#include <assert.h>
#include <stdint.h>

#include "aaa.h"
#include "config-parse.h"
#include "json-util.h"
#include "polkit-rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ConfigParser *parser;

static int look(const char *word, const char *help, void *userdata)
{
    assert(word && help);
    return 0;
}

/* Returns whether every line was accepted. */
static bool enter(json_object *root, const char *text)
{
    ConfigPlace place = {CONFIG_MODE_TOP, NULL};
    _cleanup_free_ char *copy = strdup(text);
    char *rest = copy;
    bool all = true;

    assert(copy);
    for (char *line; (line = strsep(&rest, "\n"));) {
        ConfigParsed parsed;

        assert(config_complete(parser, &place, root, line, look, NULL) == 0);
        assert(config_parse(parser, &place, line, &parsed) == 0);
        assert(config_public_length(&place, line) <= strlen(line));
        /* A session would enter what it is hashed to. */
        if (parsed.status == GRAMMAR_OK && parsed.line.row->kind == CONFIG_SECRET &&
            !parsed.line.remove)
            assert(config_public_length(&place, line) < strlen(line));
        else if (parsed.status == GRAMMAR_OK && config_apply(root, &parsed.line) == 0) {
            config_place_done(&place);
            place = parsed.next;
            parsed.next.name = NULL;
        } else if (parsed.status != GRAMMAR_EMPTY) {
            assert(parsed.column <= strlen(line));
            all = false;
        }
        config_parsed_done(&parsed);
    }
    config_place_done(&place);
    return all;
}

static void check_aaa(json_object *root)
{
    _cleanup_json_ json_object *section = config_section(root, "aaa");
    _cleanup_(aaa_freep) Aaa *aaa = NULL;
    _cleanup_free_ char *rules = NULL;
    int r = aaa_compile(section, NULL, NULL, &aaa);

    assert(r == 0 || r == -EINVAL);
    if (r == 0) {
        rules = polkit_rules_render(aaa, NULL);
        assert(rules);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = strndup((const char *)data, size), *rendered = NULL, *again = NULL;
    _cleanup_json_ json_object *root = json_object_new_object(), *copy = json_object_new_object();

    if (!parser)
        parser = config_parser_new();
    assert(parser && text && root && copy);
    (void)enter(root, text);
    rendered = config_render(NULL, root, CONFIG_OPEN);
    assert(rendered);
    assert(enter(copy, rendered));
    again = config_render(NULL, copy, CONFIG_OPEN);
    assert(again && streq(rendered, again));
    check_aaa(root);
    return 0;
}
