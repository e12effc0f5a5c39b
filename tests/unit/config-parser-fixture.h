/* SPDX-License-Identifier: Apache-2.0 */
/* A parser of configuration for a group of tests: cmocka_run_group_tests(..., parser_setup,
 * parser_teardown). */
#pragma once

#include "test-common.h"

#include "config-parse.h"

static ConfigParser *parser;

static inline int parser_setup(void **state)
{
    parser = config_parser_new();
    return parser ? 0 : -1;
}

static inline int parser_teardown(void **state)
{
    parser = config_parser_free(parser);
    return 0;
}
