/* SPDX-License-Identifier: Apache-2.0 */
#include "event-log.h"

#include "cleanup.h"

#define EV_NO_ACTION 3U
#define ALGORITHM_SHA1 0x0004U
#define SHA1_SIZE 20U
#define SPEC_ID_SIGNATURE "Spec ID Event03" /* with its zero byte 16 bytes */

/* Integers in the log are little-endian whatever the machine. */
static int take(EventLog *log, size_t size, const uint8_t **ret)
{
    if ((size_t)(log->end - log->position) < size)
        return -EBADMSG;
    *ret = log->position;
    log->position += size;
    return 0;
}

static int take_u16(EventLog *log, uint16_t *ret)
{
    const uint8_t *p;

    if (take(log, 2, &p) < 0)
        return -EBADMSG;
    *ret = (uint16_t)(p[0] | p[1] << 8);
    return 0;
}

static int take_u32(EventLog *log, uint32_t *ret)
{
    const uint8_t *p;

    if (take(log, 4, &p) < 0)
        return -EBADMSG;
    *ret = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    return 0;
}

void event_log_init(EventLog *log, const void *data, size_t size)
{
    *log = (EventLog){.position = data, .end = (const uint8_t *)data + size};
}

static int take_data(EventLog *log, EventLogEvent *e)
{
    uint32_t size;

    if (take_u32(log, &size) < 0 || take(log, size, &e->data) < 0)
        return -EBADMSG;
    e->size = size;
    return 0;
}

/* TCG_PCClientPCREvent: one SHA-1 digest. The first event of every log has this form. */
static int next_plain(EventLog *log, EventLogEvent *e)
{
    e->digests[0].algorithm = ALGORITHM_SHA1;
    e->digests[0].size = SHA1_SIZE;
    e->n_digests = 1;
    if (take_u32(log, &e->pcr_index) < 0 || take_u32(log, &e->type) < 0 ||
        take(log, SHA1_SIZE, &e->digests[0].data) < 0)
        return -EBADMSG;
    return take_data(log, e);
}

/* TCG_EfiSpecIdEvent: says which digests every further event has. */
static int read_spec_id(EventLog *log, const EventLogEvent *e)
{
    EventLog inner;
    const uint8_t *p;
    uint32_t n;

    event_log_init(&inner, e->data, e->size);
    /* signature, platformClass, specVersionMinor, specVersionMajor, specErrata, uintnSize */
    if (take(&inner, 16 + 4 + 4, &p) < 0 || take_u32(&inner, &n) < 0)
        return -EBADMSG;
    if (n == 0 || n > EVENT_LOG_ALGORITHMS_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < n; i++) {
        if (take_u16(&inner, &log->algorithms[i].algorithm) < 0 ||
            take_u16(&inner, &log->algorithms[i].digest_size) < 0)
            return -EBADMSG;
        for (size_t k = 0; k < i; k++)
            if (log->algorithms[k].algorithm == log->algorithms[i].algorithm)
                return -EBADMSG;
    }
    log->n_algorithms = n;
    log->is_agile = true;
    return 0;
}

static size_t digest_size(const EventLog *log, uint16_t algorithm)
{
    for (size_t i = 0; i < log->n_algorithms; i++)
        if (log->algorithms[i].algorithm == algorithm)
            return log->algorithms[i].digest_size;
    return 0;
}

/* TCG_PCR_EVENT2 */
static int next_agile(EventLog *log, EventLogEvent *e)
{
    uint32_t n;

    if (take_u32(log, &e->pcr_index) < 0 || take_u32(log, &e->type) < 0 || take_u32(log, &n) < 0)
        return -EBADMSG;
    if (n > EVENT_LOG_ALGORITHMS_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < n; i++) {
        EventLogDigest *d = &e->digests[i];

        if (take_u16(log, &d->algorithm) < 0)
            return -EBADMSG;
        d->size = digest_size(log, d->algorithm);
        if (d->size == 0 || take(log, d->size, &d->data) < 0)
            return -EBADMSG;
    }
    e->n_digests = n;
    return take_data(log, e);
}

int event_log_next(EventLog *log, EventLogEvent *ret)
{
    EventLogEvent e = {.number = log->number + 1};
    int r;

    if (log->position == log->end)
        return 0;
    r = log->is_agile ? next_agile(log, &e) : next_plain(log, &e);
    if (r >= 0 && log->number == 0 && e.type == EV_NO_ACTION &&
        e.size >= sizeof SPEC_ID_SIGNATURE &&
        memcmp(e.data, SPEC_ID_SIGNATURE, sizeof SPEC_ID_SIGNATURE) == 0)
        r = read_spec_id(log, &e);
    if (r < 0) {
        log->position = log->end;
        return r;
    }
    log->number++;
    *ret = e;
    return 1;
}

const char *event_log_algorithm_name(uint16_t algorithm)
{
    switch (algorithm) {
    case ALGORITHM_SHA1:
        return "SHA1";
    case 0x000b:
        return "SHA256";
    case 0x000c:
        return "SHA384";
    case 0x000d:
        return "SHA512";
    case 0x0012:
        return "SM3_256";
    case 0x0027:
        return "SHA3_256";
    case 0x0028:
        return "SHA3_384";
    case 0x0029:
        return "SHA3_512";
    default:
        return NULL;
    }
}

const char *event_log_type_name(uint32_t type)
{
    static const char *const names[] = {
        "EV_PREBOOT_CERT",
        "EV_POST_CODE",
        "EV_UNUSED",
        "EV_NO_ACTION",
        "EV_SEPARATOR",
        "EV_ACTION",
        "EV_EVENT_TAG",
        "EV_S_CRTM_CONTENTS",
        "EV_S_CRTM_VERSION",
        "EV_CPU_MICROCODE",
        "EV_PLATFORM_CONFIG_FLAGS",
        "EV_TABLE_OF_DEVICES",
        "EV_COMPACT_HASH",
        "EV_IPL",
        "EV_IPL_PARTITION_DATA",
        "EV_NONHOST_CODE",
        "EV_NONHOST_CONFIG",
        "EV_NONHOST_INFO",
        "EV_OMIT_BOOT_DEVICE_EVENTS",
    };
    static const struct {
        uint32_t type;
        const char *name;
    } efi[] = {
        {0x80000001, "EV_EFI_VARIABLE_DRIVER_CONFIG"},
        {0x80000002, "EV_EFI_VARIABLE_BOOT"},
        {0x80000003, "EV_EFI_BOOT_SERVICES_APPLICATION"},
        {0x80000004, "EV_EFI_BOOT_SERVICES_DRIVER"},
        {0x80000005, "EV_EFI_RUNTIME_SERVICES_DRIVER"},
        {0x80000006, "EV_EFI_GPT_EVENT"},
        {0x80000007, "EV_EFI_ACTION"},
        {0x80000008, "EV_EFI_PLATFORM_FIRMWARE_BLOB"},
        {0x80000009, "EV_EFI_HANDOFF_TABLES"},
        {0x8000000a, "EV_EFI_PLATFORM_FIRMWARE_BLOB2"},
        {0x8000000b, "EV_EFI_HANDOFF_TABLES2"},
        {0x8000000c, "EV_EFI_VARIABLE_BOOT2"},
        {0x80000010, "EV_EFI_HCRTM_EVENT"},
        {0x800000e0, "EV_EFI_VARIABLE_AUTHORITY"},
        {0x800000e1, "EV_EFI_SPDM_FIRMWARE_BLOB"},
        {0x800000e2, "EV_EFI_SPDM_FIRMWARE_CONFIG"},
    };

    if (type < ELEMENTSOF(names))
        return names[type];
    for (size_t i = 0; i < ELEMENTSOF(efi); i++)
        if (efi[i].type == type)
            return efi[i].name;
    return NULL;
}
