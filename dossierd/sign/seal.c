/* SPDX-License-Identifier: Apache-2.0 */
#include "seal.h"

#include <stdatomic.h>

#include "stream.h"

#define FEED_SIZE (256U << 10)

static atomic_uint n_early;

bool seal_is_for(const EnvelopeSigner *signer)
{
    return !streq(signer->digest, "") && envelope_algorithm(signer->algorithm, signer->digest);
}

static void drop_stream(Seal *s)
{
    s->stream = keyd_stream_free(s->stream);
    if (s->early)
        atomic_fetch_sub(&n_early, 1);
    s->early = false;
}

void seal_done(Seal *s)
{
    drop_stream(s);
    free(s->header);
    *s = (Seal){NULL};
}

static int begin(Seal *s, const SealRequest *q)
{
    const EnvelopeSigner *e = q->signer;
    int r;

    seal_done(s);
    r = envelope_header(e, q->content_type, q->nonce, q->now, q->include_certificate, &s->header);
    if (r < 0)
        return r;
    s->content_type = q->content_type;
    s->issued_at = q->now;
    r = keyd_stream_begin(e->algorithm, q->label, e->digest, e->chain[0].der, e->chain[0].size,
                          &s->stream);
    if (r >= 0)
        stream_widen(keyd_stream_fd(s->stream));
    return r;
}

void seal_begin_early(Seal *s, const SealRequest *q)
{
    if (atomic_fetch_add(&n_early, 1) >= SEAL_EARLY_MAX || begin(s, q) < 0) {
        atomic_fetch_sub(&n_early, 1);
        seal_done(s);
        return;
    }
    s->early = true;
}

/* What keyd is given, in this order. */
typedef enum Part {
    PART_HEADER,
    PART_DOT,
    PART_TEXT,
    PART_END,
    PART_NONE,
} Part;

/* What comes next, and how much of it is left, of a text of that size. */
static Part next_part(const Seal *s, size_t text_size, size_t *ret_done, size_t *ret_left)
{
    const size_t sizes[] = {strlen(s->header), 1, text_size, 1};
    size_t done = s->n_fed;

    for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
        if (done < sizes[i]) {
            *ret_done = done;
            *ret_left = sizes[i] - done;
            return (Part)i;
        }
        done -= sizes[i];
    }
    return PART_NONE;
}

/* As much of it as there is room for. */
static ssize_t put(const Seal *s, const EnvelopePayload *payload, Part part, size_t done,
                   size_t left)
{
    int fd = keyd_stream_fd(s->stream);
    off_t begin;
    ssize_t n;

    if (part == PART_TEXT) {
        int file = envelope_payload_file(payload, &begin);

        return stream_put_file(fd, file, begin + (off_t)done, left);
    }
    n = write(fd, part == PART_HEADER ? s->header + done : part == PART_DOT ? "." : "\n", left);
    return n < 0 ? (errno == EAGAIN || errno == EINTR ? 0 : -errno) : n;
}

void seal_feed(Seal *s, const EnvelopePayload *payload, int64_t now)
{
    size_t size = envelope_payload_size_written(payload), done, left;
    ssize_t n = 1;

    if (!s->stream)
        return;
    if (now < s->issued_at || now > s->issued_at + SEAL_AGE_MAX) {
        seal_done(s);
        return;
    }
    while (n > 0) {
        Part part = next_part(s, size, &done, &left);

        /* For less, neither is to be woken. */
        if (part >= PART_END || (part == PART_TEXT && left < FEED_SIZE))
            return;
        n = put(s, payload, part, done, left);
        if (n > 0)
            s->n_fed += (size_t)n;
    }
    /* keyd has gone, or refused it: it is asked once more at the end. */
    if (n < 0)
        seal_done(s);
}

static int feed_all(Seal *s, const EnvelopePayload *payload, size_t size, int cancel_fd)
{
    size_t done, left;
    Part part;

    while ((part = next_part(s, size, &done, &left)) != PART_NONE) {
        int r = stream_wait_room(keyd_stream_fd(s->stream), cancel_fd);
        ssize_t n = r < 0 ? r : put(s, payload, part, done, left);

        if (n == -EPIPE)
            return 0; /* keyd's answer says why */
        if (n < 0)
            return (int)n;
        s->n_fed += (size_t)n;
    }
    return 0;
}

/* *ret_given: keyd has got all of it, and what went wrong is its answer. */
static int finish(Seal *s, const SealRequest *q, const EnvelopePayload *payload, size_t size,
                  int cancel_fd, bool *ret_given, char **ret)
{
    _cleanup_free_ void *signature = NULL;
    size_t signature_size;
    int r = feed_all(s, payload, size, cancel_fd);

    *ret_given = r >= 0;
    if (r >= 0)
        r = keyd_stream_finish(s->stream, &signature, &signature_size);
    drop_stream(s);
    return r < 0 ? r : envelope_signature(q->signer, signature, signature_size, ret);
}

static bool is_as_begun(const Seal *s, const SealRequest *q)
{
    return s->stream && s->content_type == q->content_type && q->now >= s->issued_at &&
           q->now <= s->issued_at + SEAL_AGE_MAX;
}

static int finish_new(Seal *s, const SealRequest *q, const EnvelopePayload *payload, size_t size,
                      int cancel_fd, bool *ret_given, char **ret)
{
    int r = begin(s, q);

    *ret_given = false;
    return r < 0 ? r : finish(s, q, payload, size, cancel_fd, ret_given, ret);
}

/* keyd that went away with it is asked once more. */
int seal_finish(Seal *s, const SealRequest *q, EnvelopePayload *payload, int cancel_fd, char **ret)
{
    const char *text;
    size_t size;
    bool early, given;
    int r = envelope_payload_finish(payload, &text, &size);

    if (r < 0)
        return r;
    early = is_as_begun(s, q);
    r = early ? finish(s, q, payload, size, cancel_fd, &given, ret)
              : finish_new(s, q, payload, size, cancel_fd, &given, ret);
    return r < 0 && given && (early || r == -ETIMEDOUT)
               ? finish_new(s, q, payload, size, cancel_fd, &given, ret)
               : r;
}
