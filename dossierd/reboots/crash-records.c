/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel wrote down when it died (pstore, or the firmware's variables that it lies in):
 * kind, time, and the lines that say why. The rest of the log is not for a dossier. */
#include <fcntl.h>
#include <sys/stat.h>

#include "reboot-traces.h"

#define PSTORE "sys/fs/pstore"
#define SAVED "var/lib/systemd/pstore"
#define EFI_VARIABLES "sys/firmware/efi/efivars"
#define RECORDS_MAX 10000U
/* Of so many records the text is read, as far as this. */
#define TEXTS_MAX 256U
#define TEXT_MAX 262144U
#define DEPTH_MAX 2

typedef struct Walk {
    Collect *c;
    unsigned records, texts;
    char *text;
} Walk;

static void write_text(Object *o, Walk *walk, const char *path)
{
    _cleanup_free_ KernelErrors *errors = calloc(1, sizeof *errors);
    _cleanup_fclose_ FILE *f = NULL;
    JsonWriter *w = walk->c->writer;
    KernelDump dump;
    size_t size = 0;
    int r = errors ? collect_open(walk->c->root_fd, path, &f) : -ENOMEM;

    if (r >= 0) {
        size = fread(walk->text, 1, TEXT_MAX, f);
        if (ferror(f))
            r = -EIO;
    }
    if (r < 0) {
        object_missing(o, "kernel-errors", r);
        return;
    }
    if (kernel_dump_parse(walk->text, size, &dump) >= 0) {
        json_begin_object(w, "dump");
        json_write_string(w, "reason", dump.reason);
        json_write_uint64(w, "number", dump.number);
        json_write_uint64(w, "part", dump.part);
        json_end_object(w);
    }
    kernel_errors_scan(errors, walk->text, size);
    reboot_write_kernel_errors(w, errors);
}

static void write_record(Walk *walk, const char *folder, const char *name, const struct stat *st)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    JsonWriter *w = walk->c->writer;
    char path[1024];
    CrashName parsed;
    Object o;

    crash_name_parse(base, &parsed);
    object_begin(&o, walk->c, NULL);
    json_write_stringf(w, "folder", "/%s", folder);
    json_write_bytes(w, "name", name, strlen(name));
    if (st->st_mtim.tv_sec >= 0)
        json_write_time(w, "time",
                        (uint64_t)st->st_mtim.tv_sec * 1000000 +
                            (uint64_t)st->st_mtim.tv_nsec / 1000);
    json_write_string(w, "kind", parsed.kind);
    if (parsed.backend_size > 0)
        json_write_bytes(w, "backend", base + parsed.backend_offset, parsed.backend_size);
    if (S_ISREG(st->st_mode) && streq(parsed.kind, "dmesg") && walk->texts++ < TEXTS_MAX) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, name);
        write_text(&o, walk, path);
    }
    object_end(&o);
}

/* systemd-pstore keeps what belongs together in folders of their own. below: "" or the name of
 * one. */
static int write_records(Walk *walk, const char *folder, const char *below, int depth)
{
    _cleanup_(name_list_free) NameList names = {NULL, 0};
    char path[1024], name[512];
    int r;

    (void)snprintf(path, sizeof path, "%s%s%s", folder, *below ? "/" : "", below);
    r = collect_list(walk->c->root_fd, path, RECORDS_MAX, &names);
    for (size_t i = 0; r >= 0 && i < names.n && !collect_should_stop(walk->c); i++) {
        struct stat st;

        if ((size_t)snprintf(name, sizeof name, "%s%s%s", below, *below ? "/" : "",
                             names.names[i]) >= sizeof name ||
            (size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path ||
            fstatat(walk->c->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            r = write_records(walk, folder, name, depth + 1);
        else if (walk->records++ < RECORDS_MAX)
            write_record(walk, folder, name, &st);
        else
            r = -E2BIG;
    }
    return r;
}

/* The digits and the dash behind them; of at most 11 digits. */
static bool read_field(const char **p, uint64_t *ret)
{
    uint64_t value = 0;
    unsigned n = 0;

    for (; **p >= '0' && **p <= '9' && n < 11; (*p)++, n++)
        value = value * 10 + (uint64_t)(**p - '0');
    if (n == 0 || **p != '-')
        return false;
    (*p)++;
    *ret = value;
    return true;
}

/* "dump-type0-1-2-1700000000-C-...": type, part, count, seconds, compressed or not. */
static void write_variable(Collect *c, const char *name)
{
    static const char beginning[] = "dump-type";
    const char *p = name + STRLEN(beginning);
    uint64_t fields[4]; /* type, part, count, seconds */

    if (strncmp(name, beginning, STRLEN(beginning)) != 0)
        return;
    for (size_t i = 0; i < ELEMENTSOF(fields); i++)
        if (!read_field(&p, &fields[i]))
            return;
    json_begin_object(c->writer, NULL);
    json_write_string(c->writer, "folder", "/" EFI_VARIABLES);
    json_write_bytes(c->writer, "name", name, strlen(name));
    json_write_time(c->writer, "time", fields[3] * 1000000);
    json_write_string(c->writer, "kind", fields[0] == 0 ? "dmesg" : "other");
    json_write_string(c->writer, "backend", "efi");
    json_end_object(c->writer);
}

static int write_variables(Collect *c)
{
    _cleanup_(name_list_free) NameList names = {NULL, 0};
    int r = collect_list(c->root_fd, EFI_VARIABLES, RECORDS_MAX, &names);

    for (size_t i = 0; r >= 0 && i < names.n; i++)
        write_variable(c, names.names[i]);
    return r;
}

/* One place that is there is enough to say that there are none. */
static int worst(const int *results, size_t n)
{
    bool is_there = false;

    for (size_t i = 0; i < n; i++) {
        if (results[i] < 0 && results[i] != -ENOENT)
            return results[i];
        is_there = is_there || results[i] >= 0;
    }
    return is_there ? 0 : -ENOENT;
}

void reboot_write_crash_records(Collect *c)
{
    _cleanup_free_ char *text = malloc(TEXT_MAX);
    Walk walk = {.c = c, .text = text};
    int results[3] = {-ENOMEM, -ENOMEM, -ENOMEM};

    json_begin_object(c->writer, "crash-records");
    json_begin_array(c->writer, "records");
    if (text) {
        results[0] = write_records(&walk, PSTORE, "", 0);
        results[1] = write_records(&walk, SAVED, "", 0);
        results[2] = write_variables(c);
    }
    json_end_array(c->writer);
    reboot_write_outcome(c, worst(results, ELEMENTSOF(results)),
                         "The kernel keeps no records over a reboot (pstore)");
    json_end_object(c->writer);
}
