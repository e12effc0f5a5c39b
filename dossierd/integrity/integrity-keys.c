/* SPDX-License-Identifier: Apache-2.0 */
/* Whose code this machine runs: the databases of Secure Boot, how the kernel takes modules, and
 * which file systems are verified while they are read. */
#include <fcntl.h>
#include <openssl/evp.h>

#include "integrity.h"
#include "signature-list.h"

#define VARIABLES "sys/firmware/efi/efivars/"
#define VARIABLE_SIZE_MAX (4U * 1024 * 1024)
#define ATTRIBUTES_SIZE 4U
#define BLOCK_DEVICES_MAX 4096U
#define MODULE_LINE_SIZE 8192U

/* --- Databases of Secure Boot ----------------------------------------------------------------- */

static const struct {
    const char *name, *guid;
} databases[] = {
    {"PK", "8be4df61-93ca-11d2-aa0d-00e098032b8c"},
    {"KEK", "8be4df61-93ca-11d2-aa0d-00e098032b8c"},
    {"db", "d719b2cb-3d3a-4596-a3bc-dad00e67656f"},
    {"dbx", "d719b2cb-3d3a-4596-a3bc-dad00e67656f"},
    /* Of the first boot loader, shim. */
    {"MokListRT", "605dab50-e046-4300-abb6-3dd810dd8b23"},
    {"MokListXRT", "605dab50-e046-4300-abb6-3dd810dd8b23"},
};

/* A digest as it is; of everything else its digest. */
static void write_signature(JsonWriter *w, const Signature *s)
{
    const char *type = signature_type_name(s->type);
    char guid[SIGNATURE_GUID_TEXT_SIZE];
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size;

    json_begin_object(w, NULL);
    if (!type)
        signature_guid_render(s->type, guid);
    json_write_string(w, "type", type ? type : guid);
    signature_guid_render(s->owner, guid);
    json_write_string(w, "owner", guid);
    if (type && strncmp(type, "sha", 3) == 0)
        json_write_hex(w, "digest", s->data, s->size);
    else if (EVP_Digest(s->data, s->size, digest, &size, EVP_sha256(), NULL) == 1)
        json_write_hex(w, "sha256-fingerprint", digest, size);
    json_end_object(w);
}

/* Returns 1 when the database is there. */
static int write_database(Collect *c, const char *name, const char *guid)
{
    _cleanup_free_ void *data = NULL;
    SignatureReader reader;
    Signature signature;
    char path[256];
    size_t size;
    int r;

    (void)snprintf(path, sizeof path, VARIABLES "%s-%s", name, guid);
    r = collect_read_all(c->root_fd, path, VARIABLE_SIZE_MAX, &data, &size);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (size < ATTRIBUTES_SIZE)
        return -EBADMSG;
    signature_reader_init(&reader, (const uint8_t *)data + ATTRIBUTES_SIZE, size - ATTRIBUTES_SIZE);
    json_begin_object(c->writer, NULL);
    json_write_string(c->writer, "name", name);
    json_begin_array(c->writer, "signatures");
    while ((r = signature_reader_next(&reader, &signature)) > 0)
        write_signature(c->writer, &signature);
    json_end_array(c->writer);
    json_end_object(c->writer);
    return r < 0 ? r : 1;
}

void integrity_secure_boot_databases(Collect *c)
{
    const char *bad = NULL;
    unsigned n = 0;
    int error = 0;

    fact_begin(c, "secure-boot-databases");
    if (faccessat(c->root_fd, "sys/firmware/efi", F_OK, 0) < 0) {
        fact_end(c, RESULT_NOT_AVAILABLE, "The system was not started by UEFI firmware");
        return;
    }
    json_begin_array(c->writer, "value");
    for (size_t i = 0; i < ELEMENTSOF(databases) && !collect_should_stop(c); i++) {
        int r = write_database(c, databases[i].name, databases[i].guid);

        n += r > 0;
        if (r < 0) {
            bad = databases[i].name;
            error = r;
        }
    }
    json_end_array(c->writer);
    if (bad)
        fact_end(c, RESULT_PARTIAL, "EFI variable %s: %s", bad, strerror(-error));
    else if (n == 0)
        fact_end(c, RESULT_NOT_AVAILABLE, "The firmware has no databases of Secure Boot");
    else
        fact_end(c, RESULT_SUCCESS, "%s", "");
}

/* --- Signatures of modules -------------------------------------------------------------------- */

/* The last field of a line of /proc/modules, when it has one: "(OE)". */
static bool is_unsigned(const char *line)
{
    const char *taint = strrchr(line, '(');

    return taint && strchr(taint, 'E');
}

static int write_unsigned_modules(Collect *c)
{
    _cleanup_fclose_ FILE *f = NULL;
    char line[MODULE_LINE_SIZE];
    bool truncated;
    size_t size;
    int r;

    r = collect_open(c->root_fd, "proc/modules", &f);
    if (r < 0)
        return r;
    json_begin_array(c->writer, "unsigned-modules");
    /* The mark stands at the end of the line. */
    while ((r = read_line_bytes(f, line, sizeof line, &size, &truncated)) > 0 && !truncated)
        if (is_unsigned(line)) {
            json_begin_object(c->writer, NULL);
            json_write_bytes(c->writer, "name", line, strcspn(line, " "));
            json_end_object(c->writer);
        }
    json_end_array(c->writer);
    return r > 0 ? -EMSGSIZE : r;
}

void integrity_module_signatures(Collect *c)
{
    char text[16];
    int r, q;

    fact_begin(c, "module-signatures");
    r = collect_read(c->root_fd, "sys/module/module/parameters/sig_enforce", text, sizeof text);
    if (r == -ENOENT) {
        fact_end(c, RESULT_NOT_AVAILABLE, "The kernel does not check signatures of modules");
        return;
    }
    if (r < 0 || (!streq(text, "Y") && !streq(text, "N"))) {
        fact_end_errno(c, r < 0 ? r : -EBADMSG, "/sys/module/module/parameters/sig_enforce");
        return;
    }
    json_begin_object(c->writer, "value");
    json_write_bool(c->writer, "enforced", streq(text, "Y"));
    q = write_unsigned_modules(c);
    json_end_object(c->writer);
    if (q < 0)
        fact_end(c, RESULT_PARTIAL, "/proc/modules: %s", strerror(-q));
    else
        fact_end(c, RESULT_SUCCESS, "%s", "");
}

/* --- Verified file systems -------------------------------------------------------------------- */

#define VERITY_PREFIX "CRYPT-VERITY-"
#define ROOT_HASHES_MAX 2U

typedef struct Verity {
    NameList devices; /* all block devices */
    bool *is_verified;
    size_t n_verified;
    char line[COLLECT_VALUE_SIZE]; /* the kernel's command line */
    const char *names[ROOT_HASHES_MAX], *hashes[ROOT_HASHES_MAX];
    size_t n_hashes;
    int error; /* of what could not be read */
} Verity;

static void verity_done(Verity *v)
{
    name_list_free(&v->devices);
    free(v->is_verified);
}

static int read_uuid(Collect *c, const char *device, char uuid[256])
{
    char path[512];

    if ((size_t)snprintf(path, sizeof path, "sys/block/%s/dm/uuid", device) >= sizeof path)
        return -ENAMETOOLONG;
    return collect_read(c->root_fd, path, uuid, 256);
}

static void find_devices(Collect *c, Verity *v)
{
    int r = collect_list(c->root_fd, "sys/block", BLOCK_DEVICES_MAX, &v->devices);

    if (r >= 0)
        v->is_verified = calloc(v->devices.n + 1, sizeof *v->is_verified);
    if (r < 0 || !v->is_verified) {
        v->error = r < 0 ? r : -ENOMEM;
        return;
    }
    for (size_t i = 0; i < v->devices.n; i++) {
        char uuid[256];

        r = read_uuid(c, v->devices.names[i], uuid);
        if (r < 0 && r != -ENOENT)
            v->error = r;
        v->is_verified[i] = r >= 0 && strncmp(uuid, VERITY_PREFIX, STRLEN(VERITY_PREFIX)) == 0;
        v->n_verified += v->is_verified[i];
    }
}

/* What the kernel was told that the file systems have to be. */
static void find_root_hashes(Collect *c, Verity *v)
{
    static const char *const names[] = {"roothash", "usrhash"};
    char *save = NULL;
    int r = collect_read(c->root_fd, "proc/cmdline", v->line, sizeof v->line);

    if (r < 0) {
        v->error = r;
        return;
    }
    for (char *word = strtok_r(v->line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');

        if (!value)
            continue;
        *value++ = 0;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
            if (streq(word, names[i]) && v->n_hashes < ROOT_HASHES_MAX) {
                v->names[v->n_hashes] = names[i];
                v->hashes[v->n_hashes++] = value;
            }
    }
}

static void write_verified(Collect *c, const Verity *v)
{
    JsonWriter *w = c->writer;

    json_begin_object(w, "value");
    json_begin_array(w, "devices");
    for (size_t i = 0; v->n_verified > 0 && i < v->devices.n; i++) {
        char path[512], uuid[256];
        Object o;

        if (!v->is_verified[i])
            continue;
        object_begin(&o, c, NULL);
        json_write_bytes(w, "device", v->devices.names[i], strlen(v->devices.names[i]));
        if (read_uuid(c, v->devices.names[i], uuid) >= 0)
            json_write_bytes(w, "uuid", uuid, strlen(uuid));
        (void)snprintf(path, sizeof path, "sys/block/%s/dm/name", v->devices.names[i]);
        object_file(&o, "name", c->root_fd, path);
        object_end(&o);
    }
    json_end_array(w);
    json_begin_array(w, "root-hashes");
    for (size_t i = 0; i < v->n_hashes; i++) {
        json_begin_object(w, NULL);
        json_write_string(w, "name", v->names[i]);
        json_write_bytes(w, "value", v->hashes[i], strlen(v->hashes[i]));
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

void integrity_verity_roots(Collect *c)
{
    _cleanup_(verity_done) Verity v = {.error = 0};
    bool any;

    fact_begin(c, "verity-roots");
    find_devices(c, &v);
    find_root_hashes(c, &v);
    any = v.n_verified > 0 || v.n_hashes > 0;
    if (any)
        write_verified(c, &v);
    if (v.error < 0)
        fact_end(c, any ? RESULT_PARTIAL : result_code_from_errno(v.error),
                 "The block devices or the command line of the kernel: %s", strerror(-v.error));
    else if (!any)
        fact_end(c, RESULT_NOT_AVAILABLE, "No file system is verified while it is read");
    else
        fact_end(c, RESULT_SUCCESS, "%s", "");
}
