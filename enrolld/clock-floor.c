/* SPDX-License-Identifier: Apache-2.0 */
#include "clock-floor.h"

#include <stddef.h>

#include "atomic-file.h"
#include "json-util.h"

#define FILE_NAME "clock"
#define FILE_SIZE_MAX 256U
#define JUMP_SECONDS 60
#define STEADY_SECONDS 3600

void clock_floor_init(ClockFloor *floor, int64_t built, int64_t real, int64_t boot)
{
    *floor = (ClockFloor){.built = built, .since_real = real, .since_boot = boot};
}

int64_t clock_floor_apply(const ClockFloor *floor, int64_t real)
{
    int64_t t = real;

    t = t < floor->built ? floor->built : t;
    t = t < floor->stored ? floor->stored : t;
    return t < floor->certificate ? floor->certificate : t;
}

bool clock_floor_tick(ClockFloor *floor, int64_t real, int64_t boot)
{
    int64_t drift = (real - floor->since_real) - (boot - floor->since_boot);

    if (drift > JUMP_SECONDS || drift < -JUMP_SECONDS) {
        floor->since_real = real;
        floor->since_boot = boot;
        floor->set = true;
        return false;
    }
    if (boot - floor->since_boot < STEADY_SECONDS)
        return false;
    if (real < floor->stored ? !floor->set : real < floor->stored + STEADY_SECONDS)
        return false;
    floor->stored = real;
    return true;
}

int clock_floor_load_at(ClockFloor *floor, int dirfd)
{
    static const char *const members[] = {"floor", NULL};
    _cleanup_json_ json_object *o = NULL;
    _cleanup_free_ void *text = NULL;
    uint64_t seconds;
    size_t size;
    int r;

    r = read_state_at(dirfd, FILE_NAME, FILE_SIZE_MAX, &text, &size);
    if (r < 0 && r != -EBADMSG)
        return r == -ENOENT ? 0 : r;
    if (r >= 0)
        r = json_parse(text, size, &o);
    if (r >= 0)
        r = json_object_is_type(o, json_type_object) && json_only_members(o, members) >= 0
                ? json_get_uint64(o, "floor", &seconds)
                : -EBADMSG;
    if (r >= 0 && seconds > INT64_MAX / 2)
        r = -EBADMSG;
    if (r < 0) {
        (void)quarantine_at(dirfd, FILE_NAME);
        return -EBADMSG;
    }
    floor->stored = (int64_t)seconds;
    return 0;
}

int clock_floor_save_at(const ClockFloor *floor, int dirfd)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "{\"floor\":%lld}\n", (long long)floor->stored);
    return atomic_write_at(dirfd, FILE_NAME, text, strlen(text), 0600);
}
