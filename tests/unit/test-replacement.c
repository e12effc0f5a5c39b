/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate is renewed with a new key: the one is enrolld's, the other keyd's, and kill -9 at,
 * and a failure of, each system call of the two by which they are changed leaves the old pair or
 * the new one. What a signature is made with is looked at before the next start puts anything
 * right. */
#include "scratch-folder.h"

#include "atomic-file.h"
#include "identity.h"
#include "interruptions.h"
#include "issue.h"
#include "rotation.h"
#include "secure-memory.h"
#include "trustpoint.h"

#define NAME "core"
#define LABEL "core-key"
#define ANSWER "answer"
#define DAY INT64_C(86400)

static const uint8_t kek_bytes[KEK_SIZE] = "this is a key for unit tests...";
static const KeyName key_name = {(char *)(uintptr_t) "ed25519", (char *)(uintptr_t)LABEL};

static void folder_clear(const Folder *f)
{
    int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fdopendir(fd);
    struct dirent *entry;

    while ((entry = readdir(dir)))
        (void)unlinkat(f->fd, entry->d_name, 0);
}

/* --- The two daemons, in processes of their own ----------------------------------------------- */

static Store *store;
static Trustpoints trustpoints;

static int begin(void *userdata)
{
    const Folder *f = userdata;
    Kek *kek;
    int r = secure_memory_init();

    if (r >= 0)
        r = kek_new(kek_bytes, &kek);
    if (r >= 0)
        r = store_open(dup(f->fd), kek, &store);
    return r < 0 ? r : trustpoints_init(&trustpoints, dup(f->fd), 0, NULL);
}

static int make_key(KeySlot slot, Key **ret)
{
    EVP_PKEY *pkey;
    int r = key_generate(key_algorithm_find("ed25519"), 0, NULL, NULL, &pkey);

    if (r >= 0)
        r = key_new(key_algorithm_find("ed25519"), LABEL, KEY_USAGE_GENERAL, 1, pkey, ret);
    if (r < 0)
        return r;
    (*ret)->slot = slot;
    r = store_write(store, *ret);
    return r < 0 ? r : store_publish(store, *ret);
}

static int certify(EVP_PKEY *subject, X509 *issuer, EVP_PKEY *issuer_key, const char *serial,
                   void **ret, size_t *ret_size)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = NULL;
    const char *reason;
    int r = issue_subject_build(&(IssueSubject){issuer ? "CN=core" : "CN=ca", NULL, NULL, NULL},
                                &name, &reason);

    return r < 0 ? r
                 : issue_certificate(
                       &(Issue){.subject = name,
                                .subject_key = subject,
                                .issuer = issuer,
                                .issuer_key = issuer_key,
                                .digest = "sha256",
                                .serial = serial,
                                .not_before = 1700000000,
                                .not_after = 1700000000 + 4000 * DAY,
                                .key_usage = issuer ? KU_DIGITAL_SIGNATURE : KU_KEY_CERT_SIGN},
                       ret, ret_size);
}

/* An enrolled trustpoint, its key, the next key, and the certificate that a CA has made for it. */
static int prepare(void *userdata)
{
    const Folder *f = userdata;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *ca = NULL;
    _cleanup_(key_unrefp) Key *current = NULL, *next = NULL;
    void *ca_der, *old, *new;
    _cleanup_(X509_freep) X509 *issuer = NULL;
    size_t ca_size, old_size, new_size;
    Record record = {.name = (char *)(uintptr_t)NAME};
    int r;

    folder_clear(f);
    r = begin(userdata);
    ca = r < 0 ? NULL : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    if (!ca)
        return r < 0 ? r : -EIO;
    r = make_key(KEY_CURRENT, &current);
    if (r >= 0)
        r = make_key(KEY_NEXT, &next);
    if (r >= 0)
        r = certify(ca, NULL, ca, "41", &ca_der, &ca_size);
    if (r >= 0)
        r = stored_certificate_new(ca_der, ca_size, NULL, &record.certificates[ROLE_CA]);
    if (r >= 0)
        issuer = stored_certificate_x509(record.certificates[ROLE_CA]);
    if (r >= 0)
        r = certify(current->pkey, issuer, ca, "42", &old, &old_size);
    if (r >= 0)
        r = certify(next->pkey, issuer, ca, "43", &new, &new_size);
    if (r >= 0)
        r = stored_certificate_new(old, old_size, &key_name, &record.certificates[ROLE_ROUTER]);
    if (r >= 0)
        r = record_write_at(f->fd, &record);
    return r < 0 ? r : atomic_write_at(f->fd, ANSWER, new, new_size, 0600);
}

static bool is_of(const Key *key, const StoredCertificate *c)
{
    _cleanup_(X509_freep) X509 *x = c ? stored_certificate_x509(c) : NULL;

    return key && x && EVP_PKEY_eq(key->pkey, X509_get0_pubkey(x)) == 1;
}

static Key *key_in(KeySlot slot)
{
    return store_find_slot(store, "ed25519", LABEL, slot);
}

/* --- What replacement.c does, and keyd for it ------------------------------------------------- */

static int change_key(Trustpoint *t)
{
    _cleanup_(key_unrefp) Key *current = NULL, *previous = NULL;
    int r;

    if (is_of(key_in(KEY_CURRENT), t->record.staged))
        return 0;
    if (!is_of(key_in(KEY_NEXT), t->record.staged))
        return -ENOENT;
    r = rotation_commit(store, key_in(KEY_CURRENT), key_in(KEY_NEXT), &current, &previous);
    if (r < 0)
        return r;
    store_forget_slot(store, key_in(KEY_NEXT)->algorithm, LABEL, KEY_NEXT);
    (void)store_publish(store, previous);
    return store_publish(store, current);
}

static int change_key_back(Trustpoint *t)
{
    _cleanup_(key_unrefp) Key *current = NULL;
    int r;

    if (is_of(key_in(KEY_CURRENT), t->record.certificates[ROLE_ROUTER]))
        return 0;
    if (!is_of(key_in(KEY_PREVIOUS), t->record.certificates[ROLE_ROUTER]))
        return -ENOENT;
    r = rotation_undo(store, key_in(KEY_PREVIOUS), &current);
    if (r < 0)
        return r;
    store_forget_slot(store, current->algorithm, LABEL, KEY_PREVIOUS);
    return store_publish(store, current);
}

static int finalize(Trustpoint *t)
{
    Key *previous = key_in(KEY_PREVIOUS);
    int r = previous ? store_erase(store, previous) : 0;

    if (previous && r >= 0)
        store_forget_slot(store, previous->algorithm, LABEL, KEY_PREVIOUS);
    return r < 0 ? r : trustpoint_finalized(&trustpoints, t);
}

/* From wherever it stands to the end. */
static int go_on(Trustpoint *t, bool proves_itself)
{
    int r = 0;

    while (r >= 0 && trustpoint_replacement(t) != REPLACEMENT_NONE)
        switch (trustpoint_replacement(t)) {
        case REPLACEMENT_STAGED:
            r = change_key(t);
            if (r >= 0)
                r = trustpoint_replaced(&trustpoints, t);
            break;
        case REPLACEMENT_TRIAL:
            r = proves_itself ? finalize(t) : trustpoint_undo(&trustpoints, t, "it is not shown");
            break;
        case REPLACEMENT_UNDO:
            r = change_key_back(t);
            if (r >= 0)
                r = trustpoint_restored(&trustpoints, t, false);
            break;
        case REPLACEMENT_NONE:
        default:
            return -EINVAL;
        }
    return r;
}

static int stage(const Folder *f, Trustpoint *t)
{
    _cleanup_free_ void *der = NULL;
    size_t size;
    int r = read_file_at(f->fd, ANSWER, 65536, &der, &size);

    return r < 0 ? r : trustpoint_stage(&trustpoints, t, der, size, &key_name);
}

static int renew(void *userdata)
{
    Trustpoint *t = trustpoint_find(&trustpoints, NAME);
    int r = stage(userdata, t);

    return r < 0 ? r : go_on(t, true);
}

/* A renewal that is on trial. */
static int prepare_trial(void *userdata)
{
    Trustpoint *t;
    int r = prepare(userdata);

    /* prepare() wrote the record behind the set's back. */
    if (r >= 0)
        r = trustpoints_init(&trustpoints, dup(((const Folder *)userdata)->fd), 0, NULL);
    t = r < 0 ? NULL : trustpoint_find(&trustpoints, NAME);
    r = r < 0 ? r : stage(userdata, t);
    if (r >= 0)
        r = change_key(t);
    return r < 0 ? r : trustpoint_replaced(&trustpoints, t);
}

static int take_back(void *userdata)
{
    return go_on(trustpoint_find(&trustpoints, NAME), false);
}

/* --- Afterwards ------------------------------------------------------------------------------- */

static int inspect(const Folder *f, bool proves_itself)
{
    _cleanup_(X509_freep) X509 *x = NULL;
    const StoredCertificate *c;
    Trustpoint *t;
    int r = begin((void *)(uintptr_t)f);

    t = r < 0 ? NULL : trustpoint_find(&trustpoints, NAME);
    c = t ? trustpoint_certificate(t, ROLE_ROUTER) : NULL;
    /* As signing-bus.c finds the key for a certificate. */
    if (!c || !(is_of(key_in(KEY_CURRENT), c) || is_of(key_in(KEY_PREVIOUS), c)))
        return -EBADMSG;
    r = go_on(t, proves_itself);
    if (r < 0)
        return r;
    c = trustpoint_certificate(t, ROLE_ROUTER);
    if (!is_of(key_in(KEY_CURRENT), c) || key_in(KEY_PREVIOUS))
        return -EUCLEAN;
    x = stored_certificate_x509(c);
    return x && ASN1_INTEGER_get(X509_get0_serialNumber(x)) == 0x42 ? STATE_OLD : STATE_NEW;
}

static int inspect_renewed(void *userdata)
{
    return inspect(userdata, true);
}

/* Once it is known that it has to go back, it goes back; before, it may also prove itself. */
static int inspect_taken_back(void *userdata)
{
    int r = inspect(userdata, true);

    return r < 0 ? r : r == STATE_OLD ? STATE_NEW : STATE_OLD;
}

static void test_renewal(void **state)
{
    const Operation o = {prepare, begin, renew, inspect_renewed, *state};

    assert_true(operation_kill_everywhere(&o, NULL) > 30);
    assert_true(operation_fail_everywhere(&o, ENOSPC, NULL) > 30);
}

static void test_taken_back(void **state)
{
    const Operation o = {prepare_trial, begin, take_back, inspect_taken_back, *state};

    assert_true(operation_kill_everywhere(&o, NULL) > 20);
    assert_true(operation_fail_everywhere(&o, EIO, NULL) > 20);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_renewal, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_taken_back, folder_setup, folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
