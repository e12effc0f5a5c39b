/* SPDX-License-Identifier: Apache-2.0 */
/* Who sent a message: its user, that user's name, and whether it is one of the daemons. */
#include "server-internal.h"

#include <fcntl.h>
#include <pwd.h>

#include "atomic-file.h"
#include "json-util.h"
#include "names.h"

#define USER_RECORD_SIZE_MAX 65536U

static const char *const daemon_names[] = {"keyd",     "enrolld", "poold",
                                           "dossierd", "policyd", "hostd"};
static uid_t daemon_uids[ELEMENTSOF(daemon_names)];

/* Whom the last unique names belong to: the bus gives a name to one connection and never again, and
 * knows its user from the moment of connecting, so that one question is enough for each. Main loop
 * only. */
static struct {
    char name[32];
    uid_t uid;
} known_senders[64];
static size_t next_known_sender;

static bool known_sender_find(const char *name, uid_t *ret)
{
    for (size_t i = 0; i < ELEMENTSOF(known_senders); i++)
        if (streq(known_senders[i].name, name)) {
            *ret = known_senders[i].uid;
            return true;
        }
    return false;
}

static void known_sender_add(const char *name, uid_t uid)
{
    if (strlen(name) >= sizeof known_senders[0].name)
        return;
    memcpy(known_senders[next_known_sender].name, name, strlen(name) + 1);
    known_senders[next_known_sender].uid = uid;
    next_known_sender = (next_known_sender + 1) % ELEMENTSOF(known_senders);
}

int bus_sender_uid(sd_bus_message *m, uid_t *ret)
{
    _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
    const char *sender = sd_bus_message_get_sender(m);
    uid_t uid;
    int r;

    if (sender && sender[0] == ':' && known_sender_find(sender, ret))
        return 0;
    r = sd_bus_query_sender_creds(m, SD_BUS_CREDS_EUID, &creds);
    if (r >= 0)
        r = sd_bus_creds_get_euid(creds, &uid);
    if (r < 0)
        return r;
    if (sender && sender[0] == ':')
        known_sender_add(sender, uid);
    *ret = uid;
    return 0;
}

/* The users of the configuration have a record in /run/userdb (systemd's drop-in JSON user
 * records). Read directly, because the NSS module for them needs more than the sandbox allows. */
static int userdb_name(uid_t uid, char **ret)
{
    _cleanup_close_ int dirfd = open("/run/userdb", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_json_ json_object *record = NULL;
    _cleanup_free_ void *text = NULL;
    char file[32];
    const char *name;
    size_t size;
    int r;

    if (dirfd < 0)
        return -errno;
    (void)snprintf(file, sizeof file, "%u.user", uid);
    r = read_file_at(dirfd, file, USER_RECORD_SIZE_MAX, &text, &size);
    if (r < 0)
        return r;
    r = json_parse(text, size, &record);
    if (r >= 0)
        r = json_get_string(record, "userName", &name);
    if (r < 0)
        return r;
    *ret = strdup(name);
    return *ret ? 0 : -ENOMEM;
}

int bus_sender_name(sd_bus_message *m, char **ret)
{
    char buffer[4096];
    struct passwd entry, *found = NULL;
    char *name = NULL;
    uid_t uid;
    int r;

    r = bus_sender_uid(m, &uid);
    if (r < 0)
        return r;
    if (userdb_name(uid, &name) >= 0) {
        *ret = name;
        return 0;
    }
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found)
        name = strdup(found->pw_name);
    else if (asprintf(&name, "%u", uid) < 0)
        name = NULL;
    if (!name)
        return -ENOMEM;
    *ret = name;
    return 0;
}

static bool list_has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *p = list; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");

        if (n == length && memcmp(p, word, n) == 0)
            return true;
        p += n;
    }
    return false;
}

bool bus_sender_is_daemon(sd_bus_message *m, const char *daemons)
{
    uid_t uid;

    if (!daemons || bus_sender_uid(m, &uid) < 0 || uid == 0)
        return false;
    for (size_t i = 0; i < ELEMENTSOF(daemon_names); i++)
        if (daemon_uids[i] == uid && list_has_word(daemons, daemon_names[i]))
            return true;
    return false;
}

/* The daemons' users are looked up before the sandbox closes; root stands for "there is no such
 * user". */
void senders_init(void)
{
    for (size_t i = 0; i < ELEMENTSOF(daemon_names); i++) {
        char buffer[4096], name[sizeof USER_PREFIX + 16];
        struct passwd entry, *found = NULL;

        (void)snprintf(name, sizeof name, USER_PREFIX "%s", daemon_names[i]);
        if (getpwnam_r(name, &entry, buffer, sizeof buffer, &found) == 0 && found)
            daemon_uids[i] = found->pw_uid;
    }
}
