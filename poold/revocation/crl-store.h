/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the cache of CRLs: one for each, named after what it may be replaced by. */
#pragma once

#include "crl.h"

int crl_store_write(int dirfd, const Crl *crl, int64_t fetched);
/* 0 also when it is not there. */
int crl_store_remove(int dirfd, const Crl *crl);
/* Hands over what is there, one by one; take() takes references of its own and returns -EBADMSG for
 * what cannot be. report() is told of files (it may be NULL): with -EBADMSG, it is wrong and was
 * moved aside; with another error, it cannot be read, and is left out. */
int crl_store_read(int dirfd, int (*take)(void *userdata, Crl *crl, int64_t fetched),
                   void (*report)(const char *file, int error), void *userdata);
