/* SPDX-License-Identifier: Apache-2.0 */
#include "pki-view.h"

#include "names.h"

#define CERTIFICATE_INTERFACE ENROLLMENT_NAME ".Certificate"
#define TRUSTPOINT_INTERFACE ENROLLMENT_NAME ".Trustpoint"

#define NO_NUMBER INT64_MIN /* what has not been read */

static void certificate_done(PkiCertificate *c)
{
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

bool pki_view_has(const PkiView *view, const char *trustpoint, const char *fingerprint)
{
    for (size_t i = 0; i < view->n_certificates; i++)
        if (streq(view->certificates[i].trustpoint, trustpoint) &&
            streq(view->certificates[i].fingerprint, fingerprint))
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

static int read_certificate(sd_bus_message *m, PkiView *view)
{
    PkiCertificate *grown =
        reallocarray(view->certificates, view->n_certificates + 1, sizeof(*grown));
    PkiCertificate *c;

    if (!grown)
        return -ENOMEM;
    view->certificates = grown;
    c = &grown[view->n_certificates++];
    *c = (PkiCertificate){.not_before = NO_NUMBER, .not_after = NO_NUMBER, .notice = NO_NUMBER};
    return read_fields(m,
                       (const Field[]){{"Trustpoint", &c->trustpoint, NULL},
                                       {"Role", &c->role, NULL},
                                       {"SerialNumber", &c->serial_number, NULL},
                                       {"Subject", &c->subject, NULL},
                                       {"Issuer", &c->issuer, NULL},
                                       {"SHA256Fingerprint", &c->fingerprint, NULL},
                                       {"NotBefore", NULL, &c->not_before, 'x'},
                                       {"NotAfter", NULL, &c->not_after, 'x'},
                                       {"Notice", NULL, &c->notice, 'u'}},
                       9);
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

static int read_interface(sd_bus_message *m, PkiView *view)
{
    const char *interface;
    int r = sd_bus_message_read(m, "s", &interface);

    if (r < 0)
        return r;
    if (view->n_certificates >= PKI_ITEMS_MAX || view->n_trustpoints >= PKI_ITEMS_MAX)
        return -E2BIG;
    if (streq(interface, CERTIFICATE_INTERFACE))
        return read_certificate(m, view);
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
        r = read_interface(m, view);
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
