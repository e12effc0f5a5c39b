/* SPDX-License-Identifier: Apache-2.0 */
/* Reading one header of an rpm database: what rpm says about a package that is installed. A header
 * is an index of tags and the data that they point at, all of it big-endian (rpm's documentation,
 * format_header). Only what is asked for is read, so that memory does not grow with the package. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RPM_FIELD_SIZE 1024U

typedef struct RpmField {
    char data[RPM_FIELD_SIZE]; /* with a zero byte after it */
    size_t size;
} RpmField;

typedef struct RpmPackage {
    RpmField name, version, release, architecture;
    uint32_t epoch, install_time;
    bool has_epoch, has_install_time;
    const char *problem; /* what is wrong with the header, static; NULL when nothing is. The fields
                            are as far as they were read. */
} RpmPackage;

/* Where the bytes come from. read() gives exactly size bytes or a negative errno. */
typedef struct RpmSource {
    int (*read)(void *userdata, uint32_t offset, void *buffer, uint32_t size);
    void *userdata;
    uint32_t size;
} RpmSource;

/* The absolute paths of the package's files, one after the other. -EBADMSG when its lists do not
 * fit together or are larger than any package's; or what put() has returned, if that is negative.
 */
int rpm_header_files(const RpmSource *source, int (*put)(void *userdata, const char *path),
                     void *userdata);

/* Returns a negative errno when the source could not be read; a header that is wrong is returned
 * with its problem. */
int rpm_header_read(const RpmSource *source, RpmPackage *ret);
