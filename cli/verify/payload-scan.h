/* SPDX-License-Identifier: Apache-2.0 */
/* Is the payload a dossier, and with which nonce? Reads JSON of any size in one pass without
 * building it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define PAYLOAD_NONCE_MAX 160U

typedef struct PayloadInfo {
    bool is_json;     /* one JSON value and nothing else */
    bool is_dossier;  /* an object whose member model-name is urn:chancery:dossier */
    bool is_doubtful; /* a dossier in which an object has a member twice, or that does not parse to
                         its end: other readers could see another one */
    char nonce[PAYLOAD_NONCE_MAX]; /* of a dossier; "" when there is none */
} PayloadInfo;

/* -ENOMEM. */
int payload_scan(const void *data, size_t size, PayloadInfo *ret);
