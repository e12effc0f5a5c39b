/* SPDX-License-Identifier: Apache-2.0 */
#include "render-key.h"

#include <inttypes.h>
#include <openssl/core_names.h>

#include "json-util.h"
#include "openssl-util.h"
#include "render-fields.h"
#include "x509-render.h"

/* As in "Type      : RSA General purpose". */
static const char *rsa_usage(const char *usage)
{
    if (streq(usage, "general"))
        return "General purpose";
    if (streq(usage, "signature"))
        return "Signature";
    return streq(usage, "encryption") ? "Encryption" : usage;
}

static bool is_ssh_client(const KeyView *key)
{
    return streq(key->algorithm, "authentication-ssh-rsa");
}

/* "ssh-rsa AAAA...", for ~/.ssh/authorized_keys elsewhere. NULL for what is no RSA key. */
static char *openssh_line(const KeyView *key)
{
    static const char name[] = "ssh-rsa";
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
    _cleanup_(BN_freep) BIGNUM *e = NULL, *n = NULL;
    _cleanup_free_ char *text = NULL;
    const uint8_t *p = key->data;
    uint8_t blob[2048], *q = blob;
    char *line;

    pkey = d2i_PUBKEY(NULL, &p, (long)key->data_size);
    if (!pkey || EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1 ||
        EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
        BN_num_bytes(e) + BN_num_bytes(n) > (int)sizeof blob - 64) {
        ERR_clear_error();
        return NULL;
    }
    /* RFC 4253 section 6.6; an mpint is what BN_bn2mpi() writes. */
    memcpy(q, (const uint8_t[]){0, 0, 0, STRLEN(name)}, 4);
    memcpy(q + 4, name, STRLEN(name));
    q += 4 + STRLEN(name);
    q += BN_bn2mpi(e, q);
    q += BN_bn2mpi(n, q);
    text = base64_encode(blob, (size_t)(q - blob));
    return text && asprintf(&line, "%s %s", name, text) >= 0 ? line : NULL;
}

static void key_type(FILE *f, const KeyView *key)
{
    const char *curve = strncmp(key->algorithm, "ecdsanistp", 10) == 0 ? key->algorithm + 10 : NULL;

    (void)fputs("Type      : ", f);
    if (streq(key->algorithm, "rsa") || is_ssh_client(key)) {
        (void)fputs("RSA ", f);
        render_text(f, rsa_usage(key->usage));
    } else if (curve) {
        (void)fputs("ECDSA General Curve Nistp", f);
        render_text(f, curve);
    } else if (streq(key->algorithm, "ed25519")) {
        (void)fputs("ED25519", f);
    } else if (streq(key->algorithm, "dsa")) {
        (void)fputs("DSA", f);
    } else {
        render_text(f, key->algorithm);
    }
    (void)fputc('\n', f);
}

void render_key(FILE *f, const KeyView *key)
{
    render_field(f, "Key label: ", key->label);
    key_type(f, key);
    fprintf(f, "Size      : %" PRIu32 "\n", key->size);
    render_time_field(f, "Created   : ", (int64_t)(key->created / 1000000));
    if (key->exportable)
        (void)fputs("Exportable: wrapped\n", f);
    (void)fputs("Data      :\n", f);
    render_hex(f, key->data, key->data_size);
    if (is_ssh_client(key)) {
        _cleanup_free_ char *line = openssh_line(key);

        (void)fputs("OpenSSH   :\n", f);
        render_text(f, line ? line : "");
        (void)fputc(' ', f);
        render_text(f, key->label);
        (void)fputc('\n', f);
    }
}

json_object *render_key_json(const KeyView *key)
{
    json_object *o = json_object_new_object();

    render_json_string(o, "label", key->label);
    render_json_string(o, "algorithm", key->algorithm);
    render_json_string(o, "usage", key->usage);
    json_object_object_add(o, "size", json_object_new_int64(key->size));
    json_object_object_add(o, "created", json_object_new_uint64(key->created / 1000000));
    json_object_object_add(o, "exportable", json_object_new_boolean(key->exportable));
    render_json_base64(o, "public-key", key->data, key->data_size);
    if (is_ssh_client(key)) {
        _cleanup_free_ char *line = openssh_line(key);

        render_json_string(o, "openssh-public-key", line);
    }
    return o;
}

void render_user_key(FILE *f, const UserKeyView *key)
{
    static const char *const names[] = {"", "", " second", " third", " fourth"};

    (void)fputs("Key label: ", f);
    render_text(f, key->user);
    fprintf(f, "%s\n", key->slot < ELEMENTSOF(names) ? names[key->slot] : "");
    (void)fputs("Type     : RSA public key authentication\n", f);
    fprintf(f, "Size     : %" PRIu32 "\n", key->size);
    render_time_field(f, "Imported : ", (int64_t)(key->imported / 1000000));
    (void)fputs("Data     : \n ", f);
    render_hex(f, key->data, key->data_size);
}

json_object *render_user_key_json(const UserKeyView *key)
{
    json_object *o = json_object_new_object();

    render_json_string(o, "user", key->user);
    json_object_object_add(o, "slot", json_object_new_int64(key->slot));
    json_object_object_add(o, "size", json_object_new_int64(key->size));
    json_object_object_add(o, "imported", json_object_new_uint64(key->imported / 1000000));
    render_json_base64(o, "public-key", key->data, key->data_size);
    return o;
}

/* --- Certificates ----------------------------------------------------------------------------- */
