/* SPDX-License-Identifier: Apache-2.0 */
/* The users of the configuration as accounts of the system, whose login shell is the router's: JSON
 * user records (systemd.io/USER_RECORD) in a folder of drop-ins that nss-systemd reads, so that an
 * account is there as long as its record is, whether or not this daemon is running. A name that
 * /etc/passwd has is left to it. */
#pragma once

#include "aaa.h"
#include "uids.h"

typedef struct Accounts Accounts;

/* folder: NULL for none, then there are no accounts. passwd: "/etc/passwd". uids is taken over. */
int accounts_new(const char *folder, const char *passwd, Uids *uids, Accounts **ret);
Accounts *accounts_free(Accounts *accounts);
DEFINE_TRIVIAL_CLEANUP_FUNC(Accounts *, accounts_free);

/* Gives each user a uid, on the disk. -ENOSPC: too many users. */
int accounts_prepare(Accounts *accounts, const Aaa *aaa);

/* Makes the accounts those of exactly these users. */
int accounts_apply(Accounts *accounts, const Aaa *aaa);

/* Is the account one of the system's own, which is left as it is? */
int accounts_is_local(const Accounts *accounts, const char *name);

/* The name of the user with this uid if it is one of ours; else NULL. */
const char *accounts_name(const Accounts *accounts, uid_t uid);
