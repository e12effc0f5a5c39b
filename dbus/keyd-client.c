/* SPDX-License-Identifier: Apache-2.0 */
/* keyd from the view of a worker thread, over connections that worker threads share: none of them
 * is the daemon's own, so that a signature that keyd takes long for blocks nobody else. No channel
 * (keyd/PROTOCOL.md): a daemon signs once in a while, and opening one is a call too. */
#include "keyd-client.h"

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "clock.h"
#include "errors.h"
#include "keyd-provider.h"
#include "keyd-turns.h"
#include "names.h"
#include "openssl-util.h"
#include "worker-bus.h"

/* keyd hashes up to 1 GiB before it answers. */
#define CALL_TIMEOUT_USEC (UINT64_C(120) * 1000000)
/* RSA keys of 4096 bits take their time on small routers. */
#define GENERATION_TIMEOUT_USEC (UINT64_C(900) * 1000000)
#define PUBLIC_KEY_SIZE_MAX 8192U
#define SIGNATURE_SIZE_MAX 8192U

static _Thread_local char last_error[512];
static _Thread_local int last_errno;

const char *keyd_last_error(void)
{
    return last_error;
}

int keyd_last_errno(void)
{
    return last_errno;
}

/* Remembers what went wrong; the sentence is keyd's when keyd said one. */
static int keyd_failed(int r, const sd_bus_error *error)
{
    last_errno = r;
    if (error && sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY))
        (void)snprintf(last_error, sizeof(last_error),
                       "The key daemon has ended meanwhile; try again.");
    else if (error && error->message && error->message[0])
        (void)snprintf(last_error, sizeof(last_error), "%s", error->message);
    else
        (void)snprintf(last_error, sizeof(last_error), "The key daemon can't be reached: %s.",
                       strerror(-r));
    return r;
}

static int call_new_of(sd_bus **ret_bus, sd_bus_message **ret_call, const char *interface,
                       const char *member)
{
    _cleanup_(worker_bus_givep) sd_bus *bus = NULL;
    int r;

    last_error[0] = '\0';
    last_errno = 0;
    r = worker_bus_take(&bus);
    if (r >= 0)
        r = sd_bus_message_new_method_call(bus, ret_call, KEYS_NAME, KEYS_PATH, interface, member);
    if (r < 0)
        return keyd_failed(r, NULL);
    *ret_bus = TAKE_PTR(bus);
    return 0;
}

static int call_new(sd_bus **ret_bus, sd_bus_message **ret_call, const char *member)
{
    return call_new_of(ret_bus, ret_call, KEYS_SIGNING_INTERFACE, member);
}

/* Asks once more when keyd has gone away with the question: it is started again, and whatever is
 * asked here has no effect but its answer. */
static int call_twice(sd_bus *bus, sd_bus_message *call, sd_bus_error *error,
                      sd_bus_message **reply)
{
    int r = sd_bus_call(bus, call, CALL_TIMEOUT_USEC, error, reply);

    if (r >= 0 || !sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY))
        return r;
    sd_bus_error_free(error);
    return sd_bus_call(bus, call, CALL_TIMEOUT_USEC, error, reply);
}

/* Sends the call and copies the byte array that is the whole answer. */
static int call_for_bytes(sd_bus *bus, sd_bus_message *call, size_t max, void **ret_data,
                          size_t *ret_size)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const void *bytes;
    size_t size;
    void *copy;
    int r;

    r = call_twice(bus, call, &error, &reply);
    if (r < 0)
        return keyd_failed(r, &error);
    r = sd_bus_message_read_array(reply, 'y', &bytes, &size);
    if (r >= 0 && (size == 0 || size > max))
        r = -EBADMSG;
    if (r < 0)
        return keyd_failed(r, NULL);
    copy = malloc(size);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, bytes, size);
    *ret_data = copy;
    *ret_size = size;
    return 0;
}

/* --- Public keys ------------------------------------------------------------------------------ */

#define KNOWN_KEYS_MAX 4U

typedef struct KnownKey {
    char *name;
    void *der;
    size_t size;
} KnownKey;

static _Thread_local bool remembering;
static _Thread_local KnownKey known_keys[KNOWN_KEYS_MAX];
static _Thread_local size_t n_known_keys;

static void drop_known_keys(void)
{
    while (n_known_keys > 0) {
        KnownKey *key = &known_keys[--n_known_keys];

        free(key->name);
        free(key->der);
        *key = (KnownKey){NULL};
    }
}

void keyd_remember_keys(void)
{
    remembering = true;
}

void keyd_forget_keys(void)
{
    remembering = false;
    drop_known_keys();
}

static int copy_bytes(const void *data, size_t size, void **ret)
{
    *ret = malloc(size);
    if (!*ret)
        return -ENOMEM;
    memcpy(*ret, data, size);
    return 0;
}

static const KnownKey *find_known(const char *name)
{
    for (size_t i = 0; i < n_known_keys; i++)
        if (streq(known_keys[i].name, name))
            return &known_keys[i];
    return NULL;
}

/* What there is no room or memory for is asked for again. */
static void remember(char **name, const void *der, size_t size)
{
    KnownKey *key = &known_keys[n_known_keys];

    if (n_known_keys == KNOWN_KEYS_MAX || copy_bytes(der, size, &key->der) < 0)
        return;
    key->name = TAKE_PTR(*name);
    key->size = size;
    n_known_keys++;
}

static int ask_public_key(const char *algorithm, const char *label, const char *pair,
                          void **ret_der, size_t *ret_size)
{
    _cleanup_(worker_bus_givep) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r;

    r = call_new(&bus, &call, pair ? "GetPairPublicKey" : "GetPublicKey");
    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "ss", algorithm, label);
    if (r >= 0 && pair)
        r = sd_bus_message_append(call, "s", pair);
    if (r < 0)
        return keyd_failed(r, NULL);
    return call_for_bytes(bus, call, PUBLIC_KEY_SIZE_MAX, ret_der, ret_size);
}

static int remember_pair(sd_bus_message *reply, const char *algorithm, const char *label,
                         const char *pair)
{
    _cleanup_free_ char *name = NULL;
    const void *bytes;
    size_t size;
    int r;

    r = sd_bus_message_read_array(reply, 'y', &bytes, &size);
    if (r >= 0 && (size == 0 || size > PUBLIC_KEY_SIZE_MAX))
        r = -EBADMSG;
    if (r >= 0 && asprintf(&name, "%s %s %s", algorithm, label, pair) < 0) {
        name = NULL;
        r = -ENOMEM;
    }
    if (r < 0)
        return keyd_failed(r, NULL);
    remember(&name, bytes, size);
    return 0;
}

/* Who asks for one pair of a key often asks for the other. */
static int ask_both_pairs(const char *algorithm, const char *label)
{
    _cleanup_(worker_bus_givep) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r;

    r = call_new(&bus, &call, "GetPublicKeys");
    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "ss", algorithm, label);
    if (r >= 0)
        r = call_twice(bus, call, &error, &reply);
    if (r < 0)
        return keyd_failed(r, &error);
    r = remember_pair(reply, algorithm, label, "signature");
    return r < 0 ? r : remember_pair(reply, algorithm, label, "encryption");
}

/* The pair that signs is the one that is meant when none is named. */
static int keyd_get_public_key(const char *algorithm, const char *label, const char *pair,
                               void **ret_der, size_t *ret_size)
{
    _cleanup_free_ char *name = NULL;
    const KnownKey *known;
    int r;

    if (!remembering)
        return ask_public_key(algorithm, label, pair, ret_der, ret_size);
    if (asprintf(&name, "%s %s %s", algorithm, label, pair ? pair : "signature") < 0) {
        name = NULL;
        return keyd_failed(-ENOMEM, NULL);
    }
    known = find_known(name);
    if (!known && !(pair && streq(pair, "next"))) {
        r = ask_both_pairs(algorithm, label);
        if (r < 0)
            return r;
        known = find_known(name);
    }
    if (known) {
        *ret_size = known->size;
        return copy_bytes(known->der, known->size, ret_der);
    }
    r = ask_public_key(algorithm, label, pair, ret_der, ret_size);
    if (r >= 0)
        remember(&name, *ret_der, *ret_size);
    return r;
}

/* --- Calls ------------------------------------------------------------------------------------ */

static int append_certificate(sd_bus_message *call, const KeydReference *reference)
{
    int r = sd_bus_message_open_container(call, 'e', "sv");

    if (r >= 0)
        r = sd_bus_message_append(call, "s", "certificate");
    if (r >= 0)
        r = sd_bus_message_open_container(call, 'v', "ay");
    if (r >= 0)
        r = sd_bus_message_append_array(call, 'y', reference->certificate,
                                        reference->certificate_size);
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    return r < 0 ? r : sd_bus_message_close_container(call);
}

static int append_reference(sd_bus_message *call, const KeydReference *reference)
{
    int r = reference->certificate ? append_certificate(call, reference) : 0;

    return r < 0 || !reference->pair
               ? r
               : sd_bus_message_append(call, "{sv}", "pair", "s", reference->pair);
}

static int append_context(sd_bus_message *call, const KeydReference *reference, size_t offset)
{
    int r = sd_bus_message_open_container(call, 'a', "{sv}");

    if (r >= 0)
        r = append_reference(call, reference);
    if (r >= 0 && offset > 0)
        r = sd_bus_message_append(call, "{sv}", "offset", "t", (uint64_t)offset);
    return r < 0 ? r : sd_bus_message_close_container(call);
}

int keyd_unwrap(const KeydReference *reference, const void *encrypted, size_t encrypted_size,
                void **ret_key)
{
    _cleanup_(keyd_turn_givep) _unused_ bool turn = keyd_turn_take();
    _cleanup_(worker_bus_givep) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    size_t size;
    int r;

    r = call_new(&bus, &call, "UnwrapKey");
    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "sss", reference->algorithm, reference->label,
                              reference->purpose);
    if (r >= 0)
        r = append_context(call, reference, 0);
    if (r >= 0)
        r = sd_bus_message_append_array(call, 'y', encrypted, encrypted_size);
    if (r >= 0)
        r = sd_bus_message_append(call, "u", (uint32_t)reference->key_size);
    if (r >= 0)
        r = sd_bus_message_sensitive(call);
    if (r < 0)
        return keyd_failed(r, NULL);
    r = call_for_bytes(bus, call, reference->key_size, ret_key, &size);
    if (r >= 0 && size != reference->key_size) {
        explicit_bzero(*ret_key, size);
        free(*ret_key);
        return keyd_failed(-EBADMSG, NULL);
    }
    return r;
}

int keyd_sign(const KeydReference *reference, const char *digest, KeydInput input,
              void **ret_signature, size_t *ret_size)
{
    _cleanup_(keyd_turn_givep) _unused_ bool turn = keyd_turn_take();
    _cleanup_(worker_bus_givep) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r;

    r = call_new(&bus, &call, "Sign");
    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "ssss", reference->algorithm, reference->label,
                              reference->purpose, digest);
    if (r >= 0)
        r = append_context(call, reference, input.offset);
    if (r >= 0)
        r = sd_bus_message_append(call, "h", input.fd);
    if (r < 0)
        return keyd_failed(r, NULL);
    return call_for_bytes(bus, call, SIGNATURE_SIZE_MAX, ret_signature, ret_size);
}

/* --- Streams ---------------------------------------------------------------------------------- */

struct KeydStream {
    sd_bus *bus;
    sd_bus_slot *slot;
    int fd;
    int result; /* -EINPROGRESS until there is an answer */
    void *signature;
    size_t size;
};

static int on_stream_answer(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    KeydStream *s = userdata;
    const void *bytes;
    int r;

    if (sd_bus_message_is_method_error(m, NULL)) {
        s->result = keyd_failed(-sd_bus_message_get_errno(m), sd_bus_message_get_error(m));
        return 0;
    }
    r = sd_bus_message_read_array(m, 'y', &bytes, &s->size);
    if (r >= 0 && (s->size == 0 || s->size > SIGNATURE_SIZE_MAX))
        r = -EBADMSG;
    if (r >= 0)
        r = copy_bytes(bytes, s->size, &s->signature);
    s->result = r < 0 ? keyd_failed(r, NULL) : 0;
    return 0;
}

static int stream_call(KeydStream *s, const KeydReference *reference, const char *digest, int fd)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r;

    r = call_new(&s->bus, &call, "Sign");
    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "ssss", reference->algorithm, reference->label,
                              reference->purpose, digest);
    if (r >= 0)
        r = append_context(call, reference, 0);
    if (r >= 0)
        r = sd_bus_message_append(call, "h", fd);
    if (r >= 0)
        r = sd_bus_call_async(s->bus, &s->slot, call, on_stream_answer, s, UINT64_MAX);
    if (r >= 0)
        r = sd_bus_flush(s->bus);
    return r < 0 ? keyd_failed(r, NULL) : 0;
}

int keyd_stream_begin(const char *algorithm, const char *label, const char *digest,
                      const void *certificate, size_t certificate_size, KeydStream **ret)
{
    const KeydReference reference = {.algorithm = (char *)(uintptr_t)algorithm,
                                     .label = (char *)(uintptr_t)label,
                                     .purpose = (char *)(uintptr_t) "envelope",
                                     .certificate = (void *)(uintptr_t)certificate,
                                     .certificate_size = certificate_size};
    _cleanup_(keyd_stream_freep) KeydStream *s = calloc(1, sizeof *s);
    _cleanup_close_ int theirs = -EBADF;
    int fds[2], r;

    if (!s)
        return -ENOMEM;
    s->fd = -EBADF;
    s->result = -EINPROGRESS;
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    theirs = fds[0];
    s->fd = fds[1];
    r = stream_call(s, &reference, digest, theirs);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(s);
    return 0;
}

int keyd_stream_fd(const KeydStream *s)
{
    return s->fd;
}

int keyd_stream_finish(KeydStream *s, void **ret_signature, size_t *ret_size)
{
    uint64_t end = clock_usec(CLOCK_MONOTONIC) + CALL_TIMEOUT_USEC;

    closep(&s->fd);
    s->fd = -EBADF;
    while (s->result == -EINPROGRESS) {
        int r = sd_bus_process(s->bus, NULL);

        if (r == 0) {
            uint64_t now = clock_usec(CLOCK_MONOTONIC);

            r = now < end ? sd_bus_wait(s->bus, end - now) : -ETIMEDOUT;
        }
        if (r < 0)
            return keyd_failed(r, NULL);
    }
    if (s->result < 0)
        return s->result;
    *ret_signature = TAKE_PTR(s->signature);
    *ret_size = s->size;
    return 0;
}

KeydStream *keyd_stream_free(KeydStream *s)
{
    if (!s)
        return NULL;
    sd_bus_slot_unref(s->slot);
    /* Its answer may come yet, and is not for whoever takes the connection next. */
    if (s->bus && s->result == -EINPROGRESS)
        sd_bus_close(s->bus);
    worker_bus_give(s->bus);
    closep(&s->fd);
    free(s->signature);
    free(s);
    return NULL;
}

/* --- Channels --------------------------------------------------------------------------------- */

int keyd_channel_open(const char *algorithm, const char *label, const char *purpose, int *ret_fd)
{
    _cleanup_(worker_bus_givep) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int fd, r;

    r = call_new(&bus, &call, "OpenChannel");
    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "sssa{sv}", algorithm, label, purpose, 0);
    if (r >= 0)
        r = call_twice(bus, call, &error, &reply);
    if (r >= 0)
        r = sd_bus_message_read(reply, "h", &fd);
    if (r < 0)
        return keyd_failed(r, &error);
    /* The message's own is closed with it. */
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return keyd_failed(-errno, NULL);
    *ret_fd = fd;
    return 0;
}

static OSSL_PROVIDER *default_provider, *keyd_provider;

void keyd_provider_context_free(OSSL_LIB_CTX *context)
{
    if (keyd_provider)
        (void)OSSL_PROVIDER_unload(keyd_provider);
    if (default_provider)
        (void)OSSL_PROVIDER_unload(default_provider);
    keyd_provider = default_provider = NULL;
    OSSL_LIB_CTX_free(context);
}

/* Fetching without a property query takes the default provider's algorithms. A key of this provider
 * still finds its own: OpenSSL looks in the key's provider when the key can't be exported to the
 * fetched one, and a private half that is in keyd can't. */
OSSL_LIB_CTX *keyd_provider_context(void)
{
    OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();

    if (context &&
        OSSL_PROVIDER_add_builtin(context, KEYD_PROVIDER_NAME, keyd_provider_init) == 1 &&
        (default_provider = OSSL_PROVIDER_load(context, "default")) &&
        (keyd_provider = OSSL_PROVIDER_load(context, KEYD_PROVIDER_NAME)) &&
        EVP_set_default_properties(context, "?" DEFAULT_QUERY) == 1)
        return context;
    ERR_clear_error();
    keyd_provider_context_free(context);
    return NULL;
}

static const char *key_type(const char *algorithm)
{
    if (streq(algorithm, "rsa"))
        return "RSA";
    if (streq(algorithm, "dsa"))
        return "DSA";
    if (streq(algorithm, "ed25519"))
        return "ED25519";
    if (strncmp(algorithm, "ecdsanistp", STRLEN("ecdsanistp")) == 0)
        return "EC";
    return NULL;
}

/* A key that stands for one in keyd: *params gets the public half added, and an end. */
static int key_from_params(OSSL_LIB_CTX *context, const char *algorithm, OSSL_PARAM *params,
                           size_t n, const void *public_key, size_t public_key_size, EVP_PKEY **ret)
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *maker = NULL;
    EVP_PKEY *key = NULL;

    params[n++] = OSSL_PARAM_construct_octet_string(KEYD_PARAM_PUBLIC_KEY,
                                                    (void *)(uintptr_t)public_key, public_key_size);
    params[n] = OSSL_PARAM_construct_end();
    maker =
        EVP_PKEY_CTX_new_from_name(context, key_type(algorithm), "provider=" KEYD_PROVIDER_NAME);
    if (!maker || EVP_PKEY_fromdata_init(maker) != 1 ||
        EVP_PKEY_fromdata(maker, &key, EVP_PKEY_KEYPAIR, params) != 1) {
        ERR_clear_error();
        return keyd_failed(
            -EBADMSG, &SD_BUS_ERROR_MAKE_CONST(
                          ERROR_MALFORMED, "The key daemon sent a public key that can't be read"));
    }
    *ret = key;
    return 0;
}

static OSSL_PARAM text_param(const char *name, const char *text)
{
    return OSSL_PARAM_construct_utf8_string(name, (char *)(uintptr_t)text, 0);
}

static int key_new(OSSL_LIB_CTX *context, const KeydReference *reference, EVP_PKEY **ret)
{
    _cleanup_free_ void *public_key = NULL;
    size_t public_key_size, key_size = reference->key_size, n = 0;
    OSSL_PARAM params[8];
    int r;

    if (!key_type(reference->algorithm))
        return -EOPNOTSUPP;
    r = keyd_get_public_key(reference->algorithm, reference->label, reference->pair, &public_key,
                            &public_key_size);
    if (r < 0)
        return r;
    params[n++] = text_param(KEYD_PARAM_ALGORITHM, reference->algorithm);
    params[n++] = text_param(KEYD_PARAM_LABEL, reference->label);
    params[n++] = text_param(KEYD_PARAM_PURPOSE, reference->purpose);
    if (reference->pair)
        params[n++] = text_param(KEYD_PARAM_PAIR, reference->pair);
    if (reference->certificate)
        params[n++] = OSSL_PARAM_construct_octet_string(
            KEYD_PARAM_CERTIFICATE, reference->certificate, reference->certificate_size);
    if (key_size > 0)
        params[n++] = OSSL_PARAM_construct_size_t(KEYD_PARAM_KEY_SIZE, &key_size);
    return key_from_params(context, reference->algorithm, params, n, public_key, public_key_size,
                           ret);
}

/* Only read. */
static char *borrow(const char *text)
{
    return (char *)(uintptr_t)text;
}

int keyd_key_new(OSSL_LIB_CTX *context, const char *algorithm, const char *label,
                 const char *purpose, const void *certificate, size_t certificate_size,
                 EVP_PKEY **ret)
{
    const KeydReference reference = {.algorithm = borrow(algorithm),
                                     .label = borrow(label),
                                     .purpose = borrow(purpose),
                                     .certificate = (void *)(uintptr_t)certificate,
                                     .certificate_size = certificate_size};

    return key_new(context, &reference, ret);
}

int keyd_pair_new(OSSL_LIB_CTX *context, const char *algorithm, const char *label, const char *pair,
                  const char *purpose, EVP_PKEY **ret)
{
    const KeydReference reference = {.algorithm = borrow(algorithm),
                                     .label = borrow(label),
                                     .purpose = borrow(purpose),
                                     .pair = borrow(pair)};

    return key_new(context, &reference, ret);
}

int keyd_pair_unwrapper_new(OSSL_LIB_CTX *context, const char *algorithm, const char *label,
                            const char *pair, const char *purpose, size_t key_size, EVP_PKEY **ret)
{
    const KeydReference reference = {.algorithm = borrow(algorithm),
                                     .label = borrow(label),
                                     .purpose = borrow(purpose),
                                     .pair = borrow(pair),
                                     .key_size = key_size};

    return key_new(context, &reference, ret);
}

int keyd_unwrapper_new(OSSL_LIB_CTX *context, const char *label, const char *purpose,
                       size_t key_size, EVP_PKEY **ret)
{
    return keyd_pair_unwrapper_new(context, "rsa", label, "encryption", purpose, key_size, ret);
}

/* --- Rotation --------------------------------------------------------------------------------- */

static int call_rotation(sd_bus_message **ret_call, sd_bus **ret_bus, const char *member,
                         const char *algorithm, const char *label)
{
    _cleanup_(worker_bus_givep) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r;

    drop_known_keys(); /* they are others then */
    r = call_new_of(&bus, &call, KEYS_ROTATION_INTERFACE, member);
    if (r >= 0)
        r = sd_bus_message_append(call, "ss", algorithm, label);
    if (r < 0)
        return keyd_failed(r, NULL);
    *ret_call = TAKE_PTR(call);
    *ret_bus = TAKE_PTR(bus);
    return 0;
}

static int send_rotation(sd_bus *bus, sd_bus_message *call)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = sd_bus_call(bus, call, GENERATION_TIMEOUT_USEC, &error, NULL);

    if (r < 0)
        return keyd_failed(sd_bus_error_has_name(&error, ERROR_NO_SUCH_OBJECT) ? -ENOENT : r,
                           &error);
    return 0;
}

int keyd_rotation_stage(const char *algorithm, const char *label)
{
    _cleanup_(worker_bus_givep) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r = call_rotation(&call, &bus, "Stage", algorithm, label);

    return r < 0 ? r : send_rotation(bus, call);
}

static int exchange(const char *member, const char *algorithm, const char *label,
                    const void *public_key, size_t size)
{
    _cleanup_(worker_bus_givep) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r = call_rotation(&call, &bus, member, algorithm, label);

    if (r >= 0)
        r = sd_bus_message_append_array(call, 'y', public_key, size);
    return r < 0 ? r : send_rotation(bus, call);
}

int keyd_rotation_commit(const char *algorithm, const char *label, const void *public_key,
                         size_t size)
{
    return exchange("Commit", algorithm, label, public_key, size);
}

int keyd_rotation_undo(const char *algorithm, const char *label, const void *public_key,
                       size_t size)
{
    return exchange("Undo", algorithm, label, public_key, size);
}

int keyd_rotation_forget(const char *algorithm, const char *label, const char *which)
{
    _cleanup_(worker_bus_givep) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r = call_rotation(&call, &bus, "Forget", algorithm, label);

    if (r >= 0)
        r = sd_bus_message_append(call, "s", which);
    return r < 0 ? r : send_rotation(bus, call);
}

/* --- Secrets ---------------------------------------------------------------------------------- */

#define SECRET_SIZE_MAX 255U

int keyd_secret_open(const char *purpose, const char *sealed, char **ret)
{
    _cleanup_(worker_bus_givep) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    const void *clear;
    size_t size;
    int r;

    r = call_new_of(&bus, &call, KEYS_SECRETS_INTERFACE, "Open");
    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "ss", purpose, sealed);
    if (r >= 0)
        r = sd_bus_call(bus, call, CALL_TIMEOUT_USEC, &error, &reply);
    if (r >= 0)
        r = sd_bus_message_sensitive(reply);
    if (r >= 0)
        r = sd_bus_message_read_array(reply, 'y', &clear, &size);
    if (r >= 0 && (size == 0 || size > SECRET_SIZE_MAX || memchr(clear, 0, size)))
        r = -EBADMSG;
    if (r < 0)
        return keyd_failed(r, &error);
    *ret = strndup(clear, size);
    return *ret ? 0 : -ENOMEM;
}
