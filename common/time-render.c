/* SPDX-License-Identifier: Apache-2.0 */
#include "time-render.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *time_render(int64_t seconds, char buffer[TIME_TEXT_SIZE])
{
    time_t t = (time_t)seconds;
    struct tm tm;

    if (!localtime_r(&t, &tm) ||
        strftime(buffer, TIME_TEXT_SIZE, "%H:%M:%S %Z %a %b %d %Y", &tm) == 0)
        memcpy(buffer, "-", 2);
    return buffer;
}

const char *time_left_render(int64_t seconds, char buffer[TIME_LEFT_TEXT_SIZE])
{
    int64_t left = seconds > 0 ? seconds : 0;

    (void)snprintf(buffer, TIME_LEFT_TEXT_SIZE,
                   "%" PRId64 " days, %" PRId64 " hours, %" PRId64 " minutes, %" PRId64 " seconds",
                   left / 86400, left % 86400 / 3600, left % 3600 / 60, left % 60);
    return buffer;
}
