/* SPDX-License-Identifier: Apache-2.0 */
/* The time below which the clock can't be right: the newest of when this was built, a time at which
 * the clock ran steadily for an hour, and when our own certificates begin. A clock that stands in
 * 1970 at boot is not believed; a clock that jumps into the future for a moment does not move the
 * floor. One that ran there for longer does: when it is set back, and has run steadily for an hour
 * then, the floor follows. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct ClockFloor {
    int64_t built;                  /* seconds since the epoch, as all here */
    int64_t stored;                 /* as last written to the state folder */
    int64_t certificate;            /* newest notBefore of our own certificates */
    int64_t since_real, since_boot; /* the clock has run without a jump since then */
    bool set;                       /* there was a jump: somebody knows better than the hardware */
} ClockFloor;

void clock_floor_init(ClockFloor *floor, int64_t built, int64_t real, int64_t boot);
/* What the time is, as far as decisions go. */
int64_t clock_floor_apply(const ClockFloor *floor, int64_t real);
/* To be called now and then. True when floor->stored has moved and is to be written. */
bool clock_floor_tick(ClockFloor *floor, int64_t real, int64_t boot);

int clock_floor_load_at(ClockFloor *floor, int dirfd);
int clock_floor_save_at(const ClockFloor *floor, int dirfd);
