/* SPDX-License-Identifier: Apache-2.0 */
/* What the firmware measured: Secure Boot, PCRs of the TPM, and the log that explains them. */
#include <fcntl.h>

#include "event-log.h"
#include "integrity.h"

#define EFI_GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define TPM_CLASS "sys/class/tpm"
#define EVENT_LOG_FILE "sys/kernel/security/tpm0/binary_bios_measurements"
#define TPMS_MAX 16U
#define PCRS_MAX 64U

/* A variable of one byte: four bytes of attributes stand before it. */
static int read_efi_bool(int root_fd, const char *name, bool *ret)
{
    char path[256], data[16];
    int r;

    (void)snprintf(path, sizeof path, "sys/firmware/efi/efivars/%s-" EFI_GLOBAL, name);
    r = collect_read(root_fd, path, data, sizeof data);
    if (r < 0)
        return r;
    if (r != 5 || (data[4] != 0 && data[4] != 1))
        return -EBADMSG;
    *ret = data[4] == 1;
    return 0;
}

void integrity_secure_boot(Collect *c)
{
    bool secure_boot, setup_mode;
    int r, setup;

    fact_begin(c, "secure-boot");
    if (faccessat(c->root_fd, "sys/firmware/efi", F_OK, 0) < 0) {
        fact_end(c, RESULT_NOT_AVAILABLE, "The system was not started by UEFI firmware");
        return;
    }
    r = read_efi_bool(c->root_fd, "SecureBoot", &secure_boot);
    if (r < 0) {
        fact_end_errno(c, r, "EFI variable SecureBoot");
        return;
    }
    setup = read_efi_bool(c->root_fd, "SetupMode", &setup_mode);
    json_begin_object(c->writer, "value");
    json_write_bool(c->writer, "secure-boot", secure_boot);
    if (setup >= 0)
        json_write_bool(c->writer, "setup-mode", setup_mode);
    json_end_object(c->writer);
    if (setup < 0)
        fact_end(c, RESULT_PARTIAL, "EFI variable SetupMode: %s", strerror(-setup));
    else
        fact_end(c, RESULT_SUCCESS, "%s", "");
}

static bool is_hex(const char *s)
{
    return *s && strspn(s, "0123456789abcdefABCDEF") == strlen(s);
}

/* Returns the number of registers that were read. */
static unsigned write_bank(Collect *c, int tpm_fd, const char *bank, int *ret_error)
{
    _cleanup_(name_list_free) NameList registers = {NULL, 0};
    unsigned n = 0;
    int r;

    r = collect_list(tpm_fd, bank, PCRS_MAX, &registers);
    if (r < 0) {
        *ret_error = r;
        return 0;
    }
    json_begin_object(c->writer, NULL);
    json_write_string(c->writer, "hash-algorithm", bank + STRLEN("pcr-"));
    json_begin_array(c->writer, "pcr");
    for (size_t i = 0; i < registers.n; i++) {
        char path[600], value[256];

        (void)snprintf(path, sizeof path, "%s/%s", bank, registers.names[i]);
        r = collect_read(tpm_fd, path, value, sizeof value);
        if (r >= 0 && !is_hex(value))
            r = -EBADMSG;
        if (r < 0) {
            *ret_error = r;
            continue;
        }
        json_begin_object(c->writer, NULL);
        json_write_uint64(c->writer, "index", strtoull(registers.names[i], NULL, 10));
        json_write_string(c->writer, "value", value);
        json_end_object(c->writer);
        n++;
    }
    json_end_array(c->writer);
    json_end_object(c->writer);
    return n;
}

static unsigned write_tpm(Collect *c, int class_fd, const char *name, int *ret_error)
{
    _cleanup_(name_list_free) NameList entries = {NULL, 0};
    _cleanup_close_ int fd = openat(class_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint64_t version;
    unsigned n = 0;
    int r = fd < 0 ? -errno : collect_list(fd, ".", 256, &entries);

    if (r < 0) {
        *ret_error = r;
        return 0;
    }
    json_begin_object(c->writer, NULL);
    json_write_string(c->writer, "tpm-name", name);
    if (collect_read_uint64(fd, "tpm_version_major", 10, &version) >= 0)
        json_write_uint64(c->writer, "version", version);
    json_begin_array(c->writer, "platform-config-registers");
    for (size_t i = 0; i < entries.n; i++)
        if (strncmp(entries.names[i], "pcr-", 4) == 0)
            n += write_bank(c, fd, entries.names[i], ret_error);
    json_end_array(c->writer);
    json_end_object(c->writer);
    return n;
}

void integrity_platform_config_registers(Collect *c)
{
    _cleanup_(name_list_free) NameList tpms = {NULL, 0};
    _cleanup_close_ int class_fd = -EBADF;
    unsigned n = 0;
    int r, error = 0;

    fact_begin(c, "platform-config-registers");
    r = collect_list(c->root_fd, TPM_CLASS, TPMS_MAX, &tpms);
    if (r == -ENOENT || (r >= 0 && tpms.n == 0)) {
        fact_end(c, RESULT_NOT_AVAILABLE, "The kernel knows no TPM");
        return;
    }
    if (r >= 0) {
        class_fd = openat(c->root_fd, TPM_CLASS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = class_fd < 0 ? -errno : 0;
    }
    if (r < 0) {
        fact_end_errno(c, r, "/" TPM_CLASS);
        return;
    }
    json_begin_array(c->writer, "value");
    for (size_t i = 0; i < tpms.n; i++)
        n += write_tpm(c, class_fd, tpms.names[i], &error);
    json_end_array(c->writer);
    if (error < 0)
        fact_end(c, n > 0 ? RESULT_PARTIAL : RESULT_FAILED, "Not every register could be read: %s",
                 strerror(-error));
    else if (n == 0)
        fact_end(c, RESULT_NOT_AVAILABLE, "The kernel shows no registers of this TPM");
    else
        fact_end(c, RESULT_SUCCESS, "%s", "");
}

static void write_digest(JsonWriter *w, const EventLogDigest *d)
{
    const char *name = event_log_algorithm_name(d->algorithm);

    json_begin_object(w, NULL);
    if (name)
        json_write_string(w, "digest-hash-algorithm", name);
    else
        json_write_stringf(w, "digest-hash-algorithm", "0x%04x", (unsigned)d->algorithm);
    json_write_hex(w, "digest", d->data, d->size);
    json_end_object(w);
}

static int write_event(JsonWriter *w, const EventLogEvent *e)
{
    _cleanup_free_ char *data = base64_encode(e->data, e->size);
    const char *type = event_log_type_name(e->type);

    if (!data)
        return -ENOMEM;
    json_begin_object(w, NULL);
    json_write_uint64(w, "event-number", e->number);
    json_write_uint64(w, "event-type", e->type);
    if (type)
        json_write_string(w, "event-type-name", type);
    json_write_uint64(w, "pcr-index", e->pcr_index);
    json_begin_array(w, "digest-list");
    for (size_t i = 0; i < e->n_digests; i++)
        write_digest(w, &e->digests[i]);
    json_end_array(w);
    json_write_uint64(w, "event-size", e->size);
    json_write_string(w, "event-data", data);
    json_end_object(w);
    return 0;
}

void integrity_boot_event_log(Collect *c)
{
    _cleanup_free_ void *data = NULL;
    size_t size;
    EventLog log;
    EventLogEvent event;
    int r;

    fact_begin(c, "boot-event-log");
    r = collect_read_all(c->root_fd, EVENT_LOG_FILE, EVENT_LOG_SIZE_MAX, &data, &size);
    if (r == -ENOENT) {
        fact_end(c, RESULT_NOT_AVAILABLE, "The firmware handed over no log of measured boot");
        return;
    }
    if (r < 0) {
        fact_end_errno(c, r, "/" EVENT_LOG_FILE);
        return;
    }
    event_log_init(&log, data, size);
    json_begin_array(c->writer, "value");
    while (!collect_should_stop(c) && (r = event_log_next(&log, &event)) > 0) {
        r = write_event(c->writer, &event);
        if (r < 0)
            break;
    }
    json_end_array(c->writer);
    if (r < 0)
        fact_end(c, RESULT_PARTIAL, "The log does not parse after event %llu",
                 (unsigned long long)log.number);
    else if (collect_should_stop(c))
        fact_end(c, RESULT_TIMEOUT, "Reading the log took too long");
    else
        fact_end(c, RESULT_SUCCESS, "%s", "");
}
