/* SPDX-License-Identifier: Apache-2.0 */
/* What the firmware measured: Secure Boot, and the log that explains the registers of the TPM. */
#include <fcntl.h>

#include "event-log.h"
#include "integrity.h"

#define EFI_GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define EVENT_LOG_FILE "sys/kernel/security/tpm0/binary_bios_measurements"

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
