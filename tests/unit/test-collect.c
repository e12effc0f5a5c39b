/* SPDX-License-Identifier: Apache-2.0 */
/* Each collector against a tree of files that a test has made: what is missing first, then what is
 * there. */
#include "fixture-tree.h"
#include "ima-builder.h"

#include <utmp.h>

#include "boots.h"
#include "device-facts.h"

static int setup(void **state)
{
    static FixtureTree tree;

    tree_new(&tree);
    *state = &tree;
    return 0;
}

static int teardown(void **state)
{
    tree_done(*state);
    return 0;
}

/* --- packages --------------------------------------------------------------------------------- */

static void test_packages_missing(void **state)
{
    Collect c;
    _cleanup_json_ json_object *o = tree_collect(*state, collect_packages, &c);

    assert_int_equal(c.result, RESULT_NOT_AVAILABLE);
    assert_string_equal(json_text_at(o, "dpkg/result-code"), "Not available");
    assert_string_equal(json_text_at(o, "rpm/result-code"), "Not available");
    assert_null(json_at(o, "dpkg/packages"));
}

static void test_packages_hostile(void **state)
{
    const FixtureTree *t = *state;
    _cleanup_json_ json_object *o = NULL;
    Collect c;

    tree_file(t, "var/lib/dpkg/status",
              "Package: ../../etc/passwd\nStatus: install ok installed\nVersion: 1\n\n"
              "Package: esc\nStatus: install ok installed\nVersion: 1\x1b[2J\xff\n\n"
              "Package: good\nStatus: install ok installed\nVersion: 2\"\\,}\n");
    o = tree_collect(t, collect_packages, &c);
    assert_int_equal(c.result, RESULT_PARTIAL);
    assert_string_equal(json_text_at(o, "dpkg/packages/0/result-code"), "Failed");
    assert_string_equal(json_text_at(o, "dpkg/packages/0/name"), "../../etc/passwd");
    assert_null(json_at(o, "dpkg/packages/0/install-time"));
    assert_string_equal(json_text_at(o, "dpkg/packages/1/version-base64"), "MRtbMkr/");
    assert_string_equal(json_text_at(o, "dpkg/packages/2/version"), "2\"\\,}");
}

static void test_packages(void **state)
{
    const FixtureTree *t = *state;
    const struct timespec times[2] = {{1500000000, 0}, {1500000000, 250000000}};
    _cleanup_json_ json_object *o = NULL;
    Collect c;

    tree_file(t, "var/lib/dpkg/status",
              "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2\n\n"
              "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: "
              "same\nVersion: 2.36\n");
    tree_file(t, "var/lib/dpkg/info/libc6:amd64.list", "/.\n");
    assert_return_code(utimensat(t->fd, "var/lib/dpkg/info/libc6:amd64.list", times, 0), errno);
    o = tree_collect(t, collect_packages, &c);
    assert_int_equal(c.result, RESULT_SUCCESS);
    assert_string_equal(json_text_at(o, "dpkg/packages/0/name"), "bash");
    assert_null(json_at(o, "dpkg/packages/0/install-time"));
    assert_string_equal(json_text_at(o, "dpkg/packages/1/version"), "2.36");
    assert_string_equal(json_object_to_json_string(json_at(o, "dpkg/packages/1/install-time")),
                        "1500000000.250000");
    assert_string_equal(json_text_at(o, "dpkg/result-code"), "Success");
    /* A database that cannot be read leaves the other's packages as they are. */
    tree_file(t, "var/lib/rpm/rpmdb.sqlite", "");
    json_object_put(o);
    o = tree_collect(t, collect_packages, &c);
    assert_string_equal(json_text_at(o, "dpkg/result-code"), "Success");
    assert_int_equal(c.result, RESULT_PARTIAL);
}

/* --- reboot-history --------------------------------------------------------------------------- */

static void test_reboots_missing(void **state)
{
    Collect c;
    _cleanup_json_ json_object *o = tree_collect(*state, collect_reboots, &c);

    assert_int_equal(c.result, RESULT_NOT_AVAILABLE);
    assert_string_equal(json_text_at(o, "wtmp/result-code"), "Not available");
    assert_null(json_at(o, "last-reboot"));
}

static void test_wtmp(void **state)
{
    const FixtureTree *t = *state;
    struct utmp records[4] = {{.ut_type = BOOT_TIME},
                              {.ut_type = USER_PROCESS},
                              {.ut_type = RUN_LVL},
                              {.ut_type = RUN_LVL}};
    _cleanup_json_ json_object *o = NULL;
    Collect c;

    records[0].ut_tv.tv_sec = 1700000000;
    memset(records[0].ut_host, '6', sizeof records[0].ut_host); /* no zero byte */
    memcpy(records[2].ut_user, "shutdown", 8);
    memcpy(records[3].ut_user, "runlevel", 8);
    tree_bytes(t, "var/log/wtmp", records, sizeof records - 3);
    o = tree_collect(t, collect_reboots, &c);
    assert_string_equal(json_text_at(o, "wtmp/result-code"), "Partial");
    assert_string_equal(json_text_at(o, "wtmp/reason"), "The last record is cut short");
    json_object_put(o);
    tree_bytes(t, "var/log/wtmp", records, sizeof records);
    o = tree_collect(t, collect_reboots, &c);
    assert_string_equal(json_text_at(o, "wtmp/result-code"), "Success");
    assert_int_equal(json_object_array_length(json_at(o, "wtmp/records")), 2);
    assert_string_equal(json_text_at(o, "wtmp/records/0/type"), "boot");
    assert_string_equal(json_object_to_json_string(json_at(o, "wtmp/records/0/time")),
                        "1700000000.000000");
    assert_string_equal(json_text_at(o, "wtmp/records/1/type"), "shutdown");
}

static void test_boot_causes(void **state)
{
    Boot boots[] = {
        {.first_usec = 50, .end = BOOT_END_NONE},  {.first_usec = 10, .end = BOOT_END_REBOOT},
        {.first_usec = 20, .end = BOOT_END_NONE},  {.first_usec = 30, .end = BOOT_END_POWER_OFF},
        {.first_usec = 40, .end = BOOT_END_KEXEC},
    };
    static const BootCause causes[] = {BOOT_CAUSE_UNKNOWN, BOOT_CAUSE_REBOOT, BOOT_CAUSE_UNCLEAN,
                                       BOOT_CAUSE_POWER_OFF, BOOT_CAUSE_KEXEC};

    boots_conclude(NULL, 0);
    boots_conclude(boots, ELEMENTSOF(boots));
    for (size_t i = 0; i < ELEMENTSOF(boots); i++) {
        assert_int_equal(boots[i].first_usec, 10 * (i + 1));
        assert_int_equal(boots[i].cause, causes[i]);
    }
}

/* --- system-integrity-snapshot ---------------------------------------------------------------- */

static void test_integrity_missing(void **state)
{
    Collect c;
    _cleanup_json_ json_object *o = tree_collect(*state, collect_integrity, &c);
    json_object *facts = json_at(o, "facts");

    assert_int_equal(c.result, RESULT_NOT_AVAILABLE);
    assert_int_equal(json_object_array_length(facts), 18);
    for (size_t i = 0; i < json_object_array_length(facts); i++) {
        json_object *fact = json_object_array_get_idx(facts, i);

        assert_string_equal(json_text_at(fact, "result-code"), "Not available");
        assert_true(strlen(json_text_at(fact, "reason")) > 0);
        assert_null(json_at(fact, "value"));
    }
}

static void test_kernel_facts(void **state)
{
    const FixtureTree *t = *state;
    _cleanup_json_ json_object *o = NULL;
    json_object *fact;
    Collect c;

    tree_file(t, "proc/sys/kernel/tainted", "4097\n");
    tree_file(t, "proc/cmdline", "root=/dev/sda1 quiet\xff\n");
    tree_file(
        t, "proc/modules",
        "evil 16384 1 - Live 0x0000000000000000 (OE)\nloop 40960 0 - Live 0x0000000000000000\n");
    tree_file(t, "sys/module/evil/srcversion", "ABCDEF\n");
    tree_file(t, "sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
    tree_file(t, "proc/sys/kernel/osrelease", "6.1.0\n");
    tree_file(t, "proc/version", "Linux version 6.1.0\n");
    o = tree_collect(t, collect_integrity, &c);
    assert_int_equal(c.result, RESULT_PARTIAL);
    fact = json_fact(o, "kernel-taint");
    assert_int_equal(json_object_get_int(json_at(fact, "value/tainted")), 4097);
    assert_string_equal(json_text_at(fact, "value/flags/0/flag"), "P");
    assert_string_equal(json_text_at(fact, "value/flags/1/flag"), "O");
    assert_string_equal(json_text_at(json_fact(o, "kernel-lockdown"), "value"), "integrity");
    assert_string_equal(json_text_at(json_fact(o, "kernel-command-line"), "value-base64"),
                        "cm9vdD0vZGV2L3NkYTEgcXVpZXT/");
    fact = json_fact(o, "kernel-modules");
    assert_string_equal(json_text_at(fact, "value/0/name"), "evil");
    assert_string_equal(json_text_at(fact, "value/0/taint"), "OE");
    assert_string_equal(json_text_at(fact, "value/0/srcversion"), "ABCDEF");
    assert_null(json_at(fact, "value/1/taint"));
    assert_string_equal(json_text_at(json_fact(o, "kernel-version"), "value/release"), "6.1.0");
}

static void test_wrong_kernel_facts(void **state)
{
    const FixtureTree *t = *state;
    _cleanup_json_ json_object *o = NULL;
    Collect c;

    tree_file(t, "proc/sys/kernel/tainted", "x\n");
    tree_file(t, "sys/kernel/security/lockdown", "none\n");
    tree_file(t, "proc/modules", "loop 40960 0 - Live 0x0\nnonsense\n");
    tree_file(t, "proc/uptime", "\n");
    o = tree_collect(t, collect_integrity, &c);
    assert_string_equal(json_text_at(json_fact(o, "kernel-taint"), "result-code"), "Failed");
    assert_string_equal(json_text_at(json_fact(o, "kernel-lockdown"), "result-code"), "Failed");
    assert_string_equal(json_text_at(json_fact(o, "kernel-modules"), "result-code"), "Partial");
    assert_string_equal(json_text_at(json_fact(o, "up-time"), "result-code"), "Failed");
}

#define EFIVARS "sys/firmware/efi/efivars/"
#define GLOBAL "-8be4df61-93ca-11d2-aa0d-00e098032b8c"

static void test_secure_boot(void **state)
{
    const FixtureTree *t = *state;
    _cleanup_json_ json_object *o = NULL;
    Collect c;

    tree_bytes(t, EFIVARS "SecureBoot" GLOBAL, "\6\0\0\0\7", 5);
    o = tree_collect(t, collect_integrity, &c);
    assert_string_equal(json_text_at(json_fact(o, "secure-boot"), "result-code"), "Failed");
    json_object_put(o);
    tree_bytes(t, EFIVARS "SecureBoot" GLOBAL, "\6\0\0\0\1", 5);
    o = tree_collect(t, collect_integrity, &c);
    assert_string_equal(json_text_at(json_fact(o, "secure-boot"), "result-code"), "Partial");
    json_object_put(o);
    tree_bytes(t, EFIVARS "SetupMode" GLOBAL, "\6\0\0\0\0", 5);
    o = tree_collect(t, collect_integrity, &c);
    assert_string_equal(json_text_at(json_fact(o, "secure-boot"), "result-code"), "Success");
    assert_true(json_object_get_boolean(json_at(json_fact(o, "secure-boot"), "value/secure-boot")));
    assert_false(json_object_get_boolean(json_at(json_fact(o, "secure-boot"), "value/setup-mode")));
}

static void test_module_signatures(void **state)
{
    const FixtureTree *t = *state;
    _cleanup_json_ json_object *o = NULL;
    char users[10000];
    json_object *fact;
    Collect c;

    tree_file(t, "sys/module/module/parameters/sig_enforce", "x\n");
    tree_file(t, "proc/modules",
              "loop 40960 0 - Live 0x0\nbad 1 0 - Live 0x0 (OE)\nown 1 0 - Live 0x0 (O)\n");
    o = tree_collect(t, collect_integrity, &c);
    assert_string_equal(json_text_at(json_fact(o, "module-signatures"), "result-code"), "Failed");
    json_object_put(o);
    tree_file(t, "sys/module/module/parameters/sig_enforce", "N\n");
    o = tree_collect(t, collect_integrity, &c);
    fact = json_fact(o, "module-signatures");
    assert_string_equal(json_text_at(fact, "result-code"), "Success");
    assert_false(json_object_get_boolean(json_at(fact, "value/enforced")));
    assert_int_equal(json_object_array_length(json_at(fact, "value/unsigned-modules")), 1);
    assert_string_equal(json_text_at(fact, "value/unsigned-modules/0/name"), "bad");
    json_object_put(o);
    /* The mark of one that thousands of others use cannot be seen. */
    memset(users, 'u', sizeof users);
    memcpy(users, "bad 1 1 ", 8);
    (void)snprintf(users + sizeof users - 32, 32, " Live 0x0 (OE)\n");
    tree_file(t, "proc/modules", users);
    o = tree_collect(t, collect_integrity, &c);
    assert_string_equal(json_text_at(json_fact(o, "module-signatures"), "result-code"), "Partial");
}

static void test_verity(void **state)
{
    const FixtureTree *t = *state;
    _cleanup_json_ json_object *o = NULL;
    json_object *fact;
    Collect c;

    tree_file(t, "proc/cmdline", "quiet root=/dev/sda1 ro\n");
    tree_file(t, "sys/block/sda/size", "1\n");
    tree_file(t, "sys/block/dm-0/dm/uuid", "LVM-x\n");
    o = tree_collect(t, collect_integrity, &c);
    assert_string_equal(json_text_at(json_fact(o, "verity-roots"), "result-code"), "Not available");
    json_object_put(o);
    tree_file(t, "proc/cmdline", "quiet roothash=00ff usrhash\n");
    tree_file(t, "sys/block/dm-1/dm/uuid", "CRYPT-VERITY-1234-usr\n");
    tree_file(t, "sys/block/dm-1/dm/name", "usr\n");
    o = tree_collect(t, collect_integrity, &c);
    fact = json_fact(o, "verity-roots");
    assert_string_equal(json_text_at(fact, "result-code"), "Success");
    assert_int_equal(json_object_array_length(json_at(fact, "value/devices")), 1);
    assert_string_equal(json_text_at(fact, "value/devices/0/device"), "dm-1");
    assert_string_equal(json_text_at(fact, "value/devices/0/name"), "usr");
    assert_int_equal(json_object_array_length(json_at(fact, "value/root-hashes")), 1);
    assert_string_equal(json_text_at(fact, "value/root-hashes/0/value"), "00ff");
}

static void test_reboot_traces(void **state)
{
    const FixtureTree *t = *state;
    _cleanup_json_ json_object *o = tree_collect(t, collect_reboots, &(Collect){0});
    Collect c;

    assert_string_equal(json_text_at(o, "watchdogs/result-code"), "Not available");
    assert_string_equal(json_text_at(o, "crash-records/result-code"), "Not available");
    json_object_put(o);
    tree_file(t, "sys/class/watchdog/watchdog0/bootstatus", "32\n");
    tree_file(t, "sys/class/watchdog/watchdog0/identity", "iTCO_wdt\n");
    tree_file(t, "sys/class/watchdog/watchdog1/identity", "Software Watchdog\n");
    tree_file(t, "var/lib/systemd/pstore/dmesg-efi-1700000000", "x");
    o = tree_collect(t, collect_reboots, &c);
    assert_string_equal(json_text_at(o, "watchdogs/result-code"), "Success");
    assert_string_equal(json_text_at(o, "watchdogs/watchdogs/0/identity"), "iTCO_wdt");
    assert_int_equal(json_object_array_length(json_at(o, "watchdogs/watchdogs/0/reset-reasons")),
                     1);
    assert_string_equal(json_text_at(o, "watchdogs/watchdogs/0/reset-reasons/0"), "watchdog");
    assert_string_equal(json_text_at(o, "watchdogs/watchdogs/1/unavailable/0/id"), "boot-status");
    assert_string_equal(json_text_at(o, "crash-records/result-code"), "Success");
    assert_string_equal(json_text_at(o, "crash-records/records/0/name"), "dmesg-efi-1700000000");
    assert_string_equal(json_text_at(o, "crash-records/records/0/folder"),
                        "/var/lib/systemd/pstore");
}

static void test_kernel_errors(void **state)
{
    static const struct {
        const char *line, *kind;
    } lines[] = {
        {"", NULL},
        {"<", NULL},
        {"[", NULL},
        {"<4", NULL},
        {"Kernel panic", NULL},
        {"audit: comm=\"Kernel panic - not syncing\"", NULL},
        {"Kernel panic - not syncing: Fatal exception", "panic"},
        {"<0>[   12.345678] Kernel panic - not syncing: x", "panic"},
        {"[   12.345678][    T1] BUG: kernel NULL pointer dereference, address: 0", "bug"},
        {"Oops: 0000 [#1] SMP", "oops"},
        {"watchdog: BUG: soft lockup - CPU#0 stuck for 26s!", "lockup"},
        {"[    1.0] [Hardware Error]: Machine check events logged", "hardware-error"},
        {"sysrq: Resetting", "sysrq"},
    };
    KernelErrors errors = {.all = 0};
    KernelDump dump;
    CrashName name;

    for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
        const char *kind = kernel_error_kind(lines[i].line, strlen(lines[i].line));

        if (kind != lines[i].kind && (!kind || !lines[i].kind || !streq(kind, lines[i].kind)))
            fail_msg("%s: %s", lines[i].line, kind ? kind : "none");
    }
    for (unsigned i = 0; i < KERNEL_ERRORS_MAX + 3; i++)
        kernel_errors_scan(&errors, "BUG: a\nother\n\nBUG: b", STRLEN("BUG: a\nother\n\nBUG: b"));
    assert_int_equal(errors.n, KERNEL_ERRORS_MAX);
    assert_int_equal(errors.all, 2 * (KERNEL_ERRORS_MAX + 3));
    assert_int_equal(errors.errors[1].size, 6);
    assert_int_equal(kernel_dump_parse("Panic#1", 7, &dump), -ENODATA);
    assert_int_equal(kernel_dump_parse("Panic#1 Part", 12, &dump), -ENODATA);
    assert_int_equal(kernel_dump_parse("Panic#1 Part2x", 14, &dump), -ENODATA);
    assert_int_equal(kernel_dump_parse("Oops#12 Part3\n", 14, &dump), 0);
    assert_string_equal(dump.reason, "oops");
    assert_int_equal(dump.number, 12);
    assert_int_equal(dump.part, 3);
    crash_name_parse("dmesgx-efi-1", &name);
    assert_string_equal(name.kind, "other");
    crash_name_parse("console-ramoops-0", &name);
    assert_string_equal(name.kind, "console");
    assert_int_equal(name.backend_offset, 8);
    assert_int_equal(name.backend_size, 7);
}

static void test_crash_records(void **state)
{
    const FixtureTree *t = *state;
    _cleanup_json_ json_object *o = NULL;
    json_object *records;
    Collect c;

    tree_file(t, "sys/fs/pstore/dmesg-efi_pstore-1700000000",
              "Oops#1 Part1\n<1>[    9.0] BUG: kernel NULL pointer dereference\n"
              "<4>[    9.0] secret: of no matter here\n<4>[    9.1] Oops: 0002 [#1]\x1b\n");
    tree_file(t, "sys/fs/pstore/console-ramoops-0", "BUG: not looked at\n");
    tree_file(t, "var/lib/systemd/pstore/1700000001/dmesg.txt",
              "<0>[   10.0] Kernel panic - not syncing: x\n");
    tree_link(t, "var/lib/systemd/pstore/dmesg-x-1", "/etc/passwd");
    tree_file(t, "sys/firmware/efi/efivars/dump-type0-1-2-1700000002-C-cfc8fc79", "x");
    tree_file(t, "sys/firmware/efi/efivars/BootOrder-8be4df61", "x");
    o = tree_collect(t, collect_reboots, &c);
    assert_string_equal(json_text_at(o, "crash-records/result-code"), "Success");
    records = json_at(o, "crash-records/records");
    assert_int_equal(json_object_array_length(records), 5);
    assert_string_equal(json_text_at(records, "0/kind"), "console");
    assert_null(json_at(records, "0/kernel-errors"));
    assert_string_equal(json_text_at(records, "1/kind"), "dmesg");
    assert_string_equal(json_text_at(records, "1/backend"), "efi_pstore");
    assert_string_equal(json_text_at(records, "1/dump/reason"), "oops");
    assert_int_equal(json_object_array_length(json_at(records, "1/kernel-errors")), 2);
    assert_string_equal(json_text_at(records, "1/kernel-errors/0/kind"), "bug");
    assert_string_equal(json_text_at(records, "1/kernel-errors/0/line"),
                        "<1>[    9.0] BUG: kernel NULL pointer dereference");
    assert_non_null(json_at(records, "1/kernel-errors/1/line-base64"));
    assert_string_equal(json_text_at(records, "2/name"), "1700000001/dmesg.txt");
    assert_string_equal(json_text_at(records, "2/kernel-errors/0/kind"), "panic");
    assert_null(json_at(records, "3/kernel-errors"));
    assert_string_equal(json_text_at(records, "4/folder"), "/sys/firmware/efi/efivars");
    assert_string_equal(json_object_to_json_string(json_at(records, "4/time")),
                        "1700000002.000000");
}

/* What is beyond the limit is not passed over in silence. */
static void test_too_many_reset_sources(void **state)
{
    json_object *o, *attributes;
    FixtureTree t;
    Collect c;

    tree_new(&t);
    for (unsigned i = 0; i < 257; i++) {
        char path[64];

        (void)snprintf(path, sizeof path, "sys/devices/platform/d%u/reset_reason", i);
        tree_file(&t, path, "x\n");
        if (i < 255)
            continue;
        o = tree_collect(&t, collect_reboots, &c);
        attributes = json_at(o, "reset-sources/attributes");
        assert_string_equal(json_text_at(attributes, "result-code"),
                            i == 255 ? "Success" : "Partial");
        assert_int_equal(json_object_array_length(json_at(attributes, "attributes")), 256);
        json_object_put(o);
    }
    tree_done(&t);
}

static void test_reset_sources(void **state)
{
    static const uint8_t table[] = {
        /* system: */ 1, 0x1b, 1, 0, [24] = 8, 0, 0, 'x', 0, 0,
        /* boot: */ 32,  11,   2, 0, [40] = 3, 0, 0};
    static const uint8_t bert[20] = {0x12, [16] = 1};
    const FixtureTree *t = *state;
    _cleanup_json_ json_object *o = tree_collect(t, collect_reboots, &(Collect){0});
    json_object *sources;
    Collect c;

    assert_string_equal(json_text_at(o, "reset-sources/firmware/result-code"), "Not available");
    assert_string_equal(json_text_at(o, "reset-sources/boot-error/result-code"), "Not available");
    assert_string_equal(json_text_at(o, "reset-sources/attributes/result-code"), "Not available");
    assert_string_equal(json_text_at(o, "reset-sources/kernel/result-code"), "Not available");
    json_object_put(o);
    tree_bytes(t, "sys/firmware/dmi/tables/DMI", table, sizeof table - 3);
    tree_bytes(t, "sys/firmware/acpi/tables/data/BERT", bert, sizeof bert - 1);
    o = tree_collect(t, collect_reboots, &c);
    assert_string_equal(json_text_at(o, "reset-sources/firmware/wake-up-type"),
                        "ac-power-restored");
    assert_string_equal(json_text_at(o, "reset-sources/firmware/unavailable/0/id"), "boot-status");
    assert_string_equal(json_text_at(o, "reset-sources/boot-error/result-code"), "Failed");
    json_object_put(o);
    tree_bytes(t, "sys/firmware/dmi/tables/DMI", table, sizeof table);
    tree_bytes(t, "sys/firmware/acpi/tables/data/BERT", bert, sizeof bert);
    tree_file(t, "sys/devices/platform/soc/rstc@0/power_on_reason", "watchdog\n");
    tree_file(t, "sys/devices/platform/soc/rstc@0/other", "x\n");
    tree_file(t, "sys/devices/platform/mlxplat/hwmon/hwmon2/reset_main_pwr_fail", "1\n");
    tree_link(t, "sys/class/hwmon/hwmon2", "../../devices/platform/mlxplat/hwmon/hwmon2");
    tree_bytes(t, "sys/firmware/devicetree/base/chosen/reset-source", "POR", 4);
    tree_file(t, "sys/kernel/reboot/mode", "warm\n");
    o = tree_collect(t, collect_reboots, &c);
    assert_string_equal(json_text_at(o, "reset-sources/firmware/result-code"), "Success");
    assert_int_equal(json_object_get_int(json_at(o, "reset-sources/firmware/boot-status")), 3);
    assert_string_equal(json_text_at(o, "reset-sources/boot-error/severity"), "fatal");
    assert_int_equal(json_object_get_int(json_at(o, "reset-sources/boot-error/entries")), 1);
    sources = json_at(o, "reset-sources");
    assert_int_equal(json_object_array_length(json_at(sources, "attributes/attributes")), 3);
    assert_string_equal(json_text_at(sources, "attributes/attributes/0/value"), "watchdog");
    assert_string_equal(json_text_at(sources, "attributes/attributes/1/value"), "POR");
    assert_string_equal(json_text_at(sources, "attributes/attributes/2/source"),
                        "/sys/class/hwmon/hwmon2/reset_main_pwr_fail");
    assert_string_equal(json_text_at(sources, "kernel/mode"), "warm");
}

static void test_registers(void **state)
{
    const FixtureTree *t = *state;
    _cleanup_json_ json_object *o = NULL;
    json_object *fact;
    Collect c;

    tree_file(t, "sys/class/tpm/tpm0/tpm_version_major", "2\n");
    o = tree_collect(t, collect_integrity, &c);
    assert_string_equal(json_text_at(json_fact(o, "platform-config-registers"), "result-code"),
                        "Not available");
    json_object_put(o);
    tree_file(t, "sys/class/tpm/tpm0/pcr-sha256/10", "ABCD\n");
    tree_file(t, "sys/class/tpm/tpm0/pcr-sha256/9", "0123\n");
    o = tree_collect(t, collect_integrity, &c);
    fact = json_fact(o, "platform-config-registers");
    assert_string_equal(json_text_at(fact, "result-code"), "Success");
    assert_string_equal(json_text_at(fact, "value/0/platform-config-registers/0/hash-algorithm"),
                        "sha256");
    assert_int_equal(
        json_object_get_int(json_at(fact, "value/0/platform-config-registers/0/pcr/0/index")), 9);
    assert_string_equal(json_text_at(fact, "value/0/platform-config-registers/0/pcr/1/value"),
                        "ABCD");
    json_object_put(o);
    tree_file(t, "sys/class/tpm/tpm0/pcr-sha256/11", "no digits\n");
    o = tree_collect(t, collect_integrity, &c);
    assert_string_equal(json_text_at(json_fact(o, "platform-config-registers"), "result-code"),
                        "Partial");
}

static void test_measurements(void **state)
{
    static const uint8_t event[] = {7,  0,  0,  0,  4, 0,  0,  0,  1,   2,  3,  4,
                                    5,  6,  7,  8,  9, 10, 11, 12, 13,  14, 15, 16,
                                    17, 18, 19, 20, 2, 0,  0,  0,  'o', 'k'};
    const FixtureTree *t = *state;
    ImaBuilder b = {.size = 0};
    _cleanup_json_ json_object *o = NULL;
    json_object *fact;
    Collect c;

    ima_put_event(&b, "ima-ng", "sha256", "/tmp/\n10 forged\x1b", true);
    tree_bytes(t, "sys/kernel/security/ima/binary_runtime_measurements", b.data, b.size);
    tree_file(t, "sys/kernel/security/ima/violations", "1\n");
    tree_bytes(t, "sys/kernel/security/tpm0/binary_bios_measurements", event, sizeof event);
    o = tree_collect(t, collect_integrity, &c);
    fact = json_fact(o, "ima-event-log");
    assert_string_equal(json_text_at(fact, "result-code"), "Success");
    assert_int_equal(json_object_get_int(json_at(fact, "value/violations")), 1);
    assert_true(json_object_get_boolean(json_at(fact, "value/ima-event-log/0/violation")));
    assert_string_equal(json_text_at(fact, "value/ima-event-log/0/filename-hint-base64"),
                        "L3RtcC8KMTAgZm9yZ2VkGw==");
    fact = json_fact(o, "boot-event-log");
    assert_string_equal(json_text_at(fact, "result-code"), "Success");
    assert_string_equal(json_text_at(fact, "value/0/event-type-name"), "EV_SEPARATOR");
    assert_string_equal(json_text_at(fact, "value/0/digest-list/0/digest-hash-algorithm"), "SHA1");
    assert_string_equal(json_text_at(fact, "value/0/event-data"), "b2s=");
    json_object_put(o);
    tree_bytes(t, "sys/kernel/security/tpm0/binary_bios_measurements", event, sizeof event - 1);
    tree_bytes(t, "sys/kernel/security/ima/binary_runtime_measurements", b.data, b.size - 1);
    o = tree_collect(t, collect_integrity, &c);
    assert_string_equal(json_text_at(json_fact(o, "boot-event-log"), "result-code"), "Partial");
    assert_string_equal(json_text_at(json_fact(o, "ima-event-log"), "result-code"), "Partial");
}

/* --- system-inventory ------------------------------------------------------------------------- */

static void test_inventory_missing(void **state)
{
    Collect c;
    _cleanup_json_ json_object *o = tree_collect(*state, collect_inventory, &c);

    assert_int_equal(c.result, RESULT_NOT_AVAILABLE);
    assert_string_equal(json_text_at(o, "chassis/unavailable/0/id"), "vendor");
    assert_string_equal(json_text_at(o, "memory/unavailable/0/result-code"), "Not available");
    assert_int_equal(json_object_array_length(json_at(o, "interfaces")), 0);
}

static void test_chassis_and_memory(void **state)
{
    const FixtureTree *t = *state;
    _cleanup_json_ json_object *o = NULL;
    Collect c;

    tree_file(t, "sys/class/dmi/id/sys_vendor", "ACME  \n");
    tree_file(t, "sys/class/dmi/id/product_name", "R1\n");
    tree_file(t, "sys/class/dmi/id/bios_version", "1.0\n");
    tree_file(t, "proc/meminfo", "MemTotal:       2048 kB\nMemFree: 1 kB\nSwapTotal: what\n");
    tree_file(t, "proc/cpuinfo",
              "processor\t: 0\nmodel name\t: CPU X\nmodel\t\t: 17\n\nprocessor\t: 1\nmodel name\t: "
              "CPU Y\n");
    o = tree_collect(t, collect_inventory, &c);
    assert_int_equal(c.result, RESULT_PARTIAL);
    assert_string_equal(json_text_at(o, "chassis/vendor"), "ACME");
    assert_string_equal(json_text_at(o, "chassis/firmware-version"), "1.0");
    assert_string_equal(json_text_at(o, "chassis/unavailable/0/id"), "product-serial");
    assert_int_equal(json_object_get_int(json_at(o, "memory/total-bytes")), 2048 * 1024);
    assert_string_equal(json_text_at(o, "memory/unavailable/0/id"), "swap-bytes");
    assert_int_equal(json_object_get_int(json_at(o, "processors/count")), 2);
    assert_string_equal(json_text_at(o, "processors/model-name"), "CPU X");
    assert_string_equal(json_text_at(o, "processors/model"), "17");
}

/* Two modules, one slot with nothing in it, and a structure that is none. */
static void test_firmware(void **state)
{
    static const uint8_t
        small[] = "\x11\x1b\0\x10\0\0\0\0\x48\0\x40\0\0\x40\x09\0\1\2\x1a\0\0\x80\x0c\3\4\0\5"
                  "DIMM A\0BANK 0\0ACME\0S-1\0P-1   \0",
        large[] =
            "\x11\x20\0\x11\0\0\0\0\x48\0\x40\0\xff\x7f\x09\0\1\0\x1a\0\0\0\0\0\0\0\7\2\0\0\1\0"
            "DIMM B\0",
        empty[] = "\x11\x15\0\x12\0\0\0\0\x48\0\x40\0\0\0\x09\0\1\0\x1a\0\0DIMM C\0";
    const FixtureTree *t = *state;
    _cleanup_json_ json_object *o = NULL;
    Collect c;

    tree_file(t, "sys/firmware/efi/fw_platform_size", "64\n");
    tree_file(t, "sys/firmware/efi/esrt/entries/entry0/fw_class",
              "ddc0ee61-e7f0-4e7d-acc5-c070a398838e\n");
    tree_file(t, "sys/firmware/efi/esrt/entries/entry0/fw_type", "1\n");
    tree_file(t, "sys/firmware/efi/esrt/entries/entry0/fw_version", "65586\n");
    tree_bytes(t, "sys/firmware/dmi/entries/17-0/raw", small, sizeof small);
    tree_bytes(t, "sys/firmware/dmi/entries/17-1/raw", large, sizeof large);
    tree_bytes(t, "sys/firmware/dmi/entries/17-2/raw", empty, sizeof empty);
    tree_bytes(t, "sys/firmware/dmi/entries/17-3/raw", small, 12);
    tree_bytes(t, "sys/firmware/dmi/entries/4-0/raw", small, sizeof small);
    o = tree_collect(t, collect_inventory, &c);
    assert_string_equal(json_text_at(o, "firmware/interface"), "uefi");
    assert_int_equal(json_object_get_int(json_at(o, "firmware/bits")), 64);
    assert_int_equal(json_object_get_int(json_at(o, "firmware/system-resources/0/version")), 65586);
    assert_string_equal(json_text_at(o, "firmware/system-resources/0/unavailable/0/id"),
                        "lowest-supported-version");
    assert_int_equal(json_object_array_length(json_at(o, "memory-modules")), 3);
    assert_int_equal(json_object_get_int64(json_at(o, "memory-modules/0/size-bytes")), 16LL << 30);
    assert_int_equal(json_object_get_int(json_at(o, "memory-modules/0/speed")), 3200);
    assert_string_equal(json_text_at(o, "memory-modules/0/locator"), "DIMM A");
    assert_string_equal(json_text_at(o, "memory-modules/0/bank"), "BANK 0");
    assert_string_equal(json_text_at(o, "memory-modules/0/manufacturer"), "ACME");
    assert_string_equal(json_text_at(o, "memory-modules/0/part-number"), "P-1");
    assert_int_equal(json_object_get_int64(json_at(o, "memory-modules/1/size-bytes")), 64LL << 30);
    assert_null(json_at(o, "memory-modules/1/part-number"));
    assert_string_equal(json_text_at(o, "memory-modules/2/unavailable/0/result-code"), "Failed");
}

static void test_devices(void **state)
{
    const FixtureTree *t = *state;
    _cleanup_json_ json_object *o = NULL;
    Collect c;

    tree_file(t, "sys/class/net/eth10/address", "02:00:00:00:00:0a\n");
    tree_file(t, "sys/class/net/eth2/address", "02:00:00:00:00:02\n");
    tree_file(t, "sys/class/net/eth2/operstate", "up\n");
    tree_file(t, "sys/class/net/eth2/mtu", "1500\n");
    tree_file(t, "sys/class/net/eth2/type", "1\n");
    tree_file(t, "sys/class/net/eth2/speed", "10000\n");
    tree_file(t, "sys/class/net/eth2/ifalias", "to \xffpeer\n");
    tree_link(t, "sys/class/net/eth2/device/driver", "../../../../bus/pci/drivers/ixgbe");
    tree_file(t, "sys/class/net/eth10/speed", "-1\n");
    tree_file(t, "sys/class/net/bonding_masters", "\n");
    tree_file(t, "sys/bus/pci/devices/0000:00:01.0/vendor", "0x8086\n");
    tree_file(t, "sys/bus/pci/devices/0000:00:01.0/device", "0x10fb\n");
    tree_file(t, "sys/bus/pci/devices/0000:00:01.0/class", "0x020000\n");
    tree_file(t, "sys/bus/usb/devices/1-1/idVendor", "1d6b\n");
    tree_file(t, "sys/bus/usb/devices/1-1/idProduct", "0002\n");
    tree_file(t, "sys/bus/usb/devices/1-1/serial", "U1\n");
    tree_file(t, "sys/bus/usb/devices/1-1:1.0/bInterfaceClass", "09\n");
    tree_file(t, "sys/block/sda/size", "4\n");
    tree_file(t, "sys/block/sda/removable", "0\n");
    tree_file(t, "sys/block/sda/ro", "0\n");
    tree_file(t, "sys/block/sda/device/model", "DISK    \n");
    tree_file(t, "sys/block/sda/serial", "S1\n");
    tree_file(t, "sys/class/hwmon/hwmon0/name", "coretemp\n");
    tree_file(t, "sys/class/hwmon/hwmon0/temp1_input", "-5000\n");
    tree_file(t, "sys/class/hwmon/hwmon0/temp1_label", "Core 0\n");
    tree_file(t, "sys/class/hwmon/hwmon0/fan1_input", "stuck\n");
    o = tree_collect(t, collect_inventory, &c);
    assert_int_equal(json_object_array_length(json_at(o, "interfaces")), 2);
    assert_string_equal(json_text_at(o, "interfaces/0/name"), "eth2");
    assert_string_equal(json_text_at(o, "interfaces/0/driver"), "ixgbe");
    assert_int_equal(json_object_get_int(json_at(o, "interfaces/0/speed")), 10000);
    assert_string_equal(json_text_at(o, "interfaces/0/description-base64"), "dG8g/3BlZXI=");
    assert_string_equal(json_text_at(o, "interfaces/0/unavailable/0/id"), "transceiver");
    assert_null(json_at(o, "interfaces/0/unavailable/1"));
    assert_int_equal(json_object_array_length(json_at(o, "usb-devices")), 1);
    assert_string_equal(json_text_at(o, "usb-devices/0/name"), "1-1");
    assert_string_equal(json_text_at(o, "usb-devices/0/serial"), "U1");
    assert_string_equal(json_text_at(o, "usb-devices/0/unavailable/0/id"), "class");
    assert_null(json_at(o, "interfaces/1/speed"));
    assert_string_equal(json_text_at(o, "interfaces/1/unavailable/0/id"), "oper-state");
    assert_string_equal(json_text_at(o, "pci-devices/0/device-id"), "0x10fb");
    assert_int_equal(json_object_get_int(json_at(o, "block-devices/0/size-bytes")), 2048);
    assert_string_equal(json_text_at(o, "block-devices/0/model"), "DISK");
    assert_string_equal(json_text_at(o, "block-devices/0/serial"), "S1");
    assert_string_equal(json_text_at(o, "sensors/0/chip"), "coretemp");
    assert_string_equal(json_text_at(o, "sensors/0/readings/0/sensor"), "fan1");
    assert_string_equal(json_text_at(o, "sensors/0/readings/0/unavailable/0/result-code"),
                        "Failed");
    assert_int_equal(json_object_get_int(json_at(o, "sensors/0/readings/1/value")), -5000);
    assert_string_equal(json_text_at(o, "sensors/0/readings/1/label"), "Core 0");
}

static int read_device(void *userdata, const char *subsystem, const char *name, DeviceFacts *ret)
{
    if (streq(subsystem, "net"))
        return -EACCES;
    *ret = (DeviceFacts){.values = {[DEVICE_MODEL_NAME] = "82599\x1b[2J"}};
    (void)snprintf(ret->values[DEVICE_PATH], DEVICE_FACT_SIZE, "%s-%s", subsystem, name);
    return 0;
}

static void collect_with_facts(Collect *c)
{
    static const CollectHost host = {.read_device = read_device};

    c->host = &host;
    collect_inventory(c);
}

/* Only where udev has a database; and what it says is only text. */
static void test_device_facts(void **state)
{
    const FixtureTree *t = *state;
    _cleanup_json_ json_object *o = NULL;
    Collect c;

    tree_file(t, "sys/class/net/eth2/address", "02:00:00:00:00:02\n");
    tree_file(t, "sys/bus/pci/devices/0000:00:01.0/vendor", "0x8086\n");
    tree_file(t, "sys/class/hwmon/hwmon0/name", "coretemp\n");
    o = tree_collect(t, collect_with_facts, &c);
    assert_null(json_at(o, "pci-devices/0/path"));
    json_object_put(o);
    tree_folders(t, "run/udev/data/x");
    o = tree_collect(t, collect_with_facts, &c);
    assert_string_equal(json_text_at(o, "pci-devices/0/path"), "pci-0000:00:01.0");
    assert_string_equal(json_text_at(o, "pci-devices/0/model-name-base64"), "ODI1OTkbWzJK");
    assert_null(json_at(o, "pci-devices/0/vendor-name"));
    assert_null(json_at(o, "sensors/0/path"));
    assert_null(json_at(o, "interfaces/0/path"));
    assert_non_null(strstr(json_object_to_json_string(json_at(o, "interfaces/0/unavailable")),
                           "\"model-name\""));
}

/* --- reading ---------------------------------------------------------------------------------- */

static void test_reading_refuses(void **state)
{
    const FixtureTree *t = *state;
    char buffer[8];
    void *data;
    size_t size;
    uint64_t number;

    tree_file(t, "large", "12345678");
    tree_file(t, "fits", "1234567");
    tree_file(t, "negative", "-1\n");
    tree_file(t, "huge", "18446744073709551616\n");
    tree_link(t, "link", "fits");
    assert_return_code(mkfifoat(t->fd, "fifo", 0600), errno);
    assert_int_equal(collect_read(t->fd, "none", buffer, sizeof buffer), -ENOENT);
    assert_int_equal(collect_read(t->fd, "large", buffer, sizeof buffer), -EFBIG);
    assert_int_equal(collect_read(t->fd, "link", buffer, sizeof buffer), -ELOOP);
    assert_int_equal(collect_read(t->fd, "fifo", buffer, sizeof buffer), -EBADF);
    assert_int_equal(collect_read(t->fd, ".", buffer, sizeof buffer), -EBADF);
    assert_int_equal(collect_read_all(t->fd, "large", 7, &data, &size), -EFBIG);
    assert_int_equal(collect_read_uint64(t->fd, "negative", 10, &number), -EINVAL);
    assert_int_equal(collect_read_uint64(t->fd, "huge", 10, &number), -EINVAL);
    assert_int_equal(collect_read(t->fd, "fits", buffer, sizeof buffer), 7);
    assert_int_equal(collect_read_all(t->fd, "large", 8, &data, &size), 0);
    assert_int_equal(size, 8);
    free(data);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_packages_missing),
        TEST(test_packages_hostile),
        TEST(test_packages),
        TEST(test_reboots_missing),
        TEST(test_wtmp),
        TEST(test_boot_causes),
        TEST(test_integrity_missing),
        TEST(test_kernel_facts),
        TEST(test_wrong_kernel_facts),
        TEST(test_secure_boot),
        TEST(test_module_signatures),
        TEST(test_verity),
        TEST(test_reboot_traces),
        TEST(test_kernel_errors),
        TEST(test_crash_records),
        cmocka_unit_test(test_too_many_reset_sources),
        TEST(test_reset_sources),
        TEST(test_registers),
        TEST(test_measurements),
        TEST(test_inventory_missing),
        TEST(test_chassis_and_memory),
        TEST(test_firmware),
        TEST(test_devices),
        TEST(test_device_facts),
        TEST(test_reading_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
