/* SPDX-License-Identifier: Apache-2.0 */
/* crypto key export LABEL wrapped, crypto key import wrapped. */
#include <openssl/pem.h>

#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-input.h"
#include "cli-job.h"
#include "cli-output.h"
#include "cli-read.h"
#include "errors.h"
#include "names.h"
#include "openssl-util.h"

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

static X509 *read_certificate(Cli *cli, const char *path, char *text)
{
    _cleanup_(BIO_free_allp) BIO *bio = NULL;
    X509 *certificate;
    size_t size = 0;
    int r;

    if (!path)
        cli_say(cli, "Enter the recipient's certificate in PEM\n");
    r = path ? cli_read_file(cli, path, text, TEXT_MAX, &size)
             : cli_read_typed(cli, true, text, TEXT_MAX, &size);
    if (r < 0)
        return NULL;
    bio = BIO_new_mem_buf(text, (int)size);
    certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    ERR_clear_error();
    if (!certificate)
        (void)cli_error(cli, EBADMSG, "That is no certificate in PEM.");
    return certificate;
}

static int print_wrapped(Cli *cli, sd_bus_message *reply)
{
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
    const void *data;
    size_t size;
    char *text;
    long n;

    if (sd_bus_message_read_array(reply, 'y', &data, &size) < 0 || !bio ||
        PEM_write_bio(bio, PEM_STRING_CMS, "", data, (long)size) <= 0)
        return cli_error(cli, EBADMSG, "The answer cannot be read.");
    n = BIO_get_mem_data(bio, &text);
    (void)fwrite(text, 1, (size_t)n, cli->out);
    return 0;
}

int cli_key_export(Cli *cli, const GrammarMatch *m)
{
    const char *label = grammar_argument(m, "label"), *algorithm = grammar_argument(m, "algorithm");
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
    _cleanup_openssl_free_ unsigned char *der = NULL;
    _cleanup_(X509_freep) X509 *certificate = NULL;
    _cleanup_free_ char *text = malloc(TEXT_MAX);
    Search s = {.found = 0};
    int r, n;

    if (!text)
        return cli_error(cli, ENOMEM, "There is no memory.");
    r = algorithm ? 0 : find_algorithm(cli, label, &s);
    if (r < 0)
        return r;
    certificate = read_certificate(cli, grammar_argument(m, "path"), text);
    if (!certificate)
        return -EBADMSG;
    n = i2d_X509(certificate, &der);
    r = cli_new_call(cli, KEYS_NAME, KEYS_PATH, KEYS_NAME, "ExportWrapped", &call);
    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "ss", algorithm ? algorithm : s.algorithm, label);
    if (r >= 0)
        r = sd_bus_message_append_array(call, 'y', der, n > 0 ? (size_t)n : 0);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    r = cli_call_message(cli, call, &error, &reply);
    return r < 0 ? cli_bus_error(cli, &error, r) : print_wrapped(cli, reply);
}

/* --- Import ----------------------------------------------------------------------------------- */

/* "-----BEGIN CMS-----", or with the older name that other tools write. */
static int read_wrapped(Cli *cli, const char *path, char *text, unsigned char **ret, long *ret_size)
{
    _cleanup_(BIO_free_allp) BIO *bio = NULL;
    char *name = NULL, *header = NULL;
    size_t size = 0;
    int r;

    if (!path)
        cli_say(cli, "Enter the wrapped key\n");
    r = path ? cli_read_file(cli, path, text, TEXT_MAX, &size)
             : cli_read_typed(cli, true, text, TEXT_MAX, &size);
    if (r < 0)
        return r;
    bio = BIO_new_mem_buf(text, (int)size);
    if (!bio || PEM_read_bio(bio, &name, &header, ret, ret_size) != 1 ||
        (!streq(name, PEM_STRING_CMS) && !streq(name, PEM_STRING_PKCS7)))
        r = -EBADMSG;
    OPENSSL_free(name);
    OPENSSL_free(header);
    ERR_clear_error();
    return r < 0 ? cli_error(cli, EBADMSG, "That is no wrapped key in PEM.") : 0;
}

static int start_import(Cli *cli, const unsigned char *wrapped, size_t size, bool replace,
                        CliJob **ret)
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
    _cleanup_openssl_free_ unsigned char *wrapped = NULL;
    _cleanup_free_ char *text = malloc(TEXT_MAX);
    bool replace = false;
    long size = 0;
    int r;

    if (!text)
        return cli_error(cli, ENOMEM, "There is no memory.");
    r = read_wrapped(cli, grammar_argument(m, "path"), text, &wrapped, &size);
    while (r >= 0) {
        _cleanup_(cli_job_freep) CliJob *job = NULL;

        r = start_import(cli, wrapped, (size_t)size, replace, &job);
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
