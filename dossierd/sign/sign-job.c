/* SPDX-License-Identifier: Apache-2.0 */
/* The job that puts bytes into a signed envelope. What is small is held until it is signed, and so
 * is what cannot be hashed in one pass (ed25519) or has its size before it (the tokens): whoever
 * reads an envelope of those reads a whole one. What is larger goes out as it comes in. */
#include <time.h>

#include "dossier.h"
#include "eat-token.h"
#include "envelope-stream.h"
#include "errors.h"
#include "jobs.h"
#include "keyd-client.h"
#include "log.h"
#include "openssl-util.h"
#include "signer.h"
#include "stream.h"

#define READ_SIZE 98304U
/* What is larger is not held. It has a begin to be known by. */
#define HELD_MAX (1U << 20)
_Static_assert(HELD_MAX >= CONTENT_BEGIN_SIZE, "a dossier is known again before it is streamed");

static const char *const formats[] = {
    [SIGN_ENVELOPE] = "envelope",
    [SIGN_EAT_JWT] = "eat-jwt",
    [SIGN_EAT_CWT] = "eat-cwt",
};

int sign_format_from_string(const char *name, SignFormat *ret)
{
    for (size_t i = 0; i < ELEMENTSOF(formats); i++)
        if (streq(formats[i], name)) {
            *ret = (SignFormat)i;
            return 0;
        }
    return -EINVAL;
}

static EatForm eat_form(const SignWork *work)
{
    return work->format == SIGN_EAT_CWT ? EAT_CWT : EAT_JWT;
}

typedef struct Output {
    int fd, cancel_fd;
    uint64_t bytes;
    const EnvelopePayload *payload;
    const char *text; /* of the payload */
} Output;

static int get_signer(Job *job, Signer *ret)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r;

    r = signer_get(ret, &error);
    if (r < 0) {
        /* enrolld's own errors say what to do; those of the bus (no such service, no reply) become
         * ours. */
        bool is_ours = error.name && strncmp(error.name, ERROR_PREFIX, STRLEN(ERROR_PREFIX)) == 0;

        return job_fail(job, is_ours ? error.name : ERROR_UNREACHABLE, "%s",
                        error.message ? error.message : strerror(-r));
    }
    return 0;
}

static int check_signer(Job *job, const Signer *signer, time_t at)
{
    int r = signer_check(&signer->envelope, at);

    if (r >= 0)
        return 0;
    if (r == -EKEYEXPIRED)
        return job_fail(
            job, ERROR_EXPIRED,
            "The router certificate of the system trustpoint has expired; enroll again");
    if (r == -EKEYREJECTED)
        return job_fail(job, ERROR_VERIFICATION_FAILED,
                        "The router certificate is not valid yet; check the clock");
    return job_fail(job, ERROR_FAILED, "The router certificate does not parse");
}

/* What is signed. */
typedef struct Content {
    uint8_t *first; /* all of it so far, as long as it may be streamed yet; else NULL */
    size_t n_first;
    EnvelopeStream *stream;
    EnvelopeEncoding encoding;
    EnvelopePayload *payload; /* what is held, in that form */
    ContentHash hash;
    size_t n_of_begin;  /* bytes that are those of a dossier's begin so far */
    bool is_no_dossier; /* as it begins */
    bool is_own_dossier;
} Content;

static int content_init(Content *c, const SignWork *work, const Signer *signer)
{
    c->encoding = work->format == SIGN_ENVELOPE ? ENVELOPE_BASE64URL : eat_encoding(eat_form(work));
    if (work->format == SIGN_ENVELOPE && envelope_stream_is_for(&signer->envelope))
        c->first = malloc(HELD_MAX);
    else
        c->payload = envelope_payload_new_encoded(c->encoding);
    return c->first || c->payload ? content_hash_init(&c->hash) : -ENOMEM;
}

static void content_done(Content *c)
{
    envelope_stream_free(c->stream);
    envelope_payload_free(c->payload);
    content_hash_done(&c->hash);
    free(c->first);
}

/* Its hash tells whether it is a dossier from here. What begins otherwise needs none. */
static int add_to_hash(Content *c, const void *data, size_t size)
{
    size_t n = STRLEN(DOSSIER_BEGIN) - c->n_of_begin;

    if (n > size)
        n = size;
    if (memcmp(data, &DOSSIER_BEGIN[c->n_of_begin], n) != 0)
        c->is_no_dossier = true;
    c->n_of_begin += n;
    return c->is_no_dossier ? 0 : content_hash_add(&c->hash, data, size);
}

/* How much memory it takes with so much more. */
static uint64_t size_held(const Content *c, size_t more)
{
    if (c->stream || (c->first && c->n_first + more > HELD_MAX))
        return QUOTA_STREAM;
    return envelope_payload_size_encoded(
        c->encoding, (c->payload ? envelope_payload_size(c->payload) : c->n_first) + more);
}

static int take_quota(Job *job, SignWork *work, uint64_t held)
{
    int r = held > work->held ? quota_take(&work->manager->quota, work->uid, held - work->held) : 0;

    if (r < 0)
        return job_fail(job, ERROR_LIMIT_EXCEEDED,
                        "Too much is being signed at this moment; try again when it is done");
    if (held > work->held)
        work->held = held;
    return 0;
}

static int sign_failed(Job *job, int r)
{
    const char *said = keyd_last_error();

    return job_fail(job, r == -ENOENT ? ERROR_NOT_CONFIGURED : ERROR_FAILED,
                    "The envelope could not be signed: %s", said[0] ? said : strerror(-r));
}

static int output_failed(Job *job, int r)
{
    if (r != -ETIMEDOUT && r != -EPIPE)
        return r;
    return job_fail(job, ERROR_CANCELLED, "The reader of the envelope went away or does not read");
}

static int add_result(Job *job, int r)
{
    if (r == -EMSGSIZE)
        return job_fail(job, ERROR_TOO_LARGE, "At most %llu bytes can be put into one envelope",
                        (unsigned long long)ENVELOPE_PAYLOAD_MAX);
    return r == -EREMOTEIO ? sign_failed(job, r) : output_failed(job, r);
}

/* What begins as no dossier from here is none, and need not be hashed any more. */
static bool begins_as_own(SignWork *work, Content *c)
{
    const uint8_t *begin = content_hash_begin(&c->hash);

    return !c->is_no_dossier && begin && provenance_has_begin(&work->manager->provenance, begin);
}

static int begin_stream(Job *job, SignWork *work, const Signer *signer, Content *c)
{
    const EnvelopeStreamTo to = {work->output, job_cancel_fd(job)};
    _cleanup_free_ char *header = NULL;
    time_t now = time(NULL);
    int r = check_signer(job, signer, now);

    if (r < 0)
        return r;
    c->is_own_dossier = begins_as_own(work, c);
    c->is_no_dossier = !c->is_own_dossier;
    r = envelope_header(&signer->envelope, c->is_own_dossier ? ENVELOPE_CONTENT_DOSSIER : NULL,
                        work->nonce, now, work->include_certificate, &header);
    if (r >= 0)
        r = envelope_stream_new(&signer->envelope, signer->label, header, &to, &c->stream);
    if (r < 0)
        return sign_failed(job, r);
    job_progress(job, 20, "Writing what is read");
    r = envelope_stream_add(c->stream, c->first, c->n_first);
    free(c->first);
    c->first = NULL;
    return add_result(job, r);
}

static int hold(Content *c, const void *data, size_t size)
{
    if (!c->first)
        return envelope_payload_add(c->payload, data, size);
    memcpy(c->first + c->n_first, data, size);
    c->n_first += size;
    return 0;
}

/* Takes a piece of the input: first its bytes of the quota, then the bytes themselves. */
static int add_piece(Job *job, SignWork *work, const Signer *signer, Content *c, const void *data,
                     size_t size)
{
    int r = take_quota(job, work, size_held(c, size));

    if (r >= 0)
        r = add_to_hash(c, data, size);
    if (r >= 0 && !c->stream && c->first && c->n_first + size > HELD_MAX)
        r = begin_stream(job, work, signer, c);
    if (r < 0)
        return r;
    return add_result(job,
                      c->stream ? envelope_stream_add(c->stream, data, size) : hold(c, data, size));
}

static int end_content(Job *job, SignWork *work, Content *c)
{
    uint8_t digest[CONTENT_HASH_SIZE];
    bool is_own;
    int r = content_hash_finish(&c->hash, digest);

    if (r < 0)
        return r;
    is_own = !c->is_no_dossier && provenance_has(&work->manager->provenance, digest);
    if (c->stream && c->is_own_dossier && !is_own)
        return job_fail(job, ERROR_VERIFICATION_FAILED,
                        "It begins as a dossier that was collected here, and goes on differently; "
                        "a dossier is signed as it is");
    c->is_own_dossier = is_own;
    if (c->stream || c->payload)
        return 0;
    c->payload = envelope_payload_new_encoded(c->encoding);
    return c->payload ? envelope_payload_add(c->payload, c->first, c->n_first) : -ENOMEM;
}

static int read_content(Job *job, SignWork *work, const Signer *signer, Content *content)
{
    _cleanup_free_ uint8_t *buffer = malloc(READ_SIZE);
    ssize_t n;

    if (!buffer)
        return -ENOMEM;
    work->uid = job_uid(job);
    while ((n = stream_read(work->input, buffer, READ_SIZE, job_cancel_fd(job))) > 0) {
        int r = add_piece(job, work, signer, content, buffer, (size_t)n);

        if (r < 0)
            return r;
    }
    if (n == -ETIMEDOUT)
        return job_fail(job, ERROR_CANCELLED, "Nothing came from the input for %u seconds",
                        STREAM_STALL_SECONDS);
    return n < 0 ? (int)n : end_content(job, work, content);
}

/* What is made of the content: one of the two, and the signature. */
typedef struct Sealed {
    char *header;   /* of an envelope */
    EatToken token; /* of the others */
    void *signature;
    size_t signature_size;
    time_t issued_at;
} Sealed;

static void sealed_done(Sealed *s)
{
    free(s->header);
    free(s->signature);
    eat_token_done(&s->token);
}

static int sign_envelope(const SignWork *work, EVP_PKEY *key, const EnvelopeSigner *e,
                         EnvelopePayload *payload, Sealed *s)
{
    char *signature;
    int r = envelope_sign(work->manager->context, key, e, s->header, payload, &signature);

    if (r >= 0)
        s->signature = signature;
    return r;
}

static int sign(const SignWork *work, const Signer *signer, EnvelopePayload *payload, Sealed *s)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    const EnvelopeSigner *e = &signer->envelope;
    int r;

    r = keyd_key_new(work->manager->context, e->algorithm, signer->label, formats[work->format],
                     e->chain[0].der, e->chain[0].size, &key);
    if (r >= 0)
        r = work->format == SIGN_ENVELOPE
                ? sign_envelope(work, key, e, payload, s)
                : eat_token_sign(&s->token, work->manager->context, key, e, payload, &s->signature,
                                 &s->signature_size);
    return r;
}

/* The payload goes from its memory file into a pipe without a copy. */
static int write_output(void *userdata, const void *data, size_t size)
{
    Output *o = userdata;
    int r = -EOPNOTSUPP;

    if (size > 0 && data == o->text) {
        off_t offset;
        int file = envelope_payload_file(o->payload, &offset);

        r = stream_write_file(o->fd, file, offset, size, o->cancel_fd);
    }
    if (r == -EOPNOTSUPP)
        r = stream_write(o->fd, data, size, o->cancel_fd, NULL);
    if (r >= 0)
        o->bytes += size;
    return r;
}

static int begin_token(const SignWork *work, const Signer *signer, const Content *content,
                       time_t now, Sealed *s)
{
    EatClaims claims = {.issued_at = now, .is_dossier = content->is_own_dossier};

    if (work->nonce && eat_nonce_from_text(work->nonce, claims.nonce, &claims.nonce_size) < 0)
        return -EINVAL;
    eat_claims_of_device(work->manager->root_fd, &claims);
    return eat_token_begin(eat_form(work), &signer->envelope, &claims, work->include_certificate,
                           envelope_payload_size(content->payload), &s->token);
}

/* Reading may have taken long, or the clock been set: what the header says about the time is what
 * the certificate has to be valid at. */
static int make_header(Job *job, const SignWork *work, const Signer *signer, const Content *content,
                       Sealed *s)
{
    const EnvelopeSigner *e = &signer->envelope;
    time_t now = time(NULL);
    int r = check_signer(job, signer, now);

    if (r < 0)
        return r;
    s->issued_at = now;
    if (work->format != SIGN_ENVELOPE)
        r = begin_token(work, signer, content, now, s);
    else
        r = envelope_header(e, content->is_own_dossier ? ENVELOPE_CONTENT_DOSSIER : NULL,
                            work->nonce, now, work->include_certificate, &s->header);
    if (r == -EOPNOTSUPP && work->format != SIGN_ENVELOPE)
        return job_fail(job, ERROR_NOT_SUPPORTED,
                        "Neither JOSE nor COSE has a registered algorithm for a key %s with digest "
                        "\"%s\", so there is no attestation token with it",
                        e->algorithm, e->digest);
    if (r == -EOPNOTSUPP)
        return job_fail(job, ERROR_NOT_SUPPORTED,
                        "There is no envelope with a key %s and digest \"%s\"", e->algorithm,
                        e->digest);
    return r;
}

static int write_sealed(const SignWork *work, Output *output, const Sealed *s, const char *text,
                        size_t size)
{
    if (work->format == SIGN_ENVELOPE)
        return envelope_write(write_output, output, s->header, text, size, s->signature);
    return eat_token_write(&s->token, write_output, output, text, size, s->signature,
                           s->signature_size);
}

/* Before the envelope is out: after whatever happens, a nonce that comes again is known. */
static int note_nonce(SignWork *work)
{
    int r;

    if (!work->nonce)
        return 0;
    (void)nonce_log_load_again(&work->manager->nonces, work->manager->state_fd);
    r = nonce_log_add(&work->manager->nonces, work->nonce, work->format != SIGN_ENVELOPE,
                      &work->nonce_seen);
    if (r < 0 || work->nonce_seen)
        return r;
    r = nonce_log_save(&work->manager->nonces, work->manager->state_fd);
    if (r < 0)
        (void)log_warning_errno(r, "Failed to write which nonces were signed for, ignoring: %m");
    return 0;
}

static int finish_held(Job *job, SignWork *work, const Signer *signer, Content *content)
{
    _cleanup_(sealed_done) Sealed sealed = {.header = NULL};
    Output output = {
        .fd = work->output, .cancel_fd = job_cancel_fd(job), .payload = content->payload};
    size_t size;
    int r = envelope_payload_finish(content->payload, &output.text, &size);

    if (r >= 0)
        r = make_header(job, work, signer, content, &sealed);
    if (r < 0)
        return r;
    job_progress(job, 50, "Signing");
    r = sign(work, signer, content->payload, &sealed);
    if (r < 0)
        return r == -ECANCELED ? r : sign_failed(job, r);
    r = note_nonce(work);
    if (r < 0)
        return r;
    job_progress(job, 75, "Writing");
    stream_widen(work->output);
    r = write_sealed(work, &output, &sealed, output.text, size);
    work->bytes = output.bytes;
    return output_failed(job, r);
}

/* The time in the header is that of the begin; the certificate has to be valid still. */
static int finish_streamed(Job *job, SignWork *work, const Signer *signer, Content *content)
{
    int r = check_signer(job, signer, time(NULL));

    if (r < 0)
        return r;
    job_progress(job, 50, "Signing");
    r = add_result(job, envelope_stream_seal(content->stream));
    if (r >= 0)
        r = note_nonce(work);
    return r < 0 ? r : output_failed(job, envelope_stream_finish(content->stream, &work->bytes));
}

static int run_sign(Job *job, void *data)
{
    SignWork *work = data;
    _cleanup_(signer_done) Signer signer = {.label = NULL};
    _cleanup_(content_done) Content content = {.payload = NULL};
    int r;

    r = get_signer(job, &signer);
    if (r >= 0)
        r = check_signer(job, &signer, time(NULL));
    if (r >= 0)
        r = content_init(&content, work, &signer);
    if (r < 0)
        return r;
    job_progress(job, 10, "Reading");
    stream_widen(work->input);
    r = read_content(job, work, &signer, &content);
    if (r >= 0)
        r = content.stream ? finish_streamed(job, work, &signer, &content)
                           : finish_held(job, work, &signer, &content);
    /* The reader sees the end before the caller hears of success. */
    closep(&work->output);
    work->output = -EBADF;
    return r;
}

static int done_sign(Job *job, void *data, int r)
{
    static const LogEvent event = {LOG_ENVELOPE_SIGNED};
    SignWork *work = data;
    char bytes[24];

    if (r < 0)
        return r;
    (void)snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)work->bytes);
    log_event(&event,
              LOG_FIELDS("USER", job_user(job), "BYTES", bytes, "NONCE",
                         work->nonce ? work->nonce : "", "NONCE_SEEN",
                         work->nonce_seen ? "yes" : "no"),
              "Envelope of %s bytes signed for user %s%s", bytes, job_user(job),
              work->nonce_seen ? ", for a nonce that has been signed for before" : "");
    r = job_result(job, "bytes", 't', &work->bytes);
    return r < 0 ? r : job_result(job, "nonce-seen", 'b', &work->nonce_seen);
}

SignWork *sign_work_new(void)
{
    SignWork *work = calloc(1, sizeof *work);

    if (work)
        work->input = work->output = -EBADF;
    return work;
}

void sign_work_free(void *data)
{
    SignWork *work = data;

    if (!work)
        return;
    if (work->held > 0)
        quota_release(&work->manager->quota, work->uid, work->held);
    closep(&work->input);
    closep(&work->output);
    free(work->nonce);
    free(work);
}

const JobWork sign_job = {
    .kind = "sign", .run = run_sign, .done = done_sign, .free_data = sign_work_free};
