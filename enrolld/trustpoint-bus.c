/* SPDX-License-Identifier: Apache-2.0 */
/* Trustpoints and their certificates as bus objects: PREFIX/NAME and PREFIX/NAME/ca,
 * PREFIX/NAME/router, PREFIX/NAME/encryption, PREFIX/NAME/rollover. */
#include "enrolld.h"
#include "log.h"
#include "names.h"
#include "org.chancery.Enrollment1.h"

/* --- Paths ------------------------------------------------------------------------------------ */

int trustpoint_path(const Trustpoint *t, char **ret)
{
    return bus_object_path(TRUSTPOINT_PREFIX, t->name, ret);
}

int certificate_path(const Trustpoint *t, CertificateRole role, char **ret)
{
    _cleanup_free_ char *parent = NULL;
    char *path;
    int r = trustpoint_path(t, &parent);

    if (r < 0)
        return r;
    if (asprintf(&path, "%s/%s", parent, certificate_role_name(role)) < 0)
        return -ENOMEM;
    *ret = path;
    return 0;
}

/* The trustpoint of a path; *ret_rest is what follows its name: "" or "/ca". */
static Trustpoint *find_by_path(Manager *m, const char *path, const char **ret_rest)
{
    for (Trustpoint *t = m->trustpoints.first; t; t = t->next) {
        _cleanup_free_ char *expected = NULL;
        size_t n;

        if (trustpoint_path(t, &expected) < 0)
            return NULL;
        n = strlen(expected);
        if (strncmp(path, expected, n) == 0 && (path[n] == '\0' || path[n] == '/')) {
            *ret_rest = path + n;
            return t;
        }
    }
    return NULL;
}

static int find_trustpoint(sd_bus *bus, const char *path, const char *interface, void *userdata,
                           void **ret_found, sd_bus_error *ret_error)
{
    const char *rest;
    Trustpoint *t = find_by_path(userdata, path, &rest);

    if (!t || rest[0])
        return 0;
    *ret_found = t;
    return 1;
}

static int find_certificate(sd_bus *bus, const char *path, const char *interface, void *userdata,
                            void **ret_found, sd_bus_error *ret_error)
{
    const char *rest;
    Trustpoint *t = find_by_path(userdata, path, &rest);

    if (!t || rest[0] != '/')
        return 0;
    for (size_t role = 0; role < ROLE_MAX; role++)
        if (streq(rest + 1, certificate_role_name(role)) && trustpoint_certificate(t, role)) {
            *ret_found = t;
            return 1;
        }
    return 0;
}

/* A certificate's handlers are given its trustpoint; the path says which it is. */
static CertificateRole role_of_path(const char *path)
{
    const char *name = strrchr(path, '/') + 1;

    for (CertificateRole role = 0; role < ROLE_MAX; role++)
        if (streq(name, certificate_role_name(role)))
            return role;
    return ROLE_CA; /* find_certificate() knows the others */
}

static void strv_free(char **strings)
{
    for (size_t i = 0; strings && strings[i]; i++)
        free(strings[i]);
    free(strings);
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                     sd_bus_error *ret_error)
{
    Manager *m = userdata;
    size_t n = 0, count = 0;
    char **nodes;

    manager_trim_soon(m);

    for (const Trustpoint *t = m->trustpoints.first; t; t = t->next)
        count += 1 + ROLE_MAX;
    nodes = calloc(count + 1, sizeof(*nodes));
    if (!nodes)
        return -ENOMEM;
    for (const Trustpoint *t = m->trustpoints.first; t; t = t->next) {
        int r = trustpoint_path(t, &nodes[n]);

        for (size_t role = 0; r >= 0 && role < ROLE_MAX; role++)
            if (trustpoint_certificate(t, role))
                r = certificate_path(t, role, &nodes[++n]);
        if (r < 0) {
            strv_free(nodes);
            return r;
        }
        n++;
    }
    *ret_nodes = nodes;
    return 1;
}

/* --- Trustpoint ------------------------------------------------------------------------------- */

int enrollment1_trustpoint_get_name(sd_bus *bus, const char *path, const char *interface,
                                    const char *property, sd_bus_message *reply, void *userdata,
                                    sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;

    return sd_bus_message_append(reply, "s", t->name);
}

int enrollment1_trustpoint_get_state(sd_bus *bus, const char *path, const char *interface,
                                     const char *property, sd_bus_message *reply, void *userdata,
                                     sd_bus_error *reterr_error)
{
    return sd_bus_message_append(reply, "s", trustpoint_state(userdata));
}

int enrollment1_trustpoint_get_detail(sd_bus *bus, const char *path, const char *interface,
                                      const char *property, sd_bus_message *reply, void *userdata,
                                      sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;
    _cleanup_free_ char *detail = trustpoint_detail(t, trustpoints_now(t->set));

    return detail ? sd_bus_message_append(reply, "s", detail) : -ENOMEM;
}

int enrollment1_trustpoint_get_method(sd_bus *bus, const char *path, const char *interface,
                                      const char *property, sd_bus_message *reply, void *userdata,
                                      sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;

    return sd_bus_message_append(
        reply, "s", enrollment_method_name(t->config ? t->config->method : METHOD_NONE));
}

int enrollment1_trustpoint_get_warning(sd_bus *bus, const char *path, const char *interface,
                                       const char *property, sd_bus_message *reply, void *userdata,
                                       sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;
    const char *warning = t->config ? trustpoint_config_warning(t->config) : NULL;

    return sd_bus_message_append(reply, "s", warning ? warning : "");
}

static int append_configured(sd_bus_message *reply, const char *text)
{
    return sd_bus_message_append(reply, "s", text ? text : "");
}

static const char *configured_url(const TrustpointConfig *config)
{
    if (config->url || config->method == METHOD_NONE)
        return config->url;
    return enrollment_method_name(config->method);
}

int enrollment1_trustpoint_get_enrollment_url(sd_bus *bus, const char *path, const char *interface,
                                              const char *property, sd_bus_message *reply,
                                              void *userdata, sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;

    return append_configured(reply, t->config ? configured_url(t->config) : NULL);
}

int enrollment1_trustpoint_get_subject_name(sd_bus *bus, const char *path, const char *interface,
                                            const char *property, sd_bus_message *reply,
                                            void *userdata, sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;

    return append_configured(reply, t->config ? t->config->subject_name : NULL);
}

int enrollment1_trustpoint_get_alternative_names(sd_bus *bus, const char *path,
                                                 const char *interface, const char *property,
                                                 sd_bus_message *reply, void *userdata,
                                                 sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;

    return append_configured(reply, t->config ? t->config->alternative_names : NULL);
}

int enrollment1_trustpoint_get_vrf(sd_bus *bus, const char *path, const char *interface,
                                   const char *property, sd_bus_message *reply, void *userdata,
                                   sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;

    return append_configured(reply, t->config ? t->config->vrf : NULL);
}

int enrollment1_trustpoint_get_auto_enroll(sd_bus *bus, const char *path, const char *interface,
                                           const char *property, sd_bus_message *reply,
                                           void *userdata, sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;

    return sd_bus_message_append(reply, "u", t->config ? t->config->auto_enroll : 0U);
}

int enrollment1_trustpoint_get_message_digest(sd_bus *bus, const char *path, const char *interface,
                                              const char *property, sd_bus_message *reply,
                                              void *userdata, sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;

    return append_configured(reply, t->config ? t->config->digest : NULL);
}

int enrollment1_trustpoint_get_crl_optional(sd_bus *bus, const char *path, const char *interface,
                                            const char *property, sd_bus_message *reply,
                                            void *userdata, sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;

    return sd_bus_message_append(reply, "b", t->config && t->config->crl_optional);
}

int enrollment1_trustpoint_get_key_label(sd_bus *bus, const char *path, const char *interface,
                                         const char *property, sd_bus_message *reply,
                                         void *userdata, sd_bus_error *reterr_error)
{
    const StoredCertificate *c = trustpoint_certificate(userdata, ROLE_ROUTER);

    return append_configured(reply, c ? c->key.label : NULL);
}

int enrollment1_trustpoint_get_request(sd_bus *bus, const char *path, const char *interface,
                                       const char *property, sd_bus_message *reply, void *userdata,
                                       sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;
    const Request *request = t->record.request;

    return sd_bus_message_append_array(reply, 'y', request ? request->der : NULL,
                                       request ? request->size : 0);
}

int enrollment1_trustpoint_get_second_request(sd_bus *bus, const char *path, const char *interface,
                                              const char *property, sd_bus_message *reply,
                                              void *userdata, sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;
    const Request *request = t->record.request ? t->record.request->next : NULL;

    return sd_bus_message_append_array(reply, 'y', request ? request->der : NULL,
                                       request ? request->size : 0);
}

int enrollment1_trustpoint_get_next_attempt(sd_bus *bus, const char *path, const char *interface,
                                            const char *property, sd_bus_message *reply,
                                            void *userdata, sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;
    int64_t now = trustpoints_now(t->set), at = 0;

    if (t->config && trustpoint_polled_request(t, now))
        at = now +
             lifecycle_wait(&trustpoint_polled_request(t, now)->lifecycle, &t->config->retry, now);
    else if (trustpoint_renewal_wait(t, now) >= 0)
        at = now + trustpoint_renewal_wait(t, now);
    return sd_bus_message_append(reply, "x", at);
}

/* --- Certificate ------------------------------------------------------------------------------ */

int enrollment1_certificate_get_trustpoint(sd_bus *bus, const char *path, const char *interface,
                                           const char *property, sd_bus_message *reply,
                                           void *userdata, sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;

    return sd_bus_message_append(reply, "s", t->name);
}

int enrollment1_certificate_get_role(sd_bus *bus, const char *path, const char *interface,
                                     const char *property, sd_bus_message *reply, void *userdata,
                                     sd_bus_error *reterr_error)
{
    return sd_bus_message_append(reply, "s", certificate_role_name(role_of_path(path)));
}

int enrollment1_certificate_get_key_usage(sd_bus *bus, const char *path, const char *interface,
                                          const char *property, sd_bus_message *reply,
                                          void *userdata, sd_bus_error *reterr_error)
{
    static const char *const words[_PAIR_MAX] = {[PAIR_GENERAL] = "General Purpose",
                                                 [PAIR_SIGNATURE] = "Signature",
                                                 [PAIR_ENCRYPTION] = "Encryption",
                                                 [PAIR_NEXT] = "General Purpose"};
    const StoredCertificate *c = trustpoint_certificate(userdata, role_of_path(path));

    return sd_bus_message_append(reply, "s", words[c->key.pair]);
}

int enrollment1_certificate_get_status(sd_bus *bus, const char *path, const char *interface,
                                       const char *property, sd_bus_message *reply, void *userdata,
                                       sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;

    return sd_bus_message_append(
        reply, "s", certificate_status(t, role_of_path(path), trustpoints_now(t->set)));
}

/* What few ask for is read out of it when they do. */
static int append_rendered(sd_bus_message *reply, const StoredCertificate *c,
                           int (*render)(const X509 *x, char **ret))
{
    _cleanup_(X509_freep) X509 *x = shared_certificate_words(c->shared);
    _cleanup_free_ char *text = NULL;
    int r = x ? render(x, &text) : -ENOMEM;

    return r < 0 ? r : sd_bus_message_append(reply, "s", text);
}

static int render_serial(const X509 *x, char **ret)
{
    return x509_serial_render(X509_get0_serialNumber(x), ret);
}

static int render_subject(const X509 *x, char **ret)
{
    return x509_name_render(X509_get_subject_name(x), ret);
}

static int render_issuer(const X509 *x, char **ret)
{
    return x509_name_render(X509_get_issuer_name(x), ret);
}

int enrollment1_certificate_get_serial_number(sd_bus *bus, const char *path, const char *interface,
                                              const char *property, sd_bus_message *reply,
                                              void *userdata, sd_bus_error *reterr_error)
{
    const StoredCertificate *c = trustpoint_certificate(userdata, role_of_path(path));

    return append_rendered(reply, c, render_serial);
}

int enrollment1_certificate_get_subject(sd_bus *bus, const char *path, const char *interface,
                                        const char *property, sd_bus_message *reply, void *userdata,
                                        sd_bus_error *reterr_error)
{
    const StoredCertificate *c = trustpoint_certificate(userdata, role_of_path(path));

    return append_rendered(reply, c, render_subject);
}

int enrollment1_certificate_get_issuer(sd_bus *bus, const char *path, const char *interface,
                                       const char *property, sd_bus_message *reply, void *userdata,
                                       sd_bus_error *reterr_error)
{
    const StoredCertificate *c = trustpoint_certificate(userdata, role_of_path(path));

    return append_rendered(reply, c, render_issuer);
}

int enrollment1_certificate_get_not_before(sd_bus *bus, const char *path, const char *interface,
                                           const char *property, sd_bus_message *reply,
                                           void *userdata, sd_bus_error *reterr_error)
{
    const StoredCertificate *c = trustpoint_certificate(userdata, role_of_path(path));

    return sd_bus_message_append(reply, "x", c->brief->not_before);
}

int enrollment1_certificate_get_not_after(sd_bus *bus, const char *path, const char *interface,
                                          const char *property, sd_bus_message *reply,
                                          void *userdata, sd_bus_error *reterr_error)
{
    const StoredCertificate *c = trustpoint_certificate(userdata, role_of_path(path));

    return sd_bus_message_append(reply, "x", c->brief->not_after);
}

int enrollment1_certificate_get_notice(sd_bus *bus, const char *path, const char *interface,
                                       const char *property, sd_bus_message *reply, void *userdata,
                                       sd_bus_error *reterr_error)
{
    const Trustpoint *t = userdata;
    /* The set that it is in is the manager's. */
    const Manager *m = (const void *)((const char *)t->set - offsetof(Manager, trustpoints));

    return sd_bus_message_append(reply, "u",
                                 expiry_notices_given(&m->notices, t, role_of_path(path)));
}

int enrollment1_certificate_get_sha1_fingerprint(sd_bus *bus, const char *path,
                                                 const char *interface, const char *property,
                                                 sd_bus_message *reply, void *userdata,
                                                 sd_bus_error *reterr_error)
{
    const StoredCertificate *c = trustpoint_certificate(userdata, role_of_path(path));
    _cleanup_(certificate_summary_done) CertificateSummary summary = {0};
    int r = shared_certificate_summarize(c->shared, &summary);

    return r < 0 ? r : sd_bus_message_append(reply, "s", summary.sha1_fingerprint);
}

int enrollment1_certificate_get_sha256_fingerprint(sd_bus *bus, const char *path,
                                                   const char *interface, const char *property,
                                                   sd_bus_message *reply, void *userdata,
                                                   sd_bus_error *reterr_error)
{
    const StoredCertificate *c = trustpoint_certificate(userdata, role_of_path(path));

    return sd_bus_message_append(reply, "s", c->brief->sha256_fingerprint);
}

int enrollment1_certificate_get_crl_distribution_points(sd_bus *bus, const char *path,
                                                        const char *interface, const char *property,
                                                        sd_bus_message *reply, void *userdata,
                                                        sd_bus_error *reterr_error)
{
    const StoredCertificate *c = trustpoint_certificate(userdata, role_of_path(path));
    _cleanup_(X509_freep) X509 *x = shared_certificate_words(c->shared);
    char **points = NULL;
    int r = x ? x509_crl_points_render(x, &points) : -ENOMEM;

    if (r == -ENOMEM)
        return r;
    r = sd_bus_message_append_strv(reply, points);
    x509_crl_points_free(points);
    return r;
}

int enrollment1_certificate_get_certificate(sd_bus *bus, const char *path, const char *interface,
                                            const char *property, sd_bus_message *reply,
                                            void *userdata, sd_bus_error *reterr_error)
{
    const SharedCertificate *c = trustpoint_certificate(userdata, role_of_path(path))->shared;

    return sd_bus_message_append_array(reply, 'y', c->der, c->size);
}

/* --- Announcements ---------------------------------------------------------------------------- */

static void announced(int r, const char *path)
{
    if (r < 0)
        log_warning_errno(r, "Failed to announce a change of %s, ignoring: %m",
                          path ? path : "an object");
}

/* Says that the object came, and not what is in it: values are for those who hold the task to read
 * them. */
static int emit_added(Manager *m, const char *path, const char *interface)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;
    int r;

    r = sd_bus_message_new_signal(server_bus(m->server), &signal, ENROLLMENT_PATH,
                                  "org.freedesktop.DBus.ObjectManager", "InterfacesAdded");
    if (r >= 0)
        r = sd_bus_message_append(signal, "oa{sa{sv}}", path, 1, interface, 0);
    return r < 0 ? r : sd_bus_send(NULL, signal, NULL);
}

static int emit_removed(Manager *m, const char *path, const char *interface)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;
    int r;

    r = sd_bus_message_new_signal(server_bus(m->server), &signal, ENROLLMENT_PATH,
                                  "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved");
    if (r >= 0)
        r = sd_bus_message_append(signal, "oas", path, 1, interface);
    return r < 0 ? r : sd_bus_send(NULL, signal, NULL);
}

static void tell_poold(const Manager *m)
{
    announced(sd_bus_emit_signal(server_bus(m->server), ENROLLMENT_PATH, ENROLLMENT_NAME,
                                 "TrustpointsChanged", NULL),
              "the trustpoints");
}

void announce_trustpoints_changed(Manager *m)
{
    tell_poold(m);
    revocation_watch_check(m);
}

/* Those of a CA may be what others are judged by; nobody is judged by the router's own. */
static void announce_change_of(Manager *m, CertificateRole role)
{
    if (role == ROLE_ROUTER || role == ROLE_ENCRYPTION)
        revocation_watch_check_new(m);
    else
        announce_trustpoints_changed(m);
}

void announce_trustpoint_added(Manager *m, const Trustpoint *t)
{
    _cleanup_free_ char *path = NULL;
    int r = trustpoint_path(t, &path);

    announced(r < 0 ? r : emit_added(m, path, ENROLLMENT_TRUSTPOINT_INTERFACE), path);
}

void announce_trustpoint_removed(Manager *m, const Trustpoint *t)
{
    _cleanup_free_ char *path = NULL;
    int r = trustpoint_path(t, &path);

    announced(r < 0 ? r : emit_removed(m, path, ENROLLMENT_TRUSTPOINT_INTERFACE), path);
}

/* All but the name. */
void announce_trustpoint_changed(Manager *m, const Trustpoint *t)
{
    _cleanup_free_ char *path = NULL;
    int r = trustpoint_path(t, &path);

    if (r >= 0)
        r = sd_bus_emit_properties_changed(
            server_bus(m->server), path, ENROLLMENT_TRUSTPOINT_INTERFACE, "State", "Detail",
            "Method", "Warning", "EnrollmentUrl", "SubjectName", "AlternativeNames", "Vrf",
            "AutoEnroll", "MessageDigest", "CrlOptional", "KeyLabel", "Request", "SecondRequest",
            "NextAttempt", NULL);
    announced(r, path);
}

void announce_certificate_added(Manager *m, const Trustpoint *t, CertificateRole role)
{
    _cleanup_free_ char *path = NULL;
    int r = certificate_path(t, role, &path);

    announced(r < 0 ? r : emit_added(m, path, ENROLLMENT_CERTIFICATE_INTERFACE), path);
    announce_change_of(m, role);
}

void announce_certificate_removed(Manager *m, const Trustpoint *t, CertificateRole role)
{
    _cleanup_free_ char *path = NULL;
    int r = certificate_path(t, role, &path);

    announced(r < 0 ? r : emit_removed(m, path, ENROLLMENT_CERTIFICATE_INTERFACE), path);
    announce_change_of(m, role);
}

void announce_certificate_changed(Manager *m, const Trustpoint *t, CertificateRole role,
                                  bool replaced)
{
    _cleanup_free_ char *path = NULL;
    sd_bus *bus = server_bus(m->server);
    int r = certificate_path(t, role, &path);

    if (r >= 0 && replaced)
        r = sd_bus_emit_properties_changed(
            bus, path, ENROLLMENT_CERTIFICATE_INTERFACE, "KeyUsage", "Status", "SerialNumber",
            "Subject", "Issuer", "NotBefore", "NotAfter", "SHA1Fingerprint", "SHA256Fingerprint",
            "CrlDistributionPoints", "Certificate", NULL);
    else if (r >= 0)
        r = sd_bus_emit_properties_changed(bus, path, ENROLLMENT_CERTIFICATE_INTERFACE, "Status",
                                           NULL);
    announced(r, path);
    if (replaced)
        announce_change_of(m, role);
}

int trustpoint_bus_init(Manager *m)
{
    int r;

    r = server_add_objects(m->server, TRUSTPOINT_PREFIX, &enrollment1_trustpoint_interface,
                           find_trustpoint, enumerate, m);
    if (r >= 0)
        r = server_add_objects(m->server, TRUSTPOINT_PREFIX, &enrollment1_certificate_interface,
                               find_certificate, NULL, m);
    return r;
}
