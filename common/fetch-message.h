/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the socket FETCH_SOCKET (fetch-client.h), for both of its ends. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#define FETCH_MESSAGE_MAX (16U << 10)
#define FETCH_DESCRIPTORS_MAX 5U
#define FETCH_ETAG_MAX 127U

/* Sends one message. */
int fetch_send(int fd, json_object *message, const int *fds, size_t n_fds);
/* Receives one message without waiting: -EAGAIN, -ECONNRESET when the other side is gone, -EBADMSG
 * for what is not one JSON object within the limits. Descriptors belong to the caller. */
int fetch_receive(int fd, json_object **ret, int ret_fds[FETCH_DESCRIPTORS_MAX], size_t *ret_n_fds);
void fetch_close_descriptors(const int *fds, size_t n);
/* Makes text from the network fit for a log or a terminal: whatever is not printable ASCII becomes
 * '?'. Returns text. */
char *fetch_clean_text(char *text);
/* May it stand in a header as the name of a version? Printable ASCII, 1 to FETCH_ETAG_MAX
 * characters. */
bool fetch_etag_is_valid(const char *text);
