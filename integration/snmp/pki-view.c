/* SPDX-License-Identifier: Apache-2.0 */
#include "pki-view.h"

#include "json-util.h"
#include "names.h"

#define CERTIFICATE_INTERFACE ENROLLMENT_NAME ".Certificate"
#define TRUSTPOINT_INTERFACE ENROLLMENT_NAME ".Trustpoint"

#define NO_NUMBER INT64_MIN /* what has not been read */

static void certificate_done(PkiCertificate *c)
{
    free(c->path);
    free(c->trustpoint);
    free(c->role);
    free(c->serial_number);
    free(c->subject);
    free(c->issuer);
    free(c->fingerprint);
}

static void trustpoint_done(PkiTrustpoint *t)
{
    free(t->name);
    free(t->state);
    free(t->url);
    free(t->subject_name);
    free(t->alternative_names);
    free(t->vrf);
    free(t->digest);
    free(t->key_label);
}

void pki_view_done(PkiView *view)
{
    for (size_t i = 0; i < view->n_certificates; i++)
        certificate_done(&view->certificates[i]);
    for (size_t i = 0; i < view->n_trustpoints; i++)
        trustpoint_done(&view->trustpoints[i]);
    free(view->certificates);
    free(view->trustpoints);
    *view = (PkiView){};
}

const PkiCertificate *pki_view_find(const PkiView *view, const char *path)
{
    for (size_t i = 0; i < view->n_certificates; i++)
        if (streq(view->certificates[i].path, path))
            return &view->certificates[i];
    return NULL;
}

bool pki_view_has(const PkiView *view, const char *fingerprint)
{
    for (size_t i = 0; i < view->n_certificates; i++)
        if (streq(view->certificates[i].fingerprint, fingerprint))
            return true;
    return false;
}

/* Where the value of a property goes: text or number. */
typedef struct Field {
    const char *name;
    char **text;
    int64_t *number;
    char type; /* of the number: 'x', 'u' or 'b' */
} Field;

static int read_value(sd_bus_message *m, const Field *field)
{
    const char *text;
    int r;

    if (field->number && field->type == 'x')
        return sd_bus_message_read(m, "v", "x", field->number);
    if (field->number) {
        uint32_t value = 0; /* "u", and "b", which has its size */

        r = sd_bus_message_read(m, "v", (const char[]){field->type, 0}, &value);
        if (r >= 0)
            *field->number = value;
        return r;
    }
    r = sd_bus_message_read(m, "v", "s", &text);
    if (r < 0)
        return r;
    free(*field->text);
    *field->text = strdup(text);
    return *field->text ? 0 : -ENOMEM;
}

/* One interface's properties, a{sv}. What is in no field is skipped. */
static int read_fields(sd_bus_message *m, const Field *fields, size_t n)
{
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        const Field *field = NULL;
        const char *name;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
            return r;
        for (size_t i = 0; i < n; i++)
            if (streq(fields[i].name, name))
                field = &fields[i];
        r = field ? read_value(m, field) : sd_bus_message_skip(m, "v");
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    if (r >= 0)
        r = sd_bus_message_exit_container(m);
    for (size_t i = 0; r >= 0 && i < n; i++)
        if (fields[i].text ? !*fields[i].text : *fields[i].number == NO_NUMBER)
            return -EBADMSG;
    return r;
}

static int read_certificate(sd_bus_message *m, const char *path, PkiView *view)
{
    PkiCertificate *grown =
        reallocarray(view->certificates, view->n_certificates + 1, sizeof(*grown));
    PkiCertificate *c;

    if (!grown)
        return -ENOMEM;
    view->certificates = grown;
    c = &grown[view->n_certificates++];
    *c = (PkiCertificate){.path = strdup(path), .not_before = NO_NUMBER, .not_after = NO_NUMBER};
    if (!c->path)
        return -ENOMEM;
    return read_fields(m,
                       (const Field[]){{"Trustpoint", &c->trustpoint, NULL},
                                       {"Role", &c->role, NULL},
                                       {"SerialNumber", &c->serial_number, NULL},
                                       {"Subject", &c->subject, NULL},
                                       {"Issuer", &c->issuer, NULL},
                                       {"SHA256Fingerprint", &c->fingerprint, NULL},
                                       {"NotBefore", NULL, &c->not_before, 'x'},
                                       {"NotAfter", NULL, &c->not_after, 'x'}},
                       8);
}

static int read_trustpoint(sd_bus_message *m, PkiView *view)
{
    PkiTrustpoint *grown = reallocarray(view->trustpoints, view->n_trustpoints + 1, sizeof(*grown));
    PkiTrustpoint *t;

    if (!grown)
        return -ENOMEM;
    view->trustpoints = grown;
    t = &grown[view->n_trustpoints++];
    *t = (PkiTrustpoint){.auto_enroll = NO_NUMBER, .crl_optional = NO_NUMBER};
    return read_fields(m,
                       (const Field[]){{"Name", &t->name, NULL},
                                       {"State", &t->state, NULL},
                                       {"EnrollmentUrl", &t->url, NULL},
                                       {"SubjectName", &t->subject_name, NULL},
                                       {"AlternativeNames", &t->alternative_names, NULL},
                                       {"Vrf", &t->vrf, NULL},
                                       {"MessageDigest", &t->digest, NULL},
                                       {"KeyLabel", &t->key_label, NULL},
                                       {"AutoEnroll", NULL, &t->auto_enroll, 'u'},
                                       {"CrlOptional", NULL, &t->crl_optional, 'b'}},
                       10);
}

static int read_interface(sd_bus_message *m, const char *path, PkiView *view)
{
    const char *interface;
    int r = sd_bus_message_read(m, "s", &interface);

    if (r < 0)
        return r;
    if (view->n_certificates >= PKI_ITEMS_MAX || view->n_trustpoints >= PKI_ITEMS_MAX)
        return -E2BIG;
    if (streq(interface, CERTIFICATE_INTERFACE))
        return read_certificate(m, path, view);
    if (streq(interface, TRUSTPOINT_INTERFACE))
        return read_trustpoint(m, view);
    return sd_bus_message_skip(m, "a{sv}");
}

static int read_object(sd_bus_message *m, PkiView *view)
{
    const char *path;
    int r = sd_bus_message_read(m, "o", &path);

    if (r >= 0)
        r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");
    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
        r = read_interface(m, path, view);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

int pki_view_read(sd_bus_message *reply, PkiView *ret)
{
    PkiView view = {};
    int r = sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}");

    while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}")) > 0) {
        r = read_object(reply, &view);
        if (r >= 0)
            r = sd_bus_message_exit_container(reply);
    }
    if (r < 0) {
        pki_view_done(&view);
        return r;
    }
    *ret = view;
    return 0;
}

/* In the index, where two of one kind need to be told apart. */
static const char *type_name(const PkiCertificate *c)
{
    static const char *const names[][2] = {
        {"ca", "CA"}, {"rollover", "NEXT-CA"}, {"encryption", "ENC-ID"}};

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (streq(c->role, names[i][0]))
            return names[i][1];
    return "ID";
}

const char *pki_chain_label(const PkiCertificate *c, char buffer[CHAIN_LABEL_SIZE])
{
    size_t room = CHAIN_LABEL_SIZE - sizeof("-NEXT-CA");

    if (strlen(c->trustpoint) <= room)
        (void)snprintf(buffer, CHAIN_LABEL_SIZE, "%s-%s", c->trustpoint, type_name(c));
    else
        (void)snprintf(buffer, CHAIN_LABEL_SIZE, "%.*s~%.8s-%s", (int)room - 9, c->trustpoint,
                       c->fingerprint, type_name(c));
    return buffer;
}

const char *pki_state_name(const char *state)
{
    static const char *const names[][2] = {
        {"authenticated", "Authenticated"}, {"pending", "Pending"},   {"rejected", "Authenticated"},
        {"timed-out", "Authenticated"},     {"enrolled", "Enrolled"}, {"renewing", "Enrolled"},
    };

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (streq(state, names[i][0]))
            return names[i][1];
    return "None";
}

/* --- CRLs ------------------------------------------------------------------------------------- */

void pki_crls_done(PkiCrls *crls)
{
    for (size_t i = 0; i < crls->n; i++) {
        free(crls->items[i].issuer);
        free(crls->items[i].number);
    }
    free(crls->items);
    *crls = (PkiCrls){};
}

static int read_number(json_object *o, const char *name, int64_t *ret)
{
    json_object *value;

    if (!json_object_object_get_ex(o, name, &value) || !json_object_is_type(value, json_type_int))
        return -EBADMSG;
    *ret = json_object_get_int64(value);
    return 0;
}

static int read_crl(json_object *o, PkiCrl *ret)
{
    const char *issuer, *number;
    int64_t size;

    if (!json_object_is_type(o, json_type_object) || json_get_string(o, "issuer", &issuer) < 0 ||
        read_number(o, "this-update", &ret->this_update) < 0 ||
        read_number(o, "next-update", &ret->next_update) < 0 || read_number(o, "size", &size) < 0 ||
        json_get_bool(o, "delta", &ret->delta) < 0)
        return -EBADMSG;
    ret->size = size < 0 ? 0 : size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
    ret->issuer = strdup(issuer);
    if (!ret->issuer)
        return -ENOMEM;
    if (json_get_string(o, "number", &number) < 0) /* null when it has none */
        return 0;
    ret->number = strdup(number);
    return ret->number ? 0 : -ENOMEM;
}

int pki_crls_read(const char *text, size_t size, PkiCrls *ret)
{
    _cleanup_json_ json_object *list = NULL;
    PkiCrls crls = {};
    size_t n;
    int r = json_parse(text, size, &list);

    if (r < 0)
        return r;
    if (!json_object_is_type(list, json_type_array))
        return -EBADMSG;
    n = json_object_array_length(list);
    if (n > PKI_ITEMS_MAX)
        return -E2BIG;
    crls.items = calloc(n + 1, sizeof(*crls.items));
    if (!crls.items)
        return -ENOMEM;
    while (r >= 0 && crls.n < n) {
        r = read_crl(json_object_array_get_idx(list, crls.n), &crls.items[crls.n]);
        crls.n++;
    }
    if (r < 0) {
        pki_crls_done(&crls);
        return r;
    }
    *ret = crls;
    return 0;
}

static bool is_better(const PkiCrl *crl, const PkiCrl *than)
{
    if (!than || crl->delta != than->delta)
        return !than || than->delta;
    return crl->this_update > than->this_update;
}

const PkiCrl *pki_crl_of_trustpoint(const PkiCrls *crls, const PkiView *view,
                                    const char *trustpoint)
{
    const PkiCrl *best = NULL;
    const char *ca = NULL;

    for (size_t i = 0; i < view->n_certificates; i++)
        if (streq(view->certificates[i].trustpoint, trustpoint) &&
            streq(view->certificates[i].role, "ca"))
            ca = view->certificates[i].subject;
    for (size_t i = 0; ca && i < crls->n; i++)
        if (streq(crls->items[i].issuer, ca) && is_better(&crls->items[i], best))
            best = &crls->items[i];
    return best;
}
