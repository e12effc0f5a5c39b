/* SPDX-License-Identifier: Apache-2.0 */
/* The job by which a renewed certificate takes its place, with a keyd and services that do as they
 * are told: what is done a second time, what the services find, and what the operator hears. */
#include "scratch-folder.h"
#include "test-certificates.h"

#include <fcntl.h>
#include <openssl/pem.h>

#include "consumers.h"
#include "enrolld.h"
#include "keyd-client.h"
#include "trustpoint-job.h"

#define NAME "core"
#define NOT_BEFORE INT64_C(1700000000)
#define NOT_AFTER (NOT_BEFORE + INT64_C(4000) * 86400)

static const KeyName key_name = {(char *)(uintptr_t) "ed25519", (char *)(uintptr_t) "core-key"};

/* --- What is around it ------------------------------------------------------------------------ */

static struct {
    int commit, undo, forget, reload; /* what comes of them */
    const char *said;                 /* by whom it comes to nothing */
    bool is_stopping;
    unsigned reloads, installed;
    const char *failed; /* what is said about a renewal that came to nothing */
    int log_fd, stderr_fd;
} world;

typedef int (*run_t)(Job *job, void *data);

struct Job {
    JobWork work;
    run_t then;
};

static Job job;

int trustpoint_job_start_internal(Manager *m, Trustpoint *t, const JobWork *work)
{
    job = (Job){.work = *work};
    t->busy = true;
    return 0;
}

void job_then(Job *j, run_t run)
{
    j->then = run;
}

int job_cancel_fd(Job *j)
{
    return -EBADF;
}

bool job_is_stopping(const Job *j)
{
    return world.is_stopping;
}

Trustpoint *trustpoint_job_done(Manager *m, const char *name)
{
    Trustpoint *t = trustpoint_find(&m->trustpoints, name);

    t->busy = false;
    return t;
}

int keyd_rotation_commit(const char *algorithm, const char *label, const void *key, size_t size)
{
    return world.commit;
}

int keyd_rotation_undo(const char *algorithm, const char *label, const void *key, size_t size)
{
    return world.undo;
}

int keyd_rotation_forget(const char *algorithm, const char *label, const char *which)
{
    assert_string_equal(which, "previous");
    return world.forget;
}

const char *keyd_last_error(void)
{
    return world.said;
}

int keyd_last_errno(void)
{
    return -EIO;
}

int consumer_reload(const char *unit, int cancel_fd, char reason[CONSUMER_REASON_SIZE])
{
    world.reloads++;
    if (world.reload < 0)
        (void)snprintf(reason, CONSUMER_REASON_SIZE, "%s", world.said);
    return world.reload;
}

int consumer_probe(const char *address, const void *der, size_t size, int cancel_fd,
                   char reason[CONSUMER_REASON_SIZE])
{
    return 0;
}

void enrollment_installed(Manager *m, Trustpoint *t, CertificateRole role, bool existed,
                          const char *user)
{
    world.installed++;
    export_certificates(m, t);
}

void enrollment_renewal_failed(Manager *m, Trustpoint *t, const char *reason)
{
    world.failed = reason;
}

AuthoritiesView enrollment_view_authorities(const Trustpoint *t)
{
    return (AuthoritiesView){NULL, NULL};
}

void enrollment_announce_authorities(Manager *m, Trustpoint *t, AuthoritiesView before)
{
}

void announce_trustpoint_changed(Manager *m, const Trustpoint *t)
{
}

void announce_certificate_changed(Manager *m, const Trustpoint *t, CertificateRole role,
                                  bool replaced)
{
}

void trustpoint_jobs_schedule(Manager *m)
{
}

/* --- A renewal -------------------------------------------------------------------------------- */

static Manager manager;
static Trustpoint *trustpoint;
static char *reload[] = {(char[]){"front.service"}, NULL};
static TrustpointConfig config = {
    .name = (char[]){NAME}, .fingerprint = (char[]){""}, .method = METHOD_SCEP, .reload = reload};
static char before[65], after[65]; /* fingerprints */

static void keep(const Folder *f, const TestCertificate *root, const TestCertificate *old)
{
    Record record = {.name = (char[]){NAME}};

    assert_int_equal(stored_certificate_new(root->der, (size_t)root->der_size, NULL,
                                            &record.certificates[ROLE_CA]),
                     0);
    assert_int_equal(stored_certificate_new(old->der, (size_t)old->der_size, &key_name,
                                            &record.certificates[ROLE_ROUTER]),
                     0);
    assert_int_equal(record_write_at(f->fd, &record), 0);
    stored_certificate_free(record.certificates[ROLE_CA]);
    stored_certificate_free(record.certificates[ROLE_ROUTER]);
}

/* A certificate for another key has come. */
static int set_up(void **state)
{
    const TestCertificateSpec leaf = {"core", "ed25519",  "digitalSignature",
                                      false,  NOT_BEFORE, NOT_AFTER};
    TestCertificate root, old, next;
    const Folder *f;

    (void)folder_setup(state);
    f = *state;
    pki_make(&root, NULL,
             &(TestCertificateSpec){"ca", "ed25519", "keyCertSign", true, NOT_BEFORE, NOT_AFTER});
    pki_make(&old, &root, &leaf);
    pki_make(&next, &root, &leaf);
    keep(f, &root, &old);
    manager = (Manager){.runtime_fd = f->fd};
    assert_int_equal(trustpoints_init(&manager.trustpoints, dup(f->fd), 0, NULL), 0);
    trustpoint = trustpoint_find(&manager.trustpoints, NAME);
    assert_non_null(trustpoint);
    trustpoint->config = &config;
    (void)snprintf(before, sizeof(before), "%s",
                   trustpoint_certificate(trustpoint, ROLE_ROUTER)->brief->sha256_fingerprint);
    assert_int_equal(trustpoint_stage(&manager.trustpoints, trustpoint, next.der,
                                      (size_t)next.der_size, &key_name),
                     0);
    (void)snprintf(after, sizeof(after), "%s",
                   trustpoint->record.staged->brief->sha256_fingerprint);
    assert_string_not_equal(before, after);
    pki_free(&root);
    pki_free(&old);
    pki_free(&next);
    world.commit = world.undo = world.forget = world.reload = 0;
    world.reloads = world.installed = 0;
    world.failed = NULL;
    world.is_stopping = false;
    (void)fflush(stderr);
    world.log_fd = openat(f->fd, "log", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    world.stderr_fd = dup(STDERR_FILENO);
    assert_int_equal(dup2(world.log_fd, STDERR_FILENO), STDERR_FILENO);
    return 0;
}

static int tear_down(void **state)
{
    (void)dup2(world.stderr_fd, STDERR_FILENO);
    (void)close(world.stderr_fd);
    (void)close(world.log_fd);
    trustpoint->config = NULL;
    trustpoints_done(&manager.trustpoints);
    return folder_teardown(state);
}

/* How often the operator has read these words. */
static unsigned heard(const char *words)
{
    char text[8192];
    ssize_t n = pread(world.log_fd, text, sizeof(text) - 1, 0);
    unsigned times = 0;

    assert_in_range(n, 0, sizeof(text) - 2);
    text[n] = '\0';
    for (const char *p = text; (p = strstr(p, words)); p += strlen(words))
        times++;
    return times;
}

/* To the end of the job. */
static void go_on(void)
{
    int r;

    assert_false(trustpoint->busy);
    assert_int_equal(replacement_start(&manager, trustpoint), 0);
    job.then = job.work.run;
    do {
        run_t run = job.then;

        job.then = NULL;
        r = world.is_stopping ? -ECANCELED : run(&job, job.work.data);
        (void)job.work.done(&job, job.work.data, r);
    } while (job.then && r >= 0);
    job.work.free_data(job.work.data);
    assert_false(trustpoint->busy);
}

static const char *there(void)
{
    return trustpoint_certificate(trustpoint, ROLE_ROUTER)->brief->sha256_fingerprint;
}

/* Is it what the services find? */
static bool is_found(void)
{
    int fd = openat(manager.runtime_fd, NAME ".pem", O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    _cleanup_(X509_freep) X509 *x509 = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;

    _cleanup_(X509_freep) X509 *expected =
        stored_certificate_x509(trustpoint_certificate(trustpoint, ROLE_ROUTER));

    if (file)
        (void)fclose(file);
    return x509 && X509_cmp(x509, expected) == 0;
}

static char *detail(void)
{
    return trustpoint_detail(trustpoint, NOT_BEFORE + 1);
}

/* --- Tests ------------------------------------------------------------------------------------ */

static void test_takes_its_place(void **state)
{
    go_on();
    assert_string_equal(there(), after);
    assert_true(is_found());
    assert_int_equal(trustpoint_replacement(trustpoint), REPLACEMENT_NONE);
    assert_int_equal(world.reloads, 1);
    assert_int_equal(world.installed, 1);
    assert_int_equal(heard("core"), 0);
}

/* It is tried again every minute; that is no reason to say the same each time. */
static void test_said_once_for_each_cause(void **state)
{
    _cleanup_free_ char *text = NULL, *ready = NULL;

    world.commit = -EIO;
    world.said = "keyd is away";
    for (int i = 0; i < 3; i++)
        go_on();
    assert_int_equal(heard("cannot be put in place yet"), 1);
    text = detail();
    assert_non_null(strstr(text, "tried again: keyd is away."));
    world.said = "the disk is full";
    for (int i = 0; i < 3; i++)
        go_on();
    assert_int_equal(heard("cannot be put in place yet"), 2);
    assert_int_equal(heard("the disk is full"), 1);
    world.said = "keyd is away";
    go_on();
    assert_int_equal(heard("keyd is away"), 2);
    assert_string_equal(there(), before);

    world.commit = 0;
    go_on();
    assert_string_equal(there(), after);
    ready = detail();
    assert_null(strstr(ready, "keyd is away"));
}

static void test_the_end_of_the_daemon_is_no_cause(void **state)
{
    world.is_stopping = true;
    go_on();
    assert_int_equal(heard("core"), 0);
    assert_int_equal(trustpoint_replacement(trustpoint), REPLACEMENT_STAGED);
}

/* Somebody has made another key of that name: the certificate is for nothing, which is said. */
static void test_next_key_is_gone(void **state)
{
    world.commit = -ENOENT;
    world.said = "There is no next key with this public key";
    go_on();
    assert_string_equal(there(), before);
    assert_int_equal(trustpoint_replacement(trustpoint), REPLACEMENT_NONE);
    assert_non_null(world.failed);
    assert_int_equal(world.installed, 0);
}

static void test_goes_back(void **state)
{
    world.reload = -EIO;
    world.said = "front.service failed";
    go_on();
    assert_string_equal(there(), before);
    assert_true(is_found());
    assert_int_equal(trustpoint_replacement(trustpoint), REPLACEMENT_NONE);
    assert_int_equal(heard("the previous one is back: front.service failed"), 1);
    assert_int_equal(world.reloads, 2);
}

/* The services are told once more, and find the certificate that the key is for. */
static void test_no_way_back(void **state)
{
    world.reload = -EIO;
    world.undo = -ENOENT;
    world.said = "there is none";
    go_on();
    assert_string_equal(there(), after);
    assert_true(is_found());
    assert_int_equal(trustpoint_replacement(trustpoint), REPLACEMENT_NONE);
    assert_int_equal(heard("its renewed certificate stays"), 1);
    assert_int_equal(world.reloads, 2);
}

/* What is left is keyd's work: no service is reloaded for it again and again. */
static void test_proved_once(void **state)
{
    world.forget = -EROFS;
    world.said = "the key cannot be removed";
    for (int i = 0; i < 3; i++)
        go_on();
    assert_int_equal(world.reloads, 1);
    assert_int_equal(heard("the key cannot be removed"), 1);
    assert_int_equal(trustpoint_replacement(trustpoint), REPLACEMENT_TRIAL);
    world.forget = 0;
    go_on();
    assert_int_equal(trustpoint_replacement(trustpoint), REPLACEMENT_NONE);
    assert_int_equal(world.reloads, 1);
    assert_string_equal(there(), after);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_takes_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_said_once_for_each_cause, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_end_of_the_daemon_is_no_cause, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_next_key_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_way_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_proved_once, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
