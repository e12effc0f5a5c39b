/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of chancery-quote(8). */
#pragma once

#include <stdbool.h>

#include "json-util.h"

#define QUOTE_QUALIFYING_SIZE 32U

/* A stream that is connected to a new chancery-quote. -ENOENT when there is no such thing on this
 * system. */
int quote_connect(void);

/* The bytes that a quote answers a nonce with: SHA-256 of its text. */
int quote_qualifying(const char *nonce, uint8_t ret[static QUOTE_QUALIFYING_SIZE]);

/* Sends the question, nonce or none, and reads the answer, which is checked: it has all the members
 * that chancery-quote(8) says, of the right kind, and no others. should_stop is asked now and
 * then. -EBADMSG when it is no such answer. */
int quote_ask(int fd, const char *nonce, bool (*should_stop)(void *userdata), void *userdata,
              json_object **ret);

/* Only the check; -EBADMSG. */
int quote_parse(const char *text, size_t size, json_object **ret);
