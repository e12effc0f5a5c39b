/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh-input.h"

#include "ssh-wire.h"

#define USER_MAX 255U
#define HOSTBOUND "publickey-hostbound-v00@openssh.com"
#define USERAUTH_REQUEST 50U

static int refuse(int error, const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return error;
}

/* --- The request ------------------------------------------------------------------------------ */

static bool take_text(DerSpan *input, const char *text)
{
    DerSpan span;

    return ssh_take_string(input, &span) >= 0 && der_is(span, text);
}

static bool take_byte(DerSpan *input, uint8_t byte)
{
    if (input->size < 1 || input->data[0] != byte)
        return false;
    *input = (DerSpan){input->data + 1, input->size - 1};
    return true;
}

/* The hash of the exchange: of SHA-1 to SHA-512. */
static bool take_session(DerSpan *input)
{
    DerSpan session;

    return ssh_take_string(input, &session) >= 0 &&
           (session.size == 20 || session.size == 32 || session.size == 48 || session.size == 64);
}

static bool take_user(DerSpan *input)
{
    DerSpan user;

    return ssh_take_string(input, &user) >= 0 && user.size > 0 && user.size <= USER_MAX &&
           !memchr(user.data, 0, user.size);
}

static const char *signature_name(const Key *key, Digest digest, char *buffer, size_t size)
{
    static const Digest of_curve[] = {DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512};

    switch (key->algorithm->family) {
    case KEY_FAMILY_RSA:
        return digest == DIGEST_SHA256   ? "rsa-sha2-256"
               : digest == DIGEST_SHA512 ? "rsa-sha2-512"
                                         : NULL;
    case KEY_FAMILY_ECDSA:
        if (digest != of_curve[key->bits == 256 ? 0 : key->bits == 384 ? 1 : 2])
            return NULL;
        (void)snprintf(buffer, size, "ecdsa-sha2-%s", ssh_curve_name(key->pkey));
        return buffer;
    case KEY_FAMILY_ED25519:
        return "ssh-ed25519";
    case KEY_FAMILY_DSA:
        break;
    }
    return NULL;
}

int ssh_input_check(DerSpan input, const Key *key, Digest digest, const char **ret_reason)
{
    uint8_t blob[SSH_BLOB_MAX];
    DerSpan method, public_key, host_key;
    size_t blob_size;
    const char *name;
    char buffer[32];
    int r;

    name = signature_name(key, digest, buffer, sizeof buffer);
    if (!name)
        return refuse(-EINVAL, ret_reason, "SSH has no signature of that key and digest");
    r = ssh_public_blob(key->pkey, blob, &blob_size);
    if (r < 0)
        return r;
    if (!take_session(&input) || !take_byte(&input, USERAUTH_REQUEST) || !take_user(&input) ||
        !take_text(&input, "ssh-connection") || ssh_take_string(&input, &method) < 0 ||
        !take_byte(&input, 1))
        return refuse(-EBADMSG, ret_reason, "it is no request to log in over SSH with a key");
    if (!take_text(&input, name))
        return refuse(-EBADMSG, ret_reason,
                      "the signature algorithm is not that of the key and digest");
    if (ssh_take_string(&input, &public_key) < 0)
        return refuse(-EBADMSG, ret_reason, "the public key is missing");
    if (!der_equal(public_key, blob, blob_size))
        return refuse(-EPERM, ret_reason, "the public key is not that of the key");
    if (der_equal(method, HOSTBOUND, STRLEN(HOSTBOUND))) {
        if (ssh_take_string(&input, &host_key) < 0 || host_key.size == 0)
            return refuse(-EBADMSG, ret_reason, "the host's key is missing");
    } else if (!der_equal(method, "publickey", STRLEN("publickey")))
        return refuse(-EBADMSG, ret_reason, "the method is not publickey");
    if (input.size > 0)
        return refuse(-EBADMSG, ret_reason, "something follows the request");
    return 0;
}
