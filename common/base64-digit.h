/* SPDX-License-Identifier: Apache-2.0 */
/* The digits of base64url (RFC 4648 section 5). */
#pragma once

#include <stdint.h>

/* One more than the value of each, so that all other characters are 0. */
extern const uint8_t base64url_values[256];
