/* SPDX-License-Identifier: Apache-2.0 */
/* crypto ca authenticate, enroll; clear and show crypto ca certificates. */
#include "cli-ca.h"

#include <arpa/inet.h>

#include "cli-bus.h"
#include "cli-ca-external.h"
#include "cli-commands.h"
#include "cli-file.h"
#include "cli-input.h"
#include "cli-job.h"
#include "cli-output.h"
#include "cli-trustpool.h"
#include "errors.h"
#include "names.h"
#include "render-certificate.h"

/* What Enrollment1.Describe says. */
typedef struct Description {
    sd_bus_message *message;
    const char *method, *credentials, *subject_name, *fqdn, *serial_number, *key_label, *key_usage;
    int ask_serial_number, ask_ip_address, ask_challenge, needs_credentials, waits;
    uint32_t key_type;
} Description;

static int describe(Cli *cli, const char *trustpoint, const char *operation, Description *d)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = cli_call(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_NAME, "Describe", &error,
                     &d->message, "ss", trustpoint, operation);

    if (r < 0)
        return cli_bus_error(cli, &error, r);
    r = cli_read_entries(d->message,
                         (const CliEntry[]){{"method", 's', &d->method},
                                            {"ask-credentials", 's', &d->credentials},
                                            {"subject-name", 's', &d->subject_name},
                                            {"fqdn", 's', &d->fqdn},
                                            {"serial-number", 's', &d->serial_number},
                                            {"key-label", 's', &d->key_label},
                                            {"key-usage", 's', &d->key_usage},
                                            {"key-type", 'u', &d->key_type},
                                            {"ask-serial-number", 'b', &d->ask_serial_number},
                                            {"ask-ip-address", 'b', &d->ask_ip_address},
                                            {"ask-challenge-password", 'b', &d->ask_challenge},
                                            {"needs-credentials", 'b', &d->needs_credentials},
                                            {"waits", 'b', &d->waits},
                                            {0}});
    return r < 0 ? cli_error(cli, r, "The answer cannot be read: %s", strerror(-r)) : 0;
}

static void description_done(Description *d)
{
    sd_bus_message_unref(d->message);
}

static void say_subject(Cli *cli, const Description *d)
{
    if (d->subject_name && *d->subject_name)
        cli_say(cli, "%% The subject name in the certificate will include: %s\n", d->subject_name);
    if (d->fqdn && *d->fqdn)
        cli_say(cli, "%% The subject name in the certificate will include: %s\n", d->fqdn);
}

static const CliEntry *certificate_entries(CertificateView *view, CliBytes *data,
                                           CliEntry entries[14])
{
    const CliEntry all[] = {
        {"Trustpoint", 's', &view->trustpoint},
        {"Role", 's', &view->role},
        {"KeyUsage", 's', &view->key_usage},
        {"Status", 's', &view->status},
        {"SerialNumber", 's', &view->serial_number},
        {"Subject", 's', &view->subject},
        {"Issuer", 's', &view->issuer},
        {"NotBefore", 'x', &view->not_before},
        {"NotAfter", 'x', &view->not_after},
        {"SHA1Fingerprint", 's', &view->sha1_fingerprint},
        {"SHA256Fingerprint", 's', &view->sha256_fingerprint},
        {"CrlDistributionPoints", 'L', view->crl_points},
        {"Certificate", 'A', data},
        {0},
    };

    *view = (CertificateView){.trustpoint = "",
                              .role = "",
                              .key_usage = "",
                              .status = "",
                              .serial_number = "",
                              .subject = "",
                              .issuer = "",
                              .sha1_fingerprint = "",
                              .sha256_fingerprint = ""};
    memcpy(entries, all, sizeof(all));
    return entries;
}

/* Whoever may enroll but not look gets no more than that it is there. */
int cli_ca_show_new(Cli *cli, const char *path)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    CertificateView view;
    CliEntry entries[14];
    CliBytes data = {0};
    int r;

    r = cli_get_properties(cli, ENROLLMENT_NAME, path, ENROLLMENT_CERTIFICATE_INTERFACE,
                           certificate_entries(&view, &data, entries), &error, &reply);
    if (r < 0 && sd_bus_error_has_name(&error, ERROR_NOT_AUTHORIZED)) {
        cli_say(cli, "%% The certificate is installed. %s\n", error.message ? error.message : "");
        return 0;
    }
    if (r < 0)
        return cli_bus_error(cli, &error, r);
    render_new_certificate(cli->out, &view);
    return 0;
}

/* usage: of usage keys, else NULL; url: where it has been written to, or NULL. */
static void show_request(Cli *cli, const char *usage, const char *request, const char *url)
{
    if (!request)
        return;
    if (usage)
        fprintf(cli->out, "%s key certificate request -\n", usage);
    fprintf(cli->out,
            "Certificate Request follows:\n%s---End - This line not part of the certificate "
            "request---\n",
            request);
    if (url)
        cli_say(cli, "%% The certificate request is at %s\n", url);
}

static int save_requests(Cli *cli, const char *path, const char *request, const char *second)
{
    _cleanup_(cli_save_done) CliSave save = {.fd = -EBADF};
    _cleanup_free_ char *text = NULL;
    int r;

    if (asprintf(&text, "%s%s", request ? request : "", second ? second : "") < 0) {
        text = NULL;
        return cli_error(cli, ENOMEM, "Out of memory");
    }
    r = cli_save_open(cli, path, &save);
    if (r >= 0)
        r = cli_save_text(cli, &save, text);
    if (r >= 0)
        cli_say(cli, "%% The certificate request is in %s\n", path);
    return r;
}

/* The first certificate comes with what is shown of it: nothing more is asked then. */
static int show_first(Cli *cli, const char *path, CertificateView *view, const uint64_t validity[2])
{
    if (!view->serial_number || !view->subject || !view->issuer || !view->sha1_fingerprint)
        return cli_ca_show_new(cli, path);
    view->not_before = (int64_t)validity[0];
    view->not_after = (int64_t)validity[1];
    render_new_certificate(cli->out, view);
    return 0;
}

/* As the CA's administrator reads it out: by the router's habit the MD5, in groups; and one that
 * still means something. */
static void show_fingerprints(Cli *cli, const char *usage, const char *md5, const char *sha256)
{
    if (md5) {
        if (usage)
            fprintf(cli->out, "%s key certificate request -\n", usage);
        (void)fputs("Fingerprint:", cli->out);
        for (size_t i = 0, n = strlen(md5); i < n; i += 8)
            fprintf(cli->out, " %.8s", md5 + i);
        (void)fputc('\n', cli->out);
    }
    if (sha256)
        fprintf(cli->out, "SHA256 Fingerprint:\n%s\n", sha256);
}

/* The certificates that are there now, or the requests that wait for them. */
int cli_ca_show_result(Cli *cli, sd_bus_message *result, const char *file)
{
    const char *path = NULL, *second_path = NULL, *request = NULL, *second_request = NULL;
    const char *url = NULL, *second_url = NULL;
    CertificateView view = {.serial_number = NULL};
    uint64_t validity[2] = {0};
    const char *md5 = NULL, *sha256 = NULL, *second_md5 = NULL, *second_sha256 = NULL;
    int pending = 0;
    const CliEntry entries[] = {{"certificate", 'o', &path},
                                {"encryption-certificate", 'o', &second_path},
                                {"request", 's', &request},
                                {"encryption-request", 's', &second_request},
                                {"request-url", 's', &url},
                                {"encryption-request-url", 's', &second_url},
                                {"pending", 'b', &pending},
                                {"serial-number", 's', &view.serial_number},
                                {"subject", 's', &view.subject},
                                {"issuer", 's', &view.issuer},
                                {"not-before", 't', &validity[0]},
                                {"not-after", 't', &validity[1]},
                                {"sha1-fingerprint", 's', &view.sha1_fingerprint},
                                {"request-md5", 's', &md5},
                                {"request-sha256", 's', &sha256},
                                {"encryption-request-md5", 's', &second_md5},
                                {"encryption-request-sha256", 's', &second_sha256},
                                {0}};
    int r = cli_read_entries(result, entries);

    if (r < 0 || !(path || second_path || request || pending))
        return cli_error(cli, EPROTO, "The answer names no certificate.");
    show_fingerprints(cli, second_md5 ? "Signature" : NULL, md5, sha256);
    show_fingerprints(cli, "Encryption", second_md5, second_sha256);
    if (path)
        r = show_first(cli, path, &view, validity);
    if (r >= 0 && second_path)
        r = cli_ca_show_new(cli, second_path);
    if (pending)
        cli_say(cli,
                "%% The CA has not decided yet and is asked again: show crypto ca trustpoints\n");
    if (r >= 0 && file && request)
        return save_requests(cli, file, request, second_request);
    show_request(cli, second_request ? "Signature" : NULL, request, url);
    show_request(cli, "Encryption", second_request, second_url);
    return r;
}

int cli_ca_method(Cli *cli, const char *trustpoint, char **ret)
{
    _cleanup_(description_done) Description d = {0};
    int r = describe(cli, trustpoint, "import", &d);

    if (r < 0)
        return r;
    *ret = strdup(d.method ? d.method : "self");
    return *ret ? 0 : cli_error(cli, ENOMEM, "Out of memory");
}

int cli_ca_authenticate(Cli *cli, const GrammarMatch *m)
{
    const char *trustpoint = grammar_argument(m, "trustpoint");
    _cleanup_message_ sd_bus_message *call = NULL, *result = NULL;
    _cleanup_(description_done) Description d = {0};
    int r = describe(cli, trustpoint, "authenticate", &d);

    const char *fingerprint = grammar_argument(m, "fingerprint");

    if (r < 0)
        return r;
    if (!streq(d.method ? d.method : "self", "self"))
        return cli_ca_authenticate_external(cli, trustpoint, d.method, grammar_argument(m, "path"),
                                            fingerprint);
    if (grammar_argument(m, "path"))
        return cli_error(cli, EINVAL,
                         "%s makes its CA certificate itself: there is none to be read.",
                         trustpoint);
    if (fingerprint)
        return cli_error(cli, EINVAL,
                         "%s makes its CA certificate itself: there is nothing to compare.",
                         trustpoint);
    say_subject(cli, &d);
    r = cli_new_call(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_NAME, "Authenticate", &call);
    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "sa{sv}", trustpoint, 0);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    r = cli_job_run(cli, call, &result);
    return r < 0 ? r : cli_ca_show_result(cli, result, NULL);
}

/* --- crypto ca enroll ------------------------------------------------------------------------- */

typedef struct EnrollAnswers {
    int serial_number;
    char *ip_address;
    char *challenge;
    char *identity, *secret;
} EnrollAnswers;

static void answers_done(EnrollAnswers *a)
{
    free(a->ip_address);
    free(a->identity);
    cli_secret_free(a->secret);
    cli_secret_free(a->challenge);
}

static int ask_ip_address(Cli *cli, char **ret)
{
    for (;;) {
        _cleanup_free_ char *answer = NULL;
        struct in6_addr address;
        int r = cli_ask(cli, "Enter the IP address: ", NULL, &answer);

        if (r < 0)
            return r;
        if (inet_pton(AF_INET, answer, &address) == 1 ||
            inet_pton(AF_INET6, answer, &address) == 1) {
            *ret = TAKE_PTR(answer);
            return 0;
        }
        r = cli_error(cli, EINVAL, "That is no IP address.");
        if (!cli->answers_typed)
            return r;
    }
}

/* An empty one is none. */
static int ask_challenge(Cli *cli, char **ret)
{
    cli_say(cli, "%% Create a challenge password. You will need to verbally provide this\n"
                 "password to the CA Administrator in order to revoke your certificate.\n"
                 "%% For security reasons your password will not be saved in the configuration.\n"
                 "%% Please make a note of it.\n\n");
    return cli_ask_new_secret(cli, ret);
}

/* An empty name is nobody. */
static int ask_credentials(Cli *cli, const char *trustpoint, const Description *d, EnrollAnswers *a)
{
    bool reference = streq(d->credentials, "reference");
    int r;

    if (d->needs_credentials)
        cli_say(cli, "%% Enter the reference and the shared secret that the CA has given you.\n"
                     "They are kept nowhere once the certificate is there.\n\n");
    else
        cli_say(cli,
                "%% If the CA knows you by a %s, enter them now;\n"
                "otherwise press return. They are kept nowhere once the certificate is there.\n\n",
                reference ? "reference and a shared secret" : "user name and a password");
    r = cli_ask(cli, reference ? "Reference: " : "Username: ", "", &a->identity);
    if (r >= 0 && !a->identity[0])
        return d->needs_credentials
                   ? cli_error(cli, EINVAL,
                               "Without a certificate that is valid, the CA knows the router by a "
                               "reference and a shared secret only: crypto ca enroll %s",
                               trustpoint)
                   : 0;
    return r < 0 ? r : cli_ask_secret(cli, reference ? "Shared secret:" : "Password:", &a->secret);
}

static bool has_server(const Description *d)
{
    const char *method = d->method ? d->method : "self";

    return streq(method, "scep") || streq(method, "est") || streq(method, "cmp");
}

static int ask_secrets(Cli *cli, const char *trustpoint, const Description *d, EnrollAnswers *a)
{
    if (has_server(d))
        cli_say(cli, "%% Start certificate enrollment ...\n");
    if (d->waits)
        cli_say(cli, "%% A request of %s waits already: this one takes its place.\n", trustpoint);
    if (d->ask_challenge)
        return ask_challenge(cli, &a->challenge);
    return d->credentials ? ask_credentials(cli, trustpoint, d, a) : 0;
}

static int ask_enroll(Cli *cli, const char *trustpoint, const Description *d, EnrollAnswers *a)
{
    int r = ask_secrets(cli, trustpoint, d, a);

    if (r < 0)
        return r;
    say_subject(cli, d);
    a->serial_number = -1;
    if (d->ask_serial_number) {
        r = cli_ask_yes_no(
            cli, "% Include the router serial number in the subject name? [yes/no]: ", -1);
        if (r < 0)
            return r;
        a->serial_number = r;
        if (r > 0)
            cli_say(cli, "%% The serial number in the certificate will be: %s\n",
                    d->serial_number ? d->serial_number : "");
    }
    if (d->ask_ip_address) {
        r = cli_ask_yes_no(cli, "% Include an IP address in the subject name? [yes/no]: ", -1);
        if (r > 0)
            r = ask_ip_address(cli, &a->ip_address);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Where a server is asked, the router says nothing of it. */
static void say_keypair(Cli *cli, const Description *d)
{
    if (has_server(d))
        return;
    cli_say(cli, "Certificate keypair configured Type: %u, Label: %s.", d->key_type,
            d->key_label ? d->key_label : "");
    if (d->key_usage)
        cli_say(cli, " Leaf cert key usage string: %s.", d->key_usage);
    cli_say(cli, "\n");
}

static int append_enroll(sd_bus_message *call, const char *trustpoint, const EnrollAnswers *a)
{
    int r = sd_bus_message_append(call, "s", trustpoint);

    if (r >= 0)
        r = sd_bus_message_open_container(call, 'a', "{sv}");
    if (r >= 0 && a->serial_number >= 0)
        r = sd_bus_message_append(call, "{sv}", "include-serial-number", "b", a->serial_number);
    if (r >= 0 && a->challenge && a->challenge[0])
        r = sd_bus_message_append(call, "{sv}", "challenge-password", "s", a->challenge);
    if (r >= 0 && a->identity && a->identity[0])
        r = sd_bus_message_append(call, "{sv}", "identity", "s", a->identity);
    if (r >= 0 && a->secret)
        r = sd_bus_message_append(call, "{sv}", "secret", "s", a->secret);
    if (r >= 0)
        r = sd_bus_message_sensitive(call);
    if (r >= 0 && a->ip_address)
        r = sd_bus_message_append(call, "{sv}", "ip-address", "s", a->ip_address);
    return r < 0 ? r : sd_bus_message_close_container(call);
}

/* A request goes into a file exactly where that is how the trustpoint enrolls. */
static int check_file(Cli *cli, const char *trustpoint, const Description *d, const char *path)
{
    bool local = d->method && streq(d->method, "local");

    if (local && !path)
        return cli_error(cli, EINVAL,
                         "%s enrolls by files: crypto ca enroll %s FILE, for the request.",
                         trustpoint, trustpoint);
    if (!local && path)
        return cli_error(cli, EINVAL, "%s does not enroll by files: 'enrollment local' does.",
                         trustpoint);
    return 0;
}

int cli_ca_enroll(Cli *cli, const GrammarMatch *m)
{
    const char *trustpoint = grammar_argument(m, "trustpoint"), *path = grammar_argument(m, "path");
    _cleanup_message_ sd_bus_message *call = NULL, *result = NULL;
    _cleanup_(description_done) Description d = {0};
    _cleanup_(answers_done) EnrollAnswers answers = {0};
    int r = describe(cli, trustpoint, "enroll", &d);

    if (r < 0)
        return r;
    r = check_file(cli, trustpoint, &d, path);
    if (r < 0)
        return r;
    r = ask_enroll(cli, trustpoint, &d, &answers);
    if (r < 0)
        return r;
    say_keypair(cli, &d);
    r = cli_new_call(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_NAME, "Enroll", &call);
    if (r < 0)
        return r;
    r = append_enroll(call, trustpoint, &answers);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    r = cli_job_run(cli, call, &result);
    return r < 0 ? r : cli_ca_show_result(cli, result, path);
}

int cli_ca_clear(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = cli_call(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_NAME, "Clear", &error, NULL,
                     "s", grammar_argument(m, "trustpoint"));

    return r < 0 ? cli_bus_error(cli, &error, r) : 0;
}

/* --- show crypto ca certificates -------------------------------------------------------------- */

typedef struct CertificateList {
    CertificateView *items;
    size_t n;
} CertificateList;

static int collect_certificate(sd_bus_message *m, void *userdata)
{
    CertificateList *list = userdata;
    CertificateView *items = reallocarray(list->items, list->n + 1, sizeof(*items)), view;
    CliEntry entries[14];
    CliBytes data = {0};
    int r;

    if (!items)
        return -ENOMEM;
    list->items = items;
    r = cli_read_entries(m, certificate_entries(&view, &data, entries));
    if (r < 0)
        return r;
    view.data = data.data;
    view.data_size = data.size;
    list->items[list->n++] = view;
    return 0;
}

static int role_rank(const char *role)
{
    static const char *const order[] = {"ca", "rollover", "router"};
    int i = 0;

    while (i < (int)ELEMENTSOF(order) && !streq(role, order[i]))
        i++;
    return i;
}

/* By trustpoint, the CA's first, that for encryption last. */
static int compare_certificates(const void *a, const void *b)
{
    const CertificateView *x = a, *y = b;
    int c = strcmp(x->trustpoint, y->trustpoint);

    if (c == 0)
        c = role_rank(x->role) - role_rank(y->role);
    return c ? c : strcmp(x->serial_number, y->serial_number);
}

static void print_certificates(Cli *cli, const CertificateList *list, const char *only, bool detail)
{
    const char *trustpoint = NULL;
    bool any = false;

    for (size_t i = 0; i < list->n; i++) {
        const CertificateView *c = &list->items[i];

        if (only && !streq(c->trustpoint, only))
            continue;
        if (!streq_ptr(trustpoint, c->trustpoint)) {
            if (trustpoint) {
                render_trustpoint_foot(cli->out, trustpoint);
                (void)fputc('\n', cli->out);
            }
            trustpoint = c->trustpoint;
            render_trustpoint_head(cli->out, trustpoint);
        }
        render_certificate(cli->out, c);
        if (detail)
            render_certificate_detail(cli->out, c);
        any = true;
    }
    if (any)
        render_trustpoint_foot(cli->out, trustpoint);
}

static int print_certificates_json(Cli *cli, const CertificateList *list, const char *only)
{
    json_object *array = json_object_new_array();

    for (size_t i = 0; i < list->n; i++)
        if (!only || streq(list->items[i].trustpoint, only))
            (void)json_object_array_add(array, render_certificate_json(&list->items[i]));
    return cli_print_json(cli, array);
}

static bool has_certificate(const CertificateList *list, const char *trustpoint)
{
    for (size_t i = 0; i < list->n; i++)
        if (streq(list->items[i].trustpoint, trustpoint))
            return true;
    return false;
}

int cli_show_ca_certificates(Cli *cli, const GrammarMatch *m)
{
    const char *only = grammar_argument(m, "trustpoint");
    _cleanup_message_ sd_bus_message *reply = NULL;
    CertificateList list = {0};
    int r = cli_get_objects(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_CERTIFICATE_INTERFACE,
                            collect_certificate, &list, &reply);

    if (r >= 0 && only && !has_certificate(&list, only))
        r = cli_ca_check_trustpoint(cli, only);
    if (r >= 0) {
        if (list.n > 1)
            qsort(list.items, list.n, sizeof(*list.items), compare_certificates);
        if (cli->json)
            r = print_certificates_json(cli, &list, only);
        else
            print_certificates(cli, &list, only, grammar_has(m, "detail"));
    }
    free(list.items);
    return r;
}
