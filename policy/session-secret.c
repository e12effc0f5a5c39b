/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Policy1.Session: lines with a secret in clear, which is hashed before it becomes
 * part of the session. */
#include "org.chancery.Policy1.h"

#include "errors.h"
#include "policy.h"
#include "secret.h"
#include "session-bus.h"

typedef struct Hashing {
    Session *session;
    SecretJob *job;
    sd_bus_message *m;
    ConfigParsed parsed;
} Hashing;

static void hashing_free(Hashing *h)
{
    h->session->hashing = NULL;
    config_parsed_done(&h->parsed);
    sd_bus_message_unref(h->m);
    free(h);
}

static int enter(Hashing *h, const char *hash)
{
    json_object *value = json_object_new_string(hash);
    const ConfigRow *row = config_hash_row(h->parsed.line.row);
    int r;

    if (!value || !row) {
        json_object_put(value);
        return -ENOMEM;
    }
    config_parsed_wipe(&h->parsed);
    json_object_put(h->parsed.line.value);
    h->parsed.line.value = value;
    h->parsed.line.row = row;
    r = session_accept(h->session, &h->parsed);
    return r < 0 ? r : session_reply_line(h->m, h->session, &h->parsed);
}

static void on_hash(int r, const char *hash, void *userdata)
{
    Hashing *h = userdata;

    if (r >= 0)
        r = enter(h, hash);
    if (r == -EDQUOT)
        (void)sd_bus_reply_method_errorf(h->m, ERROR_LIMIT_EXCEEDED,
                                         "The configuration would become too large");
    else if (r < 0)
        (void)sd_bus_reply_method_errnof(h->m, r, "The secret cannot be hashed: %m");
    hashing_free(h);
}

int session_hash_secret(sd_bus_message *m, Session *session, ConfigParsed *parsed)
{
    const Policy *policy = session->policy;
    Hashing *h = calloc(1, sizeof(*h));
    int r;

    if (!h)
        return -ENOMEM;
    r = secret_hash(server_event(policy->server), json_object_get_string(parsed->line.value),
                    on_hash, h, &h->job);
    if (r < 0) {
        free(h);
        return r;
    }
    h->session = session;
    h->m = sd_bus_message_ref(m);
    h->parsed = *parsed;
    memset(parsed, 0, sizeof(*parsed));
    session->hashing = h;
    return 1;
}

void session_forget_secret(Session *session)
{
    Hashing *h = session->hashing;

    if (!h)
        return;
    secret_forget(h->job);
    hashing_free(h);
}

int policy1_session_method_get_public_part(sd_bus_message *m, void *userdata,
                                           sd_bus_error *reterr_error)
{
    const Session *session = userdata;
    const char *line;
    int r = sd_bus_message_read(m, "s", &line);

    return r < 0 ? r
                 : sd_bus_reply_method_return(
                       m, "u", (uint32_t)config_public_length(&session->place, line));
}
