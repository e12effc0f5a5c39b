/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Keys1.UserKeys: the public keys that let users in over ssh. */
#include <fcntl.h>
#include <sys/uio.h>

#include "atomic-file.h"
#include "clock.h"
#include "errors.h"
#include "job.h"
#include "keyd.h"
#include "log.h"
#include "names.h"
#include "org.chancery.Keys1.h"

/* --- Who may change whose --------------------------------------------------------------------- */

/* Whoever may have keys may have his own changed; those of others let in as others, which is for
 * who may make users. As bus_authorize() returns; "" becomes the caller. */
static int authorize(sd_bus_message *m, const char *user, char **ret_user,
                     sd_bus_error *reterr_error)
{
    static const char *const own[] = {"crypto.execute", NULL}, *const others[] = {"crypto.execute",
                                                                                  "aaa.write",
                                                                                  NULL};
    _cleanup_free_ char *caller = NULL;
    int r;

    r = bus_sender_name(m, &caller);
    if (r < 0)
        return r;
    if (!*user)
        user = caller;
    if (!user_key_name_is_valid(user))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "Name a user of the router: letters, digits, '.', '_' and '-', at "
                                 "most %u, and not root",
                                 USER_NAME_MAX);
    r = bus_authorize(m, streq(user, caller) ? own : others,
                      (const char *const[]){"user", user, NULL}, reterr_error);
    if (r <= 0)
        return r;
    *ret_user = strdup(user);
    return *ret_user ? 1 : -ENOMEM;
}

/* --- What is kept ----------------------------------------------------------------------------- */

static int load_list(Keyd *k, UserKeys **ret)
{
    static const LogEvent event = {LOG_STATE_CORRUPT};
    int r = user_keys_load(k->state_fd, ret);

    if (r != -EBADMSG)
        return r;
    r = quarantine_at(k->state_fd, USER_KEYS_FILE);
    if (r < 0)
        return r;
    log_event(&event, LOG_FIELDS("FILE", USER_KEYS_FILE),
              "The list of users' keys is damaged, moved aside as %s.corrupt: nobody is let in by "
              "an imported key",
              USER_KEYS_FILE);
    return user_keys_load(k->state_fd, ret);
}

/* The other keys do not wait for those of users: without the list it can neither be shown nor
 * changed, and sshd goes on with what it was told last. */
static int load(Keyd *k)
{
    static const LogEvent event = {LOG_STATE_UNREADABLE};
    UserKeys *list;
    int r = load_list(k, &list);

    if (r == -ENOMEM)
        return r;
    if (r < 0 && k->user_keys_unread == 0)
        log_event(&event, LOG_FIELDS("FILE", USER_KEYS_FILE),
                  "The list of users' keys, %s, cannot be read: %s; it stays, sshd goes on with "
                  "what it was told last, and nothing is changed until it can be read",
                  USER_KEYS_FILE, strerror(-r));
    k->user_keys_unread = r;
    if (r < 0)
        list = user_keys_new_empty();
    if (!list)
        return -ENOMEM;
    user_keys_free(k->user_keys);
    k->user_keys = list;
    if (k->user_keys_unread < 0)
        return 0;
    r = k->runtime_fd < 0 ? k->runtime_fd : user_keys_export(k->runtime_fd, k->user_keys);
    if (r < 0)
        log_warning_errno(r, "Failed to write the keys of users for sshd, ignoring: %m");
    return 0;
}

static int check_read(Keyd *k, sd_bus_error *reterr_error)
{
    int r = k->user_keys_unread < 0 ? load(k) : 0;

    if (r < 0)
        return r;
    return k->user_keys_unread < 0
               ? sd_bus_error_setf(reterr_error, ERROR_FAILED,
                                   "The list of users' keys cannot be read (%s): see to keyd's "
                                   "file " USER_KEYS_FILE,
                                   strerror(-k->user_keys_unread))
               : 0;
}

/* --- Changing the list ------------------------------------------------------------------------ */

typedef struct Change {
    Keyd *keyd;
    UserKeys *list; /* the new one */
    char *text;     /* for the journal */
    bool saved;
} Change;

static void change_free(void *data)
{
    Change *c = data;

    if (!c)
        return;
    c->keyd->user_keys_busy = false;
    user_keys_free(c->list);
    free(c->text);
    free(c);
}

/* In the worker. */
static int change_run(Job *job, void *data)
{
    Change *c = data;
    int r;

    if (job_is_cancelled(job))
        return -ECANCELED;
    r = user_keys_put(c->keyd->state_fd, c->keyd->runtime_fd, c->list, &c->saved);
    if (r < 0)
        return job_fail(job, ERROR_FAILED, "The keys could not be written%s: %s",
                        c->saved ? " for sshd" : "", strerror(-r));
    return 0;
}

static int change_done(Job *job, void *data, int result)
{
    static const LogEvent event = {LOG_USER_KEYS};
    Change *c = data;

    if (!c->saved)
        return result;
    user_keys_free(c->keyd->user_keys);
    c->keyd->user_keys = TAKE_PTR(c->list);
    log_event(&event, LOG_FIELDS("USER", job_user(job)), "%s by %s", c->text, job_user(job));
    return result;
}

/* Takes over list and text. */
static int change_start(sd_bus_message *m, Keyd *k, UserKeys *list, char *text,
                        sd_bus_error *reterr_error)
{
    JobWork work = {"user-keys", change_run, change_done, change_free, NULL};
    Change *c = text ? calloc(1, sizeof *c) : NULL;

    if (!c) {
        user_keys_free(list);
        free(text);
        return -ENOMEM;
    }
    *c = (Change){k, list, text, false};
    k->user_keys_busy = true;
    work.data = c;
    return job_start(m, &work, reterr_error);
}

static int check_free(Keyd *k, sd_bus_error *reterr_error)
{
    return k->user_keys_busy ? sd_bus_error_setf(reterr_error, ERROR_BUSY,
                                                 "Another key of a user is being imported or "
                                                 "removed; try again")
                             : check_read(k, reterr_error);
}

/* --- Import ----------------------------------------------------------------------------------- */

static int parse_key(const struct iovec *data, UserKey *ret, sd_bus_error *reterr_error)
{
    int r = user_key_parse(data->iov_base, data->iov_len, ret);

    switch (-r) {
    case EMSGSIZE:
        return sd_bus_error_setf(reterr_error, ERROR_TOO_LARGE, "A public key is at most %u bytes",
                                 USER_KEY_INPUT_MAX);
    case EINVAL:
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The modulus has to have %u to %u bits, and the exponent to be "
                                 "odd and no larger than 64 bits",
                                 USER_KEY_BITS_MIN, USER_KEY_BITS_MAX);
    case EBADMSG:
        return sd_bus_error_setf(reterr_error, ERROR_MALFORMED,
                                 "That is no RSA public key: an SSH blob, binary or in base64, a "
                                 "line of OpenSSH without options, or PEM");
    default:
        return r;
    }
}

static int import(sd_bus_message *m, Keyd *k, UserKeyEntry *entry, bool replace,
                  sd_bus_error *reterr_error)
{
    UserKeys *list = NULL;
    char *text = NULL;
    int r;

    if (!replace && user_keys_find(k->user_keys, entry->user, entry->slot))
        return sd_bus_error_setf(reterr_error, ERROR_ALREADY_EXISTS,
                                 "%s has that key already; ask to replace it", entry->user);
    entry->imported = clock_usec(CLOCK_REALTIME);
    if (asprintf(&text, "Key %u for %s to log in with, %u bits, was imported", entry->slot,
                 entry->user, entry->key.bits) < 0)
        return -ENOMEM;
    r = user_keys_with(k->user_keys, entry, &list);
    if (r < 0) {
        free(text);
        return r == -EDQUOT ? sd_bus_error_setf(reterr_error, ERROR_LIMIT_EXCEEDED,
                                                "There are %u keys of users, which is the most "
                                                "there may be",
                                                USER_KEYS_MAX)
                            : r;
    }
    return change_start(m, k, list, text, reterr_error);
}

int keys1_user_keys_method_import(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_free_ char *user = NULL;
    UserKeyEntry entry = {.slot = 0};
    struct iovec data = {NULL, 0};
    bool replace = false;
    const BusOption options[] = {{"replace", 'b', &replace, NULL}};
    const void *bytes;
    const char *name;
    Keyd *k = userdata;
    uint32_t slot;
    int r;

    r = sd_bus_message_read(m, "su", &name, &slot);
    if (r >= 0)
        r = sd_bus_message_read_array(m, 'y', &bytes, &data.iov_len);
    if (r >= 0)
        r = bus_read_options(m, options, ELEMENTSOF(options), reterr_error);
    if (r < 0)
        return r;
    if (slot < 1 || slot > USER_KEY_SLOTS)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "Keys of a user are numbered 1 to %u", USER_KEY_SLOTS);
    r = authorize(m, name, &user, reterr_error);
    if (r <= 0)
        return r < 0 ? r : 1;
    r = check_free(k, reterr_error);
    if (r < 0)
        return r;
    data.iov_base = (void *)(uintptr_t)bytes;
    r = parse_key(&data, &entry.key, reterr_error);
    if (r < 0)
        return r;
    (void)snprintf(entry.user, sizeof entry.user, "%s", user);
    entry.slot = slot;
    r = import(m, k, &entry, replace, reterr_error);
    user_key_done(&entry.key);
    return r;
}

/* --- Remove ----------------------------------------------------------------------------------- */

static int removal(sd_bus_message *m, Keyd *k, const char *user, unsigned slot,
                   sd_bus_error *reterr_error)
{
    UserKeys *list = NULL;
    char *text = NULL;
    int r;

    r = check_free(k, reterr_error);
    if (r < 0)
        return r;
    r = user_keys_without(k->user_keys, user, slot, &list);
    if (r < 0)
        return r;
    if (list->n == k->user_keys->n) {
        user_keys_free(list);
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT, "There is no such key");
    }
    if (asprintf(&text, "%zu keys of %s were removed", k->user_keys->n - list->n,
                 user ? user : "all users") < 0)
        text = NULL;
    return change_start(m, k, list, text, reterr_error);
}

int keys1_user_keys_method_remove(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_free_ char *user = NULL;
    const char *name;
    uint32_t slot;
    int r;

    r = sd_bus_message_read(m, "su", &name, &slot);
    if (r < 0)
        return r;
    r = authorize(m, name, &user, reterr_error);
    if (r <= 0)
        return r < 0 ? r : 1;
    return removal(m, userdata, user, slot, reterr_error);
}

int keys1_user_keys_method_remove_all(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    static const char *const tasks[] = {"crypto.execute", "aaa.write", NULL};
    int r = bus_authorize(m, tasks, NULL, reterr_error);

    if (r <= 0)
        return r < 0 ? r : 1;
    return removal(m, userdata, NULL, 0, reterr_error);
}

/* --- List ------------------------------------------------------------------------------------- */

static int append_entry(sd_bus_message *reply, const UserKeyEntry *entry)
{
    int r;

    r = sd_bus_message_open_container(reply, 'r', "sutuay");
    if (r >= 0)
        r = sd_bus_message_append(reply, "sutu", entry->user, entry->slot, entry->imported,
                                  entry->key.bits);
    if (r >= 0)
        r = sd_bus_message_append_array(reply, 'y', entry->key.public_key,
                                        entry->key.public_key_size);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

int keys1_user_keys_method_list(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_free_ char *caller = NULL;
    const char *user;
    Keyd *k = userdata;
    int r, all;

    r = sd_bus_message_read(m, "sb", &user, &all);
    if (r >= 0)
        r = check_read(k, reterr_error);
    if (r >= 0)
        r = bus_sender_name(m, &caller);
    if (r >= 0)
        r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(sutuay)");
    for (size_t i = 0; r >= 0 && i < k->user_keys->n; i++)
        if (all || streq(k->user_keys->entries[i].user, *user ? user : caller))
            r = append_entry(reply, &k->user_keys->entries[i]);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

/* --- Start ------------------------------------------------------------------------------------ */

static int open_runtime_directory(void)
{
    const char *path = getenv("RUNTIME_DIRECTORY");
    int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;

    return path ? fd < 0 ? -errno : fd : -ENXIO;
}

int user_keys_bus_init(Keyd *k)
{
    int r;

    k->runtime_fd = -1;
    k->state_fd = state_directory_open();
    if (k->state_fd < 0)
        return k->state_fd;
    k->runtime_fd = open_runtime_directory();
    r = load(k);
    if (r < 0)
        return log_error_errno(r, "Failed to load the keys of users: %m");
    return server_add_object(k->server, KEYS_PATH, &keys1_user_keys_interface, k);
}

void user_keys_bus_done(Keyd *k)
{
    k->user_keys = user_keys_free(k->user_keys);
    closep(&k->state_fd);
    closep(&k->runtime_fd);
}
