/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Dossier1 on the bus. */
#pragma once

#include <openssl/types.h>

#include "config-owner.h"
#include "nonce-log.h"
#include "provenance.h"
#include "quota.h"
#include "server.h"
#include "snapshots.h"

typedef struct Manager {
    int root_fd, state_fd;
    OSSL_LIB_CTX *context;  /* with the keys of keyd */
    Quota quota;            /* of payloads that are being signed */
    Provenance provenance;  /* of dossiers that were collected here */
    NonceLog nonces;        /* that envelopes were signed for */
    Snapshots *snapshots;   /* of the filesystem */
    unsigned nonce_minimum; /* bytes; of the main loop only */
    json_object *nodes;     /* the table of the configuration; likewise */
} Manager;

/* envelope-config.c */
extern const ConfigSection dossier_config_sections[];

int manager_start(Server *server, void **ret);
void manager_stop(void *userdata);
