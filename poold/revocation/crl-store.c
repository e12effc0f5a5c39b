/* SPDX-License-Identifier: Apache-2.0 */
/* crl-SLOT.json: {"format": 1, "url": text, "fetched": seconds, "signer": base64, "crl": base64}.
 * The signature is checked again when it is read, so that no flipped bit goes unnoticed. */
#include "crl-store.h"

#include <fcntl.h>

#include "atomic-file.h"
#include "crl-cache.h"
#include "json-util.h"
#include "pem.h"
#include "x509-render.h"

#define FORMAT 1U
/* The largest list and a certificate in base64, and what surrounds them. */
#define FILE_SIZE_MAX (CRL_SIZE_MAX * 2U)
#define NAME_SIZE (sizeof CRL_FILE_PREFIX + 2U * CRL_DIGEST_SIZE + sizeof ".json")

static void file_name(const Crl *crl, char ret[NAME_SIZE])
{
    char hex[2 * CRL_DIGEST_SIZE + 1];

    for (size_t i = 0; i < CRL_DIGEST_SIZE; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", (unsigned)crl->slot[i]);
    (void)snprintf(ret, NAME_SIZE, CRL_FILE_PREFIX "%s.json", hex);
}

/* --- Writing ---------------------------------------------------------------------------------- */

static int add_bytes(json_object *o, const char *name, const void *data, size_t size)
{
    _cleanup_free_ char *text = base64_encode(data, size);

    return text ? json_add(o, name, json_object_new_string(text)) : -ENOMEM;
}

int crl_store_write(int dirfd, const Crl *crl, int64_t fetched)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    char name[NAME_SIZE];
    const char *text;
    size_t length;
    int r;

    r = o ? json_add(o, "format", json_object_new_uint64(FORMAT)) : -ENOMEM;
    if (r >= 0)
        r = json_add(o, "url", json_object_new_string(crl->url));
    if (r >= 0)
        r = json_add(o, "fetched", json_object_new_uint64(fetched > 0 ? (uint64_t)fetched : 0));
    if (r >= 0)
        r = add_bytes(o, "signer", crl->signer, crl->signer_size);
    if (r >= 0)
        r = add_bytes(o, "crl", crl->der, crl->der_size);
    if (r < 0)
        return r;
    text = json_object_to_json_string_length(
        o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
    if (!text)
        return -ENOMEM;
    file_name(crl, name);
    return atomic_write_at(dirfd, name, text, length, 0600);
}

int crl_store_remove(int dirfd, const Crl *crl)
{
    char name[NAME_SIZE];
    int r;

    file_name(crl, name);
    r = atomic_unlink_at(dirfd, name);
    return r == -ENOENT ? 0 : r;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static int get_bytes(json_object *o, const char *name, void **ret, size_t *ret_size)
{
    const char *text;

    if (json_get_string(o, name, &text) < 0)
        return -EBADMSG;
    return pem_decode((DerSpan){(const uint8_t *)text, strlen(text)}, ret, ret_size);
}

static int check_signer(DerSpan der, X509 *signer)
{
    _cleanup_(x509_stack_freep) STACK_OF(X509) *one = sk_X509_new_null();
    _cleanup_(X509_CRL_freep) X509_CRL *list = NULL;
    const char *reason;
    int r;

    if (!one || !X509_up_ref(signer))
        return -ENOMEM;
    if (sk_X509_push(one, signer) <= 0) {
        X509_free(signer);
        return -ENOMEM;
    }
    r = crl_parse(der, &list, &reason);
    if (r < 0)
        return r;
    return crl_find_signer(list, one) ? 0 : -EBADMSG;
}

static int read_object(json_object *o, Crl **ret, int64_t *ret_fetched)
{
    static const char *const members[] = {"format", "url", "fetched", "signer", "crl", NULL};
    _cleanup_free_ void *der = NULL, *signer_der = NULL;
    _cleanup_(X509_freep) X509 *signer = NULL;
    uint64_t format, fetched;
    size_t size, signer_size;
    const char *url, *reason;
    int r;

    if (json_only_members(o, members) < 0 || json_get_uint64(o, "format", &format) < 0 ||
        format != FORMAT || json_get_string(o, "url", &url) < 0 ||
        json_get_uint64(o, "fetched", &fetched) < 0 || fetched > INT64_MAX / 2)
        return -EBADMSG;
    r = get_bytes(o, "signer", &signer_der, &signer_size);
    if (r >= 0)
        r = get_bytes(o, "crl", &der, &size);
    if (r >= 0)
        r = certificate_parse(signer_der, signer_size, &signer);
    if (r >= 0)
        r = check_signer((DerSpan){der, size}, signer);
    if (r >= 0)
        r = crl_new((DerSpan){der, size}, signer, url, ret, &reason);
    if (r >= 0)
        *ret_fetched = (int64_t)fetched;
    return r;
}

static int read_one(int dirfd, const char *name, Crl **ret, int64_t *ret_fetched)
{
    _cleanup_json_ json_object *o = NULL;
    _cleanup_(crl_freep) Crl *crl = NULL;
    _cleanup_free_ void *text = NULL;
    char expected[NAME_SIZE];
    size_t size;
    int r;

    r = read_state_at(dirfd, name, FILE_SIZE_MAX, &text, &size);
    if (r < 0)
        return r;
    r = json_parse(text, size, &o);
    if (r >= 0)
        r = json_object_is_type(o, json_type_object) ? read_object(o, &crl, ret_fetched) : -EBADMSG;
    if (r < 0)
        return state_parse_error(r);
    file_name(crl, expected);
    if (!streq(name, expected))
        return -EBADMSG;
    *ret = TAKE_PTR(crl);
    return 0;
}

static bool is_crl_file(const char *name)
{
    size_t n = strlen(name);

    return n == NAME_SIZE - 2 && strncmp(name, CRL_FILE_PREFIX, STRLEN(CRL_FILE_PREFIX)) == 0 &&
           streq(name + n - STRLEN(".json"), ".json");
}

int crl_store_read(int dirfd, int (*take)(void *userdata, Crl *crl, int64_t fetched),
                   void (*report)(const char *file, int error), void *userdata)
{
    _cleanup_closedir_ DIR *folder = NULL;
    int r = open_folder_at(dirfd, ".", &folder);

    if (r < 0)
        return r;
    for (struct dirent *entry; r >= 0 && (entry = readdir(folder));) {
        _cleanup_(crl_freep) Crl *crl = NULL;
        int64_t fetched = 0;

        if (!is_crl_file(entry->d_name))
            continue;
        r = read_one(dirfd, entry->d_name, &crl, &fetched);
        if (r >= 0)
            r = take(userdata, crl, fetched);
        if (r >= 0 || r == -ENOMEM)
            continue;
        if (report)
            report(entry->d_name, r);
        r = r == -EBADMSG ? quarantine_at(dirfd, entry->d_name) : 0;
    }
    return r;
}
