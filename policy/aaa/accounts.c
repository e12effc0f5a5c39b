/* SPDX-License-Identifier: Apache-2.0 */
#include "accounts.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>

#include "atomic-file.h"
#include "json-util.h"

#define SHELL "/usr/bin/chancery"
#define HOME "/"
#define RECORD_SIZE_MAX 65536U
#define FILE_NAME_SIZE_MAX 64U
#define PRIVILEGED "user-privileged"

typedef struct Account {
    char *name;
    uid_t uid;
    char *secret;      /* hash; NULL: none */
    const char *shell; /* a program */
    char *directory;   /* NULL: HOME */
} Account;

struct Accounts {
    char *folder, *passwd;
    Uids *uids;
    Account *served;
    size_t n_served;
};

/* The accounts that the system has of its own. */
typedef struct LocalAccounts {
    Account *items;
    size_t n;
} LocalAccounts;

static void free_list(Account *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(items[i].name);
        free(items[i].secret);
        free(items[i].directory);
    }
    free(items);
}

static void local_accounts_done(LocalAccounts *local)
{
    free_list(local->items, local->n);
}

static int local_accounts_read(const char *passwd, LocalAccounts *ret)
{
    _cleanup_fclose_ FILE *f = fopen(passwd, "re");
    struct passwd entry, *found;
    char buffer[4096];

    if (!f)
        return errno == ENOENT ? 0 : -errno;
    while (fgetpwent_r(f, &entry, buffer, sizeof(buffer), &found) == 0) {
        Account *items = reallocarray(ret->items, ret->n + 1, sizeof(*items));

        if (!items)
            return -ENOMEM;
        ret->items = items;
        items[ret->n] = (Account){.name = strdup(entry.pw_name), .uid = entry.pw_uid};
        if (!items[ret->n].name)
            return -ENOMEM;
        ret->n++;
    }
    return 0;
}

static bool is_local_name(const LocalAccounts *local, const char *name)
{
    for (size_t i = 0; i < local->n; i++)
        if (streq(local->items[i].name, name))
            return true;
    return false;
}

static bool is_local_uid(uid_t uid, void *userdata)
{
    const LocalAccounts *local = userdata;

    for (size_t i = 0; i < local->n; i++)
        if (local->items[i].uid == uid)
            return true;
    return false;
}

int accounts_new(const char *folder, const char *passwd, Uids *uids, Accounts **ret)
{
    _cleanup_(accounts_freep) Accounts *accounts = calloc(1, sizeof(*accounts));

    if (!accounts) {
        uids_free(uids);
        return -ENOMEM;
    }
    accounts->uids = uids;
    accounts->folder = folder ? strdup(folder) : NULL;
    accounts->passwd = strdup(passwd);
    if ((folder && !accounts->folder) || !accounts->passwd)
        return -ENOMEM;
    *ret = TAKE_PTR(accounts);
    return 0;
}

Accounts *accounts_free(Accounts *accounts)
{
    if (!accounts)
        return NULL;
    free_list(accounts->served, accounts->n_served);
    uids_free(accounts->uids);
    free(accounts->folder);
    free(accounts->passwd);
    free(accounts);
    return NULL;
}

const char *accounts_name(const Accounts *accounts, uid_t uid)
{
    for (size_t i = 0; i < accounts->n_served; i++)
        if (accounts->served[i].uid == uid)
            return accounts->served[i].name;
    return NULL;
}

static const char *shell_of(const AaaUser *user)
{
    if (!user->shell)
        return SHELL;
    return streq(user->shell, "bash") ? "/bin/bash" : "/usr/sbin/nologin";
}

static int take_text(const char *text, char **ret)
{
    *ret = text ? strdup(text) : NULL;
    return *ret || !text ? 0 : -ENOMEM;
}

static int take_account(const AaaUser *user, uid_t uid, Account *account)
{
    int r = take_text(user->name, &account->name);

    account->uid = uid;
    account->shell = shell_of(user);
    if (r >= 0)
        r = take_text(user->secret, &account->secret);
    return r < 0 ? r : take_text(user->directory, &account->directory);
}

/* Which users there are to be, with their uids. */
static int list_served(Accounts *accounts, const Aaa *aaa, Account **ret, size_t *ret_n)
{
    _cleanup_(local_accounts_done) LocalAccounts local = {NULL, 0};
    _cleanup_free_ const char **names = calloc(aaa->n_users + 1, sizeof(*names));
    _cleanup_free_ const AaaUser **users = calloc(aaa->n_users + 1, sizeof(const AaaUser *));
    Account *list = calloc(aaa->n_users + 1, sizeof(*list));
    size_t n = 0;
    int r = names && users && list ? local_accounts_read(accounts->passwd, &local) : -ENOMEM;

    for (size_t i = 0; r >= 0 && i < aaa->n_users; i++)
        if (!is_local_name(&local, aaa->users[i].name)) {
            users[n] = &aaa->users[i];
            names[n++] = aaa->users[i].name;
        }
    if (r >= 0)
        r = uids_assign(accounts->uids, names, is_local_uid, &local);
    for (size_t i = 0; r >= 0 && i < n; i++)
        r = take_account(users[i], uids_get(accounts->uids, names[i]), &list[i]);
    if (r < 0) {
        free_list(list, list ? n : 0);
        return r;
    }
    *ret = list;
    *ret_n = n;
    return 0;
}

int accounts_prepare(Accounts *accounts, const Aaa *aaa)
{
    Account *list;
    size_t n;
    int r = list_served(accounts, aaa, &list, &n);

    if (r >= 0)
        free_list(list, n);
    return r;
}

int accounts_is_local(const Accounts *accounts, const char *name)
{
    _cleanup_(local_accounts_done) LocalAccounts local = {NULL, 0};
    int r = local_accounts_read(accounts->passwd, &local);

    return r < 0 ? r : is_local_name(&local, name);
}

/* --- Records ---------------------------------------------------------------------------------- */

/* Nothing needs escaping: see aaa_refuse_user_name() and the grammar of labels, and
 * aaa_refuse_directory(). Where there is no secret the password is locked. */
static char *user_record(const Account *account)
{
    char *text;

    if (asprintf(&text,
                 "{\"userName\":\"%s\",\"uid\":%u,\"gid\":%u,\"realName\":\"Router "
                 "user\",\"homeDirectory\":\"%s\",\"shell\":\"%s\",\"disposition\":\"regular\","
                 "\"service\":\"org.chancery.Policy1\"}\n",
                 account->name, account->uid, account->uid,
                 account->directory ? account->directory : HOME, account->shell) < 0)
        return NULL;
    return text;
}

static char *group_record(const Account *account)
{
    char *text;

    if (asprintf(&text,
                 "{\"groupName\":\"%s\",\"gid\":%u,\"disposition\":\"regular\",\"service\":\"org."
                 "chancery.Policy1\"}\n",
                 account->name, account->uid) < 0)
        return NULL;
    return text;
}

/* What only root may read: nss-systemd gives it out as the account's line of /etc/shadow. A hash
 * needs no escaping: see secret_refuse_hash(). */
static char *privileged_record(const Account *account)
{
    char *text;

    if (asprintf(&text,
                 "{\"privileged\":{\"hashedPassword\":[\"%s\"]},\"service\":\"org.chancery."
                 "Policy1\"}\n",
                 account->secret) < 0)
        return NULL;
    return text;
}

static int write_if_different(int fd, const char *name, const char *text, mode_t mode)
{
    _cleanup_free_ void *data = NULL;
    size_t size;

    if (read_file_at(fd, name, RECORD_SIZE_MAX, &data, &size) >= 0 && size == strlen(text) &&
        memcmp(data, text, size) == 0)
        return 0;
    return atomic_write_at(fd, name, text, strlen(text), mode);
}

/* A record is looked for by name and by number. */
static int write_record(int fd, const Account *account, const char *suffix, const char *text,
                        mode_t mode)
{
    char name[FILE_NAME_SIZE_MAX];
    int r;

    if (!text)
        return -ENOMEM;
    (void)snprintf(name, sizeof(name), "%u.%s", account->uid, suffix);
    r = write_if_different(fd, name, text, mode);
    if (r < 0)
        return r;
    (void)snprintf(name, sizeof(name), "%s.%s", account->name, suffix);
    return write_if_different(fd, name, text, mode);
}

static int write_secret(int fd, const Account *account)
{
    _cleanup_free_ char *privileged = account->secret ? privileged_record(account) : NULL;

    if (!account->secret)
        return 0; /* what there was has been removed */
    return write_record(fd, account, PRIVILEGED, privileged, 0600);
}

static int write_account(int fd, const Account *account)
{
    _cleanup_free_ char *user = user_record(account), *group = group_record(account);
    int r = write_record(fd, account, "group", group, 0644);

    if (r >= 0)
        r = write_secret(fd, account);
    return r < 0 ? r : write_record(fd, account, "user", user, 0644);
}

/* --- The folder ------------------------------------------------------------------------------- */

/* Did a record of ours make the file? Others may have theirs in the same folder. */
static bool is_ours(int fd, const char *file)
{
    _cleanup_json_ json_object *record = NULL;
    _cleanup_free_ void *data = NULL;
    const char *service;
    size_t size;

    return read_file_at(fd, file, RECORD_SIZE_MAX, &data, &size) >= 0 &&
           json_parse(data, size, &record) >= 0 &&
           json_get_string(record, "service", &service) >= 0 &&
           streq(service, "org.chancery.Policy1");
}

/* Is there an account to which a file with this name (without its suffix) belongs? */
static bool is_current(const Account *list, size_t n, const char *stem, size_t length,
                       bool privileged)
{
    for (size_t i = 0; i < n; i++) {
        char number[16];

        if (privileged && !list[i].secret)
            continue;
        (void)snprintf(number, sizeof(number), "%u", list[i].uid);
        if ((strlen(list[i].name) == length && strncmp(list[i].name, stem, length) == 0) ||
            (strlen(number) == length && strncmp(number, stem, length) == 0))
            return true;
    }
    return false;
}

static int remove_others(int folder, const Account *list, size_t n)
{
    _cleanup_closedir_ DIR *dir = NULL;
    struct dirent *entry;
    int r = open_folder_at(folder, ".", &dir);

    if (r < 0)
        return r;
    while ((entry = readdir(dir))) {
        const char *dot = strrchr(entry->d_name, '.');

        if (!dot || !(streq(dot, ".user") || streq(dot, ".group") || streq(dot, "." PRIVILEGED)) ||
            is_current(list, n, entry->d_name, (size_t)(dot - entry->d_name),
                       streq(dot, "." PRIVILEGED)) ||
            !is_ours(folder, entry->d_name))
            continue;
        if (unlinkat(folder, entry->d_name, 0) < 0 && errno != ENOENT)
            r = -errno;
    }
    return r;
}

static int write_folder(const char *path, const Account *list, size_t n)
{
    _cleanup_close_ int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int r;

    if (folder < 0)
        return -errno;
    /* Who is gone goes first. */
    r = remove_others(folder, list, n);
    if (r >= 0)
        r = remove_leftovers_at(folder);
    for (size_t i = 0; r >= 0 && i < n; i++)
        r = write_account(folder, &list[i]);
    return r;
}

int accounts_apply(Accounts *accounts, const Aaa *aaa)
{
    Account *list;
    size_t n;
    int r = list_served(accounts, aaa, &list, &n);

    if (r < 0)
        return r;
    free_list(accounts->served, accounts->n_served);
    accounts->served = list;
    accounts->n_served = n;
    return accounts->folder ? write_folder(accounts->folder, list, n) : 0;
}
