/* SPDX-License-Identifier: Apache-2.0 */
#include "render-key.h"

#include <inttypes.h>

#include "der.h"
#include "json-util.h"
#include "render-fields.h"

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

/* The two numbers of an RSA key's SubjectPublicKeyInfo (RFC 8017, A.1.1), -EBADMSG. */
static int rsa_numbers(const KeyView *key, DerSpan *ret_n, DerSpan *ret_e)
{
    static const uint8_t rsa[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
                                  0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
    DerSpan info, algorithm, bits, numbers;

    if (der_read_only((DerSpan){key->data, key->data_size}, DER_SEQUENCE, &info) < 0 ||
        der_read(&info, DER_SEQUENCE, &algorithm) < 0 || !der_equal(algorithm, rsa, sizeof(rsa)) ||
        der_read_only(info, DER_BIT_STRING, &bits) < 0 || bits.size < 1 || bits.data[0] != 0)
        return -EBADMSG;
    bits = (DerSpan){bits.data + 1, bits.size - 1};
    if (der_read_only(bits, DER_SEQUENCE, &numbers) < 0 ||
        der_read(&numbers, DER_INTEGER, ret_n) < 0 || der_read(&numbers, DER_INTEGER, ret_e) < 0)
        return -EBADMSG;
    return der_end(&numbers);
}

static uint8_t *put_string(uint8_t *p, const void *data, size_t size)
{
    for (unsigned i = 0; i < 4; i++)
        *p++ = (uint8_t)(size >> (24 - 8 * i));
    memcpy(p, data, size);
    return p + size;
}

/* "ssh-rsa AAAA...", for ~/.ssh/authorized_keys elsewhere. NULL for what is no RSA key. */
static char *openssh_line(const KeyView *key)
{
    static const char name[] = "ssh-rsa";
    _cleanup_free_ char *text = NULL;
    uint8_t blob[2048], *q = blob;
    DerSpan n, e;
    char *line;

    if (rsa_numbers(key, &n, &e) < 0 || n.size + e.size > sizeof blob - 64)
        return NULL;
    /* RFC 4253 section 6.6; an mpint is what an INTEGER of DER holds. */
    q = put_string(q, name, STRLEN(name));
    q = put_string(q, e.data, e.size);
    q = put_string(q, n.data, n.size);
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
