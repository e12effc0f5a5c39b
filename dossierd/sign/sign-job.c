/* SPDX-License-Identifier: Apache-2.0 */
/* The job that puts bytes into a signed envelope. Nothing is written before the signature is made:
 * who reads an envelope reads a whole one. */
#include <time.h>

#include "dossier.h"
#include "eat-token.h"
#include "errors.h"
#include "jobs.h"
#include "keyd-client.h"
#include "log.h"
#include "openssl-util.h"
#include "seal.h"
#include "signer.h"
#include "stream.h"

#define READ_SIZE 262144U

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

/* What is signed: the bytes, and whether they are a dossier that was collected here. */
typedef struct Content {
    EnvelopePayload *payload;
    EVP_MD_CTX *digest;
    size_t n_of_begin;  /* bytes that are those of a dossier's begin so far */
    bool is_no_dossier; /* as it begins */
    bool is_own_dossier;
    bool is_streamed; /* to keyd, which signs an envelope with this key that way */
    bool is_begun;
    Seal seal;
} Content;

static int content_init(Content *c, const SignWork *work, const Signer *signer)
{
    c->is_streamed = work->format == SIGN_ENVELOPE && seal_is_for(&signer->envelope);
    c->payload = envelope_payload_new_encoded(
        work->format == SIGN_ENVELOPE ? ENVELOPE_BASE64URL : eat_encoding(eat_form(work)));
    c->digest = EVP_MD_CTX_new();
    if (!c->payload || !c->digest || EVP_DigestInit_ex(c->digest, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    return 0;
}

static void content_done(Content *c)
{
    seal_done(&c->seal);
    envelope_payload_free(c->payload);
    EVP_MD_CTX_free(c->digest);
}

/* Its digest tells whether it is a dossier from here. What begins otherwise needs none. */
static int add_to_digest(Content *c, const void *data, size_t size)
{
    size_t n = STRLEN(DOSSIER_BEGIN) - c->n_of_begin;

    if (n > size)
        n = size;
    if (memcmp(data, &DOSSIER_BEGIN[c->n_of_begin], n) != 0)
        c->is_no_dossier = true;
    c->n_of_begin += n;
    return c->is_no_dossier || EVP_DigestUpdate(c->digest, data, size) == 1 ? 0 : -ENOMEM;
}

/* Of the quota, what will be held with so much more of the input. */
static int take_quota(SignWork *work, const Content *content, size_t size)
{
    uint64_t held = envelope_payload_size_held(content->payload, size);
    int r = quota_take(&work->manager->quota, work->uid, held - work->held);

    if (r >= 0)
        work->held = held;
    return r;
}

/* Takes a chunk of the input: first its bytes of the quota, then the bytes themselves. */
static int add_chunk(Job *job, SignWork *work, Content *content, const void *data, size_t size)
{
    int r = take_quota(work, content, size);

    if (r < 0)
        return job_fail(job, ERROR_LIMIT_EXCEEDED,
                        "Too much is being signed at this moment; try again when it is done");
    r = add_to_digest(content, data, size);
    if (r < 0)
        return r;
    r = envelope_payload_add(content->payload, data, size);
    if (r == -EMSGSIZE)
        return job_fail(job, ERROR_TOO_LARGE, "At most %llu bytes can be put into one envelope",
                        (unsigned long long)ENVELOPE_PAYLOAD_MAX);
    return r;
}

static SealRequest seal_request(const SignWork *work, const Signer *signer, bool is_dossier,
                                time_t now)
{
    return (SealRequest){.signer = &signer->envelope,
                         .label = signer->label,
                         .content_type = is_dossier ? ENVELOPE_CONTENT_DOSSIER : NULL,
                         .nonce = work->nonce,
                         .now = now,
                         .include_certificate = work->include_certificate};
}

/* Whether something that begins as a dossier is one from here shows at its end: it is taken for
 * one. */
static void feed_keyd(const SignWork *work, const Signer *signer, Content *content)
{
    time_t now = time(NULL);

    if (!content->is_streamed || envelope_payload_size(content->payload) < SEAL_EARLY_SIZE)
        return;
    if (!content->is_begun) {
        SealRequest request = seal_request(work, signer, !content->is_no_dossier, now);

        seal_begin_early(&content->seal, &request);
        content->is_begun = true;
    }
    seal_feed(&content->seal, content->payload, now);
}

static int read_content(Job *job, SignWork *work, const Signer *signer, Content *content)
{
    _cleanup_free_ uint8_t *buffer = malloc(READ_SIZE);
    uint8_t digest[PROVENANCE_DIGEST_SIZE];
    ssize_t n;

    if (!buffer)
        return -ENOMEM;
    work->uid = job_uid(job);
    while ((n = stream_read(work->input, buffer, READ_SIZE, job_cancel_fd(job))) > 0) {
        int r = add_chunk(job, work, content, buffer, (size_t)n);

        if (r < 0)
            return r;
        feed_keyd(work, signer, content);
    }
    if (n == -ETIMEDOUT)
        return job_fail(job, ERROR_CANCELLED, "Nothing came from the input for %u seconds",
                        STREAM_STALL_SECONDS);
    if (n < 0)
        return (int)n;
    if (EVP_DigestFinal_ex(content->digest, digest, NULL) != 1)
        return -ENOMEM;
    content->is_own_dossier =
        !content->is_no_dossier && provenance_has(&work->manager->provenance, digest);
    return 0;
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

/* The header is the one that was begun with, if it is still true. */
static int sign_streamed(Job *job, const SignWork *work, const Signer *signer, Content *content,
                         Sealed *s)
{
    SealRequest request = seal_request(work, signer, content->is_own_dossier, s->issued_at);
    char *signature;
    int r = seal_finish(&content->seal, &request, content->payload, job_cancel_fd(job), &signature);

    if (r < 0)
        return r;
    s->signature = signature;
    free(s->header);
    s->header = TAKE_PTR(content->seal.header);
    return 0;
}

static int sign_with_key(const SignWork *work, const Signer *signer, EnvelopePayload *payload,
                         Sealed *s)
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

static int sign(Job *job, const SignWork *work, const Signer *signer, Content *content, Sealed *s)
{
    const char *said;
    int r = content->is_streamed ? sign_streamed(job, work, signer, content, s)
                                 : sign_with_key(work, signer, content->payload, s);

    if (r >= 0 || r == -ECANCELED)
        return r;
    said = keyd_last_error();
    return job_fail(job, r == -ENOENT ? ERROR_NOT_CONFIGURED : ERROR_FAILED,
                    "The envelope could not be signed: %s", said[0] ? said : strerror(-r));
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
    r = nonce_log_add(&work->manager->nonces, work->nonce, work->format != SIGN_ENVELOPE,
                      &work->nonce_seen);
    if (r < 0 || work->nonce_seen)
        return r;
    r = nonce_log_save(&work->manager->nonces, work->manager->state_fd);
    if (r < 0)
        (void)log_warning_errno(r, "Failed to write which nonces were signed for, ignoring: %m");
    return 0;
}

static int run_sign(Job *job, void *data)
{
    SignWork *work = data;
    _cleanup_(signer_done) Signer signer = {.label = NULL};
    _cleanup_(content_done) Content content = {.payload = NULL};
    _cleanup_(sealed_done) Sealed sealed = {.header = NULL};
    Output output = {.fd = work->output, .cancel_fd = job_cancel_fd(job)};
    const char *text;
    size_t size;
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
    stream_widen(work->output);
    r = read_content(job, work, &signer, &content);
    if (r >= 0)
        r = envelope_payload_finish(content.payload, &text, &size);
    if (r >= 0)
        r = make_header(job, work, &signer, &content, &sealed);
    if (r < 0)
        return r;
    job_progress(job, 50, "Signing");
    r = sign(job, work, &signer, &content, &sealed);
    if (r < 0)
        return r;
    r = note_nonce(work);
    if (r < 0)
        return r;
    job_progress(job, 75, "Writing");
    output.payload = content.payload;
    output.text = text;
    r = write_sealed(work, &output, &sealed, text, size);
    if (r == -ETIMEDOUT || r == -EPIPE)
        return job_fail(job, ERROR_CANCELLED,
                        "The reader of the envelope went away or does not read");
    work->bytes = output.bytes;
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
