/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon does with CRLs: the cache belongs to its main loop, fetching to workers. */
#pragma once

#include "crl-cache.h"
#include "crl-work.h"
#include "job.h"

typedef struct Poold Poold;
typedef struct CrlRefresh CrlRefresh;

/* Before a worker starts: what it may need of the cache. insist: URLs that have failed a short
 * while ago are tried as well, and a CA is asked over SCEP also when another worker asks it. */
int crl_jobs_prepare(const Poold *poold, bool insist, CrlWork *work);
/* After it has ended: what it has brought is kept, and what it has relied on is noted. */
void crl_jobs_keep(Poold *poold, const CrlWork *work, const char *user);
/* In a worker: the files of what is kept, all of them when it returns. The first error is logged
 * like the others. */
int crl_jobs_write(Poold *poold);

/* Starts the job of org.chancery.TrustPool1.RequestCrl and answers m. */
int crl_jobs_request(Poold *poold, sd_bus_message *m, const char *what, sd_bus_error *reterr_error);

/* Fetches lists again in time. */
int crl_refresh_new(Poold *poold, CrlRefresh **ret);
CrlRefresh *crl_refresh_free(CrlRefresh *refresh);
/* To be called when the cache has changed. */
void crl_refresh_arm(CrlRefresh *refresh);
