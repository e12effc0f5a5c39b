/* SPDX-License-Identifier: Apache-2.0 */
/* Of many trustpoints the record of one can't be read now: it is left alone, the others go on, and
 * it is there again as soon as it can be read. */
#include "scratch-folder.h"
#include "test-certificates.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "consumers.h"
#include "expiry-notices.h"
#include "forecast.h"
#include "json-util.h"

#define NOT_BEFORE INT64_C(1700000000)
#define NOT_AFTER (NOT_BEFORE + INT64_C(4000) * 86400)
#define TERMINAL "{\"enrollment\":{\"url\":\"terminal\"}}"

typedef struct Fixture {
    Folder *folder;
    Trustpoints trustpoints;
    char file[RECORD_FILE_NAME_SIZE]; /* of core */
    unsigned unread, damaged, again;  /* what was reported of it */
    unsigned changes[3];
} Fixture;

static Fixture fixture;

static void on_report(const char *file, int error)
{
    assert_string_equal(file, fixture.file);
    if (error == -EBADMSG)
        fixture.damaged++;
    else if (error < 0)
        fixture.unread++;
    else
        fixture.again++;
}

static void on_change(void *userdata, Trustpoint *t, TrustpointChange change)
{
    assert_string_equal(t->name, "core");
    fixture.changes[change]++;
}

static void keep(int dirfd, const char *name, const TestCertificate *ca)
{
    Record record = {.name = (char *)(uintptr_t)name};

    assert_int_equal(
        stored_certificate_new(ca->der, (size_t)ca->der_size, NULL, &record.certificates[ROLE_CA]),
        0);
    assert_int_equal(record_write_at(dirfd, &record), 0);
    stored_certificate_free(record.certificates[ROLE_CA]);
}

/* Opening a socket fails, whoever tries it; what was there is beside it. */
static void make_unreadable(void)
{
    int fd = fixture.folder->fd;

    assert_int_equal(renameat(fd, fixture.file, fd, "kept"), 0);
    assert_int_equal(mknodat(fd, fixture.file, S_IFSOCK | 0600, 0), 0);
}

static void make_readable(void)
{
    int fd = fixture.folder->fd;

    assert_int_equal(renameat(fd, "kept", fd, fixture.file), 0);
}

static void start(void)
{
    trustpoints_done(&fixture.trustpoints);
    assert_int_equal(trustpoints_init(&fixture.trustpoints, dup(fixture.folder->fd), 0, on_report),
                     0);
}

static int on_problem(void *userdata, const char *line, const char *reason)
{
    fail_msg("%s %s", line, reason);
    return 0;
}

static void ignore_change(void *userdata, Trustpoint *t, TrustpointChange change)
{
}

static void configure(const char *text)
{
    _cleanup_json_ json_object *section = NULL;
    TrustpointConfig *list;

    assert_int_equal(json_parse(text, strlen(text), &section), 0);
    assert_int_equal(trustpoint_config_parse(section, on_problem, NULL, &list), 0);
    assert_int_equal(trustpoints_configure(&fixture.trustpoints, list, ignore_change, NULL), 0);
}

static void configure_both(void)
{
    configure("{\"trustpoint\":{\"core\":" TERMINAL ",\"edge\":" TERMINAL "}}");
}

static Trustpoint *find(const char *name)
{
    return trustpoint_find(&fixture.trustpoints, name);
}

static void read_again(void)
{
    assert_int_equal(trustpoints_read_again(&fixture.trustpoints, on_report, on_change, NULL), 0);
}

static int set_up(void **state)
{
    TestCertificate ca;

    fixture = (Fixture){.trustpoints.state_fd = -EBADF};
    (void)folder_setup((void **)&fixture.folder);
    pki_make(&ca, NULL,
             &(TestCertificateSpec){"ca", "ed25519", "keyCertSign", true, NOT_BEFORE, NOT_AFTER});
    keep(fixture.folder->fd, "core", &ca);
    keep(fixture.folder->fd, "edge", &ca);
    pki_free(&ca);
    assert_int_equal(record_file_name("core", fixture.file), 0);
    make_unreadable();
    start();
    return 0;
}

static int tear_down(void **state)
{
    void *folder = fixture.folder;

    trustpoints_done(&fixture.trustpoints);
    return folder_teardown(&folder);
}

static int on_forecast(void *userdata, const Trustpoint *t, int64_t when, ForecastKind kind,
                       const char *text)
{
    *(bool *)userdata = kind == FORECAST_BREAK && strstr(text, "cannot be read");
    return 0;
}

static void test_others_go_on(void **state)
{
    _cleanup_free_ char *detail = NULL;
    bool forecasted = false;
    const char *reason;

    assert_int_equal(fixture.unread, 1);
    assert_null(find("core"));
    configure_both();
    assert_string_equal(trustpoint_state(find("edge")), "authenticated");
    assert_string_equal(trustpoint_state(find("core")), "unreadable");
    detail = trustpoint_detail(find("core"), NOT_BEFORE);
    assert_non_null(strstr(detail, "cannot be read"));
    assert_non_null(strstr(detail, fixture.file));
    assert_int_equal(forecast(find("core"), NOT_BEFORE, NOT_AFTER, on_forecast, &forecasted), 0);
    assert_true(forecasted);
    assert_int_equal(trustpoint_signer_check(find("core"), NOT_BEFORE, &reason), -EIO);
    assert_int_equal(trustpoint_signer_check(find("edge"), NOT_BEFORE, &reason), -ENODATA);
}

/* It is not forgotten when it is no longer configured, nor is what services have of it. */
static void test_stays(void **state)
{
    Folder *runtime;

    configure_both();
    configure("{}");
    assert_string_equal(trustpoint_state(find("core")), "unreadable");
    (void)folder_setup((void **)&runtime);
    assert_int_equal(atomic_write_at(runtime->fd, "core.pem", "x", 1, 0644), 0);
    assert_int_equal(consumers_sweep(runtime->fd, &fixture.trustpoints), 0);
    assert_int_equal(folder_count(runtime->fd), 1);
    make_readable();
    read_again();
    assert_int_equal(consumers_sweep(runtime->fd, &fixture.trustpoints), 0);
    assert_int_equal(folder_count(runtime->fd), 0);
    (void)folder_teardown((void **)&runtime);
}

static void on_notice(void *userdata, const Trustpoint *t, CertificateRole role, unsigned step)
{
}

/* Nor are the notices that were given of it. */
static void test_notices_stay(void **state)
{
    static const char text[] = "{\"core/of-a-certificate\":1}";
    ExpiryNotices notices = {};

    assert_int_equal(
        atomic_write_at(fixture.folder->fd, "expiry-notices", text, STRLEN(text), 0600), 0);
    assert_int_equal(expiry_notices_load_at(&notices, fixture.folder->fd), 0);
    assert_int_equal(
        expiry_notices_run(&notices, &fixture.trustpoints, NOT_BEFORE, on_notice, NULL), 0);
    assert_int_equal(notices.n, 1);
    make_readable();
    read_again();
    assert_int_equal(
        expiry_notices_run(&notices, &fixture.trustpoints, NOT_BEFORE, on_notice, NULL), 1);
    assert_int_equal(notices.n, 0);
    expiry_notices_done(&notices);
}

static void test_read_again(void **state)
{
    configure_both();
    read_again();
    assert_true(fixture.unread == 1 && fixture.again == 0);
    make_readable();
    read_again();
    assert_true(fixture.unread == 1 && fixture.again == 1 && fixture.damaged == 0);
    assert_true(fixture.changes[TRUSTPOINT_CHANGED] == 1);
    assert_string_equal(trustpoint_state(find("core")), "authenticated");
    read_again();
    assert_true(fixture.again == 1 && fixture.changes[TRUSTPOINT_CHANGED] == 1);
    start();
    assert_int_equal(fixture.unread, 1);
}

/* One whose name nobody knew until it was read. */
static void test_read_again_unconfigured(void **state)
{
    make_readable();
    read_again();
    assert_int_equal(fixture.changes[TRUSTPOINT_ADDED], 1);
    assert_string_equal(trustpoint_state(find("core")), "authenticated");
}

static void test_damaged(void **state)
{
    int fd = fixture.folder->fd;

    configure_both();
    configure("{\"trustpoint\":{\"edge\":" TERMINAL "}}");
    assert_int_equal(atomic_write_at(fd, fixture.file, "{}", 2, 0600), 0);
    read_again();
    assert_true(fixture.damaged == 1 && fixture.again == 0);
    assert_int_equal(faccessat(fd, fixture.file, F_OK, 0), -1);
    assert_int_equal(fixture.changes[TRUSTPOINT_REMOVED], 1);
    assert_null(find("core"));
}

static void test_removed(void **state)
{
    configure_both();
    assert_int_equal(unlinkat(fixture.folder->fd, fixture.file, 0), 0);
    read_again();
    assert_true(fixture.again == 1 && fixture.changes[TRUSTPOINT_CHANGED] == 1);
    assert_string_equal(trustpoint_state(find("core")), "none");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_others_go_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_notices_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_again_unconfigured, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_removed, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
