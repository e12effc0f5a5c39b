/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Keys1.Signing: the one place where something leaves keyd that a private key made. */
#include <sys/uio.h>

#include "clock.h"
#include "errors.h"
#include "keyd.h"
#include "label.h"
#include "log.h"
#include "names.h"
#include "org.chancery.Keys1.h"
#include "x509-render.h"

/* What was asked for, as the message has it. */
typedef struct SignCall {
    const char *algorithm, *label, *purpose, *digest;
    const char *pair; /* NULL: the one that signs, or that decrypts, as the purpose does */
    struct iovec certificate;
    uint64_t offset; /* in the memory file */
    int to_be_signed;
} SignCall;

static int context_read(sd_bus_message *m, SignCall *c, sd_bus_error *reterr_error)
{
    const BusOption options[] = {{"certificate", 'A', &c->certificate, NULL},
                                 {"pair", 's', &c->pair, NULL},
                                 {"offset", 't', &c->offset, NULL}};

    return bus_read_options(m, options, ELEMENTSOF(options), reterr_error);
}

static int call_read(sd_bus_message *m, SignCall *c, sd_bus_error *reterr_error)
{
    int r;

    r = sd_bus_message_read(m, "ssss", &c->algorithm, &c->label, &c->purpose, &c->digest);
    if (r >= 0)
        r = context_read(m, c, reterr_error);
    if (r >= 0)
        r = sd_bus_message_read(m, "h", &c->to_be_signed);
    return r;
}

static void log_refusal(sd_bus_message *m, const char *algorithm, const char *label,
                        const char *purpose, const char *reason)
{
    static const LogEvent event = {LOG_KEY_REFUSED};
    _cleanup_free_ char *user = NULL;

    (void)bus_sender_name(m, &user);
    log_event(&event,
              LOG_FIELDS("ALGORITHM", algorithm, "LABEL", label, "PURPOSE", purpose, "USER",
                         user ? user : "?"),
              "Refused %s a signature with the %s key %s as %s: %s", user ? user : "somebody",
              algorithm, label, purpose, reason);
}

/* The strings are a daemon's, but until they are known to be names they go neither into the journal
 * nor into an error message. */
static int refuse(sd_bus_message *m, const SignCall *c, const char *reason,
                  sd_bus_error *reterr_error)
{
    Purpose purpose;
    const char *name = purpose_from_string(c->purpose, &purpose) >= 0 ? purpose_to_string(purpose)
                                                                      : "(unknown purpose)";
    const char *algorithm = key_algorithm_find(c->algorithm) ? c->algorithm : "(unknown)";

    log_refusal(m, algorithm, label_is_valid(c->label) ? c->label : "(invalid)", name, reason);
    return sd_bus_error_setf(reterr_error, ERROR_PURPOSE_REFUSED, "%s: %s", name, reason);
}

static int no_such_key(sd_bus_error *reterr_error)
{
    return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                             "There is no such key; generate it first");
}

/* Of usage keys the one or the other pair. NULL when there is no such key, or no pair of that name.
 */
static Key *pair_find(Keyd *k, const char *algorithm, const char *label, const char *pair)
{
    Key *key = store_find(k->store, algorithm, label);

    if (!key || streq(pair, KEY_USAGE_SIGNATURE))
        return key;
    if (streq(pair, "next"))
        return store_find_slot(k->store, algorithm, label, KEY_NEXT);
    if (!streq(pair, KEY_USAGE_ENCRYPTION))
        return NULL;
    return key->encryption ? key->encryption : key;
}

/* Who still has the certificate of the previous key gets its signature: in the moment of a renewal
 * as well a certificate and its key go together. */
static Key *key_of_certificate(Keyd *k, Key *current, const struct iovec *certificate)
{
    Key *previous =
        store_find_slot(k->store, current->algorithm->name, current->label, KEY_PREVIOUS);

    return previous && certificate->iov_len <= CERTIFICATE_SIZE_MAX &&
                   key_has_certificate(previous, certificate->iov_base, certificate->iov_len)
               ? previous
               : current;
}

typedef enum Use {
    USE_SIGN,
    USE_DECRYPT,
    USE_GRANTED,
} Use;

/* Of users that are no daemons. */
static bool is_granted(Keyd *k, uid_t uid, const char *algorithm, const char *label,
                       Purpose purpose)
{
    GrantUser user;

    return !purpose_caller(purpose) && grant_user_find(uid, &user) &&
           grants_allow(k->grants, &user, algorithm, label, purpose_to_string(purpose));
}

static bool is_for_caller(sd_bus_message *m, Keyd *k, const SignCall *c, Use use, TypedSign *t)
{
    if (use != USE_GRANTED)
        return bus_sender_is_daemon(m, purpose_caller(t->purpose));
    return bus_sender_uid(m, &t->granted_to) >= 0 &&
           is_granted(k, t->granted_to, c->algorithm, c->label, t->purpose);
}

/* May this caller use this key for this purpose? */
static int work_prepare(sd_bus_message *m, Keyd *k, const SignCall *c, Use use, TypedSign *t,
                        sd_bus_error *reterr_error)
{
    bool decrypts = use == USE_DECRYPT;
    const char *reason = NULL;
    Key *key;

    if (purpose_from_string(c->purpose, &t->purpose) < 0)
        return refuse(m, c, "there is no such purpose", reterr_error);
    if (purpose_decrypts(t->purpose) != decrypts)
        return refuse(m, c, decrypts ? "nothing is decrypted for it" : "nothing is signed for it",
                      reterr_error);
    /* Before anything is said about the key. */
    if (!is_for_caller(m, k, c, use, t))
        return refuse(m, c, "this purpose is not for this caller", reterr_error);
    key = pair_find(k, c->algorithm, c->label,
                    c->pair    ? c->pair
                    : decrypts ? KEY_USAGE_ENCRYPTION
                               : KEY_USAGE_SIGNATURE);
    if (!key)
        return no_such_key(reterr_error);
    if (purpose_is_evidence(t->purpose) && c->certificate.iov_len > 0 && !c->pair)
        key = key_of_certificate(k, key, &c->certificate);
    t->key = key_ref(key);
    if (typed_sign_permitted(t, k->store, k->rights, &reason) < 0)
        return refuse(m, c, reason, reterr_error);
    if (c->certificate.iov_base && !purpose_is_evidence(t->purpose))
        return sd_bus_error_setf(reterr_error, ERROR_MALFORMED, "%s: this purpose has no context",
                                 c->purpose);
    return 0;
}

static int work_set_digest(sd_bus_message *m, const SignCall *c, TypedSign *t,
                           sd_bus_error *reterr_error)
{
    if (digest_from_string(c->digest, &t->digest) < 0)
        return refuse(m, c,
                      "the digest has to be sha256, sha384 or sha512, for rsa keys in TLS with "
                      "-pss, or empty for "
                      "ed25519",
                      reterr_error);
    if (!key_algorithm_takes_digest(t->key->algorithm, t->digest))
        return refuse(m, c, "the key does not sign that digest", reterr_error);
    return 0;
}

static int work_take_certificate(const SignCall *c, TypedSign *t, sd_bus_error *reterr_error)
{
    if (c->certificate.iov_len > CERTIFICATE_SIZE_MAX)
        return sd_bus_error_setf(reterr_error, ERROR_TOO_LARGE, "The certificate is over %u bytes",
                                 CERTIFICATE_SIZE_MAX);
    if (c->certificate.iov_len > 0) {
        t->certificate = malloc(c->certificate.iov_len);
        if (!t->certificate)
            return -ENOMEM;
        memcpy(t->certificate, c->certificate.iov_base, c->certificate.iov_len);
        t->certificate_size = c->certificate.iov_len;
    }
    return 0;
}

static int work_take_input(const SignCall *c, TypedSign *t, sd_bus_error *reterr_error)
{
    int r;

    r = typed_sign_take_input(t, c->to_be_signed, c->offset);
    if (r == -EMSGSIZE)
        return sd_bus_error_setf(reterr_error, ERROR_TOO_LARGE, "A %s is at most %zu bytes",
                                 purpose_to_string(t->purpose), purpose_size_max(t->purpose));
    if (r < 0)
        return sd_bus_error_setf(reterr_error, ERROR_MALFORMED,
                                 "What is to be signed has to come in a sealed memory file, which "
                                 "does not end before it");
    return 0;
}

static int submitted(int r, sd_bus_error *reterr_error)
{
    if (r == -EDQUOT)
        return sd_bus_error_setf(reterr_error, ERROR_LIMIT_EXCEEDED,
                                 "Too many signatures are under way, wait for some of them");
    return r < 0 ? r : 1;
}

static int work_submit(sd_bus_message *m, Keyd *k, uid_t uid, TypedSign *t,
                       sd_bus_error *reterr_error)
{
    return submitted(sign_pool_submit(k->pool, m, uid, t), reterr_error);
}

/* An envelope may also come through a pipe, while it is made. */
static bool is_streamed(const SignCall *c, const TypedSign *t)
{
    return t->purpose == PURPOSE_ENVELOPE && t->digest != DIGEST_NONE && c->offset == 0 &&
           sign_stream_is_pipe(c->to_be_signed);
}

static int work_stream(sd_bus_message *m, Keyd *k, const SignCall *c, uid_t uid, TypedSign *t,
                       sd_bus_error *reterr_error)
{
    return submitted(sign_streams_submit(k->streams, m, uid, t, c->to_be_signed), reterr_error);
}

int keys1_signing_method_sign(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(typed_sign_done) TypedSign t = {0};
    Keyd *k = userdata;
    SignCall c = {0};
    uid_t uid;
    int r;

    r = call_read(m, &c, reterr_error);
    if (r >= 0)
        r = bus_sender_uid(m, &uid);
    if (r >= 0)
        r = work_prepare(m, k, &c, USE_SIGN, &t, reterr_error);
    if (r >= 0)
        r = work_set_digest(m, &c, &t, reterr_error);
    if (r >= 0)
        r = work_take_certificate(&c, &t, reterr_error);
    if (r >= 0 && is_streamed(&c, &t))
        return work_stream(m, k, &c, uid, &t, reterr_error);
    if (r >= 0)
        r = work_take_input(&c, &t, reterr_error);
    if (r < 0)
        return r;
    return work_submit(m, k, uid, &t, reterr_error);
}

/* --- Decrypting ------------------------------------------------------------------------------- */

static int check_unwrap_budget(sd_bus_message *m, const SignCall *c, Key *key,
                               sd_bus_error *reterr_error)
{
    if (unwrap_budget_left(&key->budget, clock_usec(CLOCK_MONOTONIC)))
        return 0;
    log_refusal(m, key->algorithm->name, key->label, c->purpose,
                "too much came that was not encrypted for it");
    return sd_bus_error_setf(reterr_error, ERROR_LIMIT_EXCEEDED,
                             "Too much came that was not encrypted for the key; wait ten minutes");
}

int keys1_signing_method_unwrap_key(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(typed_sign_done) TypedSign t = {0};
    Keyd *k = userdata;
    const void *encrypted;
    size_t encrypted_size;
    SignCall c = {0};
    uint32_t size;
    uid_t uid;
    int r;

    r = sd_bus_message_read(m, "sss", &c.algorithm, &c.label, &c.purpose);
    if (r >= 0)
        r = context_read(m, &c, reterr_error);
    if (r >= 0)
        r = sd_bus_message_read_array(m, 'y', &encrypted, &encrypted_size);
    if (r >= 0)
        r = sd_bus_message_read(m, "u", &size);
    if (r >= 0)
        r = bus_sender_uid(m, &uid);
    if (r >= 0)
        r = work_prepare(m, k, &c, USE_DECRYPT, &t, reterr_error);
    if (r < 0)
        return r;
    if (!unwrap_size_is_valid(size))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The size of a key is 8, 16, 24 or 32 bytes");
    t.unwrapped_size = size;
    r = check_unwrap_budget(m, &c, t.key, reterr_error);
    if (r >= 0)
        r = typed_sign_copy_input(&t, encrypted, encrypted_size);
    if (r == -EMSGSIZE)
        return sd_bus_error_setf(reterr_error, ERROR_TOO_LARGE,
                                 "An encrypted key is at most %zu bytes",
                                 purpose_size_max(t.purpose));
    return r < 0 ? r : work_submit(m, k, uid, &t, reterr_error);
}

static int answer_signature(sd_bus_message *m, const TypedSign *t, const SignOutcome *outcome)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r;

    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_append_array(reply, 'y', outcome->signature, outcome->signature_size);
    if (r >= 0 && purpose_decrypts(t->purpose))
        r = sd_bus_message_sensitive(reply);
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int answer_refusal(sd_bus_message *m, const TypedSign *t, const SignOutcome *outcome)
{
    const char *name = outcome->result == -EBADMSG ? ERROR_MALFORMED : ERROR_PURPOSE_REFUSED;

    log_refusal(m, t->key->algorithm->name, t->key->label, purpose_to_string(t->purpose),
                outcome->reason);
    return sd_bus_reply_method_errorf(m, name, "%s: %s", purpose_to_string(t->purpose),
                                      outcome->reason);
}

void signing_bus_answer(sd_bus_message *m, const TypedSign *t, const SignOutcome *outcome)
{
    int r;

    if (outcome->result >= 0)
        r = answer_signature(m, t, outcome);
    else if (outcome->reason)
        r = answer_refusal(m, t, outcome);
    else
        r = sd_bus_reply_method_errorf(m, error_name_from_errno(outcome->result),
                                       "The signature could not be made: %s",
                                       strerror(-outcome->result));
    if (r < 0)
        log_warning_errno(r, "Failed to answer a call of Sign, ignoring: %m");
}

/* --- Channels --------------------------------------------------------------------------------- */

static int channel_open(sd_bus_message *m, Keyd *k, TypedSign *t, sd_bus_error *reterr_error)
{
    _cleanup_free_ char *user = NULL;
    _cleanup_close_ int fd = -EBADF;
    uid_t uid;
    int r;

    r = bus_sender_uid(m, &uid);
    if (r >= 0)
        r = bus_sender_name(m, &user);
    if (r >= 0)
        r = channels_open(k->channels, uid, user, t, &fd);
    if (r == -EDQUOT)
        return sd_bus_error_setf(reterr_error, ERROR_LIMIT_EXCEEDED,
                                 "Too many channels are open; a user may have %u",
                                 CHANNELS_PER_USER_MAX);
    return r < 0 ? r : sd_bus_reply_method_return(m, "h", fd);
}

int keys1_signing_method_open_channel(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(typed_sign_done) TypedSign t = {0};
    Keyd *k = userdata;
    SignCall c = {0};
    int r;

    r = sd_bus_message_read(m, "sss", &c.algorithm, &c.label, &c.purpose);
    if (r >= 0)
        r = context_read(m, &c, reterr_error);
    if (r >= 0)
        r = work_prepare(m, k, &c, USE_SIGN, &t, reterr_error);
    if (r >= 0)
        r = work_take_certificate(&c, &t, reterr_error);
    return r < 0 ? r : channel_open(m, k, &t, reterr_error);
}

static bool is_same_permission(const TypedSign *a, const TypedSign *b)
{
    return a->n_subjects == b->n_subjects &&
           memcmp(a->subjects, b->subjects, a->n_subjects * sizeof a->subjects[0]) == 0;
}

/* The key that it had, or has had until its successor has proved itself. */
static bool is_in_use(Keyd *k, const Key *key)
{
    const char *algorithm = key->algorithm->name;
    const Key *current = store_find(k->store, algorithm, key->label),
              *previous = store_find_slot(k->store, algorithm, key->label, KEY_PREVIOUS);

    return current &&
           (current == key || current->encryption == key || key_is_same_pair(current, key) ||
            (previous && key_is_same_pair(previous, key)));
}

static bool is_still_permitted(const TypedSign *t, void *userdata)
{
    _cleanup_(typed_sign_done) TypedSign now = {.purpose = t->purpose};
    const char *reason;
    Keyd *k = userdata;

    if (!is_in_use(k, t->key))
        return false;
    if (!purpose_caller(t->purpose) &&
        !is_granted(k, t->granted_to, t->key->algorithm->name, t->key->label, t->purpose))
        return false;
    now.key = key_ref(t->key);
    return typed_sign_permitted(&now, k->store, k->rights, &reason) >= 0 &&
           is_same_permission(&now, t);
}

void signing_bus_check_open(Keyd *k)
{
    channels_check(k->channels, is_still_permitted, k);
    sign_streams_check(k->streams, is_still_permitted, k);
}

static int append_public_key(sd_bus_message *reply, const Key *key)
{
    return sd_bus_message_append_array(reply, 'y', key->public_key, key->public_key_size);
}

static int answer_public_key(sd_bus_message *m, const Key *key, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r;

    if (!key)
        return no_such_key(reterr_error);
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = append_public_key(reply, key);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

int keys1_signing_method_get_public_key(sd_bus_message *m, void *userdata,
                                        sd_bus_error *reterr_error)
{
    const char *algorithm, *label;
    Keyd *k = userdata;
    int r;

    r = sd_bus_message_read(m, "ss", &algorithm, &label);
    return r < 0 ? r
                 : answer_public_key(m, pair_find(k, algorithm, label, KEY_USAGE_SIGNATURE),
                                     reterr_error);
}

int keys1_signing_method_get_pair_public_key(sd_bus_message *m, void *userdata,
                                             sd_bus_error *reterr_error)
{
    const char *algorithm, *label, *pair;
    Keyd *k = userdata;
    int r;

    r = sd_bus_message_read(m, "sss", &algorithm, &label, &pair);
    return r < 0 ? r : answer_public_key(m, pair_find(k, algorithm, label, pair), reterr_error);
}

int keys1_signing_method_get_public_keys(sd_bus_message *m, void *userdata,
                                         sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const Key *signature, *encryption;
    const char *algorithm, *label;
    Keyd *k = userdata;
    int r;

    r = sd_bus_message_read(m, "ss", &algorithm, &label);
    if (r < 0)
        return r;
    signature = pair_find(k, algorithm, label, KEY_USAGE_SIGNATURE);
    encryption = pair_find(k, algorithm, label, KEY_USAGE_ENCRYPTION);
    if (!signature || !encryption)
        return no_such_key(reterr_error);
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = append_public_key(reply, signature);
    if (r >= 0)
        r = append_public_key(reply, encryption);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

/* --- For users whom a grant lets -------------------------------------------------------------- */

int keys1_granted_method_sign(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(typed_sign_done) TypedSign t = {0};
    Keyd *k = userdata;
    SignCall c = {0};
    uid_t uid;
    int r;

    r = sd_bus_message_read(m, "ssssh", &c.algorithm, &c.label, &c.purpose, &c.digest,
                            &c.to_be_signed);
    if (r >= 0)
        r = bus_sender_uid(m, &uid);
    if (r >= 0)
        r = work_prepare(m, k, &c, USE_GRANTED, &t, reterr_error);
    if (r >= 0)
        r = work_set_digest(m, &c, &t, reterr_error);
    if (r >= 0)
        r = work_take_input(&c, &t, reterr_error);
    return r < 0 ? r : work_submit(m, k, uid, &t, reterr_error);
}

int keys1_granted_method_open_channel(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(typed_sign_done) TypedSign t = {0};
    Keyd *k = userdata;
    SignCall c = {0};
    int r;

    r = sd_bus_message_read(m, "sss", &c.algorithm, &c.label, &c.purpose);
    if (r >= 0)
        r = work_prepare(m, k, &c, USE_GRANTED, &t, reterr_error);
    return r < 0 ? r : channel_open(m, k, &t, reterr_error);
}

static int append_granted(sd_bus_message *reply, Keyd *k, const GrantUser *user, const Key *key)
{
    static const char *const names[] = {"tls", "ssh"};
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++) {
        if (!grants_allow(k->grants, user, key->algorithm->name, key->label, names[i]))
            continue;
        r = sd_bus_message_open_container(reply, 'r', "sssay");
        if (r >= 0)
            r = sd_bus_message_append(reply, "sss", key->algorithm->name, key->label, names[i]);
        if (r >= 0)
            r = sd_bus_message_append_array(reply, 'y', key->public_key, key->public_key_size);
        if (r >= 0)
            r = sd_bus_message_close_container(reply);
    }
    return r;
}

int keys1_granted_method_list(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    Keyd *k = userdata;
    GrantUser user;
    uid_t uid;
    bool is_known;
    int r;

    r = bus_sender_uid(m, &uid);
    if (r >= 0)
        r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(sssay)");
    is_known = r >= 0 && grant_user_find(uid, &user);
    for (size_t i = 0; is_known && r >= 0 && i < store_count(k->store); i++)
        r = append_granted(reply, k, &user, store_get(k->store, i));
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

int signing_bus_init(Keyd *k)
{
    int r = server_add_object(k->server, KEYS_PATH, &keys1_signing_interface, k);

    return r < 0 ? r : server_add_object(k->server, KEYS_PATH, &keys1_granted_interface, k);
}
