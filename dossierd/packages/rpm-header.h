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

/* As rpm has them. */
#define RPM_FLAG_CONFIG 0x01U
#define RPM_FLAG_MISSING_OK 0x08U
#define RPM_FLAG_GHOST 0x40U
#define RPM_STATE_NORMAL 0U

typedef enum RpmDigest {
    RPM_DIGEST_MD5 = 1,
    RPM_DIGEST_SHA1 = 2,
    RPM_DIGEST_SHA256 = 8,
    RPM_DIGEST_SHA384 = 9,
    RPM_DIGEST_SHA512 = 10,
} RpmDigest;

typedef struct RpmFile {
    const char *path;   /* absolute */
    const char *digest; /* hexadecimal digits; "" where rpm has none: it is no regular file */
    uint32_t algorithm; /* RpmDigest, or one that is not listed there */
    uint32_t flags, state;
    uint16_t mode; /* 0 when rpm does not say */
} RpmFile;

/* The package's files, one after the other. Returns how many were left out, because their paths are
 * relative or too long. -EBADMSG when its lists do not fit together or are
 * larger than any package's; or what put() has returned, if that is negative. */
int rpm_header_files(const RpmSource *source, int (*put)(void *userdata, const RpmFile *file),
                     void *userdata);

/* Returns a negative errno when the source could not be read; a header that is wrong is returned
 * with its problem. */
int rpm_header_read(const RpmSource *source, RpmPackage *ret);
