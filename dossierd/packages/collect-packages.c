/* SPDX-License-Identifier: Apache-2.0 */
/* packages: what each package manager says is installed. */
#include <fcntl.h>
#include <sys/stat.h>

#include "package-verify.h"
#include "packages-rpm.h"

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

static bool is_installed(const DpkgPackage *p)
{
    static const char word[] = " installed";

    return p->status.size > STRLEN(word) &&
           streq(p->status.data + p->status.size - STRLEN(word), word);
}

static void write_package(Collect *c, PackageVerifier *v, const DpkgPackage *p)
{
    JsonWriter *w = c->writer;
    uint64_t usec = 0;

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
        if (v && is_installed(p) && !package_verify_dpkg(v, p))
            c->n_bad++;
        else
            c->n_good++;
    }
    json_end_object(w);
}

static int collect_dpkg(Collect *c, char reason[static COLLECT_REASON_SIZE])
{
    _cleanup_fclose_ FILE *f = NULL;
    _cleanup_(dpkg_status_freep) DpkgStatus *status = NULL;
    _cleanup_(package_verifier_freep) PackageVerifier *verifier = NULL;
    DpkgPackage package;
    int r;

    r = collect_open(c->root_fd, STATUS_FILE, &f);
    if (r < 0) {
        (void)snprintf(reason, COLLECT_REASON_SIZE, "/" STATUS_FILE ": %s", strerror(-r));
        return r;
    }
    status = dpkg_status_new(f);
    if (!status) {
        (void)snprintf(reason, COLLECT_REASON_SIZE, "%s", strerror(ENOMEM));
        return -ENOMEM;
    }
    if (c->verify_packages)
        package_verifier_start(c, &verifier);
    json_begin_array(c->writer, "packages");
    while (!collect_should_stop(c) && (r = dpkg_status_next(status, &package)) > 0)
        write_package(c, verifier, &package);
    json_end_array(c->writer);
    if (r >= 0)
        return 0;
    (void)snprintf(reason, COLLECT_REASON_SIZE, "/" STATUS_FILE ": %s", strerror(-r));
    return r;
}

/* One package manager: an object of its own, whose outcome leaves the others as they are. */
static int write_manager(Collect *c, const char *name,
                         int (*write)(Collect *c, char reason[static COLLECT_REASON_SIZE]))
{
    JsonWriter *w = c->writer;
    char reason[COLLECT_REASON_SIZE] = "";
    unsigned n_bad = c->n_bad;
    ResultCode code = RESULT_SUCCESS;
    int r;

    json_begin_object(w, name);
    r = write(c, reason);
    if (r < 0)
        code = result_code_from_errno(r);
    else if (collect_should_stop(c)) {
        code = c->result;
        (void)snprintf(reason, sizeof reason, "%s", c->reason);
    } else if (c->n_bad > n_bad) {
        code = RESULT_PARTIAL;
        (void)snprintf(reason, sizeof reason, "%u entries could not be read; each says why",
                       c->n_bad - n_bad);
    }
    json_write_string(w, "result-code", result_code_to_string(code));
    if (code != RESULT_SUCCESS)
        json_write_string(w, "reason", reason);
    json_end_object(w);
    /* A manager that the router does not have is none of its faults. */
    if (r < 0 && r != -ENOENT)
        c->n_bad++;
    return r;
}

void collect_packages(Collect *c)
{
    int dpkg = write_manager(c, "dpkg", collect_dpkg);
    int rpm = write_manager(c, "rpm", collect_rpm);

    if (dpkg == -ENOENT && rpm == -ENOENT)
        collect_result(c, RESULT_NOT_AVAILABLE, "There is no database of packages");
}
