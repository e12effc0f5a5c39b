/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Keys1 and the objects of the keys. */

#include "clock.h"
#include "errors.h"
#include "job.h"
#include "keyd.h"
#include "label.h"
#include "log.h"
#include "names.h"
#include "org.chancery.Keys1.h"

#define KEYS_PREFIX KEYS_PATH "/key"

/* --- Objects ---------------------------------------------------------------------------------- */

/* The encryption pair of usage keys is an object of its own, beside the signature pair. */
#define ENCRYPTION_SUFFIX "/" KEY_USAGE_ENCRYPTION

int key_path(const Key *key, char **ret)
{
    _cleanup_free_ char *name = NULL;

    if (asprintf(&name, "%s/%s%s", key->algorithm->name, key->label,
                 key_signs(key) ? "" : ENCRYPTION_SUFFIX) < 0) {
        name = NULL;
        return -ENOMEM;
    }
    return bus_object_path(KEYS_PREFIX, name, ret);
}

static int key_object_find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                           void **ret_found, sd_bus_error *reterr_error)
{
    _cleanup_free_ char *name = NULL;
    Keyd *k = userdata;
    char *slash, *suffix;
    Key *key;
    int r;

    r = sd_bus_path_decode(path, KEYS_PREFIX, &name);
    if (r <= 0)
        return r;
    slash = strchr(name, '/');
    if (!slash)
        return 0;
    *slash = 0;
    suffix = strchr(slash + 1, '/');
    if (suffix && !streq(suffix, ENCRYPTION_SUFFIX))
        return 0;
    if (suffix)
        *suffix = 0;
    key = store_find(k->store, name, slash + 1);
    if (key && suffix)
        key = key->encryption;
    if (!key)
        return 0;
    *ret_found = key;
    return 1;
}

static char **paths_free(char **paths)
{
    for (char **p = paths; p && *p; p++)
        free(*p);
    free(paths);
    return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(char **, paths_free);

static int key_objects_enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                                 sd_bus_error *reterr_error)
{
    _cleanup_(paths_freep) char **paths = NULL;
    Keyd *k = userdata;
    size_t n = store_count(k->store), n_paths = 0;
    int r;

    paths = calloc(2 * n + 1, sizeof *paths);
    if (!paths)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        for (const Key *key = store_get(k->store, i); key; key = key->encryption) {
            r = key_path(key, &paths[n_paths]);
            if (r < 0)
                return r;
            n_paths++;
        }
    *ret_nodes = TAKE_PTR(paths);
    return 1;
}

int keys1_key_get_label(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    Key *key = userdata;

    return sd_bus_message_append(reply, "s", key->label);
}

int keys1_key_get_algorithm(sd_bus *bus, const char *path, const char *interface,
                            const char *property, sd_bus_message *reply, void *userdata,
                            sd_bus_error *reterr_error)
{
    Key *key = userdata;

    return sd_bus_message_append(reply, "s", key->algorithm->name);
}

int keys1_key_get_usage(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    Key *key = userdata;

    return sd_bus_message_append(reply, "s", key->usage);
}

int keys1_key_get_size(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    Key *key = userdata;

    return sd_bus_message_append(reply, "u", key->bits);
}

int keys1_key_get_created(sd_bus *bus, const char *path, const char *interface,
                          const char *property, sd_bus_message *reply, void *userdata,
                          sd_bus_error *reterr_error)
{
    Key *key = userdata;

    return sd_bus_message_append(reply, "t", key->created);
}

int keys1_key_get_exportable(sd_bus *bus, const char *path, const char *interface,
                             const char *property, sd_bus_message *reply, void *userdata,
                             sd_bus_error *reterr_error)
{
    Key *key = userdata;

    return sd_bus_message_append(reply, "b", key->exportable);
}

int keys1_key_get_public_key(sd_bus *bus, const char *path, const char *interface,
                             const char *property, sd_bus_message *reply, void *userdata,
                             sd_bus_error *reterr_error)
{
    Key *key = userdata;

    return sd_bus_message_append_array(reply, 'y', key->public_key, key->public_key_size);
}

/* The signal goes to everybody, and the values are for those who hold the read task: it says that
 * there is an object, and that its properties are to be asked for. */
static int announce_added(Keyd *k, const Key *key)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;
    sd_bus *bus = server_bus(k->server);
    _cleanup_free_ char *path = NULL;
    int r;

    r = key_path(key, &path);
    if (r < 0)
        return r;
    r = sd_bus_message_new_signal(bus, &signal, KEYS_PATH, "org.freedesktop.DBus.ObjectManager",
                                  "InterfacesAdded");
    if (r >= 0)
        r = sd_bus_message_append(signal, "oa{sa{sv}}", path, 1, KEYS_KEY_INTERFACE, 0);
    return r < 0 ? r : sd_bus_send(bus, signal, NULL);
}

int key_announce_removed(Keyd *k, const Key *key)
{
    _cleanup_free_ char *path = NULL;
    int r;

    r = key_path(key, &path);
    if (r < 0)
        return r;
    return sd_bus_emit_interfaces_removed(server_bus(k->server), path, KEYS_KEY_INTERFACE, NULL);
}

/* What is at a path was nothing, or another key, before. Either key may be NULL, not both. */
static int announce_replaced(Keyd *k, const Key *old, const Key *new)
{
    _cleanup_free_ char *path = NULL;
    int r;

    if (!new)
        return key_announce_removed(k, old);
    if (!old)
        return announce_added(k, new);
    r = key_path(new, &path);
    if (r < 0)
        return r;
    return sd_bus_emit_properties_changed(server_bus(k->server), path, KEYS_KEY_INTERFACE, "Usage",
                                          "Size", "Created", "Exportable", "PublicKey", NULL);
}

/* --- Find ------------------------------------------------------------------------------------- */

int keys1_method_find(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_free_ char *path = NULL;
    const char *algorithm, *label;
    Keyd *k = userdata;
    Key *key;
    int r;

    r = sd_bus_message_read(m, "ss", &algorithm, &label);
    if (r < 0)
        return r;
    key = store_find(k->store, algorithm, label);
    if (!key)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "There is no such key; generate it first");
    r = key_path(key, &path);
    return r < 0 ? r : sd_bus_reply_method_return(m, "o", path);
}

/* --- Generate --------------------------------------------------------------------------------- */

typedef struct Generation {
    Keyd *keyd;
    const KeyAlgorithm *algorithm;
    char *label;
    unsigned bits;
    bool usage_keys, exportable;
    bool claimed;
    Key *key;
} Generation;

static void generation_unclaim(Generation *g)
{
    if (g->claimed)
        store_unclaim(g->keyd->store, g->algorithm, g->label);
    g->claimed = false;
}

static void generation_free(void *data)
{
    Generation *g = data;

    if (!g)
        return;
    generation_unclaim(g);
    key_unref(g->key);
    free(g->label);
    free(g);
}

static void generation_freep(Generation **g)
{
    generation_free(*g);
}

static bool generation_is_cancelled(void *userdata)
{
    return job_is_cancelled(userdata);
}

static int make_pair(Job *job, const Generation *g, const char *usage, uint64_t created, Key **ret)
{
    EVP_PKEY *pkey = NULL;
    int r;

    r = key_generate(g->algorithm, g->bits, generation_is_cancelled, job, &pkey);
    if (r == -ENOMEM)
        return job_fail(
            job, ERROR_LIMIT_EXCEEDED,
            "The memory for keys is used up; raise LimitMEMLOCK= of chancery-keyd.service");
    return r < 0 ? r : key_new(g->algorithm, g->label, usage, created, pkey, ret);
}

/* In the worker: makes the key and writes it. Nobody else has the name, which is claimed. */
static int generation_run(Job *job, void *data)
{
    Generation *g = data;
    Key *encryption = NULL;
    const uint64_t created = clock_usec(CLOCK_REALTIME);
    int r;

    job_progress(job, 0, "Generating the key pair");
    if (!g->usage_keys) {
        r = make_pair(job, g, KEY_USAGE_GENERAL, created, &g->key);
    } else {
        r = make_pair(job, g, KEY_USAGE_SIGNATURE, created, &g->key);
        job_progress(job, 45, "Generating the second key pair");
        if (r >= 0)
            r = make_pair(job, g, KEY_USAGE_ENCRYPTION, created, &encryption);
        if (r >= 0)
            r = key_join(g->key, encryption);
    }
    if (r < 0)
        return r;
    g->key->exportable = g->exportable;
    if (g->key->encryption)
        g->key->encryption->exportable = g->exportable;
    job_progress(job, 90, "Storing the key pair");
    /* What a renewal had made belongs to the key that goes. */
    r = store_erase_aside(g->keyd->store, g->algorithm, g->label);
    if (r >= 0)
        r = store_write(g->keyd->store, g->key);
    if (r < 0)
        return job_fail(job, ERROR_FAILED, "The key could not be written: %s", strerror(-r));
    return 0;
}

static int announce_key(Keyd *k, const Key *old, const Key *key)
{
    const Key *old_encryption = old ? old->encryption : NULL;
    int r = announce_replaced(k, old, key);

    if (r >= 0 && (old_encryption || key->encryption))
        r = announce_replaced(k, old_encryption, key->encryption);
    return r;
}

int key_publish(Keyd *k, Job *job, Key *key, const char *how)
{
    static const LogEvent event = {LOG_KEY_GENERATED};
    _cleanup_(key_unrefp) Key *old = NULL;
    _cleanup_free_ char *path = NULL;
    int r, replaced;

    old = store_find(k->store, key->algorithm->name, key->label);
    if (old)
        key_ref(old);
    store_forget_slot(k->store, key->algorithm, key->label, KEY_NEXT);
    store_forget_slot(k->store, key->algorithm, key->label, KEY_PREVIOUS);
    replaced = store_publish(k->store, key);
    if (replaced < 0)
        return replaced;
    rights_changed(k);
    log_event(
        &event,
        LOG_FIELDS("ALGORITHM", key->algorithm->name, "LABEL", key->label, "USER", job_user(job)),
        "The %s key %s, %u bits, was %s by %s", key->algorithm->name, key->label, key->bits,
        replaced ? "replaced" : how, job_user(job));
    r = key_path(key, &path);
    if (r < 0)
        return r;
    r = announce_key(k, old, key);
    if (r < 0)
        log_warning_errno(r, "Failed to announce the key %s, ignoring: %m", path);
    return job_result(job, "key", 'o', path);
}

static int generation_done(Job *job, void *data, int result)
{
    Generation *g = data;

    generation_unclaim(g);
    return result < 0 ? result : key_publish(g->keyd, job, g->key, "generated");
}

int claim_error(int error, const char *algorithm, const char *label, sd_bus_error *reterr_error)
{
    switch (-error) {
    case EILSEQ:
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_LABEL,
                                 "A label is 1 to %u letters, digits, '.', '_' or '-', and begins "
                                 "with a letter or digit",
                                 LABEL_MAX);
    case EEXIST:
        return sd_bus_error_setf(reterr_error, ERROR_ALREADY_EXISTS,
                                 "The %s key %s exists already; ask to replace it", algorithm,
                                 label);
    case EBUSY:
        return sd_bus_error_setf(reterr_error, ERROR_BUSY,
                                 "The %s key %s is being made or removed already", algorithm,
                                 label);
    case ENOKEY:
        return sd_bus_error_setf(reterr_error, ERROR_FAILED,
                                 "There is no key-encryption key, without which no key can be "
                                 "made; see the journal of chancery-keyd-kek.service");
    case EDQUOT:
        return sd_bus_error_setf(reterr_error, ERROR_LIMIT_EXCEEDED,
                                 "There are %u keys, which is the most there may be",
                                 STORE_KEYS_MAX);
    default:
        return error;
    }
}

static int check_bits(const KeyAlgorithm *algorithm, bool given, uint32_t bits,
                      sd_bus_error *reterr_error)
{
    if (algorithm->bits > 0)
        return given ? sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                         "The size of %s keys is fixed", algorithm->name)
                     : 0;
    if (algorithm->family == KEY_FAMILY_DSA)
        return key_algorithm_takes_bits(algorithm, bits)
                   ? 0
                   : sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                       "The size of dsa keys is 512, 768 or 1024 bits");
    if (!key_algorithm_takes_bits(algorithm, bits))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The size of %s keys is %u to %u bits", algorithm->name,
                                 RSA_BITS_MIN, RSA_BITS_MAX);
    return 0;
}

static int check_usage(const KeyAlgorithm *algorithm, const char *usage, bool *ret_usage_keys,
                       sd_bus_error *reterr_error)
{
    *ret_usage_keys = streq(usage, "usage-keys");
    if (streq(usage, KEY_USAGE_GENERAL) || (*ret_usage_keys && streq(algorithm->name, "rsa")))
        return 0;
    return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                             "The usage of keys is general, or, for rsa, usage-keys");
}

int keys1_method_generate(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(generation_freep) Generation *g = NULL;
    uint32_t bits = RSA_BITS_DEFAULT;
    bool replace = false, bits_given = false, exportable = false;
    const char *name, *label, *usage = "general";
    const BusOption options[] = {{"bits", 'u', &bits, &bits_given},
                                 {"replace", 'b', &replace, NULL},
                                 {"usage", 's', &usage, NULL},
                                 {"exportable", 'b', &exportable, NULL}};
    JobWork work = {"generate", generation_run, generation_done, generation_free, NULL};
    int r;

    r = sd_bus_message_read(m, "ss", &name, &label);
    if (r >= 0)
        r = bus_read_options(m, options, ELEMENTSOF(options), reterr_error);
    if (r < 0)
        return r;
    g = calloc(1, sizeof *g);
    if (!g)
        return -ENOMEM;
    g->keyd = userdata;
    g->bits = bits;
    g->exportable = exportable;
    g->algorithm = key_algorithm_find(name);
    if (!g->algorithm)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "There are no keys of that algorithm here");
    if (g->algorithm->family == KEY_FAMILY_DSA && !bits_given)
        g->bits = DSA_BITS_DEFAULT;
    r = check_bits(g->algorithm, bits_given, g->bits, reterr_error);
    if (r >= 0)
        r = check_usage(g->algorithm, usage, &g->usage_keys, reterr_error);
    if (r < 0)
        return r;
    r = store_claim(g->keyd->store, g->algorithm, label, replace);
    if (r < 0)
        return claim_error(r, g->algorithm->name, label, reterr_error);
    g->label = strdup(label);
    if (!g->label) {
        store_unclaim(g->keyd->store, g->algorithm, label);
        return -ENOMEM;
    }
    g->claimed = true;
    work.data = TAKE_PTR(g);
    return job_start(m, &work, reterr_error);
}

int keys_bus_init(Keyd *k)
{
    int r = server_add_object(k->server, KEYS_PATH, &keys1_interface, k);

    return r < 0 ? r
                 : server_add_objects(k->server, KEYS_PREFIX, &keys1_key_interface, key_object_find,
                                      key_objects_enumerate, k);
}
