/* SPDX-License-Identifier: Apache-2.0 */
#include "pki-told.h"

#include "atomic-file.h"

#define FILE_SIZE_MAX (4U << 20)

void pki_told_done(PkiTold *told)
{
    json_object_put(told->notices);
    *told = (PkiTold){};
}

static int parse(const char *text, size_t size, json_object **ret)
{
    _cleanup_json_ json_object *o = NULL;
    int r = json_parse(text, size, &o);

    if (r < 0)
        return r;
    if (!json_object_is_type(o, json_type_object))
        return -EBADMSG;
    json_object_object_foreach(o, key, value)
    {
        uint64_t notice;

        (void)value;
        if (json_get_uint64(o, key, &notice) < 0)
            return -EBADMSG;
    }
    *ret = TAKE_PTR(o);
    return 0;
}

int pki_told_load_at(PkiTold *told, int dirfd)
{
    _cleanup_free_ void *text = NULL;
    size_t size;
    int r = read_state_at(dirfd, PKI_TOLD_FILE, FILE_SIZE_MAX, &text, &size);

    if (r == -ENOENT)
        return 0;
    if (r >= 0) {
        r = parse(text, size, &told->notices);
        r = r < 0 ? state_parse_error(r) : 0;
    }
    if (r == -EBADMSG)
        (void)quarantine_at(dirfd, PKI_TOLD_FILE);
    return r;
}

int pki_told_save_at(const PkiTold *told, int dirfd)
{
    const char *text = json_object_to_json_string_ext(told->notices, JSON_C_TO_STRING_PLAIN);

    return text ? atomic_write_at(dirfd, PKI_TOLD_FILE, text, strlen(text), 0600) : -ENOMEM;
}

int pki_told_update(PkiTold *told, const PkiView *view, void (*tell)(const PkiCertificate *c))
{
    _cleanup_json_ json_object *now = json_object_new_object();
    int r = now ? 0 : -ENOMEM;

    for (size_t i = 0; r >= 0 && i < view->n_certificates; i++) {
        const PkiCertificate *c = &view->certificates[i];
        _cleanup_free_ char *key = NULL;
        uint64_t before;

        if (c->notice == 0)
            continue;
        if (asprintf(&key, "%s/%s", c->trustpoint, c->fingerprint) < 0) {
            key = NULL;
            return -ENOMEM;
        }
        if (!told->notices || json_get_uint64(told->notices, key, &before) < 0)
            before = 0;
        if ((uint64_t)c->notice > before && !json_object_object_get_ex(now, key, NULL))
            tell(c);
        r = json_add(now, key, json_object_new_int64(c->notice));
    }
    if (r < 0 || json_object_equal(told->notices, now))
        return r;
    json_object_put(told->notices);
    told->notices = TAKE_PTR(now);
    return 1;
}
