/* SPDX-License-Identifier: Apache-2.0 */
/* crypto key export LABEL wrapped, crypto key import wrapped. */
#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-input.h"
#include "cli-job.h"
#include "cli-output.h"
#include "cli-read.h"
#include "errors.h"
#include "json-util.h"
#include "names.h"
#include "pem.h"

#define TEXT_MAX 65536U

/* --- Export ----------------------------------------------------------------------------------- */

typedef struct Search {
    const char *label;
    char algorithm[32];
    unsigned found;
} Search;

/* One for each key: the encryption pair of usage keys comes with the other. */
static int on_key(sd_bus_message *m, void *userdata)
{
    const char *label = "", *algorithm = "", *usage = "";
    Search *s = userdata;
    int r = cli_read_entries(m, (const CliEntry[]){{"Label", 's', &label},
                                                   {"Algorithm", 's', &algorithm},
                                                   {"Usage", 's', &usage},
                                                   {0}});

    if (r < 0 || !streq(label, s->label) || streq(usage, "encryption"))
        return r;
    (void)snprintf(s->algorithm, sizeof s->algorithm, "%s", algorithm);
    s->found++;
    return 0;
}

/* A label may be that of keys of several algorithms. */
static int find_algorithm(Cli *cli, const char *label, Search *s)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r;

    s->label = label;
    r = cli_get_objects(cli, KEYS_NAME, KEYS_PATH, KEYS_KEY_INTERFACE, on_key, s, &reply);
    if (r < 0)
        return r;
    if (s->found == 0)
        return cli_error(cli, ENOENT, "No keys are named %s.", label);
    if (s->found > 1)
        return cli_error(cli, EINVAL, "Several keys are named %s; say which algorithm.", label);
    return 0;
}

/* The first block with one of these labels. -EBADMSG. */
static int take_block(const char *text, size_t size, const char *const labels[], void **ret,
                      size_t *ret_size)
{
    DerSpan input = {(const uint8_t *)text, size};
    PemBlock block;

    while (pem_next(&input, &block) > 0)
        for (const char *const *label = labels; *label; label++)
            if (pem_has_label(&block, *label))
                return pem_decode(block.text, ret, ret_size);
    return -EBADMSG;
}

/* From the file, or as it is typed after the words that ask for it. */
static int read_block(Cli *cli, const char *path, const char *const labels[], const char *ask,
                      const char *complaint, char *text, void **ret, size_t *ret_size)
{
    size_t size = 0;
    int r;

    if (!path)
        cli_say(cli, "%s\n", ask);
    r = path ? cli_read_file(cli, path, text, TEXT_MAX, &size)
             : cli_read_typed(cli, true, text, TEXT_MAX, &size);
    if (r < 0)
        return r;
    return take_block(text, size, labels, ret, ret_size) < 0
               ? cli_error(cli, EBADMSG, "%s", complaint)
               : 0;
}

static int read_certificate(Cli *cli, const char *path, char *text, void **ret, size_t *ret_size)
{
    static const char *const labels[] = {"CERTIFICATE", "X509 CERTIFICATE", NULL};

    return read_block(cli, path, labels, "Enter the recipient's certificate in PEM",
                      "That is no certificate in PEM.", text, ret, ret_size);
}

#define PEM_LINE 64

static int print_wrapped(Cli *cli, sd_bus_message *reply)
{
    _cleanup_free_ char *text = NULL;
    const void *data;
    size_t size;

    if (sd_bus_message_read_array(reply, 'y', &data, &size) < 0 ||
        !(text = base64_encode(data, size)))
        return cli_error(cli, EBADMSG, "The answer cannot be read.");
    (void)fputs("-----BEGIN CMS-----\n", cli->out);
    for (const char *p = text; *p; p += strnlen(p, PEM_LINE))
        fprintf(cli->out, "%.*s\n", PEM_LINE, p);
    (void)fputs("-----END CMS-----\n", cli->out);
    return 0;
}

int cli_key_export(Cli *cli, const GrammarMatch *m)
{
    const char *label = grammar_argument(m, "label"), *algorithm = grammar_argument(m, "algorithm");
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
    _cleanup_free_ char *text = malloc(TEXT_MAX);
    _cleanup_free_ void *certificate = NULL;
    Search s = {.found = 0};
    size_t size;
    int r;

    if (!text)
        return cli_error(cli, ENOMEM, "There is no memory.");
    r = algorithm ? 0 : find_algorithm(cli, label, &s);
    if (r < 0)
        return r;
    r = read_certificate(cli, grammar_argument(m, "path"), text, &certificate, &size);
    if (r < 0)
        return r;
    r = cli_new_call(cli, KEYS_NAME, KEYS_PATH, KEYS_NAME, "ExportWrapped", &call);
    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "ss", algorithm ? algorithm : s.algorithm, label);
    if (r >= 0)
        r = sd_bus_message_append_array(call, 'y', certificate, size);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    r = cli_call_message(cli, call, &error, &reply);
    return r < 0 ? cli_bus_error(cli, &error, r) : print_wrapped(cli, reply);
}

/* --- Import ----------------------------------------------------------------------------------- */

/* "-----BEGIN CMS-----", or with the older name that other tools write. */
static int read_wrapped(Cli *cli, const char *path, char *text, void **ret, size_t *ret_size)
{
    static const char *const labels[] = {"CMS", "PKCS7", NULL};

    return read_block(cli, path, labels, "Enter the wrapped key", "That is no wrapped key in PEM.",
                      text, ret, ret_size);
}

static int start_import(Cli *cli, const void *wrapped, size_t size, bool replace, CliJob **ret)
{
    _cleanup_message_ sd_bus_message *call = NULL;
    int r = cli_new_call(cli, KEYS_NAME, KEYS_PATH, KEYS_NAME, "ImportWrapped", &call);

    if (r < 0)
        return r;
    r = sd_bus_message_append_array(call, 'y', wrapped, size);
    if (r >= 0)
        r = sd_bus_message_append(call, "a{sv}", replace ? 1 : 0, "replace", "b", 1);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    return cli_job_start(cli, call, false, ret);
}

/* Only keyd can see which key it is: "The rsa key NAME exists already; ...". 1: confirmed, 0: no.
 */
static int ask_replace(Cli *cli, const char *message)
{
    cli_say(cli, "%% %.*s.\n", (int)strcspn(message, ";\n"), message);
    return cli_ask_yes_no(cli, "Do you really want to replace it? [yes/no]: ", -1);
}

static int say_imported(Cli *cli, CliJob *job)
{
    _cleanup_message_ sd_bus_message *result = NULL;
    int r = cli_job_finish(cli, job, &result);

    if (r >= 0)
        cli_say(cli, "[OK]\n");
    return r;
}

int cli_key_import(Cli *cli, const GrammarMatch *m)
{
    _cleanup_free_ void *wrapped = NULL;
    _cleanup_free_ char *text = malloc(TEXT_MAX);
    bool replace = false;
    size_t size = 0;
    int r;

    if (!text)
        return cli_error(cli, ENOMEM, "There is no memory.");
    r = read_wrapped(cli, grammar_argument(m, "path"), text, &wrapped, &size);
    while (r >= 0) {
        _cleanup_(cli_job_freep) CliJob *job = NULL;

        r = start_import(cli, wrapped, size, replace, &job);
        if (r < 0)
            return r;
        r = cli_job_wait(cli, job);
        if (r >= 0 || replace || !sd_bus_error_has_name(cli_job_error(job), ERROR_ALREADY_EXISTS))
            return say_imported(cli, job);
        r = ask_replace(cli, cli_job_error(job)->message);
        if (r <= 0)
            return r;
        replace = true;
    }
    return r;
}
