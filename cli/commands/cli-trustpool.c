/* SPDX-License-Identifier: Apache-2.0 */
/* show crypto ca trustpool, crypto ca trustpool import. */
#include "cli-trustpool.h"

#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-input.h"
#include "cli-job.h"
#include "cli-output.h"
#include "cli-transfer.h"
#include "json-util.h"
#include "memfd.h"
#include "names.h"
#include "render-pool.h"

#define BUNDLE_MAX (48U << 20) /* the daemon's own limit */

int cli_print_json(Cli *cli, json_object *o)
{
    const char *text =
        o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                  JSON_C_TO_STRING_NOSLASHESCAPE)
          : NULL;
    int r = text ? 0 : cli_error(cli, ENOMEM, "Out of memory");

    if (text)
        fprintf(cli->out, "%s\n", text);
    json_object_put(o);
    return r;
}

static int get_list(Cli *cli, const GrammarMatch *m, json_object **ret)
{
    const char *name = grammar_has(m, "subject") ? "subject" : "fingerprint";
    const char *value = grammar_argument(m, "text");
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_free_ void *data = NULL;
    size_t size;
    int r;

    if (value)
        r = cli_call(cli, TRUSTPOOL_NAME, TRUSTPOOL_PATH, cli_documents(cli, TRUSTPOOL_NAME),
                     "List", &error, &reply, "a{sv}", 1, name, "s", value);
    else
        r = cli_call(cli, TRUSTPOOL_NAME, TRUSTPOOL_PATH, cli_documents(cli, TRUSTPOOL_NAME),
                     "List", &error, &reply, "a{sv}", 0);
    if (r < 0)
        return cli_bus_error(cli, &error, r);
    r = cli_read_document(cli, reply, &data, &size);
    if (r < 0)
        return r;
    r = json_parse(data, size, ret);
    if (r >= 0 && !json_object_is_type(*ret, json_type_array)) {
        json_object_put(*ret);
        r = -EBADMSG;
    }
    return r < 0 ? cli_error(cli, EBADMSG, "The answer is no list of certificates.") : 0;
}

int cli_show_trustpool(Cli *cli, const GrammarMatch *m)
{
    _cleanup_json_ json_object *pool = NULL;
    int r = get_list(cli, m, &pool);

    if (r < 0)
        return r;
    if (cli->json)
        return cli_print_json(cli, json_object_get(pool));
    for (size_t i = 0; i < json_object_array_length(pool); i++)
        render_pool_certificate(cli->out, json_object_array_get_idx(pool, i),
                                grammar_has(m, "detail"));
    return 0;
}

int cli_show_trustpool_policy(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    int weak_refused = 0, crl_optional = 0, system_export = 0;
    PoolPolicyView view = {.url = ""};
    const CliEntry entries[] = {
        {"BundleUrl", 's', &view.url},
        {"BundleSigner", 's', &view.signer},
        {"HostKey", 's', &view.host_key},
        {"ShrinkLimit", 'u', &view.shrink_limit},
        {"Description", 's', &view.description},
        {"WeakRefused", 'b', &weak_refused},
        {"CrlOptional", 'b', &crl_optional},
        {"SystemExport", 'b', &system_export},
        {"Vrf", 's', &view.vrf},
        {"Source", 's', &view.source},
        {"Imported", 'x', &view.imported},
        {"NextUpdate", 'x', &view.next_update},
        {"EarliestExpiry", 'x', &view.earliest_expiry},
        {"BuiltIn", 'u', &view.built_in},
        {"Downloaded", 'u', &view.downloaded},
        {"Active", 'u', &view.active},
        {0},
    };
    int r = cli_get_properties(cli, TRUSTPOOL_NAME, TRUSTPOOL_PATH, TRUSTPOOL_NAME, entries, &error,
                               &reply);

    if (r < 0)
        return cli_bus_error(cli, &error, r);
    view.weak_refused = weak_refused;
    view.crl_optional = crl_optional;
    view.system_export = system_export;
    if (cli->json)
        return cli_print_json(cli, render_pool_policy_json(&view));
    render_pool_policy(cli->out, &view);
    return 0;
}

/* --- Import ----------------------------------------------------------------------------------- */

/* The certificates that were not taken, one by one. */
static void print_report(Cli *cli, const char *report, uint32_t rejected)
{
    _cleanup_json_ json_object *entries = NULL;
    size_t n;

    if (!report || json_parse(report, strlen(report), &entries) < 0 ||
        !json_object_is_type(entries, json_type_array))
        return;
    n = json_object_array_length(entries);
    for (size_t i = 0; i < n; i++)
        render_pool_rejection(cli->out, json_object_array_get_idx(entries, i));
    if (rejected > n)
        fprintf(cli->out, "and %zu more\n", rejected - n);
}

static int run_import(Cli *cli, sd_bus_message *call)
{
    _cleanup_message_ sd_bus_message *result = NULL;
    uint32_t imported = 0, rejected = 0;
    const char *report = NULL;
    int r = cli_job_run(cli, call, &result);

    if (r < 0)
        return r;
    r = cli_read_entries(result, (const CliEntry[]){{"imported", 'u', &imported},
                                                    {"rejected", 'u', &rejected},
                                                    {"report", 's', &report},
                                                    {0}});
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    print_report(cli, report, rejected);
    fprintf(cli->out, "%u certificate%s imported, %u rejected\n", imported,
            imported == 1 ? "" : "s", rejected);
    return 0;
}

/* fd: a sealed memory file. */
static int import_data(Cli *cli, const GrammarMatch *m, const char *name, int fd)
{
    _cleanup_message_ sd_bus_message *call = NULL;
    int r = cli_new_call(cli, TRUSTPOOL_NAME, TRUSTPOOL_PATH, cli_documents(cli, TRUSTPOOL_NAME),
                         "ImportData", &call);

    if (r >= 0)
        r = cli_append_document(cli, call, fd);
    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "a{sv}", 2, "force", "b", grammar_has(m, "force"), "name", "s",
                              name);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    return run_import(cli, call);
}

static int copy_to_memfd(int from, int to)
{
    char buffer[65536];
    size_t total = 0;
    ssize_t n;
    int r = 0;

    while (r >= 0 && (n = read_full(from, buffer, sizeof buffer)) != 0) {
        if (n < 0)
            return (int)n;
        total += (size_t)n;
        r = total > BUNDLE_MAX ? -EMSGSIZE : write_full(to, buffer, (size_t)n);
    }
    return r < 0 ? r : memfd_seal(to);
}

/* The caller's file, opened as the caller; a sealed copy. */
static int open_copy(Cli *cli, const char *path, int *ret)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), copy = -EBADF;
    struct stat st;
    int r;

    if (fd < 0)
        return cli_error(cli, errno, "%s cannot be opened: %s", path, strerror(errno));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return cli_error(cli, EINVAL, "%s is no file.", path);
    copy = memfd_new("bundle");
    r = copy < 0 ? copy : copy_to_memfd(fd, copy);
    if (r < 0)
        return cli_error(cli, r, "%s cannot be read: %s", path, strerror(-r));
    *ret = TAKE_FD(copy);
    return 0;
}

static int import_file(Cli *cli, const GrammarMatch *m, const char *url, const char *path)
{
    _cleanup_close_ int copy = -EBADF;
    int r = open_copy(cli, path, &copy);

    return r < 0 ? r : import_data(cli, m, url, copy);
}

int cli_trustpool_import_terminal(Cli *cli, const GrammarMatch *m)
{
    _cleanup_close_ int fd = memfd_new("bundle");
    size_t total = 0;
    int r = fd < 0 ? fd : 0;

    cli_say(cli, "Enter the bundle in PEM, and then the word \"quit\" on a line by itself\n");
    while (r >= 0) {
        _cleanup_free_ char *line = cli_read_line(cli, "", false);

        if (cli->interrupted)
            return cli_error(cli, EINTR, "Interrupted.");
        if (!line || streq(line, "quit"))
            break;
        total += strlen(line) + 1;
        r = total > BUNDLE_MAX ? -EMSGSIZE : write_full(fd, line, strlen(line));
        if (r >= 0)
            r = write_full(fd, "\n", 1);
    }
    if (r >= 0)
        r = memfd_seal(fd);
    if (r < 0)
        return cli_error(cli, r, "What was entered cannot be kept: %s", strerror(-r));
    return import_data(cli, m, "terminal", fd);
}

/* file:///path and file://localhost/path; NULL for other URLs. */
static const char *path_of(const char *url)
{
    static const char *const heads[] = {"file://localhost/", "file:///"};

    for (size_t i = 0; i < ELEMENTSOF(heads); i++)
        if (strncasecmp(url, heads[i], strlen(heads[i])) == 0)
            return url + strlen(heads[i]) - 1;
    return NULL;
}

static bool has_password(const char *url)
{
    return strncasecmp(url, "sftp:", STRLEN("sftp:")) == 0 ||
           strncasecmp(url, "scp:", STRLEN("scp:")) == 0;
}

static int append_download(sd_bus_message *call, const GrammarMatch *m, const char *password)
{
    const char *host_key = grammar_argument(m, "fingerprint");
    int r = sd_bus_message_append(call, "s", grammar_argument(m, "url"));

    if (r >= 0 && password)
        r = sd_bus_message_sensitive(call);
    if (r >= 0)
        r = sd_bus_message_open_container(call, 'a', "{sv}");
    if (r >= 0 && grammar_has(m, "force"))
        r = sd_bus_message_append(call, "{sv}", "force", "b", 1);
    if (r >= 0 && host_key)
        r = sd_bus_message_append(call, "{sv}", "host-key", "s", host_key);
    if (r >= 0 && password)
        r = sd_bus_message_append(call, "{sv}", "password", "s", password);
    return r < 0 ? r : sd_bus_message_close_container(call);
}

/* A call of Import or Diff for a URL, with the password that its server asks for. */
static int new_download(Cli *cli, const GrammarMatch *m, const char *member, sd_bus_message **ret)
{
    _cleanup_message_ sd_bus_message *call = NULL;
    char *password = NULL;
    int r = cli_new_call(cli, TRUSTPOOL_NAME, TRUSTPOOL_PATH, TRUSTPOOL_NAME, member, &call);

    if (r >= 0 && has_password(grammar_argument(m, "url")))
        r = cli_ask_secret(cli, "Password: ", &password);
    if (r < 0)
        return r;
    r = append_download(call, m, password);
    cli_secret_free(password);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    *ret = TAKE_PTR(call);
    return 0;
}

int cli_trustpool_import(Cli *cli, const GrammarMatch *m)
{
    const char *url = grammar_argument(m, "url"), *path = path_of(url);
    _cleanup_message_ sd_bus_message *call = NULL;
    int r;

    if (path && grammar_argument(m, "fingerprint"))
        return cli_error(cli, EINVAL, "Only sftp and scp have a host key.");
    if (path)
        return import_file(cli, m, url, path);
    r = new_download(cli, m, "Import", &call);
    return r < 0 ? r : run_import(cli, call);
}

/* --- Diff and verification -------------------------------------------------------------------- */

int cli_trustpool_diff(Cli *cli, const GrammarMatch *m)
{
    _cleanup_message_ sd_bus_message *call = NULL, *result = NULL;
    _cleanup_json_ json_object *changes = NULL;
    uint32_t imported = 0, rejected = 0, n = 0, lost = 0;
    int needs_force = 0;
    const char *report = "";
    const CliEntry entries[] = {{"imported", 'u', &imported},
                                {"rejected", 'u', &rejected},
                                {"changes", 'u', &n},
                                {"lost", 'u', &lost},
                                {"needs-force", 'b', &needs_force},
                                {"report", 's', &report},
                                {0}};
    int r = new_download(cli, m, "Diff", &call);

    if (r < 0)
        return r;
    r = cli_job_run(cli, call, &result);
    if (r < 0)
        return r;
    r = cli_read_entries(result, entries);
    if (r >= 0)
        r = json_parse(report, strlen(report), &changes);
    if (r < 0 || !json_object_is_type(changes, json_type_array))
        return cli_error(cli, EBADMSG, "The answer cannot be read.");
    if (cli->json)
        return cli_print_json(cli, json_object_get(changes));
    for (size_t i = 0; i < json_object_array_length(changes); i++)
        render_pool_change(cli->out, json_object_array_get_idx(changes, i));
    fprintf(cli->out, "%u certificates in the bundle, %u rejected, %u change%s\n",
            imported + rejected, rejected, n, n == 1 ? "" : "s");
    if (lost > 0)
        fprintf(cli->out, "%u of the trustpoints and peers would stop validating\n", lost);
    if (needs_force)
        fprintf(cli->out, "So many certificates would go that the import needs force\n");
    return 0;
}

static int append_verify(sd_bus_message *call, const GrammarMatch *m)
{
    static const char *const names[] = {"purpose", "name", "revocation"};
    int r = sd_bus_message_open_container(call, 'a', "{sv}");

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++) {
        /* An argument and the keyword before it have one name: the last one counts. */
        const char *value = NULL;

        for (size_t k = 0; k < m->n_arguments; k++)
            if (streq(m->arguments[k].name, names[i]) && !m->arguments[k].is_keyword)
                value = m->arguments[k].value;
        if (value)
            r = sd_bus_message_append(call, "{sv}", names[i], "s", value);
    }
    return r < 0 ? r : sd_bus_message_close_container(call);
}

typedef struct Verdict {
    int valid;
    uint32_t depth;
    const char *reason, *path, *trustpoint, *problem;
} Verdict;

static json_object *verdict_to_json(const Verdict *v)
{
    json_object *o = json_object_new_object();

    json_object_object_add(o, "valid", json_object_new_boolean(v->valid));
    json_object_object_add(o, "reason", json_object_new_string(v->reason));
    json_object_object_add(o, "depth", json_object_new_int64(v->depth));
    json_object_object_add(o, "trustpoint", json_object_new_string(v->trustpoint));
    json_object_object_add(o, "path", json_object_new_string(v->path));
    if (*v->problem)
        json_object_object_add(o, "problem", json_object_new_string(v->problem));
    return o;
}

static void print_path(Cli *cli, const char *path)
{
    for (size_t n; (n = strcspn(path, " ")) > 0; path += n, path += *path == ' ') {
        fputs("    ", cli->out);
        fwrite(path, 1, n, cli->out);
        fputc('\n', cli->out);
    }
}

static int print_verdict(Cli *cli, sd_bus_message *result)
{
    Verdict v = {.reason = "", .path = "", .trustpoint = "", .problem = ""};
    int r = cli_read_entries(result, (const CliEntry[]){{"valid", 'b', &v.valid},
                                                        {"reason", 's', &v.reason},
                                                        {"depth", 'u', &v.depth},
                                                        {"path", 's', &v.path},
                                                        {"trustpoint", 's', &v.trustpoint},
                                                        {"problem", 's', &v.problem},
                                                        {0}});

    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    if (cli->json)
        return cli_print_json(cli, verdict_to_json(&v));
    if (!v.valid)
        return cli_error(cli, EKEYREJECTED,
                         "The certificate is not valid: %s (certificate %u of its path)%s%s",
                         v.reason, v.depth, *v.problem ? ": " : "", v.problem);
    if (*v.trustpoint)
        fprintf(cli->out, "Trustpoint : %s\n", v.trustpoint);
    fprintf(cli->out, "The certificate is valid. SHA-256 fingerprints of its path:\n");
    print_path(cli, v.path);
    return 0;
}

int cli_trustpool_verify(Cli *cli, const GrammarMatch *m)
{
    _cleanup_message_ sd_bus_message *call = NULL, *result = NULL;
    const char *path = path_of(grammar_argument(m, "url"));
    _cleanup_close_ int fd = -EBADF;
    int r;

    if (!path)
        return cli_error(cli, EINVAL, "The certificates come from a file: file:///path");
    r = open_copy(cli, path, &fd);
    if (r >= 0)
        r = cli_new_call(cli, TRUSTPOOL_NAME, TRUSTPOOL_PATH, cli_documents(cli, TRUSTPOOL_NAME),
                         "Verify", &call);
    if (r >= 0)
        r = cli_append_document(cli, call, fd);
    if (r < 0)
        return r;
    r = append_verify(call, m);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    r = cli_job_run(cli, call, &result);
    return r < 0 ? r : print_verdict(cli, result);
}

int cli_trustpool_clean(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    uint32_t removed = 0;
    int r = cli_call(cli, TRUSTPOOL_NAME, TRUSTPOOL_PATH, TRUSTPOOL_NAME, "Clean", &error, &reply,
                     NULL);

    if (r < 0)
        return cli_bus_error(cli, &error, r);
    r = sd_bus_message_read(reply, "u", &removed);
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    fprintf(cli->out, "%u downloaded certificate%s removed\n", removed, removed == 1 ? "" : "s");
    return 0;
}
