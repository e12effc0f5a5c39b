/* SPDX-License-Identifier: Apache-2.0 */
/* ExportWrapped and ImportWrapped of org.chancery.Keys1. */
#include "backup.h"
#include "errors.h"
#include "job.h"
#include "keyd.h"
#include "log.h"
#include "org.chancery.Keys1.h"
#include "x509-render.h"

/* --- Out -------------------------------------------------------------------------------------- */

static void log_export(sd_bus_message *m, const Key *key, const void *recipient, size_t size)
{
    static const LogEvent event = {LOG_KEY_EXPORTED};
    _cleanup_free_ char *user = NULL;
    uint8_t digest[32];
    char print[2 * sizeof digest + 1];

    (void)bus_sender_name(m, &user);
    (void)EVP_Digest(recipient, size, digest, NULL, EVP_sha256(), NULL);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(print + 2 * i, 3, "%02X", digest[i]);
    log_event(&event,
              LOG_FIELDS("ALGORITHM", key->algorithm->name, "LABEL", key->label, "RECIPIENT", print,
                         "USER", user ? user : "?"),
              "The %s key %s was given to %s, wrapped for the certificate with SHA-256 %s",
              key->algorithm->name, key->label, user ? user : "somebody", print);
}

static int export_error(int error, const Key *key, const char *reason, sd_bus_error *reterr_error)
{
    switch (-error) {
    case EPERM:
        return sd_bus_error_setf(reterr_error, ERROR_PURPOSE_REFUSED,
                                 "The %s key %s stays here: %s", key->algorithm->name, key->label,
                                 reason);
    case EBADMSG:
        return sd_bus_error_setf(reterr_error, ERROR_MALFORMED, "The recipient: %s", reason);
    case EINVAL:
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The recipient's certificate: %s", reason);
    case EKEYEXPIRED:
        return sd_bus_error_setf(reterr_error, ERROR_EXPIRED, "The recipient's certificate: %s",
                                 reason);
    default:
        return error;
    }
}

int keys1_method_export_wrapped(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *algorithm, *label, *reason = NULL;
    _cleanup_free_ void *wrapped = NULL;
    const void *recipient;
    size_t size, wrapped_size;
    Keyd *k = userdata;
    Key *key;
    int r;

    r = sd_bus_message_read(m, "ss", &algorithm, &label);
    if (r >= 0)
        r = sd_bus_message_read_array(m, 'y', &recipient, &size);
    if (r < 0)
        return r;
    key = store_find(k->store, algorithm, label);
    if (!key)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT, "There is no such key");
    r = backup_wrap(key, recipient, size, &wrapped, &wrapped_size, &reason);
    if (r < 0)
        return export_error(r, key, reason, reterr_error);
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_append_array(reply, 'y', wrapped, wrapped_size);
    if (r < 0)
        return r;
    log_export(m, key, recipient, size);
    r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

/* --- In --------------------------------------------------------------------------------------- */

typedef struct Restoration {
    Keyd *keyd;
    bool replace;
    Key **recipients; /* who may open it */
    size_t n_recipients;
    Key *key;
    bool claimed, written;
    size_t size;
    uint8_t wrapped[];
} Restoration;

static void restoration_free(void *data)
{
    Restoration *i = data;

    if (!i)
        return;
    if (i->claimed)
        store_unclaim(i->keyd->store, i->key->algorithm, i->key->label);
    for (size_t n = 0; n < i->n_recipients; n++)
        key_unref(i->recipients[n]);
    free(i->recipients);
    key_unref(i->key);
    free(i);
}

static void restoration_freep(Restoration **i)
{
    restoration_free(*i);
}

/* First in the worker: whoever of them can opens it. That none can, or that it was changed, is one
 * thing. */
static int restoration_open(Job *job, void *data)
{
    Restoration *i = data;

    for (size_t n = 0; n < i->n_recipients; n++) {
        int r = backup_unwrap((DerSpan){i->wrapped, i->size}, i->recipients[n], &i->key);

        if (job_is_cancelled(job))
            return -ECANCELED;
        if (r == -EBADMSG)
            return job_fail(job, ERROR_MALFORMED, "What is inside is no key of such a router");
        if (r >= 0 || r == -ENOMEM)
            return r;
    }
    return job_fail(job, ERROR_VERIFICATION_FAILED,
                    "No key of this router opens it; it is for another recipient, or was changed");
}

/* Then, when the name is claimed, in the worker again. */
static int restoration_write(Job *job, void *data)
{
    Restoration *i = data;
    int r = store_erase_aside(i->keyd->store, i->key->algorithm, i->key->label);

    if (r >= 0)
        r = store_write(i->keyd->store, i->key);

    if (r < 0)
        return job_fail(job, ERROR_FAILED, "The key could not be written: %s", strerror(-r));
    i->written = true;
    return 0;
}

static int restoration_claim(Job *job, Restoration *i)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = store_claim(i->keyd->store, i->key->algorithm, i->key->label, i->replace);

    if (r < 0) {
        r = claim_error(r, i->key->algorithm->name, i->key->label, &error);
        return error.name ? job_fail(job, error.name, "%s", error.message) : r;
    }
    i->claimed = true;
    job_then(job, restoration_write);
    return 0;
}

static int restoration_done(Job *job, void *data, int result)
{
    Restoration *i = data;

    if (result < 0)
        return result;
    return i->written ? key_publish(i->keyd, job, i->key, "imported") : restoration_claim(job, i);
}

/* Trustpoints' CA keys are for nothing else. */
static int collect_recipients(Restoration *i, DerSpan key_id)
{
    Store *store = i->keyd->store;
    size_t n = store_count(store);

    i->recipients = calloc(n > 0 ? n : 1, sizeof *i->recipients);
    if (!i->recipients)
        return -ENOMEM;
    for (size_t j = 0; j < n; j++) {
        Key *key = store_get(store, j);

        if (key_rights_is_ca(i->keyd->rights, key->algorithm->name, key->label))
            continue;
        if (key->encryption)
            key = key->encryption;
        if (backup_recipient(key, key_id))
            i->recipients[i->n_recipients++] = key_ref(key);
    }
    return 0;
}

int keys1_method_import_wrapped(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    JobWork work = {"import", restoration_open, restoration_done, restoration_free, NULL};
    _cleanup_(restoration_freep) Restoration *i = NULL;
    bool replace = false;
    const BusOption options[] = {{"replace", 'b', &replace, NULL}};
    const char *reason = NULL;
    const void *wrapped;
    DerSpan key_id;
    size_t size;
    int r;

    r = sd_bus_message_read_array(m, 'y', &wrapped, &size);
    if (r >= 0)
        r = bus_read_options(m, options, ELEMENTSOF(options), reterr_error);
    if (r < 0)
        return r;
    if (size > BACKUP_SIZE_MAX)
        return sd_bus_error_setf(reterr_error, ERROR_TOO_LARGE, "A wrapped key is at most %u bytes",
                                 BACKUP_SIZE_MAX);
    if (backup_check((DerSpan){wrapped, size}, &key_id, &reason) < 0)
        return sd_bus_error_setf(reterr_error, ERROR_MALFORMED, "This is no wrapped key: %s",
                                 reason);
    i = calloc(1, sizeof *i + size);
    if (!i)
        return -ENOMEM;
    i->keyd = userdata;
    i->replace = replace;
    i->size = size;
    memcpy(i->wrapped, wrapped, size);
    r = collect_recipients(i, key_id);
    if (r < 0)
        return r;
    work.data = TAKE_PTR(i);
    return job_start(m, &work, reterr_error);
}
