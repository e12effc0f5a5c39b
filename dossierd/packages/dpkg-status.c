/* SPDX-License-Identifier: Apache-2.0 */
#include "dpkg-status.h"

#include <strings.h>

#include "collect.h"

#define LINE_SIZE 65536U
#define CONFFILES "Conffiles:"
#define CONFFILES_SIZE (256U << 10)

struct DpkgStatus {
    FILE *file;
    unsigned line;
    bool in_conffiles; /* the field that goes on */
    size_t n_conffiles;
    char conffiles[CONFFILES_SIZE]; /* of the package, with a zero byte after them */
    char buffer[LINE_SIZE];
};

DpkgStatus *dpkg_status_new(FILE *f)
{
    DpkgStatus *s = malloc(sizeof *s);

    if (!s)
        return NULL;
    s->file = f;
    s->line = 0;
    return s;
}

DpkgStatus *dpkg_status_free(DpkgStatus *s)
{
    free(s);
    return NULL;
}

bool dpkg_name_is_valid(const DpkgField *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789+-.";

    if (name->size < 2 || name->data[0] == '+' || name->data[0] == '-' || name->data[0] == '.')
        return false;
    for (size_t i = 0; i < name->size; i++)
        if (!name->data[i] || !strchr(allowed, name->data[i]))
            return false;
    return true;
}

static DpkgField *find_field(DpkgPackage *p, const char *name, size_t size)
{
    const struct {
        const char *name;
        DpkgField *field;
    } table[] = {
        {"Package", &p->name},  {"Version", &p->version},       {"Architecture", &p->architecture},
        {"Status", &p->status}, {"Multi-Arch", &p->multi_arch},
    };

    for (size_t i = 0; i < ELEMENTSOF(table); i++)
        if (strlen(table[i].name) == size && strncasecmp(table[i].name, name, size) == 0)
            return table[i].field;
    return NULL;
}

static void problem(DpkgPackage *p, const char *text)
{
    if (!p->problem)
        p->problem = text;
}

static void take_conffile(DpkgStatus *s, DpkgPackage *p, const char *line, size_t size)
{
    if (memchr(line, 0, size))
        problem(p, "a zero byte among its configuration files");
    else if (s->n_conffiles + size + 2 > sizeof s->conffiles)
        problem(p, "more configuration files than can be read");
    else {
        memcpy(s->conffiles + s->n_conffiles, line, size);
        s->n_conffiles += size;
        s->conffiles[s->n_conffiles++] = '\n';
        s->conffiles[s->n_conffiles] = 0;
    }
}

static void take_line(DpkgStatus *s, DpkgPackage *p, const char *line, size_t size, bool truncated)
{
    const char *colon, *value, *end = line + size;
    DpkgField *field;

    /* Continues a field; of ours, only one has more than one line. */
    if (line[0] == ' ' || line[0] == '\t') {
        if (s->in_conffiles)
            take_conffile(s, p, line + 1, size - 1);
        return;
    }
    s->in_conffiles =
        size >= STRLEN(CONFFILES) && strncasecmp(line, CONFFILES, STRLEN(CONFFILES)) == 0;
    colon = memchr(line, ':', size);
    if (!colon || colon == line) {
        problem(p, "a line without a field name");
        return;
    }
    field = find_field(p, line, (size_t)(colon - line));
    if (!field)
        return;
    for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
        ;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    if (field->size > 0)
        problem(p, "a field that is there twice");
    else if (end == value)
        problem(p, "a field without a value");
    else if (truncated || (size_t)(end - value) >= DPKG_FIELD_SIZE)
        problem(p, "a field that is too long");
    else {
        field->size = (size_t)(end - value);
        memcpy(field->data, value, field->size);
        field->data[field->size] = 0;
    }
}

static void check_package(DpkgPackage *p)
{
    if (p->name.size == 0)
        problem(p, "no field Package");
    else if (!dpkg_name_is_valid(&p->name))
        problem(p, "a package name that is none");
    if (p->status.size == 0)
        problem(p, "no field Status");
    /* A package that was removed with its configuration kept has a version; one that was never
     * installed may lack it. */
    if (p->version.size == 0 && p->status.size > 0 && !strstr(p->status.data, "not-installed"))
        problem(p, "no field Version");
}

static void reset(DpkgPackage *p)
{
    DpkgField *fields[] = {&p->name, &p->version, &p->architecture, &p->status, &p->multi_arch};

    for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
        fields[i]->size = 0;
        fields[i]->data[0] = 0;
    }
    p->line = 0;
    p->problem = NULL;
}

int dpkg_status_next(DpkgStatus *s, DpkgPackage *ret)
{
    size_t size;
    bool truncated;
    int r;

    reset(ret);
    s->in_conffiles = false;
    s->n_conffiles = 0;
    s->conffiles[0] = 0;
    ret->conffiles = s->conffiles;
    while ((r = read_line_bytes(s->file, s->buffer, sizeof s->buffer, &size, &truncated)) > 0) {
        s->line++;
        if (size == 0) {
            if (ret->line > 0)
                break;
            continue;
        }
        if (ret->line == 0)
            ret->line = s->line;
        take_line(s, ret, s->buffer, size, truncated);
    }
    if (r < 0)
        return r;
    if (ret->line == 0)
        return 0;
    check_package(ret);
    return 1;
}
