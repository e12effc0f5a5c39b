/* SPDX-License-Identifier: Apache-2.0 */
/* Only one file at a time is built as a JSON value: memory does not grow with the inventory. */
#include "inventory-read.h"

#include <openssl/evp.h>

#include "json-scan.h"
#include "json-util.h"
#include "openssl-util.h"

#define PART "filesystem-inventory"
#define FILE_TEXT_MAX (16U * INVENTORY_RECORD_MAX)
#define TEXTS 4U

typedef struct Walk {
    const InventoryReader *reader;
    EVP_MD_CTX *content;
    bool seen_part, seen_nodes;
    int error;
    ReadNode node;
    bool node_is_told, seen_snapshots;
    ReadBlock block;
    bool seen_files;
    json_object *members; /* of the block, but for its files */
    uint8_t record[INVENTORY_RECORD_MAX];
} Walk;

static bool fail(Walk *w, int error)
{
    if (w->error == 0)
        w->error = error;
    return false;
}

/* --- Values ----------------------------------------------------------------------------------- */

/* A number that may be missing: then it is 0. */
static bool get_uint(json_object *o, const char *name, uint64_t max, uint64_t *ret)
{
    int r = json_get_uint64(o, name, ret);

    if (r == -ENOENT)
        *ret = 0;
    return r == -ENOENT || (r >= 0 && *ret <= max);
}

/* Base64 of RFC 4648 section 4, with its padding. The caller frees. */
static bool bytes_from_base64(const char *text, void **ret, size_t *ret_size)
{
    size_t n = strlen(text), padding = n - strcspn(text, "=");
    uint8_t *data;

    if (n % 4 != 0 || padding > 2 || n > FILE_TEXT_MAX ||
        strspn(text + n - padding, "=") != padding)
        return false;
    data = malloc(n / 4 * 3 + 1);
    if (!data)
        return false;
    if (EVP_DecodeBlock(data, (const uint8_t *)text, (int)n) != (int)(n / 4 * 3)) {
        free(data);
        return false;
    }
    *ret = data;
    *ret_size = n / 4 * 3 - padding;
    return true;
}

static bool get_digest(json_object *o, const char *name, uint8_t ret[INVENTORY_DIGEST_SIZE])
{
    _cleanup_free_ void *data = NULL;
    const char *text;
    size_t size;

    if (json_get_string(o, name, &text) < 0 || !bytes_from_base64(text, &data, &size) ||
        size != INVENTORY_DIGEST_SIZE)
        return false;
    memcpy(ret, data, INVENTORY_DIGEST_SIZE);
    return true;
}

/* SECONDS.MICROSECONDS, as it stands in the text. */
static bool get_usec(json_object *o, const char *name, uint64_t *ret)
{
    unsigned long long seconds, usec;
    json_object *value;
    const char *text;
    char again[48];

    if (!json_object_object_get_ex(o, name, &value) ||
        !json_object_is_type(value, json_type_double))
        return false;
    text = json_object_get_string(value);
    seconds = strtoull(text, NULL, 10);
    usec = strchr(text, '.') ? strtoull(strchr(text, '.') + 1, NULL, 10) : 0;
    if (seconds > UINT64_MAX / 1000000 - 1 || usec > 999999)
        return false;
    (void)snprintf(again, sizeof again, "%llu.%06llu", seconds, usec);
    *ret = seconds * 1000000 + usec;
    return streq(text, again);
}

static void copy_printable(char *to, size_t size, const char *from)
{
    size_t i = 0;

    for (; i + 1 < size && from[i]; i++)
        to[i] = (char)(from[i] >= ' ' && from[i] != 0x7f ? from[i] : '?');
    to[i] = 0;
}

/* --- One file --------------------------------------------------------------------------------- */

typedef struct Texts {
    void *owned[TEXTS];
    size_t n;
} Texts;

static void texts_done(Texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->owned[i]);
}

/* NAME, or NAME-base64; neither is the empty text. */
static bool get_text(json_object *o, const char *name, size_t max, Texts *texts, InventoryText *ret)
{
    char other[64];
    const char *text;
    size_t size;
    int r = json_get_string(o, name, &text);

    *ret = (InventoryText){"", 0};
    (void)snprintf(other, sizeof other, "%s-base64", name);
    if (r >= 0) {
        *ret = (InventoryText){text, strlen(text)};
        return ret->size <= max && !json_object_object_get_ex(o, other, NULL);
    }
    if (r != -ENOENT)
        return false;
    r = json_get_string(o, other, &text);
    if (r < 0)
        return r == -ENOENT;
    if (texts->n == TEXTS || !bytes_from_base64(text, &texts->owned[texts->n], &size))
        return false;
    *ret = (InventoryText){texts->owned[texts->n++], size};
    return size <= max;
}

static bool get_time(json_object *meta, const char *name, InventoryTime *ret)
{
    json_object *seconds;
    char nsec[32];
    uint64_t n;

    (void)snprintf(nsec, sizeof nsec, "%s-nsec", name);
    if (!json_object_object_get_ex(meta, name, &seconds) ||
        !json_object_is_type(seconds, json_type_int) || !get_uint(meta, nsec, UINT32_MAX, &n))
        return false;
    *ret = (InventoryTime){json_object_get_int64(seconds), (uint32_t)n};
    return true;
}

static bool read_meta(json_object *file, InventoryRecord *r)
{
    uint64_t mode, uid, gid, links;
    json_object *meta;

    if (json_get_object(file, "meta", &meta) < 0 || !get_uint(meta, "mode", UINT32_MAX, &mode) ||
        !get_uint(meta, "uid", UINT32_MAX, &uid) || !get_uint(meta, "gid", UINT32_MAX, &gid) ||
        !get_uint(meta, "links", UINT32_MAX, &links))
        return false;
    r->mode = (uint32_t)mode;
    r->uid = (uint32_t)uid;
    r->gid = (uint32_t)gid;
    r->links = (uint32_t)links;
    return get_uint(meta, "devid", UINT64_MAX, &r->device) &&
           get_uint(meta, "inode", UINT64_MAX, &r->inode) &&
           get_uint(meta, "size", UINT64_MAX, &r->size) &&
           get_uint(meta, "blocks", UINT64_MAX, &r->blocks) &&
           get_uint(meta, "special-devid", UINT64_MAX, &r->special) &&
           get_time(meta, "atime", &r->accessed) && get_time(meta, "mtime", &r->modified) &&
           get_time(meta, "ctime", &r->changed) && get_time(meta, "btime", &r->created);
}

/* One of the words of a list, by its place; 0 when the member is missing. */
static bool get_word(json_object *o, const char *name, const char *const *words, uint8_t *ret)
{
    const char *text;
    int r = json_get_string(o, name, &text);

    *ret = 0;
    if (r < 0)
        return r == -ENOENT;
    for (uint8_t i = 1; words[i]; i++)
        if (streq(words[i], text)) {
            *ret = i;
            return true;
        }
    return false;
}

static bool read_words(json_object *file, InventoryRecord *r)
{
    static const char *const changes[] = {
        "", "created", "contents-modified", "deleted", "meta-data-modified", NULL};
    static const char *const kinds[] = {"", "package-dpkg", "package-rpm", NULL};
    static const char *const algorithms[] = {"", "sha256", "sha256-extents", NULL};
    static const char *const reasons[] = {"", "mount-point", "too-deep", NULL};
    json_object *digest;
    uint8_t not_entered;
    uint64_t error;

    if (!get_word(file, "change-kind", changes, &r->change) ||
        !get_word(file, "package-kind", kinds, &r->package_kind) ||
        !get_word(file, "not-entered", reasons, &not_entered) ||
        !get_uint(file, "errno", UINT16_MAX, &error))
        return false;
    r->flags = (uint8_t)(not_entered == 1   ? INVENTORY_OTHER_SYSTEM
                         : not_entered == 2 ? INVENTORY_TOO_DEEP
                                            : 0);
    r->error = (uint16_t)error;
    if (!json_object_object_get_ex(file, "digest", &digest))
        return true;
    return get_word(digest, "algorithm", algorithms, &r->algorithm) &&
           r->algorithm != INVENTORY_NO_DIGEST && get_digest(digest, "digest-value", r->digest);
}

/* The size of the record, whose bytes are in w->record; 0 when it is none. */
static size_t encode_file(Walk *w, json_object *file)
{
    _cleanup_(texts_done) Texts texts = {.n = 0};
    InventoryRecord r = {.change = 0}, again;
    size_t size;

    if (!json_object_is_type(file, json_type_object) || !read_meta(file, &r) ||
        !read_words(file, &r) || !get_text(file, "name", INVENTORY_PATH_MAX, &texts, &r.path) ||
        !get_text(file, "link-target", INVENTORY_TARGET_MAX, &texts, &r.target) ||
        !get_text(file, "package-name", INVENTORY_NAME_MAX, &texts, &r.package) ||
        !get_text(file, "package-version", INVENTORY_NAME_MAX, &texts, &r.version))
        return 0;
    size = inventory_record_size(&r);
    inventory_record_encode(&r, w->record);
    return inventory_record_decode(w->record, size, &again) == (int)size ? size : 0;
}

static bool on_file(JsonScan *s, void *userdata)
{
    Walk *w = userdata;
    _cleanup_json_ json_object *file = NULL;
    const uint8_t *begin;
    size_t size, used = 0;

    json_scan_blanks(s);
    begin = s->position;
    if (!json_scan_value(s))
        return false;
    size = (size_t)(s->position - begin);
    if (size <= FILE_TEXT_MAX && json_parse((const char *)begin, size, &file) >= 0)
        used = encode_file(w, file);
    w->block.n_files++;
    if (used > 0)
        return EVP_DigestUpdate(w->content, w->record, used) == 1 || fail(w, -ENOMEM);
    if (!w->block.has_odd_file)
        w->block.n_odd = w->block.n_files;
    w->block.has_odd_file = true;
    return true;
}

/* --- One block -------------------------------------------------------------------------------- */

/* A small value, built; twice the same name is refused. */
static bool keep_member(JsonScan *s, const uint8_t *name, size_t name_size, Walk *w)
{
    _cleanup_json_ json_object *value = NULL;
    char key[64];
    const uint8_t *begin;

    json_scan_blanks(s);
    begin = s->position;
    if (!json_scan_value(s) || name_size >= sizeof key)
        return false;
    (void)snprintf(key, sizeof key, "%.*s", (int)name_size, (const char *)name);
    if (json_object_object_get_ex(w->members, key, NULL) ||
        (size_t)(s->position - begin) > FILE_TEXT_MAX ||
        json_parse((const char *)begin, (size_t)(s->position - begin), &value) < 0)
        return false;
    if (json_object_object_add(w->members, key, value) < 0)
        return fail(w, -ENOMEM);
    (void)TAKE_PTR(value);
    return true;
}

static bool on_block_member(JsonScan *s, const uint8_t *name, size_t size, void *userdata)
{
    Walk *w = userdata;

    if (!json_scan_equals(name, size, "files"))
        return keep_member(s, name, size, w);
    if (w->seen_files)
        return false;
    w->seen_files = true;
    return json_scan_array(s, on_file, w);
}

static bool read_about(json_object *o, ReadBlock *b)
{
    InventoryBlock *a = &b->about;
    const char *scope, *type;

    if (json_get_string(o, "snapshot-type", &type) < 0 ||
        json_get_uint64(o, "full-block-no", &a->base) < 0 ||
        json_get_uint64(o, "file-count", &a->n_records) < 0 ||
        !get_usec(o, "snap-time", &a->begin_usec) || !get_usec(o, "snap-end-time", &a->end_usec) ||
        json_get_string(o, "scope", &scope) < 0 || !get_digest(o, "content-digest", a->content) ||
        !get_digest(o, "previous-block-digest", a->previous) ||
        !get_digest(o, "block-digest", b->digest))
        return false;
    return streq(type, a->base == a->number ? "full" : "incremental") &&
           EVP_Digest(scope, strlen(scope), a->scope, NULL, EVP_sha256(), NULL) == 1;
}

static bool tell_node(Walk *w)
{
    int r = w->node_is_told ? 0 : w->reader->node(&w->node, w->reader->userdata);

    w->node_is_told = true;
    return r >= 0 || fail(w, r);
}

static bool on_block(JsonScan *s, void *userdata)
{
    Walk *w = userdata;
    ReadBlock *b = &w->block;
    const char *text;
    bool good;
    int r;

    *b = (ReadBlock){.n_files = 0};
    w->seen_files = false;
    w->members = json_object_new_object();
    if (!w->members || EVP_DigestInit_ex(w->content, EVP_sha256(), NULL) != 1)
        return fail(w, -ENOMEM);
    good = json_scan_object(s, on_block_member, w);
    if (good) {
        b->has_number = json_get_uint64(w->members, "snapshot-block-no", &b->about.number) >= 0 &&
                        b->about.number < INT64_MAX;
        b->has_about = b->has_number && read_about(w->members, b);
        b->is_success =
            json_get_string(w->members, "result-code", &text) >= 0 && streq(text, "Success");
        if (json_get_string(w->members, "reason", &text) >= 0)
            copy_printable(b->reason, sizeof b->reason, text);
        if (EVP_DigestFinal_ex(w->content, b->content, NULL) != 1)
            good = fail(w, -ENOMEM);
    }
    json_object_putp(&w->members);
    w->members = NULL;
    if (!good)
        return false;
    r = w->reader->block(b, w->reader->userdata);
    return r >= 0 || fail(w, r);
}

/* --- Nodes ------------------------------------------------------------------------------------ */

static bool take_number(JsonScan *s, uint64_t *ret)
{
    _cleanup_json_ json_object *value = NULL;
    const uint8_t *begin;

    json_scan_blanks(s);
    begin = s->position;
    if (!json_scan_value(s) ||
        json_parse((const char *)begin, (size_t)(s->position - begin), &value) < 0 ||
        !json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
        return false;
    *ret = json_object_get_uint64(value);
    return *ret < INT64_MAX;
}

static bool on_node_member(JsonScan *s, const uint8_t *name, size_t size, void *userdata)
{
    Walk *w = userdata;
    const uint8_t *text;
    size_t n;

    if (json_scan_equals(name, size, "node-location")) {
        char whole[INVENTORY_NODE_MAX];

        if (w->node_is_told || !json_scan_string(s, &text, &n) || n >= sizeof whole)
            return false;
        (void)snprintf(whole, sizeof whole, "%.*s", (int)n, (const char *)text);
        copy_printable(w->node.name, sizeof w->node.name, whole);
        return true;
    }
    /* What is about the blocks comes before them. */
    if (json_scan_equals(name, size, "first-block"))
        return !w->node_is_told && take_number(s, &w->node.first);
    if (json_scan_equals(name, size, "last-block")) {
        w->node.has_range = true;
        return !w->node_is_told && take_number(s, &w->node.last);
    }
    if (!json_scan_equals(name, size, "snapshots"))
        return json_scan_value(s);
    if (w->seen_snapshots)
        return false;
    w->seen_snapshots = true;
    return tell_node(w) && json_scan_array(s, on_block, w);
}

static bool on_node(JsonScan *s, void *userdata)
{
    Walk *w = userdata;

    w->node = (ReadNode){.first = 0};
    w->node_is_told = w->seen_snapshots = false;
    return json_scan_object(s, on_node_member, w);
}

static bool on_part_member(JsonScan *s, const uint8_t *name, size_t size, void *userdata)
{
    Walk *w = userdata;

    if (!json_scan_equals(name, size, "nodes"))
        return json_scan_value(s);
    if (w->seen_nodes)
        return false;
    w->seen_nodes = true;
    return json_scan_array(s, on_node, w);
}

static bool on_outer_member(JsonScan *s, const uint8_t *name, size_t size, void *userdata)
{
    return json_scan_equals(name, size, PART) ? json_scan_object(s, on_part_member, userdata)
                                              : json_scan_value(s);
}

static bool on_member(JsonScan *s, const uint8_t *name, size_t size, void *userdata)
{
    Walk *w = userdata;

    if (!json_scan_equals(name, size, PART))
        return json_scan_value(s);
    if (w->seen_part)
        return false;
    w->seen_part = true;
    return json_scan_object(s, on_outer_member, w);
}

int inventory_read(const void *payload, size_t size, const InventoryReader *reader)
{
    static const char quoted[] = "\"" PART "\"";
    JsonScan s = {payload, (const uint8_t *)payload + size};
    Walk *w;
    int r = 0;

    /* Most dossiers have none. */
    if (size == 0 || !memmem(payload, size, quoted, STRLEN(quoted)))
        return 0;
    w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    w->reader = reader;
    w->content = EVP_MD_CTX_new();
    if (!w->content)
        r = -ENOMEM;
    else if (!json_scan_object(&s, on_member, w))
        r = w->error < 0 ? w->error : -EBADMSG;
    EVP_MD_CTX_free(w->content);
    free(w);
    return r;
}
