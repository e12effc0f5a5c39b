/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of files of all packages, as a table of keyed hashes: a path takes 12 bytes, whatever
 * its length, and no name can be chosen to collide with another. */
#include <sys/random.h>

#include "collect.h"
#include "dpkg-diversions.h"
#include "dpkg-status.h"
#include "package-owners.h"
#include "packages-rpm.h"

#define STATUS_FILE "var/lib/dpkg/status"
#define PATHS_MAX (UINT32_C(8) << 20)
#define PACKAGES_MAX 100000U
#define SHARED UINT32_MAX /* several packages have it */
#define NONE 0U           /* packages count from 1 */

typedef struct Package {
    char *name, *version;
    InventoryPackageKind kind;
} Package;

/* "/bin" is "usr/bin" where the two are merged; lists of files say either. */
typedef struct Alias {
    const char *folder;
    char target[64];
} Alias;

struct PackageOwners {
    uint64_t key[2];
    uint64_t *hashes;
    uint32_t *values;
    size_t n, room; /* a power of two */
    Package *packages;
    size_t n_packages;
    Diversions diversions;
    Alias aliases[6];
};

/* --- SipHash-2-4 ------------------------------------------------------------------------------ */

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_rounds(uint64_t v[static 4], unsigned n)
{
    while (n-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static uint64_t hash(const uint64_t key[static 2], InventoryText text)
{
    uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                     key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t word, last = (uint64_t)text.size << 56;
    size_t i = 0;

    for (; i + 8 <= text.size; i += 8) {
        memcpy(&word, text.data + i, 8);
        v[3] ^= word;
        sip_rounds(v, 2);
        v[0] ^= word;
    }
    for (size_t k = 0; i + k < text.size; k++)
        last |= (uint64_t)(uint8_t)text.data[i + k] << (8 * k);
    v[3] ^= last;
    sip_rounds(v, 2);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* --- The table -------------------------------------------------------------------------------- */

static size_t slot(const PackageOwners *o, uint64_t h)
{
    size_t i = (size_t)h & (o->room - 1);

    while (o->values[i] != NONE && o->hashes[i] != h)
        i = (i + 1) & (o->room - 1);
    return i;
}

static int grow(PackageOwners *o)
{
    PackageOwners larger = *o;

    larger.room = o->room ? o->room * 2 : 4096;
    larger.hashes = calloc(larger.room, sizeof *larger.hashes);
    larger.values = calloc(larger.room, sizeof *larger.values);
    if (!larger.hashes || !larger.values) {
        free(larger.hashes);
        free(larger.values);
        return -ENOMEM;
    }
    for (size_t i = 0; i < o->room; i++)
        if (o->values[i] != NONE) {
            size_t k = slot(&larger, o->hashes[i]);

            larger.hashes[k] = o->hashes[i];
            larger.values[k] = o->values[i];
        }
    free(o->hashes);
    free(o->values);
    *o = larger;
    return 0;
}

static int insert(PackageOwners *o, InventoryText path, uint32_t package)
{
    uint64_t h;
    size_t i;

    if (o->n >= PATHS_MAX)
        return -E2BIG;
    if (o->n * 4 >= o->room * 3) {
        int r = grow(o);

        if (r < 0)
            return r;
    }
    h = hash(o->key, path);
    i = slot(o, h);
    if (o->values[i] == NONE) {
        o->hashes[i] = h;
        o->values[i] = package;
        o->n++;
    } else if (o->values[i] != package)
        /* Packages of two architectures, of one name and version, may share a file. */
        if (o->values[i] == SHARED ||
            !streq(o->packages[o->values[i] - 1].name, o->packages[package - 1].name))
            o->values[i] = SHARED;
    return 0;
}

/* --- dpkg ------------------------------------------------------------------------------------- */

static void read_aliases(PackageOwners *o, int root_fd)
{
    static const char *const folders[ELEMENTSOF(o->aliases)] = {"bin",   "sbin",  "lib",
                                                                "lib32", "lib64", "libx32"};

    for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
        Alias *a = &o->aliases[i];
        ssize_t n = readlinkat(root_fd, folders[i], a->target, sizeof a->target - 1);

        a->folder = folders[i];
        a->target[n > 0 ? n : 0] = 0;
    }
}

static int insert_path(PackageOwners *o, const char *path, uint32_t package)
{
    size_t first = strcspn(path + 1, "/");
    _cleanup_free_ char *resolved = NULL;

    for (size_t i = 0; i < ELEMENTSOF(o->aliases); i++) {
        const Alias *a = &o->aliases[i];

        if (a->target[0] == 0 || strlen(a->folder) != first || path[1 + first] != '/' ||
            strncmp(a->folder, path + 1, first) != 0)
            continue;
        if (asprintf(&resolved, "/%s%s", a->target + (a->target[0] == '/'), path + 1 + first) < 0)
            return -ENOMEM;
        path = resolved;
        break;
    }
    return insert(o, (InventoryText){path, strlen(path)}, package);
}

static int read_list(PackageOwners *o, FILE *f, uint32_t package)
{
    const char *name = o->packages[package - 1].name;
    char line[INVENTORY_PATH_MAX + 2];
    size_t size;
    bool truncated;
    int r;

    while ((r = read_line_bytes(f, line, sizeof line, &size, &truncated)) > 0) {
        const char *path = diversions_find(&o->diversions, line, name);

        /* The inventory has no path that is longer. */
        if (truncated || strlen(line) != size)
            continue;
        if (path[0] == '/' && path[1] != '.' && path[1] != 0 && strlen(path) <= INVENTORY_PATH_MAX)
            r = insert_path(o, path, package);
        if (r < 0)
            break;
    }
    /* What cannot be read is left out. */
    return r == -ENOMEM || r == -E2BIG ? r : 0;
}

static int add_package(PackageOwners *o, InventoryPackageKind kind, const char *name,
                       const char *version)
{
    Package *p;

    if (o->n_packages >= PACKAGES_MAX)
        return -E2BIG;
    if (o->n_packages % 256 == 0) {
        Package *larger = reallocarray(o->packages, o->n_packages + 256, sizeof *larger);

        if (!larger)
            return -ENOMEM;
        o->packages = larger;
    }
    p = &o->packages[o->n_packages++];
    p->kind = kind;
    p->name = strdup(name);
    p->version = strdup(version);
    return p->name && p->version ? 0 : -ENOMEM;
}

static int read_package(PackageOwners *o, int root_fd, const DpkgPackage *p)
{
    char path[2 * DPKG_FIELD_SIZE + 64];
    _cleanup_fclose_ FILE *f = NULL;
    int r;

    if (p->problem || strlen(p->name.data) >= INVENTORY_NAME_MAX ||
        strlen(p->version.data) >= INVENTORY_NAME_MAX)
        return 0;
    (void)snprintf(path, sizeof path, "var/lib/dpkg/info/%s.list", p->name.data);
    if (collect_open(root_fd, path, &f) < 0) {
        if (!dpkg_name_is_valid(&p->architecture))
            return 0;
        (void)snprintf(path, sizeof path, "var/lib/dpkg/info/%s:%s.list", p->name.data,
                       p->architecture.data);
        if (collect_open(root_fd, path, &f) < 0)
            return 0;
    }
    r = add_package(o, INVENTORY_DPKG, p->name.data, p->version.data);
    return r < 0 ? r : read_list(o, f, (uint32_t)o->n_packages);
}

static int read_dpkg(PackageOwners *o, int root_fd)
{
    _cleanup_(dpkg_status_freep) DpkgStatus *status = NULL;
    _cleanup_fclose_ FILE *f = NULL;
    DpkgPackage package;
    int r;

    if (collect_open(root_fd, STATUS_FILE, &f) < 0)
        return 0;
    status = dpkg_status_new(f);
    if (!status)
        return -ENOMEM;
    r = diversions_read(root_fd, &o->diversions);
    while (r >= 0 && dpkg_status_next(status, &package) > 0)
        r = read_package(o, root_fd, &package);
    return r;
}

/* --- rpm -------------------------------------------------------------------------------------- */

typedef struct RpmReading {
    PackageOwners *owners;
    bool is_skipped; /* the files of a package whose name is too long */
} RpmReading;

static int take_rpm(void *userdata, const char *name, const char *version)
{
    RpmReading *reading = userdata;

    reading->is_skipped =
        strlen(name) >= INVENTORY_NAME_MAX || strlen(version) >= INVENTORY_NAME_MAX;
    return reading->is_skipped ? 0 : add_package(reading->owners, INVENTORY_RPM, name, version);
}

static int take_rpm_file(void *userdata, const RpmFile *file)
{
    RpmReading *reading = userdata;
    const char *path = file->path;

    if (reading->is_skipped || path[1] == 0 || strlen(path) > INVENTORY_PATH_MAX)
        return 0;
    return insert_path(reading->owners, path, (uint32_t)reading->owners->n_packages);
}

/* What cannot be read has no files; only a lack of memory, and too many of them, are failures. */
static int read_rpm(PackageOwners *o, int root_fd)
{
    RpmReading reading = {.owners = o};
    const RpmFiles files = {take_rpm, take_rpm_file, &reading};
    int r = rpm_list_files(root_fd, &files);

    return r == -ENOMEM || r == -E2BIG ? r : 0;
}

/* --- Outside ---------------------------------------------------------------------------------- */

PackageOwners *package_owners_free(PackageOwners *o)
{
    if (!o)
        return NULL;
    for (size_t i = 0; i < o->n_packages; i++) {
        free(o->packages[i].name);
        free(o->packages[i].version);
    }
    free(o->packages);
    diversions_done(&o->diversions);
    free(o->hashes);
    free(o->values);
    free(o);
    return NULL;
}

int package_owners_new(int root_fd, PackageOwners **ret)
{
    _cleanup_(package_owners_freep) PackageOwners *o = calloc(1, sizeof *o);
    int r;

    if (!o)
        return -ENOMEM;
    if (getrandom(o->key, sizeof o->key, 0) != (ssize_t)sizeof o->key)
        return -EIO;
    r = grow(o);
    read_aliases(o, root_fd);
    if (r >= 0)
        r = read_dpkg(o, root_fd);
    if (r >= 0)
        r = read_rpm(o, root_fd);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(o);
    return 0;
}

void package_owners_find(const PackageOwners *o, InventoryRecord *r)
{
    uint32_t value = o->values[slot(o, hash(o->key, r->path))];
    const Package *p;

    if (value == NONE || value == SHARED)
        return;
    p = &o->packages[value - 1];
    r->package_kind = p->kind;
    r->package = (InventoryText){p->name, strlen(p->name)};
    r->version = (InventoryText){p->version, strlen(p->version)};
}
