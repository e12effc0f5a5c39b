/* SPDX-License-Identifier: Apache-2.0 */
/* The signature itself: which algorithm goes with which key, and whether it holds. */
#pragma once

#include "envelope-read.h"

/* 0, -EKEYREJECTED when the signature does not hold, -EOPNOTSUPP for an algorithm that is not
 * allowed (at all, or with that key). */
int signature_check(const Envelope *e, X509 *signer);
