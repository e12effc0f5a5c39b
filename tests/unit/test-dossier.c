/* SPDX-License-Identifier: Apache-2.0 */
/* The document as a whole: members and their order, deadlines, cancellation. */
#include "fixture-tree.h"

#include "clock.h"
#include "dossier.h"

typedef struct Host {
    bool cancelled;
    uint64_t stalled;
    unsigned asked, cancel_after;
} Host;

static bool host_is_cancelled(void *userdata)
{
    Host *h = userdata;

    h->asked++;
    return h->cancelled || (h->cancel_after > 0 && h->asked > h->cancel_after);
}

static uint64_t host_stalled(void *userdata)
{
    return ((Host *)userdata)->stalled;
}

static int write_dossier(const FixtureTree *t, const char *selector, const char *nonce, Host *h,
                         json_object **ret)
{
    _cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
    const CollectHost host = {
        .is_cancelled = host_is_cancelled, .stalled_usec = host_stalled, .userdata = h};
    const DossierRequest request = {.selectors =
                                        selector ? selector_bit(selector) : selectors_default(),
                                    .nonce = nonce,
                                    .root_fd = t->fd,
                                    .host = &host};
    int r = dossier_write(&request, fd);

    if (r >= 0)
        *ret = memory_json(fd);
    return r;
}

static void test_selectors(void **state)
{
    uint32_t all = 0;

    assert_int_equal(selector_bit("filesystem"), 0);
    assert_int_equal(selector_bit(""), 0);
    for (const Selector *s = selectors; s->name; s++) {
        assert_int_equal(all & selector_bit(s->name), 0);
        all |= selector_bit(s->name);
        assert_non_null(strchr(s->task, '.'));
    }
    /* What may be very large is there for whoever names it. */
    assert_int_equal(all, selectors_default() | selector_bit("filesystem-inventory"));
    assert_int_equal(selectors_default() & selector_bit("filesystem-inventory"), 0);
}

static void test_cancelled(void **state)
{
    FixtureTree t;
    json_object *o = NULL;

    tree_new(&t);
    assert_int_equal(write_dossier(&t, NULL, NULL, &(Host){.cancelled = true}, &o), -ECANCELED);
    assert_int_equal(write_dossier(&t, "system-inventory", NULL, &(Host){.cancel_after = 2}, &o),
                     -ECANCELED);
    tree_done(&t);
}

/* A system that shows nothing: every part says so, none is made up, and the members stand in their
 * order. */
static void test_empty_system(void **state)
{
    static const char *const order[] = {
        "collection-start-time",
        "model-name",
        "model-revision",
        "license-udi",
        "version",
        "platform",
        "packages",
        "system-integrity-snapshot",
        "system-inventory",
        "nonce",
        "collection-end-time",
    };
    static const char *const parts[] = {
        "license-udi",     "version", "platform", "packages", "system-integrity-snapshot",
        "system-inventory"};
    _cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
    DossierRequest request = {.nonce = "0x1F"};
    _cleanup_json_ json_object *o = NULL;
    char begin[STRLEN(DOSSIER_BEGIN)];
    FixtureTree t;
    size_t i = 0;

    tree_new(&t);
    request.root_fd = t.fd;
    request.selectors = selector_bit("packages") | selector_bit("system-integrity-snapshot") |
                        selector_bit("system-inventory");
    assert_int_equal(dossier_write(&request, fd), 0);
    assert_int_equal(pread(fd, begin, sizeof begin, 0), sizeof begin);
    assert_memory_equal(begin, DOSSIER_BEGIN, sizeof begin);
    o = memory_json(fd);
    json_object_object_foreach(o, name, value)
    {
        (void)value;
        assert_true(i < ELEMENTSOF(order));
        assert_string_equal(name, order[i++]);
    }
    assert_int_equal(i, ELEMENTSOF(order));
    for (i = 0; i < ELEMENTSOF(parts); i++) {
        char path[128];

        (void)snprintf(path, sizeof path, "%s/result-code", parts[i]);
        assert_string_equal(json_text_at(o, path), "Not available");
        (void)snprintf(path, sizeof path, "%s/reason", parts[i]);
        assert_true(strlen(json_text_at(o, path)) > 0);
    }
    assert_string_equal(json_text_at(o, "nonce"), "0x1F");
    assert_string_equal(json_text_at(o, "model-name"), DOSSIER_MODEL_NAME);
    tree_done(&t);
}

static void test_platform(void **state)
{
    FixtureTree t;
    _cleanup_json_ json_object *o = NULL;

    tree_new(&t);
    tree_file(&t, "sys/class/dmi/id/product_name", "NCS-R1\n");
    tree_file(&t, "sys/class/dmi/id/product_serial", "FOC1\n");
    tree_file(&t, "usr/lib/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n");
    tree_link(&t, "etc/os-release", "../usr/lib/os-release");
    tree_file(&t, "proc/sys/kernel/osrelease", "6.1.0\n");
    tree_file(&t, "proc/sys/kernel/version", "#1 SMP\n");
    tree_file(&t, "proc/sys/kernel/hostname", "r1\n");
    assert_int_equal(write_dossier(&t, "packages", NULL, &(Host){.cancelled = false}, &o), 0);
    assert_string_equal(json_text_at(o, "license-udi/license-udi"), "UDI: PID:NCS-R1,SN:FOC1\n");
    assert_non_null(strstr(json_text_at(o, "version/version"),
                           "Debian GNU/Linux 12\nKernel        : 6.1.0 #1 SMP\nChancery"));
    assert_non_null(strstr(json_text_at(o, "platform/platform"), "\nr1                NCS-R1"));
    assert_null(json_at(o, "nonce"));
    tree_done(&t);
}

/* The time that the reader takes is not the collector's; what is over is over. */
static void test_deadline(void **state)
{
    Host h = {.stalled = 0};
    const CollectHost host = {
        .is_cancelled = host_is_cancelled, .stalled_usec = host_stalled, .userdata = &h};
    Collect c = {.host = &host, .deadline_usec = clock_usec(CLOCK_MONOTONIC) / 2};

    h.stalled = clock_usec(CLOCK_MONOTONIC);
    assert_false(collect_should_stop(&c));
    h.stalled = 0;
    assert_true(collect_should_stop(&c));
    assert_int_equal(collect_outcome(&c), RESULT_TIMEOUT);
    h.stalled = clock_usec(CLOCK_MONOTONIC);
    assert_true(collect_should_stop(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selectors),    cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_empty_system), cmocka_unit_test(test_platform),
        cmocka_unit_test(test_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
