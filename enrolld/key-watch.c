/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate is worth nothing when its key has been replaced or removed. keyd announces what
 * happens to its keys; what became of those that certificates were made for is asked then, and at
 * start. */
#include "enrolld.h"
#include "errors.h"
#include "key-view.h"
#include "log.h"
#include "names.h"

#define RECHECK_DELAY_USEC (200 * UINT64_C(1000))
#define ANSWER_TIMEOUT_USEC (60 * UINT64_C(1000000))

typedef struct KeyCheck {
    Manager *manager;
    char *trustpoint;
    CertificateRole role;
    KeyView view;
} KeyCheck;

static void key_check_free(void *data)
{
    KeyCheck *check = data;

    free(check->trustpoint);
    key_view_done(&check->view);
    free(check);
}

static bool is_key_of(const StoredCertificate *c, const void *der, size_t size)
{
    _cleanup_(X509_freep) X509 *x = shared_certificate_words(c->shared);
    _cleanup_openssl_free_ unsigned char *expected = NULL;
    int n = x ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &expected) : 0;

    return n > 0 && (size_t)n == size && memcmp(expected, der, size) == 0;
}

/* While a renewal takes its place, keyd may be a step ahead. */
static bool is_key_of_replacement(const Record *record, const void *der, size_t size)
{
    return (record->staged && is_key_of(record->staged, der, size)) ||
           (record->undo && is_key_of(record->previous, der, size));
}

static KeyState read_answer(sd_bus_message *reply, const Record *record, const StoredCertificate *c,
                            KeyState before)
{
    const void *der;
    size_t size;

    if (sd_bus_message_is_method_error(reply, ERROR_NO_SUCH_OBJECT))
        return KEY_MISSING;
    /* keyd is away or busy: no news. */
    if (sd_bus_message_is_method_error(reply, NULL) ||
        sd_bus_message_read_array(reply, 'y', &der, &size) < 0)
        return before;
    return is_key_of(c, der, size) || is_key_of_replacement(record, der, size) ? KEY_SAME
                                                                               : KEY_REPLACED;
}

static void ask(Manager *m, const Trustpoint *t, CertificateRole role);

static int on_public_key(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
    const KeyCheck *check = userdata;
    Trustpoint *t = trustpoint_find(&check->manager->trustpoints, check->trustpoint);
    const StoredCertificate *c = t ? trustpoint_certificate(t, check->role) : NULL;
    KeyState before, now;

    if (!c || !c->key.algorithm)
        return 0;
    /* Another certificate by now: what keyd said may be from before its key was there. */
    if (!key_view_is_current(&check->view, t, check->role)) {
        ask(check->manager, t, check->role);
        return 0;
    }
    before = t->key_states[check->role];
    now = read_answer(reply, &t->record, c, before);
    t->key_states[check->role] = now;
    if (now != before && !(before == KEY_UNKNOWN && now == KEY_SAME)) {
        announce_certificate_changed(check->manager, t, check->role, false);
        announce_trustpoint_changed(check->manager, t);
    }
    return 0;
}

static int try_to_ask(Manager *m, const Trustpoint *t, CertificateRole role)
{
    const StoredCertificate *c = trustpoint_certificate(t, role);
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
    KeyCheck *check;
    int r;

    r = sd_bus_message_new_method_call(server_bus(m->server), &call, KEYS_NAME, KEYS_PATH,
                                       KEYS_SIGNING_INTERFACE, "GetPairPublicKey");
    if (r >= 0)
        r = sd_bus_message_append(call, "sss", c->key.algorithm, c->key.label,
                                  c->key.pair == PAIR_ENCRYPTION ? "encryption" : "signature");
    if (r < 0)
        return r;
    check = calloc(1, sizeof(*check));
    if (!check)
        return -ENOMEM;
    check->manager = m;
    check->role = role;
    check->view = key_view_take(t, role);
    check->trustpoint = strdup(t->name);
    r = check->trustpoint ? sd_bus_call_async(server_bus(m->server), &slot, call, on_public_key,
                                              check, ANSWER_TIMEOUT_USEC)
                          : -ENOMEM;
    if (r < 0) {
        key_check_free(check);
        return r;
    }
    (void)sd_bus_slot_set_destroy_callback(slot, key_check_free);
    /* The connection keeps it until the answer. */
    return sd_bus_slot_set_floating(slot, 1);
}

static void ask(Manager *m, const Trustpoint *t, CertificateRole role)
{
    int r = try_to_ask(m, t, role);

    if (r < 0)
        log_warning_errno(r, "Failed to ask keyd about a key of trustpoint %s, ignoring: %m",
                          t->name);
}

void key_watch_check(Manager *m)
{
    manager_trim_soon(m);
    for (const Trustpoint *t = m->trustpoints.first; t; t = t->next)
        for (size_t role = 0; role < ROLE_MAX; role++)
            if (trustpoint_certificate(t, role) && trustpoint_certificate(t, role)->key.algorithm)
                ask(m, t, role);
}

static int on_recheck(sd_event_source *source, uint64_t usec, void *userdata)
{
    Manager *m = userdata;

    m->recheck = sd_event_source_unref(m->recheck);
    key_watch_check(m);
    return 0;
}

/* Some signals for one event, or many keys at once, make one check. */
static int on_keys_changed(sd_bus_message *signal, void *userdata, sd_bus_error *ret_error)
{
    static const char jobs[] = KEYS_PATH "/job/";
    Manager *m = userdata;
    int r;

    if (m->recheck || strncmp(sd_bus_message_get_path(signal), jobs, STRLEN(jobs)) == 0)
        return 0;
    r = sd_event_add_time_relative(server_event(m->server), &m->recheck, CLOCK_MONOTONIC,
                                   RECHECK_DELAY_USEC, 0, on_recheck, m);
    if (r < 0)
        log_warning_errno(r, "Failed to arm a timer, ignoring: %m");
    return 0;
}

int key_watch_init(Manager *m)
{
    return sd_bus_add_match_async(server_bus(m->server), &m->keys_changed,
                                  "type='signal',sender='" KEYS_NAME "',path_namespace='" KEYS_PATH
                                  "'",
                                  on_keys_changed, NULL, m);
}
