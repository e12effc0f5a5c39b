/* SPDX-License-Identifier: Apache-2.0 */
/* Strict reading of what the client signs in a SCEP message (RFC 8894 section 3.2.1): the signed
 * attributes of the CMS SignedData (RFC 5652 section 5.3), as the SET OF that is hashed. */
#pragma once

#include "der.h"

#define SCEP_ATTRIBUTES_SIZE_MAX 8192U

/* digest_size: of the message digest that has to be among them. 0 or -EBADMSG with a static reason.
 */
int scep_attributes_check(DerSpan input, size_t digest_size, const char **ret_reason);
