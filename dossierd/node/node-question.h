/* SPDX-License-Identifier: Apache-2.0 */
/* What chancery-node is asked (node-protocol.h). */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

#define QUESTION_HOST_KEYS_MAX 8U
#define QUESTION_SELECTORS_MAX 16U

/* Strings are those of object. */
typedef struct Question {
    json_object *object;
    const char *container; /* NULL: over ssh, with what follows */
    const char *host, *user;
    unsigned port;
    size_t n_host_keys;
    const char *host_keys[QUESTION_HOST_KEYS_MAX];
    size_t n_selectors;
    const char *selectors[QUESTION_SELECTORS_MAX];
    const char *nonce, *files; /* NULL for none */
} Question;

/* -EBADMSG when it is no such question. */
int question_parse(const char *text, size_t size, Question *ret);
void question_done(Question *q);
