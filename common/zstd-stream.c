/* SPDX-License-Identifier: Apache-2.0 */
#include "zstd-stream.h"

#include <zstd.h>

#include "atomic-file.h"

#define WINDOW_LOG_MAX 23 /* memory that a file may ask for: 8 MiB */

/* A frame is gathered and compressed at once: zstd copies what it gets piece by piece, and takes
 * longer for it. */
struct ZstdWriter {
    int fd;
    ZSTD_CCtx *context;
    size_t used;
    uint8_t in[ZSTD_FRAME_SIZE];
    uint8_t out[ZSTD_COMPRESSBOUND(ZSTD_FRAME_SIZE)];
};

struct ZstdReader {
    int fd;
    ZSTD_DCtx *context;
    ZSTD_inBuffer input;
    bool is_end, is_between_frames;
    size_t begin, end, room;
    uint8_t *data;
    uint8_t in[131072];
};

ZstdWriter *zstd_writer_new(int fd, int level)
{
    ZstdWriter *w = malloc(sizeof *w);

    if (!w)
        return NULL;
    w->fd = fd;
    w->used = 0;
    w->context = ZSTD_createCCtx();
    if (!w->context ||
        ZSTD_isError(ZSTD_CCtx_setParameter(w->context, ZSTD_c_compressionLevel, level)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(w->context, ZSTD_c_checksumFlag, 1)))
        return zstd_writer_free(w);
    return w;
}

ZstdWriter *zstd_writer_free(ZstdWriter *w)
{
    if (!w)
        return NULL;
    (void)ZSTD_freeCCtx(w->context);
    free(w);
    return NULL;
}

static int end_frame(ZstdWriter *w)
{
    size_t size;

    if (w->used == 0)
        return 0;
    size = ZSTD_compress2(w->context, w->out, sizeof w->out, w->in, w->used);
    w->used = 0;
    return ZSTD_isError(size) ? -EIO : write_full(w->fd, w->out, size);
}

int zstd_writer_put(ZstdWriter *w, const void *data, size_t size)
{
    if (size > sizeof w->in)
        return -E2BIG;
    if (size > sizeof w->in - w->used) {
        int r = end_frame(w);

        if (r < 0)
            return r;
    }
    memcpy(w->in + w->used, data, size);
    w->used += size;
    return 0;
}

int zstd_writer_finish(ZstdWriter *w)
{
    return end_frame(w);
}

ZstdReader *zstd_reader_new(int fd, size_t record_max)
{
    ZstdReader *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->fd = fd;
    r->room = record_max + sizeof r->in;
    r->data = malloc(r->room);
    r->context = ZSTD_createDCtx();
    r->is_between_frames = true;
    if (!r->data || !r->context ||
        ZSTD_isError(ZSTD_DCtx_setParameter(r->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
        return zstd_reader_free(r);
    return r;
}

ZstdReader *zstd_reader_free(ZstdReader *r)
{
    if (!r)
        return NULL;
    (void)ZSTD_freeDCtx(r->context);
    free(r->data);
    free(r);
    return NULL;
}

/* Decompresses once into what is free of the buffer. */
static int fill(ZstdReader *r)
{
    ZSTD_outBuffer output = {r->data, r->room, r->end};
    size_t left;

    if (r->input.pos == r->input.size && !r->is_end) {
        ssize_t n = read_full(r->fd, r->in, sizeof r->in);

        if (n < 0)
            return (int)n;
        r->input = (ZSTD_inBuffer){r->in, (size_t)n, 0};
        r->is_end = (size_t)n < sizeof r->in;
    }
    if (r->input.pos == r->input.size && r->is_between_frames)
        return 0;
    left = ZSTD_decompressStream(r->context, &output, &r->input);
    if (ZSTD_isError(left))
        return -EBADMSG;
    r->is_between_frames = left == 0;
    /* The end of the file inside a frame gives nothing more. */
    if (output.pos == r->end && r->is_end && r->input.pos == r->input.size && left > 0)
        return -EBADMSG;
    r->end = output.pos;
    return 1;
}

ssize_t zstd_reader_peek(ZstdReader *r, size_t size, const uint8_t **ret)
{
    if (r->end - r->begin < size && r->begin > 0) {
        memmove(r->data, r->data + r->begin, r->end - r->begin);
        r->end -= r->begin;
        r->begin = 0;
    }
    while (r->end - r->begin < size) {
        int k = fill(r);

        if (k < 0)
            return k;
        if (k == 0)
            break;
    }
    *ret = r->data + r->begin;
    return (ssize_t)(r->end - r->begin);
}

void zstd_reader_skip(ZstdReader *r, size_t size)
{
    r->begin += size;
}
