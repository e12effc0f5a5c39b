/* SPDX-License-Identifier: Apache-2.0 */
#include "envelope-stream.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "json-util.h"
#include "keyd-client.h"
#include "stream.h"

/* Of the payload, in one piece: three bytes become four characters, and what is read, encoded and
 * passed on stays in a core's cache. */
#define PIECE_SIZE (3U << 15)

/* What is written once, into a pipe of its own, goes from there to both without a copy. */
struct EnvelopeStream {
    const EnvelopeSigner *signer;
    char *header;
    char *signature;
    KeydStream *keyd;
    EnvelopeStreamTo to;
    bool output_is_pipe, begun;
    int read_fd, write_fd;
    size_t room; /* between them */
    uint64_t payload_size, written;
    uint8_t rest[3]; /* of the payload, too little for four characters */
    size_t n_rest;
    char text[BASE64URL_SIZE(3U + PIECE_SIZE)];
};

bool envelope_stream_is_for(const EnvelopeSigner *signer)
{
    return !streq(signer->digest, "") && envelope_algorithm(signer->algorithm, signer->digest);
}

static int open_pipe(EnvelopeStream *s)
{
    int fds[2], room;

    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    s->read_fd = fds[0];
    s->write_fd = fds[1];
    stream_widen(s->write_fd);
    room = fcntl(s->write_fd, F_GETPIPE_SZ);
    if (room <= 0)
        return room < 0 ? -errno : -EIO;
    s->room = (size_t)room;
    return 0;
}

int envelope_stream_new(const EnvelopeSigner *signer, const char *label, const char *header,
                        const EnvelopeStreamTo *to, EnvelopeStream **ret)
{
    _cleanup_(envelope_stream_freep) EnvelopeStream *s = malloc(sizeof *s);
    struct stat st;
    int r;

    if (!s)
        return -ENOMEM;
    memset(s, 0, offsetof(EnvelopeStream, text));
    s->signer = signer;
    s->to = *to;
    s->read_fd = s->write_fd = -EBADF;
    s->header = strdup(header);
    if (!s->header)
        return -ENOMEM;
    if (fstat(to->output, &st) < 0)
        return -errno;
    s->output_is_pipe = S_ISFIFO(st.st_mode);
    r = open_pipe(s);
    if (r >= 0)
        r = keyd_stream_begin(signer->algorithm, label, signer->digest, signer->chain[0].der,
                              signer->chain[0].size, &s->keyd);
    if (r < 0)
        return r;
    stream_widen(keyd_stream_fd(s->keyd));
    stream_widen(to->output);
    *ret = TAKE_PTR(s);
    return 0;
}

EnvelopeStream *envelope_stream_free(EnvelopeStream *s)
{
    if (!s)
        return NULL;
    keyd_stream_free(s->keyd);
    closep(&s->read_fd);
    closep(&s->write_fd);
    free(s->header);
    free(s->signature);
    free(s);
    return NULL;
}

/* --- To keyd and to the reader ---------------------------------------------------------------- */

/* keyd that stopped reading has an answer that says why. */
static int keyd_result(EnvelopeStream *s, int r)
{
    _cleanup_free_ void *signature = NULL;
    size_t size;

    if (r == -EPIPE)
        (void)keyd_stream_finish(s->keyd, &signature, &size);
    return r == -EPIPE || r == -ETIMEDOUT ? -EREMOTEIO : r;
}

static int write_to_keyd(EnvelopeStream *s, const char *text, size_t size)
{
    return keyd_result(s, stream_write(keyd_stream_fd(s->keyd), text, size, s->to.cancel_fd, NULL));
}

static int write_to_reader(EnvelopeStream *s, const char *text, size_t size)
{
    int r = stream_write(s->to.output, text, size, s->to.cancel_fd, NULL);

    if (r >= 0)
        s->written += size;
    return r;
}

static int move_to_reader(EnvelopeStream *s, size_t size)
{
    while (size > 0) {
        ssize_t n = stream_move_pipe(s->read_fd, s->to.output, size, s->to.cancel_fd);

        if (n < 0)
            return (int)n;
        s->written += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

/* Of what is in the pipe, as much to both as keyd has room for. */
static ssize_t pass_on(EnvelopeStream *s, const char *text, size_t size)
{
    int keyd = keyd_stream_fd(s->keyd), r;
    ssize_t n = s->output_is_pipe ? stream_copy_pipe(s->read_fd, keyd, size, s->to.cancel_fd)
                                  : stream_move_pipe(s->read_fd, keyd, size, s->to.cancel_fd);

    if (n < 0)
        return keyd_result(s, (int)n);
    r = s->output_is_pipe ? move_to_reader(s, (size_t)n) : write_to_reader(s, text, (size_t)n);
    return r < 0 ? r : n;
}

static int put(EnvelopeStream *s, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(s->write_fd, text, size < s->room ? size : s->room), done = 0;

        if (n < 0)
            return -errno;
        while (done < n) {
            ssize_t passed = pass_on(s, text + done, (size_t)(n - done));

            if (passed < 0)
                return (int)passed;
            done += passed;
        }
        text += n;
        size -= (size_t)n;
    }
    return 0;
}

static int begin(EnvelopeStream *s)
{
    static const char open[] = "{\"payload\":\"";
    int r;

    if (s->begun)
        return 0;
    s->begun = true;
    r = write_to_keyd(s, s->header, strlen(s->header));
    if (r >= 0)
        r = write_to_keyd(s, ".", 1);
    return r < 0 ? r : write_to_reader(s, open, STRLEN(open));
}

/* --- The payload ------------------------------------------------------------------------------ */

/* Takes what completes the rest of the last piece, and encodes it. Returns the length of the text.
 */
static size_t complete_rest(EnvelopeStream *s, const uint8_t **data, size_t *size)
{
    if (s->n_rest == 0)
        return 0;
    while (s->n_rest<sizeof s->rest && * size> 0) {
        s->rest[s->n_rest++] = *(*data)++;
        (*size)--;
    }
    if (s->n_rest < sizeof s->rest)
        return 0;
    s->n_rest = 0;
    return base64url_encode_into(s->rest, sizeof s->rest, s->text);
}

int envelope_stream_add(EnvelopeStream *s, const void *data, size_t size)
{
    const uint8_t *in = data;
    int r;

    if (size > ENVELOPE_PAYLOAD_MAX - s->payload_size)
        return -EMSGSIZE;
    s->payload_size += size;
    r = begin(s);
    while (r >= 0 && size > 0) {
        size_t length = complete_rest(s, &in, &size);
        size_t whole = size < PIECE_SIZE ? size - size % 3 : PIECE_SIZE;

        length += base64url_encode_into(in, whole, s->text + length);
        in += whole;
        size -= whole;
        if (size < sizeof s->rest && size > 0) {
            memcpy(s->rest, in, size);
            s->n_rest = size;
            size = 0;
        }
        r = put(s, s->text, length);
    }
    return r;
}

int envelope_stream_seal(EnvelopeStream *s)
{
    _cleanup_free_ void *signature = NULL;
    size_t size;
    int r = begin(s);

    if (r >= 0)
        r = put(s, s->text, base64url_encode_into(s->rest, s->n_rest, s->text));
    if (r >= 0)
        r = write_to_keyd(s, "\n", 1);
    if (r < 0)
        return r;
    r = keyd_stream_finish(s->keyd, &signature, &size);
    if (r >= 0)
        r = envelope_signature(s->signer, signature, size, &s->signature);
    return r < 0 ? -EREMOTEIO : 0;
}

int envelope_stream_finish(EnvelopeStream *s, uint64_t *ret_size)
{
    const char *parts[] = {"\",\"protected\":\"", s->header, "\",\"signature\":\"", s->signature,
                           "\"}\n"};

    for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
        int r = write_to_reader(s, parts[i], strlen(parts[i]));

        if (r < 0)
            return r;
    }
    *ret_size = s->written;
    return 0;
}
