/* SPDX-License-Identifier: Apache-2.0 */
/* Files that somebody may load: what was taken is rendered, and loading that must give the same. A
 * second one loaded on top is a change, whose text, loaded on the first, must lead to the same. */
#include <assert.h>
#include <stdint.h>

#include "config-load.h"
#include "json-util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ConfigParser *parser;

static int apply(const ConfigParsed *parsed, void *userdata)
{
    int r = config_apply(userdata, &parsed->line);

    assert(r == 0 || r == -EDQUOT);
    return r;
}

static bool load(json_object *root, const char *text, size_t size)
{
    ConfigLoad result;

    assert(config_load(parser, text, size, apply, root, &result) == 0);
    assert(result.n_errors <= CONFIG_LOAD_ERRORS_MAX);
    for (size_t i = 0; i < result.n_errors; i++)
        assert(result.errors[i].line > 0 && *result.errors[i].message &&
               result.errors[i].column <= GRAMMAR_LINE_MAX);
    return result.n_errors == 0;
}

/* Loading the difference of two configurations on the first gives the second. */
static void check_difference(json_object *from, json_object *to)
{
    _cleanup_free_ char *text = config_render(from, to, CONFIG_OPEN),
                        *wanted = config_render(NULL, to, CONFIG_OPEN), *got = NULL;
    _cleanup_json_ json_object *root = config_canonical(from);

    assert(text && wanted && root);
    assert(load(root, text, strlen(text)));
    got = config_render(NULL, root, CONFIG_OPEN);
    assert(got && streq(got, wanted));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *middle = size > 0 ? memchr(data, '%', size) : NULL;
    size_t first = middle ? (size_t)(middle - data) : size;
    _cleanup_json_ json_object *one = json_object_new_object(), *two = NULL,
                               *nothing = json_object_new_object();

    if (!parser)
        parser = config_parser_new();
    assert(parser && one && nothing);
    (void)load(one, (const char *)data, first);
    two = config_canonical(one);
    assert(two);
    if (middle)
        (void)load(two, (const char *)middle + 1, size - first - 1);
    check_difference(nothing, two);
    check_difference(one, two);
    check_difference(two, one);
    return 0;
}
