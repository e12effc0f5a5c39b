/* SPDX-License-Identifier: Apache-2.0 */
/* crypto key generate, show crypto key mypubkey. */
#include "cli-key.h"

#include <pwd.h>

#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-input.h"
#include "cli-job.h"
#include "cli-output.h"
#include "cli-trustpool.h"
#include "errors.h"
#include "names.h"
#include "render-key.h"

#define DEFAULT_LABEL "the_default"
#define MODULUS_MIN 512U
#define MODULUS_MAX 4096U
#define MODULUS_DEFAULT "2048"
#define MODULUS_WEAK 2048U
#define DSA_MODULUS_SIGNING 2048U

typedef struct KeyFamily {
    const char *keyword;      /* of the command line */
    const char *algorithm;    /* on the bus */
    const char *display_name; /* "Generating X keys ..." */
} KeyFamily;

static const KeyFamily families[] = {
    {"authentication-ssh", "authentication-ssh-rsa", "RSA"}, /* before rsa, which is there too */
    {"rsa", "rsa", "RSA"},
    {"nistp256", "ecdsanistp256", "ECDSA"},
    {"nistp384", "ecdsanistp384", "ECDSA"},
    {"nistp521", "ecdsanistp521", "ECDSA"},
    {"ed25519", "ed25519", "ED25519"},
    {"dsa", "dsa", "DSA"},
};

static const KeyFamily *find_family(const GrammarMatch *m)
{
    const char *curve = grammar_argument(m, "curve");

    for (size_t i = 0; i < ELEMENTSOF(families); i++)
        if (streq_ptr(families[i].keyword, curve) || grammar_has(m, families[i].keyword))
            return &families[i];
    return NULL;
}

const char *cli_key_algorithm(const GrammarMatch *m, const char **ret_display)
{
    const KeyFamily *family = find_family(m);

    if (family && ret_display)
        *ret_display = family->display_name;
    return family ? family->algorithm : NULL;
}

/* 1: asked and confirmed, 0: no. */
static int ask_replace(Cli *cli, const char *label)
{
    cli_say(cli, "%% You already have keys defined for %s\n", label);
    return cli_ask_yes_no(cli, "Do you really want to replace them? [yes/no]: ", -1);
}

/* 1 when there is such a key, 0 when there is none or when the user may not look (then Generate
 * says so). */
static int key_exists(Cli *cli, const char *algorithm, const char *label)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = cli_call(cli, KEYS_NAME, KEYS_PATH, KEYS_NAME, "Find", &error, NULL, "ss", algorithm,
                     label);

    if (r >= 0)
        return 1;
    if (sd_bus_error_has_names(&error, ERROR_NO_SUCH_OBJECT, ERROR_NOT_AUTHORIZED))
        return 0;
    return cli_bus_error(cli, &error, r);
}

static int ask_modulus(Cli *cli, bool usage_keys, uint32_t *ret)
{
    cli_say(cli,
            "  Choose the size of the key modulus in the range of %u to %u for your %s. "
            "Choosing a key modulus greater than %u may take a few minutes.\n\n",
            MODULUS_MIN, MODULUS_MAX,
            usage_keys ? "Signature and Encryption Keypairs" : "General Purpose Keypair",
            MODULUS_MIN);
    for (;;) {
        _cleanup_free_ char *answer = NULL;
        unsigned long bits;
        char *end;
        int r = cli_ask(
            cli, "How many bits in the modulus [" MODULUS_DEFAULT "]: ", MODULUS_DEFAULT, &answer);

        if (r < 0)
            return r;
        errno = 0;
        bits = strtoul(answer, &end, 10);
        if (errno == 0 && *end == '\0' && answer[0] != '-' && bits >= MODULUS_MIN &&
            bits <= MODULUS_MAX) {
            *ret = (uint32_t)bits;
            return 0;
        }
        r = cli_error(cli, EINVAL, "The modulus is a number from %u to %u.", MODULUS_MIN,
                      MODULUS_MAX);
        if (!cli->answers_typed)
            return r;
    }
}

static int ask_dsa_modulus(Cli *cli, uint32_t *ret)
{
    cli_say(cli,
            "  Choose the size of your DSA key modulus. Modulus size can be 512, 768, 1024, "
            "or 2048 bits. Choosing a key modulus greater than 512 may take a few minutes.\n\n");
    for (;;) {
        _cleanup_free_ char *answer = NULL;
        int r = cli_ask(cli, "How many bits in the modulus [1024]: ", "1024", &answer);

        if (r < 0)
            return r;
        if (streq(answer, "512") || streq(answer, "768") || streq(answer, "1024") ||
            streq(answer, "2048")) {
            *ret = (uint32_t)strtoul(answer, NULL, 10);
            cli_say(cli, "%% DSA is weak: use another algorithm unless a peer cannot.\n");
            if (*ret < DSA_MODULUS_SIGNING)
                cli_say(cli, "%% Of less than %u bits it signs nothing here.\n",
                        DSA_MODULUS_SIGNING);
            return 0;
        }
        r = cli_error(cli, EINVAL, "The modulus is 512, 768, 1024 or 2048.");
        if (!cli->answers_typed)
            return r;
    }
}

static int start_generate(Cli *cli, const KeyFamily *family, const char *label, uint32_t bits,
                          bool usage_keys, bool exportable, bool replace, CliJob **ret)
{
    _cleanup_message_ sd_bus_message *m = NULL;
    int r = cli_new_call(cli, KEYS_NAME, KEYS_PATH, KEYS_NAME, "Generate", &m);

    if (r < 0)
        return r;
    r = sd_bus_message_append(m, "ss", family->algorithm, label);
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "{sv}");
    if (r >= 0 && bits > 0)
        r = sd_bus_message_append(m, "{sv}", "bits", "u", bits);
    if (r >= 0 && usage_keys)
        r = sd_bus_message_append(m, "{sv}", "usage", "s", "usage-keys");
    if (r >= 0 && exportable)
        r = sd_bus_message_append(m, "{sv}", "exportable", "b", 1);
    if (r >= 0 && replace)
        r = sd_bus_message_append(m, "{sv}", "replace", "b", 1);
    if (r >= 0)
        r = sd_bus_message_close_container(m);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    return cli_job_start(cli, m, true, ret);
}

/* Another generation may have come between the question and the call: then the question is asked
 * (again). */
static int generate(Cli *cli, const KeyFamily *family, const char *label, uint32_t bits,
                    bool usage_keys, bool exportable, bool replace)
{
    cli_say(cli, "Generating %s keys ...\n", family->display_name);
    for (;;) {
        _cleanup_(cli_job_freep) CliJob *job = NULL;
        int r = start_generate(cli, family, label, bits, usage_keys, exportable, replace, &job);

        if (r < 0)
            return r;
        r = cli_job_wait(cli, job);
        if (r >= 0) {
            cli_say(cli, "Done w/ crypto generate keypair\n[OK]\n");
            return 0;
        }
        if (replace || !sd_bus_error_has_name(cli_job_error(job), ERROR_ALREADY_EXISTS))
            return cli_job_finish(cli, job, NULL);
        r = ask_replace(cli, label);
        if (r <= 0)
            return r;
        replace = true;
    }
}

/* Whose key for ssh it is when nobody else is named. */
static const char *own_name(char *name, size_t size)
{
    struct passwd entry, *found;
    char buffer[4096];

    if (getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) != 0 || !found)
        return NULL;
    (void)snprintf(name, size, "%s", found->pw_name);
    return name;
}

int cli_key_generate(Cli *cli, const GrammarMatch *m)
{
    const char *label = grammar_argument(m, "label");
    const KeyFamily *family = find_family(m);
    bool usage_keys = grammar_has(m, "usage-keys"), replace;
    char name[128];
    uint32_t bits = 0;
    int r;

    if (!family)
        return cli_error(cli, EINVAL, "There is no such algorithm.");
    if (!label && streq(family->keyword, "authentication-ssh"))
        label = own_name(name, sizeof name);
    if (!label)
        label = DEFAULT_LABEL;
    cli_say(cli, "The name for the keys will be: %s\n", label);
    r = key_exists(cli, family->algorithm, label);
    if (r > 0) {
        r = ask_replace(cli, label);
        if (r <= 0)
            return r;
    }
    if (r < 0)
        return r;
    replace = r > 0;
    if (streq(family->display_name, "RSA")) {
        r = ask_modulus(cli, usage_keys, &bits);
        if (r < 0)
            return r;
        if (bits < MODULUS_WEAK)
            cli_say(cli, "%% A modulus of %u bits is weak: use %u or more unless a peer cannot.\n",
                    bits, MODULUS_WEAK);
    }
    if (streq(family->algorithm, "dsa")) {
        r = ask_dsa_modulus(cli, &bits);
        if (r < 0)
            return r;
    }
    return generate(cli, family, label, bits, usage_keys, grammar_has(m, "exportable"), replace);
}

/* --- show crypto key mypubkey ----------------------------------------------------------------- */

typedef struct KeyList {
    KeyView *items;
    size_t n;
} KeyList;

static int collect_key(sd_bus_message *m, void *userdata)
{
    KeyList *list = userdata;
    KeyView key = {.label = "", .algorithm = "", .usage = "general"};
    CliBytes data = {0};
    int exportable = 0;
    KeyView *items;
    int r = cli_read_entries(m, (const CliEntry[]){{"Label", 's', &key.label},
                                                   {"Algorithm", 's', &key.algorithm},
                                                   {"Usage", 's', &key.usage},
                                                   {"Size", 'u', &key.size},
                                                   {"Created", 't', &key.created},
                                                   {"Exportable", 'b', &exportable},
                                                   {"PublicKey", 'A', &data},
                                                   {0}});

    if (r < 0)
        return r;
    items = reallocarray(list->items, list->n + 1, sizeof(*items));
    if (!items)
        return -ENOMEM;
    key.exportable = exportable;
    key.data = data.data;
    key.data_size = data.size;
    list->items = items;
    list->items[list->n++] = key;
    return 0;
}

/* As they were made. */
static int compare_keys(const void *a, const void *b)
{
    const KeyView *x = a, *y = b;

    if (x->created != y->created)
        return x->created < y->created ? -1 : 1;
    if (!streq(x->label, y->label))
        return strcmp(x->label, y->label);
    return -strcmp(x->usage, y->usage); /* signature, encryption */
}

static int print_keys(Cli *cli, const KeyList *list, const char *type)
{
    json_object *array = cli->json ? json_object_new_array() : NULL;
    bool first = true;

    for (size_t i = 0; i < list->n; i++) {
        const KeyView *key = &list->items[i];

        if (strncmp(key->algorithm, type, strlen(type)) != 0)
            continue;
        if (array) {
            (void)json_object_array_add(array, render_key_json(key));
            continue;
        }
        if (!first)
            (void)fputc('\n', cli->out);
        render_key(cli->out, key);
        first = false;
    }
    return array ? cli_print_json(cli, array) : 0;
}

int cli_show_key(Cli *cli, const GrammarMatch *m)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    KeyList list = {0};
    int r =
        cli_get_objects(cli, KEYS_NAME, KEYS_PATH, KEYS_KEY_INTERFACE, collect_key, &list, &reply);

    if (r >= 0) {
        if (list.n > 1)
            qsort(list.items, list.n, sizeof(*list.items), compare_keys);
        r = print_keys(cli, &list,
                       grammar_has(m, "authentication-ssh") ? "authentication-ssh-rsa"
                                                            : grammar_argument(m, "type"));
    }
    free(list.items);
    return r;
}
