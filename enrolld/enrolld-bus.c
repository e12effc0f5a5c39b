/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Enrollment1 at the root object, and what the configuration's owner is told. */
#include <arpa/inet.h>

#include "config-owner.h"
#include "enrolld.h"
#include "errors.h"
#include "label.h"
#include "log.h"
#include "names.h"
#include "json-util.h"
#include "org.chancery.Enrollment1.h"
#include "trustpoint-job.h"

/* --- Methods ---------------------------------------------------------------------------------- */

/* ub-challenge-password, RFC 2985 */
#define CHALLENGE_MAX 255U

static int parse_operation(const char *operation, CertificateRole *ret)
{
    if (streq(operation, "authenticate"))
        *ret = ROLE_CA;
    else if (streq(operation, "enroll") || streq(operation, "import"))
        *ret = ROLE_ROUTER;
    else
        return -EINVAL;
    return 0;
}

/* A CA that is asked over CMP knows the router by the certificate that is there, or by these. */
static bool needs_credentials(const Manager *m, const Trustpoint *t)
{
    const StoredCertificate *router = trustpoint_certificate(t, ROLE_ROUTER);

    return t->config->method == METHOD_CMP &&
           !(router && router->brief->not_after > trustpoints_now(&m->trustpoints));
}

/* What somebody has to be asked for before he enrols, and told. */
static int append_questions(const Manager *m, const Trustpoint *t, sd_bus_message *reply)
{
    const TrustpointConfig *config = t->config;
    int r = bus_append_entry(reply, "waits", "b", trustpoint_is_asking(t));

    if (r < 0 || config->enrollment.user ||
        (config->method != METHOD_EST && config->method != METHOD_CMP))
        return r;
    r = bus_append_entry(reply, "ask-credentials", "s",
                         config->method == METHOD_EST ? "user" : "reference");
    return r < 0 ? r : bus_append_entry(reply, "needs-credentials", "b", needs_credentials(m, t));
}

static int append_description(const Manager *m, const Trustpoint *t, CertificateRole role,
                              const char *fqdn, sd_bus_message *reply)
{
    const TrustpointConfig *config = t->config;
    const KeyName *key = role == ROLE_CA ? &config->ca_keypair : &config->keypair;
    const char *subject = role == ROLE_CA ? config->ca_subject_name : config->subject_name;
    char usage[KEY_USAGE_TEXT_SIZE];
    int r;

    r = sd_bus_message_open_container(reply, 'a', "{sv}");
    if (r >= 0 && subject)
        r = bus_append_entry(reply, "subject-name", "s", subject);
    if (r >= 0)
        r = bus_append_entry(reply, "method", "s", enrollment_method_name(config->method));
    if (r >= 0 && fqdn)
        r = bus_append_entry(reply, "fqdn", "s", fqdn);
    if (r >= 0)
        r = bus_append_entry(reply, "serial-number", "s", m->serial_number);
    if (r >= 0)
        r = bus_append_entry(reply, "ask-serial-number", "b",
                             role == ROLE_ROUTER && config->serial_number == SUBJECT_ASK);
    if (r >= 0)
        r = bus_append_entry(reply, "ask-challenge-password", "b",
                             role == ROLE_ROUTER && config->method == METHOD_SCEP &&
                                 !config->skip_challenge && !config->challenge);
    if (r >= 0 && role == ROLE_ROUTER)
        r = append_questions(m, t, reply);
    if (r >= 0)
        r = bus_append_entry(reply, "ask-ip-address", "b",
                             role == ROLE_ROUTER && config->ip_address == SUBJECT_ASK);
    /* The key of a CA elsewhere is none of ours. */
    if (r >= 0 && key->label)
        r = bus_append_entry(reply, "key-algorithm", "s", key->algorithm);
    if (r >= 0 && key->label)
        r = bus_append_entry(reply, "key-label", "s", key->label);
    if (r >= 0 && key->label)
        r = bus_append_entry(reply, "key-type", "u", key_algorithm_code(key->algorithm));
    if (r >= 0 && (config->method == METHOD_SELF || config->key_usage_given))
        r = bus_append_entry(
            reply, "key-usage", "s",
            key_usage_render(role == ROLE_CA ? config->ca_key_usage : config->key_usage, usage));
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* The trustpoint of Authenticate or Enroll, when it is free for that. */
static int find_for(Manager *manager, const char *name, CertificateRole role, Trustpoint **ret,
                    char **ret_fqdn, sd_bus_error *reterr_error)
{
    int r = enrollment_check(manager, name, role, ret, ret_fqdn, reterr_error);

    return r < 0 ? r : trustpoint_job_refuse(*ret, reterr_error);
}

int enrollment1_method_describe(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_free_ char *fqdn = NULL;
    const char *name, *operation;
    Manager *manager = userdata;
    CertificateRole role;
    Trustpoint *t;
    int r;

    r = sd_bus_message_read(m, "ss", &name, &operation);
    if (r < 0)
        return r;
    if (parse_operation(operation, &role) < 0)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The operation is 'authenticate', 'enroll' or 'import'");
    if (streq(operation, "import")) {
        r = enrollment_check(manager, name, role, &t, &fqdn, reterr_error);
        if (r >= 0)
            r = external_find_requested(manager, name, &t, reterr_error);
    } else
        r = find_for(manager, name, role, &t, &fqdn, reterr_error);
    if (r < 0)
        return r;
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = append_description(manager, t, role, fqdn, reply);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

int enrollment1_method_authenticate(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    AuthenticateOptions options = {.fingerprint = NULL};
    const BusOption table[] = {
        {"certificates", 'A', &options.certificates, NULL},
        {"fingerprint", 's', &options.fingerprint, NULL},
    };
    _cleanup_free_ char *fqdn = NULL;
    Manager *manager = userdata;
    const char *name;
    Trustpoint *t;
    int r;

    r = sd_bus_message_read(m, "s", &name);
    if (r >= 0)
        r = bus_read_options(m, table, ELEMENTSOF(table), reterr_error);
    if (r >= 0)
        r = find_for(manager, name, ROLE_CA, &t, &fqdn, reterr_error);
    if (r < 0)
        return r;
    if (t->config->method != METHOD_SELF)
        return external_authenticate(manager, t, &options, m, reterr_error);
    if (options.certificates.iov_len > 0 || options.fingerprint)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "%s makes its CA certificate itself: there is none to be given",
                                 t->name);
    return enrollment_start_self(manager, t, ROLE_CA, fqdn, NULL, m, reterr_error);
}

int enrollment1_method_accept(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const char *name, *fingerprint;
    int r = sd_bus_message_read(m, "ss", &name, &fingerprint);

    return r < 0 ? r : external_accept(userdata, name, fingerprint, m, reterr_error);
}

int enrollment1_method_import(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const char *name;
    const void *data;
    size_t size;
    int r;

    r = sd_bus_message_read(m, "s", &name);
    if (r >= 0)
        r = sd_bus_message_read_array(m, 'y', &data, &size);
    return r < 0 ? r : external_import(userdata, name, data, size, m, reterr_error);
}

int enrollment1_method_retrieve(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const char *name;
    int r = sd_bus_message_read(m, "s", &name);

    return r < 0 ? r : external_retrieve(userdata, name, m, reterr_error);
}

int enrollment1_method_retrieve_by_serial(sd_bus_message *m, void *userdata,
                                          sd_bus_error *reterr_error)
{
    const char *name, *serial;
    int r = sd_bus_message_read(m, "ss", &name, &serial);

    return r < 0 ? r : external_retrieve_by_serial(userdata, name, serial, m, reterr_error);
}

int enrollment1_method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const char *name;
    int r = sd_bus_message_read(m, "s", &name);

    return r < 0 ? r : external_cancel(userdata, name, m, reterr_error);
}

/* The address as every reader would write it. */
static int normalize_address(const char *text, char buffer[INET6_ADDRSTRLEN])
{
    struct in6_addr address;
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;

    return inet_pton(family, text, &address) == 1 &&
                   inet_ntop(family, &address, buffer, INET6_ADDRSTRLEN)
               ? 0
               : -EINVAL;
}

static bool is_plain(const char *text)
{
    for (; text && *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static int check_secrets(const Trustpoint *t, const EnrollOptions *options,
                         sd_bus_error *reterr_error)
{
    bool known = t->config->method == METHOD_EST || t->config->method == METHOD_CMP;

    if (options->challenge && (t->config->method != METHOD_SCEP || t->config->skip_challenge))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "%s has no use for a challenge password", t->name);
    if (options->challenge && strlen(options->challenge) > CHALLENGE_MAX)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "A challenge password has at most %u characters", CHALLENGE_MAX);
    if ((options->identity || options->secret) && !known)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "%s has no use for a name and a secret", t->name);
    if (options->secret && !(options->identity && options->identity[0]))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "A secret belongs to a name");
    if ((options->identity && strlen(options->identity) > CHALLENGE_MAX) ||
        (options->secret && strlen(options->secret) > CHALLENGE_MAX))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "Name and secret have at most %u characters", CHALLENGE_MAX);
    if (!is_plain(options->identity) || !is_plain(options->secret) ||
        (t->config->method == METHOD_EST && options->identity && strchr(options->identity, ':')))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "Name and secret have no control characters, and a user name has "
                                 "no colon");
    return 0;
}

int enrollment1_method_enroll(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    EnrollOptions options = {};
    const BusOption table[] = {
        {"include-serial-number", 'b', &options.include_serial_number, NULL},
        {"ip-address", 's', &options.address, NULL},
        {"challenge-password", 's', &options.challenge, NULL},
        {"identity", 's', &options.identity, NULL},
        {"secret", 's', &options.secret, NULL},
    };
    _cleanup_free_ char *fqdn = NULL;
    char address[INET6_ADDRSTRLEN];
    Manager *manager = userdata;
    const char *name;
    Trustpoint *t;
    int r;

    /* There may be a password in it. */
    r = sd_bus_message_sensitive(m);
    if (r >= 0)
        r = sd_bus_message_read(m, "s", &name);
    if (r >= 0)
        r = bus_read_options(m, table, ELEMENTSOF(table), reterr_error);
    if (r < 0)
        return r;
    if (options.address) {
        if (normalize_address(options.address, address) < 0)
            return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                     "'%.64s' is not an IP address", options.address);
        options.address = address;
    }
    r = find_for(manager, name, ROLE_ROUTER, &t, &fqdn, reterr_error);
    if (r < 0)
        return r;
    r = check_secrets(t, &options, reterr_error);
    if (r < 0)
        return r;
    if (t->config->method == METHOD_SELF)
        return enrollment_start_self(manager, t, ROLE_ROUTER, fqdn, &options, m, reterr_error);
    return enrollment_method_has_server(t->config->method)
               ? server_enroll(manager, t, fqdn, &options, m, reterr_error)
               : external_enroll(manager, t, fqdn, &options, m, reterr_error);
}

static void log_removed(sd_bus_message *m, const Trustpoint *t)
{
    static const LogEvent event = {LOG_CERT_REMOVED};
    _cleanup_free_ char *user = NULL;

    if (bus_sender_name(m, &user) < 0)
        user = NULL;
    log_event(&event, LOG_FIELDS("TRUSTPOINT", t->name, "USER", user ? user : "?"),
              "Certificates of trustpoint %s removed by %s", t->name, user ? user : "?");
}

int enrollment1_method_clear(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    bool had[ROLE_MAX], any = false;
    Manager *manager = userdata;
    const char *name;
    Trustpoint *t;
    int r;

    r = sd_bus_message_read(m, "s", &name);
    if (r < 0)
        return r;
    r = trustpoint_get(manager, name, &t, reterr_error);
    if (r < 0)
        return r;
    if (t->asking)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY,
                                 "An enrollment of %s is running: crypto ca cancel-enroll %s, then "
                                 "clear crypto ca certificates %s",
                                 t->name, t->name, t->name);
    if (t->busy)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY,
                                 "An enrollment of %s is running: wait for it to end", t->name);
    for (size_t role = 0; role < ROLE_MAX; role++) {
        had[role] = trustpoint_certificate(t, role) != NULL;
        any = any || had[role];
    }
    r = trustpoint_clear(&manager->trustpoints, t);
    if (r < 0)
        return log_error_errno(r, "Failed to remove the certificates of trustpoint %s: %m",
                               t->name);
    export_certificates(manager, t);
    if (any)
        log_removed(m, t);
    for (size_t role = 0; role < ROLE_MAX; role++)
        if (had[role])
            announce_certificate_removed(manager, t, role);
    if (t->config)
        announce_trustpoint_changed(manager, t);
    else {
        announce_trustpoint_removed(manager, t);
        (void)trustpoint_collect(&manager->trustpoints, t);
    }
    return sd_bus_reply_method_return(m, NULL);
}

static int append_chain(sd_bus_message *reply, const Trustpoint *t)
{
    static const CertificateRole chain[] = {ROLE_ROUTER, ROLE_CA};
    int r;

    r = sd_bus_message_open_container(reply, 'a', "ay");
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(chain); i++) {
        const SharedCertificate *c = trustpoint_certificate(t, chain[i])->shared;

        r = sd_bus_message_append_array(reply, 'y', c->der, c->size);
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Envelopes are JWS, which has one digest for each curve (RFC 7518 section 3.4), and DSA one that
 * its q has room for; for RSA it is the configured one. */
static const char *envelope_digest(const Trustpoint *t, const char *algorithm)
{
    static const struct {
        const char *algorithm, *digest;
    } digests[] = {{"ecdsanistp256", "sha256"},
                   {"ecdsanistp384", "sha384"},
                   {"ecdsanistp521", "sha512"},
                   {"ed25519", ""},
                   {"dsa", "sha256"}};

    for (size_t i = 0; i < ELEMENTSOF(digests); i++)
        if (streq(digests[i].algorithm, algorithm))
            return digests[i].digest;
    return t->config->digest;
}

int enrollment1_method_get_signer(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    Manager *manager = userdata;
    const Trustpoint *t;
    const char *reason;
    const KeyName *key;
    int r;

    manager_read_again(manager);
    t = trustpoint_find(&manager->trustpoints, SYSTEM_TRUSTPOINT);
    r = trustpoint_signer_check(t, trustpoints_now(&manager->trustpoints), &reason);
    if (r < 0)
        return sd_bus_error_setf(reterr_error, error_name_from_errno(r), "%s", reason);
    key = &trustpoint_certificate(t, ROLE_ROUTER)->key;
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_append(reply, "sss", key->algorithm, key->label,
                                  envelope_digest(t, key->algorithm));
    if (r >= 0)
        r = append_chain(reply, t);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

/* --- Configuration ---------------------------------------------------------------------------- */

static int report_problem(void *userdata, const char *line, const char *reason)
{
    return config_problem(userdata, line, "%s", reason);
}

/* What a removed trustpoint has is removed by whoever wants that, and by nothing that could be
 * taken back, as a commit can. */
static int warn_of_removed(const Manager *m, json_object *section, ConfigProblems *problems)
{
    json_object *all = json_object_object_get(section, "trustpoint");
    int r = 0;

    for (const Trustpoint *t = m->trustpoints.first; r >= 0 && t; t = t->next) {
        _cleanup_free_ char *line = NULL;

        if (!t->config || (!t->record.name && !trustpoint_unread(t)) ||
            (all && json_object_object_get_ex(all, t->name, NULL)))
            continue;
        if (asprintf(&line, "no crypto ca trustpoint %s", t->name) < 0) {
            line = NULL;
            return -ENOMEM;
        }
        r = config_warning(problems, line,
                           "its certificates and the request that is open stay until they are "
                           "removed: clear crypto ca certificates %s",
                           t->name);
    }
    return r;
}

static int warn(ConfigProblems *problems, const TrustpointConfig *c, const char *option,
                const char *text)
{
    _cleanup_free_ char *line = NULL;

    if (asprintf(&line, "crypto ca trustpoint %s%s", c->name, option) < 0) {
        line = NULL;
        return -ENOMEM;
    }
    return config_warning(problems, line, "%s", text);
}

static int warn_of_trustpoint(ConfigProblems *problems, const TrustpointConfig *c)
{
    int r = 0;

    if (trustpoint_config_warning(c))
        r = warn(problems, c, " enrollment legacy", trustpoint_config_warning(c));
    if (r >= 0 && enrollment_method_has_server(c->method) && c->auto_enroll == 0)
        r = warn(problems, c, "",
                 "There is no 'auto-enroll': the certificate is not renewed by itself");
    if (r >= 0 && c->crl_optional)
        r = warn(problems, c, " crl optional",
                 "Who keeps the CRL away keeps revoked certificates good");
    return r;
}

static int check_trustpoints(void *userdata, json_object *section, ConfigProblems *problems)
{
    _cleanup_(trustpoint_config_list_freep) TrustpointConfig *list = NULL;
    int r = trustpoint_config_parse(section, report_problem, problems, &list);

    manager_trim_soon(userdata);
    for (const TrustpointConfig *c = list; c && r >= 0; c = c->next)
        r = warn_of_trustpoint(problems, c);
    if (r >= 0)
        r = warn_of_removed(userdata, section, problems);
    return r < 0 ? r : 0;
}

/* What was committed had passed the check of the release that it was committed with. */
static int log_problem(void *userdata, const char *line, const char *reason)
{
    log_error("Configured '%s' %s; without effect", line, reason);
    return 0;
}

static void on_trustpoint_change(void *userdata, Trustpoint *t, TrustpointChange change)
{
    switch (change) {
    case TRUSTPOINT_ADDED:
        announce_trustpoint_added(userdata, t);
        break;
    case TRUSTPOINT_CHANGED:
        t->poll_at = t->renew_at = t->rollover_at = 0;
        announce_trustpoint_changed(userdata, t);
        break;
    case TRUSTPOINT_REMOVED:
        announce_trustpoint_removed(userdata, t);
        break;
    default:
        break;
    }
}

static int apply_trustpoints(void *userdata, uint64_t commit, json_object *section)
{
    TrustpointConfig *list = NULL;
    Manager *m = userdata;
    int r;

    r = trustpoint_config_parse(section, log_problem, m, &list);
    if (r < 0)
        return r;
    r = trustpoints_configure(&m->trustpoints, list, on_trustpoint_change, m);
    announce_trustpoints_changed(m);
    /* Who is not renewed any more hears of what was held back (rollover_has_successor()). */
    expiry_watch_run(m);
    trustpoint_jobs_schedule(m);
    manager_trim_soon(m);
    return r;
}

static int copy_member(json_object *o, const char *name, char **ret)
{
    const char *value;
    char *copy;
    int r = json_get_string(o, name, &value);

    if (r == -ENOENT) {
        *ret = NULL;
        return 0;
    }
    if (r < 0)
        return r;
    copy = strdup(value);
    if (!copy)
        return -ENOMEM;
    *ret = copy;
    return 0;
}

static int apply_system(void *userdata, uint64_t commit, json_object *section)
{
    _cleanup_free_ char *hostname = NULL, *domain = NULL;
    Manager *m = userdata;
    json_object *o;
    int r;

    r = copy_member(section, "hostname", &hostname);
    if (r >= 0 && json_get_object(section, "domain", &o) >= 0)
        r = copy_member(o, "name", &domain);
    if (r < 0)
        return r;
    free(m->hostname);
    free(m->domain);
    m->hostname = TAKE_PTR(hostname);
    m->domain = TAKE_PTR(domain);
    return 0;
}

static int check_access(void *userdata, json_object *section, ConfigProblems *problems)
{
    FetchAccess access;

    return fetch_access_read(section, report_problem, problems, &access);
}

static int apply_access(void *userdata, uint64_t commit, json_object *section)
{
    Manager *m = userdata;

    return fetch_access_read(section, log_problem, m, &m->access);
}

static const ConfigSection sections[] = {
    {SECTION_TRUSTPOINTS, check_trustpoints, apply_trustpoints},
    {SECTION_SYSTEM, NULL, apply_system},
    {SECTION_ACCESS, check_access, apply_access},
    {NULL, NULL, NULL},
};

int manager_bus_init(Manager *m)
{
    int r = server_add_object(m->server, ENROLLMENT_PATH, &enrollment1_interface, m);

    return r < 0 ? r : config_owner_init(m->server, sections, m);
}
