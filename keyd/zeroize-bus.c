/* SPDX-License-Identifier: Apache-2.0 */
/* Removing keys for good: what would go, and its going. */
#include "errors.h"
#include "job.h"
#include "keyd.h"
#include "log.h"
#include "names.h"
#include "org.chancery.Keys1.h"

/* --- What would go ---------------------------------------------------------------------------- */

/* One name for a trustpoint that names the key as both its pairs. */
static bool named_before(const KeyRights *rights, size_t i)
{
    const TrustpointKey *k = key_rights_get(rights, i);

    for (size_t j = 0; j < i; j++) {
        const TrustpointKey *other = key_rights_get(rights, j);

        if (streq(other->trustpoint, k->trustpoint) && streq(other->algorithm, k->algorithm) &&
            streq(other->label, k->label))
            return true;
    }
    return false;
}

static int append_key(sd_bus_message *reply, const Key *key, const KeyRights *rights)
{
    int r;

    r = sd_bus_message_open_container(reply, 'r', "sas");
    if (r >= 0)
        r = sd_bus_message_append(reply, "s", key->label);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "s");
    for (size_t i = 0; r >= 0 && i < key_rights_count(rights); i++) {
        const TrustpointKey *k = key_rights_get(rights, i);

        if (key_is(key, k->algorithm, k->label) && !named_before(rights, i))
            r = sd_bus_message_append(reply, "s", k->trustpoint);
    }
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

int keys1_method_plan_zeroize(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *algorithm, *label;
    Keyd *k = userdata;
    int r;

    r = sd_bus_message_read(m, "ss", &algorithm, &label);
    if (r < 0)
        return r;
    if (!key_algorithm_find(algorithm))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "There are no keys of that algorithm here");
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(sas)");
    for (size_t i = 0; r >= 0 && i < store_count(k->store); i++) {
        const Key *key = store_get(k->store, i);

        if (streq(key->algorithm->name, algorithm) && (!*label || streq(key->label, label)))
            r = append_key(reply, key, k->rights);
    }
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

/* --- Its going -------------------------------------------------------------------------------- */

typedef struct Zeroization {
    Keyd *keyd;
    Key *key;
} Zeroization;

static void zeroization_free(void *data)
{
    Zeroization *z = data;

    if (!z)
        return;
    if (z->key)
        store_unclaim(z->keyd->store, z->key->algorithm, z->key->label);
    key_unref(z->key);
    free(z);
}

/* In the worker. That the file is gone already is no reason to keep the key. */
static int zeroization_run(Job *job, void *data)
{
    Zeroization *z = data;
    int r;

    if (job_is_cancelled(job))
        return -ECANCELED;
    r = store_erase_aside(z->keyd->store, z->key->algorithm, z->key->label);
    if (r >= 0)
        r = store_erase(z->keyd->store, z->key);
    if (r < 0 && r != -ENOENT)
        return job_fail(job, ERROR_FAILED, "The key's file could not be removed: %s", strerror(-r));
    return 0;
}

static int zeroization_done(Job *job, void *data, int result)
{
    static const LogEvent event = {LOG_KEY_DELETED};
    Zeroization *z = data;
    int r;

    if (result < 0)
        return result;
    store_forget(z->keyd->store, z->key->algorithm, z->key->label);
    rights_changed(z->keyd);
    log_event(&event,
              LOG_FIELDS("ALGORITHM", z->key->algorithm->name, "LABEL", z->key->label, "USER",
                         job_user(job)),
              "The %s key %s was removed by %s", z->key->algorithm->name, z->key->label,
              job_user(job));
    r = key_announce_removed(z->keyd, z->key);
    if (r >= 0 && z->key->encryption)
        r = key_announce_removed(z->keyd, z->key->encryption);
    if (r < 0)
        log_warning_errno(r, "Failed to announce that the key %s is gone, ignoring: %m",
                          z->key->label);
    return 0;
}

int keys1_method_zeroize(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    JobWork work = {"zeroize", zeroization_run, zeroization_done, zeroization_free, NULL};
    const char *algorithm, *label;
    Keyd *k = userdata;
    Zeroization *z;
    Key *key;
    int r;

    r = sd_bus_message_read(m, "ss", &algorithm, &label);
    if (r < 0)
        return r;
    key = store_find(k->store, algorithm, label);
    if (!key)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT, "There is no such key");
    r = store_claim(k->store, key->algorithm, key->label, true);
    if (r < 0)
        return claim_error(r, key->algorithm->name, key->label, reterr_error);
    z = calloc(1, sizeof *z);
    if (!z) {
        store_unclaim(k->store, key->algorithm, key->label);
        return -ENOMEM;
    }
    z->keyd = k;
    z->key = key_ref(key);
    work.data = z;
    return job_start(m, &work, reterr_error);
}
