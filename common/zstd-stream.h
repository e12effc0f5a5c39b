/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed files, written and read as streams of whole records, in memory that does not grow.
 *
 * The writer ends a frame at least every ZSTD_FRAME_SIZE bytes, so that what a killed process
 * leaves behind can be read up to its last frame. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

#define ZSTD_FRAME_SIZE (128U << 10)

/* zstd's levels: those below 0 are quicker and take more room. */
#define ZSTD_LEVEL_KEPT 1
#define ZSTD_LEVEL_QUICK (-3)

/* Neither takes over the descriptor. */
typedef struct ZstdWriter ZstdWriter;
ZstdWriter *zstd_writer_new(int fd, int level);
ZstdWriter *zstd_writer_free(ZstdWriter *w);
DEFINE_TRIVIAL_CLEANUP_FUNC(ZstdWriter *, zstd_writer_free);
/* data is a whole record of at most ZSTD_FRAME_SIZE: frames end between records. */
int zstd_writer_put(ZstdWriter *w, const void *data, size_t size);
int zstd_writer_finish(ZstdWriter *w);

typedef struct ZstdReader ZstdReader;
/* Reads the descriptor from its position on. record_max: the largest that zstd_reader_peek() is
 * asked for. */
ZstdReader *zstd_reader_new(int fd, size_t record_max);
ZstdReader *zstd_reader_free(ZstdReader *r);
DEFINE_TRIVIAL_CLEANUP_FUNC(ZstdReader *, zstd_reader_free);
/* As many bytes as there are, up to what is buffered, at least size unless the end is near. Returns
 * 0 at the end, -EBADMSG for what is no zstd. Valid until the next call. */
ssize_t zstd_reader_peek(ZstdReader *r, size_t size, const uint8_t **ret);
void zstd_reader_skip(ZstdReader *r, size_t size);
