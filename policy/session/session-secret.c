/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Policy1.Session: lines with a secret in clear, which is hashed before it becomes
 * part of the session, or sealed by keyd. */
#include "org.chancery.Policy1.h"

#include "errors.h"
#include "memfd.h"
#include "names.h"
#include "policy.h"
#include "secret.h"
#include "session-bus.h"

#define SEAL_TIMEOUT_USEC (UINT64_C(60) * 1000000)

typedef struct Hashing {
    Session *session;
    SecretJob *job;     /* hashes it */
    sd_bus_slot *asked; /* seals it */
    sd_bus_message *m;
    ConfigParsed parsed;
} Hashing;

static void hashing_free(Hashing *h)
{
    h->session->hashing = NULL;
    config_parsed_done(&h->parsed);
    sd_bus_slot_unref(h->asked);
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

/* error: of keyd's, or NULL. */
static void answer(Hashing *h, int r, const char *hash, const sd_bus_error *error)
{
    if (r >= 0)
        r = enter(h, hash);
    if (r == -EDQUOT)
        (void)sd_bus_reply_method_errorf(h->m, ERROR_LIMIT_EXCEEDED,
                                         "The configuration would become too large");
    else if (error)
        (void)sd_bus_reply_method_errorf(h->m, ERROR_UNREACHABLE,
                                         "The password cannot be sealed: %s", error->message);
    else if (r < 0)
        (void)sd_bus_reply_method_errnof(h->m, r, "The secret cannot be hashed: %m");
    hashing_free(h);
}

static void on_hash(int r, const char *hash, void *userdata)
{
    answer(userdata, r, hash, NULL);
}

static int on_sealed(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    const sd_bus_error *error = sd_bus_message_get_error(reply);
    const char *sealed = NULL;
    int r = error ? -EIO : sd_bus_message_read(reply, "s", &sealed);

    if (r >= 0 && secret_refuse_sealed(sealed))
        r = -EBADMSG;
    answer(userdata, r, sealed, error);
    return 1;
}

/* What it is for is what the line is called. */
static int seal(const Policy *policy, const char *purpose, const char *clear, Hashing *h)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    _cleanup_close_ int fd = memfd_new_sealed("secret", clear, strlen(clear));
    sd_bus *bus = server_bus(policy->server);
    int r;

    if (fd < 0)
        return fd;
    r = sd_bus_message_new_method_call(bus, &call, KEYS_NAME, KEYS_PATH, KEYS_SECRETS_INTERFACE,
                                       "Seal");
    if (r >= 0)
        r = sd_bus_message_append(call, "sh", purpose, fd);
    return r < 0 ? r : sd_bus_call_async(bus, &h->asked, call, on_sealed, h, SEAL_TIMEOUT_USEC);
}

int session_hash_secret(sd_bus_message *m, Session *session, ConfigParsed *parsed)
{
    const Policy *policy = session->policy;
    Hashing *h = calloc(1, sizeof(*h));
    const char *clear;
    int r;

    if (!h)
        return -ENOMEM;
    clear = json_object_get_string(parsed->line.value);
    r = parsed->line.row->sealed
            ? seal(policy, parsed->line.row->path, clear, h)
            : secret_hash(server_event(policy->server), clear, on_hash, h, &h->job);
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
