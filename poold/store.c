/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <fcntl.h>
#include <limits.h>

#include "atomic-file.h"
#include "json-util.h"
#include "pem.h"
#include "trust-source.h"

#define TRUST_SOURCE_SUFFIX ".p11-kit"
#define FORMAT 1U
/* The certificates of the largest bundle in base64, and what surrounds them. */
#define STORE_SIZE_MAX (BUNDLE_SIZE_MAX * 2U)

static const AuthorityRules built_in_rules = {.allow_v1 = true, .allow_expired = true};

/* --- Built-in --------------------------------------------------------------------------------- */

int store_read_built_in(const char *path, AuthorityList *list)
{
    _cleanup_(authority_list_freep) AuthorityList *found = NULL;
    _cleanup_free_ char *resolved = NULL;
    _cleanup_free_ void *data = NULL;
    const char *reason;
    size_t size;
    int r;

    /* On some systems the file is a link. */
    resolved = realpath(path, NULL);
    if (!resolved)
        return -errno;
    r = read_file_at(AT_FDCWD, resolved, BUNDLE_SIZE_MAX, &data, &size);
    if (r < 0)
        return r == -EFBIG ? -EMSGSIZE : r;
    r = bundle_parse(data, size, &built_in_rules, &found, &reason);
    if (r < 0)
        return r;
    return authority_list_join(list, found);
}

static bool has_suffix(const char *name, const char *suffix)
{
    const char *dot = strrchr(name, '.');

    return name[0] != '.' && dot && streq(dot, suffix);
}

static int is_vendor_file(const struct dirent *entry)
{
    return has_suffix(entry->d_name, ".pem") || has_suffix(entry->d_name, TRUST_SOURCE_SUFFIX);
}

static int read_trust_source(const char *path, AuthorityList *list)
{
    _cleanup_free_ void *data = NULL;
    size_t size;
    int r = read_file_at(AT_FDCWD, path, BUNDLE_SIZE_MAX, &data, &size);

    if (r < 0)
        return r == -EFBIG ? -EMSGSIZE : r;
    return trust_source_parse((DerSpan){data, size}, &built_in_rules, list);
}

static int read_folder_file(const char *folder, const char *name, AuthorityList *list)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return -ENAMETOOLONG;
    return has_suffix(name, TRUST_SOURCE_SUFFIX) ? read_trust_source(path, list)
                                                 : store_read_built_in(path, list);
}

int store_read_built_in_folder(const char *path, AuthorityList *list, char **ret_name)
{
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, is_vendor_file, alphasort), result = 0;

    if (n < 0)
        return errno == ENOENT ? 0 : -errno;
    for (int i = 0; i < n; i++) {
        int r = read_folder_file(path, entries[i]->d_name, list);

        if (r < 0 && result >= 0) {
            result = r;
            *ret_name = strdup(entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    return result;
}

/* --- Downloaded ------------------------------------------------------------------------------- */

#define DIGEST_TEXT_SIZE 65U

/* Over all that the file says, so that a flipped bit does not go unnoticed: a root's own signature
 * proves nothing. */
static int make_digest(const char *url, const char *etag, const char *signer, uint64_t imported,
                       const AuthorityList *list, char ret[DIGEST_TEXT_SIZE])
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size;
    int ok;

    if (!context)
        return -ENOMEM;
    ok = EVP_DigestInit_ex2(context, EVP_sha256(), NULL) &&
         EVP_DigestUpdate(context, url, strlen(url) + 1) &&
         (!etag || EVP_DigestUpdate(context, etag, strlen(etag) + 1)) &&
         (!signer || EVP_DigestUpdate(context, signer, strlen(signer) + 1)) &&
         EVP_DigestUpdate(context, &imported, sizeof imported);
    for (size_t i = 0; ok && i < list->n; i++)
        ok = EVP_DigestUpdate(context, list->items[i]->der, list->items[i]->der_size);
    if (!ok || !EVP_DigestFinal_ex(context, digest, &size))
        return -EIO;
    for (unsigned i = 0; i < size; i++)
        (void)snprintf(ret + 2 * (size_t)i, 3, "%02x", (unsigned)digest[i]);
    return 0;
}

/* What was once taken stays, whatever the clock says now. */
static int load_certificate(json_object *o, const AuthorityList *known, AuthorityList *list)
{
    const AuthorityRules rules = {.allow_expired = true, .known = known};
    _cleanup_free_ void *der = NULL;
    const char *text;
    size_t size;
    int r;

    if (!json_object_is_type(o, json_type_string))
        return -EBADMSG;
    text = json_object_get_string(o);
    r = pem_decode((DerSpan){(const uint8_t *)text, strlen(text)}, &der, &size);
    if (r < 0)
        return r;
    return authority_list_add(list, der, size, &rules);
}

static int load_certificates(json_object *certificates, const AuthorityList *known,
                             AuthorityList *list)
{
    size_t n = json_object_array_length(certificates);

    if (n == 0 || n > BUNDLE_CERTIFICATES_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < n; i++) {
        int r = load_certificate(json_object_array_get_idx(certificates, i), known, list);

        if (r < 0)
            return r;
    }
    return 0;
}

static int load_object(json_object *o, const AuthorityList *known, AuthorityList *list,
                       StoreOrigin *ret)
{
    static const char *const members[] = {"format",   "url",          "etag",   "signer",
                                          "imported", "certificates", "sha256", NULL};
    const char *url, *etag = NULL, *signer = NULL, *digest;
    json_object *certificates;
    char expected[DIGEST_TEXT_SIZE];
    uint64_t format, imported;
    int r;

    if (json_only_members(o, members) < 0 || json_get_uint64(o, "format", &format) < 0 ||
        format != FORMAT || json_get_string(o, "url", &url) < 0 ||
        json_get_string(o, "etag", &etag) == -EBADMSG ||
        json_get_string(o, "signer", &signer) == -EBADMSG ||
        json_get_uint64(o, "imported", &imported) < 0 || imported > INT64_MAX ||
        json_get_array(o, "certificates", &certificates) < 0 ||
        json_get_string(o, "sha256", &digest) < 0)
        return -EBADMSG;
    r = load_certificates(certificates, known, list);
    if (r >= 0)
        r = make_digest(url, etag, signer, imported, list, expected);
    if (r < 0)
        return r;
    /* The pool is one entity: with one of its certificates unreadable, it is not what was imported.
     */
    if (authority_list_rejected(list) > 0 || !streq(digest, expected))
        return -EBADMSG;
    ret->url = strdup(url);
    ret->etag = etag ? strdup(etag) : NULL;
    ret->signer = signer ? strdup(signer) : NULL;
    ret->imported = (int64_t)imported;
    return ret->url && (ret->etag || !etag) && (ret->signer || !signer) ? 0 : -ENOMEM;
}

void store_origin_done(StoreOrigin *origin)
{
    free(origin->url);
    free(origin->etag);
    free(origin->signer);
    *origin = (StoreOrigin){0};
}

int store_load(int dirfd, const AuthorityList *known, AuthorityList **ret, StoreOrigin *ret_origin)
{
    _cleanup_(authority_list_freep) AuthorityList *list = authority_list_new();
    _cleanup_(store_origin_done) StoreOrigin origin = {0};
    _cleanup_json_ json_object *o = NULL;
    _cleanup_free_ void *text = NULL;
    size_t size;
    int r;

    if (!list)
        return -ENOMEM;
    r = read_state_at(dirfd, STORE_FILE, STORE_SIZE_MAX, &text, &size);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r >= 0) {
        r = json_parse(text, size, &o);
        if (r >= 0)
            r = load_object(o, known, list, &origin);
        if (r < 0)
            return state_parse_error(r);
    }
    *ret = TAKE_PTR(list);
    *ret_origin = origin;
    origin = (StoreOrigin){0};
    return 0;
}

static int list_to_json(const AuthorityList *list, json_object **ret)
{
    _cleanup_json_ json_object *array = json_object_new_array();

    for (size_t i = 0; array && i < list->n; i++) {
        _cleanup_free_ char *text = base64_encode(list->items[i]->der, list->items[i]->der_size);
        json_object *string = text ? json_object_new_string(text) : NULL;

        if (!string)
            return -ENOMEM;
        if (json_object_array_add(array, string) < 0) {
            json_object_put(string);
            return -ENOMEM;
        }
    }
    if (!array)
        return -ENOMEM;
    *ret = TAKE_PTR(array);
    return 0;
}

int store_save(int dirfd, const StoreOrigin *origin, const AuthorityList *list)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    uint64_t imported = origin->imported > 0 ? (uint64_t)origin->imported : 0;
    json_object *certificates;
    char digest[DIGEST_TEXT_SIZE];
    const char *text;
    size_t length;
    int r;

    if (!o)
        return -ENOMEM;
    r = make_digest(origin->url, origin->etag, origin->signer, imported, list, digest);
    if (r >= 0)
        r = json_add(o, "format", json_object_new_uint64(FORMAT));
    if (r >= 0)
        r = json_add(o, "url", json_object_new_string(origin->url));
    if (r >= 0 && origin->etag)
        r = json_add(o, "etag", json_object_new_string(origin->etag));
    if (r >= 0 && origin->signer)
        r = json_add(o, "signer", json_object_new_string(origin->signer));
    if (r >= 0)
        r = json_add(o, "imported", json_object_new_uint64(imported));
    if (r >= 0)
        r = list_to_json(list, &certificates);
    if (r >= 0)
        r = json_add(o, "certificates", certificates);
    if (r >= 0)
        r = json_add(o, "sha256", json_object_new_string(digest));
    if (r < 0)
        return r;
    text = json_object_to_json_string_length(
        o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
    if (!text)
        return -ENOMEM;
    return atomic_write_at(dirfd, STORE_FILE, text, length, 0600);
}

int store_clear(int dirfd)
{
    int r = atomic_unlink_at(dirfd, STORE_FILE);

    return r == -ENOENT ? 0 : r;
}
