/* SPDX-License-Identifier: Apache-2.0 */
/* policyd as a whole: the running configuration, the sessions that want to change it, and
 * everything that follows from it. */
#pragma once

#include "aaa.h"
#include "accounts.h"
#include "commit-store.h"
#include "config-parse.h"
#include "hostname.h"
#include "rules.h"
#include "server.h"
#include "session.h"
#include "trial.h"

typedef struct Policy {
    Server *server;
    ConfigParser *parser;
    CommitStore *store;
    Rules *rules;
    Hostname *hostname;
    Accounts *accounts;
    Trial *trial;
    Session *sessions;
    uint64_t last_session;
    FailureList startup;              /* what was not as it should be when the daemon started */
    unsigned rules_made;              /* how often, so that nothing is decided by old ones */
    struct Transaction *transactions; /* the first one is being carried out, the others wait */
} Policy;

/* Reads the state, and puts the objects on the bus. */
int policy_new(Server *server, Policy **ret);
Policy *policy_free(Policy *policy);
DEFINE_TRIVIAL_CLEANUP_FUNC(Policy *, policy_free);

/* Makes the last commit effective, whatever was in effect before. */
int policy_ready(Policy *policy);

/* The running section "aaa", worked out. ret_section may be NULL. */
int policy_compile_aaa(const Policy *policy, json_object **ret_section, Aaa **ret);

/* What depends on the section "aaa". Returns 1 when polkit has yet to read its rules; effective is
 * called then. */
int policy_apply_aaa(Policy *policy, rules_effective_t effective, void *userdata);

/* As shown in the prompt. */
const char *policy_hostname(const Policy *policy);

/* The sender's user name; its uid in decimal when it has none. */
int policy_sender_name(Policy *policy, sd_bus_message *m, char **ret);

/* policy-bus.c, aaa-bus.c, session-bus.c: the wire. */
int policy_bus_init(Policy *policy);
int session_bus_init(Policy *policy);
/* Refuses a session that wants to be the only one to commit while another one is, or is on trial.
 */
int session_check_exclusive(const Policy *policy, sd_bus_error *reterr_error);
/* What the caller says of itself: the strings are for lists of sessions and commits. */
typedef struct SessionRequest {
    const char *line, *client, *process;
    bool exclusive;
} SessionRequest;
int session_bus_open(Policy *policy, sd_bus_message *m, const SessionRequest *request,
                     const char **ret_path, sd_bus_error *reterr_error);
void session_bus_close(Session *session);
int policy_bus_reply_failures(sd_bus_message *m, const FailureList *failures);
int policy_bus_reply_failures_text(sd_bus_message *m, const FailureList *failures);
/* Text of the configuration in a sealed memory file. */
int policy_bus_memfd(const char *name, const char *text);
