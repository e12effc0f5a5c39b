/* SPDX-License-Identifier: Apache-2.0 */
#include "envelope.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/provider.h>
#include <sys/mman.h>

#include "atomic-file.h"
#include "eat.h"
#include "json-util.h"
#include "keyd-provider.h"
#include "memfd.h"
#include "openssl-util.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(ECDSA_SIG *, ECDSA_SIG_free);

#define COORDINATE_SIZE_MAX 66U

static const struct Algorithm {
    const char *algorithm, *digest, *jws;
    size_t coordinate_size; /* ECDSA and DSA: of each of the two numbers */
} algorithms[] = {
    {"rsa", "sha256", "RS256", 0},
    {"rsa", "sha384", "RS384", 0},
    {"rsa", "sha512", "RS512", 0},
    /* RFC 7518 section 3.4 ties each curve to one digest. */
    {"ecdsanistp256", "sha256", "ES256", 32},
    {"ecdsanistp384", "sha384", "ES384", 48},
    {"ecdsanistp521", "sha512", "ES512", 66},
    {"ed25519", "", "EdDSA", 0},
    /* A name of our own: JOSE knows no DSA. The two numbers stand as those of ECDSA do. */
    {"dsa", "sha256", "DSA256", 32},
};

static const struct Algorithm *find_algorithm(const char *algorithm, const char *digest)
{
    for (size_t i = 0; i < ELEMENTSOF(algorithms); i++)
        if (streq(algorithms[i].algorithm, algorithm) && streq(algorithms[i].digest, digest))
            return &algorithms[i];
    return NULL;
}

const char *envelope_algorithm(const char *algorithm, const char *digest)
{
    const struct Algorithm *a = find_algorithm(algorithm, digest);

    return a ? a->jws : NULL;
}

/* --- Header ----------------------------------------------------------------------------------- */

static int add_thumbprint(json_object *header, const EnvelopeCertificate *leaf)
{
    _cleanup_free_ char *text = NULL;
    uint8_t digest[32];

    if (EVP_Digest(leaf->der, leaf->size, digest, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    text = base64url_encode(digest, sizeof digest);
    return text ? json_add(header, "x5t#S256", json_object_new_string(text)) : -ENOMEM;
}

/* RFC 7515 section 4.1.6: base64 here, not base64url. */
static int add_chain(json_object *header, const EnvelopeSigner *signer)
{
    json_object *array = json_object_new_array();
    int r = json_add(header, "x5c", array);

    for (size_t i = 0; r >= 0 && i < signer->n_chain; i++) {
        _cleanup_free_ char *text = base64_encode(signer->chain[i].der, signer->chain[i].size);
        json_object *item = text ? json_object_new_string(text) : NULL;

        if (!item || json_object_array_add(array, item) < 0)
            r = -ENOMEM;
    }
    return r;
}

int envelope_add_certificates(json_object *header, const EnvelopeSigner *signer,
                              bool include_certificate)
{
    int r = add_thumbprint(header, &signer->chain[0]);

    return r >= 0 && include_certificate ? add_chain(header, signer) : r;
}

int envelope_header(const EnvelopeSigner *signer, const char *content_type, const char *nonce,
                    int64_t issued_at, bool include_certificate, char **ret)
{
    _cleanup_json_ json_object *header = json_object_new_object();
    const char *text, *jws = envelope_algorithm(signer->algorithm, signer->digest);
    int r;

    if (!jws || signer->n_chain == 0)
        return -EOPNOTSUPP;
    if (!header)
        return -ENOMEM;
    r = json_add(header, "alg", json_object_new_string(jws));
    if (r >= 0)
        r = json_add(header, "typ", json_object_new_string(ENVELOPE_TYPE));
    if (r >= 0 && content_type)
        r = json_add(header, "cty", json_object_new_string(content_type));
    if (r >= 0 && nonce)
        r = json_add(header, "nonce", json_object_new_string(nonce));
    if (r >= 0)
        r = json_add(header, "iat", json_object_new_int64(issued_at));
    if (r >= 0)
        r = envelope_add_certificates(header, signer, include_certificate);
    if (r < 0)
        return r;
    text = json_object_to_json_string_ext(header,
                                          JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    *ret = text ? base64url_encode(text, strlen(text)) : NULL;
    return *ret ? 0 : -ENOMEM;
}

/* --- Payload ---------------------------------------------------------------------------------- */

/* Three bytes become four characters, so that chunks of a multiple of three can be encoded one by
 * one; of a multiple of nine even twice. */
#define CHUNK_SIZE (9U * 21845)
/* In the memory file, what is signed before the payload comes right before it: so that all of it
 * can be handed to keyd as it is. A multiple of all sizes of pages. */
#define HEAD_ROOM 65536

struct EnvelopePayload {
    EnvelopeEncoding encoding;
    int fd;
    uint64_t size;
    size_t used;
    void *mapping; /* from the payload's begin; NULL: there is nothing in it */
    size_t text_size;
    uint8_t chunk[CHUNK_SIZE];
    char text[BASE64URL_SIZE(CHUNK_SIZE)];
};

EnvelopePayload *envelope_payload_new(void)
{
    return envelope_payload_new_encoded(ENVELOPE_BASE64URL);
}

EnvelopePayload *envelope_payload_new_encoded(EnvelopeEncoding encoding)
{
    EnvelopePayload *p = malloc(sizeof *p);

    if (!p)
        return NULL;
    p->encoding = encoding;
    p->size = 0;
    p->used = 0;
    p->mapping = NULL;
    p->text_size = 0;
    p->fd = memfd_new("envelope-payload");
    if (p->fd < 0 || lseek(p->fd, HEAD_ROOM, SEEK_SET) < 0)
        return envelope_payload_free(p);
    return p;
}

EnvelopePayload *envelope_payload_free(EnvelopePayload *p)
{
    if (!p)
        return NULL;
    if (p->mapping)
        (void)munmap(p->mapping, p->text_size);
    closep(&p->fd);
    free(p);
    return NULL;
}

/* end: follows the text before it is encoded again. */
static int write_twice(EnvelopePayload *p, size_t length, const char *end)
{
    _cleanup_free_ char *whole = NULL, *twice = NULL;

    if (asprintf(&whole, "%.*s%s", (int)length, p->text, end) < 0)
        return -ENOMEM;
    twice = base64url_encode(whole, strlen(whole));
    return twice ? write_full(p->fd, twice, strlen(twice)) : -ENOMEM;
}

static int write_chunk(EnvelopePayload *p, const void *data, size_t size, const char *end)
{
    size_t length;

    if (p->encoding == ENVELOPE_RAW)
        return write_full(p->fd, data, size);
    length = base64url_encode_into(data, size, p->text);
    return p->encoding == ENVELOPE_BASE64URL ? write_full(p->fd, p->text, length)
                                             : write_twice(p, length, end);
}

/* What is a whole chunk already is not copied into one. */
int envelope_payload_add(EnvelopePayload *p, const void *data, size_t size)
{
    const uint8_t *in = data;
    int r = 0;

    if (size > ENVELOPE_PAYLOAD_MAX - p->size)
        return -EMSGSIZE;
    p->size += size;
    while (r >= 0 && size > 0) {
        size_t n = CHUNK_SIZE - p->used < size ? CHUNK_SIZE - p->used : size;

        if (n == CHUNK_SIZE)
            r = write_chunk(p, in, n, "");
        else {
            memcpy(p->chunk + p->used, in, n);
            p->used += n;
        }
        if (p->used == CHUNK_SIZE) {
            r = write_chunk(p, p->chunk, CHUNK_SIZE, "");
            p->used = 0;
        }
        in += n;
        size -= n;
    }
    return r;
}

uint64_t envelope_payload_size(const EnvelopePayload *p)
{
    return p->size;
}

uint64_t envelope_payload_size_encoded(EnvelopeEncoding encoding, uint64_t size)
{
    if (encoding == ENVELOPE_RAW)
        return size;
    size = BASE64URL_SIZE(size);
    return encoding == ENVELOPE_BASE64URL ? size : BASE64URL_SIZE(size + STRLEN(EAT_JSON_END));
}

int envelope_payload_finish(EnvelopePayload *p, const char **ret_text, size_t *ret_size)
{
    off_t end;
    int r;

    if (p->used > 0 || (p->encoding == ENVELOPE_BASE64URL_TWICE && !p->mapping)) {
        r = write_chunk(p, p->chunk, p->used, EAT_JSON_END);
        if (r < 0)
            return r;
        p->used = 0;
    }
    end = lseek(p->fd, 0, SEEK_CUR);
    if (end < 0)
        return -errno;
    if (end > HEAD_ROOM && !p->mapping) {
        size_t size = (size_t)end - HEAD_ROOM;
        void *mapping = mmap(NULL, size, PROT_READ, MAP_PRIVATE, p->fd, HEAD_ROOM);

        if (mapping == MAP_FAILED)
            return -errno;
        p->mapping = mapping;
        p->text_size = size;
    }
    *ret_text = p->mapping ? p->mapping : "";
    *ret_size = p->text_size;
    return 0;
}

int envelope_payload_file(const EnvelopePayload *p, off_t *ret_offset)
{
    *ret_offset = HEAD_ROOM;
    return p->fd;
}

int envelope_payload_put_head(EnvelopePayload *p, const void *head, size_t size, size_t *ret_offset)
{
    ssize_t n;

    if (size > HEAD_ROOM)
        return -EMSGSIZE;
    n = pwrite(p->fd, head, size, (off_t)(HEAD_ROOM - size));
    if (n < 0)
        return -errno;
    if ((size_t)n != size)
        return -EIO;
    *ret_offset = HEAD_ROOM - size;
    return memfd_seal(p->fd);
}

/* --- Signature -------------------------------------------------------------------------------- */

int envelope_ecdsa_to_raw(const void *der, size_t size, size_t coordinate_size, uint8_t *ret)
{
    _cleanup_(ECDSA_SIG_freep) ECDSA_SIG *sig = NULL;
    const unsigned char *p = der;

    if (size > LONG_MAX)
        return -EBADMSG;
    sig = d2i_ECDSA_SIG(NULL, &p, (long)size);
    if (!sig || p != (const unsigned char *)der + size) {
        ERR_clear_error();
        return -EBADMSG;
    }
    if (BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret, (int)coordinate_size) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret + coordinate_size, (int)coordinate_size) < 0) {
        ERR_clear_error();
        return -EBADMSG;
    }
    return 0;
}

/* Ed25519 wants its whole input at once, because it goes over it twice. */
static int sign_at_once(EVP_MD_CTX *context, const void *head, size_t head_size,
                        const void *payload, size_t payload_size, void **ret, size_t *ret_size)
{
    size_t size = head_size + payload_size, room = 64;
    _cleanup_free_ uint8_t *input = malloc(size), *signature = malloc(room);

    if (!input || !signature)
        return -ENOMEM;
    memcpy(input, head, head_size);
    memcpy(input + head_size, payload, payload_size);
    if (EVP_DigestSign(context, signature, &room, input, size) != 1)
        return -EIO;
    *ret = TAKE_PTR(signature);
    *ret_size = room;
    return 0;
}

static int sign_in_parts(EVP_MD_CTX *context, const void *head, size_t head_size,
                         const void *payload, size_t payload_size, void **ret, size_t *ret_size)
{
    _cleanup_free_ uint8_t *signature = NULL;
    size_t room = 0;

    if (EVP_DigestSignUpdate(context, head, head_size) != 1 ||
        EVP_DigestSignUpdate(context, payload, payload_size) != 1 ||
        EVP_DigestSignFinal(context, NULL, &room) != 1)
        return -EIO;
    signature = malloc(room);
    if (!signature)
        return -ENOMEM;
    if (EVP_DigestSignFinal(context, signature, &room) != 1)
        return -EIO;
    *ret = TAKE_PTR(signature);
    *ret_size = room;
    return 0;
}

/* r||s in the place of DER. */
static int make_raw(size_t coordinate_size, void **signature, size_t *size)
{
    uint8_t *raw = malloc(2 * coordinate_size);
    int r = raw ? envelope_ecdsa_to_raw(*signature, *size, coordinate_size, raw) : -ENOMEM;

    if (r < 0) {
        free(raw);
        return r;
    }
    free(*signature);
    *signature = raw;
    *size = 2 * coordinate_size;
    return 0;
}

/* A key of keyd's, to which a memory file is given. */
static bool takes_files(const EVP_PKEY *key)
{
    const OSSL_PROVIDER *provider = EVP_PKEY_get0_provider(key);

    return provider && streq(OSSL_PROVIDER_get0_name(provider), KEYD_PROVIDER_NAME);
}

static int sign_in_place(EVP_MD_CTX *context, EnvelopePayload *payload, size_t offset, void **ret,
                         size_t *ret_size)
{
    _cleanup_free_ uint8_t *signature = NULL;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(KEYD_PARAM_INPUT_FILE, &payload->fd),
        OSSL_PARAM_construct_size_t(KEYD_PARAM_INPUT_OFFSET, &offset),
        OSSL_PARAM_construct_end(),
    };
    size_t room = 0;

    if (EVP_PKEY_CTX_set_params(EVP_MD_CTX_get_pkey_ctx(context), params) != 1 ||
        EVP_DigestSign(context, NULL, &room, NULL, 0) != 1)
        return -EIO;
    signature = malloc(room);
    if (!signature)
        return -ENOMEM;
    if (EVP_DigestSign(context, signature, &room, NULL, 0) != 1)
        return -EIO;
    *ret = TAKE_PTR(signature);
    *ret_size = room;
    return 0;
}

static int sign_copied(EVP_MD_CTX *context, bool at_once, const void *head, size_t head_size,
                       EnvelopePayload *payload, void **ret, size_t *ret_size)
{
    const char *text;
    size_t size;
    int r = envelope_payload_finish(payload, &text, &size);

    if (r < 0)
        return r;
    return at_once ? sign_at_once(context, head, head_size, text, size, ret, ret_size)
                   : sign_in_parts(context, head, head_size, text, size, ret, ret_size);
}

int envelope_sign_bytes(OSSL_LIB_CTX *context, EVP_PKEY *key, const EnvelopeSigner *signer,
                        const void *head, size_t head_size, EnvelopePayload *payload, void **ret,
                        size_t *ret_size)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();
    const struct Algorithm *a = find_algorithm(signer->algorithm, signer->digest);
    _cleanup_free_ void *signature = NULL;
    size_t size, offset;
    bool at_once;
    int r;

    if (!a)
        return -EOPNOTSUPP;
    if (!md)
        return -ENOMEM;
    at_once = streq(a->digest, "");
    if (EVP_DigestSignInit_ex(md, NULL, at_once ? NULL : a->digest, context, NULL, key, NULL) != 1)
        r = -EIO;
    else if (takes_files(key) && envelope_payload_put_head(payload, head, head_size, &offset) >= 0)
        r = sign_in_place(md, payload, offset, &signature, &size);
    else
        r = sign_copied(md, at_once, head, head_size, payload, &signature, &size);
    if (r >= 0 && a->coordinate_size > 0)
        r = make_raw(a->coordinate_size, &signature, &size);
    if (r < 0) {
        ERR_clear_error();
        return r;
    }
    *ret = TAKE_PTR(signature);
    *ret_size = size;
    return 0;
}

int envelope_sign(OSSL_LIB_CTX *context, EVP_PKEY *key, const EnvelopeSigner *signer,
                  const char *header, EnvelopePayload *payload, char **ret)
{
    _cleanup_free_ void *signature = NULL;
    _cleanup_free_ char *head = NULL;
    size_t size;
    int r;

    if (asprintf(&head, "%s.", header) < 0)
        return -ENOMEM;
    r = envelope_sign_bytes(context, key, signer, head, strlen(head), payload, &signature, &size);
    if (r < 0)
        return r;
    *ret = base64url_encode(signature, size);
    return *ret ? 0 : -ENOMEM;
}

int envelope_signature(const EnvelopeSigner *signer, const void *signature, size_t size, char **ret)
{
    const struct Algorithm *a = find_algorithm(signer->algorithm, signer->digest);
    uint8_t raw[2 * COORDINATE_SIZE_MAX];
    int r;

    if (!a)
        return -EOPNOTSUPP;
    if (a->coordinate_size > 0) {
        r = envelope_ecdsa_to_raw(signature, size, a->coordinate_size, raw);
        if (r < 0)
            return r;
        signature = raw;
        size = 2 * a->coordinate_size;
    }
    *ret = base64url_encode(signature, size);
    return *ret ? 0 : -ENOMEM;
}

int envelope_write(int (*write)(void *userdata, const void *data, size_t size), void *userdata,
                   const char *header, const char *payload, size_t payload_size,
                   const char *signature)
{
    const struct {
        const char *text;
        size_t size;
    } parts[] = {
        {"{\"payload\":\"", STRLEN("{\"payload\":\"")},
        {payload, payload_size},
        {"\",\"protected\":\"", STRLEN("\",\"protected\":\"")},
        {header, strlen(header)},
        {"\",\"signature\":\"", STRLEN("\",\"signature\":\"")},
        {signature, strlen(signature)},
        {"\"}\n", STRLEN("\"}\n")},
    };

    for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
        int r = write(userdata, parts[i].text, parts[i].size);

        if (r < 0)
            return r;
    }
    return 0;
}
