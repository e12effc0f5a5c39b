/* SPDX-License-Identifier: Apache-2.0 */
/* packages: what the package manager says is installed. */
#include <fcntl.h>
#include <sys/stat.h>

#include "collect.h"
#include "dpkg-status.h"

#define STATUS_FILE "var/lib/dpkg/status"

/* dpkg rewrites the list of a package's files when it unpacks it: its time is the time of the last
 * installation or upgrade. */
static int install_time(int root_fd, const DpkgPackage *p, uint64_t *ret)
{
    char path[2 * DPKG_FIELD_SIZE + 64];
    struct stat st;
    int r;

    (void)snprintf(path, sizeof path, "var/lib/dpkg/info/%s.list", p->name.data);
    r = fstatat(root_fd, path, &st, AT_SYMLINK_NOFOLLOW);
    if (r < 0 && errno == ENOENT && dpkg_name_is_valid(&p->architecture)) {
        (void)snprintf(path, sizeof path, "var/lib/dpkg/info/%s:%s.list", p->name.data,
                       p->architecture.data);
        r = fstatat(root_fd, path, &st, AT_SYMLINK_NOFOLLOW);
    }
    if (r < 0)
        return -errno;
    if (st.st_mtim.tv_sec < 0)
        return -ERANGE;
    *ret = (uint64_t)st.st_mtim.tv_sec * 1000000 + (uint64_t)st.st_mtim.tv_nsec / 1000;
    return 0;
}

static void write_field(JsonWriter *w, const char *name, const DpkgField *f)
{
    if (f->size > 0)
        json_write_bytes(w, name, f->data, f->size);
}

static void write_package(Collect *c, const DpkgPackage *p)
{
    JsonWriter *w = c->writer;
    uint64_t usec;

    json_begin_object(w, NULL);
    write_field(w, "name", &p->name);
    write_field(w, "version", &p->version);
    write_field(w, "architecture", &p->architecture);
    write_field(w, "status", &p->status);
    if (p->problem) {
        json_write_uint64(w, "line", p->line);
        json_write_string(w, "result-code", result_code_to_string(RESULT_FAILED));
        json_write_stringf(w, "reason", "The entry in the package database has %s", p->problem);
        c->n_bad++;
    } else {
        if (install_time(c->root_fd, p, &usec) >= 0)
            json_write_time(w, "install-time", usec);
        c->n_good++;
    }
    json_end_object(w);
}

static int write_dpkg(Collect *c)
{
    _cleanup_fclose_ FILE *f = NULL;
    _cleanup_(dpkg_status_freep) DpkgStatus *status = NULL;
    DpkgPackage package;
    int r;

    r = collect_open(c->root_fd, STATUS_FILE, &f);
    if (r < 0)
        return r;
    status = dpkg_status_new(f);
    if (!status)
        return -ENOMEM;
    json_begin_array(c->writer, "packages");
    while (!collect_should_stop(c) && (r = dpkg_status_next(status, &package)) > 0)
        write_package(c, &package);
    json_end_array(c->writer);
    return r < 0 ? r : 0;
}

static int exists(int root_fd, const char *path)
{
    struct stat st;

    return fstatat(root_fd, path, &st, 0) >= 0;
}

/* The databases of rpm are Berkeley DB, ndb or SQLite files that only librpm reads; where there is
 * one, that is said. */
static void write_rpm(Collect *c)
{
    bool found = exists(c->root_fd, "var/lib/rpm") || exists(c->root_fd, "usr/lib/sysimage/rpm");

    json_begin_object(c->writer, "rpm");
    json_write_string(c->writer, "result-code", result_code_to_string(RESULT_NOT_AVAILABLE));
    json_write_string(c->writer, "reason",
                      found ? "There is an rpm database, which cannot be read here"
                            : "There is no rpm database");
    json_end_object(c->writer);
    c->n_bad += found;
}

void collect_packages(Collect *c)
{
    JsonWriter *w = c->writer;
    int r;

    json_begin_object(w, "dpkg");
    r = write_dpkg(c);
    if (r < 0) {
        ResultCode code = result_code_from_errno(r);

        json_write_string(w, "result-code", result_code_to_string(code));
        json_write_stringf(w, "reason", "/" STATUS_FILE ": %s", strerror(-r));
        collect_result(c, code, "/" STATUS_FILE ": %s", strerror(-r));
    } else {
        bool complete = c->n_bad == 0 && !collect_should_stop(c);

        json_write_string(w, "result-code",
                          result_code_to_string(complete ? RESULT_SUCCESS : RESULT_PARTIAL));
    }
    json_end_object(w);
    write_rpm(c);
}
