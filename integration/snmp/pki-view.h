/* SPDX-License-Identifier: Apache-2.0 */
/* What enrolld keeps, as far as the MIB tells it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "cleanup.h"

#define PKI_ITEMS_MAX 4096U

typedef struct PkiCertificate {
    char *trustpoint, *role, *serial_number, *subject, *issuer, *fingerprint;
    int64_t not_before, not_after; /* seconds since the epoch */
    int64_t notice;                /* how far it has been said that it ends; 0: not yet */
} PkiCertificate;

typedef struct PkiTrustpoint {
    char *name, *state;
    /* As configured; empty for what is not. */
    char *url, *subject_name, *alternative_names, *vrf, *digest;
    char *key_label; /* of the router certificate; empty when there is none */
    int64_t auto_enroll, crl_optional;
} PkiTrustpoint;

typedef struct PkiView {
    PkiCertificate *certificates;
    size_t n_certificates;
    PkiTrustpoint *trustpoints;
    size_t n_trustpoints;
} PkiView;

/* Reads the answer of GetManagedObjects. -E2BIG beyond PKI_ITEMS_MAX of a kind; -EBADMSG when a
 * property is missing. */
int pki_view_read(sd_bus_message *reply, PkiView *ret);
void pki_view_done(PkiView *view);

/* The instance of a certificate: its trustpoint, "-", its type, "CA" or "ID"; the
 * one to come and that of an encryption pair are told from those. A name that an instance
 * has no room for is cut and told from others by the certificate's fingerprint. */
#define CHAIN_LABEL_SIZE 112U
const char *pki_chain_label(const PkiCertificate *certificate, char buffer[CHAIN_LABEL_SIZE]);

/* A trustpoint's state as the MIB has it, which knows fewer. */
const char *pki_state_name(const char *state);

bool pki_view_has(const PkiView *view, const char *trustpoint, const char *fingerprint);
