/* SPDX-License-Identifier: Apache-2.0 */
/* A whole text of configuration, as show running-config prints it or as somebody has written it. */
#pragma once

#include "config-parse.h"

#define CONFIG_LOAD_SIZE_MAX (4U << 20)
#define CONFIG_LOAD_LINES_MAX 50000U
#define CONFIG_LOAD_ERRORS_MAX 20U

typedef struct ConfigLoadError {
    unsigned line; /* the first one is 1 */
    size_t column; /* byte offset of the first bad character; 0 when it is the whole line */
    const char *message;
} ConfigLoadError;

typedef struct ConfigLoad {
    unsigned n_lines; /* of configuration */
    ConfigLoadError errors[CONFIG_LOAD_ERRORS_MAX];
    size_t n_errors;
} ConfigLoad;

/* Takes a line that parses. -EDQUOT: there is no more room, which is an error of that line. */
typedef int (*config_load_line_t)(const ConfigParsed *parsed, void *userdata);

/* Parses line after line, from the top mode on; a "!" in the first column leads back to it, "end"
 * ends the text, and the time line before the output of a command is none of it. Goes on after a
 * line with an error to find more of them. The text and what is filled (ret) are borrowed for as
 * long as the loader is there. -EFBIG: the text is too large. */
typedef struct ConfigLoader ConfigLoader;
int config_loader_new(const ConfigParser *p, const char *text, size_t size,
                      config_load_line_t accept, void *userdata, ConfigLoad *ret,
                      ConfigLoader **ret_loader);
ConfigLoader *config_loader_free(ConfigLoader *l);
DEFINE_TRIVIAL_CLEANUP_FUNC(ConfigLoader *, config_loader_free);

/* The next lines, at most so many: a large text takes its time, and a main loop has others to
 * serve. Returns 1 when there are more, 0 at the end of the text, also when there were errors, or
 * what accept returned. */
int config_loader_step(ConfigLoader *l, unsigned lines);

/* All of it at once; 0, or as above. */
int config_load(const ConfigParser *p, const char *text, size_t size, config_load_line_t accept,
                void *userdata, ConfigLoad *ret);
