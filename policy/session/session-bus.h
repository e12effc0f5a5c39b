/* SPDX-License-Identifier: Apache-2.0 */
/* What the methods of a session have in common. */
#pragma once

#include <systemd/sd-bus.h>

#include "session.h"

/* While a commit or a load is under way, what it is about does not change. */
int session_check_idle(const Session *session, sd_bus_error *reterr_error);

/* Refuses while another session is exclusive, or has a commit on trial. */
int session_check_lock(const Session *session, sd_bus_error *reterr_error);

/* Is this the message that comes back with polkit's answer? Another one has to wait until then. */
int session_check_asked(Session *session, sd_bus_message *m, bool *ret_resumed,
                        sd_bus_error *reterr_error);

/* All three: for what commits. */
int session_check_ready(Session *session, sd_bus_message *m, bool *ret_resumed,
                        sd_bus_error *reterr_error);

/* As bus_authorize(), and remembers that the message will be back. */
int session_ask(Session *session, sd_bus_message *m, const char *const *tasks_needed,
                const char *const *details, sd_bus_error *reterr_error);

int session_reply_line(sd_bus_message *m, const Session *session, const ConfigParsed *parsed);

/* session-secret.c: enters the line with the hash of its secret, and answers the message, when
 * there is one. What was parsed is taken over on success (a positive return). */
int session_hash_secret(sd_bus_message *m, Session *session, ConfigParsed *parsed);
void session_forget_secret(Session *session);

/* session-load.c: the text that is being read is not wanted any more. */
void session_forget_load(Session *session);

/* The answer is there, but what it was about is not: it counts for nothing. */
int session_refuse_stale(const Session *session, sd_bus_message *m, sd_bus_error *reterr_error);

/* The session was closed while polkit was asked: nobody waits for this any more. */
int session_end_closed(Session *session, sd_bus_message *m, sd_bus_error *reterr_error);
