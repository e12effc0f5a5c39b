/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the firmware's measured-boot log: the crypto-agile form of the TCG PC Client Platform
 * Firmware Profile (TPM 2.0), and the older form with SHA-1 only. Nothing is copied: events point
 * into the log. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_LOG_SIZE_MAX (16U * 1024 * 1024)
#define EVENT_LOG_ALGORITHMS_MAX 8U

typedef struct EventLogDigest {
    uint16_t algorithm; /* TPM_ALG_ID */
    const uint8_t *data;
    size_t size;
} EventLogDigest;

typedef struct EventLogEvent {
    uint64_t number; /* from 1 */
    uint32_t pcr_index;
    uint32_t type;
    EventLogDigest digests[EVENT_LOG_ALGORITHMS_MAX];
    size_t n_digests;
    const uint8_t *data;
    size_t size;
} EventLogEvent;

typedef struct EventLog {
    const uint8_t *position, *end;
    uint64_t number;
    bool is_agile;
    struct {
        uint16_t algorithm;
        uint16_t digest_size;
    } algorithms[EVENT_LOG_ALGORITHMS_MAX];
    size_t n_algorithms;
} EventLog;

void event_log_init(EventLog *log, const void *data, size_t size);

/* Returns 1, 0 at the end of the log, or -EBADMSG for what is not a log; the events before that are
 * good. */
int event_log_next(EventLog *log, EventLogEvent *ret);

/* "SHA256", as the public attestation models name them; NULL for what is not known. */
const char *event_log_algorithm_name(uint16_t algorithm);
/* "EV_S_CRTM_VERSION"; NULL for what is not known. */
const char *event_log_type_name(uint32_t type);
