/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Keys1.Rotation: what enrolld has done with the key of a certificate that it renews.
 * All are answered when they are done, and say the same when they are called once more. */

#include "clock.h"
#include "errors.h"
#include "job.h"
#include "keyd.h"
#include "label.h"
#include "log.h"
#include "names.h"
#include "org.chancery.Keys1.h"
#include "rotation.h"

typedef struct Rotation {
    Keyd *keyd;
    const KeyAlgorithm *algorithm;
    char *label;
    sd_bus_message *call; /* to be answered */
    bool claimed;
    Key *from, *to;      /* what it is done with; as the store had them */
    Key *current, *made; /* the results */
} Rotation;

static void rotation_unclaim(Rotation *r)
{
    if (r->claimed)
        store_unclaim(r->keyd->store, r->algorithm, r->label);
    r->claimed = false;
}

static void rotation_free(void *data)
{
    Rotation *r = data;

    if (!r)
        return;
    rotation_unclaim(r);
    free(r->label);
    sd_bus_message_unref(r->call);
    key_unref(r->from);
    key_unref(r->to);
    key_unref(r->current);
    key_unref(r->made);
    free(r);
}

static void rotation_freep(Rotation **r)
{
    rotation_free(*r);
}

static int answer(Rotation *r, const char *doing, int result)
{
    const char *said = result == -EOPNOTSUPP ? "usage keys are not renewed" : strerror(-result);

    return result < 0 ? sd_bus_reply_method_errorf(r->call, error_name_from_errno(result),
                                                   "The %s key %s cannot be %s: %s",
                                                   r->algorithm->name, r->label, doing, said)
                      : 0;
}

static int answered(int result, int sent)
{
    if (sent < 0)
        log_warning_errno(sent, "Failed to answer a call about a key, ignoring: %m");
    return result;
}

/* The key of the call, which nobody else changes until the end. */
static int rotation_new(Keyd *k, sd_bus_message *m, const char *algorithm, const char *label,
                        Rotation **ret, sd_bus_error *reterr_error)
{
    _cleanup_(rotation_freep) Rotation *r = NULL;
    Key *key = store_find(k->store, algorithm, label);
    int q;

    if (!key)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "There is no such key; generate it first");
    r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->keyd = k;
    r->algorithm = key->algorithm;
    r->from = key_ref(key);
    r->label = strdup(label);
    r->call = sd_bus_message_ref(m);
    if (!r->label)
        return -ENOMEM;
    q = store_claim(k->store, key->algorithm, label, true);
    if (q < 0)
        return claim_error(q, algorithm, label, reterr_error);
    r->claimed = true;
    *ret = TAKE_PTR(r);
    return 0;
}

static int rotation_start(Rotation *r, int (*run)(Job *job, void *data),
                          int (*done)(Job *job, void *data, int result))
{
    int q = job_start_internal(r->keyd->server, &(JobWork){"rotate", run, done, rotation_free, r});

    return q < 0 ? q : 1;
}

/* The current pair of the name is another one now. */
static void announce(const Rotation *r, const char *what)
{
    static const LogEvent event = {LOG_KEY_ROTATED};
    _cleanup_free_ char *path = NULL;
    int q;

    rights_changed(r->keyd);
    log_event(&event, LOG_FIELDS("ALGORITHM", r->algorithm->name, "LABEL", r->label),
              "The %s key %s %s", r->algorithm->name, r->label, what);
    q = key_path(r->current, &path);
    if (q >= 0)
        q = sd_bus_emit_properties_changed(server_bus(r->keyd->server), path, KEYS_KEY_INTERFACE,
                                           "Usage", "Size", "Created", "Exportable", "PublicKey",
                                           NULL);
    if (q < 0)
        log_warning_errno(q, "Failed to announce the key %s, ignoring: %m", r->label);
}

/* --- Stage ------------------------------------------------------------------------------------ */

static bool is_cancelled(void *userdata)
{
    return job_is_cancelled(userdata);
}

static int stage_run(Job *job, void *data)
{
    Rotation *r = data;
    EVP_PKEY *pkey = NULL;
    uint64_t created;
    int q;

    if (r->from->encryption)
        return -EOPNOTSUPP;
    created = clock_usec(CLOCK_REALTIME);
    q = key_generate(r->algorithm, r->from->bits, is_cancelled, job, &pkey);
    if (q >= 0)
        q = key_new(r->algorithm, r->label, r->from->usage, created, pkey, &r->made);
    if (q < 0)
        return q;
    r->made->slot = KEY_NEXT;
    r->made->exportable = r->from->exportable;
    return store_write(r->keyd->store, r->made);
}

static int answer_staged(const Rotation *r)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int q;

    q = sd_bus_message_new_method_return(r->call, &reply);
    if (q >= 0)
        q = sd_bus_message_append_array(reply, 'y', r->made->public_key, r->made->public_key_size);
    return q < 0 ? q : sd_bus_send(NULL, reply, NULL);
}

static int stage_done(Job *job, void *data, int result)
{
    Rotation *r = data;

    rotation_unclaim(r);
    if (result >= 0)
        result = store_publish(r->keyd->store, r->made);
    return answered(result, result < 0 ? answer(r, "made anew", result) : answer_staged(r));
}

int keys1_rotation_method_stage(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const char *algorithm, *label;
    Rotation *r;
    int q;

    q = sd_bus_message_read(m, "ss", &algorithm, &label);
    if (q >= 0)
        q = rotation_new(userdata, m, algorithm, label, &r, reterr_error);
    return q < 0 ? q : rotation_start(r, stage_run, stage_done);
}

/* --- Commit, undo ----------------------------------------------------------------------------- */

static int commit_run(Job *job, void *data)
{
    Rotation *r = data;

    return rotation_commit(r->keyd->store, r->from, r->to, &r->current, &r->made);
}

static int commit_done(Job *job, void *data, int result)
{
    Rotation *r = data;
    Store *store = r->keyd->store;

    rotation_unclaim(r);
    if (result >= 0) {
        store_forget_slot(store, r->algorithm, r->label, KEY_NEXT);
        result = store_publish(store, r->made);
    }
    if (result >= 0)
        result = store_publish(store, r->current);
    if (result < 0)
        return answered(result, answer(r, "put in place", result));
    announce(r, "was renewed");
    return answered(0, sd_bus_reply_method_return(r->call, NULL));
}

static int undo_run(Job *job, void *data)
{
    Rotation *r = data;

    return rotation_undo(r->keyd->store, r->to, &r->current);
}

static int undo_done(Job *job, void *data, int result)
{
    Rotation *r = data;

    rotation_unclaim(r);
    if (result < 0)
        return answered(result, answer(r, "put back", result));
    store_forget_slot(r->keyd->store, r->algorithm, r->label, KEY_PREVIOUS);
    (void)store_publish(r->keyd->store, r->current);
    announce(r, "is the previous one again");
    return answered(0, sd_bus_reply_method_return(r->call, NULL));
}

static bool has_public_key(const Key *key, const void *der, size_t size)
{
    return key && der_equal(key_public_key(key), der, size);
}

/* The key of that slot takes the current one's place, if it is the one that the caller means. */
static int exchange(sd_bus_message *m, Keyd *k, KeySlot slot, int (*run)(Job *job, void *data),
                    int (*done)(Job *job, void *data, int result), sd_bus_error *reterr_error)
{
    const char *algorithm, *label;
    const void *der;
    size_t size;
    Rotation *r;
    Key *key;
    int q;

    q = sd_bus_message_read(m, "ss", &algorithm, &label);
    if (q >= 0)
        q = sd_bus_message_read_array(m, 'y', &der, &size);
    if (q < 0)
        return q;
    if (has_public_key(store_find(k->store, algorithm, label), der, size))
        return sd_bus_reply_method_return(m, NULL);
    key = store_find_slot(k->store, algorithm, label, slot);
    if (!has_public_key(key, der, size))
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "There is no %s key with this public key",
                                 slot == KEY_NEXT ? "next" : "previous");
    q = rotation_new(k, m, algorithm, label, &r, reterr_error);
    if (q < 0)
        return q;
    r->to = key_ref(key);
    return rotation_start(r, run, done);
}

int keys1_rotation_method_commit(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    return exchange(m, userdata, KEY_NEXT, commit_run, commit_done, reterr_error);
}

int keys1_rotation_method_undo(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    return exchange(m, userdata, KEY_PREVIOUS, undo_run, undo_done, reterr_error);
}

/* --- Forget ----------------------------------------------------------------------------------- */

static int forget_run(Job *job, void *data)
{
    Rotation *r = data;
    int q = store_erase(r->keyd->store, r->to);

    return q == -ENOENT ? 0 : q;
}

static int forget_done(Job *job, void *data, int result)
{
    Rotation *r = data;

    rotation_unclaim(r);
    if (result < 0)
        return answered(result, answer(r, "removed", result));
    store_forget_slot(r->keyd->store, r->algorithm, r->label, r->to->slot);
    rights_changed(r->keyd);
    return answered(0, sd_bus_reply_method_return(r->call, NULL));
}

int keys1_rotation_method_forget(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const char *algorithm, *label, *which;
    Keyd *k = userdata;
    Rotation *r;
    Key *key;
    int q;

    q = sd_bus_message_read(m, "sss", &algorithm, &label, &which);
    if (q < 0)
        return q;
    if (!streq(which, "next") && !streq(which, "previous"))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The key to be forgotten is 'next' or 'previous'");
    key =
        store_find_slot(k->store, algorithm, label, streq(which, "next") ? KEY_NEXT : KEY_PREVIOUS);
    if (!key)
        return sd_bus_reply_method_return(m, NULL);
    q = rotation_new(k, m, algorithm, label, &r, reterr_error);
    if (q < 0)
        return q;
    r->to = key_ref(key);
    return rotation_start(r, forget_run, forget_done);
}

int rotation_bus_init(Keyd *k)
{
    return server_add_object(k->server, KEYS_PATH, &keys1_rotation_interface, k);
}
