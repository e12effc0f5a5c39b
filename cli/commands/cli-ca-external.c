/* SPDX-License-Identifier: Apache-2.0 */
/* Trustpoints of a CA elsewhere: pasting its certificates and the router's, believing them; what is
 * shown of all trustpoints. */
#include "cli-ca-external.h"

#include "cli-bus.h"
#include "cli-ca.h"
#include "cli-commands.h"
#include "cli-input.h"
#include "cli-job.h"
#include "cli-output.h"
#include "cli-read.h"
#include "cli-trustpool.h"
#include "json-util.h"
#include "names.h"
#include "render-certificate.h"

#define PASTE_MAX (256U << 10)

/* --- Input ------------------------------------------------------------------------------------ */

static int paste_add(Cli *cli, CliPaste *paste, const char *line)
{
    size_t length = strlen(line);
    char *grown;

    if (length + 1 > PASTE_MAX - paste->size)
        return cli_error(cli, EMSGSIZE, "That is more than %u KiB.", PASTE_MAX >> 10);
    grown = realloc(paste->data, paste->size + length + 2);
    if (!grown)
        return cli_error(cli, ENOMEM, "Out of memory");
    paste->data = grown;
    memcpy(grown + paste->size, line, length);
    paste->size += length;
    grown[paste->size++] = '\n';
    grown[paste->size] = '\0';
    return 0;
}

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t\r")] == '\0';
}

static bool begins_block(const char *line)
{
    line += strspn(line, " \t");
    return strncmp(line, "-----BEGIN ", STRLEN("-----BEGIN ")) == 0;
}

/* Is this line, after those before it, inside of a block of PEM? */
static bool is_in_block(const char *line, bool before)
{
    if (begins_block(line))
        return true;
    line += strspn(line, " \t");
    return before && strncmp(line, "-----END ", STRLEN("-----END ")) != 0;
}

/* Behind a blank line: does another block follow in the same paste? A "quit" there is its end. What
 * else has come already was typed ahead, for whoever reads next. */
static bool goes_on(Cli *cli)
{
    char *line = cli_read_pasted_line(cli);
    bool more;

    while (line && is_blank(line)) {
        free(line);
        line = cli_read_pasted_line(cli);
    }
    more = line && begins_block(line);
    if (!line || streq(line, "quit"))
        free(line);
    else
        cli_unread_line(cli, line);
    return more;
}

/* Lines up to a blank one after the first, "quit", or the end of the input. Inside of a block one
 * blank line is none: that is what becomes on a terminal of a line that ends with CR and LF. Two
 * of them end what is cut off. */
int cli_paste(Cli *cli, const char *head, CliPaste *ret)
{
    bool in_block = false;
    unsigned blank = 0;

    cli_say(cli, "\n%s\nEnd with a blank line or the word \"quit\" on a line by itself\n\n", head);
    for (;;) {
        _cleanup_free_ char *line = cli_read_line(cli, "", false);
        int r;

        if (cli->interrupted)
            return cli_error(cli, EINTR, "Interrupted.");
        if (!line || streq(line, "quit"))
            break;
        if (is_blank(line)) {
            if (ret->size > 0 && ++blank > in_block && !goes_on(cli))
                break;
            continue;
        }
        blank = 0;
        in_block = is_in_block(line, in_block);
        r = paste_add(cli, ret, line);
        if (r < 0) {
            cli_drop_pasted(cli);
            return r;
        }
    }
    return ret->size > 0 ? 0 : cli_error(cli, ENODATA, "Nothing was entered.");
}

void cli_paste_done(CliPaste *paste)
{
    free(paste->data);
}

/* The caller's file, opened as the caller. */
static int read_path(Cli *cli, const char *path, CliPaste *ret)
{
    ret->data = malloc(PASTE_MAX);
    return ret->data ? cli_read_file(cli, path, ret->data, PASTE_MAX, &ret->size)
                     : cli_error(cli, ENOMEM, "Out of memory");
}

/* --- crypto ca authenticate ------------------------------------------------------------------- */

typedef struct Offer {
    CertificateView view;
    uint64_t not_before, not_after;
    const char *path; /* NULL: it waits for the answer */
} Offer;

static int read_offer(Cli *cli, sd_bus_message *result, Offer *o)
{
    const CliEntry entries[] = {{"certificate", 'o', &o->path},
                                {"serial-number", 's', &o->view.serial_number},
                                {"subject", 's', &o->view.subject},
                                {"issuer", 's', &o->view.issuer},
                                {"not-before", 't', &o->not_before},
                                {"not-after", 't', &o->not_after},
                                {"sha1-fingerprint", 's', &o->view.sha1_fingerprint},
                                {"sha256-fingerprint", 's', &o->view.sha256_fingerprint},
                                {0}};
    int r = cli_read_entries(result, entries);

    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    o->view.not_before = (int64_t)o->not_before;
    o->view.not_after = (int64_t)o->not_after;
    if (!o->path && (!o->view.sha256_fingerprint || !o->view.subject))
        return cli_error(cli, EPROTO, "The answer names no certificate.");
    return 0;
}

static int accept_offer(Cli *cli, const char *trustpoint, const Offer *o)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    int r;

    render_new_certificate(cli->out, &o->view);
    fprintf(cli->out, "SHA256 Fingerprint:\n%s\n", o->view.sha256_fingerprint);
    (void)fflush(cli->out);
    r = cli_ask_yes_no(cli, "Do you accept this certificate?? [yes/no]: ", -1);
    if (r < 0)
        return r;
    if (r == 0) {
        cli_say(cli, "%% The certificate is not accepted; nothing has changed.\n");
        return 0;
    }
    r = cli_call(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_NAME, "Accept", &error, NULL,
                 "ss", trustpoint, o->view.sha256_fingerprint);
    return r < 0 ? cli_bus_error(cli, &error, r) : 0;
}

static int append_options(sd_bus_message *call, const char *trustpoint, const CliPaste *paste,
                          const char *fingerprint)
{
    int r = sd_bus_message_append(call, "s", trustpoint);

    if (r >= 0)
        r = sd_bus_message_open_container(call, 'a', "{sv}");
    if (r >= 0 && paste->size > 0)
        r = sd_bus_message_open_container(call, 'e', "sv");
    if (r >= 0 && paste->size > 0) {
        r = sd_bus_message_append(call, "s", "certificates");
        if (r >= 0)
            r = sd_bus_message_open_container(call, 'v', "ay");
        if (r >= 0)
            r = sd_bus_message_append_array(call, 'y', paste->data, paste->size);
        if (r >= 0)
            r = sd_bus_message_close_container(call);
        if (r >= 0)
            r = sd_bus_message_close_container(call);
    }
    if (r >= 0 && fingerprint)
        r = sd_bus_message_append(call, "{sv}", "fingerprint", "s", fingerprint);
    return r < 0 ? r : sd_bus_message_close_container(call);
}

/* What the CA certificate is read from. */
static int read_authority(Cli *cli, const char *trustpoint, const char *method, const char *path,
                          CliPaste *ret)
{
    bool local = streq(method, "local"), pasted = streq(method, "terminal") || streq(method, "cmp");

    if (path && !local)
        return cli_error(cli, EINVAL, "%s does not enroll by files: 'enrollment local' does.",
                         trustpoint);
    if (local && !path)
        return cli_error(cli, EINVAL,
                         "%s enrolls by files: crypto ca authenticate %s FILE, with the CA "
                         "certificate.",
                         trustpoint, trustpoint);
    if (path)
        return read_path(cli, path, ret);
    return pasted ? cli_paste(cli, "Enter the base 64 encoded CA certificate.", ret) : 0;
}

int cli_ca_authenticate_external(Cli *cli, const char *trustpoint, const char *method,
                                 const char *path, const char *fingerprint)
{
    _cleanup_message_ sd_bus_message *call = NULL, *result = NULL;
    _cleanup_(cli_paste_done) CliPaste paste = {0};
    Offer offer = {.view = {.serial_number = "", .issuer = "", .sha1_fingerprint = ""}};
    int r;

    if (!fingerprint && !cli->answers_typed)
        return cli_error(cli, EINVAL,
                         "Nobody is here to compare the fingerprint of the CA certificate: crypto "
                         "ca authenticate %s fingerprint HEX",
                         trustpoint);
    r = read_authority(cli, trustpoint, method, path, &paste);
    if (r < 0)
        return r;
    r = cli_new_call(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_NAME, "Authenticate", &call);
    if (r < 0)
        return r;
    r = append_options(call, trustpoint, &paste, fingerprint);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    r = cli_job_run(cli, call, &result);
    if (r >= 0)
        r = read_offer(cli, result, &offer);
    if (r < 0)
        return r;
    return offer.path ? cli_ca_show_new(cli, offer.path) : accept_offer(cli, trustpoint, &offer);
}

/* --- crypto ca import, cancel-enroll ---------------------------------------------------------- */

/* serial: NULL for what the server has under its own names. */
static int retrieve(Cli *cli, const char *trustpoint, const char *serial)
{
    _cleanup_message_ sd_bus_message *call = NULL, *result = NULL;
    int r = cli_new_call(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_NAME,
                         serial ? "RetrieveBySerial" : "Retrieve", &call);

    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "s", trustpoint);
    if (r >= 0 && serial)
        r = sd_bus_message_append(call, "s", serial);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    r = cli_job_run(cli, call, &result);
    return r < 0 ? r : cli_ca_show_result(cli, result, NULL);
}

static int import(Cli *cli, const char *trustpoint, const CliPaste *paste)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
    const char *installed;
    int r = cli_new_call(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_NAME, "Import", &call);

    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "s", trustpoint);
    if (r >= 0)
        r = sd_bus_message_append_array(call, 'y', paste->data, paste->size);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    r = cli_call_message(cli, call, &error, &reply);
    if (r < 0)
        return cli_bus_error(cli, &error, r);
    r = sd_bus_message_read(reply, "o", &installed);
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    return cli_ca_show_new(cli, installed);
}

int cli_ca_import(Cli *cli, const GrammarMatch *m)
{
    const char *path = grammar_argument(m, "path"), *trustpoint = grammar_argument(m, "trustpoint");
    _cleanup_(cli_paste_done) CliPaste paste = {0};
    _cleanup_free_ char *method = NULL;
    int r;

    if (path) {
        r = read_path(cli, path, &paste);
        return r < 0 ? r : import(cli, trustpoint, &paste);
    }
    r = cli_ca_method(cli, trustpoint, &method);
    if (r < 0)
        return r;
    if (streq(method, "tftp") || streq(method, "sftp"))
        return retrieve(cli, trustpoint, NULL);
    if (streq(method, "local"))
        return cli_error(cli, EINVAL, "%s enrolls by files: crypto ca import %s certificate FILE.",
                         trustpoint, trustpoint);
    r = cli_paste(cli, "Enter the base 64 encoded certificate.", &paste);
    return r < 0 ? r : import(cli, trustpoint, &paste);
}

int cli_ca_import_serial(Cli *cli, const GrammarMatch *m)
{
    return retrieve(cli, grammar_argument(m, "trustpoint"), grammar_argument(m, "serial"));
}

int cli_ca_cancel(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = cli_call(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_NAME, "Cancel", &error, NULL,
                     "s", grammar_argument(m, "trustpoint"));

    return r < 0 ? cli_bus_error(cli, &error, r) : 0;
}

/* --- show crypto ca trustpoints --------------------------------------------------------------- */

typedef struct TrustpointList {
    TrustpointView *items;
    size_t n;
} TrustpointList;

static int collect_trustpoint(sd_bus_message *m, void *userdata)
{
    TrustpointList *list = userdata;
    TrustpointView *items = reallocarray(list->items, list->n + 1, sizeof(*items));
    TrustpointView view = {.name = "", .state = "", .detail = "", .method = ""};
    int r;

    if (!items)
        return -ENOMEM;
    list->items = items;
    r = cli_read_entries(m, (const CliEntry[]){{"Name", 's', &view.name},
                                               {"State", 's', &view.state},
                                               {"Detail", 's', &view.detail},
                                               {"Method", 's', &view.method},
                                               {"Warning", 's', &view.warning},
                                               {"NextAttempt", 'x', &view.next_attempt},
                                               {0}});
    if (r >= 0)
        list->items[list->n++] = view;
    return r;
}

static int compare_trustpoints(const void *a, const void *b)
{
    return strcmp(((const TrustpointView *)a)->name, ((const TrustpointView *)b)->name);
}

static int there_is_none(Cli *cli, const char *name)
{
    return cli_error(cli, ENOENT, "There is no trustpoint '%s'", name);
}

int cli_ca_check_trustpoint(Cli *cli, const char *name)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    TrustpointList list = {0};
    int r = cli_get_objects(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_TRUSTPOINT_INTERFACE,
                            collect_trustpoint, &list, &reply);
    bool found = false;

    for (size_t i = 0; i < list.n; i++)
        found |= streq(list.items[i].name, name);
    free(list.items);
    return r < 0 || found ? r : there_is_none(cli, name);
}

/* Whoever may not see them is not asked for anything, and gets none. */
int cli_ca_complete(Cli *cli, const char *typed, grammar_completion_t callback, void *userdata)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    bool interactive = cli->interactive;
    TrustpointList list = {0};
    int r;

    r = cli_bus_open(cli, &error);
    if (r < 0)
        return 0;
    (void)sd_bus_set_allow_interactive_authorization(cli->bus, false);
    r = cli_list_objects(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_TRUSTPOINT_INTERFACE,
                         collect_trustpoint, &list, &error, &reply);
    if (cli->bus)
        (void)sd_bus_set_allow_interactive_authorization(cli->bus, interactive);
    for (size_t i = 0; r >= 0 && i < list.n; i++)
        if (strncmp(list.items[i].name, typed, strlen(typed)) == 0)
            r = callback(list.items[i].name, "", userdata);
    free(list.items);
    return r == -ENOMEM ? r : 0;
}

static bool is_shown(const TrustpointView *t, const char *only)
{
    return !only || streq(t->name, only);
}

static int print_trustpoints(Cli *cli, const TrustpointList *list, const char *only)
{
    json_object *array = NULL;
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++)
        n += is_shown(&list->items[i], only);
    if (only && n == 0)
        return there_is_none(cli, only);
    if (cli->json)
        array = json_object_new_array();
    n = 0;
    for (size_t i = 0; i < list->n; i++) {
        const TrustpointView *t = &list->items[i];

        if (!is_shown(t, only))
            continue;
        if (array) {
            (void)json_object_array_add(array, render_trustpoint_json(t));
            continue;
        }
        if (n++ > 0)
            (void)fputc('\n', cli->out);
        render_trustpoint(cli->out, t);
    }
    return array ? cli_print_json(cli, array) : 0;
}

int cli_show_ca_trustpoints(Cli *cli, const GrammarMatch *m)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    TrustpointList list = {0};
    int r = cli_get_objects(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_TRUSTPOINT_INTERFACE,
                            collect_trustpoint, &list, &reply);

    if (r >= 0) {
        if (list.n > 1)
            qsort(list.items, list.n, sizeof(*list.items), compare_trustpoints);
        r = print_trustpoints(cli, &list, grammar_argument(m, "trustpoint"));
    }
    free(list.items);
    return r;
}
