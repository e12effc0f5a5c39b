/* SPDX-License-Identifier: Apache-2.0 */
#include "rpm-header.h"

#include "cleanup.h"

/* As in rpm itself. */
#define TAGS_MAX 0xffffU
#define DATA_MAX 0x0fffffffU

#define TAG_NAME 1000U
#define TAG_VERSION 1001U
#define TAG_RELEASE 1002U
#define TAG_EPOCH 1003U
#define TAG_INSTALLTIME 1008U
#define TAG_ARCH 1022U
#define TAG_FILESTATES 1029U
#define TAG_FILEMODES 1030U
#define TAG_FILEDIGESTS 1035U
#define TAG_FILEFLAGS 1037U
#define TAG_DIRINDEXES 1116U
#define TAG_BASENAMES 1117U
#define TAG_DIRNAMES 1118U
#define TAG_FILEDIGESTALGO 5011U

#define TYPE_CHAR 1U
#define TYPE_INT16 3U
#define TYPE_INT32 4U
#define TYPE_STRING 6U
#define TYPE_STRINGS 8U

#define PREAMBLE_SIZE 8U
#define ENTRY_SIZE 16U
#define ENTRIES_AT_ONCE 64U

/* Of the lists of files: a kernel's modules and their folders take less than one megabyte. */
#define LISTS_MAX (UINT32_C(16) << 20)
#define PATH_MAX_SIZE 4096U

typedef struct Header {
    const RpmSource *source;
    uint32_t n_tags, data_offset, data_size;
    RpmPackage *package;
} Header;

typedef struct Entry {
    uint32_t tag, type, offset, count;
} Entry;

static uint32_t read_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void problem(Header *h, const char *text)
{
    if (!h->package->problem)
        h->package->problem = text;
}

static int read_string(Header *h, const Entry *e, RpmField *field)
{
    uint32_t size = h->data_size - e->offset;
    int r;

    /* What rpm changed after the package was built stands in the index a second time, and counts.
     */
    field->size = 0;
    field->data[0] = 0;
    if (e->type != TYPE_STRING || e->count != 1) {
        problem(h, "a field of the wrong type");
        return 0;
    }
    if (size > sizeof field->data)
        size = sizeof field->data;
    r = h->source->read(h->source->userdata, h->data_offset + e->offset, field->data, size);
    if (r < 0)
        return r;
    field->size = strnlen(field->data, size);
    if (field->size == size) {
        field->size = 0;
        problem(h, "a field that is too long");
    } else if (field->size == 0)
        problem(h, "a field without a value");
    field->data[field->size] = 0;
    return 0;
}

static int read_number(Header *h, const Entry *e, uint32_t *value, bool *is_there)
{
    uint8_t bytes[4];
    int r;

    *is_there = false;
    if (e->type != TYPE_INT32 || e->count != 1) {
        problem(h, "a field of the wrong type");
        return 0;
    }
    if (h->data_size - e->offset < sizeof bytes) {
        problem(h, "a field outside of its data");
        return 0;
    }
    r = h->source->read(h->source->userdata, h->data_offset + e->offset, bytes, sizeof bytes);
    if (r < 0)
        return r;
    *value = read_be32(bytes);
    *is_there = true;
    return 0;
}

static int take_entry(Header *h, const Entry *e)
{
    RpmPackage *p = h->package;
    RpmField *field = e->tag == TAG_NAME      ? &p->name
                      : e->tag == TAG_VERSION ? &p->version
                      : e->tag == TAG_RELEASE ? &p->release
                      : e->tag == TAG_ARCH    ? &p->architecture
                                              : NULL;

    if (!field && e->tag != TAG_EPOCH && e->tag != TAG_INSTALLTIME)
        return 0;
    if (e->offset >= h->data_size) {
        problem(h, "a field outside of its data");
        return 0;
    }
    if (field)
        return read_string(h, e, field);
    if (e->tag == TAG_EPOCH)
        return read_number(h, e, &p->epoch, &p->has_epoch);
    return read_number(h, e, &p->install_time, &p->has_install_time);
}

static int read_index(Header *h)
{
    uint8_t buffer[ENTRIES_AT_ONCE * ENTRY_SIZE];

    for (uint32_t done = 0; done < h->n_tags;) {
        uint32_t n = h->n_tags - done < ENTRIES_AT_ONCE ? h->n_tags - done : ENTRIES_AT_ONCE;
        int r = h->source->read(h->source->userdata, PREAMBLE_SIZE + done * ENTRY_SIZE, buffer,
                                n * ENTRY_SIZE);

        for (uint32_t i = 0; r >= 0 && i < n; i++) {
            const uint8_t *p = buffer + (size_t)i * ENTRY_SIZE;
            Entry e = {read_be32(p), read_be32(p + 4), read_be32(p + 8), read_be32(p + 12)};

            r = take_entry(h, &e);
        }
        if (r < 0)
            return r;
        done += n;
    }
    return 0;
}

static void check_package(Header *h)
{
    const RpmPackage *p = h->package;

    /* The keys that rpm keeps as packages have no architecture. */
    if (p->name.size == 0)
        problem(h, "no name");
    else if (p->version.size == 0)
        problem(h, "no version");
    else if (p->release.size == 0)
        problem(h, "no release");
}

int rpm_header_read(const RpmSource *source, RpmPackage *ret)
{
    Header h = {.source = source, .package = ret};
    uint8_t preamble[PREAMBLE_SIZE];
    int r;

    memset(ret, 0, sizeof *ret);
    if (source->size < PREAMBLE_SIZE) {
        problem(&h, "fewer bytes than a header has");
        return 0;
    }
    r = source->read(source->userdata, 0, preamble, sizeof preamble);
    if (r < 0)
        return r;
    h.n_tags = read_be32(preamble);
    h.data_size = read_be32(preamble + 4);
    if (h.n_tags > TAGS_MAX || h.data_size > DATA_MAX ||
        source->size != PREAMBLE_SIZE + h.n_tags * ENTRY_SIZE + h.data_size) {
        problem(&h, "a size that is not its own");
        return 0;
    }
    h.data_offset = PREAMBLE_SIZE + h.n_tags * ENTRY_SIZE;
    r = read_index(&h);
    if (r < 0)
        return r;
    check_package(&h);
    return 0;
}

/* --- Files ------------------------------------------------------------------------------------ */

typedef struct FileLists {
    uint8_t *bytes; /* the whole header */
    uint32_t data_offset, data_size;
    /* The last ones of their tags, which count. */
    Entry names, folders, indexes, digests, flags, modes, states, algorithm;
} FileLists;

static void take_list(FileLists *l, const Entry *e)
{
    const struct {
        uint32_t tag, type;
        Entry *entry;
    } wanted[] = {
        {TAG_BASENAMES, TYPE_STRINGS, &l->names},  {TAG_DIRNAMES, TYPE_STRINGS, &l->folders},
        {TAG_DIRINDEXES, TYPE_INT32, &l->indexes}, {TAG_FILEDIGESTS, TYPE_STRINGS, &l->digests},
        {TAG_FILEFLAGS, TYPE_INT32, &l->flags},    {TAG_FILEMODES, TYPE_INT16, &l->modes},
        {TAG_FILESTATES, TYPE_CHAR, &l->states},   {TAG_FILEDIGESTALGO, TYPE_INT32, &l->algorithm},
    };

    if (e->offset >= l->data_size)
        return;
    for (size_t i = 0; i < ELEMENTSOF(wanted); i++)
        if (e->tag == wanted[i].tag && e->type == wanted[i].type)
            *wanted[i].entry = *e;
}

static int read_lists(const RpmSource *source, FileLists *l)
{
    uint32_t n;
    int r;

    if (source->size < PREAMBLE_SIZE || source->size > LISTS_MAX)
        return -EBADMSG;
    l->bytes = malloc(source->size);
    if (!l->bytes)
        return -ENOMEM;
    r = source->read(source->userdata, 0, l->bytes, source->size);
    if (r < 0)
        return r;
    n = read_be32(l->bytes);
    l->data_size = read_be32(l->bytes + 4);
    if (n > TAGS_MAX || l->data_size > DATA_MAX ||
        source->size != PREAMBLE_SIZE + n * ENTRY_SIZE + l->data_size)
        return -EBADMSG;
    l->data_offset = PREAMBLE_SIZE + n * ENTRY_SIZE;
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *p = l->bytes + PREAMBLE_SIZE + (size_t)i * ENTRY_SIZE;
        const Entry e = {read_be32(p), read_be32(p + 4), read_be32(p + 8), read_be32(p + 12)};

        take_list(l, &e);
    }
    return 0;
}

/* The next string of a list; NULL when there is none. */
static const char *next_string(const FileLists *l, const char *p)
{
    const char *end = (const char *)l->bytes + l->data_offset + l->data_size;

    return p < end && memchr(p, 0, (size_t)(end - p)) ? p : NULL;
}

static const char *first_string(const FileLists *l, const Entry *e)
{
    return (const char *)l->bytes + l->data_offset + e->offset;
}

static int list_folders(const FileLists *l, const char ***ret)
{
    const char *p = first_string(l, &l->folders);
    _cleanup_free_ const char **folders = calloc(l->folders.count + 1, sizeof *folders);

    if (!folders)
        return -ENOMEM;
    for (uint32_t i = 0; i < l->folders.count; i++) {
        p = next_string(l, p);
        if (!p)
            return -EBADMSG;
        folders[i] = p;
        p += strlen(p) + 1;
    }
    *ret = TAKE_PTR(folders);
    return 0;
}

/* Numbers of so many bytes each: as many as there are names, or none at all. */
static bool is_list(const FileLists *l, const Entry *e, uint32_t width)
{
    return e->count == 0 || (e->count == l->names.count && e->count <= l->data_size / width &&
                             e->offset <= l->data_size - width * e->count);
}

static uint32_t number_at(const FileLists *l, const Entry *e, uint32_t width, uint32_t i)
{
    const uint8_t *p = l->bytes + l->data_offset + e->offset + (size_t)width * i;
    uint32_t value = 0;

    if (e->count == 0)
        return 0;
    for (uint32_t k = 0; k < width; k++)
        value = value << 8 | p[k];
    return value;
}

static bool are_lists(const FileLists *l)
{
    return l->indexes.count == l->names.count && l->folders.count <= l->names.count &&
           is_list(l, &l->indexes, 4) && is_list(l, &l->flags, 4) && is_list(l, &l->modes, 2) &&
           is_list(l, &l->states, 1) &&
           (l->digests.count == 0 || l->digests.count == l->names.count) &&
           (l->algorithm.count == 0 ||
            (l->data_size >= 4 && l->algorithm.offset <= l->data_size - 4));
}

/* Strings have to be looked for one after the other. Returns 1 for a file that is left out. */
static int put_file(const FileLists *l, const char *const *folders, uint32_t i, const char **name,
                    const char **digest, int (*put)(void *userdata, const RpmFile *file),
                    void *userdata)
{
    uint32_t folder = number_at(l, &l->indexes, 4, i);
    char path[PATH_MAX_SIZE];
    RpmFile file = {
        .path = path,
        .digest = "",
        .algorithm = l->algorithm.count > 0 ? number_at(l, &l->algorithm, 4, 0) : RPM_DIGEST_MD5,
        .flags = number_at(l, &l->flags, 4, i),
        .state = number_at(l, &l->states, 1, i),
        .mode = (uint16_t)number_at(l, &l->modes, 2, i),
    };
    int r = 0;

    *name = next_string(l, *name);
    if (!*name || folder >= l->folders.count)
        return -EBADMSG;
    if (l->digests.count > 0) {
        *digest = next_string(l, *digest);
        if (!*digest)
            return -EBADMSG;
        file.digest = *digest;
        *digest += strlen(*digest) + 1;
    }
    if (folders[folder][0] == '/' &&
        (size_t)snprintf(path, sizeof path, "%s%s", folders[folder], *name) < sizeof path)
        r = put(userdata, &file);
    else
        r = 1;
    *name += strlen(*name) + 1;
    return r;
}

int rpm_header_files(const RpmSource *source, int (*put)(void *userdata, const RpmFile *file),
                     void *userdata)
{
    _cleanup_free_ const char **folders = NULL;
    FileLists l = {.bytes = NULL};
    int r = read_lists(source, &l), n_left_out = 0;

    /* Packages without files are packages. */
    if (r >= 0 && l.names.count > 0) {
        const char *name = first_string(&l, &l.names), *digest = first_string(&l, &l.digests);

        r = are_lists(&l) ? list_folders(&l, &folders) : -EBADMSG;
        for (uint32_t i = 0; r >= 0 && i < l.names.count; i++) {
            r = put_file(&l, folders, i, &name, &digest, put, userdata);
            n_left_out += r > 0;
        }
    }
    free(l.bytes);
    return r < 0 ? r : n_left_out;
}
