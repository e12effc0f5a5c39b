/* SPDX-License-Identifier: Apache-2.0 */
/* Times as the router shows them; apart from certificates, because the shell does without
 * OpenSSL. */
#pragma once

#include <stdint.h>

/* "13:07:26 UTC Sun Oct 20 2019" in the local zone; buffer of TIME_TEXT_SIZE bytes. */
#define TIME_TEXT_SIZE 64U
const char *time_render(int64_t seconds, char buffer[TIME_TEXT_SIZE]);

/* "1 days, 23 hours, 59 minutes, 41 seconds"; what is over is 0. */
#define TIME_LEFT_TEXT_SIZE 80U
const char *time_left_render(int64_t seconds, char buffer[TIME_LEFT_TEXT_SIZE]);
