/* SPDX-License-Identifier: Apache-2.0 */
/* CISCO-PKI-MIB (1.3.6.1.4.1.9.9.854) by AgentX (RFC 2741): certificates, trustpoints, CRLs and
 * answers of OCSP responders as tables, and the two notifications. All texts are DisplayString, of
 * at most 255 bytes. */
#pragma once

#include "pki-revocation.h"

/* Connects to the master agent now and whenever it is back. -EIO when the library could not be set
 * up. */
int pki_mib_init(void);

/* Is the master agent there? What it is notified of otherwise is lost. */
bool pki_mib_has_master(void);

/* The tables tell about this from now on; borrowed, and to be there until the next call. */
void pki_mib_show(const PkiView *view, const PkiCrls *crls, const PkiAnswers *answers);

/* ciscoPkiCertInstallAlert, ciscoPkiCertExpiryAlert */
void pki_mib_notify_installed(const PkiCertificate *certificate);
void pki_mib_notify_expiring(const PkiCertificate *certificate, int64_t now);
